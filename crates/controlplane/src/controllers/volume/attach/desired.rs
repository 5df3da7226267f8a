//! What attach/detach wants to be attached where, because pods with nodes use it
//! (`pkg/controller/volume/attachdetach/cache/desired_state_of_world.go`).

use object::{ObjectExt, Text, Value};
use std::collections::BTreeMap;

#[derive(Default)]
struct Wanted {
    spec: Value,
    /// The pods that use the volume on this node, by uid.
    pods: BTreeMap<Text, Value>,
    is_refusal_told: bool,
}

/// One volume that is wanted on one node.
#[derive(Clone, Debug)]
pub(super) struct ToAttach {
    pub(super) volume: Text,
    pub(super) spec: Value,
    pub(super) node: Text,
    /// Whether it was told already that the volume is attached elsewhere.
    pub(super) is_refusal_told: bool,
}

/// One pod's use of one volume.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub(super) pod: Value,
    pub(super) volume: Text,
    pub(super) node: Text,
}

#[derive(Default)]
pub(super) struct DesiredState {
    /// The nodes that are looked after, with what is wanted on each.
    nodes: BTreeMap<Text, BTreeMap<Text, Wanted>>,
}

impl DesiredState {
    pub(super) fn add_node(&mut self, node: &Text) {
        self.nodes.entry(node.clone()).or_default();
    }

    /// Forgets a node, unless something is still wanted on it.
    pub(super) fn remove_node(&mut self, node: &Text) {
        if self.nodes.get(node).is_some_and(BTreeMap::is_empty) {
            self.nodes.remove(node);
        }
    }

    pub(super) fn has_node(&self, node: &str) -> bool {
        self.nodes.contains_key(node)
    }

    pub(super) fn add(&mut self, pod: &Value, volume: &Text, spec: &Value, node: &Text) {
        let Some(volumes) = self.nodes.get_mut(node) else { return };
        let fresh = || Wanted { spec: spec.clone(), ..Wanted::default() };
        let wanted = volumes.entry(volume.clone()).or_insert_with(fresh);
        wanted.pods.entry(pod.uid().into()).or_insert_with(|| pod.clone());
    }

    pub(super) fn remove(&mut self, pod_uid: &str, volume: &Text, node: &Text) {
        let Some(volumes) = self.nodes.get_mut(node) else { return };
        if let Some(wanted) = volumes.get_mut(volume) {
            wanted.pods.remove(pod_uid);
            if wanted.pods.is_empty() {
                volumes.remove(volume);
            }
        }
    }

    pub(super) fn wants(&self, volume: &Text, node: &Text) -> bool {
        self.nodes.get(node).is_some_and(|volumes| volumes.contains_key(volume))
    }

    /// Gives every volume that is wanted, with its node.
    pub(super) fn to_attach(&self) -> Vec<ToAttach> {
        let of = |(node, volumes): (&Text, &BTreeMap<Text, Wanted>)| -> Vec<ToAttach> {
            let wanted = |(volume, wanted): (&Text, &Wanted)| ToAttach {
                volume: volume.clone(),
                spec: wanted.spec.clone(),
                node: node.clone(),
                is_refusal_told: wanted.is_refusal_told,
            };
            volumes.iter().map(wanted).collect()
        };
        self.nodes.iter().flat_map(of).collect()
    }

    /// Gives every pod's use of every volume.
    pub(super) fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for (node, volumes) in &self.nodes {
            for (volume, wanted) in volumes {
                let (node, volume) = (node.clone(), volume.clone());
                uses.extend(wanted.pods.values().map(|pod| Use {
                    pod: pod.clone(),
                    volume: volume.clone(),
                    node: node.clone(),
                }));
            }
        }
        uses
    }

    /// Notes that it was told that a volume cannot be attached because it is attached elsewhere.
    pub(super) fn refusal_told(&mut self, volume: &Text, node: &Text) {
        let wanted = self.nodes.get_mut(node).and_then(|volumes| volumes.get_mut(volume));
        if let Some(wanted) = wanted {
            wanted.is_refusal_told = true;
        }
    }
}
