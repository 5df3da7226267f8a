//! Which nodes a pod may run on: the filter plugins of the default profile, in their order
//! (`pkg/scheduler/framework/plugins`).

use super::affinity;
use super::cache::NodeInfo;
use super::resources::requests;
use super::spread;
use super::volumes::VolumeView;
use object::Value;

/// Why a node does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reject {
    pub(super) reasons: Vec<String>,
    /// Whether removing pods from the node could not help either.
    pub(super) for_good: bool,
}

impl Reject {
    pub(super) fn now(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], for_good: false }
    }

    pub(super) fn for_good(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], for_good: true }
    }
}

/// What is computed once for a pod, over all nodes.
pub(super) struct PreFilter<'a> {
    pub(super) pod: &'a Value,
    pub(super) spread: spread::Hard,
    pub(super) affinity: affinity::PodAffinity,
    pub(super) volumes: &'a VolumeView,
}

impl<'a> PreFilter<'a> {
    pub(super) fn new<'n>(
        pod: &'a Value,
        nodes: impl Iterator<Item = &'n NodeInfo> + Clone,
        volumes: &'a VolumeView,
    ) -> Self {
        Self {
            pod,
            spread: spread::Hard::new(pod, nodes.clone()),
            affinity: affinity::PodAffinity::new(pod, nodes),
            volumes,
        }
    }

    /// Tells whether the pod may run on a node.
    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reject> {
        let pod = self.pod;
        unschedulable(pod, node)?;
        let wanted = pod["spec"]["nodeName"].str();
        if !wanted.is_empty() && wanted != node.name() {
            return Err(Reject::for_good("node(s) didn't match the requested node name"));
        }
        tainted(pod, node)?;
        if !affinity::matches_node(pod, &node.node) {
            return Err(Reject::for_good("node(s) didn't match Pod's node affinity/selector"));
        }
        if ports_clash(pod, node) {
            return Err(Reject::now("node(s) didn't have free ports for the requested pod ports"));
        }
        fits(pod, node)?;
        self.volumes.check(node)?;
        self.spread.check(node)?;
        self.affinity.check(node)
    }
}

/// Tells whether a toleration covers a taint (`ToleratesTaint`).
pub fn tolerates(toleration: &Value, taint: &Value) -> bool {
    let effect = toleration["effect"].str();
    if !effect.is_empty() && effect != taint["effect"].str() {
        return false;
    }
    let key = toleration["key"].str();
    if !key.is_empty() && key != taint["key"].str() {
        return false;
    }
    match toleration["operator"].str() {
        "" | "Equal" => !key.is_empty() && toleration["value"].str() == taint["value"].str(),
        "Exists" => true,
        _ => false,
    }
}

/// Tells whether any of the tolerations covers a taint.
pub fn tolerated(tolerations: &Value, taint: &Value) -> bool {
    tolerations.items().iter().any(|toleration| tolerates(toleration, taint))
}

fn unschedulable(pod: &Value, node: &NodeInfo) -> Result<(), Reject> {
    if !node.node["spec"]["unschedulable"].bool() {
        return Ok(());
    }
    let taint = object::value!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let may = tolerated(&pod["spec"]["tolerations"], &taint);
    if may { Ok(()) } else { Err(Reject::for_good("node(s) were unschedulable")) }
}

fn tainted(pod: &Value, node: &NodeInfo) -> Result<(), Reject> {
    let repels = |taint: &&Value| {
        matches!(taint["effect"].str(), "NoSchedule" | "NoExecute")
            && !tolerated(&pod["spec"]["tolerations"], taint)
    };
    match node.node["spec"]["taints"].items().iter().find(repels) {
        None => Ok(()),
        Some(taint) => {
            let (key, value) = (taint["key"].str(), taint["value"].str());
            // 1.36 writes the taint without its value when it has none.
            Err(Reject::for_good(format!("node(s) had untolerated taint(s) {{{key}: {value}}}")))
        }
    }
}

fn host_ports(pod: &Value) -> Vec<(String, String, i64)> {
    let ports = pod["spec"]["containers"].items().iter().flat_map(|c| c["ports"].items());
    ports
        .filter(|port| port["hostPort"].int() > 0)
        .map(|port| {
            let protocol = port["protocol"].as_str().unwrap_or("TCP");
            let ip = port["hostIP"].as_str().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
            (ip.to_owned(), protocol.to_owned(), port["hostPort"].int())
        })
        .collect()
}

fn ports_clash(pod: &Value, node: &NodeInfo) -> bool {
    let wanted = host_ports(pod);
    let clash = |(ip, protocol, port): &(String, String, i64), used: &(String, String, i64)| {
        *protocol == used.1 && *port == used.2 && (*ip == used.0 || ip == "0.0.0.0" || used.0 == "0.0.0.0")
    };
    !wanted.is_empty()
        && node.pods.values().any(|info| {
            let used = host_ports(&info.pod);
            wanted.iter().any(|want| used.iter().any(|have| clash(want, have)))
        })
}

/// Tells whether the node has what the pod asks for (`noderesources/fit.go`).
fn fits(pod: &Value, node: &NodeInfo) -> Result<(), Reject> {
    let mut reasons = Vec::new();
    let mut for_good = false;
    if node.pods.len() as i64 + 1 > node.allocatable.get("pods") {
        reasons.push("Too many pods".to_owned());
    }
    for (name, asked) in &requests(pod).0 {
        if *asked == 0 {
            continue;
        }
        if *asked > node.allocatable.get(name) - node.requested.get(name) {
            reasons.push(format!("Insufficient {name}"));
            // More than an empty node has: no pod needs to go for it.
            for_good |= *asked > node.allocatable.get(name);
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Reject { reasons, for_good }) }
}
