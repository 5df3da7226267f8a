//! Volume attachment: every claim is bound and used by the pods it is for, every volume reaches their node.
//!
//! Claims and pods are joined by their structure, never by likeness of names: a pod's volumes name claims, a
//! StatefulSet's template, name and ordinal make one, an ephemeral volume's claim belongs to its pod.

mod affinity;
mod attach;
mod class;
mod ordinal;
mod pending;
mod persistent;
mod unused;
mod users;

use std::collections::BTreeSet;

use object::{ObjectExt, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use crate::Parameter;
use crate::look::Look;
use crate::registry::{Check, Code, Layer};
use crate::words::{listed, plural, span};
use users::Users;

pub(crate) const CHECK: Check = Check {
    name: "volume-attachment",
    layer: Layer::Storage,
    description: "every claim is bound and used by whom it is for, and every volume reaches its pods",
    parameters: &[
        PENDING_GRACE,
        ATTACH_GRACE,
        DETACH_GRACE,
        LOST_NODE_GRACE,
        UNUSED_WARN,
        UNUSED_FAIL,
        RELEASED_WARN,
    ],
    reads: &[
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "volumeattachments.storage.k8s.io",
        "storageclasses.storage.k8s.io",
        "csidrivers.storage.k8s.io",
        "csinodes.storage.k8s.io",
        "nodes",
        "statefulsets.apps",
        "deployments.apps",
        "replicasets.apps",
        "daemonsets.apps",
        "replicationcontrollers",
        "jobs.batch",
        "cronjobs.batch",
        "events",
        "leases.coordination.k8s.io",
    ],
    codes: &[
        Code::new("CLAIM_BEYOND_REPLICAS", "a claim of a StatefulSet's ordinal that is not wanted any more"),
        Code::new("CLAIM_CLASS_MISSING", "a pending claim's class does not exist"),
        Code::new("CLAIM_DELETED_IN_USE", "a claim was deleted and is kept only while pods use it"),
        Code::new("CLAIM_DELETION_STUCK", "a claim was deleted and no pod uses it, yet a finalizer holds it"),
        Code::new("CLAIM_DRIVER_MISSING", "a pending claim's class names a driver that is not installed"),
        Code::new("CLAIM_LOST", "a claim's volume is gone"),
        Code::new("CLAIM_MISSING", "a pod waits for a claim that does not exist"),
        Code::new("CLAIM_NO_CLASS", "a pending claim names no class and there is no default"),
        Code::new("CLAIM_NO_VOLUME", "a pending claim is not provisioned for and no volume fits"),
        Code::new("CLAIM_PENDING", "a claim that should be bound is not"),
        Code::new("CLAIM_REPLICA_MISSING", "a StatefulSet wants the replica, but nobody mounts its claim"),
        Code::new("CLAIM_UNUSED", "a bound claim that nobody uses"),
        Code::new("CLAIM_VOLUME_MISSING", "a claim asks for a volume that does not exist"),
        Code::new("CLAIM_VOLUME_TAKEN", "a claim asks for a volume that is kept for another"),
        Code::new("CLAIM_WITHOUT_POD", "a workload wants pods with this claim and has none"),
        Code::new("CLASS_DRIVER_MISSING", "a class names a driver that is not installed"),
        Code::new("VOLUME_ATTACH_FAILED", "a volume cannot be attached to a node"),
        Code::new("VOLUME_DETACH_FAILED", "a volume does not leave a node"),
        Code::new("VOLUME_FAILED", "a volume could not be reclaimed"),
        Code::new("VOLUME_MULTI_ATTACH", "a pod waits for a volume that a pod on another node holds"),
        Code::new("VOLUME_NODE_GONE", "a volume is tied to nodes of which none exists"),
        Code::new("VOLUME_NOT_DELETED", "volumes outlive their claims although they should be deleted"),
        Code::new("VOLUME_ON_LOST_NODE", "a volume is attached to a node that does not exist"),
        Code::new("VOLUME_RELEASED", "volumes were kept after their claims and lie about"),
    ],
    look,
};

const PENDING_GRACE: Parameter =
    Parameter::seconds("pending-grace", 5 * 60, "how long a claim that should be bound may be pending");
const ATTACH_GRACE: Parameter =
    Parameter::seconds("attach-grace", 2 * 60, "how long an attachment may fail before it counts");
const DETACH_GRACE: Parameter =
    Parameter::seconds("detach-grace", 10 * 60, "how long a detachment may take before it warns");
const LOST_NODE_GRACE: Parameter =
    Parameter::seconds("lost-node-grace", 6 * 60, "how old an attachment to a node that is gone must be");
const UNUSED_WARN: Parameter =
    Parameter::seconds("unused-warn", 60 * 60, "how long a bound claim may be unused before it warns");
const UNUSED_FAIL: Parameter = Parameter::seconds(
    "unused-fail",
    7 * 24 * 60 * 60,
    "how long a bound claim may be unused before it fails",
);
const RELEASED_WARN: Parameter =
    Parameter::seconds("released-warn", 7 * 24 * 60 * 60, "how long a retained volume may lie about");

fn look(look: &mut Look<'_>) {
    let claims = look.subjects("persistentvolumeclaims");
    let volumes = look.beside_of("persistentvolumes", |namespace, volume| {
        volume["spec"]["claimRef"]["namespace"] == namespace
    });
    let names: BTreeSet<&str> = volumes.iter().map(|volume| volume.name()).collect();
    let attachments = look.beside_of("volumeattachments.storage.k8s.io", |_, attachment| {
        let volume = attachment["spec"]["source"]["persistentVolumeName"].str();
        names.contains(volume)
    });
    let pods = if claims.is_empty() { look.beside("pods") } else { look.subjects("pods") };
    let users = Users::of(&pods);
    if claims.is_empty() && volumes.is_empty() && users.is_empty() {
        return look.skip("there are no claims and no volumes");
    }
    let bound = claims.iter().filter(|claim| claim["status"]["phase"] == "Bound");
    if let Some(first) = bound.clone().next() {
        let so = || format!("the volumes of bound claims, as {}, were not judged", first.full_name());
        look.knows("persistentvolumes", "", so);
    }
    let without_status = claims.iter().filter(|claim| claim["status"]["phase"].is_null()).count();
    if without_status > 0 {
        let count = plural(without_status as u64, "claim");
        look.note(format!(
            "{count} without a status, as manifests are: whether they are bound was not judged"
        ));
    }
    if without_status == claims.len() && volumes.is_empty() && without_status > 0 {
        return look.skip("no claim has a status: these are manifests, not a cluster");
    }
    missing(look, &users);
    pending::judge(look, &claims, &users);
    for claim in &claims {
        one_claim(look, claim, &users);
    }
    let explained = attach::judge(look, &attachments, &users);
    for claim in &claims {
        attach::on_two_nodes(look, claim, &users, &explained);
    }
    persistent::judge(look, &volumes, &users);
}

fn one_claim<'a>(look: &mut Look<'a>, claim: &'a Value, users: &Users<'a>) {
    match claim["status"]["phase"].str() {
        _ if claim.is_deleting() => deleting(look, claim, users),
        "Lost" => lost(look, claim, users),
        "Bound" if users.of_claim(claim).is_empty() => unused::judge(look, claim, users),
        _ => {}
    }
}

