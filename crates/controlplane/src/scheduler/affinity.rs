//! Affinity to nodes and to other pods (`nodeaffinity`, `interpodaffinity`).

use super::cache::NodeInfo;
use super::filter::Reject;
use object::{ObjectExt, Selector, Value};
use std::collections::BTreeMap;

/// Tells whether a node has the labels and satisfies the required affinity of a pod.
pub fn matches_node(pod: &Value, node: &Value) -> bool {
    let selector = &pod["spec"]["nodeSelector"];
    let has_labels = selector.entries().all(|(key, value)| node.label(key.as_str()) == value.as_str());
    let required =
        pod.at(&["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]);
    has_labels
        && (required.is_null()
            || required["nodeSelectorTerms"].items().iter().any(|term| matches_term(term, node)))
}

/// Tells whether a node satisfies one term: all its expressions and fields; an empty term matches nothing.
pub(super) fn matches_term(term: &Value, node: &Value) -> bool {
    let (expressions, fields) = (term["matchExpressions"].items(), term["matchFields"].items());
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let by_label = |e: &Value| matches_requirement(e, node.label(e["key"].str()));
    let by_field = |e: &Value| e["key"] == "metadata.name" && matches_requirement(e, Some(node.name()));
    expressions.iter().all(by_label) && fields.iter().all(by_field)
}

fn matches_requirement(requirement: &Value, found: Option<&str>) -> bool {
    let values = requirement["values"].items();
    let listed = || found.is_some_and(|found| values.iter().any(|value| *value == found));
    let number = |text: &str| text.parse::<i64>().ok();
    match requirement["operator"].str() {
        "In" => listed(),
        "NotIn" => !listed(),
        "Exists" => found.is_some(),
        "DoesNotExist" => found.is_none(),
        "Gt" => found
            .and_then(number)
            .zip(number(values.first().map_or("", Value::str)))
            .is_some_and(|(a, b)| a > b),
        "Lt" => found
            .and_then(number)
            .zip(number(values.first().map_or("", Value::str)))
            .is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

/// One term about other pods.
#[derive(Clone)]
pub(super) struct Term {
    selector: Selector,
    namespaces: Vec<String>,
    every_namespace: bool,
    pub(super) topology_key: String,
}

impl Term {
    fn read(term: &Value, pod: &Value) -> Self {
        let mut namespaces: Vec<String> =
            term["namespaces"].items().iter().map(|n| n.str().to_owned()).collect();
        let by_selector = &term["namespaceSelector"];
        if namespaces.is_empty() && by_selector.is_null() {
            namespaces.push(pod.namespace().to_owned());
        }
        Self {
            selector: Selector::from_label_selector(&term["labelSelector"])
                .unwrap_or_else(|_| Selector::nothing()),
            namespaces,
            // An empty selector is every namespace; namespaces' own labels are not looked at.
            every_namespace: by_selector.as_map().is_some_and(object::Map::is_empty),
            topology_key: term["topologyKey"].str().to_owned(),
        }
    }

    pub(super) fn matches(&self, pod: &Value) -> bool {
        (self.every_namespace || self.namespaces.iter().any(|n| n == pod.namespace()))
            && self.selector.matches(pod.labels())
    }
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn required(pod: &Value, kind: &str) -> Vec<Term> {
    pod.at(&["spec", "affinity", kind, REQUIRED]).items().iter().map(|term| Term::read(term, pod)).collect()
}

pub(super) fn preferred(pod: &Value, kind: &str) -> Vec<(i64, Term)> {
    let terms = pod.at(&["spec", "affinity", kind, PREFERRED]).items();
    terms.iter().map(|term| (term["weight"].int(), Term::read(&term["podAffinityTerm"], pod))).collect()
}

/// A topology's key and value.
type Domain = (String, String);

fn domain(node: &NodeInfo, key: &str) -> Option<Domain> {
    node.label(key).map(|value| (key.to_owned(), value.to_owned()))
}

/// The required affinity and anti-affinity of a pod, counted over all nodes.
pub(super) struct PodAffinity {
    affinity: Vec<Term>,
    anti_affinity: Vec<Term>,
    wanted: BTreeMap<Domain, i64>,
    repelled: BTreeMap<Domain, i64>,
    /// Where pods already there do not want this one.
    refused: BTreeMap<Domain, i64>,
    matches_itself: bool,
}

impl PodAffinity {
    pub(super) fn new<'n>(pod: &Value, nodes: impl Iterator<Item = &'n NodeInfo>) -> Self {
        let (affinity, anti_affinity) = (required(pod, "podAffinity"), required(pod, "podAntiAffinity"));
        let matches_itself = affinity.iter().all(|term| term.matches(pod));
        let mut counted = Self {
            affinity,
            anti_affinity,
            wanted: BTreeMap::new(),
            repelled: BTreeMap::new(),
            refused: BTreeMap::new(),
            matches_itself,
        };
        for node in nodes {
            for info in node.pods.values() {
                counted.count(pod, node, &info.pod);
            }
        }
        counted
    }

    fn count(&mut self, pod: &Value, node: &NodeInfo, other: &Value) {
        let note = |into: &mut BTreeMap<Domain, i64>, key: &str| {
            if let Some(domain) = domain(node, key) {
                *into.entry(domain).or_default() += 1;
            }
        };
        // A pod matches the affinity only when it matches all its terms.
        if !self.affinity.is_empty() && self.affinity.iter().all(|term| term.matches(other)) {
            for term in &self.affinity {
                note(&mut self.wanted, &term.topology_key);
            }
        }
        for term in &self.anti_affinity {
            if term.matches(other) {
                note(&mut self.repelled, &term.topology_key);
            }
        }
        for term in required(other, "podAntiAffinity") {
            if term.matches(pod) {
                note(&mut self.refused, &term.topology_key);
            }
        }
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reject> {
        let has = |counts: &BTreeMap<Domain, i64>, key: &str| {
            domain(node, key).is_some_and(|domain| counts.get(&domain).is_some_and(|count| *count > 0))
        };
        let missing = self.affinity.iter().any(|term| node.label(&term.topology_key).is_none());
        let unmet = self.affinity.iter().any(|term| !has(&self.wanted, &term.topology_key));
        // The first of a group that wants to be together has nobody to join.
        let may_be_first = self.wanted.is_empty() && self.matches_itself;
        if missing || (unmet && !may_be_first) {
            return Err(Reject::for_good("node(s) didn't match pod affinity rules"));
        }
        if self.anti_affinity.iter().any(|term| has(&self.repelled, &term.topology_key)) {
            return Err(Reject::now("node(s) didn't match pod anti-affinity rules"));
        }
        let refuses = |((key, value), count): (&Domain, &i64)| *count > 0 && node.label(key) == Some(value);
        if self.refused.iter().any(refuses) {
            return Err(Reject::now("node(s) didn't satisfy existing pods anti-affinity rules"));
        }
        Ok(())
    }
}
