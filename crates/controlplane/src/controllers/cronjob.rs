//! The CronJob controller (`pkg/controller/cronjob/cronjob_controllerv2.go`): a Job for each time at which a schedule
//! is due.
//!
//! A Job's name is made of its CronJob's and of the scheduled time, so that a controller that crashed after making a
//! Job, or sees old things, does not make it again.

mod due;
mod history;
mod schedule;

use super::{ControllerContext, controller_reference};
use crate::constants::CRONJOB_WORKERS;
use crate::kinds::{CRONJOBS, JOBS};
use crate::machinery::{ApiError, Client, Lister, Notification, ObjectKey, WorkQueue, run_workers};
use history::{has_condition, is_finished};
use object::{ObjectExt, OwnerReference, Time, Value, Zone, value};
use schedule::Schedule;
use std::rc::Rc;
use std::time::Duration;

/// The annotation that tells for which time a Job was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// Why a sync did not succeed; the key comes back after its back-off.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("could not replace job {0}")]
    NotReplaced(String),
}

struct CronJobController {
    context: ControllerContext,
    client: Rc<Client>,
    cronjobs: Lister,
    jobs: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let controller = Rc::new(CronJobController {
        client: context.client("cronjob-controller"),
        cronjobs: context.lister(&CRONJOBS),
        jobs: context.lister(&JOBS),
        queue: WorkQueue::new(&ctx, "cronjob"),
        context,
    });
    let handler = controller.clone();
    controller.jobs.informer().handle(move |n| handler.job_changed(n));
    let handler = controller.clone();
    controller.cronjobs.informer().handle(move |n| handler.cronjob_changed(n));
    controller.jobs.informer().wait_for_sync().await;
    controller.cronjobs.informer().wait_for_sync().await;
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, CRONJOB_WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    std::future::pending::<()>().await;
}

/// A CronJob as it is being changed, and whether its status is to be written.
struct Work {
    /// What is written in the end.
    written: Value,
    /// What a read from the API put in its place; what is noted here is not written, and not upstream either.
    reread: Option<Value>,
    is_dirty: bool,
}

impl Work {
    fn cronjob(&self) -> &Value {
        self.reread.as_ref().unwrap_or(&self.written)
    }

    fn cronjob_mut(&mut self) -> &mut Value {
        self.reread.as_mut().unwrap_or(&mut self.written)
    }

    fn active(&self) -> &[Value] {
        self.cronjob()["status"]["active"].items()
    }

    fn is_active(&self, uid: &str) -> bool {
        is_active(self.cronjob(), uid)
    }

    fn remove_active(&mut self, uid: &str) {
        let kept: Vec<Value> = self.active().iter().filter(|job| job["uid"] != uid).cloned().collect();
        self.cronjob_mut().set_or_omit(&["status", "active"], kept);
        self.is_dirty = true;
    }
}

fn is_active(cronjob: &Value, uid: &str) -> bool {
    cronjob["status"]["active"].items().iter().any(|job| job["uid"] == uid)
}

/// Gives the text of a CronJob's schedule with its zone (`formatSchedule`).
fn schedule_of(cronjob: &Value) -> String {
    let (text, zone) = (cronjob["spec"]["schedule"].str(), cronjob["spec"]["timeZone"].str());
    if text.contains("TZ") || zone.is_empty() || Zone::named(zone).is_none() {
        return text.to_owned();
    }
    format!("TZ={zone} {text}")
}

impl CronJobController {
    // ----- handlers -----

