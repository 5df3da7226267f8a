//! Chapter 2: how the cluster withstands kubernetes#129795, played on its own objects.
//!
//! The largest ReplicaSet is doubled while the controller manager's watch of pods stands still: once with KEP-5647's
//! gate off, as every release before 1.36 has it, once with it on.

use explore::{Ground, Keep, LeftOut, Run, RunResult, ScenarioFile, Settings, run_on};
use object::{ObjectExt, Value};
use property::Outcome as Held;
use report::{
    Chapter, Chart, ChartKind, Evidence, Figure, Finding, Goal, ObjectRef, Outcome, Standing, Table,
};
use schema::KubernetesVersion;
use std::collections::BTreeSet;
use view::View;

const ID: &str = "withstand";
const TITLE: &str = "Chapter 2: Withstand";
/// The gate that bounds what a stale cache can do (KEP-5647).
const GATE: &str = "StaleControllerConsistencyReplicaSet";
const SCENARIO: &str = include_str!("withstand.yaml");
/// The property that the failure breaks.
const BOUNDED: &str = "replicaset-pods-bounded";
/// When the watch stands still, and for how long, as the scenario has it.
const STILL_FROM_MIN: f64 = 1.0;
const STILL_TO_MIN: f64 = 13.0;
/// So many kinds that were left out are named.
const LEFT_OUT_MAX: usize = 5;

/// Whose cluster it is: what an expected failure says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The shakedown's: that the failure is reproduced is the proof.
    Shakedown,
    /// A user's: what its own version does by default counts.
    Users,
}

/// What is scaled, and the ReplicaSet that follows.
struct Subject<'a> {
    set: &'a Value,
    scaled: ObjectRef,
    replicas: i64,
}

/// Plays the failure on a cluster's objects.
pub fn withstand(view: &View, whose: Whose, seed: u64) -> Chapter {
    let mut chapter = Chapter::new(ID, TITLE);
    if let Err(unread) = view.readable("replicasets.apps") {
        chapter.errors.push(format!("ReplicaSets could not be read: {}", unread.reason));
        return chapter;
    }
    let Some(subject) = subject(view) else {
        chapter.skipped = Some("no ReplicaSet has all its pods, so there is none to double".to_owned());
        return chapter;
    };
    let (version, said) = version_of(view);
    chapter.prose.extend(said);
    let (ground, left) = Ground::of(view, version);
    let runs = match play(&ground, &subject, seed) {
        Ok(runs) => runs,
        Err(why) => {
            chapter.errors.push(why);
            return chapter;
        }
    };
    let troubles = runs.iter().flat_map(|run| &run.result.findings).map(|finding| finding.message.clone());
    chapter.errors.extend(troubles.collect::<BTreeSet<String>>());
    tell(&mut chapter, &subject, &ground, &left);
    compare(&mut chapter, &subject, &runs);
    let by_default = controlplane::Gates::of(version).enabled(GATE);
    judge(&mut chapter, &subject, &runs, by_default, whose);
    chapter.judge();
    chapter
}

/// Finds the largest ReplicaSet that has all its pods, and what a person would scale to scale it.
fn subject(view: &View) -> Option<Subject<'_>> {
    let is_whole = |set: &&Value| {
        let wanted = set["spec"]["replicas"].int();
        wanted > 0 && set["status"]["replicas"].int() == wanted && !set.is_deleting()
    };
    let named = |set: &&Value| (set["spec"]["replicas"].int(), std::cmp::Reverse(set.full_name()));
    let set = view.list("replicasets.apps").filter(is_whole).max_by_key(named)?;
    let is_there = |name: &str| view.get("deployments.apps", set.namespace(), name).is_some();
    let owner = set.controller_of().filter(|owner| owner.kind == "Deployment" && is_there(owner.name));
    let scaled = match owner {
        Some(owner) => ObjectRef::new("apps/v1", "Deployment", set.namespace(), owner.name),
        None => ObjectRef::of(set),
    };
    Some(Subject { set, scaled, replicas: set["spec"]["replicas"].int() })
}

