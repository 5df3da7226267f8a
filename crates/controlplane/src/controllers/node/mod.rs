//! The controllers that look after nodes and what is left on them.

mod eviction;
mod garbage;
mod lifecycle;
mod ttl;
mod zones;

pub(super) use eviction::run as run_taint_eviction;
pub(super) use garbage::run as run_pod_garbage;
pub(super) use lifecycle::run as run_lifecycle;
pub(super) use ttl::run as run_ttl;

use crate::kinds::PODS;
use crate::machinery::{ApiError, Client, DeleteOptions};
use object::{ObjectExt, Time, Value, value};

/// Gives a list of conditions with one replaced, or added at its end.
pub(super) fn with_condition(conditions: &Value, condition: &Value) -> Value {
    let present = conditions.items();
    let is_new = !present.iter().any(|c| c["type"] == condition["type"]);
    let replaced =
        present.iter().map(|c| if c["type"] == condition["type"] { condition.clone() } else { c.clone() });
    replaced.chain(is_new.then(|| condition.clone())).collect()
}

/// Notes on a pod why it is about to be deleted, and deletes it.
async fn disrupt(
    client: &Client,
    pod: &Value,
    (reason, message): (&str, &str),
    now: Time,
) -> Result<(), ApiError> {
    let condition = value!({
        "type": "DisruptionTarget", "observedGeneration": pod.generation(), "status": "True", "lastProbeTime": null,
        "lastTransitionTime": now, "reason": reason, "message": message,
    });
    let conditions = with_condition(&pod["status"]["conditions"], &condition);
    let patch = value!({"metadata": {"uid": pod.uid()}, "status": {"conditions": conditions}});
    client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await?;
    client.delete(&PODS, pod.namespace(), pod.name(), &DeleteOptions::default()).await.map(|_| ())
}
