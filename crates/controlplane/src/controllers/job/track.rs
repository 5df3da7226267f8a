//! Counting each end once, whatever crashes in between (`trackJobStatusAndRemoveFinalizers`).
//!
//! A pod that ended is first listed in the status by its uid, then loses its finalizer, then is counted and taken off
//! the list. Whoever goes on after a crash finds in the list and in the finalizers how far that got.

use super::pods::{FINALIZER, has_limit_per_index, index_of, is_failed, is_indexed, valid_index_of};
use super::state::{State, condition, ensure_condition, true_condition};
use super::{JobController, policy};
use crate::constants::JOB_UNCOUNTED_MAX;
use crate::machinery::{ApiError, ObjectKey};
use futures_util::future::join_all;
use object::{ObjectExt, Text, Value};
use std::collections::BTreeSet;

const SUCCEEDED: [&str; 3] = ["status", "uncountedTerminatedPods", "succeeded"];
const FAILED: [&str; 3] = ["status", "uncountedTerminatedPods", "failed"];

/// What the walk over the pods found.
#[derive(Default)]
struct Walk {
    /// Pods that may go.
    released: Vec<Value>,
    new_indexes: Vec<i64>,
    is_full: bool,
    changed: bool,
}

impl JobController {
    /// Writes the status, lets pods go that are accounted for, and ends the Job when all of them are.
    pub(super) async fn track(
        &self,
        key: &ObjectKey,
        state: &mut State,
        needs_write: bool,
    ) -> Result<(), ApiError> {
        if is_indexed(&state.job) {
            state.pods.sort_by_key(|pod| index_of(pod).unwrap_or(-1));
        }
        let mut with_finalizer: BTreeSet<Text> =
            state.pods.iter().filter(|pod| state.is_tracked(pod)).map(|pod| pod.uid().into()).collect();
        let mut needs_write = count_released(&mut state.job, &with_finalizer) || needs_write;
        let walk = list_ended(state, self.context.mutants().jobs_count_at_once);
        needs_write |= walk.changed;
        if is_indexed(&state.job) {
            needs_write |= write_indexes(state, &walk.new_indexes);
        }
        needs_write |= self.announce_end(state);
        if needs_write {
            state.job = self.write_status(&state.job).await?;
            self.backoffs.borrow_mut().insert(key.clone(), state.backoff);
        }
        let removed = self.release(key, state, &walk.released, &mut with_finalizer).await;
        let mut needs_write = count_released(&mut state.job, &with_finalizer);
        if let Err(error) = removed {
            if needs_write {
                self.write_status(&state.job).await?;
            }
            return Err(error);
        }
        let ended = !walk.is_full && end(state);
        needs_write |= ended;
        if needs_write {
            self.write_status(&state.job).await?;
        }
        if ended {
            self.ended.borrow_mut().insert(state.job.uid().into());
        }
        Ok(())
    }

    /// Adds the condition that says how the Job will end, before pods are let go; the final one follows when all are
    /// gone. Tells whether that changed anything.
    fn announce_end(&self, state: &mut State) -> bool {
        let Some(interim) = state.finished.clone() else { return false };
        let now = self.context.now();
        let finally =
            |kind: &str| condition(kind, "True", interim["reason"].str(), interim["message"].str(), now);
        match interim["type"].str() {
            "FailureTarget" => {
                state.finished = Some(finally("Failed"));
                state.job.push(&["status", "conditions"], interim);
                true
            }
            "SuccessCriteriaMet" => {
                state.finished = Some(finally("Complete"));
                let is_new = true_condition(&state.job, "SuccessCriteriaMet").is_none();
                if is_new {
                    state.job.push(&["status", "conditions"], interim);
                }
                is_new
            }
            _ => false,
        }
    }

    /// Removes the finalizers of pods that are accounted for.
    async fn release(
        &self,
        key: &ObjectKey,
        state: &State,
        pods: &[Value],
        with_finalizer: &mut BTreeSet<Text>,
    ) -> Result<(), ApiError> {
        if pods.is_empty() {
            return Ok(());
        }
        let uids = pods.iter().map(|pod| Text::from(pod.uid()));
        self.removing.borrow_mut().entry(key.clone()).or_default().extend(uids);
        let removals = pods.iter().map(|pod| self.control.remove_finalizer(pod, &state.job, FINALIZER));
        let results = join_all(removals).await;
        let mut first_error = Ok(());
        for (pod, result) in pods.iter().zip(results) {
            if let Err(error) = result {
                // No update will show the removal.
                self.removal_observed(key, pod.uid());
                if !error.is_not_found() {
                    first_error = first_error.and(Err(error));
                    continue;
                }
            }
            with_finalizer.remove(pod.uid());
        }
        first_error
    }
}

