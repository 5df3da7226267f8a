//! Volumes: failed ones, ones that lie about, ones that no node can reach.

use std::collections::BTreeMap;

use object::{ObjectExt, Time, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use super::affinity;
use super::users::{Users, is_waiting};
use super::{PENDING_GRACE, RELEASED_WARN};
use crate::look::Look;
use crate::words::{plural, span};

/// Judges every volume.
pub(super) fn judge<'a>(look: &mut Look<'a>, volumes: &[&'a Value], users: &Users<'a>) {
    let mut released: BTreeMap<(&str, &str), Vec<(&Value, Time)>> = BTreeMap::new();
    for volume in volumes {
        match volume["status"]["phase"].str() {
            "Failed" => failed(look, volume),
            "Released" => {
                let asked = volume["metadata"]["deletionTimestamp"].as_time();
                let policy = volume["spec"]["persistentVolumeReclaimPolicy"].str();
                // Whatever the policy says, one that is being deleted should soon be gone.
                let policy = if asked.is_some() { "Delete" } else { policy };
                let class = volume["spec"]["storageClassName"].str();
                let since = asked.or_else(|| released_at(volume));
                if let Some(since) = since.filter(|since| is_overdue(look, policy, *since)) {
                    released.entry((policy, class)).or_default().push((volume, since));
                }
            }
            "Bound" => unreachable_by_node(look, volume, users),
            _ => {}
        }
    }
    for ((policy, class), volumes) in released {
        lie_about(look, policy, class, &volumes);
    }
}

/// When a volume was released; before 1.29 its status does not say, but managed fields do.
fn released_at(volume: &Value) -> Option<Time> {
    let owns_phase = |entry: &&Value| !entry["fieldsV1"]["f:status"]["f:phase"].is_null();
    let managed = volume["metadata"]["managedFields"].items().iter();
    volume["status"]["lastPhaseTransitionTime"]
        .as_time()
        .or_else(|| managed.filter(owns_phase).filter_map(|entry| entry["time"].as_time()).max())
        .or_else(|| volume["metadata"]["creationTimestamp"].as_time())
}

fn failed(look: &mut Look<'_>, volume: &Value) {
    let message = volume["status"]["message"].str();
    let finding = Finding::new(
        "VOLUME_FAILED",
        Outcome::Fail,
        ObjectRef::of(volume),
        format!("could not be reclaimed: {message}"),
    )
    .evidence(Evidence::new("/status/phase", "Failed").expected("Bound, Available or gone"))
    .evidence(Evidence::new("/status/message", message))
    .because("the storage behind it is still there and paid for, and nobody will try again")
    .remedy(format!("kubectl describe persistentvolume {}", volume.name()))
    .remedy("delete what lies behind it by hand, then the volume");
    look.find(finding);
}

fn is_overdue(look: &Look<'_>, policy: &str, since: Time) -> bool {
    // With Delete the driver removes it within moments; Retain leaves it for people.
    let grace =
        if policy == "Delete" { look.duration(&PENDING_GRACE) } else { look.duration(&RELEASED_WARN) };
    look.since(since) >= grace
}

fn lie_about(look: &mut Look<'_>, policy: &str, class: &str, volumes: &[(&Value, Time)]) {
    let Some((first, since)) = volumes.iter().min_by_key(|(_, since)| *since) else { return };
    let claim = &first["spec"]["claimRef"];
    let count = plural(volumes.len() as u64, "volume");
    let claims = if volumes.len() == 1 { "its claim" } else { "their claims" };
    let was = if volumes.len() == 1 { "its claim was" } else { "their claims were" };
    let longest = span(look.since(*since));
    let (code, title, why, remedy) = if policy == "Delete" {
        (
            "VOLUME_NOT_DELETED",
            format!("{count} of class {class} should have been deleted with {claims}, for up to {longest}"),
            "the driver does not delete them: storage is paid for, and quota fills",
            "look into the driver's provisioner; it deletes volumes",
        )
    } else {
        (
            "VOLUME_RELEASED",
            format!("{count} of class {class} kept after {was} deleted, for up to {longest}"),
            "nobody uses them, they are paid for, and they do not bind again by themselves",
            "copy what is still wanted, then delete them; or clear spec.claimRef to let one be bound again",
        )
    };
    let finding = Finding::new(code, Outcome::Warn, ObjectRef::of(first), title)
        .about(["StorageClass", class, policy])
        .affecting(volumes.iter().map(|(volume, _)| ObjectRef::of(volume)))
        .since(since.rfc3339())
        .evidence(Evidence::new("/status/phase", "Released").expected("Bound"))
        .evidence(Evidence::new(
            "/spec/claimRef",
            format!("{}/{}", claim["namespace"].str(), claim["name"].str()),
        ))
        .evidence(Evidence::new("/spec/persistentVolumeReclaimPolicy", policy))
        .because(why)
        .remedy(remedy);
    look.find(finding);
}

/// A volume tied to nodes or zones of which none is left: pods that use it cannot be placed.
fn unreachable_by_node<'a>(look: &mut Look<'a>, volume: &'a Value, users: &Users<'a>) {
    let terms = &volume["spec"]["nodeAffinity"]["required"];
    let claim = &volume["spec"]["claimRef"];
    let (namespace, name) = (claim["namespace"].str(), claim["name"].str());
    let waiting: Vec<&Value> =
        users.of_name(namespace, name).iter().copied().filter(|pod| is_waiting(pod)).collect();
    let Some(first) = waiting.first() else { return };
    let age = look.view().age(first);
    if terms.is_null() || age < look.duration(&PENDING_GRACE) {
        return;
    }
    let so = || format!("whether a node can reach the volume of claim {namespace}/{name} is unknown");
    if !look.knows("nodes", "", so)
        || look.view().count("nodes") == 0
        || look.view().list("nodes").any(|node| affinity::matches(terms, node))
    {
        return;
    }
    let title =
        format!("waits for claim {name}: its volume {} is tied to nodes of which none exists", volume.name());
    let finding = Finding::new("VOLUME_NODE_GONE", Outcome::Fail, ObjectRef::of(first), title)
        .about(["PersistentVolumeClaim", namespace, name])
        .owned_by(crate::workload::of_pod(look.view(), first))
        .affecting(waiting.iter().map(|pod| ObjectRef::of(pod)))
        .affecting([ObjectRef::new("v1", "PersistentVolumeClaim", namespace, name), ObjectRef::of(volume)])
        .evidence(
            Evidence::new("/spec/nodeAffinity/required", object::json::to_string(terms))
                .expected("a node that matches")
                .on(ObjectRef::of(volume)),
        )
        .because("the pod can be placed nowhere else; if the disk went with its node, so did the data")
        .remedy("bring back a node with these labels")
        .remedy(
            "or, if the data is replicated or backed up, delete claim and pod so that both are made anew",
        );
    look.find(finding);
}
