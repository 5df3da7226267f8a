//! The watch cache of one resource: its state, its window of events, and the watchers it feeds
//! (`storage/cacher/watch_cache.go`, `cacher.go`).

use super::watcher::Watcher;
use crate::constants::{
    DISPATCH_BUDGET_MAX, DISPATCH_BUDGET_REFILL_PER_SECOND, WATCH_CACHE_CAPACITY_MAX,
    WATCH_CACHE_CAPACITY_MIN, WATCH_CACHE_WINDOW,
};
use object::Value;
use sim::Instant;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use store::{Event, Snapshot};

/// Something that etcd told about a resource.
pub(super) enum Entry {
    /// One event, and the state after it.
    Put(Event, Snapshot),
    /// Nothing happened up to this state.
    Progress(Snapshot),
}

struct Slot {
    event: Event,
    at: Instant,
}

/// The cache of one resource.
///
/// The state at a revision is the store's own snapshot at that revision, which costs nothing to hold: of it, only
/// this resource is looked at.
pub(super) struct Cache {
    state: Snapshot,
    revision: u64,
    ring: VecDeque<Slot>,
    capacity: usize,
    /// A watch may begin after this revision or any later one.
    oldest: u64,
    pub(super) watchers: Vec<Rc<Watcher>>,
    /// What a fault keeps from the cache, and until when.
    pub(super) lagging: VecDeque<(Instant, Entry)>,
    budget: Duration,
    budget_at: Instant,
}

impl Cache {
    /// Makes a cache that begins with a list.
    pub(super) fn new(state: Snapshot, now: Instant) -> Self {
        let revision = state.revision();
        Self {
            state,
            revision,
            ring: VecDeque::new(),
            capacity: WATCH_CACHE_CAPACITY_MIN,
            oldest: revision,
            watchers: Vec::new(),
            lagging: VecDeque::new(),
            budget: DISPATCH_BUDGET_MAX,
            budget_at: now,
        }
    }

    /// Gives the state.
    pub(super) fn state(&self) -> &Snapshot {
        &self.state
    }

    /// Gives the revision up to which the cache has seen everything.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Takes in what etcd told.
    pub(super) fn take_in(&mut self, entry: Entry, now: Instant) {
        match entry {
            Entry::Put(event, after) => self.put(event, after, now),
            Entry::Progress(state) => self.progress(state),
        }
    }

    fn put(&mut self, event: Event, after: Snapshot, now: Instant) {
        assert!(
            event.revision >= self.revision,
            "a cache goes forward: {} after {}",
            event.revision,
            self.revision
        );
        self.make_room(now);
        self.revision = event.revision;
        self.state = after;
        self.dispatch(&event, now);
        self.ring.push_back(Slot { event, at: now });
    }

    fn progress(&mut self, state: Snapshot) {
        if state.revision() > self.revision {
            self.revision = state.revision();
            self.state = state;
        }
    }

    /// Grows the ring while it is full of young events, shrinks it when most are old, and else drops the oldest.
    fn make_room(&mut self, now: Instant) {
        if self.ring.len() < self.capacity {
            return;
        }
        let is_young = |slot: &Slot| now.since(slot.at) < WATCH_CACHE_WINDOW;
        if self.ring.front().is_some_and(is_young) {
            self.capacity = (self.capacity * 2).min(WATCH_CACHE_CAPACITY_MAX);
        } else if !is_young(&self.ring[self.ring.len() - self.capacity / 4]) {
            self.capacity = (self.capacity / 2).max(WATCH_CACHE_CAPACITY_MIN);
        }
        while self.ring.len() >= self.capacity {
            let dropped = self.ring.pop_front().expect("the ring is full");
            self.oldest = dropped.event.revision;
        }
    }

    /// Gives the events after a revision; none when they are no longer all there.
    pub(super) fn after(&self, revision: u64) -> Option<impl Iterator<Item = &Event>> {
        if revision < self.oldest {
            return None;
        }
        let first = self.ring.partition_point(|slot| slot.event.revision <= revision);
        Some(self.ring.range(first..).map(|slot| &slot.event))
    }

    /// Gives the revision from which on a watch may begin.
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Offers an event to every watcher. One whose buffer is full gets what is left of the budget's time, and is
    /// ended when there is none: upstream's force-close.
    fn dispatch(&mut self, event: &Event, now: Instant) {
        let regained = DISPATCH_BUDGET_REFILL_PER_SECOND.mul_f64(now.since(self.budget_at).as_secs_f64());
        self.budget = (self.budget + regained).min(DISPATCH_BUDGET_MAX);
        self.budget_at = now;
        let nodes = [node_of(&event.object), event.previous.as_ref().map_or("", node_of)];
        self.watchers.retain(|watcher| {
            if watcher.is_over() {
                return false;
            }
            if watcher.is_elsewhere(nodes) || watcher.offer(event) {
                return true;
            }
            let grace = std::mem::take(&mut self.budget);
            if grace.is_zero() {
                watcher.force_close();
                false
            } else {
                watcher.offer_late(event, grace);
                true
            }
        });
    }

    /// Ends every watcher, as a re-initialised cache does.
    pub(super) fn end_all(&mut self) {
        for watcher in self.watchers.drain(..) {
            watcher.force_close();
        }
    }
}

/// Gives the node of a pod; of what is no pod, nothing.
fn node_of(pod: &Value) -> &str {
    pod["spec"]["nodeName"].str()
}
