//! The TTL-after-finished controller: a Job that has ended goes when its time is over
//! (`pkg/controller/ttlafterfinished/ttlafterfinished_controller.go`).

use super::ControllerContext;
use crate::constants::TTL_AFTER_FINISHED_WORKERS;
use crate::kinds::JOBS;
use crate::machinery::{
    ApiError, Client, DeleteOptions, Lister, Notification, ObjectKey, WorkQueue, run_workers,
};
use object::{ObjectExt, Time, Value};
use std::rc::Rc;
use std::time::Duration;

/// Why a Job could not be dealt with.
#[derive(Debug, thiserror::Error)]
enum TtlError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("unable to find the time when the Job {0} finished")]
    NoFinishTime(String),
}

struct TtlController {
    context: ControllerContext,
    client: Rc<Client>,
    jobs: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let controller = Rc::new(TtlController {
        client: context.client("ttl-after-finished-controller"),
        jobs: context.lister(&JOBS),
        queue: WorkQueue::new(&ctx, "ttl_jobs_to_delete"),
        context,
    });
    let handler = controller.clone();
    controller.jobs.informer().handle(move |notification| {
        let job = notification.object();
        if !matches!(notification, Notification::Delete(_)) && needs_cleanup(job) {
            handler.queue.add(ObjectKey::of(job));
        }
    });
    controller.jobs.informer().wait_for_sync().await;
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, TTL_AFTER_FINISHED_WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.process(key).await }
    });
    std::future::pending::<()>().await;
}

/// Gives the condition by which a Job has ended.
fn finish_of(job: &Value) -> Option<&Value> {
    let conditions = job["status"]["conditions"].items().iter();
    let mut ended = conditions.filter(|c| c["type"] == "Complete" || c["type"] == "Failed");
    ended.find(|condition| condition["status"] == "True")
}

/// Tells whether a Job is to go some time: it has ended, has a time to live, and is not going already.
fn needs_cleanup(job: &Value) -> bool {
    !job.is_deleting()
        && job["spec"]["ttlSecondsAfterFinished"].as_i64().is_some()
        && finish_of(job).is_some()
}

impl TtlController {
    async fn process(&self, key: ObjectKey) -> Result<(), TtlError> {
        let Some(job) = self.jobs.get_key(&key) else { return Ok(()) };
        if !self.is_expired(&job)? {
            return Ok(());
        }
        // What the cache shows may be old: the time to live may have been made longer.
        let fresh = match self.client.get(&JOBS, &key.namespace, &key.name).await {
            Err(error) if error.is_not_found() => return Ok(()),
            other => other?,
        };
        if !self.is_expired(&fresh)? {
            return Ok(());
        }
        let options = DeleteOptions {
            uid: Some(fresh.uid().into()),
            propagation: Some("Foreground"),
            ..DeleteOptions::default()
        };
        self.client.delete(&JOBS, fresh.namespace(), fresh.name(), &options).await?;
        Ok(())
    }

    /// Tells whether a Job's time is over; one whose time will come is looked at again then.
    fn is_expired(&self, job: &Value) -> Result<bool, TtlError> {
        if !needs_cleanup(job) {
            return Ok(false);
        }
        let finish = finish_of(job).map_or("", |condition| condition["lastTransitionTime"].str());
        let finished = Time::parse(finish).map_err(|_| TtlError::NoFinishTime(job.full_name()))?;
        let ttl_s = job["spec"]["ttlSecondsAfterFinished"].int();
        let left = (finished + Duration::from_secs(ttl_s.unsigned_abs())).since(self.context.now());
        if left.is_zero() {
            return Ok(true);
        }
        self.queue.add_after(ObjectKey::of(job), left);
        Ok(false)
    }
}
