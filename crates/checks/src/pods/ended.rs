//! Pods that failed: whose failure still matters, and whose is only a leftover.

use std::collections::{BTreeMap, BTreeSet};

use object::{ObjectExt, Time, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::symptom::Symptom;
use super::{ENDED_WINDOW, RESTARTS_FAIL, RESTARTS_WINDOW, condition_evidence, container};
use crate::look::{Look, Lookup};
use crate::words::plural;
use crate::workload::{self, Wants};

/// Controllers that replace a pod that failed.
const REPLACING: [&str; 5] = ["ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Node"];

/// The failed pods, gathered by their owners: only together can they be judged.
#[derive(Default)]
pub(super) struct Ended<'a> {
    of_jobs: BTreeMap<(&'a str, &'a str), Vec<&'a Value>>,
    replaced: BTreeMap<ObjectRef, Vec<&'a Value>>,
    others: Vec<&'a Value>,
}

impl<'a> Ended<'a> {
    pub(super) fn add(&mut self, pod: &'a Value) {
        match pod.controller_of() {
            Some(owner) if owner.kind == "Job" => {
                self.of_jobs.entry((pod.namespace(), owner.name)).or_default().push(pod);
            }
            Some(owner) if REPLACING.contains(&owner.kind) => {
                let owner = ObjectRef::new(owner.api_version, owner.kind, pod.namespace(), owner.name);
                self.replaced.entry(owner).or_default().push(pod);
            }
            _ => self.others.push(pod),
        }
    }

    pub(super) fn conclude(self, look: &mut Look<'a>, symptoms: &mut Vec<Symptom<'a>>) {
        for ((namespace, job), pods) in self.of_jobs {
            symptoms.extend(of_job(look, namespace, job, &pods));
        }
        for pods in self.replaced.into_values() {
            symptoms.extend(leftovers(look, &pods));
        }
        for pod in self.others {
            symptoms.push(alone(look, pod));
        }
    }
}

/// Judges the failed pods of a Job by the Job: one that succeeded in the end is not ill.
fn of_job<'a>(look: &mut Look<'a>, namespace: &str, name: &str, pods: &[&'a Value]) -> Vec<Symptom<'a>> {
    let count = plural(pods.len() as u64, "failed pod");
    let so = || format!("whether the failed pods of Job {namespace}/{name} matter is unknown");
    let job = match look.get("jobs.batch", namespace, name, so) {
        Lookup::Unknown => return Vec::new(),
        Lookup::Absent => {
            look.note(format!("{count} of Job {namespace}/{name}, which is gone"));
            return Vec::new();
        }
        Lookup::Found(job) => job,
    };
    if job.condition("Failed")["status"] != "True" {
        let state = match workload::job_wants(job) {
            Wants::Ended => "which succeeded in the end",
            Wants::Suspended => "which is suspended",
            _ => "which still tries",
        };
        look.note(format!("{count} of Job {namespace}/{name}, {state}"));
        return Vec::new();
    }
    if let Some(later) = later_success(look, job) {
        look.note(format!("{count} of Job {namespace}/{name}; its CronJob's later run {later} succeeded"));
        return Vec::new();
    }
    let failed = job.condition("Failed");
    let since = failed["lastTransitionTime"].as_time();
    let owner = pods.first().map(|pod| workload::of_pod(look.view(), pod));
    let owner = owner.unwrap_or_else(|| ObjectRef::of(job));
    let is_paused = is_of_suspended(look, job);
    let outcome = if is_paused { Outcome::Warn } else { severity(look, since) };
    let paused = if is_paused { "; its CronJob is suspended" } else { "" };
    let symptom = |pod: &&'a Value| {
        let title = format!("Job {name} failed, {}: {}{paused}", failed["reason"].str(), ending(pod));
        Symptom::new(pod, "POD_JOB_FAILED", outcome, &owner, title)
            .since(since)
            .because("the work was not done, and the Job does not try again")
            .evidence(condition_evidence(job, "Failed", "message", "Complete").on(ObjectRef::of(job)))
            .command("logs", "")
            .remedy(format!("kubectl -n {namespace} describe job {name}"))
    };
    pods.iter().map(symptom).collect()
}

/// Tells whether somebody has suspended the CronJob that made a Job.
fn is_of_suspended(look: &Look<'_>, job: &Value) -> bool {
    let cron_job = job.controller_of().filter(|owner| owner.kind == "CronJob");
    let cron_job = cron_job.and_then(|owner| look.view().get("cronjobs.batch", job.namespace(), owner.name));
    cron_job.is_some_and(|cron_job| cron_job["spec"]["suspend"].bool())
}

