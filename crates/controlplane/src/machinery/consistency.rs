//! KEP-5647's consistency store: has this controller's cache seen the controller's own writes?
//! (`pkg/controller/util/consistency/consistency.go`, Kubernetes 1.36.)

use super::ObjectKey;
use object::{GroupResource, GroupVersionResource, ObjectExt, Text, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The cache has not yet seen a write of this controller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("waiting for {resource} to be read at {wrote}: the cache is at {read}")]
pub struct ConsistencyError {
    /// The resource that was written.
    pub resource: GroupResource,
    /// The revision of the latest own write.
    pub wrote: u64,
    /// The revision that the cache has seen.
    pub read: u64,
}

struct Record {
    uid: Text,
    versions: BTreeMap<GroupResource, u64>,
}

/// Gives the revision that the store of an informer has seen; none when it is not known.
pub type ReadRevision = Box<dyn Fn() -> Option<u64>>;

/// Remembers, by owner, the highest revision this controller wrote of each resource. It lives in memory alone.
pub struct ConsistencyStore {
    enabled: bool,
    reads: BTreeMap<GroupResource, ReadRevision>,
    records: RefCell<BTreeMap<ObjectKey, Record>>,
}

impl ConsistencyStore {
    /// Makes the store over the informers' revisions; when its gate is off it agrees with everything.
    pub fn new(enabled: bool, reads: impl IntoIterator<Item = (GroupResource, ReadRevision)>) -> Self {
        Self { enabled, reads: reads.into_iter().collect(), records: RefCell::default() }
    }

    /// Notes a write on behalf of an owner. An owner with another uid replaces the record.
    pub fn wrote_at(&self, owner: &ObjectKey, uid: &str, resource: &GroupResource, revision: u64) {
        if !self.enabled {
            return;
        }
        let mut records = self.records.borrow_mut();
        let fresh = || Record { uid: uid.into(), versions: BTreeMap::new() };
        let record = records.entry(owner.clone()).or_insert_with(fresh);
        if *record.uid != *uid {
            *record = fresh();
        }
        let version = record.versions.entry(resource.clone()).or_default();
        *version = revision.max(*version);
    }

    /// Gives the form of [`Self::wrote_at`] for one resource, that takes the owner itself; without one it notes nothing.
    pub fn noting(self: &Rc<Self>, resource: &GroupVersionResource) -> impl Fn(&Value, u64) + use<> {
        let (store, resource) = (self.clone(), resource.group_resource());
        move |owner, revision| {
            if !owner.is_null() {
                store.wrote_at(&ObjectKey::of(owner), owner.uid(), &resource, revision);
            }
        }
    }

    /// Tells whether every cache has seen the owner's writes.
    ///
    /// It fails open, as upstream does: a resource whose cache is not known, or does not know its revision, is
    /// passed over.
    ///
    /// # Errors
    /// [`ConsistencyError`] for the first resource whose cache is behind.
    pub fn ensure_ready(&self, owner: &ObjectKey) -> Result<(), ConsistencyError> {
        let mut records = self.records.borrow_mut();
        let Some(record) = records.get(owner) else { return Ok(()) };
        for (resource, wrote) in &record.versions {
            let Some(read) = self.reads.get(resource).and_then(|read| read()) else { continue };
            if *wrote > read {
                return Err(ConsistencyError { resource: resource.clone(), wrote: *wrote, read });
            }
        }
        records.remove(owner);
        Ok(())
    }

    /// Forgets an owner, if the uid is its uid or empty.
    pub fn clear(&self, owner: &ObjectKey, uid: &str) {
        let mut records = self.records.borrow_mut();
        if records.get(owner).is_some_and(|record| uid.is_empty() || *record.uid == *uid) {
            records.remove(owner);
        }
    }
}
