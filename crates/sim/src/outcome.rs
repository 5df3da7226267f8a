//! How a run, or a part of it, ended.

use std::fmt;

use crate::time::Instant;

/// How a run, or a part of it, ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is left to happen.
    Quiescent,
    /// The time asked for was reached.
    TimeReached,
    /// The condition of [`crate::Sim::run_while`] no longer holds.
    ConditionMet,
    /// Somebody called [`crate::Control::stop`].
    Stopped,
    /// A bound of [`crate::Limits`] was reached; the run cannot go on.
    LimitReached {
        /// Which bound.
        which: Limit,
        /// When.
        at: Instant,
    },
    /// Code of a model panicked; the run cannot go on.
    Panicked {
        /// The stable path of the task, or `scenario` outside of all tasks.
        task: String,
        /// The run's seed.
        seed: u64,
        /// When.
        at: Instant,
        /// What it said.
        message: String,
    },
    /// Nothing is left to happen although the scenario is not finished.
    Deadlock {
        /// Every live task with what it waits for.
        waiting: Vec<WaitingTask>,
        /// The run's seed.
        seed: u64,
    },
    /// Events keep coming without time passing; the run cannot go on.
    Livelock {
        /// The stable path of the task polled most at this instant.
        task: String,
        /// How many times it was polled at this instant.
        polls: u64,
        /// When.
        at: Instant,
        /// The run's seed.
        seed: u64,
    },
}

impl Outcome {
    /// Whether the run cannot go on after this.
    pub fn is_final(&self) -> bool {
        matches!(self, Outcome::LimitReached { .. } | Outcome::Panicked { .. } | Outcome::Livelock { .. })
    }

    /// Whether this is a defect of a model or a scenario: a panic, a deadlock or a livelock.
    pub fn is_finding(&self) -> bool {
        matches!(self, Outcome::Panicked { .. } | Outcome::Deadlock { .. } | Outcome::Livelock { .. })
    }
}

/// A bound of [`crate::Limits`] that ended a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`crate::Limits::time_max`].
    VirtualTime,
    /// [`crate::Limits::events_max`].
    Events,
    /// [`crate::Limits::ready_max`].
    ReadyQueue,
    /// [`crate::Limits::pending_max`].
    PendingEvents,
    /// [`crate::Limits::tasks_max`].
    Tasks,
    /// [`crate::Limits::connections_max`].
    Connections,
    /// [`crate::Limits::messages_per_connection`].
    MessagesPerConnection,
    /// [`crate::Limits::choice_keys_max`].
    ChoiceKeys,
}

/// A task that waits, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingTask {
    /// The task's stable path.
    pub task: String,
    /// What it waits for; several if it waits for the first of them, none if the kernel cannot tell.
    pub waits_for: Vec<String>,
}

impl fmt::Display for WaitingTask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waits_for =
            if self.waits_for.is_empty() { "unknown".into() } else { self.waits_for.join(" or ") };
        write!(out, "{} waits for {waits_for}", self.task)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Quiescent => write!(out, "nothing left to happen"),
            Outcome::TimeReached => write!(out, "time reached"),
            Outcome::ConditionMet => write!(out, "condition met"),
            Outcome::Stopped => write!(out, "stopped"),
            Outcome::LimitReached { which, at } => write!(out, "limit {which:?} reached at {at}"),
            Outcome::Panicked { task, seed, at, message } => {
                write!(out, "task {task} panicked at {at} under seed {seed}: {message}")
            }
            Outcome::Deadlock { waiting, seed } => {
                write!(out, "deadlock under seed {seed}")?;
                waiting.iter().try_for_each(|task| write!(out, "; {task}"))
            }
            Outcome::Livelock { task, polls, at, seed } => {
                write!(out, "livelock at {at} under seed {seed}: task {task} was polled {polls} times")
            }
        }
    }
}
