//! What this controller wrote and its cache must show before it acts again, and when its services' pods last changed
//! (`k8s.io/endpointslice/util`).

use crate::machinery::ObjectKey;
use object::{ObjectExt, Time, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// The generation of each slice that was written last; −1 for one that was deleted.
#[derive(Default)]
pub(super) struct SliceTracker(RefCell<BTreeMap<ObjectKey, BTreeMap<String, i64>>>);

const DELETED: i64 = -1;

fn service_of(slice: &Value) -> ObjectKey {
    ObjectKey::new(slice.namespace(), slice.label(super::SERVICE_LABEL).unwrap_or(""))
}

impl SliceTracker {
    pub(super) fn wrote(&self, service: &ObjectKey, slice: &Value) {
        self.0
            .borrow_mut()
            .entry(service.clone())
            .or_default()
            .insert(slice.uid().to_owned(), slice.generation());
    }

    pub(super) fn deleted(&self, service: &ObjectKey, slice: &Value) {
        self.0.borrow_mut().entry(service.clone()).or_default().insert(slice.uid().to_owned(), DELETED);
    }

    /// Tells whether the cache shows less than was written.
    pub(super) fn is_stale(&self, service: &ObjectKey, slices: &[Value]) -> bool {
        let known = self.0.borrow();
        let Some(written) = known.get(service) else { return false };
        let shown = |uid: &str| slices.iter().find(|slice| slice.uid() == uid).map(ObjectExt::generation);
        written.iter().any(|(uid, generation)| match shown(uid) {
            Some(shown) => *generation == DELETED || *generation > shown,
            None => *generation != DELETED,
        })
    }

    /// Tells whether a slice that the cache now shows is not one of our own writes.
    pub(super) fn is_newer(&self, slice: &Value) -> bool {
        let known = self.0.borrow();
        let written = known.get(&service_of(slice)).and_then(|slices| slices.get(slice.uid()));
        written.is_none_or(|generation| slice.generation() > *generation)
    }

    /// Notes that a slice is gone; tells whether that was expected.
    pub(super) fn forget(&self, slice: &Value) -> bool {
        let mut known = self.0.borrow_mut();
        let removed = known.get_mut(&service_of(slice)).and_then(|slices| slices.remove(slice.uid()));
        removed == Some(DELETED)
    }

    pub(super) fn forget_service(&self, service: &ObjectKey) {
        self.0.borrow_mut().remove(service);
    }
}

/// When each service and its pods last changed, to tell how long programming them takes.
#[derive(Default)]
pub(super) struct TriggerTimes(RefCell<BTreeMap<ObjectKey, Seen>>);

/// The times of a service and of its pods, by name.
#[derive(Clone, Default)]
struct Seen {
    service: Option<Time>,
    pods: BTreeMap<String, Time>,
}

impl TriggerTimes {
    /// Takes note of the present state and gives the earliest change since the last time, if there was one.
    pub(super) fn note(&self, key: &ObjectKey, service: &Value, pods: &[Value]) -> Option<Time> {
        let mut known = self.0.borrow_mut();
        let last = known.get(key).cloned().unwrap_or_default();
        let ready_since = |pod: &Value| pod.condition("Ready")["lastTransitionTime"].as_time();
        let now: BTreeMap<String, Time> = pods
            .iter()
            .filter_map(|pod| ready_since(pod).map(|time| (pod.name().to_owned(), time)))
            .collect();
        let changed =
            now.iter().filter(|(name, time)| last.pods.get(*name).is_none_or(|before| *time > before));
        let created = service["metadata"]["creationTimestamp"].as_time();
        let service_changed = created.filter(|time| last.service.is_none_or(|before| *time > before));
        let earliest = changed.map(|(_, time)| *time).chain(service_changed).min();
        known.insert(key.clone(), Seen { service: created, pods: now });
        earliest
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.0.borrow_mut().remove(key);
    }
}
