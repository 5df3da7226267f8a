//! One run: a scenario and a seed become a cluster, what is done to it, and what is said of it.

mod figures;
mod inject;
mod result;
mod workload;

pub use figures::Course;
pub use result::{FaultReport, Figure, Finding, FindingKind, RunResult, Writes};

use crate::ground::Ground;
use crate::key::Key;
use crate::plan::{self, PlannedFault};
use crate::scenario::{
    BehaviourRule, Deadlines, PropertySpec, Scenario, ScenarioError, ScenarioFile, Settings, Step, unknown,
};
use controlplane::{Cluster, ClusterConfig, ClusterError, Gates};
use figures::Figures;
use inject::Injector;
use object::Time;
use property::{Commit, Fact, Monitor, Outcome};
use sim::{Control, Instant, TraceLevel};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use view::View;
use workload::{Log, Progress, Script};

/// How much of a run is kept for looking at.
#[derive(Clone, Debug)]
pub struct Keep {
    /// Which entries of the trace.
    pub trace: TraceLevel,
    /// How many entries, the newest.
    pub trace_entries_max: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self { trace: TraceLevel::Off, trace_entries_max: 0 }
    }
}

/// A run that came to its end.
pub struct Run {
    /// What it gives.
    pub result: RunResult,
    /// What happened, as far as it was kept.
    pub trace: sim::Trace,
    /// The choices that were made, as far as the kernel records them.
    pub choices: Vec<sim::Choice>,
    /// How the figures that count live pods went up and down.
    pub courses: Vec<Course>,
}

/// A run cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The scenario is wrong.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The cluster cannot be made.
    #[error("{file}: {why}")]
    Cluster {
        /// The scenario's file.
        file: String,
        /// What is wrong.
        why: ClusterError,
    },
    /// A fault names a process that does not exist.
    #[error("{file}: fault {fault:?}: {message}")]
    Process {
        /// The scenario's file.
        file: String,
        /// The fault.
        fault: String,
        /// What is wrong.
        message: String,
    },
    /// A fault that is to be left out does not exist.
    #[error("{file}: {message}")]
    Without {
        /// The scenario's file.
        file: String,
        /// What is wrong.
        message: String,
    },
}

/// Runs a scenario file once.
///
/// # Errors
/// [`RunError`] when the run cannot be made; whatever goes wrong within it is part of its result.
pub fn run(file: &ScenarioFile, settings: &Settings, seed: u64, keep: &Keep) -> Result<Run, RunError> {
    play(file, file.resolve(settings)?, None, settings, seed, keep)
}

/// Runs a scenario file once on a cluster that is there: its objects stand before those of the scenario, its clock and
/// its Kubernetes version hold. The key of such a run names the scenario only, and does not give it again.
///
/// # Errors
/// As [`run()`].
pub fn run_on(
    ground: &Ground,
    file: &ScenarioFile,
    settings: &Settings,
    seed: u64,
    keep: &Keep,
) -> Result<Run, RunError> {
    let mut scenario = file.resolve(settings)?;
    scenario.version = ground.version();
    scenario.objects = ground.objects().iter().cloned().chain(scenario.objects).collect();
    play(file, scenario, Some(ground), settings, seed, keep)
}

fn play(
    file: &ScenarioFile,
    scenario: Scenario,
    ground: Option<&Ground>,
    settings: &Settings,
    seed: u64,
    keep: &Keep,
) -> Result<Run, RunError> {
    let mut stage = Stage::set(file, &scenario, ground, settings, seed, keep)?;
    let broken_off = stage.play();
    Ok(stage.finish(Key::new(file, seed, settings), broken_off))
}

/// A run with everything in place.
struct Stage<'a> {
    scenario: &'a Scenario,
    cluster: Cluster,
    epoch: Time,
    monitor: Rc<RefCell<Monitor>>,
    figures: Rc<RefCell<Figures>>,
    commits: Rc<Cell<u64>>,
    injector: Injector,
    log: Log,
}

impl<'a> Stage<'a> {
    fn set(
        file: &ScenarioFile,
        scenario: &'a Scenario,
        ground: Option<&Ground>,
        settings: &Settings,
        seed: u64,
        keep: &Keep,
    ) -> Result<Self, RunError> {
        let mut config = cluster_config(scenario, settings, seed, keep);
        if let Some(ground) = ground {
            config.sim.epoch_unix_ns = ground.now().as_nanos();
            config.without_controllers.extend(ground.without_controllers().iter().map(ToString::to_string));
        }
        let epoch = Time::from_nanos(config.sim.epoch_unix_ns);
        let in_file = |why| RunError::Cluster { file: file.file().to_owned(), why };
        let mut cluster = Cluster::new(config).map_err(in_file)?;
        let log = start_users(&mut cluster, &scenario.steps);
        set_behaviours(&cluster, &scenario.behaviours);
        let control = cluster.sim.control().clone();

        let state = cluster.world.snapshot();
        let monitor = Rc::new(RefCell::new(Monitor::new(scenario.properties.iter().map(PropertySpec::make))));
        monitor.borrow_mut().begin(&View::new(state.clone(), epoch));
        let measured = Figures::begin(&scenario.figures, &state, ground.is_none());
        let figures = Rc::new(RefCell::new(measured));
        let commits = Rc::new(Cell::new(0));
        observe(&cluster, &monitor, &figures, &commits);

        let choose = |site: &'static str, entity: &str, n: u64| control.choose(site, entity, n);
        let faults = plan::draw(&scenario.faults, &settings.without, scenario.deadlines.faults_stop, &choose);
        check_names(file, scenario, settings, &faults, &control)?;
        let (judge, measure, world) = (monitor.clone(), figures.clone(), cluster.world.clone());
        let on_restore = Rc::new(move |control: &Control| {
            let (state, at) = (world.snapshot(), control.now().elapsed());
            judge.borrow_mut().begin_anew(at, &View::new(state.clone(), epoch + at));
            measure.borrow_mut().begin_anew(at, &state);
        });
        let injector = Injector::schedule(&control, &cluster.world, faults, on_restore);
        Ok(Self { scenario, cluster, epoch, monitor, figures, commits, injector, log })
    }

