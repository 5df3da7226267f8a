//! The Deployment controller (`pkg/controller/deployment`).

mod history;
mod progress;
mod rolling;
mod scale;

use super::{ControllerContext, RefManager};
use crate::constants::{DEPLOYMENT_RETRIES_MAX, WORKERS};
use crate::kinds::{DEPLOYMENTS, PODS, REPLICASETS};
use crate::machinery::{
    ApiError, Client, DeleteOptions, Lister, Notification, ObjectKey, WorkQueue, is_pod_terminal,
};
use object::{ObjectExt, Selector, Value};
use std::rc::Rc;

struct DeploymentController {
    context: ControllerContext,
    client: Rc<Client>,
    deployments: Lister,
    replicasets: Lister,
    pods: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let controller = Rc::new(DeploymentController {
        client: context.client("deployment-controller"),
        deployments: context.lister(&DEPLOYMENTS),
        replicasets: context.lister(&REPLICASETS),
        pods: context.lister(&PODS),
        queue: WorkQueue::new(&ctx, "deployment"),
        context,
    });
    let handler = controller.clone();
    controller.deployments.informer().handle(move |n| handler.queue.add(ObjectKey::of(n.object())));
    let handler = controller.clone();
    controller.replicasets.informer().handle(move |n| handler.replicaset_changed(n));
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| {
        if let Notification::Delete(pod) = n {
            handler.pod_deleted(pod);
        }
    });
    for lister in [&controller.deployments, &controller.replicasets, &controller.pods] {
        lister.informer().wait_for_sync().await;
    }
    for _ in 0..WORKERS {
        ctx.spawn("worker", controller.clone().work());
    }
    std::future::pending::<()>().await;
}

/// What one sync works on: the Deployment as this sync has changed it, and its ReplicaSets.
struct Rollout {
    deployment: Value,
    /// The ReplicaSet of the present template, if there is one.
    new: Option<Value>,
    /// All others.
    old: Vec<Value>,
}

impl Rollout {
    fn all(&self) -> Vec<Value> {
        self.old.iter().chain(&self.new).cloned().collect()
    }

    /// Puts a ReplicaSet's newer state in the place of the older.
    fn put(&mut self, fresh: Value) {
        let slot = self.old.iter_mut().chain(&mut self.new).find(|rs| rs.uid() == fresh.uid());
        if let Some(slot) = slot {
            *slot = fresh;
        }
    }
}

