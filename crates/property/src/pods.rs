//! What rules ask of pods.

use object::{ObjectExt, Text, Value};

/// Tells whether a pod counts as live: not finished, and not being deleted unless those are to be counted.
pub fn is_live(pod: &Value, count_deleting: bool) -> bool {
    !is_terminal(pod) && (count_deleting || !pod.is_deleting())
}

/// Tells whether a pod is ready.
pub fn is_ready(pod: &Value) -> bool {
    pod.condition("Ready")["status"] == "True"
}

/// Tells whether a pod has finished for good.
pub(crate) fn is_terminal(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed")
}

/// Gives the node a pod runs on or, for one of a DaemonSet that is not bound yet, is meant for.
pub(crate) fn target_node(pod: &Value) -> Option<Text> {
    if let Some(node) = pod["spec"]["nodeName"].as_text() {
        return Some(node.clone());
    }
    let affinity = &pod["spec"]["affinity"]["nodeAffinity"];
    let terms = affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"].items();
    let fields = terms.iter().flat_map(|term| term["matchFields"].items());
    let mut named = fields.filter(|field| field["key"] == "metadata.name" && field["operator"] == "In");
    named.find_map(|field| field["values"][0].as_text().cloned())
}
