//! Events: what a commit changed.

use crate::key::ObjectKey;
use object::{GroupResource, Value};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventKind {
    /// It came to be.
    Created,
    /// Its content changed.
    Updated,
    /// It is gone.
    Deleted,
}

/// One change of one object; cloning costs a few reference counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The revision of the commit; the operations of one transaction share it.
    pub revision: u64,
    /// What happened.
    pub kind: EventKind,
    /// The object's resource.
    pub resource: GroupResource,
    /// The object's place within the resource.
    pub key: ObjectKey,
    /// The object after the change; of a deletion the last state, with the revision of the deletion stamped on it.
    pub object: Value,
    /// The object before the change.
    pub previous: Option<Value>,
}

impl Event {
    /// Gives the object's namespace, `""` for one in none.
    pub fn namespace(&self) -> &str {
        self.key.namespace()
    }

    /// Gives the object's name.
    pub fn name(&self) -> &str {
        self.key.name()
    }
}
