//! Making and deleting a Job's pods (`pkg/controller/job/job_controller.go`, `manageJob`).

use super::backoff::remaining_for_index;
use super::pods::{
    FAILURES, FINALIZER, IGNORED_FAILURES, INDEX, failures, has_limit_per_index, ignored_failures,
    is_indexed, replaces_only_failed, valid_index_of,
};
use super::state::{State, is_suspended};
use super::{JobController, policy};
use crate::constants::{JOB_BURST, JOB_SYNC_BATCH_PERIOD};
use crate::controllers::pod_from_template;
use crate::machinery::{ApiError, ObjectKey, by_deletion_order, is_pod_ready, slow_start};
use futures_util::future::join_all;
use object::{ObjectExt, Time, Value, value};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many pods are active afterwards, and what went wrong.
type Managed = (i64, Result<(), ApiError>);

/// The longest prefix of an invented name (`k8s.io/apiserver/pkg/storage/names`).
const PREFIX_MAX: usize = 58;

impl JobController {
    /// Brings the number of pods to what is wanted.
    pub(super) async fn manage(&self, key: &ObjectKey, state: &mut State) -> Managed {
        let active = state.active.len() as i64;
        if is_suspended(&state.job) {
            let doomed = pods_to_remove(&state.job, &state.active, state.active.len());
            return self.remove_pods(key, state, &doomed, active).await;
        }
        let wanted = wanted_active(state, active);
        let surplus = usize::try_from(active - wanted).unwrap_or(0);
        let mut doomed = pods_to_remove(&state.job, &state.active, surplus);
        doomed.truncate(JOB_BURST);
        if !doomed.is_empty() {
            // A sync either removes pods or makes some.
            return self.remove_pods(key, state, &doomed, active).await;
        }
        let terminating = if replaces_only_failed(&state.job) { state.terminating } else { 0 };
        let missing = usize::try_from(wanted - terminating - active).unwrap_or(0);
        if missing == 0 {
            return (active, Ok(()));
        }
        self.create_pods(key, state, missing.min(JOB_BURST), active).await
    }

