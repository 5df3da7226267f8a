//! Measuring a run, commit by commit.

use crate::run::result::{Figure, FindingKind, RunResult};
use crate::scenario::{FigureKind, FigureSpec, Owner};
use controlplane::{Commit, World};
use object::{ObjectExt, Value};
use property::is_live;
use std::time::Duration;
use store::{Event, EventKind, Snapshot};

/// The user agents that count as controllers when amplification is measured.
const CONTROLLERS: &str = "kube-controller-manager";

/// The most points of a figure's course; beyond, the higher of each two neighbours is kept.
const COURSE_POINTS_MAX: usize = 4096;

/// How a figure went up and down in a run: each value holds until the next point.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Course {
    /// The figure.
    pub figure: String,
    /// Virtual times since the run began, ascending, with the value from then on.
    pub points: Vec<(Duration, f64)>,
}

/// What one figure has come to.
#[derive(Clone, Debug, Default)]
struct Gauge {
    now: f64,
    peak: f64,
    /// The values of `now` so far, of figures that go up and down.
    course: Vec<(Duration, f64)>,
    /// Of amplification: the sum of sizes over changes.
    size: f64,
}

/// Measures a run.
pub(crate) struct Figures {
    specs: Vec<FigureSpec>,
    gauges: Vec<Gauge>,
}

impl Figures {
    /// Begins with the state that the run starts from. What a scenario brings itself is a change that controllers
    /// answer; what was there before it is none.
    pub(crate) fn begin(specs: &[FigureSpec], state: &Snapshot, is_scenarios: bool) -> Self {
        let mut figures = Self { specs: specs.to_vec(), gauges: vec![Gauge::default(); specs.len()] };
        figures.begin_anew(Duration::ZERO, state);
        if !is_scenarios {
            return figures;
        }
        for (spec, gauge) in figures.specs.iter().zip(&mut figures.gauges) {
            if let FigureKind::Amplification(owner) = &spec.of {
                let sizes = state.iter().filter(|(_, object)| is_owner(owner, object));
                gauge.size = sizes.fold(0.0, |sum, (_, object)| sum + size(object));
            }
        }
        figures
    }

    /// Counts what is there anew, after a change that no commit tells of.
    pub(crate) fn begin_anew(&mut self, at: Duration, state: &Snapshot) {
        for (spec, gauge) in self.specs.iter().zip(&mut self.gauges) {
            if let FigureKind::MaxLivePods(owner) | FigureKind::LivePods(owner) = &spec.of {
                gauge.now = state.list("pods", None).filter(|pod| counts(owner, pod)).count() as f64;
                gauge.peak = gauge.peak.max(gauge.now);
                gauge.note(at);
            }
        }
    }

    /// Gives the course of each figure that goes up and down.
    pub(crate) fn courses(&self) -> Vec<Course> {
        let gauges = self.specs.iter().zip(&self.gauges).filter(|(_, gauge)| !gauge.course.is_empty());
        let course = |(spec, gauge): (&FigureSpec, &Gauge)| Course {
            figure: spec.name.clone(),
            points: gauge.course.clone(),
        };
        gauges.map(course).collect()
    }

    /// Takes in a commit.
    pub(crate) fn observe(&mut self, commit: &Commit) {
        for event in &commit.events {
            for (spec, gauge) in self.specs.iter().zip(&mut self.gauges) {
                gauge.observe(&spec.of, event, &commit.user_agent);
            }
        }
        for (spec, gauge) in self.specs.iter().zip(&mut self.gauges) {
            if matches!(spec.of, FigureKind::MaxLivePods(_) | FigureKind::LivePods(_)) {
                gauge.note(commit.at.elapsed());
            }
        }
    }

    /// Gives what came out.
    pub(crate) fn finish(&self, world: &World, verdicts: &[property::Verdict]) -> Vec<Figure> {
        let value = |spec: &FigureSpec, gauge: &Gauge| match &spec.of {
            FigureKind::MaxLivePods(_) => Some(gauge.peak),
            FigureKind::LivePods(_) | FigureKind::Writes { .. } => Some(gauge.now),
            FigureKind::Amplification(_) => (gauge.size > 0.0).then(|| gauge.now / gauge.size),
            FigureKind::TimeToRecover(property) => {
                let verdict = verdicts.iter().find(|verdict| verdict.property == *property);
                verdict.and_then(|verdict| verdict.recovered_after).map(|time| time.as_secs_f64())
            }
            FigureKind::Counter(suffix) => {
                let counters = world.counters();
                let counted = counters.iter().filter(|((_, name), _)| name.ends_with(suffix.as_str()));
                Some(counted.fold(0.0, |sum, (_, count)| sum + *count as f64))
            }
        };
        let figures = self.specs.iter().zip(&self.gauges);
        figures.map(|(spec, gauge)| Figure { name: spec.name.clone(), value: value(spec, gauge) }).collect()
    }
}

