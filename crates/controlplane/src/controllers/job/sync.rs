//! One sync of a Job: whether it has ended and how, and if it has not, what its pods should be
//! (`pkg/controller/job/job_controller.go`, `syncJob`).

use super::pods::{has_limit_per_index, is_failed, is_indexed};
use super::state::{State, condition, ensure_condition, is_finished, is_suspended, true_condition};
use super::{JobController, SyncError, is_managed_elsewhere, policy};
use crate::machinery::{ApiError, ObjectKey};
use object::{ObjectExt, Selector, Text, Time, Value, value};
use std::time::Duration;

impl JobController {
    pub(super) async fn sync(&self, key: ObjectKey) -> Result<(), SyncError> {
        if let Err(stale) = self.consistency.ensure_ready(&key) {
            self.context.count("job_controller_stale_sync_skips_total");
            return Err(stale.into());
        }
        let Some(mut job) = self.jobs.get_key(&key) else {
            self.expectations.forget(&key);
            self.removing.borrow_mut().remove(&key);
            self.consistency.clear(&key, "");
            self.backoffs.borrow_mut().remove(&key);
            return Ok(());
        };
        if is_managed_elsewhere(&job) {
            return Ok(());
        }
        if is_finished(&job) {
            self.backoffs.borrow_mut().remove(&key);
            self.consistency.clear(&key, job.uid());
            self.ended.borrow_mut().remove(job.uid());
            return Ok(());
        }
        if self.ended.borrow().contains(&Text::from(job.uid())) {
            return Ok(());
        }
        if job["status"]["uncountedTerminatedPods"].is_null() {
            job.set(&["status", "uncountedTerminatedPods"], value!({}));
        }
        let satisfied = self.expectations.satisfied(&key, self.context.sim().now());
        let pods = self.pods_of(&job).await?;
        let removing = self.removing.borrow().get(&key).cloned().unwrap_or_default();
        let backoff = self.backoffs.borrow().get(&key).copied().unwrap_or_default();
        let now = self.context.now();
        if job["status"]["startTime"].is_null() && !is_suspended(&job) {
            job.set(&["status", "startTime"], now);
        }
        let mut state = State::new(job, pods, removing, backoff);
        self.judge(&key, &mut state, now);
        self.act(&key, &mut state, satisfied).await
    }

    /// Gives the pods that belong to a Job, adopting and releasing; those just adopted have the finalizer.
    async fn pods_of(&self, job: &Value) -> Result<Vec<Value>, SyncError> {
        let selector = Selector::from_label_selector(&job["spec"]["selector"])?;
        let mut pods = self.refs.claim(self.pods.owned_or_orphaned(job), job, &selector).await?;
        for pod in &mut pods {
            let is_new = !pod.owners().any(|owner| owner.uid == job.uid());
            if is_new && !pod.has_finalizer(super::FINALIZER) {
                pod.push(&["metadata", "finalizers"], super::FINALIZER);
            }
        }
        Ok(pods)
    }

    /// Finds out whether the Job has ended: what an earlier sync decided stands, then failures, then successes.
    fn judge(&self, key: &ObjectKey, state: &mut State, now: Time) {
        let spec = state.job["spec"].clone();
        state.finished = self.earlier_or_policy(state, now);
        if state.finished.is_none() {
            let failed =
                |reason: &str, message: &str| Some(condition("FailureTarget", "True", reason, message, now));
            let has_too_many = state.failed > spec["backoffLimit"].as_i64().unwrap_or(6);
            if has_too_many || has_too_many_restarts(&state.job, &state.pods) {
                state.finished =
                    failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
            } else if let Some(left) = time_left(&state.job, now) {
                if left.is_zero() {
                    state.finished =
                        failed("DeadlineExceeded", "Job was active longer than specified deadline");
                } else {
                    self.queue.add_after(key.clone(), left);
                }
            }
        }
        if is_indexed(&state.job) {
            state.count_indexes();
            if state.finished.is_none() {
                state.finished = judge_indexes(state, now);
            }
        }
    }

    fn earlier_or_policy(&self, state: &State, now: Time) -> Option<Value> {
        let job = &state.job;
        if let Some(earlier) = true_condition(job, "SuccessCriteriaMet") {
            return Some(earlier.clone());
        }
        if let Some(target) = true_condition(job, "FailureTarget") {
            let (reason, message) = (target["reason"].str(), target["message"].str());
            return Some(condition("Failed", "True", reason, message, now));
        }
        state.pods.iter().filter(|pod| is_failed(job, pod)).find_map(|pod| match policy::judge(job, pod) {
            policy::Verdict::FailJob(message) => {
                Some(condition("FailureTarget", "True", "PodFailurePolicy", &message, now))
            }
            _ => None,
        })
    }

