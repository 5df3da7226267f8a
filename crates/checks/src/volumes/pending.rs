//! Claims that wait to be bound, and classes that nobody provisions for.

use std::collections::{BTreeMap, BTreeSet};

use object::{ObjectExt, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use super::PENDING_GRACE;
use super::class::{self, Driver, Drivers};
use super::users::Users;
use crate::look::{Look, Lookup};
use crate::words::span;

/// Why a claim is not bound. Claims of one class with the same reason are one finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reason {
    DriverMissing,
    ClassMissing,
    NoClass,
    NoVolume,
    VolumeMissing,
    VolumeTaken,
    NotProvisioned,
}

/// Judges pending claims, then classes without a driver that no pending claim has told of.
pub(super) fn judge<'a>(look: &mut Look<'a>, claims: &[&'a Value], users: &Users<'a>) {
    let mut drivers = Drivers::default();
    let mut waiting: BTreeMap<(Reason, String), Vec<&Value>> = BTreeMap::new();
    for claim in claims {
        let is_pending = claim["status"]["phase"] == "Pending" && !claim.is_deleting();
        if is_pending && let Some(reason) = reason(look, claim, users, &mut drivers) {
            waiting.entry((reason.clone(), cause(claim, &reason))).or_default().push(claim);
        }
    }
    let told: BTreeSet<&str> = waiting
        .iter()
        .filter(|((reason, _), _)| *reason == Reason::DriverMissing)
        .map(|((_, class), _)| class.as_str())
        .collect();
    let asked: BTreeSet<&str> = claims.iter().filter_map(|claim| class::of_claim(claim)).collect();
    let classes = look.beside_of("storageclasses.storage.k8s.io", |_, class| asked.contains(class.name()));
    // A driver may run in any namespace: who looks at one cannot say that it is missing everywhere.
    if look.view().namespace().is_none() {
        for class in classes.into_iter().filter(|class| !told.contains(class.name())) {
            idle_class(look, class, &mut drivers);
        }
    }
    for ((reason, _), claims) in &waiting {
        report(look, reason, claims, users);
    }
}

/// What claims with the same reason share: the class, or the claim itself where the reason is its own.
fn cause(claim: &Value, reason: &Reason) -> String {
    match reason {
        Reason::DriverMissing | Reason::ClassMissing => class::of_claim(claim).unwrap_or_default().to_owned(),
        Reason::NoClass => String::new(),
        _ => claim.full_name(),
    }
}

fn reason(look: &mut Look<'_>, claim: &Value, users: &Users<'_>, drivers: &mut Drivers) -> Option<Reason> {
    let age = look.view().age(claim);
    if age < look.duration(&PENDING_GRACE) {
        return None;
    }
    let volume = claim["spec"]["volumeName"].str();
    if !volume.is_empty() {
        let so = || format!("why claim {} is not bound is unknown", claim.full_name());
        return match look.get("persistentvolumes", "", volume, so) {
            Lookup::Absent => Some(Reason::VolumeMissing),
            Lookup::Found(volume) if is_taken(volume, claim) => Some(Reason::VolumeTaken),
            _ => Some(Reason::NotProvisioned),
        };
    }
    let so = || format!("why claim {} is pending is unknown", claim.full_name());
    let name = match class::of_claim(claim) {
        Some("") => return Some(Reason::NoVolume),
        None if !look.knows("storageclasses.storage.k8s.io", "", so) => return None,
        None if class::has_default(look.view()) => return Some(Reason::NotProvisioned),
        None => return Some(Reason::NoClass),
        Some(name) => name,
    };
    match look.get("storageclasses.storage.k8s.io", "", name, so) {
        Lookup::Unknown => None,
        Lookup::Absent => Some(Reason::ClassMissing),
        Lookup::Found(class) => of_class(look, claim, class, users, drivers),
    }
}

/// Tells whether a volume is kept for another claim, be it an earlier one of the same name.
fn is_taken(volume: &Value, claim: &Value) -> bool {
    let kept_for = &volume["spec"]["claimRef"];
    let is_other_name = kept_for["namespace"] != claim.namespace() || kept_for["name"] != claim.name();
    let is_other_uid = !kept_for["uid"].str().is_empty() && kept_for["uid"] != claim.uid();
    !kept_for.is_null() && (is_other_name || is_other_uid)
}

