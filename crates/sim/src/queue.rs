//! The event queue: what happens next, by time, then by the strategy's tie-break, then in order of scheduling.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::process::ProcessId;
use crate::slab::{Key, Slab};
use crate::task::{TaskId, Wakeup};
use crate::time::Instant;

/// What an event does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Polls a task.
    Run(TaskId),
    /// Wakes whoever sleeps on a timer.
    Timer(Key),
    /// Moves the oldest due packet of a connection's lane to its end.
    Packet { connection: Key, lane: u8 },
    /// Delivers a datagram.
    Datagram(Key),
    /// Calls a function of the scenario.
    Call(Key),
    /// Starts a process again.
    Start(ProcessId),
}

#[derive(Clone, Copy)]
struct Event {
    at: Instant,
    tie: u64,
    seq: u64,
    action: Action,
}

impl Event {
    fn order(&self) -> (Instant, u64, u64) {
        (self.at, self.tie, self.seq)
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.seq == other.seq
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

/// What [`Queue::next`] found.
pub(crate) enum Next {
    /// An event due at an instant, taken off the queue.
    Event(Instant, Action),
    /// Nothing is due up to the bound; the next event is later.
    Later,
    /// Nothing will ever happen.
    Nothing,
}

/// The queue. Tasks ready to run are kept apart from what waits for its time, because they are always due now.
#[derive(Default)]
pub(crate) struct Queue {
    ready: BinaryHeap<Reverse<Event>>,
    pending: BinaryHeap<Reverse<Event>>,
    timers: Slab<Wakeup>,
    /// Entries of `pending` whose timer was cancelled.
    stale: usize,
    seq: u64,
}

/// Cancelled timers are swept out once they are most of a queue at least this long.
const SWEEP_MIN: usize = 256;

impl Queue {
    #[inline]
    fn event(&mut self, at: Instant, tie: u64, action: Action) -> Reverse<Event> {
        self.seq += 1;
        Reverse(Event { at, tie, seq: self.seq, action })
    }

    #[inline]
    pub(crate) fn push_ready(&mut self, now: Instant, tie: u64, task: TaskId) {
        let event = self.event(now, tie, Action::Run(task));
        self.ready.push(event);
    }

    #[inline]
    pub(crate) fn push(&mut self, at: Instant, tie: u64, action: Action) {
        let event = self.event(at, tie, action);
        self.pending.push(event);
    }

    pub(crate) fn add_timer(&mut self, at: Instant, tie: u64, wakeup: Wakeup) -> Key {
        let key = self.timers.insert(wakeup);
        self.push(at, tie, Action::Timer(key));
        key
    }

    /// Changes whom a timer wakes, and gives back whom it woke before.
    pub(crate) fn rearm(&mut self, key: Key, wakeup: Wakeup) -> Option<Wakeup> {
        self.timers.get_mut(key).map(|timer| std::mem::replace(timer, wakeup))
    }

    /// Takes a timer that is due.
    pub(crate) fn take_timer(&mut self, key: Key) -> Option<Wakeup> {
        self.timers.remove(key)
    }

    /// Removes a timer before it is due; its entry in the heap stays until it surfaces or the next sweep.
    pub(crate) fn cancel_timer(&mut self, key: Key) -> Option<Wakeup> {
        let wakeup = self.timers.remove(key)?;
        self.stale += 1;
        if self.stale >= SWEEP_MIN && self.stale * 2 > self.pending.len() {
            let timers = &self.timers;
            self.pending.retain(|Reverse(event)| !is_stale(timers, event));
            self.stale = 0;
        }
        Some(wakeup)
    }

    pub(crate) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    pub(crate) fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// Takes the next event not later than `until`.
    #[inline]
    pub(crate) fn next(&mut self, until: Instant) -> Next {
        self.drop_stale();
        let from_ready = match (self.ready.peek(), self.pending.peek()) {
            (None, None) => return Next::Nothing,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (Some(Reverse(ready)), Some(Reverse(pending))) => ready < pending,
        };
        let heap = if from_ready { &mut self.ready } else { &mut self.pending };
        if heap.peek().is_some_and(|Reverse(event)| event.at > until) {
            return Next::Later;
        }
        match heap.pop() {
            Some(Reverse(event)) => Next::Event(event.at, event.action),
            None => Next::Nothing,
        }
    }

    #[inline]
    fn drop_stale(&mut self) {
        while self.stale > 0
            && self.pending.peek().is_some_and(|Reverse(event)| is_stale(&self.timers, event))
        {
            self.pending.pop();
            self.stale -= 1;
        }
    }

    /// Empties the queue at the end of a run and gives back what may own something.
    pub(crate) fn clear(&mut self) -> Vec<Wakeup> {
        self.ready.clear();
        self.pending.clear();
        self.stale = 0;
        self.timers.drain()
    }
}

fn is_stale(timers: &Slab<Wakeup>, event: &Event) -> bool {
    matches!(event.action, Action::Timer(key) if timers.get(key).is_none())
}
