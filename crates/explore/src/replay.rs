//! Running a run again: to prove that it is the same, and to look at it.

use crate::key::Key;
use crate::run::{Keep, RunError, RunResult, run};
use crate::scenario::{ScenarioFile, Settings};
use sim::{Divergence, Entry, Trace, TraceLevel};

/// The most entries of a trace that are kept.
const ENTRIES_MAX: usize = 5_000_000;

/// A replay did not give what its key promises.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The run cannot be made.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The scenario is not the one that the key was made with.
    #[error(
        "{file} has changed since the key was made, so the run cannot be the same; leave out ~{digest:08x} to run it all the same"
    )]
    Changed {
        /// The file.
        file: String,
        /// The digest of the key.
        digest: u32,
    },
    /// Another hash came out.
    #[error(
        "the trace hash is {got:016x}, not {expected:016x}: this is another run, made by another version of Seaworthy"
    )]
    Hash {
        /// The hash of the key.
        expected: u64,
        /// The hash that came out.
        got: u64,
    },
    /// Two runs of the same key differ: a defect of Seaworthy.
    #[error("the run is not deterministic: {0}")]
    Diverged(Box<Divergence>),
}

/// A run that was run again.
pub struct Replay {
    /// What it gives.
    pub result: RunResult,
    /// What happened.
    pub trace: Trace,
}

/// Runs a key again, and proves that it is the same: by the hash that the key holds or, if it holds none, by running it
/// twice.
///
/// # Errors
/// [`ReplayError`] when it is not the same.
pub fn replay(file: &ScenarioFile, key: &Key, level: TraceLevel) -> Result<Replay, ReplayError> {
    if let (false, Some(digest)) = (key.is_of(file), key.digest) {
        return Err(ReplayError::Changed { file: file.file().to_owned(), digest });
    }
    let keep =
        Keep { trace: level, trace_entries_max: if level == TraceLevel::Off { 0 } else { ENTRIES_MAX } };
    let again = run(file, &key.settings, key.seed, &keep)?;
    let got = again.result.trace_hash;
    match key.trace_hash {
        Some(expected) if expected != got => return Err(ReplayError::Hash { expected, got }),
        Some(_) => {}
        None => {
            prove(file, &key.settings, key.seed)?;
        }
    }
    Ok(Replay { result: again.result, trace: again.trace })
}

/// Runs a seed twice and compares; where the runs part is told with both sides.
///
/// # Errors
/// [`ReplayError::Diverged`] when they are not the same.
pub fn prove(file: &ScenarioFile, settings: &Settings, seed: u64) -> Result<u64, ReplayError> {
    let untraced = |_| run(file, settings, seed, &Keep::default()).map(|run| run.result);
    let (first, second) = (untraced(0)?, untraced(1)?);
    if first == second {
        return Ok(first.trace_hash);
    }
    let keep = Keep { trace: TraceLevel::Steps, trace_entries_max: ENTRIES_MAX };
    let traced = |_| run(file, settings, seed, &keep).map(|run| run.trace);
    let (left, right) = (traced(0)?, traced(1)?);
    let unseen = Divergence {
        seq_after: 0,
        seq_before: left.len(),
        exact: false,
        left: Vec::new(),
        right: Vec::new(),
    };
    let divergence = Trace::first_divergence(&left, &right).unwrap_or(unseen);
    Err(ReplayError::Diverged(Box::new(divergence)))
}

/// Which entries of a trace to look at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TraceFilter {
    /// Only of processes whose names begin like this.
    pub process: Option<String>,
    /// Only entries that name this object, or any text like it.
    pub object: Option<String>,
    /// Only of this kind, such as `commit` or `send`.
    pub kind: Option<String>,
}

impl TraceFilter {
    /// Tells whether an entry is to be shown.
    pub fn shows(&self, entry: &Entry) -> bool {
        let process = self.process.as_ref().is_none_or(|process| entry.process.starts_with(process.as_str()));
        let kind = self.kind.as_ref().is_none_or(|kind| kind == entry.kind);
        let names = |object: &String| {
            entry.subject.contains(object.as_str()) || entry.detail.contains(object.as_str())
        };
        process && kind && self.object.as_ref().is_none_or(names)
    }
}
