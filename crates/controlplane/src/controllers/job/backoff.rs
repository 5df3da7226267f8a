//! How long a Job waits after failures: ten seconds, twice as long each time, ten minutes at most
//! (`pkg/controller/job/backoff_utils.go`).

use super::pods::{failures, finished_at, ignored_failures};
use crate::constants::{JOB_POD_BACKOFF_MAX, JOB_POD_BACKOFF_MIN};
use object::{Time, Value};
use std::time::Duration;

/// The failures since the last success.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    failures: u32,
    last: Option<Time>,
}

impl Backoff {
    /// Adds the pods that ended since.
    #[must_use]
    pub(super) fn after(self, succeeded: &[Value], failed: &[Value]) -> Self {
        let Some(last_success) = succeeded.iter().map(finished_at).max() else {
            let last = failed.iter().map(finished_at).max();
            return Self { failures: self.failures + failed.len() as u32, last: last.or(self.last) };
        };
        let later: Vec<Time> = failed.iter().map(finished_at).filter(|end| *end > last_success).collect();
        Self { failures: later.len() as u32, last: later.into_iter().max() }
    }

    /// Gives how long the next pod must wait.
    pub(super) fn remaining(self, now: Time) -> Duration {
        let Some(last) = self.last.filter(|_| self.failures > 0) else { return Duration::ZERO };
        let doublings = (self.failures - 1).min(16);
        let wait = (JOB_POD_BACKOFF_MIN * (1 << doublings)).min(JOB_POD_BACKOFF_MAX);
        wait.saturating_sub(now.since(last))
    }
}

/// Gives how long the next pod of an index must wait after the last failed one.
pub(super) fn remaining_for_index(last_failed: Option<&Value>, now: Time) -> Duration {
    let Some(pod) = last_failed else { return Duration::ZERO };
    let failures = u32::try_from(failures(pod) + ignored_failures(pod) + 1).unwrap_or(u32::MAX);
    Backoff { failures, last: Some(finished_at(pod)) }.remaining(now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn ended(at_s: i64) -> Value {
        let at = Time::from_unix_seconds(at_s);
        value!({"status": {"containerStatuses": [{"state": {"terminated": {"finishedAt": at}}}]}})
    }

    fn check(backoff: Backoff, now_s: i64, expected_s: u64) {
        let remaining = backoff.remaining(Time::from_unix_seconds(now_s));
        assert_eq!(remaining, Duration::from_secs(expected_s), "{backoff:?} at {now_s}");
    }

    #[test]
    fn each_failure_doubles_the_wait_and_a_success_ends_it() {
        let none = Backoff::default();
        check(none, 100, 0);
        let one = none.after(&[], &[ended(100)]);
        check(one, 100, 10);
        check(one, 107, 3);
        check(one, 200, 0);
        check(one.after(&[], &[ended(110)]), 110, 20);
        check(one.after(&[], &[ended(110), ended(112), ended(111)]), 112, 80);
        let many = (0..30).fold(none, |backoff, _| backoff.after(&[], &[ended(0)]));
        check(many, 0, 600);
        check(many.after(&[ended(5)], &[]), 5, 0);
        check(many.after(&[ended(5)], &[ended(4), ended(6)]), 6, 10);
    }
}
