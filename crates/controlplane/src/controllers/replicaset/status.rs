//! The status of a ReplicaSet (`pkg/controller/replicaset/replica_set_utils.go`).

use crate::machinery::{ApiError, is_pod_available, is_pod_ready, is_pod_terminal};
use object::{ObjectExt, Selector, Time, Value, value};

/// What went wrong while pods were created or deleted.
#[derive(Debug)]
pub(super) struct Failure {
    /// Whether pods were being created, not deleted.
    pub(super) creating: bool,
    /// What the API answered.
    pub(super) error: ApiError,
}

/// Tells whether a pod is on its way out (`IsPodTerminating`).
pub(super) fn is_terminating(pod: &Value) -> bool {
    pod.is_deleting() && !is_pod_terminal(pod)
}

/// Computes the status from the pods that count.
pub(super) fn compute(
    rs: &Value,
    pods: &[Value],
    terminating: Option<usize>,
    failure: Option<&Failure>,
    now: Time,
) -> Value {
    let template = Selector::from_map(&rs["spec"]["template"]["metadata"]["labels"]);
    let min_ready_s = rs["spec"]["minReadySeconds"].int();
    let count = |test: &dyn Fn(&Value) -> bool| pods.iter().filter(|pod| test(pod)).count();
    let mut status = rs["status"].clone();
    status.set(&["replicas"], pods.len());
    status.set_or_omit(&["fullyLabeledReplicas"], count(&|pod| template.matches(pod.labels())));
    status.set_or_omit(&["readyReplicas"], count(&is_pod_ready));
    status.set_or_omit(&["availableReplicas"], count(&|pod| is_pod_available(pod, min_ready_s, now)));
    match terminating {
        Some(number) => status.set(&["terminatingReplicas"], number),
        None => {
            status.remove(&["terminatingReplicas"]);
        }
    }
    let present = rs.condition("ReplicaFailure");
    match failure {
        Some(failure) if present.is_null() => {
            let reason = if failure.creating { "FailedCreate" } else { "FailedDelete" };
            let condition = value!({
                "type": "ReplicaFailure", "status": "True", "reason": reason,
                "message": failure.error.to_string(), "lastTransitionTime": now,
            });
            status.push(&["conditions"], condition);
        }
        None if !present.is_null() => {
            let kept: Vec<Value> = status["conditions"]
                .items()
                .iter()
                .filter(|c| c["type"] != "ReplicaFailure")
                .cloned()
                .collect();
            status.set_or_omit(&["conditions"], Value::from(kept));
        }
        _ => {}
    }
    status
}
