//! Attachments: volumes that do not reach the node of their pod, or do not leave another.

use std::collections::BTreeSet;

use object::{ObjectExt, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use super::users::{Users, is_waiting};
use super::{ATTACH_GRACE, DETACH_GRACE, LOST_NODE_GRACE};
use crate::look::Look;
use crate::words::{listed, span};
use crate::workload;

/// The claim a volume attachment serves, with the pods that use it.
struct Served<'u, 'a> {
    claim: Option<ObjectRef>,
    pods: &'u [&'a Value],
}

/// Judges every attachment. Gives the pods whose waiting is thereby explained.
pub(super) fn judge<'a>(
    look: &mut Look<'a>,
    attachments: &[&'a Value],
    users: &Users<'a>,
) -> BTreeSet<ObjectRef> {
    let mut explained = BTreeSet::new();
    for attachment in attachments {
        let served = served(look, attachment, users);
        if attachment.is_deleting() {
            detach_failed(look, attachment, &served);
        } else if attachment["status"]["attached"] != true && !attachment["status"]["attachError"].is_null() {
            explained.extend(attach_failed(look, attachment, &served));
        } else if is_of_lost_node(look, attachment) {
            lost_node(look, attachment, &served);
        }
    }
    explained
}

fn served<'u, 'a>(look: &Look<'a>, attachment: &Value, users: &'u Users<'a>) -> Served<'u, 'a> {
    let volume = attachment["spec"]["source"]["persistentVolumeName"].str();
    let volume = look.view().get("persistentvolumes", "", volume);
    let Some(claim) = volume.map(|volume| &volume["spec"]["claimRef"]).filter(|claim| !claim.is_null())
    else {
        return Served { claim: None, pods: &[] };
    };
    let (namespace, name) = (claim["namespace"].str(), claim["name"].str());
    Served {
        claim: Some(ObjectRef::new("v1", "PersistentVolumeClaim", namespace, name)),
        pods: users.of_name(namespace, name),
    }
}

fn attach_failed(look: &mut Look<'_>, attachment: &Value, served: &Served<'_, '_>) -> Vec<ObjectRef> {
    if look.view().age(attachment) < look.duration(&ATTACH_GRACE) {
        return Vec::new();
    }
    let node = attachment["spec"]["nodeName"].str();
    let volume = attachment["spec"]["source"]["persistentVolumeName"].str();
    let error = &attachment["status"]["attachError"];
    let waiting: Vec<&Value> = served
        .pods
        .iter()
        .copied()
        .filter(|pod| pod["spec"]["nodeName"] == node && is_waiting(pod))
        .collect();
    let pods: Vec<ObjectRef> = waiting.iter().map(|pod| ObjectRef::of(pod)).collect();
    let object = pods.first().cloned().unwrap_or_else(|| ObjectRef::of(attachment));
    let outcome = if pods.is_empty() { Outcome::Warn } else { Outcome::Fail };
    let (kind, name) = match &served.claim {
        Some(claim) => ("PersistentVolumeClaim", claim.full_name()),
        // A volume that its pod describes itself has no object of its own.
        None if volume.is_empty() => ("VolumeAttachment", attachment.name().to_owned()),
        None => ("PersistentVolume", volume.to_owned()),
    };
    let what = match kind {
        "PersistentVolumeClaim" => format!("claim {name}"),
        "PersistentVolume" => format!("volume {name}"),
        _ => "an inline volume".to_owned(),
    };
    let message = error["message"].str();
    let title = if pods.is_empty() {
        format!("{what} cannot be attached to node {node}: {message}")
    } else {
        format!("waits for {what}, which cannot be attached to node {node}: {message}")
    };
    let mut finding = Finding::new("VOLUME_ATTACH_FAILED", outcome, object, title)
        .about([kind, &name])
        .affecting(pods.clone())
        .affecting(served.claim.clone())
        .affecting([ObjectRef::of(attachment)])
        .since(attachment["metadata"]["creationTimestamp"].str())
        .evidence(Evidence::new("/status/attachError/message", message).on(ObjectRef::of(attachment)))
        .evidence(Evidence::new("/status/attached", "false").expected("true").on(ObjectRef::of(attachment)))
        .because("the pod's containers are not made before its volume is on its node")
        .remedy(format!("kubectl describe volumeattachment {}", attachment.name()))
        .remedy(
            "find the node that still holds the volume; end the pod there, or if that machine is surely off, taint it \
             node.kubernetes.io/out-of-service",
        );
    if let Some(pod) = waiting.first() {
        finding = finding.owned_by(workload::of_pod(look.view(), pod));
    }
    look.find(finding);
    pods
}

fn is_of_lost_node(look: &Look<'_>, attachment: &Value) -> bool {
    look.lacks_node(attachment["spec"]["nodeName"].str())
        && look.view().age(attachment) >= look.duration(&LOST_NODE_GRACE)
}

