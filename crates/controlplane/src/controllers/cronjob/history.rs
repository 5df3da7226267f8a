//! Which ended Jobs a CronJob keeps.

use super::{CronJobController, Work};
use crate::kinds::JOBS;
use crate::machinery::DeleteOptions;
use object::{ObjectExt, Value};

/// Tells whether a Job has a condition.
pub(super) fn has_condition(job: &Value, kind: &str) -> bool {
    job.condition(kind)["status"] == "True"
}

/// Tells whether a Job has ended.
pub(super) fn is_finished(job: &Value) -> bool {
    has_condition(job, "Complete") || has_condition(job, "Failed")
}

impl CronJobController {
    /// Deletes the oldest ended Jobs beyond what is to be kept (`cleanupFinishedJobs`).
    pub(super) async fn clean_up(&self, work: &mut Work, jobs: &[Value]) {
        for (kind, limit) in
            [("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")]
        {
            let Some(kept) = work.cronjob()["spec"][limit].as_i64() else { continue };
            let mut ended: Vec<&Value> = jobs.iter().filter(|job| has_condition(job, kind)).collect();
            let started = |job: &Value| job["status"]["startTime"].str().to_owned();
            // Jobs that never started come last.
            ended.sort_by_key(|job| (started(job).is_empty(), started(job), job.name().to_owned()));
            let beyond = ended.len().saturating_sub(usize::try_from(kept).unwrap_or(0));
            for job in ended.into_iter().take(beyond) {
                self.delete_job(work, job).await;
            }
        }
    }

    /// Deletes a Job with its pods; tells whether that was accepted.
    pub(super) async fn delete_job(&self, work: &mut Work, job: &Value) -> bool {
        let options = DeleteOptions { propagation: Some("Background"), ..DeleteOptions::default() };
        if let Err(error) = self.client.delete(&JOBS, job.namespace(), job.name(), &options).await {
            let name = job.full_name();
            self.context.sim().trace("delete-failed", "cronjob", || format!("{name}: {error}"));
            return false;
        }
        work.remove_active(job.uid());
        true
    }
}
