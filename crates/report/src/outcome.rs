//! The five outcomes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What looking at something gave; ordered by how much it matters, so that `max` is the worst.
///
/// A failure outranks an error because exit code 1 outranks 3: what was seen is certain, what was not may be fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It was looked at and is right.
    Pass,
    /// It does not apply here; the reason is given.
    Skip,
    /// It works, but somebody should know.
    Warn,
    /// It could not be looked at; never counts as a pass.
    Error,
    /// It was looked at and is wrong.
    Fail,
}

impl Outcome {
    /// All outcomes, the worst first.
    pub const WORST_FIRST: [Self; 5] = [Self::Fail, Self::Error, Self::Warn, Self::Skip, Self::Pass];

    /// Gives the outcome as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skip => "skip",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
