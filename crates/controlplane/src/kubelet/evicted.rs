//! What of a pod's worker matters to eviction: what its containers use and ask for, and how it ends.

use super::container::{Container, State};
use super::eviction::{EVICTED, Resource};
use super::worker::Worker;
use object::{ObjectExt, Quantity, Text, Time, Value, value};
use sim::Instant;

impl Worker {
    /// Gives how many bytes of a resource its containers use.
    pub(super) fn used(&self, resource: Resource, now: Instant) -> i64 {
        self.containers.borrow().iter().map(|container| used(container, resource, now)).sum()
    }

    /// Gives how many bytes of a resource its containers asked for.
    pub(super) fn requested(&self, resource: Resource) -> i64 {
        self.containers.borrow().iter().filter(|c| !c.is_init).map(|c| requested(c, resource)).sum()
    }

    /// Gives the containers that use more than they asked for, with both amounts in bytes.
    pub(super) fn excesses(&self, resource: Resource, now: Instant) -> Vec<(Text, i64, i64)> {
        let containers = self.containers.borrow();
        let amounts =
            containers.iter().map(|c| (c.name.clone(), used(c, resource, now), requested(c, resource)));
        amounts.filter(|(_, used, asked)| used > asked).collect()
    }

    /// Gives a container that has written more than its limit, and the limit.
    pub(super) fn over_disk_limit(&self, now: Instant) -> Option<(Text, String)> {
        let containers = self.containers.borrow();
        let over = |container: &&Container| {
            let limit = Quantity::of(&container.spec["resources"]["limits"][Resource::Disk.name()]);
            let limit = limit.unwrap_or_default().value();
            limit > 0 && used(container, Resource::Disk, now) > limit
        };
        let container = containers.iter().find(over)?;
        let limit = container.spec["resources"]["limits"][Resource::Disk.name()].str().to_owned();
        Some((container.name.clone(), limit))
    }

    /// Tells whether it runs and is not on its way out.
    pub(super) fn may_be_evicted(&self) -> bool {
        let runs = self.containers.borrow().iter().any(|c| matches!(c.state, State::Running { .. }));
        runs && !self.is_over() && self.evicted.borrow().is_none()
    }

    /// Ends the pod for the good of its node.
    pub(super) fn evict(&self, message: &str) {
        *self.evicted.borrow_mut() = Some(message.to_owned());
        self.changed.notify_one();
    }

    /// Tells whether no container runs or is about to.
    pub(super) fn has_stopped(&self) -> bool {
        !self.containers.borrow().iter().any(|c| matches!(c.state, State::Running { .. }))
    }
}

fn used(container: &Container, resource: Resource, now: Instant) -> i64 {
    container.used(
        |usage| match resource {
            Resource::Memory => usage.memory,
            Resource::Disk => usage.disk,
        },
        now,
    )
}

fn requested(container: &Container, resource: Resource) -> i64 {
    Quantity::of(&container.spec["resources"]["requests"][resource.name()]).unwrap_or_default().value()
}

/// Says in a pod's status that it was evicted (`pkg/kubelet/eviction/eviction_manager.go`, `evictPod`).
pub(super) fn evicted_status(mut status: Value, pod: &Value, message: &str, now: Time) -> Value {
    status.set(&["reason"], EVICTED);
    status.set(&["message"], message);
    let before = pod.condition("DisruptionTarget");
    let since: Value =
        if before["status"] == "True" { before["lastTransitionTime"].clone() } else { now.into() };
    let others = status["conditions"].items().iter().filter(|c| c["type"] != "DisruptionTarget").cloned();
    let target = value!({
        "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": message,
        "lastProbeTime": null, "lastTransitionTime": since, "observedGeneration": pod.generation(),
    });
    let conditions: Value = others.chain([target]).collect();
    status.set(&["conditions"], conditions);
    status
}
