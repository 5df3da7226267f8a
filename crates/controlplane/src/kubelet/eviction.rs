//! Eviction of pods from a node that runs out of memory or disk (`pkg/kubelet/eviction/eviction_manager.go`).
//!
//! What containers use is given by the scenario ([`crate::behaviour::Usage`]); a node of whose programs nothing was said
//! is never short of anything. Images are not reclaimed before pods are evicted, for the model's take no room.

use super::Kubelet;
use super::worker::Worker;
use crate::constants::{
    EVICTION_CLEANUP_MAX, EVICTION_DISK_PERCENT, EVICTION_MEMORY_BYTES, EVICTION_MONITOR,
    EVICTION_PRESSURE_TRANSITION,
};
use object::{ObjectExt, Quantity, Text, Value};
use sim::Instant;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// The reason of a pod that was evicted, or refused by a node under pressure.
pub(super) const EVICTED: &str = "Evicted";
/// Pods of this priority or a higher one are critical and never evicted (`scheduling.SystemCriticalPriority`).
const CRITICAL: i64 = 2_000_000_000;
/// How often it is looked whether an evicted pod is gone (`podCleanupPollFreq`).
const CLEANUP_POLL: Duration = Duration::from_secs(1);

/// What a node can run out of, in the order in which pods are evicted for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    Memory,
    Disk,
}

impl Resource {
    const ALL: [Self; 2] = [Self::Memory, Self::Disk];

    /// Gives the name by which requests, capacities and messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "ephemeral-storage",
        }
    }

    fn condition(self) -> &'static str {
        match self {
            Self::Memory => "MemoryPressure",
            Self::Disk => "DiskPressure",
        }
    }

    /// Gives how much of a capacity must be left.
    fn threshold(self, capacity: i64) -> i64 {
        match self {
            Self::Memory => EVICTION_MEMORY_BYTES,
            Self::Disk => capacity / 100 * EVICTION_DISK_PERCENT,
        }
    }
}

/// What a node is short of.
#[derive(Default)]
pub(super) struct Pressure {
    /// When each was last short.
    short: RefCell<BTreeMap<Resource, Instant>>,
    /// Conditions that hold for reasons that are not simulated.
    given: Vec<Text>,
}

impl Pressure {
    pub(super) fn new(given: &[Text]) -> Self {
        Self { short: RefCell::default(), given: given.to_vec() }
    }

    /// Tells whether a condition of the node is to be shown.
    pub(super) fn is_on(&self, condition: &str) -> bool {
        self.given.iter().any(|given| &**given == condition)
            || self.short.borrow().keys().any(|resource| resource.condition() == condition)
    }

    /// Notes what is short now, and forgets what has not been for a while.
    fn note(&self, short: &[Shortage], now: Instant) {
        let mut known = self.short.borrow_mut();
        known.extend(short.iter().map(|shortage| (shortage.resource, now)));
        known.retain(|_, last| now.since(*last) < EVICTION_PRESSURE_TRANSITION);
    }

    /// Gives why a pod is not admitted while the node is under pressure.
    pub(super) fn refuses(&self, pod: &Value) -> Option<String> {
        let shown = ["MemoryPressure", "DiskPressure", "PIDPressure"].into_iter().filter(|c| self.is_on(c));
        let shown: Vec<&str> = shown.collect();
        if shown.is_empty() || is_critical(pod) {
            return None;
        }
        let is_spared = pod["status"]["qosClass"] != "BestEffort" || tolerates_memory_pressure(pod);
        if shown == ["MemoryPressure"] && is_spared {
            return None;
        }
        Some(format!("The node had condition: [{}]. ", shown.join(" ")))
    }
}

fn is_critical(pod: &Value) -> bool {
    pod["spec"]["priority"].int() >= CRITICAL
}

fn tolerates_memory_pressure(pod: &Value) -> bool {
    pod["spec"]["tolerations"].items().iter().any(|toleration| {
        let key = toleration["key"].str();
        let covers = key == "node.kubernetes.io/memory-pressure"
            || key.is_empty() && toleration["operator"] == "Exists";
        covers && matches!(toleration["effect"].str(), "" | "NoSchedule")
    })
}

