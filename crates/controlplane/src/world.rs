//! What lies outside the processes: etcd's disk, the faults in force, the log of writes, and who is told of commits.
//!
//! Processes of the simulation never look in here, the etcd process aside, which owns the disk: they know only what
//! messages told them. Tests, properties and scenarios look here freely.

use crate::behaviour::Behaviours;
use crate::dataplane::DataPlane;
use crate::faults::Faults;
use object::{GroupVersionResource, Text, Value};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use store::{Event, Snapshot, Store};

/// One committed write, as properties and figures see it.
#[derive(Clone, Debug)]
pub struct Commit {
    /// When, on the simulation's monotonic clock.
    pub at: sim::Instant,
    /// The API server's wall clock at that moment.
    pub wall: object::Time,
    /// The user agent that asked for it, such as `kube-controller-manager/replicaset-controller`.
    pub user_agent: Text,
    /// What changed.
    pub events: Vec<Event>,
    /// The whole state just after.
    pub after: Snapshot,
}

/// Something that wants to see each commit, in order, at once.
pub type Observer = Box<dyn FnMut(&Commit)>;

/// Something that wants to know of each create whose outcome its client never learnt.
pub type UnknownCreateObserver = Box<dyn FnMut(sim::Instant, &GroupVersionResource, &Value)>;

/// The most user agents and resources whose writes are counted apart: enough for 5,000 kubelets, the largest cluster that
/// Kubernetes supports, which write a few kinds each.
const WRITERS_MAX: usize = 1 << 16;
const _: () =
    assert!(WRITERS_MAX >= 8 * 5_000, "each kubelet writes leases, nodes, pods and what its pods need");

/// What lies outside the simulated processes.
#[derive(Default)]
pub struct World {
    /// etcd's disk. It survives the crash of the etcd process.
    pub disk: RefCell<Store>,
    /// The faults in force at the API.
    pub faults: RefCell<Faults>,
    /// What the programs in containers do.
    pub behaviours: RefCell<Behaviours>,
    /// What requests meet: what is programmed, and what listens.
    pub data_plane: RefCell<DataPlane>,
    observers: RefCell<Vec<Observer>>,
    unknown_creates: RefCell<Vec<UnknownCreateObserver>>,
    writes: RefCell<BTreeMap<(Text, Text), u64>>,
    counters: RefCell<BTreeMap<(Text, &'static str), u64>>,
    /// While set, etcd answers nothing.
    pub etcd_stalled: Cell<bool>,
    /// While set, a write takes etcd this much longer: from the least to the most.
    pub etcd_slowness: Cell<Option<(Duration, Duration)>>,
    /// How many calls a stall has held up, and how many writes were slowed down.
    pub etcd_held_up: Cell<u64>,
}

impl World {
    /// Makes an empty world.
    pub fn new() -> Rc<Self> {
        Rc::new(Self::default())
    }

    /// Registers an observer of every later commit.
    pub fn observe(&self, observer: Observer) {
        self.observers.borrow_mut().push(observer);
    }

    /// Registers an observer of every later create whose outcome its client never learns: it may have been carried out.
    pub fn observe_unknown_creates(&self, observer: UnknownCreateObserver) {
        self.unknown_creates.borrow_mut().push(observer);
    }

    /// Tells everyone of a create whose outcome its client never learnt.
    pub(crate) fn create_outcome_unknown(
        &self,
        at: sim::Instant,
        resource: &GroupVersionResource,
        object: &Value,
    ) {
        for observer in self.unknown_creates.borrow_mut().iter_mut() {
            observer(at, resource, object);
        }
    }

    /// Tells everyone of a commit.
    pub(crate) fn committed(&self, commit: &Commit) {
        for event in &commit.events {
            let key = (commit.user_agent.clone(), Text::from(event.resource.to_string()));
            let mut writes = self.writes.borrow_mut();
            assert!(writes.len() < WRITERS_MAX, "more than {WRITERS_MAX} kinds of writers");
            *writes.entry(key).or_default() += 1;
        }
        for observer in self.observers.borrow_mut().iter_mut() {
            observer(commit);
        }
    }

    /// Gives the number of writes by user agent and resource.
    pub fn writes(&self) -> BTreeMap<(Text, Text), u64> {
        self.writes.borrow().clone()
    }

    /// Counts something that a metric of the real component counts, such as `stale_sync_skips_total`.
    pub fn count(&self, component: &str, what: &'static str) {
        *self.counters.borrow_mut().entry((component.into(), what)).or_default() += 1;
    }

    /// Gives all such counts.
    pub fn counters(&self) -> BTreeMap<(Text, &'static str), u64> {
        self.counters.borrow().clone()
    }

    /// Gives the present state.
    pub fn snapshot(&self) -> Snapshot {
        self.disk.borrow().snapshot()
    }
}
