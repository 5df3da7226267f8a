//! What a run says about a property.

use crate::kind::KindName;
use crate::subject::Subject;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// How a property came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It held wherever it was put to the test; a `sometimes` happened.
    Held,
    /// It was violated.
    Violated,
    /// A `sometimes` did not happen; another run may show it.
    DidNotHappen,
    /// It was never put to the test: the run proves nothing about it.
    NeverReached,
    /// The run ended before the deadline of an `eventually` that did not hold yet.
    Undecided,
}

/// The first violation of a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// When, since the run began.
    #[serde(rename = "atSeconds", serialize_with = "seconds")]
    pub at: Duration,
    /// The revision of the state that violates it.
    pub revision: u64,
    /// What violates it.
    pub object: Subject,
    /// What was seen.
    pub observed: String,
    /// What is allowed.
    pub allowed: String,
    /// What else is known, one sentence each.
    pub evidence: Vec<String>,
}

/// What a run says about a property.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The property's name.
    pub property: String,
    /// When it must hold.
    pub kind: KindName,
    /// How it came out.
    pub outcome: Outcome,
    /// How often its rule was judged.
    pub evaluations: u64,
    /// How often of these it was put to the test: its condition held.
    pub reached: u64,
    /// How often of these its rule was broken; of an `eventually` that is no violation in itself.
    pub broken: u64,
    /// Of an `eventually` that held: how long after the faults stopped it began to hold for good; zero if it held then.
    #[serde(
        rename = "recoveredAfterSeconds",
        skip_serializing_if = "Option::is_none",
        serialize_with = "maybe_seconds"
    )]
    pub recovered_after: Option<Duration>,
    /// The first violation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn maybe_seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|d| d.as_secs_f64()).serialize(serializer)
}
