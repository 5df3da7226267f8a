//! What a run gives.

use crate::key::Key;
use property::{Outcome, Verdict};
use serde::{Serialize, Serializer};
use std::time::Duration;

/// What a run gives: nothing in it depends on the machine or the time of day.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunResult {
    /// The seed.
    pub seed: u64,
    /// The key that gives the same run again.
    pub key: Key,
    /// The hash over everything that happened.
    #[serde(rename = "trace_hash", serialize_with = "hex")]
    pub trace_hash: u64,
    /// How the run ended, if not at its time: a panic, a livelock, a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken_off: Option<String>,
    /// Virtual time.
    #[serde(rename = "virtualSeconds", serialize_with = "seconds")]
    pub virtual_time: Duration,
    /// Events of the kernel.
    pub events: u64,
    /// Commits to etcd.
    pub commits: u64,
    /// What is said of each property.
    pub verdicts: Vec<Verdict>,
    /// What was measured, in the order of the scenario.
    pub figures: Vec<Figure>,
    /// What went wrong on purpose.
    pub faults: Vec<FaultReport>,
    /// Writes by user agent and resource.
    pub writes: Vec<Writes>,
    /// What was not as it should be, beside violations.
    pub findings: Vec<Finding>,
}

/// Something measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// The name.
    pub name: String,
    /// The value; nothing when there was nothing to measure.
    pub value: Option<f64>,
}

/// A fault of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultReport {
    /// The name.
    pub name: String,
    /// The plan it came from.
    pub plan: String,
    /// The kind.
    pub kind: &'static str,
    /// When it began.
    #[serde(rename = "atSeconds", serialize_with = "seconds")]
    pub at: Duration,
    /// When it ended.
    #[serde(rename = "untilSeconds", serialize_with = "seconds")]
    pub until: Duration,
    /// How often it mattered.
    pub fired: u64,
}

/// The writes of one client to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Writes {
    /// The user agent.
    pub user_agent: String,
    /// The resource.
    pub resource: String,
    /// How many.
    pub count: u64,
}

/// Something that is not as it should be: the run proves less than it seems to, or something else than was expected.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// What it is about: a property, a fault, a step, a figure.
    pub subject: String,
    /// One sentence.
    pub message: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// The run did not come to its end.
    BrokenOff,
    /// A property was never put to the test.
    NeverReached,
    /// A fault never mattered.
    NeverFired,
    /// A step failed or was not finished.
    StepFailed,
    /// Something came out differently from what the scenario says.
    Unexpected,
    /// The run ended before a property was decided.
    Undecided,
}

impl Finding {
    /// Tells whether both say the same of the same, perhaps in other words.
    pub fn is_like(&self, other: &Self) -> bool {
        self.kind == other.kind && self.subject == other.subject
    }
}

impl RunResult {
    /// Tells whether a property was violated.
    pub fn is_violated(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.outcome == Outcome::Violated)
    }

    /// Gives the verdict on a property.
    pub fn verdict(&self, property: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|verdict| verdict.property == property)
    }

    /// Gives the value of a figure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name)?.value
    }

    /// Gives the findings of a kind.
    pub fn findings_of(&self, kind: FindingKind) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn hex<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{hash:016x}"))
}
