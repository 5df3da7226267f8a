//! What a Job reads from its pods: indexes, ends, failure counts (`pkg/controller/job`).

use crate::machinery::is_pod_terminal;
use object::{ObjectExt, Time, Value};
use std::time::Duration;

/// The finalizer that keeps a pod until its end is counted.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
/// The annotation and label with a pod's completion index.
pub(super) const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// The annotation with the failures before this pod of the same index.
pub(super) const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
/// The same for failures that the pod failure policy ignored.
pub(super) const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";

/// Tells whether a Job numbers its pods.
pub(super) fn is_indexed(job: &Value) -> bool {
    job["spec"]["completionMode"] == "Indexed"
}

/// Tells whether each index of a Job may fail a number of times of its own.
pub(super) fn has_limit_per_index(job: &Value) -> bool {
    !job["spec"]["backoffLimitPerIndex"].is_null()
}

/// Tells whether pods are replaced only when they have failed, not as soon as they are being deleted.
pub(super) fn replaces_only_failed(job: &Value) -> bool {
    job["spec"]["podReplacementPolicy"] == "Failed" || !job["spec"]["podFailurePolicy"].is_null()
}

/// Gives a pod's completion index.
pub(super) fn index_of(pod: &Value) -> Option<i64> {
    pod.annotation(INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// Gives a pod's completion index if the Job has such an index.
pub(super) fn valid_index_of(job: &Value, pod: &Value) -> Option<i64> {
    index_of(pod).filter(|index| *index < job["spec"]["completions"].int())
}

/// Tells whether a pod is going and has not ended.
pub(super) fn is_terminating(pod: &Value) -> bool {
    pod.is_deleting() && !is_pod_terminal(pod)
}

/// Tells whether a pod counts as failed; one that is being deleted does, unless the Job waits for it to end.
pub(super) fn is_failed(job: &Value, pod: &Value) -> bool {
    match pod["status"]["phase"].str() {
        "Failed" => true,
        "Succeeded" => false,
        _ => pod.is_deleting() && !replaces_only_failed(job),
    }
}

fn count(pod: &Value, annotation: &str) -> i64 {
    pod.annotation(annotation).and_then(|text| text.parse::<i32>().ok()).map_or(0, |n| i64::from(n.max(0)))
}

/// Gives the failures of a pod's index that count towards its limit.
pub(super) fn failures(pod: &Value) -> i64 {
    count(pod, FAILURES)
}

/// Gives the failures of a pod's index that do not count.
pub(super) fn ignored_failures(pod: &Value) -> i64 {
    count(pod, IGNORED_FAILURES)
}

/// Gives when a pod ended, as well as that can be told (`getFinishedTime`).
pub(super) fn finished_at(pod: &Value) -> Time {
    let parse = |value: &Value| Time::parse(value.str()).ok();
    let by_containers = || latest_container_end(pod);
    let by_condition = || {
        let ready = pod.condition("Ready");
        (ready["status"] == "False").then(|| parse(&ready["lastTransitionTime"])).flatten()
    };
    let by_deletion = || {
        let grace = pod["metadata"]["deletionGracePeriodSeconds"].int().unsigned_abs();
        let deleted = parse(&pod["metadata"]["deletionTimestamp"])?;
        Some(Time::from_nanos(deleted.as_nanos() - (Duration::from_secs(grace).as_nanos() as i64)))
    };
    by_containers()
        .or_else(by_condition)
        .or_else(by_deletion)
        .or_else(|| parse(&pod["metadata"]["creationTimestamp"]))
        .unwrap_or(Time::UNIX_EPOCH)
}

/// Gives the latest end of the containers and sidecars, none when one has not ended.
fn latest_container_end(pod: &Value) -> Option<Time> {
    let sidecars = pod["spec"]["initContainers"].items().iter().filter(|c| c["restartPolicy"] == "Always");
    let names: Vec<&str> = sidecars.map(|c| c["name"].str()).collect();
    let status = &pod["status"];
    let init = status["initContainerStatuses"].items().iter().filter(|s| names.contains(&s["name"].str()));
    let all = status["containerStatuses"].items().iter().chain(init);
    let mut latest = None;
    for container in all {
        let end = Time::parse(container["state"]["terminated"]["finishedAt"].str()).ok()?;
        latest = latest.max(Some(end));
    }
    latest
}
