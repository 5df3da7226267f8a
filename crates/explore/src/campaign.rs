//! Many seeds: a scenario run over a range of them on all cores, and what that says as a whole.
//!
//! This module is an edge, the only one of this crate: a run is one thread and knows nothing of others, and whoever runs
//! many of them uses as many threads as the caller says. Nothing of the threads shows in what comes out: results stand
//! in the order of the seeds, whichever ends first.

use crate::run::{Finding, FindingKind, Keep, RunError, RunResult, run};
use crate::scenario::{ScenarioFile, Settings};
use property::Outcome;
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The most seeds of one campaign.
pub const SEEDS_MAX: u64 = 100_000_000;

/// What is run.
#[derive(Clone, Debug)]
pub struct Campaign<'a> {
    /// The scenario.
    pub file: &'a ScenarioFile,
    /// What is changed about it.
    pub settings: Settings,
    /// The seeds.
    pub seeds: Range<u64>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// Whether to end at the first violation; seeds before it are still run.
    pub stop_at_violation: bool,
}

/// What a campaign gives.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CampaignResult {
    /// The scenario.
    pub scenario: String,
    /// The results in the order of their seeds.
    pub runs: Vec<RunResult>,
    /// What was never tested in any of the runs, and what else is not as it should be.
    pub findings: Vec<Finding>,
}

impl Campaign<'_> {
    /// Runs everything; `progress` is told of each run as it ends, in any order.
    ///
    /// # Errors
    /// [`RunError`] when the runs cannot be made.
    pub fn run(&self, progress: &(dyn Fn(&RunResult) + Sync)) -> Result<CampaignResult, RunError> {
        // What is wrong with the scenario or the settings is told before anything is started.
        self.file.resolve(&self.settings)?;
        let queue = Queue::new(self.seeds.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the runner of many seeds is an edge: each run is one thread"
        )]
        std::thread::scope(|scope| {
            for _ in 0..self.jobs.get() {
                scope.spawn(|| self.work(&queue, progress));
            }
        });
        let done = queue.done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut runs = Vec::with_capacity(done.len());
        for (_, outcome) in done {
            runs.push(outcome?);
        }
        if self.stop_at_violation
            && let Some(first) = runs.iter().position(RunResult::is_violated)
        {
            runs.truncate(first + 1);
        }
        let findings = summarise(&runs);
        Ok(CampaignResult { scenario: self.file.name().to_owned(), runs, findings })
    }

    /// Takes seeds until there are none left.
    fn work(&self, queue: &Queue, progress: &(dyn Fn(&RunResult) + Sync)) {
        while let Some(seed) = queue.take() {
            let outcome = run(self.file, &self.settings, seed, &Keep::default()).map(|run| run.result);
            match &outcome {
                Ok(result) => {
                    progress(result);
                    if self.stop_at_violation && result.is_violated() {
                        queue.stop();
                    }
                }
                Err(_) => queue.stop(),
            }
            queue.put(seed, outcome);
        }
    }
}

/// The seeds that are left, and the results so far.
struct Queue {
    next: AtomicU64,
    end: u64,
    stopped: AtomicBool,
    done: Mutex<BTreeMap<u64, Result<RunResult, RunError>>>,
}

impl Queue {
    fn new(seeds: Range<u64>) -> Self {
        let end = seeds.end.min(seeds.start.saturating_add(SEEDS_MAX));
        Self {
            next: AtomicU64::new(seeds.start),
            end,
            stopped: AtomicBool::new(false),
            done: Mutex::new(BTreeMap::new()),
        }
    }

    /// Gives the next seed. Seeds are given out in their order, so that all before one that was run are run, too.
    fn take(&self) -> Option<u64> {
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let seed = self.next.fetch_add(1, Ordering::Relaxed);
        (seed < self.end).then_some(seed)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    fn put(&self, seed: u64, outcome: Result<RunResult, RunError>) {
        let mut done = self.done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.insert(seed, outcome);
    }
}

impl CampaignResult {
    /// Gives the runs in which a property was violated.
    pub fn violated(&self) -> impl Iterator<Item = &RunResult> {
        self.runs.iter().filter(|run| run.is_violated())
    }

    /// Gives the sum of virtual time.
    pub fn virtual_time(&self) -> Duration {
        self.runs.iter().map(|run| run.virtual_time).sum()
    }

    /// Gives the least and the most of a figure over all runs.
    pub fn range(&self, figure: &str) -> Option<(f64, f64)> {
        let values = self.runs.iter().filter_map(|run| run.figure(figure));
        values.fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((least, most)) => Some((least.min(value), most.max(value))),
        })
    }
}

/// Gives what a campaign has to say beside violations. What one run did not reach another may have reached: only what none
/// did is a finding. Everything else is told once, with the number of runs.
fn summarise(runs: &[RunResult]) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(untested_properties(runs));
    findings.extend(unfired_faults(runs));
    let mut repeated: BTreeMap<&Finding, (u64, u64)> = BTreeMap::new();
    for run in runs {
        let own = run.findings.iter();
        for finding in own.filter(|f| !matches!(f.kind, FindingKind::NeverReached | FindingKind::NeverFired))
        {
            repeated.entry(finding).or_insert((0, run.seed)).0 += 1;
        }
    }
    findings.extend(repeated.into_iter().map(|(finding, (count, seed))| {
        let message =
            format!("{} (in {count} of {} runs, first with seed {seed})", finding.message, runs.len());
        Finding { message, ..finding.clone() }
    }));
    findings
}

fn untested_properties(runs: &[RunResult]) -> Vec<Finding> {
    let Some(first) = runs.first() else { return Vec::new() };
    let untested = first.verdicts.iter().enumerate().filter_map(|(at, verdict)| {
        let outcomes = || runs.iter().filter_map(|run| run.verdicts.get(at)).map(|verdict| verdict.outcome);
        let all = |wanted: Outcome| outcomes().all(|outcome| outcome == wanted);
        let (name, runs) = (&verdict.property, runs.len());
        let message = if all(Outcome::NeverReached) {
            format!("property {name} never applied in any of {runs} runs: it proves nothing")
        } else if outcomes().all(|outcome| matches!(outcome, Outcome::DidNotHappen | Outcome::NeverReached)) {
            format!("{name} did not happen in any of {runs} runs")
        } else {
            return None;
        };
        Some(Finding { kind: FindingKind::NeverReached, subject: name.clone(), message })
    });
    untested.collect()
}

fn unfired_faults(runs: &[RunResult]) -> Vec<Finding> {
    let mut fired: BTreeMap<&str, u64> = BTreeMap::new();
    for fault in runs.iter().flat_map(|run| &run.faults) {
        *fired.entry(&fault.plan).or_default() += fault.fired;
    }
    let unfired = fired.into_iter().filter(|(_, fired)| *fired == 0);
    let finding = |(plan, _): (&str, u64)| {
        let message = format!("fault {plan} never mattered in any of {} runs: it proves nothing", runs.len());
        Finding { kind: FindingKind::NeverFired, subject: plan.to_owned(), message }
    };
    unfired.map(finding).collect()
}