fn lost(look: &mut Look<'_>, claim: &Value, users: &Users<'_>) {
    let volume = claim["spec"]["volumeName"].str();
    // A volume that is there and belongs to another claim is as lost to this one.
    let title = match look.view().get("persistentvolumes", "", volume) {
        Some(other) => {
            let other = &other["spec"]["claimRef"];
            format!(
                "its volume {volume} belongs to claim {}/{}",
                other["namespace"].str(),
                other["name"].str()
            )
        }
        None => format!("its volume {volume} is gone"),
    };
    let finding = Finding::new("CLAIM_LOST", Outcome::Fail, ObjectRef::of(claim), title)
        .affecting(users.affected(claim))
        .evidence(Evidence::new("/status/phase", "Lost").expected("Bound"))
        .evidence(
            Evidence::new("/spec/volumeName", volume)
                .expected("a volume that exists and is bound to this claim"),
        )
        .because("pods that use the claim cannot start again; a new volume would be empty")
        .remedy("restore the volume from a backup or a snapshot under the same name, or make the claim anew");
    look.find(finding);
}

/// A claim that is being deleted while pods use it goes, with its data, the moment they end.
fn deleting(look: &mut Look<'_>, claim: &Value, users: &Users<'_>) {
    let using = users.of_claim(claim);
    let Some(asked) = claim["metadata"]["deletionTimestamp"].as_time() else { return };
    if look.since(asked) < look.duration(&PENDING_GRACE) {
        return;
    }
    if using.is_empty() {
        return held(look, claim, asked);
    }
    let title = format!("was deleted {} ago and is only kept while pods use it", span(look.since(asked)));
    let finding = Finding::new("CLAIM_DELETED_IN_USE", Outcome::Warn, ObjectRef::of(claim), title)
        .affecting(users.affected(claim))
        .since(asked.rfc3339())
        .evidence(Evidence::new("/metadata/deletionTimestamp", asked.rfc3339()).expected("absent"))
        .because(
            "the next restart of its last pod deletes the claim; with reclaim policy Delete the data too",
        )
        .remedy("copy the data, or set the volume's reclaim policy to Retain, before the pod ends");
    look.find(finding);
}

