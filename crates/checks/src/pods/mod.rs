//! Pod health: every pod that should run runs, is ready, and stays so.
//!
//! A pod is judged by its conditions and the states of its containers, never by a printed status. A pod's causes are
//! tried from the outside in: its node, its deletion, its end, its references, its scheduling, its containers; the
//! first that explains it is the finding.

mod container;
mod containers;
mod ended;
mod lost;
mod references;
mod restarts;
mod schedule;
mod symptom;

use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef};

use crate::look::Look;
use crate::registry::{Check, Code, Layer};
use crate::words::plural;
use crate::{Parameter, workload};
use symptom::Symptom;

pub(crate) const CHECK: Check = Check {
    name: "pod-health",
    layer: Layer::Compute,
    description: "every pod that should run runs, is ready, and is not restarted again and again",
    parameters: &[
        NOT_READY_GRACE,
        START_GRACE,
        WAITING_GRACE,
        CREATING_GRACE,
        SCHEDULING_GRACE,
        NODE_GRACE,
        TERMINATING_WARN,
        TERMINATING_FAIL,
        RESTARTS_WINDOW,
        RESTARTS_WARN,
        RESTARTS_FAIL,
        OOM_WINDOW,
        OOM_FAIL,
        ENDED_WINDOW,
    ],
    reads: &[
        "pods",
        "nodes",
        "configmaps",
        "secrets",
        "jobs.batch",
        "cronjobs.batch",
        "replicasets.apps",
        "events",
    ],
    codes: &[
        Code::new("POD_CONFIG_MISSING", "a ConfigMap, a Secret or a key that the pod reads does not exist"),
        Code::new("POD_CRASH_LOOP", "a container ends again and again"),
        Code::new("POD_FAILED", "a pod failed and nobody replaces it"),
        Code::new("POD_FAILS_REPEATEDLY", "a controller's pods fail as soon as they are made"),
        Code::new("POD_IMAGE_PULL", "an image cannot be pulled"),
        Code::new("POD_INIT_STUCK", "an init container runs on and on"),
        Code::new("POD_JOB_FAILED", "a Job gave up"),
        Code::new("POD_NODE_GONE", "the pod's node does not exist"),
        Code::new("POD_NODE_LOST", "the pod's node is silent or not ready"),
        Code::new(
            "POD_NOT_READY",
            "a container runs and does not become ready, or has ended and is not started again",
        ),
        Code::new("POD_NOT_SCHEDULED", "no scheduler has looked at the pod, or the scheduler fails at it"),
        Code::new("POD_OOM_KILLED", "a container was killed for want of memory, even if it runs now"),
        Code::new("POD_READINESS_GATE", "every container is ready, a readiness gate is not met"),
        Code::new("POD_RESTARTS", "a container was restarted lately, too seldom to be a loop"),
        Code::new("POD_START_ERROR", "the runtime cannot make or start a container"),
        Code::new("POD_STUCK_CREATING", "containers are in creation for too long"),
        Code::new("POD_TERMINATING_STUCK", "the pod terminates long past its grace period"),
        Code::new("POD_UNSCHEDULABLE", "no node fits"),
        Code::new("POD_WAITING", "a container waits for a reason that is none of the known ones"),
    ],
    look,
};

const NOT_READY_GRACE: Parameter = Parameter::seconds(
    "not-ready-grace",
    15 * 60,
    "how long a pod may be unready or not started before it fails",
);
const START_GRACE: Parameter =
    Parameter::seconds("start-grace", 60, "how young a pod is left alone whatever it shows");
const WAITING_GRACE: Parameter =
    Parameter::seconds("waiting-grace", 2 * 60, "how long a pod may be in back-off before it fails");
const CREATING_GRACE: Parameter = Parameter::seconds(
    "creating-grace",
    10 * 60,
    "how long a pod's containers may be in creation before it warns",
);
const SCHEDULING_GRACE: Parameter =
    Parameter::seconds("scheduling-grace", 5 * 60, "how long a pod may be unschedulable before it fails");
const NODE_GRACE: Parameter = Parameter::seconds(
    "node-grace",
    5 * 60,
    "how long a pod's node may be gone or not ready before it fails",
);
const TERMINATING_WARN: Parameter = Parameter::seconds(
    "terminating-warn",
    5 * 60,
    "how long past its grace period a pod may terminate before it warns",
);
const TERMINATING_FAIL: Parameter = Parameter::seconds(
    "terminating-fail",
    60 * 60,
    "how long past its grace period a pod may terminate before it fails",
);
const RESTARTS_WINDOW: Parameter =
    Parameter::seconds("restarts-window", 60 * 60, "the window in which restarts are counted");
const RESTARTS_WARN: Parameter =
    Parameter::count("restarts-warn", 2, "restarts from which a container warns");
const RESTARTS_FAIL: Parameter =
    Parameter::count("restarts-fail", 5, "restarts in the window from which a container fails");
