//! Token buckets and exponential back-off, on virtual time.

use sim::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// A token bucket that hands out reservations, as `golang.org/x/time/rate` does.
pub struct TokenBucket {
    per_second: f64,
    burst: f64,
    state: RefCell<(f64, Instant)>,
}

impl TokenBucket {
    /// Makes a full bucket.
    pub fn new(per_second: f64, burst: f64, now: Instant) -> Self {
        assert!(per_second > 0.0 && burst >= 1.0, "a bucket that never fills");
        Self { per_second, burst, state: RefCell::new((burst, now)) }
    }

    /// Takes one token and tells how long to wait until it is there.
    pub fn reserve(&self, now: Instant) -> Duration {
        let mut state = self.state.borrow_mut();
        let elapsed = now.since(state.1).as_secs_f64();
        let tokens = (state.0 + elapsed * self.per_second).min(self.burst) - 1.0;
        *state = (tokens, now);
        if tokens >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-tokens / self.per_second) }
    }
}

/// Doubling back-off per item (`ItemExponentialFailureRateLimiter`).
pub struct ExponentialBackoff<K> {
    base: Duration,
    max: Duration,
    failures: RefCell<BTreeMap<K, u32>>,
}

impl<K: Ord + Clone> ExponentialBackoff<K> {
    /// Makes the limiter.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self { base, max, failures: RefCell::default() }
    }

    /// Counts a failure of the item and gives how long it must wait.
    pub fn when(&self, item: &K) -> Duration {
        let mut failures = self.failures.borrow_mut();
        let count = failures.entry(item.clone()).or_default();
        let doubled = self.base.saturating_mul(1u32.checked_shl(*count).unwrap_or(u32::MAX));
        *count = count.saturating_add(1);
        doubled.min(self.max)
    }

    /// Gives the number of failures of the item.
    pub fn failures(&self, item: &K) -> u32 {
        self.failures.borrow().get(item).copied().unwrap_or(0)
    }

    /// Forgets the failures of the item.
    pub fn forget(&self, item: &K) {
        self.failures.borrow_mut().remove(item);
    }
}