/// Something of which too little is left.
struct Shortage {
    resource: Resource,
    threshold: i64,
    available: i64,
}

/// Looks now and then whether something is short, and evicts one pod at a time.
pub(super) async fn manage(kubelet: Rc<Kubelet>) {
    loop {
        kubelet.ctx.sleep(EVICTION_MONITOR).await;
        let is_measured = kubelet.world.behaviours.borrow().are_measured();
        if !is_measured && kubelet.pressure.short.borrow().is_empty() {
            continue;
        }
        let now = kubelet.ctx.now();
        let workers: Vec<Rc<Worker>> = kubelet.workers.borrow().values().cloned().collect();
        let short = shortages(&kubelet, &workers, now);
        kubelet.pressure.note(&short, now);
        let evicted = match over_limit(&workers, now) {
            Some((worker, message)) => Some((worker, message)),
            None => short.first().and_then(|shortage| choose(&workers, shortage, now)),
        };
        let Some((worker, message)) = evicted else { continue };
        worker.evict(&message);
        let until = kubelet.ctx.now() + EVICTION_CLEANUP_MAX;
        while !worker.has_stopped() && kubelet.ctx.now() < until {
            kubelet.ctx.sleep(CLEANUP_POLL).await;
        }
    }
}

fn shortages(kubelet: &Kubelet, workers: &[Rc<Worker>], now: Instant) -> Vec<Shortage> {
    let measure = |resource: Resource| {
        let capacity = Quantity::of(&kubelet.config.capacity[resource.name()]).ok()?.value();
        let used: i64 = workers.iter().map(|worker| worker.used(resource, now)).sum();
        let (available, threshold) = ((capacity - used).max(0), resource.threshold(capacity));
        (available < threshold).then_some(Shortage { resource, threshold, available })
    };
    Resource::ALL.into_iter().filter_map(measure).collect()
}

/// Finds a container that has written more than its own limit (`localStorageEviction`).
fn over_limit(workers: &[Rc<Worker>], now: Instant) -> Option<(Rc<Worker>, String)> {
    workers.iter().filter(|worker| worker.may_be_evicted()).find_map(|worker| {
        let (name, limit) = worker.over_disk_limit(now)?;
        let message = format!("Container {name} exceeded its local ephemeral storage limit \"{limit}\". ");
        Some((worker.clone(), message))
    })
}

/// Chooses the pod that goes: one that uses more than it asked for first, then the less important, then by how much more.
fn choose(workers: &[Rc<Worker>], shortage: &Shortage, now: Instant) -> Option<(Rc<Worker>, String)> {
    let resource = shortage.resource;
    let rank = |worker: &&Rc<Worker>| {
        let pod = worker.pod();
        let excess = worker.used(resource, now) - worker.requested(resource);
        (excess <= 0, pod["spec"]["priority"].int(), Reverse(excess), Text::from(pod.uid()))
    };
    let candidates = workers.iter().filter(|worker| worker.may_be_evicted() && !is_critical(&worker.pod()));
    let first = candidates.min_by_key(rank)?;
    let mut message = format!(
        "The node was low on resource: {}. Threshold quantity: {}, available: {}. ",
        resource.name(),
        bytes(shortage.threshold),
        bytes(shortage.available),
    );
    for (name, used, asked) in first.excesses(resource, now) {
        message.push_str(&format!(
            "Container {name} was using {}, request is {}, has larger consumption of {}. ",
            bytes(used),
            bytes(asked),
            resource.name()
        ));
    }
    Some((first.clone(), message))
}

/// Writes an amount in the largest binary unit of which it is a whole number (`resource.BinarySI`).
fn bytes(amount: i64) -> String {
    let units = [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)];
    let fits = units.into_iter().find(|(_, shift)| amount != 0 && amount.trailing_zeros() >= *shift);
    fits.map_or(amount.to_string(), |(unit, shift)| format!("{}{unit}", amount >> shift))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn amounts_are_written_in_the_largest_unit_that_fits() {
        assert_eq!([0, 1000, 2048, 100 << 20, 3 << 30].map(bytes), ["0", "1000", "2Ki", "100Mi", "3Gi"]);
    }
}
