//! Gathering loose objects into a snapshot, and the record of what went wrong on the way.

use crate::plurals::Plurals;
use object::{GroupResource, GroupVersion, ObjectExt, Text, Value};
use std::collections::BTreeMap;
use store::{Indexes, Snapshot};

/// Something amiss in the objects a view was made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The same object came more than once; the one with the higher resourceVersion is kept, of equals the first.
    #[error("{resource} {object} came more than once: revision {kept} is kept, {dropped} dropped")]
    Duplicate {
        /// The resource.
        resource: GroupResource,
        /// The object, `namespace/name`.
        object: Text,
        /// The revision that is kept, 0 if it carries none.
        kept: u64,
        /// The revision that was dropped, 0 if it carries none.
        dropped: u64,
        /// Whether both were the same in content, so that nothing was lost.
        identical: bool,
    },
    /// A value has no `kind`, no usable `apiVersion` or no usable name, so it is in no list.
    #[error("value {position} is no object of a cluster: {reason}")]
    NotAnObject {
        /// Which of the values it was, from 0; the items of a List count as one value each.
        position: usize,
        /// What is amiss.
        reason: String,
    },
}

/// Lists nest no deeper than this; what lies below is reported as no object.
const LIST_DEPTH_MAX: usize = 8;

/// Puts objects, or Lists of them, into a snapshot without touching their revisions.
pub(crate) fn collect(
    values: impl IntoIterator<Item = Value>,
    mut plurals: Plurals,
    indexes: &Indexes,
) -> (Snapshot, Vec<Problem>) {
    let mut objects = Vec::new();
    for value in values {
        flatten(value, LIST_DEPTH_MAX, &mut objects);
    }
    // Definitions first: they name the resources of objects that may stand before them.
    for object in &objects {
        plurals.learn(object);
    }
    let mut gathering =
        Gathering { plurals, indexes, snapshot: Snapshot::empty(), resources: BTreeMap::new() };
    let problems =
        objects.into_iter().enumerate().filter_map(|(at, object)| gathering.add(at, object)).collect();
    (gathering.snapshot, problems)
}

/// Replaces a List by its items, which inherit the kind that a typed List (`PodList`) leaves out on them.
fn flatten(value: Value, depth: usize, into: &mut Vec<Value>) {
    let items = value["items"].as_list().filter(|_| depth > 0 && value.kind().ends_with("List"));
    let Some(items) = items else {
        into.push(value);
        return;
    };
    let item_kind = value.kind().strip_suffix("List").unwrap_or_default();
    for item in items.iter() {
        let mut item = item.clone();
        if item.kind().is_empty() && !item_kind.is_empty() {
            item.set(&["kind"], item_kind);
            item.set(&["apiVersion"], value["apiVersion"].clone());
        }
        flatten(item, depth - 1, into);
    }
}

struct Gathering<'a> {
    plurals: Plurals,
    indexes: &'a Indexes,
    snapshot: Snapshot,
    /// The resource of each apiVersion and kind met so far.
    resources: BTreeMap<(String, String), GroupResource>,
}

impl Gathering<'_> {
    fn add(&mut self, position: usize, object: Value) -> Option<Problem> {
        let not_an_object = |reason: String| Some(Problem::NotAnObject { position, reason });
        let resource = match self.resource(&object) {
            Ok(resource) => resource,
            Err(reason) => return not_an_object(reason),
        };
        let (namespace, name) = (object.namespace(), object.name());
        if let Some(stored) = self.snapshot.get(&resource, namespace, name) {
            let identical = *stored == object;
            let (stored_at, revision) = (stored.revision(), object.revision());
            let (kept, dropped) = (stored_at.max(revision), stored_at.min(revision));
            let object_name = object.full_name().into();
            if revision > stored_at {
                self.snapshot
                    .insert(&resource, object, self.indexes)
                    .expect("its place is taken, so it is usable");
            }
            return Some(Problem::Duplicate { resource, object: object_name, kept, dropped, identical });
        }
        let inserted = self.snapshot.insert(&resource, object, self.indexes);
        inserted.err().and_then(|reason| not_an_object(reason.to_string()))
    }

    fn resource(&mut self, object: &Value) -> Result<GroupResource, String> {
        let (api_version, kind) = (object.api_version(), object.kind());
        if kind.is_empty() {
            return Err("it has no kind".to_owned());
        }
        if api_version.is_empty() {
            return Err("it has no apiVersion".to_owned());
        }
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(resource) = self.resources.get(&key) {
            return Ok(resource.clone());
        }
        let group = GroupVersion::parse(api_version).map_err(|error| error.to_string())?.group;
        let resource = self.plurals.resource(&group, kind);
        self.resources.insert(key, resource.clone());
        Ok(resource)
    }
}
