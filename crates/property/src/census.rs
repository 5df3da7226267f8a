//! Counting pods by the controller that manages them, change by change.

use crate::pods::{is_live, is_ready};
use crate::rule::{Change, Touched};
use crate::subject::Subject;
use object::{Text, Value};
use std::collections::BTreeMap;

/// How many pods a controller has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Pods that are live.
    pub(crate) live: i64,
    /// Of these, pods that are ready.
    pub(crate) ready: i64,
}

/// The number of live pods of each controller, by its uid.
#[derive(Debug, Default)]
pub(crate) struct Census {
    count_deleting: bool,
    owners: BTreeMap<Text, Count>,
}

impl Census {
    pub(crate) fn new(count_deleting: bool) -> Self {
        Self { count_deleting, owners: BTreeMap::new() }
    }

    pub(crate) fn forget(&mut self) {
        self.owners.clear();
    }

    /// Gives the count of a controller.
    pub(crate) fn of(&self, uid: &str) -> Count {
        self.owners.get(uid).copied().unwrap_or_default()
    }

    /// Takes in a change of a pod; the controllers whose count changed are touched.
    pub(crate) fn observe(&mut self, change: &Change<'_>, touched: &mut Touched) {
        let before = change.previous.and_then(|pod| self.contribution(pod));
        let after = change.present().and_then(|pod| self.contribution(pod));
        if before == after {
            return;
        }
        for (contribution, sign) in [(before, -1), (after, 1)] {
            let Some((owner, ready)) = contribution else { continue };
            let count = self.owners.entry(owner.uid.clone()).or_default();
            count.live += sign;
            count.ready += if ready { sign } else { 0 };
            if *count == Count::default() {
                self.owners.remove(&owner.uid);
            }
            touched.add(owner);
        }
    }

    /// Gives the controller of a live pod, and whether the pod is ready.
    fn contribution(&self, pod: &Value) -> Option<(Subject, bool)> {
        if !is_live(pod, self.count_deleting) {
            return None;
        }
        Subject::controller_of(pod).map(|owner| (owner, is_ready(pod)))
    }
}
