//! Pods on a node: containers that wait, that do not become ready, that are restarted.

use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::container::{self, Container, Place, Role, containers, unready_since};
use super::restarts;
use super::symptom::Symptom;
use super::{
    CREATING_GRACE, NOT_READY_GRACE, START_GRACE, WAITING_GRACE, condition_evidence, is_of_job,
    newest_warning,
};
use crate::look::Look;
use crate::words::{listed, span};

pub(crate) const STUCK_CREATING: &str = "POD_STUCK_CREATING";

/// Reasons that name the image. The first two do not go away by waiting.
const IMAGE_REASONS: [&str; 7] = [
    "InvalidImageName",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
];
/// Reasons for which the runtime could not make or start the container (`kubelet/container/sync_result.go`, `kuberuntime`).
const START_REASONS: [&str; 8] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
    "StartError",
    "CreatePodSandboxError",
];
const MOUNT_EVENTS: [&str; 5] =
    ["FailedMount", "FailedAttachVolume", "FailedMapVolume", "FailedCreatePodSandBox", "NetworkNotReady"];

/// Judges a pod that has a node: a cause per container, and only if there is none, the pod as a whole.
pub(super) fn judge<'a>(look: &mut Look<'a>, pod: &'a Value, owner: &ObjectRef) -> Vec<Symptom<'a>> {
    let all = containers(pod);
    if let Some(blocking) = blocking_init(pod, &all) {
        let place = Place { pod, owner, container: &blocking };
        return of_container(look, place).or_else(|| stuck_init(look, place)).into_iter().collect();
    }
    let running = all.iter().filter(|container| container.role != Role::Init);
    let symptoms: Vec<Symptom<'a>> =
        running.filter_map(|container| of_container(look, Place { pod, owner, container })).collect();
    if symptoms.is_empty() { of_pod(look, pod, owner, &all).into_iter().collect() } else { symptoms }
}

/// Gives the init container or sidecar that the pod's start hangs on, if it is still starting.
fn blocking_init<'a>(pod: &Value, all: &[Container<'a>]) -> Option<Container<'a>> {
    if pod.condition("Initialized")["status"] == "True" {
        return None;
    }
    all.iter().copied().find(|container| match container.role {
        Role::Init => container.status["state"]["terminated"]["exitCode"].as_i64() != Some(0),
        Role::Sidecar => !container.status["started"].bool(),
        Role::Main => false,
    })
}

fn of_container<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    if container.is_done(pod["spec"]["restartPolicy"].str()) {
        return None;
    }
    restarts::judge(look, place)
        .or_else(|| waiting(look, place))
        .or_else(|| not_ready(look, place))
        .or_else(|| not_restarted(look, place))
        .or_else(|| restarts::judge_rate(look, place))
}

fn waiting<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let reason = container.waiting_reason();
    let since = unready_since(pod)?;
    let waited = look.since(since);
    let is_image = IMAGE_REASONS.contains(&reason);
    let grace = match reason {
        // Back-off is judged with the restarts, creation with the pod as a whole.
        "" | "ContainerCreating" | "PodInitializing" | "CrashLoopBackOff" => return None,
        "InvalidImageName" | "ErrImageNeverPull" => look.duration(&START_GRACE),
        _ if START_REASONS.contains(&reason) => look.duration(&START_GRACE),
        _ if is_image => look.duration(&WAITING_GRACE),
        _ => look.duration(&NOT_READY_GRACE),
    };
    if waited < grace {
        look.note(format!(
            "Pod {}: {} shows {reason} for only {}",
            pod.full_name(),
            place.subject(),
            span(waited)
        ));
        return None;
    }
    let code = match reason {
        _ if is_image => "POD_IMAGE_PULL",
        _ if START_REASONS.contains(&reason) => "POD_START_ERROR",
        _ => "POD_WAITING",
    };
    let message = container.waiting()["message"].str();
    let image = container.spec["image"].str();
    let what = if is_image { format!(" of image {image}") } else { String::new() };
    let title = format!("{} does not start: {reason}{what}, for {}", place.subject(), span(waited));
    let mut symptom = place
        .symptom(code, Outcome::Fail, title)
        .since(Some(since))
        .evidence(Evidence::new(container.pointer("state/waiting/reason"), reason).expected("running"));
    if !message.is_empty() {
        symptom = symptom.evidence(Evidence::new(container.pointer("state/waiting/message"), message));
    }
    Some(if is_image {
        symptom
            .because("the pod runs nothing; if an old pod still serves, the roll-out hangs behind it")
            .command("describe pod", "")
            .remedy(format!(
                "see that {image} exists, for this architecture, and that the pull secret may read it"
            ))
    } else {
        symptom
            .because("the container cannot be made as its spec says, and trying again gives the same answer")
            .command("describe pod", "")
    })
}