/// Walks over the pods that ended, lists their uids in the status and collects those that may go.
///
/// A deliberate error counts them at once instead of listing them.
fn list_ended(state: &mut State, counts_at_once: bool) -> Walk {
    let note = |job: &mut Value, path: &[&str; 3], uid: &str| {
        if counts_at_once {
            let count = job["status"][path[2]].int() + 1;
            job.set(&["status", path[2]], count);
        } else {
            job.push(path, uid);
        }
    };
    let mut walk = Walk::default();
    let mut listed = state.job["status"]["uncountedTerminatedPods"]["succeeded"].items().len()
        + state.job["status"]["uncountedTerminatedPods"]["failed"].items().len();
    for pod in state.pods.clone() {
        if !state.is_tracked(&pod) || !may_be_released(state, &pod) {
            continue;
        }
        let is_indexed = is_indexed(&state.job);
        let index = valid_index_of(&state.job, &pod);
        let fails_with_job = state.finished.is_some() && !state.ends_as("SuccessCriteriaMet");
        let was_failed = state.uncounted.failed.contains(pod.uid());
        if pod["status"]["phase"] == "Succeeded" && !was_failed {
            if is_indexed {
                // The index is enough to count a success once.
                if let Some(index) = index.filter(|index| !state.counted_indexes.has(*index)) {
                    walk.new_indexes.push(index);
                    walk.changed = true;
                }
            } else if !state.uncounted.succeeded.contains(pod.uid()) {
                note(&mut state.job, &SUCCEEDED, pod.uid());
                listed += 1;
                walk.changed = true;
            }
        } else if (is_failed(&state.job, &pod) || fails_with_job)
            && !was_failed
            && (!is_indexed || index.is_some())
            && policy::judge(&state.job, &pod) != policy::Verdict::Ignore
        {
            note(&mut state.job, &FAILED, pod.uid());
            listed += 1;
            walk.changed = true;
        }
        walk.released.push(pod);
        if walk.new_indexes.len() + listed >= JOB_UNCOUNTED_MAX {
            // The rest waits for the next sync, so that the status stays small.
            walk.is_full = true;
            break;
        }
    }
    walk
}

/// Tells whether a pod needs its finalizer no longer, once its end is listed.
fn may_be_released(state: &State, pod: &Value) -> bool {
    if state.job.is_deleting() || state.finished.is_some() || pod["status"]["phase"] == "Succeeded" {
        return true;
    }
    if !is_failed(&state.job, pod) {
        return false;
    }
    let is_kept = |index: i64| state.kept_failed.get(&index).is_some_and(|kept| kept.uid() == pod.uid());
    !(has_limit_per_index(&state.job) && index_of(pod).is_some_and(is_kept))
}

/// Counts the listed pods that no longer have a finalizer and takes them off the list; tells whether there were any.
fn count_released(job: &mut Value, with_finalizer: &BTreeSet<Text>) -> bool {
    let mut changed = false;
    for (path, counter) in [(SUCCEEDED, "succeeded"), (FAILED, "failed")] {
        let listed = job.at(&path).items().to_vec();
        let kept: Vec<Value> =
            listed.iter().filter(|uid| with_finalizer.contains(uid.str())).cloned().collect();
        if kept.len() != listed.len() {
            let count = job["status"][counter].int() + (listed.len() - kept.len()) as i64;
            job.set(&["status", counter], count);
            job.set_or_omit(&path, kept);
            changed = true;
        }
    }
    changed
}

/// Writes the indexes that have succeeded and failed into the status; tells whether that changed it.
fn write_indexes(state: &mut State, new: &[i64]) -> bool {
    let before = state.job["status"].clone();
    state.succeeded_indexes = state.succeeded_indexes.union(&new.iter().copied().collect());
    let status = state.job.slot(&["status"]);
    status.set_or_omit(&["succeeded"], state.succeeded_indexes.total());
    status.set_or_omit(&["completedIndexes"], state.succeeded_indexes.to_string());
    match &state.failed_indexes {
        Some(failed) => status.set(&["failedIndexes"], failed.to_string()),
        None => drop(status.remove(&["failedIndexes"])),
    }
    let after = &*status;
    ["completedIndexes", "failedIndexes"].iter().any(|field| before[*field] != after[*field])
}

/// Adds the condition with which the Job ends, if nothing is left to count and no pod is still going; tells whether it
/// did.
fn end(state: &mut State) -> bool {
    let Some(finished) = state.finished.clone() else { return false };
    let is_uncounted = [SUCCEEDED, FAILED].iter().any(|path| !state.job.at(path).is_empty());
    if is_uncounted || state.terminating > 0 {
        return false;
    }
    if finished["type"] == "Complete" {
        state.job.set(&["status", "completionTime"], &finished["lastTransitionTime"]);
    }
    ensure_condition(&mut state.job, finished);
    true
}
