//! One step of a StatefulSet towards what it wants: making, replacing and removing its pods in order
//! (`pkg/controller/statefulset/stateful_set_control.go`).

use super::history::Revisions;
use super::identity::{
    SetAt, first_ordinal, identity_matches, is_created, is_wanted, new_versioned_pod, ordinal, replicas,
    revision_of, storage_matches,
};
use super::status::{Status, is_running_and_ready, is_unavailable};
use super::{StatefulSetController, SyncError};
use crate::constants::STATEFULSET_BATCH_MAX;
use crate::controllers::revisions;
use crate::machinery::{is_pod_available, is_pod_terminal, slow_start_within};
use object::{ObjectExt, Time, Value, int_or_percent};

/// Whether to go on with the next pod or to leave the rest for another sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

/// What one step works on.
struct Step<'a> {
    set: &'a Value,
    update: &'a SetAt,
    /// Whether one pod must be well before the next is touched.
    in_order: bool,
    /// The pods that are wanted, by ordinal; those that do not exist yet are as they are to be made.
    replicas: Vec<Value>,
    /// The pods beyond the wanted ordinals, the highest first.
    condemned: Vec<Value>,
    /// The first pod, by ordinal, that is not available.
    first_unavailable: Option<Value>,
    now: Time,
}

impl Step<'_> {
    fn is_available(&self, pod: &Value) -> bool {
        is_pod_available(pod, self.set["spec"]["minReadySeconds"].int(), self.now)
    }
}

/// Splits the pods into those wanted, filled up with those to be made, and those beyond, the highest first.
fn partition(set: &Value, pods: &[Value], current: &SetAt, update: &SetAt) -> (Vec<Value>, Vec<Value>) {
    let first = first_ordinal(set);
    let wanted = (first..first + replicas(set)).map(|n| {
        let present = pods.iter().find(|pod| ordinal(pod) == n);
        present.cloned().unwrap_or_else(|| new_versioned_pod(current, update, n))
    });
    let beyond = |pod: &&Value| !is_wanted(set, pod) && ordinal(pod) >= 0;
    let mut condemned: Vec<Value> = pods.iter().filter(beyond).cloned().collect();
    condemned.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
    (wanted.collect(), condemned)
}

impl StatefulSetController {
    /// Does one step, and gives the status after it, with what went wrong.
    pub(super) async fn step(
        &self,
        set: &Value,
        found: &Revisions,
        pods: &[Value],
        now: Time,
    ) -> (Status, Result<(), SyncError>) {
        let at = |revision: &Value| SetAt {
            set: revisions::restored(set, revision),
            revision: revision.name().to_owned(),
        };
        let (current, update) = (at(&found.current), at(&found.update));
        let mut status = Status::new(set, &current, &update, found.collisions);
        status.count(set, pods.iter(), now);
        if set.is_deleting() {
            return (status, Ok(()));
        }
        let (replicas, condemned) = partition(set, pods, &current, &update);
        let by_ordinal = replicas.iter().chain(condemned.iter().rev());
        let first_unavailable = by_ordinal.clone().find(|pod| is_unavailable(set, pod, now)).cloned();
        let step = Step {
            set,
            update: &update,
            in_order: set["spec"]["podManagementPolicy"] != "Parallel",
            replicas,
            condemned,
            first_unavailable,
            now,
        };
        let settled = self.settle(&step).await;
        status.count(set, step.replicas.iter().chain(&step.condemned), now);
        let result = match settled {
            Ok(Next::GoOn) => self.replace_outdated(&step, &mut status).await,
            Ok(Next::Stop) => Ok(()),
            Err(error) => Err(error),
        };
        (status, result)
    }

    /// Brings every wanted pod about and removes the others; updates wait until that is done.
    async fn settle(&self, step: &Step<'_>) -> Result<Next, SyncError> {
        let made = self.for_each(step, &step.replicas, |pod| self.process_replica(step, pod));
        if made.await? == Next::Stop {
            return Ok(Next::Stop);
        }
        let fixed = self.for_each(step, &step.condemned, |pod| self.fix_claims(step, pod));
        if fixed.await? == Next::Stop {
            return Ok(Next::Stop);
        }
        self.for_each(step, &step.condemned, |pod| self.process_condemned(step, pod)).await
    }

