//! Transactions: what a writer asks for, under which precondition, and what it is answered.

use crate::key::ResourceName;
use object::{GroupResource, ObjectExt, Text, Value};

/// What to do with one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Stores the object; its name and namespace must be the transaction's.
    Put(Value),
    /// Removes the object, which must exist.
    Delete {
        /// The object as watchers shall see it last; without it, the one that is stored.
        final_object: Option<Value>,
    },
}

impl Op {
    /// Tells what the operation itself needs and `current` does not meet.
    pub(crate) fn unmet(&self, current: Option<&Value>) -> Option<Unmet> {
        (matches!(self, Self::Delete { .. }) && current.is_none()).then_some(Unmet::NotFound)
    }
}

/// What must hold of the stored object for a transaction to be carried out; what is `None` is not asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// Whether an object must be there (`true`) or must not (`false`).
    pub exists: Option<bool>,
    /// The revision it must have.
    pub revision: Option<u64>,
    /// The `metadata.uid` it must have.
    pub uid: Option<Text>,
}

impl Precondition {
    /// Asks nothing.
    pub fn none() -> Self {
        Self::default()
    }

    /// Asks that no object be there.
    pub fn absent() -> Self {
        Self { exists: Some(false), ..Self::default() }
    }

    /// Asks that an object be there.
    pub fn present() -> Self {
        Self { exists: Some(true), ..Self::default() }
    }

    /// Asks that an object be there with this revision.
    pub fn revision(revision: u64) -> Self {
        Self { revision: Some(revision), ..Self::present() }
    }

    /// Asks that an object be there with this uid.
    pub fn uid(uid: &str) -> Self {
        Self { uid: Some(uid.into()), ..Self::present() }
    }

    /// Asks for this uid, too.
    #[must_use]
    pub fn and_uid(self, uid: &str) -> Self {
        Self { uid: Some(uid.into()), exists: Some(true), ..self }
    }

    /// Tells what of the precondition `current` does not meet.
    pub(crate) fn unmet(&self, current: Option<&Value>) -> Option<Unmet> {
        let Some(current) = current else {
            let wants_one = self.exists == Some(true) || self.revision.is_some() || self.uid.is_some();
            return wants_one.then_some(Unmet::NotFound);
        };
        if self.exists == Some(false) {
            return Some(Unmet::Exists);
        }
        if self.uid.as_deref().is_some_and(|uid| uid != current.uid()) {
            return Some(Unmet::Uid);
        }
        self.revision.is_some_and(|revision| revision != current.revision()).then_some(Unmet::Revision)
    }
}

/// A write of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// The object's resource.
    pub resource: GroupResource,
    /// The object's namespace, `""` for one in none.
    pub namespace: Text,
    /// The object's name.
    pub name: Text,
    /// What to do.
    pub op: Op,
    /// What must hold before.
    pub precondition: Precondition,
}

impl Transaction {
    /// Stores `object` at the place its metadata name, unconditionally.
    pub fn put<'a>(resource: impl Into<ResourceName<'a>>, object: Value) -> Self {
        let text =
            |field: &str| object["metadata"][field].as_text().cloned().unwrap_or_else(|| Text::from(""));
        let (namespace, name) = (text("namespace"), text("name"));
        let precondition = Precondition::none();
        Self { resource: resource.into().into(), namespace, name, op: Op::Put(object), precondition }
    }

    /// Stores a new `object`: nothing may be at its place.
    pub fn create<'a>(resource: impl Into<ResourceName<'a>>, object: Value) -> Self {
        Self::put(resource, object).when(Precondition::absent())
    }

    /// Removes the object at this place, whatever its revision.
    pub fn delete<'a>(resource: impl Into<ResourceName<'a>>, namespace: &str, name: &str) -> Self {
        Self {
            resource: resource.into().into(),
            namespace: namespace.into(),
            name: name.into(),
            op: Op::Delete { final_object: None },
            precondition: Precondition::present(),
        }
    }

    /// Replaces the precondition.
    #[must_use]
    pub fn when(self, precondition: Precondition) -> Self {
        Self { precondition, ..self }
    }
}

/// What came of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Committed {
    /// The store's revision after the write, a new one if anything changed.
    pub revision: u64,
    /// The object as it is stored now; of a deletion the last state, with the revision of the deletion.
    pub object: Value,
    /// Whether anything changed; if not there is no event, and `object` is as it was.
    pub changed: bool,
}

/// Which part of a precondition did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// There is no object.
    #[error("it does not exist")]
    NotFound,
    /// There is an object.
    #[error("it exists already")]
    Exists,
    /// The object's uid is another.
    #[error("its uid is another")]
    Uid,
    /// The object's revision is another.
    #[error("its revision is another")]
    Revision,
}

/// A precondition that did not hold.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{resource} {namespace}/{name}: {unmet}")]
pub struct Conflict {
    /// The resource of the write that failed.
    pub resource: GroupResource,
    /// Its namespace.
    pub namespace: Text,
    /// Its name.
    pub name: Text,
    /// What did not hold.
    pub unmet: Unmet,
    /// The object that is stored.
    pub current: Option<Value>,
    /// The store's revision at which this was found.
    pub revision: u64,
}

/// Says why a write was not carried out; nothing has changed then.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// The object's JSON is longer than the limit; etcd answers `etcdserver: request is too large`.
    #[error("object of more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The place cannot be written to: no name, or a slash within name or namespace.
    #[error("name {name:?} in namespace {namespace:?} cannot form a key")]
    BadKey {
        /// The namespace asked for.
        namespace: Text,
        /// The name asked for.
        name: Text,
    },
    /// Two operations of one transaction write the same object; etcd refuses this, too.
    #[error("{resource} {key} is written twice in one transaction")]
    DuplicateKey {
        /// The resource.
        resource: GroupResource,
        /// The object's place.
        key: crate::ObjectKey,
    },
}