fn replicas(object: &Value) -> i64 {
    object["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// Gives the ReplicaSets that want pods.
fn active(sets: &[Value]) -> Vec<Value> {
    sets.iter().filter(|rs| replicas(rs) > 0).cloned().collect()
}

fn by_age(sets: &mut [Value]) {
    sets.sort_by(|a, b| {
        let key = |rs: &Value| rs["metadata"]["creationTimestamp"].str().to_owned();
        key(a).cmp(&key(b)).then_with(|| a.name().cmp(b.name()))
    });
}

impl DeploymentController {
    async fn work(self: Rc<Self>) {
        loop {
            let key = self.queue.get().await;
            match self.sync(&key).await {
                Ok(()) => self.queue.forget(&key),
                // Nothing can be made in a namespace that goes away; trying again would not change that.
                Err(error) if error.is_namespace_terminating() => self.queue.forget(&key),
                Err(error) if self.queue.requeues(&key) < DEPLOYMENT_RETRIES_MAX => {
                    self.context.sim().trace("sync-failed", "deployment", || format!("{key}: {error}"));
                    self.queue.add_rate_limited(key.clone());
                }
                Err(_) => self.queue.forget(&key),
            }
            self.queue.done(&key);
        }
    }

    // ----- handlers -----

    fn replicaset_changed(&self, notification: &Notification) {
        if let Notification::Update(old, new) = notification {
            if old.revision() == new.revision() {
                return;
            }
            let owner_changed = old.controller_of() != new.controller_of();
            if owner_changed {
                self.enqueue_owner(old);
            }
            if new.controller_of().is_some() {
                self.enqueue_owner(new);
            } else if owner_changed || old.labels() != new.labels() {
                self.enqueue_matching(new);
            }
            return;
        }
        let rs = notification.object();
        if rs.controller_of().is_some() {
            self.enqueue_owner(rs);
        } else if matches!(notification, Notification::Add(_)) {
            self.enqueue_matching(rs);
        }
    }

    fn owner_of(&self, rs: &Value) -> Option<Value> {
        self.deployments.controller_of(rs, "Deployment")
    }

    fn enqueue_owner(&self, rs: &Value) {
        if let Some(deployment) = self.owner_of(rs) {
            self.queue.add(ObjectKey::of(&deployment));
        }
    }

    fn enqueue_matching(&self, rs: &Value) {
        for deployment in self.deployments.selecting(rs) {
            self.queue.add(ObjectKey::of(&deployment));
        }
    }

    /// A Recreate Deployment waits for the last of its old pods.
    fn pod_deleted(&self, pod: &Value) {
        let Some(owner) = pod.controller_of() else { return };
        let rs = self.replicasets.get(pod.namespace(), owner.name).filter(|rs| rs.uid() == owner.uid);
        let Some(deployment) = rs.and_then(|rs| self.owner_of(&rs)) else { return };
        if deployment["spec"]["strategy"]["type"] != "Recreate" {
            return;
        }
        let sets = self.replicasets.controlled_by(deployment.uid());
        if sets.iter().all(|rs| self.pods.controlled_by(rs.uid()).is_empty()) {
            self.queue.add(ObjectKey::of(&deployment));
        }
    }

    // ----- sync -----

    async fn sync(&self, key: &ObjectKey) -> Result<(), ApiError> {
        let Some(deployment) = self.deployments.get_key(key) else { return Ok(()) };
        let Ok(selector) = Selector::from_label_selector(&deployment["spec"]["selector"]) else {
            return Ok(());
        };
        if selector.is_everything() {
            return Ok(());
        }
        let candidates = self.replicasets.owned_or_orphaned(&deployment);
        let refs = RefManager::new(&self.client, &REPLICASETS, &DEPLOYMENTS, |_, _| {});
        let sets = refs.claim(candidates, &deployment, &selector).await?;
        if deployment.is_deleting() {
            let rollout = self.split(deployment, &sets, false).await?;
            return self.write_status(&rollout, progress::status(&rollout, self.context.now())).await;
        }
        let deployment = self.check_paused(deployment).await?;
        if deployment["spec"]["paused"].bool() {
            return self.sync_sizes(deployment, &sets).await;
        }
        let rollout = self.split(deployment, &sets, false).await?;
        if scale::is_scaling_event(&rollout) {
            return self.sync_sizes(rollout.deployment, &sets).await;
        }
        match rollout.deployment["spec"]["strategy"]["type"].str() {
            "Recreate" => self.recreate(rollout, &sets).await,
            _ => self.roll(rollout.deployment, &sets).await,
        }
    }

    /// Brings sizes in line while nothing is rolled out: when paused, and when the Deployment was scaled.
    async fn sync_sizes(&self, deployment: Value, sets: &[Value]) -> Result<(), ApiError> {
        let mut rollout = self.split(deployment, sets, false).await?;
        self.scale(&mut rollout).await?;
        if rollout.deployment["spec"]["paused"].bool() {
            self.clean_up(&rollout).await?;
        }
        let status = progress::status(&rollout, self.context.now());
        self.write_status(&rollout, status).await
    }

    async fn roll(&self, deployment: Value, sets: &[Value]) -> Result<(), ApiError> {
        let mut rollout = self.split(deployment, sets, true).await?;
        if self.grow_new(&mut rollout).await? || self.shrink_old(&mut rollout).await? {
            return self.sync_rollout_status(&rollout).await;
        }
        if progress::is_complete(&rollout.deployment, &rollout.deployment["status"]) {
            self.clean_up(&rollout).await?;
        }
        self.sync_rollout_status(&rollout).await
    }

    async fn recreate(&self, mut rollout: Rollout, sets: &[Value]) -> Result<(), ApiError> {
        let mut shrunk = false;
        for rs in active(&rollout.old) {
            shrunk |= self.resize(&mut rollout, &rs, 0).await?;
        }
        if shrunk || self.old_pods_run(&rollout) {
            return self.sync_rollout_status(&rollout).await;
        }
        if rollout.new.is_none() {
            rollout = self.split(rollout.deployment, sets, true).await?;
        }
        if let Some(new) = rollout.new.clone() {
            let wanted = replicas(&rollout.deployment);
            self.resize(&mut rollout, &new, wanted).await?;
        }
        if progress::is_complete(&rollout.deployment, &rollout.deployment["status"]) {
            self.clean_up(&rollout).await?;
        }
        self.sync_rollout_status(&rollout).await
    }

    fn old_pods_run(&self, rollout: &Rollout) -> bool {
        rollout.old.iter().any(|rs| {
            rs["status"]["replicas"].int() > 0
                || self.pods.controlled_by(rs.uid()).iter().any(|pod| !is_pod_terminal(pod))
        })
    }

    /// Removes the oldest ReplicaSets beyond the history limit that have nothing left.
    async fn clean_up(&self, rollout: &Rollout) -> Result<(), ApiError> {
        let Some(limit) = rollout.deployment["spec"]["revisionHistoryLimit"].as_i64() else { return Ok(()) };
        let mut sets: Vec<Value> = rollout.old.iter().filter(|rs| !rs.is_deleting()).cloned().collect();
        let surplus = sets.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
        sets.sort_by_key(history::revision_of);
        for rs in sets.iter().take(surplus) {
            let is_spent = rs["status"]["replicas"].int() == 0
                && replicas(rs) == 0
                && rs.generation() <= rs["status"]["observedGeneration"].int();
            if !is_spent {
                continue;
            }
            match self.client.delete(&REPLICASETS, rs.namespace(), rs.name(), &DeleteOptions::default()).await
            {
                Ok(_) => {}
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn sync_rollout_status(&self, rollout: &Rollout) -> Result<(), ApiError> {
        let now = self.context.now();
        let status = progress::rollout_status(rollout, now);
        if status == rollout.deployment["status"] {
            self.requeue_stuck(&rollout.deployment, &status, now);
            return Ok(());
        }
        self.write_status(rollout, status).await
    }

    fn requeue_stuck(&self, deployment: &Value, status: &Value, now: object::Time) {
        let key = ObjectKey::of(deployment);
        match progress::check_again_in(deployment, status, now) {
            Some(wait) if wait.is_zero() => self.queue.add_rate_limited(key),
            Some(wait) => self.queue.add_after(key, wait),
            None => {}
        }
    }

    async fn write_status(&self, rollout: &Rollout, status: Value) -> Result<(), ApiError> {
        if rollout.deployment["status"] == status {
            return Ok(());
        }
        let next = rollout.deployment.clone().with(&["status"], status);
        self.client.update_status(&DEPLOYMENTS, &next).await.map(|_| ())
    }

    /// Notes in the conditions that the rollout was paused or resumed, so that time spent paused does not count.
    async fn check_paused(&self, deployment: Value) -> Result<Value, ApiError> {
        if !progress::has_deadline(&deployment) {
            return Ok(deployment);
        }
        let reason = deployment.condition("Progressing")["reason"].str();
        let is_paused = deployment["spec"]["paused"].bool();
        let (reason, message) = match (is_paused, reason) {
            (_, "ProgressDeadlineExceeded") => return Ok(deployment),
            (true, reason) if reason != "DeploymentPaused" => ("DeploymentPaused", "Deployment is paused"),
            (false, "DeploymentPaused") => ("DeploymentResumed", "Deployment is resumed"),
            _ => return Ok(deployment),
        };
        let condition = progress::condition("Progressing", "Unknown", reason, message, self.context.now());
        let mut next = deployment;
        progress::set_condition(next.slot(&["status"]), condition);
        self.client.update_status(&DEPLOYMENTS, &next).await
    }
}
