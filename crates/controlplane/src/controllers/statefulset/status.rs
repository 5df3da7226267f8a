//! The status of a StatefulSet (`pkg/controller/statefulset/stateful_set_control.go`).

use super::identity::{SetAt, is_created, replicas, revision_of};
use crate::machinery::{is_pod_available, is_pod_ready};
use object::{ObjectExt, Time, Value, value};

/// Tells whether a pod runs and is ready.
pub(super) fn is_running_and_ready(pod: &Value) -> bool {
    pod["status"]["phase"] == "Running" && is_pod_ready(pod)
}

/// Tells whether a pod cannot be counted on: it is not available, or is going.
pub(super) fn is_unavailable(set: &Value, pod: &Value, now: Time) -> bool {
    pod.is_deleting() || !is_pod_available(pod, set["spec"]["minReadySeconds"].int(), now)
}

/// The numbers of a status, and the revisions they speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    observed_generation: i64,
    replicas: i64,
    pub(super) ready: i64,
    pub(super) available: i64,
    pub(super) current: i64,
    updated: i64,
    current_revision: String,
    update_revision: String,
    collisions: i64,
}

impl Status {
    /// Makes a status without numbers.
    pub(super) fn new(set: &Value, current: &SetAt, update: &SetAt, collisions: i64) -> Self {
        Self {
            observed_generation: set.generation(),
            replicas: 0,
            ready: 0,
            available: 0,
            current: 0,
            updated: 0,
            current_revision: current.revision.clone(),
            update_revision: update.revision.clone(),
            collisions,
        }
    }

    /// Counts the pods anew.
    pub(super) fn count<'a>(&mut self, set: &Value, pods: impl Iterator<Item = &'a Value>, now: Time) {
        (self.replicas, self.ready, self.available, self.current, self.updated) = (0, 0, 0, 0, 0);
        let min_ready_s = set["spec"]["minReadySeconds"].int();
        for pod in pods {
            let stays = is_created(pod) && !pod.is_deleting();
            let is_ready = is_running_and_ready(pod);
            self.replicas += i64::from(is_created(pod));
            self.ready += i64::from(is_ready);
            self.available += i64::from(is_ready && is_pod_available(pod, min_ready_s, now));
            self.current += i64::from(stays && revision_of(pod) == self.current_revision);
            self.updated += i64::from(stays && revision_of(pod) == self.update_revision);
        }
    }

    /// Makes the new revision the current one once all replicas have it and are ready.
    pub(super) fn complete_update(&mut self, set: &Value) {
        let wanted = replicas(set);
        let is_rolling = set["spec"]["updateStrategy"]["type"] == "RollingUpdate";
        if is_rolling && self.updated == wanted && self.ready == wanted && self.replicas == wanted {
            self.current = self.updated;
            self.current_revision = self.update_revision.clone();
        }
    }

    /// Tells whether the set shows this status already.
    pub(super) fn is_shown_by(&self, set: &Value) -> bool {
        let shown = &set["status"];
        self.observed_generation <= shown["observedGeneration"].int()
            && self.replicas == shown["replicas"].int()
            && self.current == shown["currentReplicas"].int()
            && self.ready == shown["readyReplicas"].int()
            && self.updated == shown["updatedReplicas"].int()
            && self.available == shown["availableReplicas"].int()
            && shown["currentRevision"] == *self.current_revision
            && shown["updateRevision"] == *self.update_revision
    }

    /// Gives the status as it is written.
    pub(super) fn to_value(&self) -> Value {
        let mut status = value!({
            "replicas": self.replicas, "availableReplicas": self.available, "collisionCount": self.collisions,
            "currentRevision": &self.current_revision, "updateRevision": &self.update_revision,
        });
        status.set_or_omit(&["observedGeneration"], self.observed_generation);
        status.set_or_omit(&["readyReplicas"], self.ready);
        status.set_or_omit(&["currentReplicas"], self.current);
        status.set_or_omit(&["updatedReplicas"], self.updated);
        status
    }
}
