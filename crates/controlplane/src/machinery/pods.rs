//! What pod conditions and phases mean to controllers (`pkg/api/v1/pod/util.go`, `pkg/controller/controller_utils.go`).

use crate::constants::SLOW_START_INITIAL_BATCH;
use futures_util::future::join_all;
use object::{ObjectExt, Time, Value};
use std::cmp::Ordering;
use std::time::Duration;

/// Tells whether a pod has ended for good.
pub fn is_pod_terminal(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed")
}

/// Tells whether a pod counts towards its owner's replicas (`IsPodActive`).
pub fn is_pod_active(pod: &Value) -> bool {
    !is_pod_terminal(pod) && !pod.is_deleting()
}

/// Tells whether a pod's condition `Ready` is true.
pub fn is_pod_ready(pod: &Value) -> bool {
    pod.condition("Ready")["status"] == "True"
}

/// Gives the time since when a pod is ready, if it is and the time is known.
pub fn pod_ready_since(pod: &Value) -> Option<Time> {
    is_pod_ready(pod).then(|| Time::parse(pod.condition("Ready")["lastTransitionTime"].str()).ok()).flatten()
}

/// Tells whether a pod has been ready for `min_ready_s` seconds at `now` (`IsPodAvailable`).
pub fn is_pod_available(pod: &Value, min_ready_s: i64, now: Time) -> bool {
    if !is_pod_ready(pod) {
        return false;
    }
    if min_ready_s <= 0 {
        return true;
    }
    let wait = Duration::from_secs(min_ready_s.unsigned_abs());
    pod_ready_since(pod).is_some_and(|since| since + wait <= now)
}

/// Orders pods by which is missed least: what is not yet on a node, not yet running, not ready, ready for the shortest
/// time, restarted most, youngest (`ActivePods`).
pub fn by_deletion_order(a: &Value, b: &Value) -> Ordering {
    let is_bound = |pod: &Value| !pod["spec"]["nodeName"].is_empty();
    let phase = |pod: &Value| match pod["status"]["phase"].str() {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    let restarts = |pod: &Value| {
        pod["status"]["containerStatuses"].items().iter().map(|c| c["restartCount"].int()).max().unwrap_or(0)
    };
    let created = |pod: &Value| Time::parse(pod["metadata"]["creationTimestamp"].str()).ok();
    // An unknown time comes before a late one, and that before an early one.
    let latest_first = |a: Option<Time>, b: Option<Time>| match (a, b) {
        (Some(a), Some(b)) => b.cmp(&a),
        (a, b) => a.is_some().cmp(&b.is_some()),
    };
    is_bound(a)
        .cmp(&is_bound(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| is_pod_ready(a).cmp(&is_pod_ready(b)))
        .then_with(|| latest_first(pod_ready_since(a), pod_ready_since(b)))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| latest_first(created(a), created(b)))
}

/// Gives after how long the next of the pods that are ready becomes available, none when no pod waits for that
/// (`FindMinNextPodAvailabilityCheck`).
pub fn next_availability_check(pods: &[Value], min_ready_s: i64, now: Time) -> Option<Duration> {
    let wait = Duration::from_secs(min_ready_s.unsigned_abs());
    let due = pods.iter().filter_map(pod_ready_since).map(|since| since + wait);
    due.filter(|due| *due > now).map(|due| due - now).min()
}

/// Carries out `count` calls in batches of 1, 2, 4, 8 and so on, each batch at once, and stops after the first batch
/// that has an error (`slowStartBatch`). Gives the number of successes and the first error.
pub async fn slow_start<F, Fut, T, E>(count: usize, call: F) -> (usize, Option<E>)
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    slow_start_within(usize::MAX, count, call).await
}

/// Does the same in batches of `batch_max` calls at most.
pub async fn slow_start_within<F, Fut, T, E>(batch_max: usize, count: usize, call: F) -> (usize, Option<E>)
where
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let (mut done, mut successes) = (0, 0);
    let mut batch = SLOW_START_INITIAL_BATCH.min(count);
    while batch > 0 {
        let results = join_all((done..done + batch).map(&call)).await;
        done += batch;
        successes += results.iter().filter(|r| r.is_ok()).count();
        if let Some(error) = results.into_iter().find_map(Result::err) {
            return (successes, Some(error));
        }
        batch = (batch * 2).min(count - done).min(batch_max);
    }
    (successes, None)
}
