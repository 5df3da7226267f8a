//! Expectations: what a controller has asked for and not yet seen (`pkg/controller/controller_utils.go`).

use super::ObjectKey;
use crate::constants::EXPECTATIONS_TIMEOUT;
use sim::Instant;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

struct Record {
    add: i64,
    delete: i64,
    since: Instant,
    /// The keys whose deletion is awaited, so that each is counted once.
    deleting: BTreeSet<String>,
}

/// The expectations of one controller, by the key of the owner.
///
/// An expectation that is older than five minutes counts as met: that is what keeps a controller alive that never
/// saw an event (kubernetes#129795, case 2), and what lets it create without end when its informer stands still.
pub struct Expectations {
    records: RefCell<BTreeMap<ObjectKey, Record>>,
    timeout: Option<Duration>,
}

impl Default for Expectations {
    fn default() -> Self {
        Self { records: RefCell::default(), timeout: Some(EXPECTATIONS_TIMEOUT) }
    }
}

impl Expectations {
    /// Makes expectations with another timeout; with none they never expire. For mutants of the real mechanism.
    pub fn with_timeout(timeout: Option<Duration>) -> Self {
        Self { records: RefCell::default(), timeout }
    }

    /// Expects creations, forgetting what was expected before.
    pub fn expect_creations(&self, key: &ObjectKey, count: i64, now: Instant) {
        self.set(key, Record { add: count, delete: 0, since: now, deleting: BTreeSet::new() });
    }

    /// Expects deletions of the named objects, forgetting what was expected before.
    pub fn expect_deletions(&self, key: &ObjectKey, objects: impl IntoIterator<Item = String>, now: Instant) {
        let deleting: BTreeSet<String> = objects.into_iter().collect();
        self.set(key, Record { add: 0, delete: deleting.len() as i64, since: now, deleting });
    }

    /// Expects both at once, as the DaemonSet controller does.
    pub fn set_expectations(&self, key: &ObjectKey, add: i64, delete: i64, now: Instant) {
        self.set(key, Record { add, delete, since: now, deleting: BTreeSet::new() });
    }

    fn set(&self, key: &ObjectKey, record: Record) {
        self.records.borrow_mut().insert(key.clone(), record);
    }

    /// Notes that a creation was seen, or will not happen.
    pub fn creation_observed(&self, key: &ObjectKey) {
        if let Some(record) = self.records.borrow_mut().get_mut(key) {
            record.add -= 1;
        }
    }

    /// Notes that a deletion was seen, or will not happen.
    pub fn deletion_observed(&self, key: &ObjectKey) {
        if let Some(record) = self.records.borrow_mut().get_mut(key) {
            record.delete -= 1;
        }
    }

    /// Notes that the deletion of one named object was seen; an object that was not awaited changes nothing.
    pub fn named_deletion_observed(&self, key: &ObjectKey, object: &str) {
        if let Some(record) = self.records.borrow_mut().get_mut(key)
            && record.deleting.remove(object)
        {
            record.delete -= 1;
        }
    }

    /// Tells whether the controller may act on what it sees of this owner.
    pub fn satisfied(&self, key: &ObjectKey, now: Instant) -> bool {
        let records = self.records.borrow();
        let Some(record) = records.get(key) else { return true };
        let fulfilled = record.add <= 0 && record.delete <= 0;
        fulfilled || self.timeout.is_some_and(|limit| now.since(record.since) > limit)
    }

    /// Forgets an owner.
    pub fn forget(&self, key: &ObjectKey) {
        self.records.borrow_mut().remove(key);
    }
}
