//! Claims that are bound and used by nobody: left over, or a replica that lost its pod.

use object::{ObjectExt, Time, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use super::ordinal::{self, Place};
use super::users::{Users, claims_of};
use super::{UNUSED_FAIL, UNUSED_WARN};
use crate::look::Look;
use crate::words::span;
use crate::workload::{self, WITH_TEMPLATES, Wants};

/// Judges a bound claim that no pod uses.
pub(super) fn judge<'a>(look: &mut Look<'a>, claim: &'a Value, users: &Users<'a>) {
    let namespace = claim.namespace();
    let so = || format!("whether claim {} is used is unknown", claim.full_name());
    if !look.knows("pods", namespace, so) || !look.knows("statefulsets.apps", namespace, so) {
        return;
    }
    if let Some(place) = ordinal::place(look.view(), claim) {
        return of_set(look, claim, &place);
    }
    if is_excused(look, claim, users) {
        return;
    }
    // Only a claim that nothing explains is a finding, and only if everything that might explain it was read.
    if WITH_TEMPLATES.iter().any(|resource| !look.knows(resource, namespace, so)) {
        return;
    }
    let since = idle_since(look, claim);
    let Some(mut outcome) = severity(look, since) else { return };
    let mut finding_title = format!(
        "bound, and used by nobody for {}",
        span(since.map_or_else(Default::default, |s| look.since(s)))
    );
    if let Some(owner) = claim.controller_of() {
        finding_title = format!("{finding_title}; {} {} owns it and may need it", owner.kind, owner.name);
        outcome = Outcome::Warn;
    } else if claim.annotation("helm.sh/resource-policy") == Some("keep") {
        finding_title = format!("{finding_title}; it was kept when its Helm release went");
        outcome = Outcome::Warn;
    }
    let finding = unused(claim, "CLAIM_UNUSED", outcome, finding_title, since)
        .because("it costs money and quota, and nobody knows whether its data is still wanted")
        .remedy(format!("kubectl -n {namespace} describe persistentvolumeclaim {}", claim.name()))
        .remedy("find out whose data it is; then use it, archive it, or delete the claim");
    look.find(finding);
}

fn unused(claim: &Value, code: &str, outcome: Outcome, title: String, since: Option<Time>) -> Finding {
    let volume = claim["spec"]["volumeName"].str();
    let finding = Finding::new(code, outcome, ObjectRef::of(claim), title)
        .evidence(Evidence::new("/status/phase", "Bound"))
        .evidence(Evidence::new("/spec/volumeName", volume))
        .evidence(Evidence::new("", "no pod that has not ended names it").expected("a pod that uses it"));
    match since {
        Some(since) => finding.since(since.rfc3339()),
        None => finding,
    }
}

fn severity(look: &Look<'_>, since: Option<Time>) -> Option<Outcome> {
    let idle = look.since(since?);
    if idle >= look.duration(&UNUSED_FAIL) {
        Some(Outcome::Fail)
    } else {
        (idle >= look.duration(&UNUSED_WARN)).then_some(Outcome::Warn)
    }
}

/// Gives since when, at the latest, the claim has been idle: what its condition says (KEP-5541), else its creation, but
/// not before an earlier view in which it was used.
fn idle_since(look: &Look<'_>, claim: &Value) -> Option<Time> {
    let condition = claim.condition("Unused");
    let told = condition["lastTransitionTime"].as_time().filter(|_| condition["status"] == "True");
    let created = claim["metadata"]["creationTimestamp"].as_time();
    let used_before = look.previous().filter(|previous| {
        let uses = |pod: &Value| {
            !matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed")
                && claims_of(pod).iter().any(|name| name == claim.name())
        };
        previous.list_in("pods", claim.namespace()).any(uses)
    });
    told.or(created).max(used_before.map(|previous| previous.now()))
}

/// Tells whether something explains why no pod uses the claim now; the explanation is noted.
fn is_excused<'a>(look: &mut Look<'a>, claim: &'a Value, users: &Users<'a>) -> bool {
    let name = claim.name();
    let view = look.view();
    for template in workload::templates(view, claim.namespace()) {
        let volumes = template.spec["volumes"].items();
        if !volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == name) {
            continue;
        }
        let workload = ObjectRef::of(template.workload);
        if template.wants == Wants::Pods {
            without_pod(look, claim, &workload);
        } else {
            look.note(format!(
                "Claim {}: {workload}, which uses it, {}",
                claim.full_name(),
                template.wants.words()
            ));
        }
        return true;
    }
    let ended = users.ended_of(claim);
    let last = ended.iter().filter_map(|pod| ended_at(pod)).max();
    let is_recent = last.is_some_and(|last| look.since(last) < look.duration(&UNUSED_FAIL));
    if let Some(pod) = ended.first().filter(|_| is_recent) {
        look.note(format!("Claim {}: Pod {}, which used it, has ended", claim.full_name(), pod.name()));
        return true;
    }
    false
}

