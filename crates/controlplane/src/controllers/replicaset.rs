//! The ReplicaSet controller (`pkg/controller/replicaset/replica_set.go`).
//!
//! Its hole is kept as it is upstream: an expectation older than five minutes counts as met, so a pod informer that
//! stands still makes it create again and again (kubernetes#129795), unless KEP-5647's gate holds it back.

mod rank;
mod status;

use super::{ControllerContext, PodControl, RefManager, pod_from_template};
use crate::constants::{REPLICASET_BURST, WORKERS};
use crate::kinds::{PODS, REPLICASETS};
use crate::machinery::{
    ApiError, Client, ConsistencyError, ConsistencyStore, Expectations, Lister, Notification, ObjectKey,
    WorkQueue, run_workers, slow_start,
};
use futures_util::future::join_all;
use object::{ObjectExt, Selector, Value};
use std::cmp::Ordering;
use std::rc::Rc;

/// Why a sync did not succeed; the key comes back after its back-off.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Stale(#[from] ConsistencyError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{0}")]
    Selector(#[from] object::SelectorError),
}

struct ReplicaSetController {
    context: ControllerContext,
    client: Rc<Client>,
    control: PodControl,
    refs: RefManager,
    replicasets: Lister,
    pods: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    expectations: Rc<Expectations>,
    consistency: Rc<ConsistencyStore>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let client = context.client("replicaset-controller");
    let (replicasets, pods) = (context.lister(&REPLICASETS), context.lister(&PODS));
    let consistency = context.consistency("StaleControllerConsistencyReplicaSet", &[&replicasets, &pods]);
    let control = PodControl::new(&client, consistency.noting(&PODS));
    let refs = RefManager::new(&client, &PODS, &REPLICASETS, consistency.noting(&PODS));
    let controller = Rc::new(ReplicaSetController {
        client,
        control,
        refs,
        queue: WorkQueue::new(&ctx, "replicaset"),
        expectations: Rc::new(context.expectations()),
        consistency,
        replicasets,
        pods,
        context,
    });
    let handler = controller.clone();
    controller.replicasets.informer().handle(move |n| handler.replicaset_changed(n));
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    controller.replicasets.informer().wait_for_sync().await;
    controller.pods.informer().wait_for_sync().await;
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    std::future::pending::<()>().await;
}

impl ReplicaSetController {
    // ----- handlers -----

    fn replicaset_changed(&self, notification: &Notification) {
        match notification {
            Notification::Update(old, new) if old.uid() != new.uid() => {
                // Another object of the same name: what was expected of the old one must not hold back the new
                // (kubernetes#69376).
                self.replicaset_deleted(old);
                self.queue.add(ObjectKey::of(new));
            }
            Notification::Delete(old) => {
                self.replicaset_deleted(old);
            }
            other => self.queue.add(ObjectKey::of(other.object())),
        }
    }

