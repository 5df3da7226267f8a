//! Pods whose Job is gone or has ended and that still have its finalizer: nobody else would remove it
//! (`pkg/controller/job/job_controller.go`, `syncOrphanPod`).

use super::JobController;
use super::pods::FINALIZER;
use super::state::is_finished;
use crate::machinery::{ApiError, ObjectKey};
use object::{ObjectExt, Selector, Text, Value};
use std::fmt;

/// What to look at: one pod, or all that a selector matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OrphanKey {
    Pod(ObjectKey),
    Selector { namespace: Text, selector: Text },
}

impl fmt::Display for OrphanKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pod(key) => key.fmt(f),
            Self::Selector { namespace, selector } => write!(f, "{namespace}/{selector}"),
        }
    }
}

impl JobController {
    pub(super) fn enqueue_orphan(&self, pod: &Value) {
        if pod.has_finalizer(FINALIZER) {
            self.orphans.add(OrphanKey::Pod(ObjectKey::of(pod)));
        }
    }

    /// Looks at all pods that a Job selects.
    pub(super) fn enqueue_selected(&self, job: &Value) {
        if let Ok(selector) = Selector::from_label_selector(&job["spec"]["selector"]) {
            let selector = selector.to_string().into();
            self.orphans.add(OrphanKey::Selector { namespace: job.namespace().into(), selector });
        }
    }

    pub(super) async fn sync_orphans(&self, key: OrphanKey) -> Result<(), ApiError> {
        match key {
            OrphanKey::Pod(key) => match self.pods.get_key(&key) {
                Some(pod) => self.release_orphan(&pod).await,
                None => Ok(()),
            },
            OrphanKey::Selector { namespace, selector } => {
                let Ok(selector) = Selector::parse(&selector) else { return Ok(()) };
                for pod in self.pods.select(&namespace, &selector) {
                    // A pod that cannot be changed must not keep the others.
                    if let Err(error) = self.release_orphan(&pod).await {
                        let ctx = self.context.sim();
                        ctx.trace("orphan-failed", &pod.full_name(), || error.to_string());
                    }
                }
                Ok(())
            }
        }
    }

    async fn release_orphan(&self, pod: &Value) -> Result<(), ApiError> {
        let owner = pod.controller_of();
        if owner.is_some_and(|owner| owner.kind != "Job" || owner.api_version != "batch/v1") {
            return Ok(());
        }
        let job = self.job_of(pod).unwrap_or_default();
        if !job.is_null() && (super::is_managed_elsewhere(&job) || !is_finished(&job)) {
            return Ok(());
        }
        match self.control.remove_finalizer(pod, &job, FINALIZER).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }
}