fn ended_at(pod: &Value) -> Option<Time> {
    let statuses = pod["status"]["containerStatuses"].items().iter();
    let finished = statuses.filter_map(|status| status["state"]["terminated"]["finishedAt"].as_time()).max();
    finished.or_else(|| pod.condition("Ready")["lastTransitionTime"].as_time())
}

/// A workload wants pods with this claim and has none: the cause lies with the workload, so this only warns.
fn without_pod(look: &mut Look<'_>, claim: &Value, workload: &ObjectRef) {
    let since = idle_since(look, claim);
    if severity(look, since).is_none() {
        return;
    }
    let title = format!("bound, and {workload}, which is to use it, has no pod");
    let finding = unused(claim, "CLAIM_WITHOUT_POD", Outcome::Warn, title, since)
        .owned_by(workload.clone())
        .because("the workload does not run; its data waits")
        .remedy(format!(
            "kubectl -n {} describe {} {}",
            workload.namespace,
            workload.kind.to_lowercase(),
            workload.name
        ));
    look.find(finding);
}

fn of_set(look: &mut Look<'_>, claim: &Value, place: &Place<'_>) {
    let set = ObjectRef::of(place.set);
    if place.replicas() == 0 {
        return look.note(format!("Claim {}: {set}, which uses it, is scaled to zero", claim.full_name()));
    }
    if place.is_wanted() { lost_replica(look, claim, place) } else { beyond(look, claim, place) }
}

/// The set wants the pod, but the pod is not there or does not use the claim.
fn lost_replica(look: &mut Look<'_>, claim: &Value, place: &Place<'_>) {
    let set = ObjectRef::of(place.set);
    let pod_name = place.pod_name();
    let pod = look.view().get("pods", claim.namespace(), &pod_name);
    let status = &place.set["status"];
    let is_settling = status["observedGeneration"].int() < place.set.generation();
    if place.set.is_deleting() || is_settling {
        return look.note(format!("Claim {}: {set} is about to change its pods", claim.full_name()));
    }
    let (what, mut outcome) = match pod {
        Some(pod) if matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed") => {
            (format!("its pod {pod_name} has ended"), Outcome::Fail)
        }
        Some(_) => (format!("its pod {pod_name} does not use it"), Outcome::Fail),
        None => (format!("its pod {pod_name} does not exist"), Outcome::Fail),
    };
    let is_rolling = status["currentRevision"] != status["updateRevision"];
    if pod.is_none() && (is_rolling || place.is_held_back(look.view())) {
        outcome = Outcome::Warn;
    }
    let mut evidence = Evidence::new("/spec/replicas", place.replicas().to_string());
    evidence.object = Some(set.clone());
    let ordinal = place.ordinal.to_string();
    let title = format!("bound for replica {ordinal} of {set}, but mounted by nobody: {what}");
    let finding = unused(claim, "CLAIM_REPLICA_MISSING", outcome, title, None)
        .owned_by(set)
        .evidence(evidence)
        .because("the set runs one replica short; its share of the data is served by nobody")
        .remedy(format!("kubectl -n {} describe statefulset {}", claim.namespace(), place.set.name()))
        .remedy(format!("kubectl -n {} describe pod {pod_name}", claim.namespace()));
    look.find(finding);
}

/// The set was scaled down and kept the claim.
fn beyond(look: &mut Look<'_>, claim: &Value, place: &Place<'_>) {
    let set = ObjectRef::of(place.set);
    let since = idle_since(look, claim).max(place.scaled_at());
    let Some(mut outcome) = severity(look, since) else { return };
    let mut title =
        format!("bound, but belongs to ordinal {} of {set}, which wants {}", place.ordinal, place.wanted());
    if let Some(scaler) = scaler(look, place.set) {
        title = format!("{title}; {scaler} may scale it up again");
        outcome = Outcome::Warn;
    }
    let policy =
        place.set["spec"]["persistentVolumeClaimRetentionPolicy"]["whenScaled"].as_str().unwrap_or("Retain");
    let pointer = "/spec/persistentVolumeClaimRetentionPolicy/whenScaled";
    let finding = unused(claim, "CLAIM_BEYOND_REPLICAS", outcome, title, since)
        .owned_by(set.clone())
        .evidence(Evidence::new("/spec/replicas", place.replicas().to_string()).on(set.clone()))
        .evidence(Evidence::new(pointer, policy).on(set))
        .because("it costs money, and when the set grows again the new replica starts from this old data")
        .remedy("see that the replica's data was moved before it was scaled away; then archive or delete the claim");
    look.find(finding);
}

/// Finds an autoscaler that may want the ordinal again.
fn scaler(look: &Look<'_>, set: &Value) -> Option<String> {
    let view = look.view();
    let scalers = ["horizontalpodautoscalers.autoscaling", "scaledobjects.keda.sh"];
    let mut all = scalers.iter().flat_map(|resource| view.list_in(*resource, set.namespace()));
    all.find(|scaler| {
        let target = &scaler["spec"]["scaleTargetRef"];
        target["kind"] == "StatefulSet" && target["name"] == set.name()
    })
    .map(|scaler| ObjectRef::of(scaler).to_string())
}