impl Gauge {
    /// Remembers the present value, if it is another than the last.
    fn note(&mut self, at: Duration) {
        match self.course.last_mut() {
            Some((_, last)) if *last == self.now => return,
            // What several objects of one commit, or of one moment, add up to is one step.
            Some((last_at, last)) if *last_at == at => *last = self.now,
            _ => self.course.push((at, self.now)),
        }
        if self.course.len() > COURSE_POINTS_MAX {
            let higher = |pair: &[(Duration, f64)]| {
                pair.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default()
            };
            self.course = self.course.chunks(2).map(higher).collect();
        }
    }

    fn observe(&mut self, kind: &FigureKind, event: &Event, writer: &str) {
        match kind {
            FigureKind::MaxLivePods(owner) | FigureKind::LivePods(owner) if is_pod(event) => {
                let before = event.previous.as_ref().is_some_and(|pod| counts(owner, pod));
                let after = event.kind != EventKind::Deleted && counts(owner, &event.object);
                self.now += f64::from(u8::from(after)) - f64::from(u8::from(before));
                self.peak = self.peak.max(self.now);
            }
            FigureKind::Writes { resource, writer: prefix, kind } => {
                let is_counted = (resource.is_empty() || *resource == event.resource.to_string())
                    && writer.starts_with(prefix.as_str())
                    && kind.is_none_or(|kind| kind == event.kind);
                self.now += f64::from(u8::from(is_counted));
            }
            FigureKind::Amplification(owner) => self.amplify(owner, event, writer),
            _ => {}
        }
    }

    fn amplify(&mut self, owner: &Owner, event: &Event, writer: &str) {
        let is_own = is_owner(owner, &event.object);
        let is_change = match &event.previous {
            None => event.kind == EventKind::Created,
            Some(previous) => {
                event.object.generation() > previous.generation() && event.kind == EventKind::Updated
            }
        };
        if is_own && is_change {
            self.size += change(event.previous.as_ref(), &event.object);
        }
        let concerns = is_own || (is_pod(event) && is_owned(owner, &event.object));
        if concerns && writer.starts_with(CONTROLLERS) {
            self.now += 1.0;
        }
    }
}

fn is_pod(event: &Event) -> bool {
    event.resource.group.is_empty() && &*event.resource.resource == "pods"
}

fn size(workload: &Value) -> f64 {
    workload["spec"]["replicas"].as_i64().unwrap_or(1) as f64
}

/// Gives how many pods a change is about: those that scaling adds or takes away, all of them if the template changes.
fn change(before: Option<&Value>, after: &Value) -> f64 {
    let Some(before) = before else { return size(after) };
    if before["spec"]["template"] == after["spec"]["template"] && size(before) != size(after) {
        (size(after) - size(before)).abs()
    } else {
        size(after).max(size(before))
    }
}

/// Tells whether a pod is live and managed by an owner that matches.
fn counts(owner: &Owner, pod: &Value) -> bool {
    is_live(pod, false) && is_owned(owner, pod)
}

fn is_owned(owner: &Owner, pod: &Value) -> bool {
    let is_any = owner.kind.is_empty() && owner.name.is_empty();
    let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    fits(&owner.namespace, pod.namespace())
        && (is_any
            || pod.controller_of().is_some_and(|of| fits(&owner.kind, of.kind) && fits(&owner.name, of.name)))
}

fn is_owner(owner: &Owner, object: &Value) -> bool {
    let fits = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    let is_workload =
        matches!(object.kind(), "ReplicaSet" | "StatefulSet" | "Deployment" | "DaemonSet" | "Job");
    is_workload
        && fits(&owner.kind, object.kind())
        && fits(&owner.namespace, object.namespace())
        && fits(&owner.name, object.name())
}

/// Compares what came out with what a scenario says, and gives the differences.
pub(crate) fn compare(
    expectations: &[crate::scenario::Expectation],
    gates: &controlplane::Gates,
    result: &RunResult,
) -> Vec<super::Finding> {
    let applies = |expectation: &&crate::scenario::Expectation| {
        expectation.gates.iter().all(|(name, on)| gates.enabled(name) == *on)
    };
    let mut findings = Vec::new();
    let mut differ = |subject: &str, message: String| {
        findings.push(super::Finding { kind: FindingKind::Unexpected, subject: subject.to_owned(), message });
    };
    for expectation in expectations.iter().filter(applies) {
        for (name, (least, most)) in &expectation.figures {
            let wanted = match (least, most) {
                (least, most) if least == most => format!("{least}"),
                (least, most) => format!("{least} to {most}"),
            };
            match result.figure(name) {
                Some(value) if (*least..=*most).contains(&value) => {}
                Some(value) => differ(name, format!("figure {name} is {value}, not {wanted}")),
                None => differ(name, format!("figure {name} was not measured; {wanted} was expected")),
            }
        }
        for (name, outcome) in &expectation.properties {
            let Some(verdict) = result.verdict(name) else { continue };
            if verdict.outcome != *outcome {
                differ(name, format!("property {name} came out as {:?}, not {outcome:?}", verdict.outcome));
            }
        }
    }
    findings
}