    fn replicaset_deleted(&self, old: &Value) {
        let key = ObjectKey::of(old);
        self.expectations.forget(&key);
        self.consistency.clear(&key, old.uid());
        self.queue.add(key);
    }

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            // After a restart a pod may first be seen when it is already being deleted.
            Notification::Add(pod) if pod.is_deleting() => self.pod_deleted(pod),
            Notification::Add(pod) => match self.owner_key(pod) {
                Some(key) => {
                    self.expectations.creation_observed(&key);
                    self.queue.add(key);
                }
                None if pod.controller_of().is_none() => self.enqueue_matching(pod),
                None => {}
            },
            Notification::Update(old, new) => self.pod_updated(old, new),
            Notification::Delete(pod) => self.pod_deleted(pod),
        }
    }

    fn pod_updated(&self, old: &Value, new: &Value) {
        if old.revision() == new.revision() {
            return;
        }
        if new.is_deleting() {
            self.pod_deleted(new);
            if old.labels() != new.labels() {
                self.pod_deleted(old);
            }
            return;
        }
        let owner_changed = old.controller_of() != new.controller_of();
        if owner_changed && let Some(key) = self.owner_key(old) {
            self.queue.add(key);
        }
        if new.controller_of().is_some() {
            if let Some(key) = self.owner_key(new) {
                self.queue.add(key.clone());
                let became_ready =
                    !crate::machinery::is_pod_ready(old) && crate::machinery::is_pod_ready(new);
                let wait_s =
                    self.replicasets.get_key(&key).map_or(0, |rs| rs["spec"]["minReadySeconds"].int());
                if became_ready && wait_s > 0 {
                    // One second more, because the times that are compared have no fractions.
                    self.queue.add_after(key, std::time::Duration::from_secs(wait_s.unsigned_abs() + 1));
                }
            }
        } else if owner_changed || old.labels() != new.labels() {
            self.enqueue_matching(new);
        }
    }

    fn pod_deleted(&self, pod: &Value) {
        if let Some(key) = self.owner_key(pod) {
            self.expectations.named_deletion_observed(&key, &pod.full_name());
            self.queue.add(key);
        }
    }

    fn owner_key(&self, pod: &Value) -> Option<ObjectKey> {
        self.replicasets.controller_of(pod, "ReplicaSet").map(|owner| ObjectKey::of(&owner))
    }

    fn enqueue_matching(&self, pod: &Value) {
        for rs in self.replicasets.selecting(pod) {
            self.queue.add(ObjectKey::of(&rs));
        }
    }

    // ----- sync -----

    async fn sync(&self, key: ObjectKey) -> Result<(), SyncError> {
        if let Err(stale) = self.consistency.ensure_ready(&key) {
            self.context.count("replicaset_controller_stale_sync_skips_total");
            return Err(stale.into());
        }
        let Some(rs) = self.replicasets.get_key(&key) else {
            self.expectations.forget(&key);
            self.consistency.clear(&key, "");
            return Ok(());
        };
        let needs_sync = self.expectations.satisfied(&key, self.context.sim().now());
        let selector = Selector::from_label_selector(&rs["spec"]["selector"])?;
        let candidates = self.pods.owned_or_orphaned(&rs);
        let terminating = candidates
            .iter()
            .filter(|pod| status::is_terminating(pod) && selector.matches(pod.labels()))
            .count();
        let pods = self.refs.claim_active_pods(candidates, &rs, &selector).await?;
        let managed = if needs_sync && !rs.is_deleting() {
            self.manage_replicas(&key, &rs, &pods).await
        } else {
            Ok(())
        };
        let now = self.context.now();
        let terminating =
            self.context.gates.enabled("DeploymentReplicaSetTerminatingReplicas").then_some(terminating);
        let fresh = status::compute(&rs, &pods, terminating, managed.as_ref().err(), now);
        let updated = self.update_status(&key, &rs, fresh).await?;
        managed.map_err(|failure| failure.error)?;
        let wanted = updated["spec"]["replicas"].int();
        let is_waiting = updated["spec"]["minReadySeconds"].int() > 0
            && updated["status"]["readyReplicas"].int() == wanted
            && updated["status"]["availableReplicas"].int() != wanted;
        if is_waiting {
            let wait_s = updated["spec"]["minReadySeconds"].int().unsigned_abs();
            self.queue.add_after(key, std::time::Duration::from_secs(wait_s));
        }
        Ok(())
    }

    async fn manage_replicas(
        &self,
        key: &ObjectKey,
        rs: &Value,
        pods: &[Value],
    ) -> Result<(), status::Failure> {
        let wanted = usize::try_from(rs["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
        match pods.len().cmp(&wanted) {
            Ordering::Less => self.create_pods(key, rs, (wanted - pods.len()).min(REPLICASET_BURST)).await,
            Ordering::Greater => {
                self.delete_pods(key, rs, pods, (pods.len() - wanted).min(REPLICASET_BURST)).await
            }
            Ordering::Equal => Ok(()),
        }
    }

    async fn create_pods(&self, key: &ObjectKey, rs: &Value, count: usize) -> Result<(), status::Failure> {
        self.expectations.expect_creations(key, count as i64, self.context.sim().now());
        let pod = pod_from_template(&rs["spec"]["template"], rs);
        let (successes, error) = slow_start(count, |_| async {
            match self.control.create(&pod, rs).await {
                // Nothing can be created in a namespace that is going away, and nothing is missing.
                Err(error) if error.is_namespace_terminating() => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await;
        // What was not tried, or failed, will not be seen either.
        for _ in successes..count {
            self.expectations.creation_observed(key);
        }
        error.map_or(Ok(()), |error| Err(status::Failure { creating: true, error }))
    }

    async fn delete_pods(
        &self,
        key: &ObjectKey,
        rs: &Value,
        pods: &[Value],
        count: usize,
    ) -> Result<(), status::Failure> {
        let related = self.related_pods(rs);
        let doomed = rank::pods_to_delete(pods, &related, count, self.context.now());
        let names = doomed.iter().map(|pod| pod.full_name());
        self.expectations.expect_deletions(key, names, self.context.sim().now());
        let results = join_all(doomed.iter().map(|pod| self.control.delete(pod))).await;
        let mut first_error = None;
        for (pod, result) in doomed.iter().zip(results) {
            if let Err(error) = result {
                // A delete that failed will not be seen; one of a pod that is gone is no failure.
                self.expectations.named_deletion_observed(key, &pod.full_name());
                if !error.is_not_found() {
                    first_error.get_or_insert(error);
                }
            }
        }
        first_error.map_or(Ok(()), |error| Err(status::Failure { creating: false, error }))
    }

    /// Gives the pods of all ReplicaSets that share this one's owner: they count when nodes are compared.
    fn related_pods(&self, rs: &Value) -> Vec<Value> {
        let Some(owner) = rs.controller_of() else { return self.pods.controlled_by(rs.uid()) };
        let siblings = self.replicasets.controlled_by(owner.uid);
        siblings.iter().flat_map(|sibling| self.pods.controlled_by(sibling.uid())).collect()
    }

    async fn update_status(&self, key: &ObjectKey, rs: &Value, fresh: Value) -> Result<Value, ApiError> {
        if rs["status"] == fresh && rs["status"]["observedGeneration"].int() == rs.generation() {
            return Ok(rs.clone());
        }
        let mut next = rs.clone();
        for attempt in 0..2 {
            next.set(&["status"], &fresh);
            next.set(&["status", "observedGeneration"], next.generation());
            match self.client.update_status(&REPLICASETS, &next).await {
                Ok(updated) => {
                    self.consistency.wrote_at(
                        key,
                        updated.uid(),
                        &REPLICASETS.group_resource(),
                        updated.revision(),
                    );
                    return Ok(updated);
                }
                Err(error) if attempt == 1 => return Err(error),
                Err(_) => next = self.client.get(&REPLICASETS, rs.namespace(), rs.name()).await?,
            }
        }
        unreachable!("the second attempt returns")
    }
}