fn of_class(
    look: &mut Look<'_>,
    claim: &Value,
    class: &Value,
    users: &Users<'_>,
    drivers: &mut Drivers,
) -> Option<Reason> {
    let consumers = users.of_claim(claim);
    if class::waits_for_consumer(class) && consumers.is_empty() {
        look.note(format!("Claim {}: pending until a pod uses it (WaitForFirstConsumer)", claim.full_name()));
        return None;
    }
    match drivers.of(look.view(), class) {
        Driver::Missing => return Some(Reason::DriverMissing),
        Driver::NotNeeded if !class::waits_for_consumer(class) => return Some(Reason::NoVolume),
        _ => {}
    }
    if class::waits_for_consumer(class) {
        let is_placed = claim.annotation("volume.kubernetes.io/selected-node").is_some()
            || consumers.iter().any(|pod| !pod["spec"]["nodeName"].str().is_empty());
        let since = consumers.iter().filter_map(|pod| pod["metadata"]["creationTimestamp"].as_time()).min();
        let is_young = since.is_some_and(|since| look.since(since) < look.duration(&PENDING_GRACE));
        if !is_placed || is_young {
            look.note(format!("Claim {}: pending until its pod has a node", claim.full_name()));
            return None;
        }
    }
    Some(Reason::NotProvisioned)
}

fn report(look: &mut Look<'_>, reason: &Reason, claims: &[&Value], users: &Users<'_>) {
    let Some(first) = claims.first() else { return };
    let waited = span(look.view().age(first));
    let class_name = class::of_claim(first).unwrap_or_default();
    let class_ref = ObjectRef::new("storage.k8s.io/v1", "StorageClass", "", class_name);
    let affected: Vec<ObjectRef> = claims.iter().flat_map(|claim| users.affected(claim)).collect();
    let finding = |code: &str, title: String| {
        Finding::new(code, Outcome::Fail, ObjectRef::of(first), title)
            .affecting(affected)
            .since(first["metadata"]["creationTimestamp"].str())
            .evidence(Evidence::new("/status/phase", "Pending").expected("Bound"))
            .because("pods that use the claim are not scheduled or started before it is bound")
    };
    let class_evidence =
        Evidence::new("/spec/storageClassName", if class_name.is_empty() { "absent" } else { class_name });
    let finding = match reason {
        Reason::DriverMissing => {
            let class = look.view().get("storageclasses.storage.k8s.io", "", class_name);
            let provisioner = class.map_or("", |class| class["provisioner"].str());
            let missing = match look.view().namespace() {
                None => "which is not installed",
                Some(_) => "of which nothing is to be seen; other namespaces were not looked at",
            };
            let title =
                format!("pending for {waited}: class {class_name} names driver {provisioner}, {missing}");
            finding("CLAIM_DRIVER_MISSING", title)
                .about(["StorageClass", class_name])
                .owned_by(class_ref.clone())
                .affecting([class_ref.clone()])
                .evidence(class_evidence)
                .evidence(
                    Evidence::new("/provisioner", provisioner)
                        .expected("a driver that is installed")
                        .on(class_ref),
                )
                .remedy("kubectl get csidrivers,csinodes")
                .remedy(format!(
                    "install {provisioner}, or make the claim anew with a class that has a driver"
                ))
        }
        Reason::ClassMissing => {
            finding("CLAIM_CLASS_MISSING", format!("pending for {waited}: class {class_name} does not exist"))
                .about(["StorageClass", class_name])
                .evidence(class_evidence)
                .evidence(Evidence::new("", "absent").expected("present").on(class_ref))
                .remedy("kubectl get storageclasses")
                .remedy("create the class, or make the claim anew with one that exists")
        }
        Reason::NoClass => finding(
            "CLAIM_NO_CLASS",
            format!("pending for {waited}: it names no class and the cluster has no default one"),
        )
        .about(["default StorageClass"])
        .evidence(class_evidence.expected("a class, or a default class"))
        .remedy("name a class in the claim, or mark one with storageclass.kubernetes.io/is-default-class"),
        Reason::NoVolume => finding(
            "CLAIM_NO_VOLUME",
            format!("pending for {waited}: nobody provisions for it and no volume made by hand fits"),
        )
        .evidence(class_evidence)
        .remedy("kubectl get persistentvolumes")
        .remedy("make a volume of its class, size and access modes"),
        Reason::VolumeMissing => {
            let volume = first["spec"]["volumeName"].str();
            finding(
                "CLAIM_VOLUME_MISSING",
                format!("pending for {waited}: it asks for volume {volume}, which does not exist"),
            )
            .evidence(Evidence::new("/spec/volumeName", volume).expected("a volume that exists"))
            .remedy("restore the volume, or make the claim anew without spec.volumeName")
        }
        Reason::VolumeTaken => volume_taken(look, first, finding),
        Reason::NotProvisioned => {
            let finding =
                finding("CLAIM_PENDING", format!("pending for {waited} although it should be bound"))
                    .evidence(class_evidence)
                    .remedy(format!(
                        "kubectl -n {} describe persistentvolumeclaim {}",
                        first.namespace(),
                        first.name()
                    ))
                    .remedy("look into the provisioner's log; a quota or a topology without room is common");
            with_event(look, first, finding)
        }
    };
    look.find(finding);
}

