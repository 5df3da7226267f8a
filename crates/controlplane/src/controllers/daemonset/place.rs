//! Where a DaemonSet's pods run, and what such a pod is (`pkg/controller/daemon/daemon_controller.go`,
//! `pkg/controller/daemon/util/daemonset_util.go`).

use crate::controllers::pod_from_template;
use crate::scheduler::{matches_node, tolerated};
use object::{ObjectExt, Value, value};

pub(super) const HASH: &str = "controller-revision-hash";
const POD_GENERATION: &str = "pod-template-generation";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The taints of a node in trouble, which daemons tolerate for ever.
const TOLERATED: &[(&str, &str)] = &[
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// Adds what daemons tolerate to a pod's own tolerations; a toleration of the same taint loses its limit in time.
fn add_tolerations(spec: &mut Value) {
    let network =
        spec["hostNetwork"].bool().then_some(("node.kubernetes.io/network-unavailable", "NoSchedule"));
    for (key, effect) in TOLERATED.iter().copied().chain(network) {
        let wanted = value!({"key": key, "operator": "Exists", "effect": effect});
        let mut tolerations = spec["tolerations"].items().to_vec();
        let same = |present: &Value| {
            ["key", "operator", "effect", "value"].iter().all(|field| present[*field] == wanted[*field])
        };
        match tolerations.iter_mut().find(|present| same(present)) {
            Some(present) => *present = wanted,
            None => tolerations.push(wanted),
        }
        spec.set(&["tolerations"], tolerations);
    }
}

/// Whether a node is to have a pod of a DaemonSet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// A pod is to be made if there is none.
    pub(super) should_run: bool,
    /// A pod that is there may stay.
    pub(super) may_stay: bool,
}

/// Decides whether a node is to have a pod (`NodeShouldRunDaemonPod`).
pub(super) fn placement(ds: &Value, node: &Value) -> Placement {
    let no = Placement { should_run: false, may_stay: false };
    let template = &ds["spec"]["template"];
    let named = template["spec"]["nodeName"].str();
    if !named.is_empty() && named != node.name() {
        return no;
    }
    let mut pod = template.clone();
    add_tolerations(pod.slot(&["spec"]));
    if !matches_node(&pod, node) {
        return no;
    }
    let tolerations = &pod["spec"]["tolerations"];
    let has_untolerated = |effects: &[&str]| {
        let taints = node["spec"]["taints"].items().iter();
        taints.filter(|t| effects.contains(&t["effect"].str())).any(|taint| !tolerated(tolerations, taint))
    };
    Placement {
        should_run: !has_untolerated(&["NoSchedule", "NoExecute"]),
        // A taint that only keeps pods from coming lets those that are there stay.
        may_stay: !has_untolerated(&["NoExecute"]),
    }
}

fn template_generation(ds: &Value) -> Option<i64> {
    ds.annotation(TEMPLATE_GENERATION)?.parse().ok()
}

/// Tells whether a pod was made of the present template.
pub(super) fn is_updated(pod: &Value, ds: &Value, hash: &str) -> bool {
    let by_hash = !hash.is_empty() && pod.label(HASH) == Some(hash);
    let generation = template_generation(ds).map(|generation| generation.to_string());
    by_hash || generation.is_some_and(|generation| pod.label(POD_GENERATION) == Some(&generation))
}

/// Makes the pod of a node; the scheduler binds it there because its affinity names the node.
pub(super) fn pod_for(ds: &Value, node: &str, hash: &str) -> Value {
    let mut pod = pod_from_template(&ds["spec"]["template"], ds);
    if let Some(generation) = template_generation(ds) {
        pod.set(&["metadata", "labels", POD_GENERATION], generation.to_string());
    }
    if !hash.is_empty() {
        pod.set(&["metadata", "labels", HASH], hash);
    }
    let spec = pod.slot(&["spec"]);
    add_tolerations(spec);
    let only_here = value!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]);
    let path =
        ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"];
    spec.set(&path, only_here);
    pod
}

/// Gives the node that a pod is or will be on, none when its affinity names no single one.
pub(super) fn target_node(pod: &Value) -> Option<&str> {
    let bound = pod["spec"]["nodeName"].str();
    if !bound.is_empty() {
        return Some(bound);
    }
    let required =
        pod.at(&["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]);
    let fields = required["nodeSelectorTerms"].items().iter().flat_map(|term| term["matchFields"].items());
    let mut named = fields.filter(|field| field["key"] == "metadata.name" && field["operator"] == "In");
    match named.next()?["values"].items() {
        [node] => Some(node.str()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(spec: Value) -> Value {
        value!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "n", "uid": "u"},
            "spec": {"template": {"metadata": {"labels": {"app": "agent"}}, "spec": spec}},
        })
    }

    fn check(spec: Value, taints: Value, expected: (bool, bool)) {
        let node =
            value!({"metadata": {"name": "n1", "labels": {"disk": "ssd"}}, "spec": {"taints": taints}});
        let found = placement(&daemon(spec), &node);
        assert_eq!((found.should_run, found.may_stay), expected);
    }

    #[test]
    fn a_daemon_runs_where_it_fits_and_stays_where_it_is_not_driven_out() {
        let taint = |key: &str, effect: &str| value!([{"key": key, "effect": effect}]);
        check(value!({}), value!([]), (true, true));
        check(value!({}), taint("k", "NoSchedule"), (false, true));
        check(value!({}), taint("k", "NoExecute"), (false, false));
        check(value!({}), taint("k", "PreferNoSchedule"), (true, true));
        check(value!({}), taint("node.kubernetes.io/unschedulable", "NoSchedule"), (true, true));
        check(value!({}), taint("node.kubernetes.io/not-ready", "NoExecute"), (true, true));
        check(value!({}), taint("node.kubernetes.io/network-unavailable", "NoSchedule"), (false, true));
        check(
            value!({"hostNetwork": true}),
            taint("node.kubernetes.io/network-unavailable", "NoSchedule"),
            (true, true),
        );
        check(
            value!({"tolerations": [{"key": "k", "operator": "Exists"}]}),
            taint("k", "NoExecute"),
            (true, true),
        );
        check(value!({"nodeSelector": {"disk": "hdd"}}), value!([]), (false, false));
        check(value!({"nodeName": "n2"}), value!([]), (false, false));
    }

    #[test]
    fn a_pod_knows_its_node_before_it_is_bound() {
        let pod = pod_for(&daemon(value!({})), "n7", "h");
        assert_eq!(target_node(&pod), Some("n7"));
        assert_eq!(target_node(&pod.clone().with(&["spec", "nodeName"], "n8")), Some("n8"));
        assert_eq!(target_node(&value!({"spec": {}})), None);
        assert!(is_updated(&pod, &daemon(value!({})), "h"));
        assert!(!is_updated(&pod, &daemon(value!({})), "other"));
    }
}
