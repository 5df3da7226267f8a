//! The Job controller (`pkg/controller/job`).
//!
//! Each end of a pod is counted once, whatever crashes in between: see [`track`]. Pod events are answered after a
//! second, together, so that a Job of many pods does not write its status for each of them.

mod backoff;
mod intervals;
mod manage;
mod orphans;
mod pods;
mod policy;
mod state;
mod sync;
mod track;

use super::{ControllerContext, PodControl, RefManager};
use crate::constants::{JOB_API_BACKOFF_MAX, JOB_API_BACKOFF_MIN, JOB_SYNC_BATCH_PERIOD, WORKERS};
use crate::kinds::{JOBS, PODS};
use crate::machinery::{
    ApiError, Client, ConsistencyError, ConsistencyStore, Expectations, Lister, Notification, ObjectKey,
    WorkQueue, run_workers,
};
use backoff::Backoff;
use object::{ObjectExt, Text, Time, Value};
use orphans::OrphanKey;
use pods::FINALIZER;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

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

struct JobController {
    context: ControllerContext,
    client: Rc<Client>,
    control: PodControl,
    refs: RefManager,
    jobs: Lister,
    pods: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    orphans: Rc<WorkQueue<OrphanKey>>,
    expectations: Expectations,
    /// The uids of pods whose finalizers we removed and have not seen removed.
    removing: RefCell<BTreeMap<ObjectKey, BTreeSet<Text>>>,
    backoffs: RefCell<BTreeMap<ObjectKey, Backoff>>,
    /// The uids of Jobs that we ended and have not seen ended.
    ended: RefCell<BTreeSet<Text>>,
    consistency: Rc<ConsistencyStore>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let client = context.client("job-controller");
    let (jobs, pods) = (context.lister(&JOBS), context.lister(&PODS));
    let consistency = context.consistency("StaleControllerConsistencyJob", &[&jobs, &pods]);
    let refs = RefManager::new(&client, &PODS, &JOBS, consistency.noting(&PODS)).with_finalizer(FINALIZER);
    let controller = Rc::new(JobController {
        control: PodControl::new(&client, consistency.noting(&PODS)),
        refs,
        queue: WorkQueue::with_backoff(&ctx, "job", JOB_API_BACKOFF_MIN, JOB_API_BACKOFF_MAX),
        orphans: WorkQueue::with_backoff(&ctx, "job_orphan_pod", JOB_API_BACKOFF_MIN, JOB_API_BACKOFF_MAX),
        expectations: context.expectations(),
        removing: RefCell::default(),
        backoffs: RefCell::default(),
        ended: RefCell::default(),
        client,
        jobs,
        pods,
        consistency,
        context,
    });
    let handler = controller.clone();
    controller.jobs.informer().handle(move |n| handler.job_changed(n));
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    controller.jobs.informer().wait_for_sync().await;
    controller.pods.informer().wait_for_sync().await;
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    let syncing = controller.clone();
    run_workers(&ctx, &controller.orphans, WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync_orphans(key).await }
    });
    std::future::pending::<()>().await;
}

/// Tells whether another controller than this one looks after a Job.
fn is_managed_elsewhere(job: &Value) -> bool {
    job["spec"]["managedBy"].as_str().is_some_and(|name| name != "kubernetes.io/job-controller")
}

impl JobController {
    // ----- handlers -----

    fn job_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(job) => self.queue.add(ObjectKey::of(job)),
            Notification::Update(old, new) => self.job_updated(old, new),
            Notification::Delete(job) => {
                let key = ObjectKey::of(job);
                self.queue.add(key.clone());
                self.consistency.clear(&key, job.uid());
                self.ended.borrow_mut().remove(job.uid());
                self.enqueue_selected(job);
                self.backoffs.borrow_mut().remove(&key);
            }
        }
    }

    fn job_updated(&self, old: &Value, new: &Value) {
        let key = ObjectKey::of(new);
        if state::is_finished(new) {
            // All finalizers should be gone by now; this is in case one is not.
            self.enqueue_selected(new);
            return;
        }
        if old.generation() == new.generation() {
            self.enqueue_batched(new);
        } else {
            self.queue.add(key.clone());
        }
        let deadline = &new["spec"]["activeDeadlineSeconds"];
        let started = Time::parse(new["status"]["startTime"].str());
        if let (Some(deadline_s), Ok(started)) = (deadline.as_i64(), started)
            && *deadline != old["spec"]["activeDeadlineSeconds"]
        {
            let passed = self.context.now().since(started);
            self.queue.add_after(key, Duration::from_secs(deadline_s.unsigned_abs()).saturating_sub(passed));
        }
    }

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            // After a restart a pod may first be seen when it is already being deleted.
            Notification::Add(pod) if pod.is_deleting() => self.pod_deleted(pod, false),
            Notification::Add(pod) => match (pod.controller_of(), self.job_of(pod)) {
                (Some(_), Some(job)) => {
                    self.expectations.creation_observed(&ObjectKey::of(&job));
                    self.enqueue_batched(&job);
                }
                (Some(_), None) => {}
                (None, _) => {
                    self.enqueue_orphan(pod);
                    self.enqueue_matching(pod);
                }
            },
            Notification::Update(old, new) if old.revision() == new.revision() => {}
            Notification::Update(_, new) if new.is_deleting() => self.pod_deleted(new, false),
            Notification::Update(old, new) => self.pod_updated(old, new),
            Notification::Delete(pod) => self.pod_deleted(pod, true),
        }
    }

    fn pod_updated(&self, old: &Value, new: &Value) {
        let owner_changed = old.controller_of() != new.controller_of();
        let former = if owner_changed { self.job_of(old) } else { None };
        for job in former.iter().chain(&self.job_of(new)) {
            if !new.has_finalizer(FINALIZER) {
                self.removal_observed(&ObjectKey::of(job), new.uid());
            }
            self.enqueue_batched(job);
        }
        if new.controller_of().is_none() {
            self.enqueue_orphan(new);
            if owner_changed || old.labels() != new.labels() {
                self.enqueue_matching(new);
            }
        }
    }

    /// Notes that a pod is going, or, if `is_gone`, has gone.
    fn pod_deleted(&self, pod: &Value, is_gone: bool) {
        let job = self.job_of(pod).filter(|job| !state::is_finished(job));
        let Some(job) = job else {
            // No sync will remove this finalizer.
            self.enqueue_orphan(pod);
            return;
        };
        let key = ObjectKey::of(&job);
        self.expectations.deletion_observed(&key);
        if is_gone || !pod.has_finalizer(FINALIZER) {
            self.removal_observed(&key, pod.uid());
        }
        self.enqueue_batched(&job);
    }

    fn removal_observed(&self, key: &ObjectKey, uid: &str) {
        if let Some(uids) = self.removing.borrow_mut().get_mut(key) {
            uids.remove(uid);
        }
    }

    fn job_of(&self, pod: &Value) -> Option<Value> {
        self.jobs.controller_of(pod, "Job")
    }

    fn enqueue_batched(&self, job: &Value) {
        self.queue.add_after(ObjectKey::of(job), JOB_SYNC_BATCH_PERIOD);
    }

    fn enqueue_matching(&self, pod: &Value) {
        for job in self.jobs.selecting(pod) {
            self.enqueue_batched(&job);
        }
    }

    async fn write_status(&self, job: &Value) -> Result<Value, ApiError> {
        let updated = self.client.update_status(&JOBS, job).await?;
        self.consistency.noting(&JOBS)(&updated, updated.revision());
        Ok(updated)
    }
}
