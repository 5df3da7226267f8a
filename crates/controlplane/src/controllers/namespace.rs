//! The namespace controller: a namespace that is being deleted is emptied and then let go
//! (`pkg/controller/namespace`).

mod conditions;
mod content;

use super::ControllerContext;
use crate::constants::{
    KCM_BURST, KCM_QPS, NAMESPACE_BACKOFF_MAX, NAMESPACE_BURST_FACTOR, NAMESPACE_DELETION_GRACE,
    NAMESPACE_QPS_FACTOR, NAMESPACE_RESYNC, NAMESPACE_WORKERS, WORKQUEUE_BASE_DELAY,
};
use crate::kinds::NAMESPACES;
use crate::machinery::{ApiError, Client, Lister, ObjectKey, WorkQueue};
use apiserver::Request;
use object::{ObjectExt, Value};
use std::rc::Rc;
use std::time::Duration;

/// What the controller takes off a namespace once it is empty.
const FINALIZER: &str = "kubernetes";
/// How often a write to a namespace is tried that others change meanwhile; upstream never gives up.
const CONFLICTS_MAX: usize = 1_000;

/// Why a namespace could not be dealt with.
#[derive(Debug, thiserror::Error)]
enum NamespaceError {
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Something is left; it will take about this long.
    #[error("some content remains in the namespace, estimate {0} seconds before it is removed")]
    ContentRemains(u64),
    #[error("{}", .0.join(", "))]
    Content(Vec<String>),
    #[error("namespace uid has changed across retries")]
    OtherNamespace,
}

struct NamespaceController {
    context: ControllerContext,
    /// The client of namespaces, and of pods whose grace is looked at.
    client: Rc<Client>,
    /// The client of everything else, which has a rate limit of its own.
    content_client: Rc<Client>,
    namespaces: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let client = || {
        let (qps, burst) = (KCM_QPS * NAMESPACE_QPS_FACTOR, KCM_BURST * NAMESPACE_BURST_FACTOR);
        context.client_with("namespace-controller", qps, burst)
    };
    let controller = Rc::new(NamespaceController {
        client: client(),
        content_client: client(),
        namespaces: context.lister(&NAMESPACES),
        queue: WorkQueue::with_backoff(&ctx, "namespace", WORKQUEUE_BASE_DELAY, NAMESPACE_BACKOFF_MAX),
        context,
    });
    let handler = controller.clone();
    controller.namespaces.informer().handle(move |n| {
        if !matches!(n, crate::machinery::Notification::Delete(_)) {
            handler.enqueue(n.object());
        }
    });
    controller.namespaces.informer().wait_for_sync().await;
    for _ in 0..NAMESPACE_WORKERS {
        ctx.spawn("worker", controller.clone().work());
    }
    loop {
        ctx.sleep(NAMESPACE_RESYNC).await;
        for namespace in controller.namespaces.list() {
            controller.enqueue(&namespace);
        }
    }
}

impl NamespaceController {
    /// Looks at a namespace that is being deleted a little later, when all API servers know of its deletion and
    /// nothing new appears in it.
    fn enqueue(&self, namespace: &Value) {
        if namespace.is_deleting() {
            self.queue.add_after(ObjectKey::of(namespace), NAMESPACE_DELETION_GRACE);
        }
    }

    async fn work(self: Rc<Self>) {
        loop {
            let key = self.queue.get().await;
            match self.sync(&key).await {
                Ok(()) => self.queue.forget(&key),
                Err(NamespaceError::ContentRemains(seconds)) => {
                    self.queue.add_after(key.clone(), Duration::from_secs(seconds / 2 + 1));
                }
                Err(error) => {
                    self.context.sim().trace("sync-failed", "namespace", || format!("{key}: {error}"));
                    self.queue.add_rate_limited(key.clone());
                }
            }
            self.queue.done(&key);
        }
    }

    async fn sync(&self, key: &ObjectKey) -> Result<(), NamespaceError> {
        if self.namespaces.get_key(key).is_none() {
            return Ok(());
        }
        match self.delete(&key.name).await {
            // Somebody else took its last finalizer.
            Err(NamespaceError::Api(error)) if error.is_not_found() => Ok(()),
            other => other,
        }
    }

    /// Empties a namespace that is being deleted; once it is empty, takes the finalizer off it.
    async fn delete(&self, name: &str) -> Result<(), NamespaceError> {
        let namespace = self.client.get(&NAMESPACES, "", name).await?;
        if !namespace.is_deleting() {
            return Ok(());
        }
        let mut namespace = self.until_no_conflict(namespace, Step::Phase).await?;
        if !namespace.is_deleting() || namespace["spec"]["finalizers"].is_empty() {
            return Ok(());
        }
        let estimate_s = self.delete_content(&mut namespace).await?;
        if estimate_s > 0 {
            return Err(NamespaceError::ContentRemains(estimate_s));
        }
        self.until_no_conflict(namespace, Step::Finalize).await?;
        Ok(())
    }

    async fn until_no_conflict(&self, namespace: Value, step: Step) -> Result<Value, NamespaceError> {
        let mut namespace = namespace;
        for _ in 0..CONFLICTS_MAX {
            let outcome = match step {
                Step::Phase => self.show_phase(&namespace).await,
                Step::Finalize => self.finalize(&namespace).await,
            };
            match outcome {
                Err(error) if error.is_conflict() => {}
                other => return Ok(other?),
            }
            let latest = self.client.get(&NAMESPACES, "", namespace.name()).await?;
            if latest.uid() != namespace.uid() {
                return Err(NamespaceError::OtherNamespace);
            }
            namespace = latest;
        }
        Err(NamespaceError::Content(vec!["too many conflicts".to_owned()]))
    }

    async fn show_phase(&self, namespace: &Value) -> Result<Value, ApiError> {
        if !namespace.is_deleting() || namespace["status"]["phase"] == "Terminating" {
            return Ok(namespace.clone());
        }
        let next = namespace.clone().with(&["status", "phase"], "Terminating");
        self.client.update_status(&NAMESPACES, &next).await
    }

    async fn finalize(&self, namespace: &Value) -> Result<Value, ApiError> {
        let kept = namespace["spec"]["finalizers"].items().iter().filter(|one| **one != FINALIZER);
        let mut kept: Vec<Value> = kept.cloned().collect();
        kept.sort_by(|a, b| a.str().cmp(b.str()));
        let mut next = namespace.clone();
        next.remove(&["status"]);
        next.set_or_omit(&["spec", "finalizers"], kept);
        let request = Request::update(&NAMESPACES, next).with_subresource("finalize");
        match self.client.request(request).await {
            Err(error) if error.is_not_found() => Ok(namespace.clone()),
            other => other,
        }
    }
}

/// A write to a namespace that is tried again when another came first.
#[derive(Clone, Copy)]
enum Step {
    /// Showing that it is being deleted.
    Phase,
    /// Taking the finalizer off it.
    Finalize,
}
