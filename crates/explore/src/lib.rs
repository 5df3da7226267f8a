//! Scenario files and what is done with them: runs, campaigns over many seeds, replay.
//!
//! A [`ScenarioFile`] says what a cluster is made of, what is done to it, what goes wrong, and what must hold. With a
//! seed it becomes a [`run()`]: a function of the two and of the [`Settings`], on any machine the same. A
//! [`Campaign`] runs many seeds on all cores; a [`Key`] names one run in a word, and [`replay()`] proves it.
//!
//! This crate must never know how results are shown, and, [`campaign`](Campaign) aside, nothing of threads.

mod campaign;
mod ground;
mod key;
pub mod library;
mod plan;
mod replay;
mod run;
mod scenario;

pub use campaign::{Campaign, CampaignResult, SEEDS_MAX};
pub use ground::{Ground, LeftOut};
pub use key::{Key, KeyError};
pub use plan::PlannedFault;
pub use replay::{Replay, ReplayError, TraceFilter, prove, replay};
pub use run::{
    Course, FaultReport, Figure, Finding, FindingKind, Keep, Run, RunError, RunResult, Writes, run, run_on,
};
pub use scenario::*;