/// A claim that was deleted, that no pod uses, and that is there all the same.
fn held(look: &mut Look<'_>, claim: &Value, asked: object::Time) {
    let so = || format!("what holds claim {}, which was deleted, is unknown", claim.full_name());
    if !look.knows("pods", claim.namespace(), so) {
        return;
    }
    let finalizers: Vec<&str> = claim["metadata"]["finalizers"].items().iter().map(Value::str).collect();
    let waited = span(look.since(asked));
    let title =
        format!("was deleted {waited} ago and no pod uses it, yet it is held by {}", listed(&finalizers));
    let finding = Finding::new("CLAIM_DELETION_STUCK", Outcome::Warn, ObjectRef::of(claim), title)
        .since(asked.rfc3339())
        .evidence(Evidence::new("/metadata/deletionTimestamp", asked.rfc3339()).expected("gone"))
        .evidence(Evidence::new("/metadata/finalizers", finalizers.join(", ")).expected("none"))
        .because("its volume is kept and paid for, its name is taken, and its namespace cannot be deleted")
        .remedy("see that the controllers that own these finalizers run");
    look.find(finding);
}

/// Pods that name a claim which does not exist: one finding per claim.
fn missing(look: &mut Look<'_>, users: &Users<'_>) {
    for (namespace, name, pods) in users.claims() {
        // A manifest waits for nothing, and what is being deleted needs nothing any more.
        let needs_it = |pod: &&Value| !pod["status"]["phase"].is_null() && !pod.is_deleting();
        let pods: Vec<&Value> = pods.iter().copied().filter(needs_it).collect();
        if pods.is_empty() {
            continue;
        }
        let so = || format!("whether claim {namespace}/{name} that pods use exists is unknown");
        let found = look.get("persistentvolumeclaims", namespace, name, so);
        let waited = pods.iter().filter_map(|pod| pod["metadata"]["creationTimestamp"].as_time()).min();
        let is_young = waited.is_some_and(|since| look.since(since) < look.duration(&ATTACH_GRACE));
        if !matches!(found, crate::look::Lookup::Absent) || is_young {
            continue;
        }
        let claim = ObjectRef::new("v1", "PersistentVolumeClaim", namespace, name);
        let Some(first) = pods.iter().find(|pod| users::is_waiting(pod)).or(pods.first()) else { continue };
        let (title, why) = if users::is_waiting(first) {
            (
                format!("waits for claim {name}, which does not exist"),
                "a pod is neither scheduled nor started before its claims exist",
            )
        } else {
            (
                format!(
                    "uses claim {name}, which does not exist any more; it runs only until it must start again"
                ),
                "the volume stays only as long as the pod; its replacement will not start",
            )
        };
        let mut finding = Finding::new("CLAIM_MISSING", Outcome::Fail, ObjectRef::of(first), title)
            .about(["PersistentVolumeClaim", namespace, name])
            .owned_by(crate::workload::of_pod(look.view(), first))
            .affecting(pods.iter().map(|pod| ObjectRef::of(pod)))
            .evidence(Evidence::new("/spec/volumes", format!("claim {name}")))
            .evidence(Evidence::new("", "absent").expected("present").on(claim))
            .because(why)
            .remedy(format!("kubectl -n {namespace} get persistentvolumeclaims"))
            .remedy("create the claim, or correct the name in the pod's template");
        if let Some(since) = waited {
            finding = finding.since(since.rfc3339());
        }
        look.find(finding);
    }
}