const OOM_WINDOW: Parameter =
    Parameter::seconds("oom-window", 24 * 60 * 60, "how long ago an OOM kill still counts");
const OOM_FAIL: Parameter =
    Parameter::count("oom-fail", 3, "restarts from which repeated OOM kills fail instead of warn");
const ENDED_WINDOW: Parameter = Parameter::seconds(
    "ended-window",
    24 * 60 * 60,
    "how long ago a pod or Job that failed still fails, not warns",
);

/// Findings that a volume may explain.
pub(crate) const WAITS_FOR_VOLUME: &[&str] =
    &[containers::STUCK_CREATING, schedule::UNSCHEDULABLE, schedule::NOT_SCHEDULED];

fn look(look: &mut Look<'_>) {
    let pods = look.subjects("pods");
    if pods.is_empty() {
        return look.skip("there are no pods");
    }
    let with_status: Vec<&Value> =
        pods.iter().copied().filter(|pod| !pod["status"]["phase"].is_null()).collect();
    if with_status.is_empty() {
        return look.skip("no pod has a status: these are manifests, not a cluster");
    }
    if with_status.len() < pods.len() {
        let count = (pods.len() - with_status.len()) as u64;
        look.note(format!("{} without a status: not judged", plural(count, "pod")));
    }
    let mut symptoms = Vec::new();
    let mut ended = ended::Ended::default();
    for pod in with_status {
        judge(look, pod, &mut ended, &mut symptoms);
    }
    ended.conclude(look, &mut symptoms);
    for finding in symptom::group(symptoms) {
        look.find(finding);
    }
}

fn judge<'a>(
    look: &mut Look<'a>,
    pod: &'a Value,
    ended: &mut ended::Ended<'a>,
    symptoms: &mut Vec<Symptom<'a>>,
) {
    if let Some(symptom) = lost::judge(look, pod) {
        return symptoms.push(symptom);
    }
    if pod.is_deleting() {
        return symptoms.extend(lost::terminating(look, pod));
    }
    match pod["status"]["phase"].str() {
        "Succeeded" => return,
        "Failed" => return ended.add(pod),
        _ => {}
    }
    if is_suspended(look, pod) {
        return;
    }
    let owner = workload::of_pod(look.view(), pod);
    let missing = references::judge(look, pod, &owner);
    if !missing.is_empty() {
        return symptoms.extend(missing);
    }
    if pod["spec"]["nodeName"].str().is_empty() {
        return symptoms.extend(schedule::judge(look, pod, &owner));
    }
    symptoms.extend(containers::judge(look, pod, &owner));
}

/// Pods of a suspended Job are about to go: nothing they show matters.
fn is_suspended(look: &mut Look<'_>, pod: &Value) -> bool {
    let Some(owner) = pod.controller_of().filter(|owner| owner.kind == "Job") else { return false };
    let job = look.view().get("jobs.batch", pod.namespace(), owner.name);
    let suspended = job.is_some_and(|job| workload::job_wants(job) == workload::Wants::Suspended);
    if suspended {
        look.note(format!("Pod {}: its Job {} is suspended", pod.full_name(), owner.name));
    }
    suspended
}

/// Tells whether a Job runs the pod, which then need not become ready.
fn is_of_job(pod: &Value) -> bool {
    pod.controller_of().is_some_and(|owner| owner.kind == "Job")
}

/// Gives the newest warning about a pod among its events, as evidence; none if events were not read.
fn newest_warning(look: &Look<'_>, pod: &Value, reasons: &[&str]) -> Option<Evidence> {
    let happened = |event: &Value| {
        let series = &event["series"]["lastObservedTime"];
        let times = [series, &event["lastTimestamp"], &event["deprecatedLastTimestamp"], &event["eventTime"]];
        times
            .into_iter()
            .find_map(Value::as_time)
            .or_else(|| event["metadata"]["creationTimestamp"].as_time())
    };
    let events = look.view().events_about(pod.uid()).filter(|event| reasons.contains(&event["reason"].str()));
    let newest = events.max_by_key(|event| happened(event))?;
    let said =
        [&newest["message"], &newest["note"]].into_iter().map(Value::str).find(|text| !text.is_empty())?;
    Some(Evidence::new("/message", said.trim()).on(ObjectRef::of(newest)))
}

/// Gives a condition of the pod as evidence.
fn condition_evidence(pod: &Value, kind: &str, field: &str, expected: &str) -> Evidence {
    let conditions = pod["status"]["conditions"].items();
    let Some(index) = conditions.iter().position(|condition| condition["type"] == kind) else {
        return Evidence::new("/status/conditions", format!("no condition {kind}")).expected(expected);
    };
    let observed = conditions[index][field].str();
    Evidence::new(format!("/status/conditions/{index}/{field}"), observed).expected(expected)
}
