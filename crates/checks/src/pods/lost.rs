//! Pods whose node is gone or silent, and pods that do not finish terminating.

use object::{ObjectExt, Time, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::symptom::Symptom;
use super::{NODE_GRACE, TERMINATING_FAIL, TERMINATING_WARN, condition_evidence, container};
use crate::look::Look;
use crate::words::span;
use crate::workload;

/// Judges whether the pod's node still stands behind what its status says; all pods of a node are one finding.
pub(super) fn judge<'a>(look: &mut Look<'a>, pod: &'a Value) -> Option<Symptom<'a>> {
    let node_name = pod["spec"]["nodeName"].str();
    let phase = pod["status"]["phase"].str();
    if node_name.is_empty() || matches!(phase, "Succeeded" | "Failed") {
        return None;
    }
    let view = look.view();
    let node_ref = ObjectRef::new("v1", "Node", "", node_name);
    let node = view.get("nodes", "", node_name);
    let is_lost_by_itself = phase == "Unknown" || pod["status"]["reason"] == "NodeLost";
    let (code, title, since, evidence) = match node {
        None if look.lacks_node(node_name) => {
            let since = container::unready_since(pod).max(last_seen(look, node_name));
            let title = format!("bound to node {node_name}, which does not exist");
            let evidence = Evidence::new("/spec/nodeName", node_name).expected("a node that exists");
            ("POD_NODE_GONE", title, since, evidence)
        }
        Some(node) if is_silent(node) || is_unready(node) && pod.condition("Ready")["status"] == "False" => {
            let since = node.condition("Ready")["lastTransitionTime"].as_time();
            let title = if is_silent(node) {
                format!("its node {node_name} is silent: what the pod shows may be long untrue")
            } else {
                format!("its node {node_name} is not ready, and takes the pod with it")
            };
            let evidence = condition_evidence(node, "Ready", "status", "True").on(node_ref.clone());
            ("POD_NODE_LOST", title, since, evidence)
        }
        _ if is_lost_by_itself => {
            let title = format!("in an unknown state: its node {node_name} has been silent");
            let evidence = if phase == "Unknown" {
                Evidence::new("/status/phase", phase).expected("Running")
            } else {
                Evidence::new("/status/reason", "NodeLost").expected("absent")
            };
            ("POD_NODE_LOST", title, container::unready_since(pod), evidence)
        }
        _ => return None,
    };
    if since.is_some_and(|since| look.since(since) < look.duration(&NODE_GRACE)) {
        return None;
    }
    Some(
        Symptom::new(pod, code, Outcome::Fail, &node_ref, title)
            .since(since)
            .because(
                "nobody watches its containers; it counts as running or terminating, its volumes stay held, and a \
                 StatefulSet does not replace it",
            )
            .evidence(evidence)
            .remedy(format!("kubectl get node {node_name} -o wide"))
            .remedy(
                "bring the node back; only if the machine is surely off, taint it node.kubernetes.io/out-of-service \
                 or delete the Node, so that pods and volumes are released",
            ),
    )
}

/// Gives when an earlier view still had the node: it cannot have been gone for longer.
fn last_seen(look: &Look<'_>, node_name: &str) -> Option<Time> {
    let previous = look.previous()?;
    previous.get("nodes", "", node_name).map(|_| previous.now())
}

fn is_silent(node: &Value) -> bool {
    node.condition("Ready")["status"] == "Unknown"
}

fn is_unready(node: &Value) -> bool {
    node.condition("Ready")["status"] == "False"
}

/// Judges a pod that is being deleted.
pub(super) fn terminating<'a>(look: &mut Look<'a>, pod: &'a Value) -> Option<Symptom<'a>> {
    // The timestamp is when the pod should be gone: the grace period is in it (`metav1.ObjectMeta`).
    let due = pod["metadata"]["deletionTimestamp"].as_time()?;
    let late = look.since(due);
    if late < look.duration(&TERMINATING_WARN) {
        return None;
    }
    let outcome = if late < look.duration(&TERMINATING_FAIL) { Outcome::Warn } else { Outcome::Fail };
    let finalizers: Vec<&str> = pod["metadata"]["finalizers"].items().iter().map(Value::str).collect();
    let held = if finalizers.is_empty() {
        "its kubelet has not confirmed the end of its containers".to_owned()
    } else {
        format!("held by {}", crate::words::listed(&finalizers))
    };
    let title = format!("terminating {} past its grace period, {held}", span(late));
    let owner = workload::of_pod(look.view(), pod);
    let symptom = Symptom::new(pod, "POD_TERMINATING_STUCK", outcome, &owner, title)
        .since(Some(due))
        .because("its name, volumes and devices are not free; a StatefulSet or a drain waits for it")
        .evidence(Evidence::new("/metadata/deletionTimestamp", due.rfc3339()).expected("gone by then"));
    Some(if finalizers.is_empty() {
        let node = pod["spec"]["nodeName"].str();
        symptom.command("describe pod", "").remedy(format!(
            "look into the kubelet and the runtime of node {node}: unmounts and kills that hang"
        ))
    } else {
        symptom
            .evidence(Evidence::new("/metadata/finalizers", finalizers.join(", ")).expected("none"))
            .remedy("see that the controllers that own these finalizers run")
    })
}