fn lost_node(look: &mut Look<'_>, attachment: &Value, served: &Served<'_, '_>) {
    let node = attachment["spec"]["nodeName"].str();
    let waiting: Vec<ObjectRef> =
        served.pods.iter().filter(|pod| is_waiting(pod)).map(|pod| ObjectRef::of(pod)).collect();
    let outcome = if waiting.is_empty() { Outcome::Warn } else { Outcome::Fail };
    let claim = served.claim.as_ref().map_or("no claim".to_owned(), ToString::to_string);
    let title = format!("keeps the volume of {claim} on node {node}, which does not exist");
    let finding = Finding::new("VOLUME_ON_LOST_NODE", outcome, ObjectRef::of(attachment), title)
        .about(["VolumeAttachment", &claim, node])
        .affecting([ObjectRef::of(attachment)])
        .affecting(waiting)
        .evidence(Evidence::new("/spec/nodeName", node).expected("a node that exists"))
        .because("the volume can be attached nowhere else before it is detached here")
        .remedy("see that the attach-detach controller and the driver's attacher run; they should detach it")
        .remedy(format!("kubectl describe volumeattachment {}", attachment.name()));
    look.find(finding);
}

fn detach_failed(look: &mut Look<'_>, attachment: &Value, served: &Served<'_, '_>) {
    let Some(asked) = attachment["metadata"]["deletionTimestamp"].as_time() else { return };
    let waited = look.since(asked);
    if is_of_lost_node(look, attachment) {
        return lost_node(look, attachment, served);
    }
    if waited < look.duration(&DETACH_GRACE) {
        return;
    }
    let claim = served.claim.as_ref().map_or("no claim".to_owned(), ToString::to_string);
    let node = attachment["spec"]["nodeName"].str();
    let title = format!("the volume of {claim} has not been detached from node {node} for {}", span(waited));
    let mut finding = Finding::new("VOLUME_DETACH_FAILED", Outcome::Warn, ObjectRef::of(attachment), title)
        .about(["VolumeAttachment", &claim, node])
        .since(asked.rfc3339())
        .evidence(Evidence::new("/metadata/deletionTimestamp", asked.rfc3339()).expected("gone"))
        .because("a pod on another node will wait for it")
        .remedy(format!("kubectl describe volumeattachment {}", attachment.name()));
    let error = attachment["status"]["detachError"]["message"].str();
    if !error.is_empty() {
        finding = finding.evidence(Evidence::new("/status/detachError/message", error));
    }
    look.find(finding);
}

/// A volume for one node that pods on two nodes use: the pod that came second waits for the first to end.
pub(super) fn on_two_nodes<'a>(
    look: &mut Look<'a>,
    claim: &'a Value,
    users: &Users<'a>,
    explained: &BTreeSet<ObjectRef>,
) {
    let modes = claim["spec"]["accessModes"].items();
    let is_for_one = !modes.is_empty()
        && modes.iter().all(|mode| matches!(mode.str(), "ReadWriteOnce" | "ReadWriteOncePod"));
    let pods = users.of_claim(claim);
    let nodes: BTreeSet<&str> =
        pods.iter().map(|pod| pod["spec"]["nodeName"].str()).filter(|node| !node.is_empty()).collect();
    if !is_for_one || nodes.len() < 2 {
        return;
    }
    let waiting: Vec<&Value> = pods
        .iter()
        .copied()
        .filter(|pod| is_waiting(pod) && !pod["spec"]["nodeName"].str().is_empty() && !pod.is_deleting())
        .filter(|pod| look.view().age(pod) >= look.duration(&ATTACH_GRACE))
        .collect();
    let Some(first) = waiting.first() else {
        if !pods.iter().any(|pod| is_waiting(pod)) {
            let nodes: Vec<&str> = nodes.into_iter().collect();
            let name = claim.full_name();
            look.note(format!("Claim {name}: ReadWriteOnce, yet pods run with it on {}", listed(&nodes)));
        }
        return;
    };
    let refs: Vec<ObjectRef> = waiting.iter().map(|pod| ObjectRef::of(pod)).collect();
    if refs.iter().all(|pod| explained.contains(pod)) {
        return;
    }
    let is_holder = |pod: &&&Value| !is_waiting(pod) && pod["spec"]["nodeName"] != first["spec"]["nodeName"];
    let holders: Vec<String> =
        pods.iter().filter(is_holder).map(|pod| ObjectRef::of(pod).to_string()).collect();
    let waited = span(look.view().age(first));
    let title = format!(
        "has waited {waited} for claim {}, which {} holds on another node",
        claim.name(),
        if holders.is_empty() { "another pod".to_owned() } else { listed(&holders) }
    );
    let modes: Vec<&str> = modes.iter().map(Value::str).collect();
    let finding = Finding::new("VOLUME_MULTI_ATTACH", Outcome::Fail, ObjectRef::of(first), title)
        .about(["PersistentVolumeClaim", &claim.full_name()])
        .owned_by(workload::of_pod(look.view(), first))
        .affecting(refs)
        .affecting([ObjectRef::of(claim)])
        .evidence(Evidence::new("/spec/nodeName", first["spec"]["nodeName"].str()))
        .evidence(Evidence::new("/spec/accessModes", modes.join(", ")).on(ObjectRef::of(claim)))
        .because("a volume of one node cannot follow while the old pod lives; a rolling update so waits for ever")
        .remedy("use strategy Recreate for a Deployment with such a claim, or a StatefulSet, or a ReadWriteMany volume");
    look.find(finding);
}