/// Gives the version to simulate, and says so where it is not what the cluster says of itself.
fn version_of(view: &View) -> (KubernetesVersion, Option<String>) {
    let latest = KubernetesVersion::LATEST;
    if let Some(text) = view.kubernetes_version() {
        return match KubernetesVersion::parse(text) {
            Ok(version) => (version, None),
            Err(why) => (latest, Some(format!("The cluster is simulated as {latest}: {why}."))),
        };
    }
    // No kubelet may be newer than the API server.
    let of_node =
        |node: &Value| KubernetesVersion::parse(node["status"]["nodeInfo"]["kubeletVersion"].str()).ok();
    match view.list("nodes").filter_map(of_node).max() {
        Some(version) => (
            version,
            Some(format!(
                "The API server's version is not among the objects; it is taken for {version}, as its newest kubelet has it."
            )),
        ),
        None => (latest, Some(format!("The cluster's version is not known; it is simulated as {latest}."))),
    }
}

/// Plays it with the gate off, then on.
fn play(ground: &Ground, subject: &Subject<'_>, seed: u64) -> Result<[Run; 2], String> {
    let file =
        ScenarioFile::parse("withstand.yaml", SCENARIO, &|path| Err(format!("there is no file {path}")))
            .map_err(|error| error.to_string())?;
    let parameters = [
        ("namespace", subject.set.namespace().to_owned()),
        ("replicaSet", subject.set.name().to_owned()),
        ("scaledKind", subject.scaled.kind.clone()),
        ("scaled", subject.scaled.name.clone()),
        ("replicas", (2 * subject.replicas).to_string()),
    ];
    let keep = Keep::default();
    let run = |gate: bool| {
        let settings = Settings {
            parameters: parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            gates: [(GATE.to_owned(), gate)].into(),
            ..Settings::default()
        };
        run_on(ground, &file, &settings, seed, &keep).map_err(|error| error.to_string())
    };
    Ok([run(false)?, run(true)?])
}

fn tell(chapter: &mut Chapter, subject: &Subject<'_>, ground: &Ground, left: &[LeftOut]) {
    let set = subject.set.full_name();
    chapter.prose.push(format!(
        "{} objects were loaded into a simulated control plane of Kubernetes {} whose clock stands at the look. {} was \
         scaled from {} to {} replicas while the controller manager's watch of pods stood still for 12 minutes \
         (kubernetes#129795); its ReplicaSet is {set}.",
        ground.objects().len(),
        ground.version(),
        subject.scaled,
        subject.replicas,
        2 * subject.replicas,
    ));
    if !ground.without_controllers().is_empty() {
        chapter.prose.push(format!(
            "Not everything could be read, so controllers that delete what belongs to something that is gone were left \
             out: {}.",
            ground.without_controllers().join(", ")
        ));
    }
    if !left.is_empty() {
        let count: usize = left.iter().map(|left| left.count).sum();
        let kinds: BTreeSet<&str> = left.iter().map(|left| left.what.as_str()).collect();
        let named: Vec<&str> = kinds.iter().copied().take(LEFT_OUT_MAX).collect();
        let more = if kinds.len() > LEFT_OUT_MAX { " and others" } else { "" };
        let were = if count == 1 { "object was" } else { "objects were" };
        chapter.prose.push(format!(
            "{count} {were} left out, for no controller that is simulated acts on them: {}{more}.",
            named.join(", ")
        ));
    }
}

fn peak(run: &RunResult) -> f64 {
    run.figure("pods").unwrap_or(0.0)
}

fn is_violated(run: &RunResult) -> bool {
    run.verdict(BOUNDED).is_some_and(|verdict| verdict.outcome == Held::Violated)
}