fn not_ready<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    if container.role == Role::Init || container.is_ready() || !container.is_running() || is_of_job(pod) {
        return None;
    }
    let since = unready_since(pod)?.max(container.running_since()?);
    let waited = look.since(since);
    if waited < look.duration(&NOT_READY_GRACE) {
        return None;
    }
    let title = if unready_since(pod)? <= container.running_since()? {
        format!("{} has run for {} without becoming ready", place.subject(), span(waited))
    } else {
        format!("{} has not been ready for {}", place.subject(), span(waited))
    };
    let probe = if container.status["started"] == false { "startupProbe" } else { "readinessProbe" };
    let observed = &container.spec[probe];
    let mut symptom = place
        .symptom("POD_NOT_READY", Outcome::Fail, title)
        .since(Some(since))
        .because("Services send it nothing, and a roll-out or a drain waits for it")
        .evidence(Evidence::new(container.pointer("ready"), "false").expected("true"))
        .evidence(condition_evidence(pod, "Ready", "lastTransitionTime", "True since"));
    if !observed.is_null() {
        let pointer = container.spec_pointer(probe);
        symptom = symptom.evidence(Evidence::new(pointer, object::json::to_string(observed)));
    }
    symptom.evidence.extend(newest_warning(look, pod, &["Unhealthy"]));
    Some(symptom.command("describe pod", "").command("logs", &format!(" -c {}", container.name)))
}

/// Judges a container that ended, is not done, and has not been started again.
fn not_restarted<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, container, .. } = place;
    let end = &container.status["state"]["terminated"];
    if end.is_null() || container.role == Role::Init || is_of_job(pod) {
        return None;
    }
    let since = end["finishedAt"].as_time().or_else(|| unready_since(pod))?;
    let waited = look.since(since);
    if waited < look.duration(&NOT_READY_GRACE) {
        return None;
    }
    let never = pod["spec"]["restartPolicy"] == "Never" && container.role == Role::Main;
    let (why_not, remedy) = if never {
        (
            "its restart policy is Never",
            "delete the pod if the rest of it is of no use without this container",
        )
    } else {
        ("its kubelet does not do so", "look into the kubelet and the runtime of its node")
    };
    let how = format!("{}, exit code {}", end["reason"].as_str().unwrap_or("Error"), end["exitCode"].int());
    let title =
        format!("{} ended {} ago ({how}) and is not started again: {why_not}", place.subject(), span(waited));
    Some(
        place
            .symptom("POD_NOT_READY", Outcome::Fail, title)
            .since(Some(since))
            .because("the pod counts as running, and a part of it does nothing")
            .evidence(
                Evidence::new(container.pointer("state/terminated/reason"), end["reason"].str())
                    .expected("running"),
            )
            .evidence(Evidence::new(container.pointer("state/terminated/finishedAt"), since.rfc3339()))
            .command("logs", &format!(" -c {}", container.name))
            .remedy(remedy),
    )
}

/// Judges an init container that runs on and on.
fn stuck_init<'a>(look: &mut Look<'a>, place: Place<'_, 'a>) -> Option<Symptom<'a>> {
    let Place { pod, owner, container } = place;
    let Some(started) = container.running_since() else { return stuck_creating(look, pod, owner) };
    let waited = look.since(started);
    if waited < look.duration(&NOT_READY_GRACE) || is_of_job(pod) {
        return None;
    }
    let title = format!("{} has run for {} and the pod waits for it", place.subject(), span(waited));
    Some(
        place.symptom("POD_INIT_STUCK", Outcome::Fail, title)
            .since(Some(started))
            .because("the pod's own containers start only after it; it likely waits for something that does not come")
            .evidence(
                Evidence::new(container.pointer("state/running/startedAt"), started.rfc3339()).expected("ended, or started"),
            )
            .command("logs", &format!(" -c {}", container.name)),
    )
}

