//! Topology spread constraints (`podtopologyspread`).

use super::affinity::matches_node;
use super::cache::NodeInfo;
use super::filter::{Reject, tolerated};
use object::{ObjectExt, Selector, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The constraints that a pod without any gets for scoring (`plugin.go`, `systemDefaultConstraints`).
const DEFAULTS: [(&str, i64); 2] = [("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5)];

#[derive(Clone)]
pub(super) struct Constraint {
    pub(super) key: String,
    max_skew: i64,
    min_domains: i64,
    selector: Selector,
    honours_affinity: bool,
    honours_taints: bool,
}

impl Constraint {
    fn read(constraint: &Value, pod: &Value) -> Self {
        let mut selector = constraint["labelSelector"].clone();
        for key in constraint["matchLabelKeys"].items() {
            if let Some(value) = pod.label(key.str()) {
                selector.set(&["matchLabels", key.str()], value);
            }
        }
        Self {
            key: constraint["topologyKey"].str().to_owned(),
            max_skew: constraint["maxSkew"].int(),
            min_domains: constraint["minDomains"].as_i64().unwrap_or(1),
            selector: Selector::from_label_selector(&selector).unwrap_or_else(|_| Selector::nothing()),
            honours_affinity: constraint["nodeAffinityPolicy"] != "Ignore",
            honours_taints: constraint["nodeTaintsPolicy"] == "Honor",
        }
    }

    /// Tells whether a node counts for this constraint.
    fn counts(&self, pod: &Value, node: &NodeInfo) -> bool {
        let affinity = !self.honours_affinity || matches_node(pod, &node.node);
        let taints = !self.honours_taints
            || node.node["spec"]["taints"].items().iter().all(|taint| {
                taint["effect"] == "PreferNoSchedule" || tolerated(&pod["spec"]["tolerations"], taint)
            });
        affinity && taints
    }

    /// Counts the pods on a node that match and are not on their way out.
    fn on_node(&self, pod: &Value, node: &NodeInfo) -> i64 {
        let matching = node.pods.values().filter(|info| {
            info.pod.namespace() == pod.namespace()
                && !info.pod.is_deleting()
                && self.selector.matches(info.pod.labels())
        });
        matching.count() as i64
    }
}

fn constraints(pod: &Value, when: &str) -> Vec<Constraint> {
    let all = pod["spec"]["topologySpreadConstraints"].items().iter();
    all.filter(|c| c["whenUnsatisfiable"] == when).map(|c| Constraint::read(c, pod)).collect()
}

/// The constraints that must hold, with the pods counted by topology.
pub(super) struct Hard {
    constraints: Vec<(Constraint, BTreeMap<String, i64>)>,
    matches_itself: Vec<bool>,
}

impl Hard {
    pub(super) fn new<'n>(pod: &Value, nodes: impl Iterator<Item = &'n NodeInfo> + Clone) -> Self {
        let wanted = constraints(pod, "DoNotSchedule");
        let keys: Vec<String> = wanted.iter().map(|c| c.key.clone()).collect();
        let has_all = |node: &&NodeInfo| keys.iter().all(|key| node.label(key).is_some());
        let mut counted = Vec::new();
        let mut matches_itself = Vec::new();
        for constraint in wanted {
            let mut counts: BTreeMap<String, i64> = BTreeMap::new();
            for node in nodes.clone().filter(has_all).filter(|node| constraint.counts(pod, node)) {
                let domain = node.label(&constraint.key).expect("has all keys");
                *counts.entry(domain.to_owned()).or_default() += constraint.on_node(pod, node);
            }
            matches_itself.push(constraint.selector.matches(pod.labels()));
            counted.push((constraint, counts));
        }
        Self { constraints: counted, matches_itself }
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reject> {
        for ((constraint, counts), matches_itself) in self.constraints.iter().zip(&self.matches_itself) {
            let Some(domain) = node.label(&constraint.key) else {
                let reason = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Err(Reject::for_good(reason));
            };
            let enough = counts.len() as i64 >= constraint.min_domains;
            let least = if enough { counts.values().copied().min().unwrap_or(0) } else { 0 };
            let here = counts.get(domain).copied().unwrap_or(0) + i64::from(*matches_itself);
            if here - least > constraint.max_skew {
                return Err(Reject::now("node(s) didn't match pod topology spread constraints"));
            }
        }
        Ok(())
    }
}

/// Scores nodes by how evenly pods would be spread over them: higher is better, 0 to 100. `default_selector` is that
/// of the services and workloads the pod belongs to, for pods without constraints of their own.
pub(super) fn scores(
    pod: &Value,
    feasible: &[&NodeInfo],
    all: &[&NodeInfo],
    default_selector: Option<&Selector>,
) -> Vec<i64> {
    let own = constraints(pod, "ScheduleAnyway");
    let is_default = pod["spec"]["topologySpreadConstraints"].is_empty();
    let wanted: Vec<Constraint> = match (own.is_empty(), is_default, default_selector) {
        (false, _, _) => own,
        (true, true, Some(selector)) => DEFAULTS
            .iter()
            .map(|(key, max_skew)| Constraint {
                key: (*key).to_owned(),
                max_skew: *max_skew,
                min_domains: 1,
                selector: selector.clone(),
                honours_affinity: true,
                honours_taints: false,
            })
            .collect(),
        _ => return vec![0; feasible.len()],
    };
    let has_all = |node: &NodeInfo| is_default || wanted.iter().all(|c| node.label(&c.key).is_some());
    let mut raw = vec![0.0_f64; feasible.len()];
    for constraint in &wanted {
        let is_host = constraint.key == "kubernetes.io/hostname";
        let domains: BTreeSet<&str> =
            feasible.iter().filter(|n| has_all(n)).filter_map(|node| node.label(&constraint.key)).collect();
        let size = if is_host { feasible.iter().filter(|n| has_all(n)).count() } else { domains.len() };
        let weight = ((size + 2) as f64).ln();
        let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
        for node in all.iter().filter(|node| has_all(node) && constraint.counts(pod, node)) {
            if let Some(domain) = node.label(&constraint.key).filter(|domain| domains.contains(domain)) {
                *counts.entry(domain).or_default() += constraint.on_node(pod, node);
            }
        }
        for (score, node) in raw.iter_mut().zip(feasible) {
            if let Some(domain) = node.label(&constraint.key) {
                let count = if is_host {
                    constraint.on_node(pod, node)
                } else {
                    counts.get(domain).copied().unwrap_or(0)
                };
                *score += count as f64 * weight + (constraint.max_skew - 1) as f64;
            }
        }
    }
    normalise(&raw, feasible, &has_all)
}

fn normalise(raw: &[f64], feasible: &[&NodeInfo], counted: &dyn Fn(&NodeInfo) -> bool) -> Vec<i64> {
    let rounded: Vec<Option<i64>> =
        raw.iter().zip(feasible).map(|(score, node)| counted(node).then(|| score.round() as i64)).collect();
    let least = rounded.iter().flatten().copied().min().unwrap_or(0);
    let most = rounded.iter().flatten().copied().max().unwrap_or(0);
    rounded
        .into_iter()
        .map(|score| match score {
            None => 0,
            Some(_) if most == 0 => 100,
            Some(score) => 100 * (most + least - score) / most,
        })
        .collect()
}
