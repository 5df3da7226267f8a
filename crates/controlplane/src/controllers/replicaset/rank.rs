//! Which pods go first when there are too many (`ActivePodsWithRanks` in `pkg/controller/controller_utils.go`).

use crate::machinery::{is_pod_active, is_pod_ready, pod_ready_since};
use object::{ObjectExt, Time, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// Chooses `count` of the pods to delete; `related` are the pods that count when nodes are compared.
pub(super) fn pods_to_delete(pods: &[Value], related: &[Value], count: usize, now: Time) -> Vec<Value> {
    let mut on_node: BTreeMap<&str, usize> = BTreeMap::new();
    for pod in related.iter().filter(|pod| is_pod_active(pod)) {
        *on_node.entry(pod["spec"]["nodeName"].str()).or_default() += 1;
    }
    let mut ranked: Vec<(&Value, usize)> = pods
        .iter()
        .map(|pod| (pod, on_node.get(pod["spec"]["nodeName"].str()).copied().unwrap_or(0)))
        .collect();
    if count < ranked.len() {
        ranked.sort_by(|a, b| compare(*a, *b, now));
    }
    ranked.into_iter().take(count).map(|(pod, _)| pod.clone()).collect()
}

/// Orders two pods: the one that is `Less` goes first.
fn compare((a, rank_a): (&Value, usize), (b, rank_b): (&Value, usize), now: Time) -> Ordering {
    let unassigned = |pod: &Value| !pod["spec"]["nodeName"].str().is_empty();
    let phase = |pod: &Value| match pod["status"]["phase"].str() {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    };
    unassigned(a)
        .cmp(&unassigned(b))
        .then_with(|| phase(a).cmp(&phase(b)))
        .then_with(|| is_pod_ready(a).cmp(&is_pod_ready(b)))
        .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
        // More pods on the same node go first.
        .then_with(|| rank_b.cmp(&rank_a))
        .then_with(|| by_age(pod_ready_since(a), pod_ready_since(b), now))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| by_age(created(a), created(b), now))
        .then_with(|| a.uid().cmp(b.uid()))
}

/// Puts the younger first, as far as their ages differ by a power of two, so that the choice is not always the
/// youngest (KEP-2185); an unknown time goes first.
///
/// Upstream breaks a tie of powers by uid at once, but only where the times differ, which is no total order; here
/// the uid decides last.
fn by_age(a: Option<Time>, b: Option<Time>, now: Time) -> Ordering {
    let power = |time: Time| (now - time).as_nanos().max(1).ilog2();
    a.map(power).cmp(&b.map(power))
}

fn created(pod: &Value) -> Option<Time> {
    Time::parse(pod["metadata"]["creationTimestamp"].str()).ok()
}

fn deletion_cost(pod: &Value) -> i32 {
    pod.annotation("controller.kubernetes.io/pod-deletion-cost")
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0)
}

fn restarts(pod: &Value) -> i64 {
    pod["status"]["containerStatuses"].items().iter().map(|c| c["restartCount"].int()).max().unwrap_or(0)
}
