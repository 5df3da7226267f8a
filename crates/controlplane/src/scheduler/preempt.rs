//! Making room for a pod by removing pods of lower priority (`pkg/scheduler/framework/preemption`).

use super::cache::{Cache, NodeInfo, PodInfo};
use super::filter::{PreFilter, Reject};
use super::volumes::VolumeView;
use object::{ObjectExt, Selector, Value};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A node on which the pod could run, and who would have to go.
pub(super) struct Candidate {
    pub(super) node: String,
    pub(super) victims: Vec<Value>,
    violations: usize,
}

/// Finds where room can be made; else the reasons, counted by node.
pub(super) fn find(
    pod: &Value,
    cache: &Cache,
    rejects: &BTreeMap<String, Reject>,
    budgets: &[Value],
    volumes: &VolumeView,
) -> Result<Candidate, BTreeMap<String, usize>> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut best: Option<Candidate> = None;
    for node in cache.nodes() {
        if rejects.get(node.name()).is_none_or(|reject| reject.for_good) {
            *reasons.entry("Preemption is not helpful for scheduling".to_owned()).or_default() += 1;
            continue;
        }
        match victims(pod, node, cache, budgets, volumes) {
            Ok(candidate) => {
                if best.as_ref().is_none_or(|present| rank(&candidate) < rank(present)) {
                    best = Some(candidate);
                }
            }
            Err(found) => {
                for reason in found {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
        }
    }
    best.ok_or(reasons)
}

/// Orders candidates: fewer violated budgets, a lower highest priority, a lower sum, fewer victims, younger victims.
fn rank(candidate: &Candidate) -> (usize, i64, i64, usize, Reverse<String>) {
    let priorities = || candidate.victims.iter().map(|pod| pod["spec"]["priority"].int());
    let important = priorities().max().unwrap_or(i64::MIN);
    let started = candidate
        .victims
        .iter()
        .filter(|pod| pod["spec"]["priority"].int() == important)
        .map(|pod| pod["status"]["startTime"].str().to_owned())
        .min()
        .unwrap_or_default();
    // Upstream shifts each priority so that more victims never sum to less.
    let sum = priorities().map(|p| p + i64::from(i32::MAX) + 1).sum();
    (candidate.violations, important, sum, candidate.victims.len(), Reverse(started))
}

fn victims(
    pod: &Value,
    node: &NodeInfo,
    cache: &Cache,
    budgets: &[Value],
    volumes: &VolumeView,
) -> Result<Candidate, Vec<String>> {
    let priority = pod["spec"]["priority"].int();
    let mut lower: Vec<Rc<PodInfo>> =
        node.pods.values().filter(|info| info.priority() < priority).cloned().collect();
    if lower.is_empty() {
        return Err(vec!["No preemption victims found for incoming pod".to_owned()]);
    }
    let mut bare = node.clone();
    for info in &lower {
        bare.remove(info.pod.uid());
    }
    fits(pod, &bare, cache, volumes).map_err(|reject| reject.reasons)?;
    // The more important and the longer running are spared first.
    lower.sort_by_key(|info| (Reverse(info.priority()), info.pod["status"]["startTime"].str().to_owned()));
    let (guarded, free): (Vec<_>, Vec<_>) =
        lower.into_iter().partition(|info| is_guarded(&info.pod, budgets));
    let (mut victims, mut violations) = (Vec::new(), 0);
    for (infos, is_violation) in [(guarded, true), (free, false)] {
        for info in infos {
            bare.add(info.clone());
            if fits(pod, &bare, cache, volumes).is_err() {
                bare.remove(info.pod.uid());
                violations += usize::from(is_violation);
                victims.push(info.pod.clone());
            }
        }
    }
    Ok(Candidate { node: node.name().to_owned(), victims, violations })
}

/// Checks one node as it would be, with all others as they are.
fn fits(pod: &Value, changed: &NodeInfo, cache: &Cache, volumes: &VolumeView) -> Result<(), Reject> {
    let others = cache.nodes().filter(|node| node.name() != changed.name());
    let nodes: Vec<&NodeInfo> = others.chain([changed]).collect();
    PreFilter::new(pod, nodes.iter().copied(), volumes).check(changed)
}

/// Tells whether a budget has no disruption left for a pod.
fn is_guarded(pod: &Value, budgets: &[Value]) -> bool {
    budgets.iter().any(|budget| {
        let selector = Selector::from_label_selector(&budget["spec"]["selector"]);
        budget.namespace() == pod.namespace()
            && selector.is_ok_and(|s| !s.is_everything() && s.matches(pod.labels()))
            && budget["status"]["disruptionsAllowed"].int() <= 0
    })
}