    /// Runs to the end; gives what broke it off.
    fn play(&mut self) -> Option<String> {
        let Deadlines { faults_stop, run_length } = self.scenario.deadlines;
        if let Some(broken_off) = self.advance(faults_stop) {
            return Some(broken_off);
        }
        self.monitor.borrow_mut().faults_stopped(faults_stop);
        loop {
            let next = self.monitor.borrow().next_deadline().filter(|at| *at <= run_length);
            if let Some(broken_off) = self.advance(next.unwrap_or(run_length)) {
                return Some(broken_off);
            }
            let (at, view) = self.now();
            self.monitor.borrow_mut().pass_time(at, &view);
            next?;
        }
    }

    /// Runs up to a time; gives what broke the run off.
    fn advance(&mut self, until: Duration) -> Option<String> {
        match self.cluster.sim.run_until(Instant::START + until) {
            sim::Outcome::TimeReached => None,
            other => Some(other.to_string()),
        }
    }

    fn now(&self) -> (Duration, View) {
        let at = self.cluster.sim.now().elapsed();
        (at, View::new(self.cluster.world.snapshot(), self.epoch + at))
    }

    fn finish(self, mut key: Key, broken_off: Option<String>) -> Run {
        let (at, view) = self.now();
        let verdicts = self.monitor.replace(Monitor::new([])).finish(at, &view);
        let figures = self.figures.borrow().finish(&self.cluster.world, &verdicts);
        let courses = self.figures.borrow().courses();
        let control = self.cluster.sim.control();
        key.trace_hash = Some(control.trace_hash());
        let mut result = RunResult {
            seed: key.seed,
            key,
            trace_hash: control.trace_hash(),
            broken_off,
            virtual_time: at,
            events: control.events(),
            commits: self.commits.get(),
            verdicts,
            figures,
            faults: self.injector.fired(control).into_iter().map(report_fault).collect(),
            writes: writes(&self.cluster),
            findings: Vec::new(),
        };
        result.findings = findings(self.scenario, &result, &self.log.borrow());
        Run { result, trace: control.trace(), choices: control.choices(), courses }
    }
}

fn cluster_config(scenario: &Scenario, settings: &Settings, seed: u64, keep: &Keep) -> ClusterConfig {
    let topology = &scenario.topology;
    let mut sim = sim::Config::with_seed(seed);
    sim.overrides = settings.overrides.clone();
    sim.strategy = topology.strategy;
    sim.keep_trace = keep.trace;
    sim.limits.trace_entries_max = keep.trace_entries_max;
    let mut config = ClusterConfig::new(scenario.version, sim);
    config.gates = scenario.gates.clone();
    config.apiservers = topology.apiservers;
    config.controller_managers = topology.controller_managers;
    config.leader_elect = topology.leader_elect;
    config.schedulers = topology.schedulers;
    config.kubelets = topology.kubelets;
    config.nodes = topology.nodes.clone();
    config.provisioner = topology.provisioner;
    config.attacher = topology.attacher;
    config.force_detach = topology.force_detach;
    (config.etcd.write_min, config.etcd.write_max) = topology.etcd_write;
    config.objects = scenario.objects.clone();
    config.mutants = topology.mutants;
    if let Some(wanted) = &topology.controllers {
        let names =
            controlplane::controllers::CONTROLLERS.iter().map(|controller| controller.name.to_owned());
        config.without_controllers = names.filter(|name| !wanted.contains(name)).collect();
    }
    config
}

/// Says what the programs in containers do, from the beginning or from a later time on.
fn set_behaviours(cluster: &Cluster, rules: &[BehaviourRule]) {
    for rule in rules {
        let (world, target, behaviour) = (cluster.world.clone(), rule.target.clone(), rule.behaviour.clone());
        let begin = move || world.behaviours.borrow_mut().add(target.clone(), behaviour.clone());
        if rule.at.is_zero() { begin() } else { cluster.sim.at(Instant::START + rule.at, move |_| begin()) }
    }
}