    async fn create_pods(&self, key: &ObjectKey, state: &mut State, count: usize, active: i64) -> Managed {
        let now = self.context.now();
        let has_own_limits = has_limit_per_index(&state.job);
        let wait = if has_own_limits { Duration::ZERO } else { state.backoff.remaining(now) };
        if !wait.is_zero() {
            self.queue.add_after(key.clone(), wait.max(JOB_SYNC_BATCH_PERIOD));
            return (active, Ok(()));
        }
        let mut pods = vec![new_pod(&state.job); count];
        if is_indexed(&state.job) {
            let mut indexes = state.pending_indexes(count);
            if has_own_limits {
                match indexes_ready_now(&indexes, &state.kept_failed, now) {
                    Ok(ready) => indexes = ready,
                    Err(wait) => {
                        self.queue.add_after(key.clone(), wait.max(JOB_SYNC_BATCH_PERIOD));
                        return (active, Ok(()));
                    }
                }
            }
            let template = &pods[0];
            pods = indexes.into_iter().map(|index| indexed_pod(state, template, index)).collect();
        }
        let now = self.context.sim().now();
        self.expectations.set_expectations(key, pods.len() as i64, 0, now);
        let (job, wanted) = (&state.job, &pods);
        let (successes, error) = slow_start(wanted.len(), |i| async move {
            match self.control.create(&wanted[i], job).await {
                // Nothing can be created in a namespace that is going away, and nothing is missing.
                Err(error) if error.is_namespace_terminating() => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await;
        // What was not tried, or failed, will not be seen either.
        for _ in successes..pods.len() {
            self.expectations.creation_observed(key);
        }
        (active + successes as i64, error.map_or(Ok(()), Err))
    }

    /// Deletes pods that are not needed; they do not count as ended, so their finalizers go first.
    async fn remove_pods(
        &self,
        key: &ObjectKey,
        state: &mut State,
        doomed: &[Value],
        active: i64,
    ) -> Managed {
        self.expectations.set_expectations(key, 0, doomed.len() as i64, self.context.sim().now());
        let job = &state.job;
        let removals = doomed.iter().map(|pod| async move {
            self.control.remove_finalizer(pod, job, FINALIZER).await?;
            self.control.delete(pod).await
        });
        let results = join_all(removals).await;
        let (mut removed, mut first_error) = (0, Ok(()));
        for (pod, result) in doomed.iter().zip(results) {
            if let Err(error) = result {
                // What failed will not be seen.
                self.expectations.deletion_observed(key);
                if !error.is_not_found() {
                    first_error = first_error.and(Err(error));
                    continue;
                }
            }
            state.ready -= i64::from(is_pod_ready(pod));
            removed += 1;
        }
        state.terminating += removed;
        (active - removed, first_error)
    }

    /// Deletes the active pods of a Job that has ended. Their finalizers stay until they are counted as failed.
    pub(super) async fn delete_active(&self, state: &mut State) -> (i64, Result<(), ApiError>) {
        let results = join_all(state.active.iter().map(|pod| self.control.delete(pod))).await;
        let (mut deleted, mut first_error) = (0, Ok(()));
        for (pod, result) in state.active.iter().zip(results) {
            match result {
                Err(error) if !error.is_not_found() => first_error = first_error.and(Err(error)),
                _ => deleted += 1,
            }
            state.ready -= i64::from(is_pod_ready(pod));
        }
        state.terminating += deleted;
        (deleted, first_error)
    }
}

/// Gives how many pods are to be active.
fn wanted_active(state: &State, active: i64) -> i64 {
    let spec = &state.job["spec"];
    let parallelism = spec["parallelism"].as_i64().unwrap_or(1);
    match spec["completions"].as_i64() {
        Some(completions) => (completions - state.succeeded).min(parallelism).max(0),
        // Without a number of completions, one success ends the making of pods.
        None if state.succeeded > 0 => active,
        None => parallelism,
    }
}

/// Chooses the pods to remove, `least` or more: of an indexed Job, those without a valid index and all but one of each
/// index go anyway.
fn pods_to_remove(job: &Value, active: &[Value], least: usize) -> Vec<Value> {
    let mut left: Vec<Value> = active.to_vec();
    let mut doomed = Vec::new();
    if is_indexed(job) {
        let mut by_index: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
        for pod in left.drain(..) {
            match valid_index_of(job, &pod) {
                Some(index) => by_index.entry(index).or_default().push(pod),
                None => doomed.push(pod),
            }
        }
        for (_, mut same) in by_index {
            same.sort_by(by_deletion_order);
            left.extend(same.pop());
            doomed.extend(same);
        }
    }
    if doomed.len() < least {
        left.sort_by(by_deletion_order);
        let more = least - doomed.len();
        doomed.extend(left.into_iter().take(more));
    }
    doomed
}

fn new_pod(job: &Value) -> Value {
    let mut pod = pod_from_template(&job["spec"]["template"], job);
    if !pod.has_finalizer(FINALIZER) {
        pod.push(&["metadata", "finalizers"], FINALIZER);
    }
    pod
}

/// Makes the pod of an index.
fn indexed_pod(state: &State, template: &Value, index: i64) -> Value {
    let job = &state.job;
    let mut pod = template.clone();
    for containers in ["initContainers", "containers"] {
        if pod["spec"][containers].is_empty() {
            continue;
        }
        for container in pod.slot(&["spec", containers]).items_mut().unwrap_or_default() {
            add_index_variable(container);
        }
    }
    let suffix = format!("-{index}-");
    let kept = job.name().floor_char_boundary(PREFIX_MAX - suffix.len());
    pod.set(&["metadata", "generateName"], format!("{}{suffix}", &job.name()[..kept]));
    pod.set(&["metadata", "annotations", INDEX], index.to_string());
    pod.set(&["metadata", "labels", INDEX], index.to_string());
    pod.set(&["spec", "hostname"], format!("{}-{index}", job.name()));
    if has_limit_per_index(job) {
        let (counted, ignored) = failure_counts(job, state.kept_failed.get(&index));
        pod.set(&["metadata", "annotations", FAILURES], counted.to_string());
        if ignored > 0 {
            pod.set(&["metadata", "annotations", IGNORED_FAILURES], ignored.to_string());
        }
    }
    pod
}

/// Gives the failures that a pod inherits from the one it replaces: those that count, and those that do not.
fn failure_counts(job: &Value, replaced: Option<&Value>) -> (i64, i64) {
    let Some(replaced) = replaced else { return (0, 0) };
    let ignored = i64::from(policy::judge(job, replaced) == policy::Verdict::Ignore);
    (failures(replaced) + 1 - ignored, ignored_failures(replaced) + ignored)
}

fn add_index_variable(container: &mut Value) {
    const NAME: &str = "JOB_COMPLETION_INDEX";
    if container["env"].items().iter().any(|variable| variable["name"] == NAME) {
        return;
    }
    let path = format!("metadata.labels['{INDEX}']");
    container.push(&["env"], value!({"name": NAME, "valueFrom": {"fieldRef": {"fieldPath": path}}}));
}

/// Gives the indexes whose back-off is over, or how long the first of them must still wait.
fn indexes_ready_now(
    indexes: &[i64],
    kept_failed: &BTreeMap<i64, Value>,
    now: Time,
) -> Result<Vec<i64>, Duration> {
    let wait = |index: &i64| remaining_for_index(kept_failed.get(index), now);
    let ready: Vec<i64> = indexes.iter().copied().filter(|index| wait(index).is_zero()).collect();
    match indexes.iter().map(wait).min() {
        Some(shortest) if ready.is_empty() => Err(shortest),
        _ => Ok(ready),
    }
}
