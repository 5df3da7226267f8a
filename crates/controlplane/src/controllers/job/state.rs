//! What one sync of a Job has found out, and the conditions it ends with (`pkg/controller/job/job_controller.go`).

use super::backoff::Backoff;
use super::intervals::Intervals;
use super::pods::{
    FINALIZER, has_limit_per_index, index_of, is_failed, is_indexed, is_terminating, replaces_only_failed,
    valid_index_of,
};
use super::{pods, policy};
use crate::machinery::{is_pod_active, is_pod_ready};
use object::{ObjectExt, Text, Time, Value, value};
use std::collections::{BTreeMap, BTreeSet};

/// Makes a condition of a Job.
pub(super) fn condition(kind: &str, status: &str, reason: &str, message: &str, now: Time) -> Value {
    value!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastProbeTime": now, "lastTransitionTime": now,
    })
}

/// Gives the condition of a type that is true.
pub(super) fn true_condition<'a>(job: &'a Value, kind: &str) -> Option<&'a Value> {
    Some(job.condition(kind)).filter(|condition| condition["status"] == "True")
}

/// Tells whether a Job has ended for good.
pub(super) fn is_finished(job: &Value) -> bool {
    true_condition(job, "Complete").or_else(|| true_condition(job, "Failed")).is_some()
}

/// Sets a condition, unless it says just that already or would say for the first time that something is not so; tells
/// whether that changed anything.
pub(super) fn ensure_condition(job: &mut Value, wanted: Value) -> bool {
    let mut conditions = job["status"]["conditions"].items().to_vec();
    match conditions.iter_mut().find(|present| present["type"] == wanted["type"]) {
        Some(present) => {
            if ["status", "reason", "message"].iter().all(|field| present[*field] == wanted[*field]) {
                return false;
            }
            *present = wanted;
        }
        None if wanted["status"] == "False" => return false,
        None => conditions.push(wanted),
    }
    job.set(&["status", "conditions"], conditions);
    true
}

/// Tells whether a Job is not to run for now.
pub(super) fn is_suspended(job: &Value) -> bool {
    job["spec"]["suspend"].bool()
}

fn uids(list: &Value) -> BTreeSet<Text> {
    list.items().iter().filter_map(Value::as_text).cloned().collect()
}

/// The uids that a status lists as ended and not counted yet.
pub(super) struct Uncounted {
    pub(super) succeeded: BTreeSet<Text>,
    pub(super) failed: BTreeSet<Text>,
}

impl Uncounted {
    pub(super) fn of(job: &Value) -> Self {
        let listed = &job["status"]["uncountedTerminatedPods"];
        Self { succeeded: uids(&listed["succeeded"]), failed: uids(&listed["failed"]) }
    }
}

/// What one sync works on.
pub(super) struct State {
    /// The Job, with the status as this sync has changed it.
    pub(super) job: Value,
    pub(super) pods: Vec<Value>,
    pub(super) active: Vec<Value>,
    /// Successes and failures, with those not counted yet.
    pub(super) succeeded: i64,
    pub(super) failed: i64,
    pub(super) counted_indexes: Intervals,
    pub(super) succeeded_indexes: Intervals,
    pub(super) failed_indexes: Option<Intervals>,
    pub(super) backoff: Backoff,
    /// Pods whose finalizer we removed and have not seen removed.
    pub(super) removing: BTreeSet<Text>,
    pub(super) uncounted: Uncounted,
    /// By index, the failed pod that stays until its successor has taken over its failure count.
    pub(super) kept_failed: BTreeMap<i64, Value>,
    pub(super) terminating: i64,
    pub(super) ready: i64,
    /// The condition with which the Job ends, if it does.
    pub(super) finished: Option<Value>,
}

impl State {
    /// Counts the pods of a Job.
    pub(super) fn new(job: Value, pods: Vec<Value>, removing: BTreeSet<Text>, backoff: Backoff) -> Self {
        let active: Vec<Value> = pods.iter().filter(|pod| is_pod_active(pod)).cloned().collect();
        let mut state = Self {
            succeeded: 0,
            failed: 0,
            counted_indexes: Intervals::default(),
            succeeded_indexes: Intervals::default(),
            failed_indexes: None,
            backoff,
            removing,
            uncounted: Uncounted::of(&job),
            kept_failed: BTreeMap::new(),
            terminating: pods.iter().filter(|pod| is_terminating(pod)).count() as i64,
            ready: active.iter().filter(|pod| is_pod_ready(pod)).count() as i64,
            finished: None,
            active,
            pods,
            job,
        };
        state.count_ends();
        state
    }