/// Makes a process of each actor, which does its steps.
fn start_users(cluster: &mut Cluster, steps: &[Step]) -> Log {
    let log: Log = Rc::new(RefCell::new(vec![Progress::default(); steps.len()]));
    let mut actors: BTreeMap<&str, Vec<(usize, Step)>> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        actors.entry(&step.actor).or_default().push((index, step.clone()));
    }
    for (actor, steps) in actors {
        let script = Script { steps: steps.into(), log: log.clone() };
        cluster.user(actor, move |ctx, client| script.clone().run(ctx, client));
    }
    log
}

/// Lets properties and figures follow every commit.
fn observe(
    cluster: &Cluster,
    monitor: &Rc<RefCell<Monitor>>,
    figures: &Rc<RefCell<Figures>>,
    commits: &Rc<Cell<u64>>,
) {
    let (judge, figures, commits) = (monitor.clone(), figures.clone(), commits.clone());
    cluster.world.observe(Box::new(move |commit| {
        commits.set(commits.get() + 1);
        figures.borrow_mut().observe(commit);
        judge.borrow_mut().commit(&Commit {
            at: commit.at.elapsed(),
            now: commit.wall,
            writer: &commit.user_agent,
            events: &commit.events,
            after: &commit.after,
        });
    }));
    let judge = monitor.clone();
    cluster.world.observe_unknown_creates(Box::new(move |at, resource, object| {
        let resource = resource.group_resource();
        judge.borrow_mut().learn(at.elapsed(), &Fact::CreateOutcomeUnknown { resource: &resource, object });
    }));
}

/// Checks that what faults and settings name exists.
fn check_names(
    file: &ScenarioFile,
    scenario: &Scenario,
    settings: &Settings,
    faults: &[PlannedFault],
    control: &Control,
) -> Result<(), RunError> {
    let names: Vec<Rc<str>> = control.processes().into_iter().map(|process| control.name(process)).collect();
    let known: Vec<&str> = names.iter().map(|name| &**name).collect();
    for fault in faults {
        if let Some(wrong) = fault.kind.processes().into_iter().find(|name| !known.contains(name)) {
            let message = unknown("process", wrong, &known);
            return Err(RunError::Process {
                file: file.file().to_owned(),
                fault: fault.name.clone(),
                message,
            });
        }
    }
    let plans: Vec<&str> = scenario.faults.iter().map(|plan| plan.name.as_str()).collect();
    let is_known =
        |name: &str| plans.contains(&name.split('/').next().unwrap_or_default()) || plans.contains(&name);
    match settings.without.iter().find(|name| !is_known(name)) {
        Some(name) => {
            Err(RunError::Without { file: file.file().to_owned(), message: unknown("fault", name, &plans) })
        }
        None => Ok(()),
    }
}

fn report_fault((fault, fired): (PlannedFault, u64)) -> FaultReport {
    let kind = fault.kind.name();
    FaultReport { name: fault.name, plan: fault.plan, kind, at: fault.at, until: fault.until, fired }
}

fn writes(cluster: &Cluster) -> Vec<Writes> {
    let counted = cluster.world.writes().into_iter();
    counted
        .map(|((user_agent, resource), count)| Writes {
            user_agent: user_agent.to_string(),
            resource: resource.to_string(),
            count,
        })
        .collect()
}

/// Gives everything that is not as it should be, beside violations.
fn findings(scenario: &Scenario, result: &RunResult, log: &[Progress]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |kind: FindingKind, subject: &str, message: String| {
        findings.push(Finding { kind, subject: subject.to_owned(), message });
    };
    if let Some(why) = &result.broken_off {
        add(FindingKind::BrokenOff, &scenario.name, format!("the run was broken off: {why}"));
    }
    for verdict in &result.verdicts {
        let name = &verdict.property;
        match verdict.outcome {
            Outcome::NeverReached => {
                let times = verdict.evaluations;
                let message =
                    format!("property {name} was judged {times} times and never applied: it proves nothing");
                add(FindingKind::NeverReached, name, message);
            }
            Outcome::Undecided => {
                let message = format!("the run ended before property {name} was decided");
                add(FindingKind::Undecided, name, message);
            }
            Outcome::Held | Outcome::Violated | Outcome::DidNotHappen => {}
        }
    }
    for fault in result.faults.iter().filter(|fault| fault.fired == 0) {
        let message = format!("fault {} ({}) never mattered: it proves nothing", fault.name, fault.kind);
        add(FindingKind::NeverFired, &fault.name, message);
    }
    for (step, progress) in scenario.steps.iter().zip(log) {
        if let Some(failure) = &progress.failure {
            add(FindingKind::StepFailed, &step.name, format!("{}: {failure}", step.name));
        } else if !progress.is_over {
            let message = format!("{} was not finished when the run ended", step.name);
            add(FindingKind::StepFailed, &step.name, message);
        }
    }
    let mut gates = Gates::of(scenario.version);
    for (name, on) in &scenario.gates {
        gates.set(name, *on).expect("the cluster was made with these gates");
    }
    findings.extend(figures::compare(&scenario.expectations, &gates, result));
    findings
}