/// Finds a Job of the same CronJob that was created later and completed.
fn later_success(look: &Look<'_>, job: &Value) -> Option<String> {
    let cron_job = job.controller_of()?;
    let created = container::created(job)?;
    let later = |other: &&Value| {
        other.controller_of().is_some_and(|owner| owner.uid == cron_job.uid)
            && container::created(other).is_some_and(|at| at > created)
            && other.condition("Complete")["status"] == "True"
    };
    look.view().list_in("jobs.batch", job.namespace()).find(later).map(|job| job.name().to_owned())
}

/// Judges failed pods whose controller replaces them: a few are garbage, many in a short time are a fault.
fn leftovers<'a>(look: &mut Look<'a>, pods: &[&'a Value]) -> Vec<Symptom<'a>> {
    let window = look.duration(&RESTARTS_WINDOW);
    let is_recent = |pod: &&&Value| ended_at(pod).is_some_and(|at| look.since(at) < window);
    let recent: Vec<&Value> = pods.iter().filter(is_recent).copied().collect();
    let Some(first) = pods.first() else { return Vec::new() };
    let owner = workload::of_pod(look.view(), first);
    if (recent.len() as u64) < look.count(&RESTARTS_FAIL) {
        let reasons: BTreeSet<&str> = pods.iter().map(|pod| pod["status"]["reason"].str()).collect();
        let reasons: Vec<&str> = reasons.into_iter().filter(|reason| !reason.is_empty()).collect();
        let reasons = if reasons.is_empty() { "Failed".to_owned() } else { reasons.join(", ") };
        let count = plural(pods.len() as u64, "leftover pod");
        look.note(format!("{count} of {owner} ({reasons}): its controller replaces them"));
        return Vec::new();
    }
    let symptom = |pod: &&'a Value| {
        let title = format!("fails again and again, replaced each time: {}", ending(pod));
        let mut symptom = Symptom::new(pod, "POD_FAILS_REPEATEDLY", Outcome::Warn, &owner, title)
            .since(ended_at(pod))
            .because("each replacement meets the same end; the workload is short of replicas and the API is kept busy")
            .command("describe pod", "");
        for field in ["reason", "message"] {
            if let Some(said) = pod["status"][field].as_str() {
                symptom = symptom.evidence(Evidence::new(format!("/status/{field}"), said));
            }
        }
        symptom
    };
    recent.iter().map(symptom).collect()
}

/// Judges a failed pod that nobody replaces.
fn alone<'a>(look: &mut Look<'a>, pod: &'a Value) -> Symptom<'a> {
    let owner = workload::of_pod(look.view(), pod);
    let since = ended_at(pod);
    let symptom = match pod.controller_of() {
        Some(controller) => {
            let (kind, name) = (controller.kind, controller.name);
            let title = format!("failed: {}; whether its {kind} replaces it is not known", ending(pod));
            Symptom::new(pod, "POD_FAILED", Outcome::Warn, &owner, title)
                .because("what it did may not be done any more: what its controller does about it shows only there")
                .command("describe pod", "")
                .remedy(format!("look at what {kind} {name} says of it"))
        }
        None => {
            let title = format!("failed and nobody replaces it: {}", ending(pod));
            Symptom::new(pod, "POD_FAILED", severity(look, since), &owner, title)
                .because("it has no controller that would start another, so what it did is not done any more")
                .command("describe pod", "")
                .remedy("delete it if it is of no use, or let a controller run it")
        }
    };
    let symptom = symptom
        .since(since)
        .evidence(Evidence::new("/status/phase", "Failed").expected("Running or Succeeded"));
    match pod["status"]["reason"].str() {
        "" => symptom,
        reason => symptom.evidence(Evidence::new("/status/reason", reason)),
    }
}

fn severity(look: &Look<'_>, since: Option<Time>) -> Outcome {
    match since {
        Some(since) if look.since(since) >= look.duration(&ENDED_WINDOW) => Outcome::Warn,
        _ => Outcome::Fail,
    }
}

fn ended_at(pod: &Value) -> Option<Time> {
    let finished = |c: &container::Container<'_>| c.status["state"]["terminated"]["finishedAt"].as_time();
    let last = container::containers(pod).iter().filter_map(finished).max();
    last.or_else(|| pod.condition("Ready")["lastTransitionTime"].as_time())
        .or_else(|| pod["status"]["startTime"].as_time())
        .or_else(|| container::created(pod))
}

/// Says how a pod ended: `Evicted`, or `container app ended with Error, exit code 3`.
fn ending(pod: &Value) -> String {
    let reason = pod["status"]["reason"].str();
    if !reason.is_empty() {
        return reason.to_owned();
    }
    for container in container::containers(pod) {
        let end = &container.status["state"]["terminated"];
        if end["exitCode"].int() != 0 {
            return format!(
                "container {} ended with {}, exit code {}",
                container.name,
                end["reason"].as_str().unwrap_or("Error"),
                end["exitCode"].int()
            );
        }
    }
    "no container says why".to_owned()
}