    fn count_ends(&mut self) {
        let job = &self.job;
        let fresh = |uncounted: &BTreeSet<Text>, ended: &dyn Fn(&Value) -> bool| -> Vec<Value> {
            let pods = self.pods.iter().filter(|pod| self.is_tracked(pod) && !uncounted.contains(pod.uid()));
            let valid = pods.filter(|pod| !is_indexed(job) || valid_index_of(job, pod).is_some());
            valid.filter(|pod| ended(pod)).cloned().collect()
        };
        let succeeded = fresh(&self.uncounted.succeeded, &|pod| pod["status"]["phase"] == "Succeeded");
        let failed = fresh(&self.uncounted.failed, &|pod| is_failed(job, pod));
        let counting = failed.iter().filter(|pod| policy::judge(job, pod) != policy::Verdict::Ignore).count();
        let status = &job["status"];
        let (was_succeeded, was_failed) = (status["succeeded"].int(), status["failed"].int());
        self.succeeded = was_succeeded + (succeeded.len() + self.uncounted.succeeded.len()) as i64;
        self.failed = was_failed + (counting + self.uncounted.failed.len()) as i64;
        self.backoff = self.backoff.after(&succeeded, &failed);
    }

    /// Tells whether a pod's end is still to be counted: it has its finalizer, and we have not removed it.
    pub(super) fn is_tracked(&self, pod: &Value) -> bool {
        pod.has_finalizer(FINALIZER) && !self.removing.contains(pod.uid())
    }

    /// Finds out which indexes have succeeded and which have failed.
    pub(super) fn count_indexes(&mut self) {
        let job = &self.job;
        let end = job["spec"]["completions"].int();
        self.counted_indexes = Intervals::parse(job["status"]["completedIndexes"].str(), end);
        let tracked = || self.pods.iter().filter(|pod| pod.has_finalizer(FINALIZER));
        let done = tracked().filter(|pod| pod["status"]["phase"] == "Succeeded");
        let fresh: Intervals = done.filter_map(|pod| valid_index_of(job, pod)).collect();
        self.succeeded_indexes = self.counted_indexes.union(&fresh);
        self.succeeded = self.succeeded_indexes.total();
        if has_limit_per_index(job) {
            let known = Intervals::parse(job["status"]["failedIndexes"].str(), end);
            let failed = tracked().filter(|pod| is_index_failed(job, pod));
            let fresh: Intervals = failed.filter_map(|pod| valid_index_of(job, pod)).collect();
            self.failed_indexes = Some(known.union(&fresh));
            self.kept_failed = self.find_kept_failed();
        }
    }

    /// Finds the last failed pod of each index that is to be tried again.
    fn find_kept_failed(&self) -> BTreeMap<i64, Value> {
        let running: BTreeSet<i64> = self.active.iter().filter_map(index_of).collect();
        let is_settled = |index: i64| {
            let has_failed = self.failed_indexes.as_ref().is_some_and(|failed| failed.has(index));
            self.succeeded_indexes.has(index) || has_failed || running.contains(&index)
        };
        let order = |pod: &Value| (pods::failures(pod) + pods::ignored_failures(pod), pods::finished_at(pod));
        let mut kept: BTreeMap<i64, Value> = BTreeMap::new();
        for pod in self.pods.iter().filter(|pod| self.is_tracked(pod) && is_failed(&self.job, pod)) {
            let Some(index) = valid_index_of(&self.job, pod).filter(|index| !is_settled(*index)) else {
                continue;
            };
            let is_later = |present: &Value| {
                let (present, new) = (order(present), order(pod));
                present.0 <= new.0 && present.1 <= new.1
            };
            if kept.get(&index).is_none_or(is_later) {
                kept.insert(index, pod.clone());
            }
        }
        kept
    }

    /// Gives the next indexes to run, `count` at most.
    pub(super) fn pending_indexes(&self, count: usize) -> Vec<i64> {
        let active: Intervals = self.active.iter().filter_map(index_of).collect();
        let mut taken = self.succeeded_indexes.union(&active);
        if replaces_only_failed(&self.job) {
            let going = self.pods.iter().filter(|pod| is_terminating(pod));
            taken = taken.union(&going.filter_map(index_of).collect());
        }
        if let Some(failed) = &self.failed_indexes {
            taken = taken.union(failed);
        }
        taken.missing(count, self.job["spec"]["completions"].int())
    }

    /// Tells whether the condition with which the Job ends is of a type.
    pub(super) fn ends_as(&self, kind: &str) -> bool {
        self.finished.as_ref().is_some_and(|condition| condition["type"] == kind)
    }
}

fn is_index_failed(job: &Value, pod: &Value) -> bool {
    if !is_failed(job, pod) {
        return false;
    }
    match policy::judge(job, pod) {
        policy::Verdict::FailIndex => true,
        policy::Verdict::Ignore => false,
        _ => pods::failures(pod) >= job["spec"]["backoffLimitPerIndex"].int(),
    }
}