fn compare(chapter: &mut Chapter, subject: &Subject<'_>, runs: &[Run; 2]) {
    let [off, on] = runs.each_ref().map(|run| &run.result);
    let wanted = (2 * subject.replicas) as f64;
    let mut table =
        Table::new("The same failure without and with the mitigation", ["", "gate off", "gate on"]);
    let mut row = |what: &str, show: &dyn Fn(&RunResult) -> String| table.row([what, &show(off), &show(on)]);
    let figure = |name: &'static str, unit: &'static str| {
        move |run: &RunResult| {
            run.figure(name).map_or("never".to_owned(), |value| format!("{value:.1}{unit}"))
        }
    };
    row("pods at the peak", &|run| format!("{:.0}", peak(run)));
    row("pods at the end", &|run| format!("{:.0}", run.figure("podsAtEnd").unwrap_or(0.0)));
    row("controllers' writes per pod of the change", &figure("amplification", ""));
    row("time to recover", &figure("timeToRecover", " s"));
    row("no more pods than replicas", &|run| if is_violated(run) { "violated" } else { "held" }.to_owned());
    chapter.tables.push(table);
    let goal = Goal::AtMost(wanted);
    chapter.figures.push(Figure::new("pods at the peak, gate off", peak(off), "pods"));
    chapter.figures.push(Figure::new("pods at the peak, gate on", peak(on), "pods").goal(goal));
    let title = format!("Live pods of ReplicaSet {}", subject.set.full_name());
    let chart = Chart::new(title, ChartKind::Step, "virtual minutes", "pods")
        .series("gate off", points(&runs[0]))
        .series("gate on", points(&runs[1]))
        .mark(STILL_FROM_MIN, "watch stands still")
        .mark(STILL_TO_MIN, "watch goes on");
    chapter.charts.push(chart);
}

/// Gives the course of the number of pods, to the end of the run.
fn points(run: &Run) -> Vec<(f64, f64)> {
    let course = run.courses.iter().find(|course| course.figure == "pods");
    let points = course.map_or(&[][..], |course| course.points.as_slice());
    let end = points.last().map(|(_, pods)| (run.result.virtual_time, *pods));
    points.iter().copied().chain(end).map(|(at, pods)| (at.as_secs_f64() / 60.0, pods)).collect()
}

fn judge(chapter: &mut Chapter, subject: &Subject<'_>, runs: &[Run; 2], by_default: bool, whose: Whose) {
    let wanted = (2 * subject.replicas) as f64;
    let [off, on] = runs.each_ref().map(|run| &run.result);
    let (own, other) = if by_default { (on, off) } else { (off, on) };
    if peak(on) < wanted {
        chapter.errors.push(format!(
            "{} could not be scaled: {:.0} of {wanted} pods came about, so nothing is shown",
            subject.scaled,
            peak(on)
        ));
    }
    chapter.headline = format!(
        "{} pods wanted: {:.0} at the peak with the gate off, {:.0} with it on (its default here: {})",
        wanted,
        peak(off),
        peak(on),
        if by_default { "on" } else { "off" }
    );
    if is_violated(own) {
        chapter.findings.push(runaway(subject, own, by_default));
    }
    if !is_violated(other) {
        return;
    }
    let mut finding = runaway(subject, other, !by_default);
    let reason = match whose {
        Whose::Shakedown => "reproduced on purpose: this is what the gate prevents",
        Whose::Users => "not with this cluster's own setting of the gate",
    };
    finding.set_standing(Standing::Expected, reason);
    chapter.findings.push(finding);
}

fn runaway(subject: &Subject<'_>, run: &RunResult, gate: bool) -> Finding {
    let wanted = 2 * subject.replicas;
    let state = if gate { "on" } else { "off" };
    let title = format!(
        "with {GATE} {state}, a stalled watch of pods makes {:.0} pods where {wanted} are wanted",
        peak(run)
    );
    let set = ObjectRef::of(subject.set);
    let mut finding = Finding::new("REPLICASET_RUNAWAY", Outcome::Fail, set, title)
        .about([subject.scaled.kind.as_str(), &subject.scaled.namespace, &subject.scaled.name, "gate", state])
        .owned_by(subject.scaled.clone())
        .because(
            "the controller cannot see its own pods, waits five minutes, and creates them again: in a cluster that is \
             overloaded already, each round makes it worse (kubernetes#129795)",
        )
        .remedy(format!("run Kubernetes 1.36 or newer with feature gate {GATE} on (its default there)"))
        .remedy("seaworthy simulate k8s-129795 --seeds 200");
    let violation = run.verdict(BOUNDED).and_then(|verdict| verdict.violation.as_ref());
    if let Some(violation) = violation {
        let at = violation.at.as_secs_f64();
        finding = finding.evidence(
            Evidence::new("/spec/replicas", format!("{} after {at:.0} s", violation.observed))
                .expected(violation.allowed.clone()),
        );
    }
    finding
}
