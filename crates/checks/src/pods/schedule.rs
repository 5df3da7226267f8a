//! Pods that no node was found for.

use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::symptom::Symptom;
use super::{NOT_READY_GRACE, SCHEDULING_GRACE, condition_evidence, container, newest_warning};
use crate::look::Look;
use crate::words::span;

pub(crate) const UNSCHEDULABLE: &str = "POD_UNSCHEDULABLE";
pub(crate) const NOT_SCHEDULED: &str = "POD_NOT_SCHEDULED";

/// Judges a pod without a node.
pub(super) fn judge<'a>(look: &mut Look<'a>, pod: &'a Value, owner: &ObjectRef) -> Option<Symptom<'a>> {
    let condition = pod.condition("PodScheduled");
    let reason = condition["reason"].str();
    if reason == "SchedulingGated" || !pod["spec"]["schedulingGates"].is_empty() {
        look.note(format!("Pod {}: held back by a scheduling gate", pod.full_name()));
        return None;
    }
    let since = condition["lastTransitionTime"].as_time().or_else(|| container::created(pod))?;
    let waited = look.since(since);
    if waited < look.duration(&SCHEDULING_GRACE) {
        return None;
    }
    if pod["spec"]["priority"].int() < 0 {
        look.note(format!("Pod {}: a placeholder of negative priority that waits for room", pod.full_name()));
        return None;
    }
    let scaling = newest_warning(look, pod, &["TriggeredScaleUp"]);
    let nominated = pod["status"]["nominatedNodeName"].str();
    if (scaling.is_some() || !nominated.is_empty()) && waited < look.duration(&NOT_READY_GRACE) {
        look.note(format!("Pod {}: room is being made for it", pod.full_name()));
        return None;
    }
    let why =
        "it does not run at all, and nothing changes until room, a node or the pod's own demands change";
    if reason == "Unschedulable" {
        let title = format!("no node fits, for {}: {}", span(waited), condition["message"].str());
        let mut symptom = Symptom::new(pod, UNSCHEDULABLE, Outcome::Fail, owner, title)
            .since(Some(since))
            .because(why)
            .evidence(condition_evidence(pod, "PodScheduled", "reason", "a node"));
        symptom.evidence.extend(newest_warning(look, pod, &["FailedScheduling"]));
        return Some(symptom.command("describe pod", "").remedy(
            "compare its requests, node selector, affinity and tolerations with what the nodes offer",
        ));
    }
    let scheduler = pod["spec"]["schedulerName"].as_str().unwrap_or("default-scheduler");
    if !reason.is_empty() {
        // `SchedulerError`: it looked, and failed at something else than room.
        let title =
            format!("{scheduler} has failed at it for {}: {}", span(waited), condition["message"].str());
        return Some(
            Symptom::new(pod, NOT_SCHEDULED, Outcome::Fail, owner, title)
                .since(Some(since))
                .because("it does not run at all; the scheduler tries again and meets the same")
                .evidence(condition_evidence(pod, "PodScheduled", "reason", "a node"))
                .command("describe pod", "")
                .remedy(format!("look into the log of {scheduler} and of the plugin or extender it names")),
        );
    }
    let title = format!("no scheduler has looked at it for {}; it asks for {scheduler}", span(waited));
    Some(
        Symptom::new(pod, NOT_SCHEDULED, Outcome::Fail, owner, title)
            .since(Some(since))
            .because("it does not run at all; the scheduler it names is not there or does not keep up")
            .evidence(Evidence::new("/spec/schedulerName", scheduler))
            .evidence(condition_evidence(pod, "PodScheduled", "status", "True"))
            .remedy(format!("see that a scheduler named {scheduler} runs and holds its lease"))
            .command("describe pod", ""),
    )
}