/// Judges what no single container explains: creation that hangs, and readiness gates.
fn of_pod<'a>(
    look: &mut Look<'a>,
    pod: &'a Value,
    owner: &ObjectRef,
    all: &[Container<'a>],
) -> Option<Symptom<'a>> {
    let is_creating =
        |c: &&Container<'_>| matches!(c.waiting_reason(), "ContainerCreating" | "PodInitializing");
    if all.iter().any(|container| is_creating(&container)) || all.is_empty() {
        return stuck_creating(look, pod, owner);
    }
    gates(look, pod, owner, all)
}

fn stuck_creating<'a>(look: &mut Look<'a>, pod: &'a Value, owner: &ObjectRef) -> Option<Symptom<'a>> {
    let since = unready_since(pod)?;
    let waited = look.since(since);
    if waited < look.duration(&CREATING_GRACE) {
        return None;
    }
    let outcome = if waited < look.duration(&NOT_READY_GRACE) { Outcome::Warn } else { Outcome::Fail };
    let title = if containers(pod).is_empty() {
        let node = pod["spec"]["nodeName"].str();
        format!("bound to node {node}, whose kubelet has said nothing of it for {}", span(waited))
    } else {
        format!("its containers have been in creation for {}", span(waited))
    };
    let mut symptom = Symptom::new(pod, STUCK_CREATING, outcome, owner, title)
        .since(Some(since))
        .because("the pod has a node and runs nothing; a volume, a network or a runtime does not answer")
        .evidence(condition_evidence(pod, "Ready", "lastTransitionTime", "True since"));
    if let Some(container) = containers(pod).iter().find(|container| !container.waiting_reason().is_empty()) {
        let pointer = container.pointer("state/waiting/reason");
        symptom = symptom.evidence(Evidence::new(pointer, container.waiting_reason()).expected("running"));
    }
    symptom.evidence.extend(newest_warning(look, pod, &MOUNT_EVENTS));
    Some(symptom.command("describe pod", ""))
}

fn gates<'a>(
    look: &mut Look<'a>,
    pod: &'a Value,
    owner: &ObjectRef,
    all: &[Container<'a>],
) -> Option<Symptom<'a>> {
    let ready = pod.condition("Ready");
    let policy = pod["spec"]["restartPolicy"].str();
    let is_up = |c: &Container<'_>| c.role == Role::Init || c.is_ready();
    // A container that did its work makes the pod unready by design; an init container that did is as it should be.
    let is_over = |c: &Container<'_>| c.role != Role::Init && c.is_done(policy);
    if ready["status"] != "False" || is_of_job(pod) || all.iter().any(is_over) {
        return None;
    }
    let since = unready_since(pod)?;
    if look.since(since) < look.duration(&NOT_READY_GRACE) || !all.iter().all(is_up) {
        return None;
    }
    let is_open = |gate: &&str| pod.condition(gate)["status"] != "True";
    let gates = pod["spec"]["readinessGates"].items().iter().map(|gate| gate["conditionType"].str());
    let open: Vec<&str> = gates.filter(is_open).collect();
    let waited = span(look.since(since));
    let (code, title) = if open.is_empty() {
        ("POD_NOT_READY", format!("not ready for {waited} although every container is"))
    } else {
        ("POD_READINESS_GATE", format!("not ready for {waited}: gate {} is not met", listed(&open)))
    };
    let evidence = open.iter().map(|gate| condition_evidence(pod, gate, "status", "True"));
    let mut symptom = Symptom::new(pod, code, Outcome::Fail, owner, title)
        .subject(open.join(" "))
        .since(Some(since))
        .because(
            "Services send it nothing; whoever answers for the gate (often a load balancer) has not said yes",
        )
        .evidence(condition_evidence(pod, "Ready", "status", "True"));
    symptom.evidence.extend(evidence);
    Some(
        symptom
            .command("describe pod", "")
            .remedy("see that the controller which sets these conditions runs"),
    )
}

/// Gives how old the pod is, for judgements that leave the very young alone.
pub(super) fn age(look: &Look<'_>, pod: &Value) -> Option<std::time::Duration> {
    container::created(pod).map(|created| look.since(created))
}
