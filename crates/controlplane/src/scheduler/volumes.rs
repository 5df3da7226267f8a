//! The claims of a pod: which nodes can reach its volumes, and what must be bound before it starts (`volumebinding`).

use super::affinity::matches_term;
use super::cache::NodeInfo;
use super::filter::Reject;
use crate::machinery::Lister;
use object::{ObjectExt, Quantity, Value};

/// The annotation by which the scheduler tells a provisioner where a volume is wanted.
pub(super) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// A class that makes nothing: its volumes are made by hand.
const NO_PROVISIONER: &str = "kubernetes.io/no-provisioner";

/// The claims of one pod as the scheduler's caches show them.
#[derive(Default)]
pub(super) struct VolumeView {
    /// What no node can mend.
    problem: Option<String>,
    /// Volumes of bound claims.
    bound: Vec<Value>,
    /// Claims that wait for a node, each with the volumes that would do.
    open: Vec<(Value, Vec<Value>, bool)>,
}

/// What to write before the pod can be bound.
#[derive(Clone, Debug)]
pub(super) enum Binding {
    /// This claim is to be provisioned for the node.
    Provision(Value),
    /// This claim is to be bound to this volume.
    Claim(Value, Value),
}

/// Gives the names of the claims that a pod's volumes use.
pub fn claim_names(pod: &Value) -> Vec<String> {
    let volumes = pod["spec"]["volumes"].items().iter();
    volumes
        .filter_map(|volume| {
            let claim = volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned);
            let ephemeral = || {
                (!volume["ephemeral"].is_null()).then(|| format!("{}-{}", pod.name(), volume["name"].str()))
            };
            claim.or_else(ephemeral)
        })
        .collect()
}

impl VolumeView {
    pub(super) fn new(pod: &Value, claims: &Lister, volumes: &Lister, classes: &Lister) -> Self {
        let mut view = Self::default();
        for name in claim_names(pod) {
            let Some(claim) = claims.get(pod.namespace(), &name) else {
                view.problem = Some(format!("persistentvolumeclaim {name:?} not found"));
                return view;
            };
            if claim.is_deleting() {
                view.problem = Some(format!("persistentvolumeclaim {name:?} is being deleted"));
                return view;
            }
            let volume = claim["spec"]["volumeName"].str();
            if !volume.is_empty() {
                // A volume that is not in the cache yet is found the next time.
                match volumes.get("", volume) {
                    Some(volume) => view.bound.push(volume),
                    None => {
                        view.problem = Some("pod has unbound immediate PersistentVolumeClaims".to_owned());
                    }
                }
                continue;
            }
            let class = classes.get("", claim["spec"]["storageClassName"].str());
            let waits = class.as_ref().is_some_and(|c| c["volumeBindingMode"] == "WaitForFirstConsumer");
            if !waits {
                view.problem = Some("pod has unbound immediate PersistentVolumeClaims".to_owned());
                return view;
            }
            let fits: Vec<Value> =
                volumes.list().into_iter().filter(|volume| would_do(volume, &claim)).collect();
            let can_provision = class.is_some_and(|c| c["provisioner"] != NO_PROVISIONER);
            view.open.push((claim, fits, can_provision));
        }
        view
    }

    /// Gives what no node can mend.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    pub(super) fn check(&self, node: &NodeInfo) -> Result<(), Reject> {
        if !self.bound.iter().all(|volume| reaches(volume, node)) {
            return Err(Reject::for_good("node(s) didn't match PersistentVolume's node affinity"));
        }
        let has_place = |(_, fits, can_provision): &(Value, Vec<Value>, bool)| {
            *can_provision || fits.iter().any(|volume| reaches(volume, node))
        };
        if !self.open.iter().all(has_place) {
            return Err(Reject::for_good("node(s) didn't find available persistent volumes to bind"));
        }
        Ok(())
    }

    /// Gives what must be written for the pod to start on a node.
    pub(super) fn bindings(&self, node: &NodeInfo) -> Vec<Binding> {
        let choose = |(claim, fits, _): &(Value, Vec<Value>, bool)| {
            let volume =
                fits.iter().filter(|volume| reaches(volume, node)).min_by_key(|volume| capacity(volume));
            match volume {
                Some(volume) => Binding::Claim(claim.clone(), volume.clone()),
                None => Binding::Provision(claim.clone()),
            }
        };
        self.open.iter().map(choose).collect()
    }
}

fn capacity(volume: &Value) -> i64 {
    Quantity::of(&volume["spec"]["capacity"]["storage"]).unwrap_or_default().value()
}

/// Tells whether a free volume satisfies a claim.
fn would_do(volume: &Value, claim: &Value) -> bool {
    let asked = Quantity::of(&claim["spec"]["resources"]["requests"]["storage"]).unwrap_or_default().value();
    let modes = volume["spec"]["accessModes"].items();
    let holder = &volume["spec"]["claimRef"];
    let is_free =
        holder.is_null() || (holder["name"] == claim.name() && holder["namespace"] == claim.namespace());
    is_free
        && !volume.is_deleting()
        && matches!(volume["status"]["phase"].str(), "" | "Available")
        && volume["spec"]["storageClassName"].str() == claim["spec"]["storageClassName"].str()
        && capacity(volume) >= asked
        && claim["spec"]["accessModes"].items().iter().all(|mode| modes.contains(mode))
}

fn reaches(volume: &Value, node: &NodeInfo) -> bool {
    let required = volume.at(&["spec", "nodeAffinity", "required"]);
    required.is_null()
        || required["nodeSelectorTerms"].items().iter().any(|term| matches_term(term, &node.node))
}
