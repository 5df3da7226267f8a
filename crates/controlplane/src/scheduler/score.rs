//! Which of the feasible nodes is best: the score plugins of the default profile with their weights
//! (`pkg/scheduler/apis/config/v1/default_plugins.go`).

use super::affinity::{matches_term, preferred, required};
use super::cache::NodeInfo;
use super::filter::tolerated;
use super::resources::{non_zero_requests, requests};
use super::spread;
use object::{Selector, Value};
use std::collections::BTreeMap;

/// Gives the score of each feasible node.
pub(super) fn scores(
    pod: &Value,
    feasible: &[&NodeInfo],
    all: &[&NodeInfo],
    default_selector: Option<&Selector>,
) -> Vec<i64> {
    let asked = non_zero_requests(pod);
    let mut total = vec![0_i64; feasible.len()];
    let mut add = |weight: i64, scores: Vec<i64>| {
        for (sum, score) in total.iter_mut().zip(scores) {
            *sum += weight * score;
        }
    };
    add(3, scaled(feasible.iter().map(|node| intolerable(pod, node)).collect(), true));
    add(2, scaled(feasible.iter().map(|node| preferred_nodes(pod, node)).collect(), false));
    add(
        1,
        feasible.iter().map(|node| least_allocated(node, asked.get("cpu"), asked.get("memory"))).collect(),
    );
    add(2, spread::scores(pod, feasible, all, default_selector));
    add(2, pod_affinity(pod, feasible, all));
    // A pod that asks for nothing unbalances nothing.
    let asked = requests(pod);
    if asked.get("cpu") > 0 || asked.get("memory") > 0 {
        add(1, feasible.iter().map(|node| balanced(node, asked.get("cpu"), asked.get("memory"))).collect());
    }
    total
}

/// Scales to 0..100 by the largest; `reverse` makes fewer better (`DefaultNormalizeScore`).
fn scaled(raw: Vec<i64>, reverse: bool) -> Vec<i64> {
    let most = raw.iter().copied().max().unwrap_or(0);
    let scale = |score: i64| if most == 0 { 0 } else { score * 100 / most };
    raw.into_iter().map(|score| if reverse { 100 - scale(score) } else { scale(score) }).collect()
}

fn intolerable(pod: &Value, node: &NodeInfo) -> i64 {
    let taints = node.node["spec"]["taints"].items().iter();
    let counted =
        taints.filter(|t| t["effect"] == "PreferNoSchedule" && !tolerated(&pod["spec"]["tolerations"], t));
    counted.count() as i64
}

fn preferred_nodes(pod: &Value, node: &NodeInfo) -> i64 {
    let terms =
        pod.at(&["spec", "affinity", "nodeAffinity", "preferredDuringSchedulingIgnoredDuringExecution"]);
    let matching = terms.items().iter().filter(|term| matches_term(&term["preference"], &node.node));
    matching.map(|term| term["weight"].int()).sum()
}

fn least_allocated(node: &NodeInfo, cpu: i64, memory: i64) -> i64 {
    let free = |name: &str, asked: i64| {
        let capacity = node.allocatable.get(name);
        let used = node.non_zero.get(name) + asked;
        if capacity == 0 || used > capacity { 0 } else { (capacity - used) * 100 / capacity }
    };
    i64::midpoint(free("cpu", cpu), free("memory", memory))
}

fn balanced(node: &NodeInfo, cpu: i64, memory: i64) -> i64 {
    let fraction = |name: &str, asked: i64| {
        let capacity = node.allocatable.get(name);
        if capacity == 0 {
            1.0
        } else {
            ((node.requested.get(name) + asked) as f64 / capacity as f64).min(1.0)
        }
    };
    let deviation = ((fraction("cpu", cpu) - fraction("memory", memory)) / 2.0).abs();
    ((1.0 - deviation) * 100.0) as i64
}

/// Sums the weights of preferred affinity, of the pod's own terms and of those of the pods already there.
fn pod_affinity(pod: &Value, feasible: &[&NodeInfo], all: &[&NodeInfo]) -> Vec<i64> {
    /// What a required term of a pod that is there weighs (`hardPodAffinityWeight`).
    const HARD_WEIGHT: i64 = 1;
    let mut weights: BTreeMap<(String, String), i64> = BTreeMap::new();
    let (wanted, unwanted) = (preferred(pod, "podAffinity"), preferred(pod, "podAntiAffinity"));
    for node in all {
        let mut note = |key: &str, weight: i64| {
            if let Some(value) = node.label(key) {
                *weights.entry((key.to_owned(), value.to_owned())).or_default() += weight;
            }
        };
        for other in node.pods.values().map(|info| &info.pod) {
            for (weight, term) in wanted.iter().filter(|(_, term)| term.matches(other)) {
                note(&term.topology_key, *weight);
            }
            for (weight, term) in unwanted.iter().filter(|(_, term)| term.matches(other)) {
                note(&term.topology_key, -weight);
            }
            for term in required(other, "podAffinity").iter().filter(|term| term.matches(pod)) {
                note(&term.topology_key, HARD_WEIGHT);
            }
            for (weight, term) in preferred(other, "podAffinity").iter().filter(|(_, term)| term.matches(pod))
            {
                note(&term.topology_key, *weight);
            }
            for (weight, term) in
                preferred(other, "podAntiAffinity").iter().filter(|(_, term)| term.matches(pod))
            {
                note(&term.topology_key, -weight);
            }
        }
    }
    let sum = |node: &&NodeInfo| {
        weights.iter().filter(|((key, value), _)| node.label(key) == Some(value)).map(|(_, w)| w).sum::<i64>()
    };
    let raw: Vec<i64> = feasible.iter().map(sum).collect();
    let (least, most) = (raw.iter().copied().min().unwrap_or(0), raw.iter().copied().max().unwrap_or(0));
    raw.into_iter()
        .map(|score| if most > least { 100 * (score - least) / (most - least) } else { 0 })
        .collect()
}
