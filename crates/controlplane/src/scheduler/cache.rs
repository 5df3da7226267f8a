//! The scheduler's own picture of the nodes: their pods, bound or assumed (`pkg/scheduler/backend/cache`).

use super::order::NodeTree;
use super::resources::{Resources, non_zero_requests, requests};
use object::{ObjectExt, Text, Value};
use std::collections::BTreeMap;
use std::rc::Rc;

/// One pod as it weighs on a node.
#[derive(Clone, Debug)]
pub(super) struct PodInfo {
    pub(super) pod: Value,
    pub(super) requests: Resources,
    pub(super) non_zero: Resources,
}

impl PodInfo {
    pub(super) fn new(pod: &Value) -> Rc<Self> {
        Rc::new(Self { pod: pod.clone(), requests: requests(pod), non_zero: non_zero_requests(pod) })
    }

    pub(super) fn priority(&self) -> i64 {
        self.pod["spec"]["priority"].int()
    }
}

/// One node and what runs there.
#[derive(Clone, Debug, Default)]
pub(super) struct NodeInfo {
    /// The Node; null while only its pods are known.
    pub(super) node: Value,
    pub(super) allocatable: Resources,
    pub(super) pods: BTreeMap<Text, Rc<PodInfo>>,
    pub(super) requested: Resources,
    pub(super) non_zero: Resources,
}

impl NodeInfo {
    pub(super) fn add(&mut self, info: Rc<PodInfo>) {
        self.requested.add(&info.requests);
        self.non_zero.add(&info.non_zero);
        let before = self.pods.insert(info.pod.uid().into(), info);
        assert!(before.is_none(), "a pod is counted once on its node");
    }

    pub(super) fn remove(&mut self, uid: &str) {
        if let Some(info) = self.pods.remove(uid) {
            self.requested.subtract(&info.requests);
            self.non_zero.subtract(&info.non_zero);
        }
    }

    pub(super) fn name(&self) -> &str {
        self.node.name()
    }

    pub(super) fn label(&self, key: &str) -> Option<&str> {
        self.node.label(key)
    }
}

/// All nodes, by name.
#[derive(Default)]
pub(super) struct Cache {
    nodes: BTreeMap<Text, NodeInfo>,
    tree: NodeTree,
    /// Where each pod is counted.
    places: BTreeMap<Text, Text>,
}

impl Cache {
    pub(super) fn put_node(&mut self, node: &Value) {
        let info = self.nodes.entry(node.name().into()).or_default();
        info.node = node.clone();
        info.allocatable = Resources::of(&node["status"]["allocatable"]);
        self.tree.put(node);
    }

    pub(super) fn remove_node(&mut self, name: &str) {
        self.tree.remove(name);
        let Some(info) = self.nodes.get_mut(name) else { return };
        // Pods may outlive their Node's object for a while; they are counted until they go.
        info.node = Value::Null;
        if info.pods.is_empty() {
            self.nodes.remove(name);
        }
    }

    /// Counts a pod on the node it names, wherever it was counted before.
    pub(super) fn put_pod(&mut self, pod: &Value) {
        self.remove_pod(pod.uid());
        let node: Text = pod["spec"]["nodeName"].str().into();
        self.nodes.entry(node.clone()).or_default().add(PodInfo::new(pod));
        self.places.insert(pod.uid().into(), node);
    }

    pub(super) fn remove_pod(&mut self, uid: &str) {
        let Some(node) = self.places.remove(uid) else { return };
        if let Some(info) = self.nodes.get_mut(&node) {
            info.remove(uid);
            if info.node.is_null() && info.pods.is_empty() {
                self.nodes.remove(&node);
            }
        }
    }

    /// Tells whether a pod is counted somewhere.
    pub(super) fn has_pod(&self, uid: &str) -> bool {
        self.places.contains_key(uid)
    }

    /// Gives the nodes whose object is known, by name.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &NodeInfo> + Clone {
        self.nodes.values().filter(|info| !info.node.is_null())
    }

    /// Gives the same nodes in the order in which they are looked at.
    pub(super) fn in_order(&self) -> Vec<&NodeInfo> {
        self.tree.names().iter().filter_map(|name| self.node(name)).collect()
    }

    pub(super) fn node(&self, name: &str) -> Option<&NodeInfo> {
        self.nodes.get(name).filter(|info| !info.node.is_null())
    }
}
