//! Every workload has the pods it was asked to have, and its status says so.

use super::Scope;
use crate::census::Census;
use crate::parameters::Arguments;
use crate::rule::{Change, Explanation, Judgement, Moment, Rule, Touched};
use crate::subject::Subject;
use object::{ObjectExt, Value};
use view::View;

/// The workloads that are judged, with their resources.
const WORKLOADS: &[(&str, &str)] = &[
    ("DaemonSet", "daemonsets.apps"),
    ("Deployment", "deployments.apps"),
    ("Job", "jobs.batch"),
    ("ReplicaSet", "replicasets.apps"),
    ("StatefulSet", "statefulsets.apps"),
];

/// One number of a workload that must be another.
struct Gap {
    what: &'static str,
    is: i64,
    wanted: i64,
}

pub(crate) struct ReplicasConverge {
    scope: Scope,
    kinds: Vec<String>,
    ready: bool,
    census: Census,
}

impl ReplicasConverge {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            scope: Scope::new(arguments),
            kinds: arguments.texts("kinds"),
            ready: arguments.bool("ready"),
            census: Census::new(false),
        }
    }

    fn resource(&self, subject: &Subject) -> Option<&'static str> {
        let is_judged = self.kinds.iter().any(|kind| *kind == *subject.kind)
            && self.scope.covers(&subject.namespace, &subject.name);
        WORKLOADS.iter().find(|(kind, _)| is_judged && *kind == &*subject.kind).map(|(_, resource)| *resource)
    }

    fn find<'a>(&self, subject: &Subject, view: &'a View) -> Option<&'a Value> {
        let object = view.get(self.resource(subject)?, &subject.namespace, &subject.name)?;
        (subject.is(object) && !object.is_deleting()).then_some(object)
    }

    /// Gives what a workload still lacks.
    fn gaps(&self, workload: &Value, view: &View) -> Vec<Gap> {
        let status = &workload["status"];
        let count = self.census.of(workload.uid());
        let desired = workload["spec"]["replicas"].as_i64().unwrap_or(1);
        let observed = Gap {
            what: "status.observedGeneration",
            is: status["observedGeneration"].int(),
            wanted: workload.generation(),
        };
        let pods = |wanted: i64| {
            [
                Gap { what: "live pods", is: count.live, wanted },
                Gap { what: "ready pods", is: count.ready, wanted },
            ]
        };
        let field =
            |what: &'static str, name: &str, wanted: i64| Gap { what, is: status[name].int(), wanted };
        let mut gaps = match workload.kind() {
            "ReplicaSet" | "StatefulSet" => {
                let [live, ready] = pods(desired);
                vec![observed, live, ready, field("status.replicas", "replicas", desired)]
            }
            "DaemonSet" => {
                let desired = status["desiredNumberScheduled"].int();
                let [live, ready] = pods(desired);
                let scheduled = field("status.currentNumberScheduled", "currentNumberScheduled", desired);
                vec![
                    observed,
                    live,
                    ready,
                    scheduled,
                    field("status.numberMisscheduled", "numberMisscheduled", 0),
                ]
            }
            "Deployment" => {
                self.deployment_gaps(workload, desired, view).into_iter().chain([observed]).collect()
            }
            "Job" => job_gap(workload, count.live).into_iter().collect(),
            _ => Vec::new(),
        };
        gaps.retain(|gap| gap.is != gap.wanted && (self.ready || gap.what != "ready pods"));
        gaps
    }

    fn deployment_gaps(&self, deployment: &Value, desired: i64, view: &View) -> Vec<Gap> {
        let status = &deployment["status"];
        let sets = view.owned_by(deployment.uid()).filter(|(_, object)| object.kind() == "ReplicaSet");
        let asked: i64 = sets.map(|(_, set)| set["spec"]["replicas"].as_i64().unwrap_or(1)).sum();
        let mut gaps = vec![
            Gap { what: "replicas of its ReplicaSets", is: asked, wanted: desired },
            Gap { what: "status.replicas", is: status["replicas"].int(), wanted: desired },
        ];
        if !deployment["spec"]["paused"].bool() {
            gaps.push(Gap {
                what: "status.updatedReplicas",
                is: status["updatedReplicas"].int(),
                wanted: desired,
            });
        }
        if self.ready {
            gaps.push(Gap {
                what: "status.readyReplicas",
                is: status["readyReplicas"].int(),
                wanted: desired,
            });
        }
        gaps
    }
}

/// Gives what a Job lacks: one that runs has as many pods as may run at once, of what is left to do.
fn job_gap(job: &Value, live: i64) -> Option<Gap> {
    let is = |kind: &str| job.condition(kind)["status"] == "True";
    if is("Complete") || is("Failed") {
        return None;
    }
    let spec = &job["spec"];
    let parallelism = spec["parallelism"].as_i64().unwrap_or(1);
    let succeeded = job["status"]["succeeded"].int();
    let wanted = match spec["completions"].as_i64() {
        _ if spec["suspend"].bool() => 0,
        Some(completions) => parallelism.min(completions - succeeded),
        // Without a number of completions, the first success ends the creating.
        None if succeeded > 0 => live,
        None => parallelism,
    };
    Some(Gap { what: "live pods", is: live, wanted })
}

impl Rule for ReplicasConverge {
    fn reads(&self) -> &'static [&'static str] {
        &[
            "pods",
            "daemonsets.apps",
            "deployments.apps",
            "jobs.batch",
            "replicasets.apps",
            "statefulsets.apps",
        ]
    }

    fn forget(&mut self) {
        self.census.forget();
    }

    fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        if change.is_of("pods") {
            self.census.observe(change, touched);
            return;
        }
        if !WORKLOADS.iter().any(|(_, resource)| change.is_of(resource)) {
            return;
        }
        touched.add(Subject::of(change.object));
        if let Some(deployment) = Subject::controller_of(change.object) {
            touched.add(deployment);
        }
    }

    fn judge(&self, subject: &Subject, moment: &Moment<'_>) -> Judgement {
        match self.find(subject, moment.view) {
            Some(workload) => Judgement::when(self.gaps(workload, moment.view).is_empty()),
            None => Judgement::Idle,
        }
    }

    fn explain(&self, subject: &Subject, moment: &Moment<'_>) -> Explanation {
        let Some(workload) = self.find(subject, moment.view) else { return Explanation::default() };
        let gaps = self.gaps(workload, moment.view);
        let Some(first) = gaps.first() else {
            return Explanation {
                observed: "as many as were asked for".to_owned(),
                allowed: "anything else".to_owned(),
                evidence: Vec::new(),
            };
        };
        Explanation {
            observed: format!("{}: {}", first.what, first.is),
            allowed: format!("exactly {}", first.wanted),
            evidence: gaps[1..]
                .iter()
                .map(|gap| format!("{}: {}, not {}", gap.what, gap.is, gap.wanted))
                .collect(),
        }
    }
}
