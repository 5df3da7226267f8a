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
    Sync { what: &'static str, name: &'static str },
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

/// The first few things a task waits for at once.
#[derive(Clone, Copy, Default)]
pub(crate) struct Waits {
    pub(crate) known: [Option<Wait>; 3],
    pub(crate) more: u32,
}

const NOTHING: Waits = Waits { known: [None; 3], more: 0 };

thread_local! {
    static WAITS: Cell<Waits> = const { Cell::new(NOTHING) };
}

/// Notes that the task being polled waits for something.
#[inline]
pub(crate) fn note(wait: Wait) {
    WAITS.with(|cell| {
        let mut waits = cell.get();
        match waits.known.iter_mut().find(|place| place.is_none()) {
            Some(place) => *place = Some(wait),
            None => waits.more += 1,
        }
        cell.set(waits);
    });
}

/// Takes what was noted since the last call.
#[inline]
pub(crate) fn take() -> Waits {
    WAITS.with(|cell| cell.replace(NOTHING))
}
