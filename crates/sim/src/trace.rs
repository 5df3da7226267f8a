//! The trace of a run and its rolling hash: equal hashes mean the same run, event by event.
//!
//! The hash covers time, kind, subject and cheap digests of every event. Details are text for people, built only when
//! they are kept, and never part of the hash, so that a traced and an untraced run of one seed are equal.

use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use crate::config::TraceLevel;
use crate::hash::fold;
use crate::task::TaskName;
use crate::time::Instant;

/// One event of a run, as kept for reading.
#[derive(Clone)]
pub struct Entry {
    /// The event's number in the run, from 1; the same whatever is kept.
    pub seq: u64,
    /// When it happened.
    pub at: Instant,
    /// The process it happened in, or empty for the world outside of all of them.
    pub process: Rc<str>,
    /// What happened, in a word: `send`, `crash`, `spawn`, or a model's own.
    pub kind: &'static str,
    /// What it happened to.
    pub subject: String,
    /// More for the reader; not covered by the hash.
    pub detail: String,
    /// The rolling hash after this event.
    pub hash: u64,
    pub(crate) task: Option<Rc<TaskName>>,
}

impl Entry {
    /// The stable path of the task it happened in, as in `kubelet-3#1/sync`; empty outside of all tasks.
    pub fn task(&self) -> String {
        self.task.as_ref().map(|name| name.to_string()).unwrap_or_default()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match &self.task {
            Some(task) => task.to_string(),
            None => self.process.to_string(),
        };
        write!(out, "{:>8} {} [{place}] {} {}", self.seq, self.at, self.kind, self.subject)?;
        if self.detail.is_empty() { Ok(()) } else { write!(out, " ({})", self.detail) }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self} #{:016x}", self.hash)
    }
}

/// What happened in a run: its hash, its length, and the newest entries if they were kept.
#[derive(Clone)]
pub struct Trace {
    level: TraceLevel,
    hash: u64,
    len: u64,
    entries: VecDeque<Entry>,
    entries_max: usize,
    milestones: Vec<(u64, u64)>,
    milestone_stride: u64,
}

/// Hashes noted along the way, so that a divergence older than the kept entries can still be bracketed.
const MILESTONES_MAX: usize = 1024;

impl Trace {
    pub(crate) fn new(level: TraceLevel, entries_max: usize) -> Self {
        Trace {
            level,
            hash: 0,
            len: 0,
            entries: VecDeque::new(),
            entries_max,
            milestones: Vec::new(),
            milestone_stride: 1024,
        }
    }

    /// The rolling hash over every event so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many events were hashed, kept or not.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing happened yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entries kept, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    #[inline]
    pub(crate) fn fold(&mut self, at: Instant, kind: u64, digest: u64) {
        self.len += 1;
        self.hash = fold(fold(self.hash ^ at.as_nanos(), kind), digest);
        // Strides are powers of two, so that this needs no division.
        if self.len & (self.milestone_stride - 1) == 0 {
            self.note_milestone();
        }
    }

    #[cold]
    fn note_milestone(&mut self) {
        if self.milestones.len() == MILESTONES_MAX {
            self.milestone_stride *= 2;
            let stride = self.milestone_stride;
            self.milestones.retain(|(seq, _)| seq.is_multiple_of(stride));
        }
        if self.len.is_multiple_of(self.milestone_stride) {
            self.milestones.push((self.len, self.hash));
        }
    }

    pub(crate) fn keeps(&self, level: TraceLevel) -> bool {
        self.level >= level
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.entries_max {
            self.entries.pop_front();
        }
        if self.entries_max > 0 {
            self.entries.push_back(entry);
        }
    }

    /// Finds where two runs part, or `None` if they are the same run.
    pub fn first_divergence(left: &Trace, right: &Trace) -> Option<Divergence> {
        if left.hash == right.hash && left.len == right.len {
            return None;
        }
        let (after, before) = bracket(left, right);
        let differing = left.entries.iter().filter(|entry| entry.seq > after).find(|entry| {
            let other = right.entries.binary_search_by_key(&entry.seq, |other| other.seq);
            other.is_ok_and(|at| right.entries[at].hash != entry.hash)
        });
        let seq = differing.map(|entry| entry.seq);
        let exact = seq.is_some_and(|seq| exactly(left, right, seq));
        let around = seq.unwrap_or_else(|| left.len.min(right.len));
        Some(Divergence {
            seq_after: after,
            seq_before: seq.unwrap_or(before),
            exact,
            left: context(left, around),
            right: context(right, around),
        })
    }
}

/// The newest milestone at which the runs still agreed, and the first at which they no longer did.
fn bracket(left: &Trace, right: &Trace) -> (u64, u64) {
    let mut after = 0;
    for (seq, hash) in &left.milestones {
        match right.milestones.binary_search_by_key(seq, |milestone| milestone.0) {
            Ok(at) if right.milestones[at].1 == *hash => after = *seq,
            Ok(_) => return (after, *seq),
            Err(_) => {}
        }
    }
    (after, left.len.max(right.len))
}

/// Whether the entries kept just before `seq` agree, so that the divergence is known to lie between the two.
fn exactly(left: &Trace, right: &Trace, seq: u64) -> bool {
    let previous = |trace: &Trace| {
        trace.entries.iter().take_while(|entry| entry.seq < seq).last().map(|entry| (entry.seq, entry.hash))
    };
    previous(left) == previous(right) && previous(left).is_some_and(|(at, _)| at + 1 == seq)
}

fn context(trace: &Trace, around: u64) -> Vec<Entry> {
    let before = trace.entries.iter().filter(|entry| entry.seq < around).count();
    trace.entries.iter().skip(before.saturating_sub(5)).take(10).cloned().collect()
}

/// Where two runs that should have been one part.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// The runs agree up to and including this event, as far as is known.
    pub seq_after: u64,
    /// The runs differ at this event at the latest.
    pub seq_before: u64,
    /// Whether `seq_before` is the very first differing event; otherwise earlier ones were not kept.
    pub exact: bool,
    /// The first run around the divergence.
    pub left: Vec<Entry>,
    /// The second run around the divergence.
    pub right: Vec<Entry>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.exact {
            writeln!(out, "the runs part at event {}", self.seq_before)?;
        } else {
            writeln!(out, "the runs part between events {} and {}", self.seq_after, self.seq_before)?;
        }
        for (side, entries) in [("first", &self.left), ("second", &self.right)] {
            writeln!(out, "{side} run:")?;
            for entry in entries {
                let mark = if entry.seq == self.seq_before { ">" } else { " " };
                writeln!(out, "{mark} {entry}")?;
            }
        }
        Ok(())
    }
}