    fn job_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(job) | Notification::Delete(job) => self.enqueue_owner(job),
            Notification::Update(old, new) if old.revision() == new.revision() => {}
            Notification::Update(old, new) => {
                if old.controller_of() != new.controller_of() {
                    self.enqueue_owner(old);
                }
                self.enqueue_owner(new);
            }
        }
    }

    fn enqueue_owner(&self, job: &Value) {
        let known = |owner: OwnerReference<'_>| {
            let cronjob = self.cronjobs.get(job.namespace(), owner.name)?;
            (owner.kind == "CronJob" && cronjob.uid() == owner.uid).then_some(cronjob)
        };
        if let Some(cronjob) = job.controller_of().and_then(known) {
            self.queue.add(ObjectKey::of(&cronjob));
        }
    }

    fn cronjob_changed(&self, notification: &Notification) {
        let key = ObjectKey::of(notification.object());
        let Notification::Update(old, new) = notification else { return self.queue.add(key) };
        let (was, is) = (&old["spec"], &new["spec"]);
        if was["schedule"] == is["schedule"] && was["timeZone"] == is["timeZone"] {
            return self.queue.add(key);
        }
        // The next time may come sooner now. One that cannot be read waits for the next change.
        if let Ok(schedule) = Schedule::parse(&schedule_of(new)) {
            self.queue.add_after(key, due::until_next(new, self.context.now(), &schedule));
        }
    }

    // ----- sync -----

    async fn sync(&self, key: ObjectKey) -> Result<(), SyncError> {
        let Some(cronjob) = self.cronjobs.get_key(&key) else { return Ok(()) };
        let mut jobs = self.jobs.list_in(&key.namespace);
        jobs.retain(|job| job.controller_of().is_some_and(|owner| owner.name == cronjob.name()));
        let mut work = Work { written: cronjob, reread: None, is_dirty: false };
        self.clean_up(&mut work, &jobs).await;
        let outcome = self.sync_cronjob(&mut work, &jobs).await;
        if work.is_dirty {
            self.client.update_status(&CRONJOBS, &work.written).await?;
        }
        if let Some(wait) = outcome? {
            self.queue.add_after(key, wait);
        }
        Ok(())
    }

    /// Makes the Job that is due; gives when to look again, none if only a change will tell.
    async fn sync_cronjob(&self, work: &mut Work, jobs: &[Value]) -> Result<Option<Duration>, SyncError> {
        let now = self.context.now();
        self.note_jobs(work, jobs).await?;
        let spec = work.cronjob()["spec"].clone();
        let is_unknown_zone = Zone::named(spec["timeZone"].str()).is_none();
        if work.cronjob().is_deleting() || is_unknown_zone || spec["suspend"].bool() {
            return Ok(None);
        }
        // What cannot be read, or is never due, waits for a change.
        let Ok(schedule) = Schedule::parse(&schedule_of(work.cronjob())) else { return Ok(None) };
        let Ok(due) = due::due(work.cronjob(), now, &schedule) else { return Ok(None) };
        if let Some(scheduled) = due.filter(|scheduled| self.may_start(work, *scheduled, now)) {
            if spec["concurrencyPolicy"] == "Replace" {
                self.replace(work).await?;
            }
            if !self.start(work, scheduled).await? {
                return Ok(None);
            }
        }
        Ok(Some(due::until_next(work.cronjob(), now, &schedule)))
    }

    /// Notes which Jobs have ended or are gone.
    async fn note_jobs(&self, work: &mut Work, jobs: &[Value]) -> Result<(), SyncError> {
        for job in jobs {
            let is_active_now = work.is_active(job.uid());
            if !is_finished(job) {
                if !is_active_now {
                    // Our cache may be older than our own status.
                    let cronjob = work.cronjob();
                    let fresh = self.client.get(&CRONJOBS, cronjob.namespace(), cronjob.name()).await?;
                    if is_active(&fresh, job.uid()) {
                        work.reread = Some(fresh);
                    }
                }
                continue;
            }
            if is_active_now {
                work.remove_active(job.uid());
            }
            let completed = &job["status"]["completionTime"];
            let last = work.cronjob()["status"]["lastSuccessfulTime"].str().to_owned();
            let is_later = last.is_empty() || Time::parse(completed.str()).ok() > Time::parse(&last).ok();
            if has_condition(job, "Complete") && !completed.is_null() && is_later {
                work.cronjob_mut().set(&["status", "lastSuccessfulTime"], completed);
                work.is_dirty = true;
            }
        }
        for entry in work.active().to_vec() {
            if jobs.iter().any(|job| entry["uid"] == job.uid()) {
                continue;
            }
            // A slow watch must not make a Job look gone.
            match self.client.get(&JOBS, entry["namespace"].str(), entry["name"].str()).await {
                Err(error) if error.is_not_found() => work.remove_active(entry["uid"].str()),
                other => drop(other?),
            }
        }
        Ok(())
    }

    /// Tells whether a Job for a scheduled time may be made now.
    fn may_start(&self, work: &Work, scheduled: Time, now: Time) -> bool {
        let cronjob = work.cronjob();
        let deadline_s = cronjob["spec"]["startingDeadlineSeconds"].as_i64();
        if deadline_s.is_some_and(|s| scheduled + Duration::from_secs(s.unsigned_abs()) < now) {
            return false;
        }
        let name = due::job_name(cronjob, scheduled);
        let is_made = work.active().iter().any(|job| job["name"] == *name)
            || Time::parse(cronjob["status"]["lastScheduleTime"].str()) == Ok(scheduled);
        let is_forbidden = cronjob["spec"]["concurrencyPolicy"] == "Forbid" && !work.active().is_empty();
        !is_made && !is_forbidden
    }

    /// Deletes the Jobs that still run.
    async fn replace(&self, work: &mut Work) -> Result<(), SyncError> {
        for entry in work.active().to_vec() {
            let job = self.client.get(&JOBS, entry["namespace"].str(), entry["name"].str()).await?;
            if !self.delete_job(work, &job).await {
                return Err(SyncError::NotReplaced(job.full_name()));
            }
        }
        Ok(())
    }

    /// Makes the Job of a scheduled time and notes it; tells whether there is something to wait for.
    async fn start(&self, work: &mut Work, scheduled: Time) -> Result<bool, SyncError> {
        let wanted = job_of(work.cronjob(), scheduled);
        let job = match self.client.create(&JOBS, &wanted).await {
            Err(error) if error.is_already_exists() && !error.is_namespace_terminating() => {
                let job = self.client.get(&JOBS, wanted.namespace(), wanted.name()).await?;
                let is_ours = job.controller_of().is_some_and(|owner| owner.uid == work.cronjob().uid());
                if !is_ours || work.is_active(job.uid()) {
                    return Ok(false);
                }
                // We made it and crashed, or failed, before it was noted.
                job
            }
            other => other?,
        };
        let reference = value!({
            "kind": "Job", "namespace": job.namespace(), "name": job.name(), "uid": job.uid(),
            "apiVersion": "batch/v1", "resourceVersion": &job["metadata"]["resourceVersion"],
        });
        work.cronjob_mut().push(&["status", "active"], reference);
        work.cronjob_mut().set(&["status", "lastScheduleTime"], scheduled);
        work.is_dirty = true;
        Ok(true)
    }
}

/// Makes the Job of a scheduled time.
fn job_of(cronjob: &Value, scheduled: Time) -> Value {
    let template = &cronjob["spec"]["jobTemplate"];
    let mut job = value!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {
            "name": due::job_name(cronjob, scheduled), "namespace": cronjob.namespace(),
            "ownerReferences": [controller_reference(cronjob)],
        },
        "spec": &template["spec"],
    });
    job.set_or_omit(&["metadata", "labels"], &template["metadata"]["labels"]);
    job.set_or_omit(&["metadata", "annotations"], &template["metadata"]["annotations"]);
    let zone = Zone::named(cronjob["spec"]["timeZone"].str()).unwrap_or(Zone::UTC);
    job.set(&["metadata", "annotations", SCHEDULED], zone.rfc3339(scheduled));
    job
}
