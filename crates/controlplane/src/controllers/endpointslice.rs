//! The EndpointSlice controller (`pkg/controller/endpointslice`, `k8s.io/endpointslice`).

mod reconcile;
mod tracker;

use super::ControllerContext;
use crate::constants::{
    ENDPOINTSLICE_BACKOFF_MAX, ENDPOINTSLICE_BACKOFF_MIN, ENDPOINTSLICE_RETRIES_MAX, WORKERS,
};
use crate::kinds::{ENDPOINTSLICES, NODES, PODS, SERVICES};
use crate::machinery::{ApiError, Client, DeleteOptions, Lister, Notification, ObjectKey, WorkQueue};
use object::{ObjectExt, Selector, Value};
use reconcile::Plan;
use std::rc::Rc;
use tracker::{SliceTracker, TriggerTimes};

/// Names the controller on its slices.
const MANAGED_BY: &str = "endpointslice-controller.k8s.io";
const SERVICE_LABEL: &str = "kubernetes.io/service-name";
const MANAGER_LABEL: &str = "endpointslice.kubernetes.io/managed-by";

#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The cache does not show yet what this controller wrote (kubernetes#93374).
    #[error("the EndpointSlice cache is out of date")]
    Stale,
}

struct EndpointSliceController {
    context: ControllerContext,
    client: Rc<Client>,
    services: Lister,
    pods: Lister,
    nodes: Lister,
    slices: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    tracker: SliceTracker,
    triggers: TriggerTimes,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let queue =
        WorkQueue::with_backoff(&ctx, "endpointslice", ENDPOINTSLICE_BACKOFF_MIN, ENDPOINTSLICE_BACKOFF_MAX);
    let controller = Rc::new(EndpointSliceController {
        client: context.client("endpointslice-controller"),
        services: context.lister(&SERVICES),
        pods: context.lister(&PODS),
        nodes: context.lister(&NODES),
        slices: context.lister(&ENDPOINTSLICES),
        queue,
        tracker: SliceTracker::default(),
        triggers: TriggerTimes::default(),
        context,
    });
    let handler = controller.clone();
    controller.services.informer().handle(move |n| handler.queue.add(ObjectKey::of(n.object())));
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    let handler = controller.clone();
    controller.slices.informer().handle(move |n| handler.slice_changed(n));
    let handler = controller.clone();
    controller.nodes.informer().handle(move |n| handler.node_changed(n));
    for lister in [&controller.services, &controller.pods, &controller.nodes, &controller.slices] {
        lister.informer().wait_for_sync().await;
    }
    for _ in 0..WORKERS {
        ctx.spawn("worker", controller.clone().work());
    }
    std::future::pending::<()>().await;
}

impl EndpointSliceController {
    async fn work(self: Rc<Self>) {
        loop {
            let key = self.queue.get().await;
            match self.sync(&key).await {
                Ok(()) => self.queue.forget(&key),
                Err(error) if self.queue.requeues(&key) < ENDPOINTSLICE_RETRIES_MAX => {
                    self.context.sim().trace("sync-failed", "endpointslice", || format!("{key}: {error}"));
                    self.queue.add_rate_limited(key.clone());
                }
                Err(_) => self.queue.forget(&key),
            }
            self.queue.done(&key);
        }
    }

    // ----- handlers -----

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            Notification::Update(old, new) => {
                let labels_changed = old.labels() != new.labels();
                if !labels_changed && !reconcile::endpoint_changed(old, new) {
                    return;
                }
                self.enqueue_services_of(new);
                if labels_changed {
                    self.enqueue_services_of(old);
                }
            }
            Notification::Add(pod) | Notification::Delete(pod) => self.enqueue_services_of(pod),
        }
    }

    fn enqueue_services_of(&self, pod: &Value) {
        for service in self.services.list_in(pod.namespace()) {
            let selector = &service["spec"]["selector"];
            if !selector.is_empty() && Selector::from_map(selector).matches(pod.labels()) {
                self.queue.add(ObjectKey::of(&service));
            }
        }
    }

    fn slice_changed(&self, notification: &Notification) {
        let slice = notification.object();
        if slice.label(MANAGER_LABEL) != Some(MANAGED_BY) {
            return;
        }
        let Some(service) = slice.label(SERVICE_LABEL) else { return };
        let key = ObjectKey::new(slice.namespace(), service);
        let is_news = match notification {
            Notification::Add(slice) => self.tracker.is_newer(slice),
            Notification::Update(_, slice) => self.tracker.is_newer(slice) || slice.is_deleting(),
            // A deletion that we did not ask for must be made good.
            Notification::Delete(slice) => !self.tracker.forget(slice),
        };
        if is_news {
            self.queue.add(key);
        }
    }

    /// A node's zone stands in its pods' endpoints.
    fn node_changed(&self, notification: &Notification) {
        let zone = |node: &Value| node.label("topology.kubernetes.io/zone").map(str::to_owned);
        let node = notification.object();
        let matters = match notification {
            Notification::Update(old, new) => zone(old) != zone(new),
            Notification::Add(_) | Notification::Delete(_) => true,
        };
        if matters {
            for pod in self.pods.on_node(node.name()) {
                self.enqueue_services_of(&pod);
            }
        }
    }

    // ----- sync -----

    async fn sync(&self, key: &ObjectKey) -> Result<(), SyncError> {
        let Some(service) = self.services.get_key(key) else {
            self.triggers.forget(key);
            self.tracker.forget_service(key);
            return Ok(());
        };
        let selector = &service["spec"]["selector"];
        if service["spec"]["type"] == "ExternalName" || selector.is_empty() {
            return Ok(());
        }
        let pods = self.pods.select(&key.namespace, &Selector::from_map(selector));
        let mut slices = self.slices.select(
            &key.namespace,
            &Selector::from_map(&object::value!({SERVICE_LABEL: &key.name, MANAGER_LABEL: MANAGED_BY})),
        );
        slices.retain(|slice| !slice.is_deleting());
        if self.tracker.is_stale(key, &slices) {
            return Err(SyncError::Stale);
        }
        let trigger = self.triggers.note(key, &service, &pods);
        let zone = |node: &str| {
            self.nodes.get("", node).and_then(|n| n.label("topology.kubernetes.io/zone").map(str::to_owned))
        };
        let plan = reconcile::plan(&service, &pods, &slices, trigger, &zone);
        self.carry_out(key, plan).await
    }

    async fn carry_out(&self, key: &ObjectKey, plan: Plan) -> Result<(), SyncError> {
        for slice in plan.create {
            match self.client.create(&ENDPOINTSLICES, &slice).await {
                Ok(created) => self.tracker.wrote(key, &created),
                Err(error) if error.is_namespace_terminating() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        for slice in plan.update {
            let updated = self.client.update(&ENDPOINTSLICES, &slice).await?;
            self.tracker.wrote(key, &updated);
        }
        for slice in plan.delete {
            let options = DeleteOptions::default();
            self.client.delete(&ENDPOINTSLICES, slice.namespace(), slice.name(), &options).await?;
            self.tracker.deleted(key, &slice);
        }
        Ok(())
    }
}