fn volume_taken(look: &Look<'_>, claim: &Value, finding: impl FnOnce(&str, String) -> Finding) -> Finding {
    let name = claim["spec"]["volumeName"].str();
    let volume = look.view().get("persistentvolumes", "", name);
    let kept_for = volume.map(|volume| &volume["spec"]["claimRef"]);
    let text = |field: &str| kept_for.map_or("", |claim| claim[field].str());
    let (other, uid) = (format!("{}/{}", text("namespace"), text("name")), text("uid"));
    let is_former = other == claim.full_name();
    let whom = if is_former { "an earlier claim of this name".to_owned() } else { format!("claim {other}") };
    let waited = span(look.view().age(claim));
    let title = format!("pending for {waited}: it asks for volume {name}, which is kept for {whom}");
    let volume = ObjectRef::new("v1", "PersistentVolume", "", name);
    let read = if is_former { ("/spec/claimRef/uid", uid) } else { ("/spec/claimRef/name", other.as_str()) };
    let wanted = if is_former { claim.uid().to_owned() } else { claim.full_name() };
    finding("CLAIM_VOLUME_TAKEN", title)
        .evidence(Evidence::new("/spec/volumeName", name))
        .evidence(Evidence::new(read.0, read.1).expected(wanted).on(volume))
        .remedy(format!("kubectl get persistentvolume {name} -o yaml"))
        .remedy(if is_former {
            "if the data is to be used again, remove spec.claimRef.uid from the volume; then it is bound to this claim"
        } else {
            "name another volume, or leave the choice to the class: make the claim anew without spec.volumeName"
        })
}

fn with_event(look: &Look<'_>, claim: &Value, finding: Finding) -> Finding {
    let failed = look.view().events_about(claim.uid()).filter(|event| event["type"] == "Warning").last();
    match failed {
        Some(event) => {
            let said = if event["message"].is_null() { &event["note"] } else { &event["message"] };
            finding.evidence(Evidence::new("/message", said.str()).on(ObjectRef::of(event)))
        }
        None => finding,
    }
}

/// A class whose driver is missing fails the first claim that names it.
fn idle_class(look: &mut Look<'_>, class: &Value, drivers: &mut Drivers) {
    if drivers.of(look.view(), class) != Driver::Missing {
        return;
    }
    let provisioner = class["provisioner"].str();
    let title = format!("names driver {provisioner}, which is not installed");
    let finding = Finding::new("CLASS_DRIVER_MISSING", Outcome::Warn, ObjectRef::of(class), title)
        .evidence(Evidence::new("/provisioner", provisioner).expected("a driver that is installed"))
        .because("the next claim of this class stays pending, and its pod with it")
        .remedy("kubectl get csidrivers,csinodes")
        .remedy("install the driver, or delete the class");
    look.find(finding);
}
