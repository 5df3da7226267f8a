//! The scheduling queue: what is to be tried now, what waits out its back-off, and what cannot be placed until
//! something changes (`pkg/scheduler/backend/queue/scheduling_queue.go`).

use crate::constants::{
    SCHEDULER_BACKOFF_MAX, SCHEDULER_BACKOFF_MIN, SCHEDULER_FLUSH_AFTER, SCHEDULER_FLUSH_PERIOD,
};
use object::{ObjectExt, Text, Value};
use sim::sync::Notify;
use sim::{Ctx, Instant};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most pods that may wait.
const PODS_MAX: usize = 1_000_000;

#[derive(Clone)]
struct Waiting {
    pod: Value,
    /// How often it was tried.
    attempts: u32,
    /// When it came into the queue, or was last tried.
    since: Instant,
    order: u64,
}

/// Higher priority first, then the one that has waited longer.
type Rank = (Reverse<i64>, Instant, u64);

#[derive(Default)]
struct State {
    active: BTreeMap<Rank, Text>,
    backing_off: BTreeMap<Text, Instant>,
    unschedulable: BTreeMap<Text, Instant>,
    pods: BTreeMap<Text, Waiting>,
    next: u64,
    /// Counts the moves, so that a pod whose try overlapped one is not parked.
    moves: u64,
}

/// The queue.
pub(super) struct Queue {
    ctx: Ctx,
    state: RefCell<State>,
    changed: Notify,
}

impl Queue {
    pub(super) fn new(ctx: &Ctx) -> Rc<Self> {
        let queue = Rc::new(Self {
            ctx: ctx.clone(),
            state: RefCell::default(),
            changed: Notify::named("scheduling-queue"),
        });
        let flushing = queue.clone();
        ctx.spawn("flush", async move {
            loop {
                flushing.ctx.sleep(SCHEDULER_FLUSH_PERIOD).await;
                let oldest = flushing.ctx.now();
                flushing.retry(|_, since| oldest.since(since) > SCHEDULER_FLUSH_AFTER);
            }
        });
        queue
    }

    /// Takes in a pod that has no node, or its newer state.
    pub(super) fn put(&self, pod: &Value) {
        let mut state = self.state.borrow_mut();
        let uid: Text = pod.uid().into();
        if let Some(before) = state.pods.get(&uid).cloned() {
            let after = Waiting { pod: pod.clone(), ..before.clone() };
            if state.active.remove(&rank(&before)).is_some() {
                state.active.insert(rank(&after), uid.clone());
            }
            state.pods.insert(uid, after);
            return;
        }
        assert!(state.pods.len() < PODS_MAX, "more than {PODS_MAX} pods wait to be scheduled");
        state.next += 1;
        let waiting = Waiting { pod: pod.clone(), attempts: 0, since: self.ctx.now(), order: state.next };
        state.pods.insert(uid.clone(), waiting);
        self.activate(&mut state, &uid);
    }

    pub(super) fn remove(&self, uid: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(waiting) = state.pods.remove(uid) {
            state.active.remove(&rank(&waiting));
            state.backing_off.remove(uid);
            state.unschedulable.remove(uid);
        }
    }

    fn activate(&self, state: &mut State, uid: &Text) {
        state.backing_off.remove(uid);
        state.unschedulable.remove(uid);
        if let Some(waiting) = state.pods.get(uid) {
            state.active.insert(rank(waiting), uid.clone());
            self.changed.notify_one();
        }
    }

    /// Waits for the next pod to try; gives it with the count of moves so far.
    pub(super) async fn next(&self) -> (Value, u64) {
        loop {
            if let Some(found) = self.pop() {
                return found;
            }
            self.changed.notified().await;
        }
    }

    fn pop(&self) -> Option<(Value, u64)> {
        let mut state = self.state.borrow_mut();
        let (_, uid) = state.active.pop_first()?;
        let (now, moves) = (self.ctx.now(), state.moves);
        let waiting = state.pods.get_mut(&uid).expect("what is active is in the queue");
        waiting.attempts += 1;
        let pod = waiting.pod.clone();
        waiting.since = now;
        Some((pod, moves))
    }

    /// Parks a pod that could not be placed; if something changed during its try, it only backs off.
    pub(super) fn park(self: &Rc<Self>, uid: &str, moves: u64) {
        let now = self.ctx.now();
        let mut state = self.state.borrow_mut();
        if !state.pods.contains_key(uid) {
            return;
        }
        if state.moves == moves {
            state.unschedulable.insert(uid.into(), now);
        } else {
            drop(state);
            self.back_off(uid);
        }
    }

    /// Lets a pod wait out its back-off: 1 s doubled for each try, up to 10 s.
    pub(super) fn back_off(self: &Rc<Self>, uid: &str) {
        let mut state = self.state.borrow_mut();
        let Some(waiting) = state.pods.get(uid) else { return };
        let doubled = SCHEDULER_BACKOFF_MIN
            .saturating_mul(1u32.checked_shl(waiting.attempts.saturating_sub(1)).unwrap_or(u32::MAX));
        let due = waiting.since + doubled.min(SCHEDULER_BACKOFF_MAX);
        let uid: Text = uid.into();
        state.unschedulable.remove(&uid);
        if due <= self.ctx.now() {
            return self.activate(&mut state, &uid);
        }
        state.backing_off.insert(uid.clone(), due);
        let queue = self.clone();
        self.ctx.spawn("back-off", async move {
            queue.ctx.sleep_until(due).await;
            let mut state = queue.state.borrow_mut();
            if state.backing_off.get(&uid) == Some(&due) {
                queue.activate(&mut state, &uid);
            }
        });
    }

    /// Something changed: the parked pods for which it may matter are tried again after their back-off.
    pub(super) fn retry(self: &Rc<Self>, matters: impl Fn(&Value, Instant) -> bool) {
        let moved: Vec<Text> = {
            let mut state = self.state.borrow_mut();
            state.moves += 1;
            let parked = state.unschedulable.iter();
            parked
                .filter(|(uid, since)| matters(&state.pods[*uid].pod, **since))
                .map(|(uid, _)| uid.clone())
                .collect()
        };
        for uid in moved {
            self.back_off(&uid);
        }
    }
}

fn rank(waiting: &Waiting) -> Rank {
    (Reverse(waiting.pod["spec"]["priority"].int()), waiting.since, waiting.order)
}
