//! Who owns a pod, and what the owner wants.

use object::{ObjectExt, Value};
use report::ObjectRef;
use view::View;

/// Gives the workload at the top of a pod's owners; the pod itself when nobody owns it.
///
/// A static pod and one made by a generator are named without what changes when they are made anew.
pub(crate) fn of_pod(view: &View, pod: &Value) -> ObjectRef {
    let namespace = pod.namespace();
    let Some(owner) = pod.controller_of() else {
        let generated = pod["metadata"]["generateName"].str().trim_end_matches('-');
        let name = if generated.is_empty() { pod.name() } else { generated };
        return ObjectRef::new("v1", "Pod", namespace, name);
    };
    let named =
        |api_version: &str, kind: &str, name: &str| ObjectRef::new(api_version, kind, namespace, name);
    match owner.kind {
        "Node" => {
            let suffix = format!("-{}", owner.name);
            named("v1", "Pod", pod.name().strip_suffix(&suffix).unwrap_or(pod.name()))
        }
        "ReplicaSet" => match view.get("replicasets.apps", namespace, owner.name) {
            Some(set) => top(set).unwrap_or_else(|| named(owner.api_version, owner.kind, owner.name)),
            // Without the ReplicaSet, its name tells the Deployment's: the pod carries the hash that was added.
            None => match pod.label("pod-template-hash").and_then(|hash| deployment(owner.name, hash)) {
                Some(name) => named("apps/v1", "Deployment", name),
                None => named(owner.api_version, owner.kind, owner.name),
            },
        },
        "Job" => {
            let job = view.get("jobs.batch", namespace, owner.name);
            job.and_then(top).unwrap_or_else(|| named(owner.api_version, owner.kind, owner.name))
        }
        _ => named(owner.api_version, owner.kind, owner.name),
    }
}

fn top(object: &Value) -> Option<ObjectRef> {
    let owner = object.controller_of()?;
    Some(ObjectRef::new(owner.api_version, owner.kind, object.namespace(), owner.name))
}

fn deployment<'a>(replica_set: &'a str, hash: &str) -> Option<&'a str> {
    replica_set.strip_suffix(hash)?.strip_suffix('-')
}

/// What a workload wants to run at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Pods, now.
    Pods,
    /// No pods: it is scaled to zero.
    Nothing,
    /// No pods: no node is meant for its pods.
    NoNode,
    /// No pods until somebody resumes it.
    Suspended,
    /// No pods any more: it is a Job that ended.
    Ended,
    /// Pods from time to time: it is a CronJob.
    Sometimes,
}

impl Wants {
    /// Says so in words that follow the workload's name.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Pods => "wants pods",
            Self::Nothing => "is scaled to zero",
            Self::NoNode => "fits no node",
            Self::Suspended => "is suspended",
            Self::Ended => "has ended",
            Self::Sometimes => "runs on a schedule",
        }
    }
}

/// A pod template with the workload that holds it.
pub(crate) struct Template<'a> {
    pub(crate) workload: &'a Value,
    /// The template's labels.
    pub(crate) labels: &'a Value,
    /// The template's pod spec.
    pub(crate) spec: &'a Value,
    pub(crate) wants: Wants,
}

/// The resources that hold pod templates.
pub(crate) const WITH_TEMPLATES: [&str; 7] = [
    "cronjobs.batch",
    "daemonsets.apps",
    "deployments.apps",
    "jobs.batch",
    "replicasets.apps",
    "replicationcontrollers",
    "statefulsets.apps",
];

/// Gives the pod templates of a namespace. Of what another workload controls only the controller counts.
pub(crate) fn templates<'a>(view: &'a View, namespace: &'a str) -> Vec<Template<'a>> {
    let mut templates = Vec::new();
    for resource in WITH_TEMPLATES {
        for workload in view.list_in(resource, namespace) {
            let is_part = workload.controller_of().is_some_and(|owner| {
                matches!(
                    (resource, owner.kind),
                    ("replicasets.apps", "Deployment") | ("jobs.batch", "CronJob")
                )
            });
            if !is_part {
                templates.push(template(resource, workload));
            }
        }
    }
    templates
}

fn template<'a>(resource: &str, workload: &'a Value) -> Template<'a> {
    let spec = &workload["spec"];
    let (template, wants) = match resource {
        "cronjobs.batch" => {
            let wants = if spec["suspend"].bool() { Wants::Suspended } else { Wants::Sometimes };
            (&spec["jobTemplate"]["spec"]["template"], wants)
        }
        "jobs.batch" => (&spec["template"], job_wants(workload)),
        "daemonsets.apps" => (&spec["template"], daemon_wants(workload)),
        // An absent count means one, for all kinds that have it.
        _ if spec["replicas"].as_i64() == Some(0) => (&spec["template"], Wants::Nothing),
        _ => (&spec["template"], Wants::Pods),
    };
    Template { workload, labels: &template["metadata"]["labels"], spec: &template["spec"], wants }
}

/// Tells what a DaemonSet wants, as its controller has counted.
fn daemon_wants(set: &Value) -> Wants {
    let status = &set["status"];
    let is_counted = status["observedGeneration"].as_i64() == Some(set.generation());
    if is_counted && status["desiredNumberScheduled"].as_i64() == Some(0) {
        Wants::NoNode
    } else {
        Wants::Pods
    }
}

/// Tells what a Job wants.
pub(crate) fn job_wants(job: &Value) -> Wants {
    let is_true = |kind| job.condition(kind)["status"] == "True";
    if is_true("Complete") || is_true("Failed") {
        Wants::Ended
    } else if job["spec"]["suspend"].bool() {
        Wants::Suspended
    } else {
        Wants::Pods
    }
}