    /// Treats pods one after the other until one says stop, or, when order does not matter, all in growing batches.
    async fn for_each<'p, F, Fut>(
        &self,
        step: &Step<'_>,
        pods: &'p [Value],
        treat: F,
    ) -> Result<Next, SyncError>
    where
        F: Fn(&'p Value) -> Fut,
        Fut: Future<Output = Result<Next, SyncError>>,
    {
        if !step.in_order {
            let (_, error) = slow_start_within(STATEFULSET_BATCH_MAX, pods.len(), |i| treat(&pods[i])).await;
            return error.map_or(Ok(Next::GoOn), Err);
        }
        for pod in pods {
            if treat(pod).await? == Next::Stop {
                return Ok(Next::Stop);
            }
        }
        Ok(Next::GoOn)
    }

    async fn process_replica(&self, step: &Step<'_>, pod: &Value) -> Result<Next, SyncError> {
        if is_pod_terminal(pod) {
            // However a pod ended, another takes its place, once it is gone.
            if !pod.is_deleting() {
                self.delete_pod(pod).await?;
            }
            return Ok(Next::Stop);
        }
        if !is_created(pod) {
            if self.has_stale_claim(step.set, pod) {
                return Ok(Next::Stop);
            }
            self.create_pod(step.set, pod).await?;
            if step.in_order {
                return Ok(Next::Stop);
            }
        }
        if pod["status"]["phase"] == "Pending" {
            self.create_missing_claims(step.set, pod).await?;
        }
        let is_well = !pod.is_deleting() && is_running_and_ready(pod) && step.is_available(pod);
        if step.in_order && !is_well {
            return Ok(Next::Stop);
        }
        let update = &step.update.set;
        let fits = identity_matches(step.set, pod)
            && storage_matches(step.set, pod)
            && self.claims_match_policy(update, pod);
        if !fits {
            self.update_pod(update, pod).await?;
        }
        Ok(Next::GoOn)
    }

    async fn fix_claims(&self, step: &Step<'_>, pod: &Value) -> Result<Next, SyncError> {
        self.update_claim_owners(&step.update.set, pod).await?;
        Ok(Next::GoOn)
    }

    async fn process_condemned(&self, step: &Step<'_>, pod: &Value) -> Result<Next, SyncError> {
        if pod.is_deleting() {
            return Ok(if step.in_order { Next::Stop } else { Next::GoOn });
        }
        // A pod that is not well may go only if it is the first of them: the others are waited for.
        let is_first = step.first_unavailable.as_ref().is_some_and(|first| first.uid() == pod.uid());
        let is_well = is_running_and_ready(pod) && step.is_available(pod);
        if step.in_order && !is_well && !is_first {
            return Ok(Next::Stop);
        }
        self.delete_pod(pod).await?;
        Ok(Next::Stop)
    }

    /// Deletes the pod of the highest ordinal that is not of the new revision, if all above it are well.
    async fn replace_outdated(&self, step: &Step<'_>, status: &mut Status) -> Result<(), SyncError> {
        let strategy = &step.set["spec"]["updateStrategy"];
        if strategy["type"] == "OnDelete" {
            return Ok(());
        }
        if self.context.gates.enabled("MaxUnavailableStatefulSet") {
            return self.replace_several(step, status).await;
        }
        let kept = usize::try_from(strategy["rollingUpdate"]["partition"].int()).unwrap_or(0);
        for pod in step.replicas.iter().skip(kept).rev() {
            if revision_of(pod) != step.update.revision && !pod.is_deleting() {
                self.delete_pod(pod).await?;
                status.current -= 1;
                return Ok(());
            }
            if is_unavailable(step.set, pod, step.now) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Deletes as many pods that are not of the new revision, from the highest ordinal down, as may be missing.
    async fn replace_several(&self, step: &Step<'_>, status: &mut Status) -> Result<(), SyncError> {
        let rolling = &step.set["spec"]["updateStrategy"]["rollingUpdate"];
        let most = match &rolling["maxUnavailable"] {
            Value::Null => 1,
            limit => int_or_percent(limit, replicas(step.set), false).max(1),
        };
        let missing = step.replicas.iter().filter(|pod| is_unavailable(step.set, pod, step.now)).count();
        let may_go = usize::try_from(most).unwrap_or(0).saturating_sub(missing);
        let kept = usize::try_from(rolling["partition"].int()).unwrap_or(0);
        let is_outdated = |pod: &&Value| revision_of(pod) != step.update.revision && !pod.is_deleting();
        for pod in step.replicas.iter().skip(kept).rev().filter(is_outdated).take(may_go) {
            self.delete_pod(pod).await?;
            status.current -= 1;
        }
        Ok(())
    }
}
