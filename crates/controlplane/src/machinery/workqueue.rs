//! The rate-limited work queue (client-go `util/workqueue`).

use super::ratelimit::{ExponentialBackoff, TokenBucket};
use crate::constants::{WORKQUEUE_BASE_DELAY, WORKQUEUE_BURST, WORKQUEUE_MAX_DELAY, WORKQUEUE_QPS};
use sim::sync::Notify;
use sim::{Ctx, Instant};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

/// The most keys a queue may hold.
pub const QUEUE_MAX: usize = 1_000_000;

struct State<K> {
    /// What waits to be handed out, in order.
    ready: VecDeque<K>,
    /// What waits, or changed while it was processed.
    dirty: BTreeSet<K>,
    /// What is being processed.
    processing: BTreeSet<K>,
    /// When a delayed key becomes ready; a key waits at most once, for its earliest time.
    delayed: BTreeMap<K, Instant>,
}

/// A queue that hands a key to one worker at a time, once for all the times it was added meanwhile.
pub struct WorkQueue<K> {
    ctx: Ctx,
    name: &'static str,
    state: RefCell<State<K>>,
    added: Notify,
    backoff: ExponentialBackoff<K>,
    bucket: TokenBucket,
}

impl<K: Ord + Clone + std::fmt::Display + 'static> WorkQueue<K> {
    /// Makes an empty queue with the default controller rate limiter.
    pub fn new(ctx: &Ctx, name: &'static str) -> Rc<Self> {
        Self::with_backoff(ctx, name, WORKQUEUE_BASE_DELAY, WORKQUEUE_MAX_DELAY)
    }

    /// Makes an empty queue with another per-item back-off.
    pub fn with_backoff(ctx: &Ctx, name: &'static str, base: Duration, max: Duration) -> Rc<Self> {
        let state = State {
            ready: VecDeque::new(),
            dirty: BTreeSet::new(),
            processing: BTreeSet::new(),
            delayed: BTreeMap::new(),
        };
        Rc::new(Self {
            ctx: ctx.clone(),
            name,
            state: RefCell::new(state),
            added: Notify::named("work-queue"),
            backoff: ExponentialBackoff::new(base, max),
            bucket: TokenBucket::new(WORKQUEUE_QPS, WORKQUEUE_BURST, ctx.now()),
        })
    }

    /// Adds a key.
    pub fn add(&self, key: K) {
        let mut state = self.state.borrow_mut();
        assert!(state.dirty.len() < QUEUE_MAX, "work queue {} holds more than {QUEUE_MAX} keys", self.name);
        if !state.dirty.insert(key.clone()) {
            return;
        }
        if !state.processing.contains(&key) {
            state.ready.push_back(key);
            self.added.notify_one();
        }
    }

    /// Adds a key after a delay.
    pub fn add_after(self: &Rc<Self>, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        let due = self.ctx.now() + delay;
        {
            let mut state = self.state.borrow_mut();
            if state.delayed.get(&key).is_some_and(|earlier| *earlier <= due) {
                return;
            }
            state.delayed.insert(key.clone(), due);
        }
        let queue = self.clone();
        self.ctx.spawn(self.name, async move {
            queue.ctx.sleep_until(due).await;
            let is_due = queue.state.borrow().delayed.get(&key) == Some(&due);
            if is_due {
                queue.state.borrow_mut().delayed.remove(&key);
                queue.add(key);
            }
        });
    }

    /// Adds a key after the longer of its back-off and the wait for a token of the queue.
    pub fn add_rate_limited(self: &Rc<Self>, key: K) {
        let wait = self.backoff.when(&key).max(self.bucket.reserve(self.ctx.now()));
        self.add_after(key, wait);
    }

    /// Forgets the failures of a key.
    pub fn forget(&self, key: &K) {
        self.backoff.forget(key);
    }

    /// Gives the number of failures of a key.
    pub fn requeues(&self, key: &K) -> u32 {
        self.backoff.failures(key)
    }

    /// Gives the number of keys that wait.
    pub fn len(&self) -> usize {
        self.state.borrow().ready.len()
    }

    /// Tells whether no key waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits for the next key; [`Self::done`] must follow.
    pub async fn get(&self) -> K {
        loop {
            if let Some(key) = self.take() {
                return key;
            }
            self.added.notified().await;
        }
    }

    fn take(&self) -> Option<K> {
        let mut state = self.state.borrow_mut();
        let key = state.ready.pop_front()?;
        state.dirty.remove(&key);
        state.processing.insert(key.clone());
        Some(key)
    }

    /// Ends the processing of a key; if it was added meanwhile, it is ready again.
    pub fn done(&self, key: &K) {
        let mut state = self.state.borrow_mut();
        let was = state.processing.remove(key);
        assert!(was, "work queue {}: {key} is done but was not being processed", self.name);
        if state.dirty.contains(key) {
            state.ready.push_back(key.clone());
            self.added.notify_one();
        }
    }
}

/// Runs `workers` workers over the queue: a key whose sync fails comes back rate-limited.
pub(crate) fn run_workers<K, F, Fut, E>(ctx: &Ctx, queue: &Rc<WorkQueue<K>>, workers: usize, sync: F)
where
    K: Ord + Clone + std::fmt::Display + 'static,
    F: Fn(K) -> Fut + 'static,
    Fut: Future<Output = Result<(), E>> + 'static,
    E: std::fmt::Display + 'static,
{
    let sync = Rc::new(sync);
    for _ in 0..workers {
        let (queue, sync, ctx) = (queue.clone(), sync.clone(), ctx.clone());
        ctx.clone().spawn("worker", async move {
            loop {
                let key = queue.get().await;
                match sync(key.clone()).await {
                    Ok(()) => queue.forget(&key),
                    Err(error) => {
                        ctx.trace("sync-failed", queue.name, || format!("{key}: {error}"));
                        queue.add_rate_limited(key.clone());
                    }
                }
                queue.done(&key);
            }
        });
    }
}
