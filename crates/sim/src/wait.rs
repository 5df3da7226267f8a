//! What a task waits for, noted by every leaf future that returns `Pending`, for the diagnosis of a deadlock.
//!
//! The note goes through a thread-local, so that the primitives in [`crate::sync`] need no handle to the kernel. It is
//! written only for people and read only when a run got stuck: nothing that happens in a run depends on it.

use std::cell::Cell;
use std::fmt;

use crate::time::Instant;

/// One thing a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Until(Instant),
    Message { port: &'static str, peer: u32 },
    Window { port: &'static str, peer: u32 },
    Connect { port: &'static str, peer: u32 },
    Accept(&'static str),
    Datagram(&'static str),
    Task,
    Turn,
    Sync { what: Sync, name: &'static str },
}

/// What a primitive of [`crate::sync`] makes tasks wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    Notification,
    Permit,
    Room,
    Value,
    Answer,
    ReceiversEnd,
}

impl fmt::Display for Sync {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Sync::Notification => "a notification",
            Sync::Permit => "a permit",
            Sync::Room => "room in channel",
            Sync::Value => "a value from channel",
            Sync::Answer => "an answer",
            Sync::ReceiversEnd => "the receiver's end",
        })
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Until(at) => write!(out, "time {at}"),
            Wait::Message { port, peer } => write!(out, "message from process {peer} on {port}"),
            Wait::Window { port, peer } => write!(out, "room to send to process {peer} on {port}"),
            Wait::Connect { port, peer } => write!(out, "connection to process {peer} on {port}"),
            Wait::Accept(port) => write!(out, "connections on {port}"),
            Wait::Datagram(port) => write!(out, "datagrams on {port}"),
            Wait::Task => write!(out, "another task"),
            Wait::Turn => write!(out, "its turn"),
            Wait::Sync { what, name: "" } => write!(out, "{what}"),
            Wait::Sync { what, name } => write!(out, "{what} {name}"),
        }
    }
}

const KNOWN_MAX: usize = 3;

/// The first few things a task waits for at once, and how many there are.
#[derive(Clone, Copy)]
pub(crate) struct Waits {
    count: usize,
    known: [Wait; KNOWN_MAX],
}

impl Default for Waits {
    fn default() -> Self {
        Waits { count: 0, known: [Wait::Turn; KNOWN_MAX] }
    }
}

impl Waits {
    pub(crate) fn known(&self) -> &[Wait] {
        &self.known[..self.count.min(KNOWN_MAX)]
    }

    /// How many there are besides those known.
    pub(crate) fn more(&self) -> usize {
        self.count.saturating_sub(KNOWN_MAX)
    }

    /// Moves what was noted since the last call here. It runs after every poll, so it copies only what there is.
    #[inline]
    pub(crate) fn take_noted(&mut self) {
        NOTED.with(|noted| {
            self.count = noted.count.replace(0);
            for at in 0..self.count.min(KNOWN_MAX) {
                self.known[at] = noted.known[at].get();
            }
        });
    }
}

struct Noted {
    count: Cell<usize>,
    known: [Cell<Wait>; KNOWN_MAX],
}

thread_local! {
    static NOTED: Noted =
        const { Noted { count: Cell::new(0), known: [const { Cell::new(Wait::Turn) }; KNOWN_MAX] } };
}

/// Notes that the task being polled waits for something.
#[inline]
pub(crate) fn note(wait: Wait) {
    NOTED.with(|noted| {
        let count = noted.count.get();
        if let Some(place) = noted.known.get(count) {
            place.set(wait);
        }
        noted.count.set(count + 1);
    });
}

/// Forgets what was noted since the last call.
#[inline]
pub(crate) fn forget() {
    NOTED.with(|noted| noted.count.set(0));
}