    /// Removes what runs if the Job has ended, brings its pods to what is wanted if not, and writes the status.
    async fn act(&self, key: &ObjectKey, state: &mut State, satisfied: bool) -> Result<(), SyncError> {
        let mut active = state.active.len() as i64;
        let mut managed: Result<(), ApiError> = Ok(());
        let mut changed = false;
        if state.finished.is_some() {
            let (deleted, result) = self.delete_active(state).await;
            if deleted != active || !satisfied {
                // There may be pods left that we have not seen.
                state.finished = None;
            }
            active -= deleted;
            managed = result;
        } else {
            let manages = satisfied && !state.job.is_deleting();
            if manages {
                (active, managed) = self.manage(key, state).await;
            }
            let now = self.context.now();
            if is_complete(state, active) {
                let message = "Reached expected number of succeeded pods";
                let met = condition("SuccessCriteriaMet", "True", "CompletionsReached", message, now);
                state.finished = Some(met);
            } else if manages {
                changed = self.note_suspension(state, now);
            }
        }
        let needs_write = self.set_counts(state, active) || changed;
        self.track(key, state, needs_write).await?;
        Ok(managed?)
    }

    /// Shows in the conditions whether the Job is suspended; tells whether that changed them.
    fn note_suspension(&self, state: &mut State, now: Time) -> bool {
        let job = &mut state.job;
        if is_suspended(job) {
            let changed =
                ensure_condition(job, condition("Suspended", "True", "JobSuspended", "Job suspended", now));
            if changed && self.context.gates.enabled("MutableSchedulingDirectivesForSuspendedJobs") {
                job.remove(&["status", "startTime"]);
            }
            return changed;
        }
        let changed =
            ensure_condition(job, condition("Suspended", "False", "JobResumed", "Job resumed", now));
        if changed {
            // Time spent suspended does not count towards the deadline.
            job.set(&["status", "startTime"], now);
        }
        changed
    }

    /// Sets the numbers of pods that are there; tells whether that changed them.
    fn set_counts(&self, state: &mut State, active: i64) -> bool {
        let status = state.job.slot(&["status"]);
        let before = status.clone();
        status.set_or_omit(&["active"], active);
        status.set(&["ready"], state.ready);
        status.set(&["terminating"], state.terminating);
        let after = &*status;
        ["active", "ready", "terminating"].iter().any(|field| before[*field] != after[*field])
    }
}

fn is_complete(state: &State, active: i64) -> bool {
    let has_enough = match state.job["spec"]["completions"].as_i64() {
        Some(completions) => state.succeeded >= completions,
        None => state.succeeded > 0,
    };
    has_enough && active == 0
}

/// Tells whether the containers of pods that start again themselves did so too often.
fn has_too_many_restarts(job: &Value, pods: &[Value]) -> bool {
    if job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let going = pods.iter().filter(|pod| matches!(pod["status"]["phase"].str(), "Running" | "Pending"));
    let containers = going.flat_map(|pod| {
        let status = &pod["status"];
        status["initContainerStatuses"].items().iter().chain(status["containerStatuses"].items())
    });
    let restarts: i64 = containers.map(|container| container["restartCount"].int()).sum();
    restarts >= job["spec"]["backoffLimit"].as_i64().unwrap_or(6).max(1)
}

/// Gives how long the Job may still be active, none when there is no limit or it is not active.
fn time_left(job: &Value, now: Time) -> Option<Duration> {
    let limit_s = job["spec"]["activeDeadlineSeconds"].as_i64()?;
    let started = Time::parse(job["status"]["startTime"].str()).ok().filter(|_| !is_suspended(job))?;
    Some(Duration::from_secs(limit_s.unsigned_abs()).saturating_sub(now.since(started)))
}

/// Finds out from the indexes whether the Job has ended.
fn judge_indexes(state: &State, now: Time) -> Option<Value> {
    let job = &state.job;
    let spec = &job["spec"];
    let failed = state.failed_indexes.as_ref().filter(|_| has_limit_per_index(job));
    if let Some(failed) = failed.map(super::intervals::Intervals::total) {
        let target =
            |reason: &str, message: &str| Some(condition("FailureTarget", "True", reason, message, now));
        if spec["maxFailedIndexes"].as_i64().is_some_and(|most| failed > most) {
            let message = "Job has exceeded the specified maximal number of failed indexes";
            return target("MaxFailedIndexesExceeded", message);
        }
        if failed > 0 && failed + state.succeeded_indexes.total() >= spec["completions"].int() {
            return target("FailedIndexes", "Job has failed indexes");
        }
    }
    let message = policy::success(job, &state.succeeded_indexes)?;
    Some(condition("SuccessCriteriaMet", "True", "SuccessPolicy", &message, now))
}
