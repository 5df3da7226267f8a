//! How long a failed pod of a node stays before it is deleted (client-go `util/flowcontrol/backoff.go`).

use crate::constants::{FAILED_DAEMON_POD_BACKOFF_MAX, FAILED_DAEMON_POD_BACKOFF_MIN};
use sim::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

struct Entry {
    backoff: Duration,
    since: Instant,
}

impl Entry {
    fn is_expired(&self, now: Instant) -> bool {
        now.since(self.since) > FAILED_DAEMON_POD_BACKOFF_MAX * 2
    }
}

/// The back-offs of failed pods, by DaemonSet, generation and node: a kubelet that rejects a pod would else be given
/// another at once, for ever (kubernetes#65309).
#[derive(Default)]
pub(super) struct FailedPods(RefCell<BTreeMap<String, Entry>>);

impl FailedPods {
    /// Gives how long the latest deletion holds back the next, none when the next may happen.
    pub(super) fn holding(&self, key: &str, now: Instant) -> Option<Duration> {
        let entries = self.0.borrow();
        let entry = entries.get(key).filter(|entry| !entry.is_expired(now))?;
        (now.since(entry.since) < entry.backoff).then_some(entry.backoff)
    }

    /// Notes a deletion; the one after it waits twice as long.
    pub(super) fn note(&self, key: &str, now: Instant) {
        let mut entries = self.0.borrow_mut();
        entries.retain(|_, entry| !entry.is_expired(now));
        let doubled = entries.get(key).map(|entry| (entry.backoff * 2).min(FAILED_DAEMON_POD_BACKOFF_MAX));
        let backoff = doubled.unwrap_or(FAILED_DAEMON_POD_BACKOFF_MIN);
        entries.insert(key.to_owned(), Entry { backoff, since: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deletion_waits_twice_as_long_as_the_one_before_until_all_is_quiet() {
        let pods = FailedPods::default();
        let mut now = Instant::START;
        assert_eq!(pods.holding("a", now), None);
        for expected_s in [1, 2, 4, 8] {
            pods.note("a", now);
            assert_eq!(pods.holding("a", now), Some(Duration::from_secs(expected_s)));
            now += Duration::from_secs(expected_s);
            assert_eq!(pods.holding("a", now), None);
        }
        pods.note("a", now + Duration::from_secs(3600));
        assert_eq!(pods.holding("a", now + Duration::from_secs(3600)), Some(Duration::from_secs(1)));
    }
}
