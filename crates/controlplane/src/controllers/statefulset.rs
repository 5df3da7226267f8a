//! The StatefulSet controller (`pkg/controller/statefulset`).
//!
//! It has no expectations: that a pod's name is fixed keeps it from making a pod twice, and KEP-5647's gate keeps it
//! from acting on what it wrote itself before it sees it.

mod claims;
mod history;
mod identity;
mod pods;
mod rollout;
mod status;

use super::{ControllerContext, PodControl, RefManager};
use crate::constants::WORKERS;
use crate::kinds::{CLAIMS, PODS, REVISIONS, STATEFULSETS};
use crate::machinery::{
    ApiError, Client, ConsistencyError, ConsistencyStore, Lister, Notification, ObjectKey, WorkQueue,
    is_pod_ready, next_availability_check, run_workers,
};
use object::{ObjectExt, Selector, Time, Value};
use status::Status;
use std::rc::Rc;
use std::time::Duration;

/// How often a status is written while the set changes under our hands, and the pause (client-go `util/retry`).
const STATUS_TRIES: u32 = 5;
const STATUS_PAUSE: Duration = Duration::from_millis(10);

/// Why a sync did not succeed; the key comes back after its back-off.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Stale(#[from] ConsistencyError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("claim {0} is being deleted")]
    ClaimDeleting(String),
}

struct StatefulSetController {
    context: ControllerContext,
    client: Rc<Client>,
    control: PodControl,
    refs: RefManager,
    sets: Lister,
    pods: Lister,
    claims: Lister,
    revisions: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    consistency: Rc<ConsistencyStore>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let client = context.client("statefulset-controller");
    let (sets, pods) = (context.lister(&STATEFULSETS), context.lister(&PODS));
    let (claims, revisions) = (context.lister(&CLAIMS), context.lister(&REVISIONS));
    let consistency = context.consistency("StaleControllerConsistencyStatefulSet", &[&sets, &pods, &claims]);
    let controller = Rc::new(StatefulSetController {
        control: PodControl::new(&client, consistency.noting(&PODS)),
        refs: RefManager::new(&client, &PODS, &STATEFULSETS, consistency.noting(&PODS)),
        queue: WorkQueue::new(&ctx, "statefulset"),
        client,
        sets,
        pods,
        claims,
        revisions,
        consistency,
        context,
    });
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    let handler = controller.clone();
    controller.sets.informer().handle(move |n| handler.queue.add(ObjectKey::of(n.object())));
    for lister in [&controller.sets, &controller.pods, &controller.claims, &controller.revisions] {
        lister.informer().wait_for_sync().await;
    }
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    std::future::pending::<()>().await;
}

impl StatefulSetController {
    // ----- handlers -----

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(pod) if !pod.is_deleting() && pod.controller_of().is_none() => {
                self.enqueue_matching(pod);
            }
            Notification::Add(pod) | Notification::Delete(pod) => self.enqueue_owner(pod),
            Notification::Update(old, new) => self.pod_updated(old, new),
        }
    }

    fn pod_updated(&self, old: &Value, new: &Value) {
        if old.revision() == new.revision() {
            return;
        }
        let owner_changed = old.controller_of() != new.controller_of();
        if owner_changed {
            self.enqueue_owner(old);
        }
        if new.controller_of().is_none() {
            if owner_changed || old.labels() != new.labels() {
                self.enqueue_matching(new);
            }
            return;
        }
        let Some(set) = self.owner_of(new) else { return };
        let key = ObjectKey::of(&set);
        self.queue.add(key.clone());
        let wait_s = set["spec"]["minReadySeconds"].int().unsigned_abs();
        if !is_pod_ready(old) && is_pod_ready(new) && wait_s > 0 {
            self.queue.add_after(key, Duration::from_secs(wait_s));
        }
    }

    fn owner_of(&self, pod: &Value) -> Option<Value> {
        self.sets.controller_of(pod, "StatefulSet")
    }

    fn enqueue_owner(&self, pod: &Value) {
        if let Some(set) = self.owner_of(pod) {
            self.queue.add(ObjectKey::of(&set));
        }
    }

    fn enqueue_matching(&self, pod: &Value) {
        for set in self.sets.selecting(pod) {
            self.queue.add(ObjectKey::of(&set));
        }
    }

    // ----- sync -----

    async fn sync(&self, key: ObjectKey) -> Result<(), SyncError> {
        if let Err(stale) = self.consistency.ensure_ready(&key) {
            self.context.count("statefulset_controller_stale_sync_skips_total");
            return Err(stale.into());
        }
        let Some(set) = self.sets.get_key(&key) else {
            self.consistency.clear(&key, "");
            return Ok(());
        };
        // Trying again would not mend a selector.
        let Ok(selector) = Selector::from_label_selector(&set["spec"]["selector"]) else { return Ok(()) };
        self.adopt_revisions(&set, &selector).await?;
        let candidates = self.pods.owned_or_orphaned(&set);
        let is_member = |pod: &Value| selector.matches(pod.labels()) && identity::is_member(&set, pod);
        let pods = self.refs.claim_if(candidates, &set, is_member).await?;
        let now = self.context.now();
        let status = self.update(&set, &selector, &pods, now).await?;
        let min_ready_s = set["spec"]["minReadySeconds"].int();
        if min_ready_s > 0 && status.ready != status.available {
            let wait = next_availability_check(&pods, min_ready_s, now)
                .unwrap_or_else(|| Duration::from_secs(min_ready_s.unsigned_abs()));
            self.queue.add_after(key, wait);
        }
        Ok(())
    }

    /// Does one step and shows it in the status; whatever happens, old revisions are removed.
    async fn update(
        &self,
        set: &Value,
        selector: &Selector,
        pods: &[Value],
        now: Time,
    ) -> Result<Status, SyncError> {
        let known = self.revisions_of(set, selector);
        let found = self.find_revisions(set, &known).await;
        let result = match &found {
            Ok(found) => {
                let (mut status, done) = self.step(set, found, pods, now).await;
                let shown = self.update_status(set, &mut status).await;
                done.and(shown).map(|()| status)
            }
            Err(error) => Err(error.clone().into()),
        };
        let truncated = self.truncate_history(set, pods, &known, found.as_ref().ok()).await;
        let status = result?;
        truncated?;
        Ok(status)
    }

    async fn update_status(&self, set: &Value, status: &mut Status) -> Result<(), SyncError> {
        status.complete_update(set);
        if status.is_shown_by(set) {
            return Ok(());
        }
        let mut set = set.clone();
        let mut tries = 0;
        loop {
            set.set(&["status"], status.to_value());
            tries += 1;
            match self.client.update_status(&STATEFULSETS, &set).await {
                Ok(updated) => {
                    self.consistency.noting(&STATEFULSETS)(&updated, updated.revision());
                    return Ok(());
                }
                Err(error) if error.is_conflict() && tries < STATUS_TRIES => {
                    self.context.sim().sleep(STATUS_PAUSE).await;
                    set = self.sets.get(set.namespace(), set.name()).unwrap_or(set);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}
