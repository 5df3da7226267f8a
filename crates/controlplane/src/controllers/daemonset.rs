//! The DaemonSet controller (`pkg/controller/daemon`).
//!
//! Its hole is kept as it is upstream: an expectation older than five minutes counts as met, so a pod informer that
//! stands still makes it create a second pod for a node (kubernetes#134937), unless KEP-5647's gate holds it back.

mod backoff;
mod history;
mod manage;
mod place;
mod rolling;

use super::{ControllerContext, PodControl, RefManager};
use crate::constants::DAEMONSET_WORKERS;
use crate::kinds::{DAEMONSETS, NODES, PODS, REVISIONS};
use crate::machinery::{
    ApiError, Client, ConsistencyError, ConsistencyStore, Expectations, Lister, Notification, ObjectKey,
    WorkQueue, is_pod_ready, is_pod_terminal, run_workers,
};
use backoff::FailedPods;
use object::{ObjectExt, Selector, Value, value};
use place::{is_updated, placement, target_node};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Why a sync did not succeed; the key comes back after its back-off.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Stale(#[from] ConsistencyError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("the collision count is not the one we knew")]
    StaleCollisionCount,
}

/// Pods by the node that they are or will be on.
type ByNode = BTreeMap<String, Vec<Value>>;

/// What one sync works on.
struct Sync<'a> {
    ds: &'a Value,
    selector: &'a Selector,
    nodes: &'a [Value],
    /// The hash of the present template.
    hash: &'a str,
}

struct DaemonSetController {
    context: ControllerContext,
    client: Rc<Client>,
    control: PodControl,
    refs: RefManager,
    revision_refs: RefManager,
    sets: Lister,
    pods: Lister,
    nodes: Lister,
    revisions: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    node_queue: Rc<WorkQueue<ObjectKey>>,
    expectations: Expectations,
    failed_pods: FailedPods,
    consistency: Rc<ConsistencyStore>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let client = context.client("daemon-set-controller");
    let (sets, pods) = (context.lister(&DAEMONSETS), context.lister(&PODS));
    let consistency = context.consistency("StaleControllerConsistencyDaemonSet", &[&sets, &pods]);
    let controller = Rc::new(DaemonSetController {
        control: PodControl::new(&client, consistency.noting(&PODS)),
        refs: RefManager::new(&client, &PODS, &DAEMONSETS, consistency.noting(&PODS)),
        revision_refs: RefManager::new(&client, &REVISIONS, &DAEMONSETS, |_, _| {}),
        nodes: context.lister(&NODES),
        revisions: context.lister(&REVISIONS),
        queue: WorkQueue::new(&ctx, "daemonset"),
        node_queue: WorkQueue::new(&ctx, "daemonset-node-updates"),
        expectations: context.expectations(),
        failed_pods: FailedPods::default(),
        client,
        sets,
        pods,
        consistency,
        context,
    });
    let handler = controller.clone();
    controller.sets.informer().handle(move |n| handler.set_changed(n));
    let handler = controller.clone();
    controller.revisions.informer().handle(move |n| handler.revision_changed(n));
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    let handler = controller.clone();
    controller.nodes.informer().handle(move |n| handler.node_changed(n));
    for lister in [&controller.sets, &controller.revisions, &controller.pods, &controller.nodes] {
        lister.informer().wait_for_sync().await;
    }
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, DAEMONSET_WORKERS, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    let syncing = controller.clone();
    run_workers(&ctx, &controller.node_queue, DAEMONSET_WORKERS, move |key| {
        let controller = syncing.clone();
        async move {
            controller.sync_node(&key.name);
            Ok::<_, SyncError>(())
        }
    });
    std::future::pending::<()>().await;
}

/// Orders pods: those on a node first, then by age and name.
fn oldest_first(pods: &mut [Value]) {
    pods.sort_by(|a, b| {
        let key = |pod: &Value| {
            let is_waiting = pod["spec"]["nodeName"].is_empty();
            (is_waiting, pod["metadata"]["creationTimestamp"].str().to_owned(), pod.name().to_owned())
        };
        key(a).cmp(&key(b))
    });
}

impl DaemonSetController {
    // ----- handlers -----

    fn set_changed(&self, notification: &Notification) {
        match notification {
            Notification::Update(old, new) if old.uid() != new.uid() => self.set_deleted(old),
            Notification::Delete(old) => self.set_deleted(old),
            other => self.queue.add(ObjectKey::of(other.object())),
        }
    }

    fn set_deleted(&self, old: &Value) {
        let key = ObjectKey::of(old);
        self.consistency.clear(&key, old.uid());
        self.expectations.forget(&key);
        self.queue.add(key);
    }

    fn revision_changed(&self, notification: &Notification) {
        match notification {
            Notification::Add(revision) if revision.controller_of().is_none() => {
                self.enqueue_matching(revision);
            }
            Notification::Add(_) => {}
            Notification::Delete(revision) => self.enqueue_owner(revision),
            Notification::Update(old, new) => self.owned_updated(old, new),
        }
    }

    fn pod_changed(&self, notification: &Notification) {
        match notification {
            // After a restart a pod may first be seen when it is already being deleted.
            Notification::Add(pod) if pod.is_deleting() => self.pod_deleted(pod),
            Notification::Add(pod) if pod.controller_of().is_none() => self.enqueue_matching(pod),
            Notification::Add(pod) => {
                if let Some(ds) = self.owner_of(pod) {
                    let key = ObjectKey::of(&ds);
                    self.expectations.creation_observed(&key);
                    self.queue.add(key);
                }
            }
            Notification::Delete(pod) => self.pod_deleted(pod),
            Notification::Update(old, new) if old.revision() == new.revision() => {}
            Notification::Update(_, new) if new.is_deleting() => self.pod_deleted(new),
            Notification::Update(old, new) => {
                self.owned_updated(old, new);
                self.check_availability_later(old, new);
            }
        }
    }

    /// Wakes the owners, old and new, of an object that changed.
    fn owned_updated(&self, old: &Value, new: &Value) {
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
    }

    fn check_availability_later(&self, old: &Value, new: &Value) {
        let Some(ds) = self.owner_of(new) else { return };
        let wait_s = ds["spec"]["minReadySeconds"].int().unsigned_abs();
        if !is_pod_ready(old) && is_pod_ready(new) && wait_s > 0 {
            // One second more, because the times that are compared have no fractions.
            self.queue.add_after(ObjectKey::of(&ds), Duration::from_secs(wait_s + 1));
        }
    }

    fn pod_deleted(&self, pod: &Value) {
        if let Some(ds) = self.owner_of(pod) {
            let key = ObjectKey::of(&ds);
            self.expectations.deletion_observed(&key);
            self.queue.add(key);
        }
    }

    fn node_changed(&self, notification: &Notification) {
        let matters = match notification {
            Notification::Add(_) => true,
            Notification::Update(old, new) => {
                old.labels() != new.labels() || old["spec"]["taints"] != new["spec"]["taints"]
            }
            Notification::Delete(_) => false,
        };
        if matters {
            self.node_queue.add(ObjectKey::of(notification.object()));
        }
    }

    fn owner_of(&self, object: &Value) -> Option<Value> {
        self.sets.controller_of(object, "DaemonSet")
    }

    fn enqueue_owner(&self, object: &Value) {
        if let Some(ds) = self.owner_of(object) {
            self.queue.add(ObjectKey::of(&ds));
        }
    }

    fn enqueue_matching(&self, object: &Value) {
        for ds in self.sets.selecting(object) {
            self.queue.add(ObjectKey::of(&ds));
        }
    }

    /// Wakes the DaemonSets for which a node that changed matters.
    fn sync_node(&self, name: &str) {
        let Some(node) = self.nodes.get("", name) else { return };
        let pods = self.pods.on_node(name);
        for ds in self.sets.list() {
            let placement = placement(&ds, &node);
            let is_owned = |pod: &Value| {
                let owner = pod.controller_of().filter(|owner| owner.kind == "DaemonSet");
                pod.namespace() == ds.namespace() && owner.is_some_and(|owner| owner.name == ds.name())
            };
            let is_there = pods.iter().any(is_owned);
            let is_misplaced = ds["status"]["numberMisscheduled"].int() > 0;
            if is_there && (!placement.may_stay || is_misplaced) || !is_there && placement.should_run {
                self.queue.add(ObjectKey::of(&ds));
            }
        }
    }

    // ----- sync -----

    async fn sync(&self, key: ObjectKey) -> Result<(), SyncError> {
        if let Err(stale) = self.consistency.ensure_ready(&key) {
            self.context.count("daemonset_controller_stale_sync_skips_total");
            return Err(stale.into());
        }
        let Some(ds) = self.sets.get_key(&key) else {
            self.expectations.forget(&key);
            self.consistency.clear(&key, "");
            return Ok(());
        };
        let nodes = self.nodes.list();
        // Trying again would not mend a selector.
        let Ok(selector) = Selector::from_label_selector(&ds["spec"]["selector"]) else { return Ok(()) };
        // What a DaemonSet that is deleted still owns is not certain, so its status stays as it is.
        if selector.is_everything() || ds.is_deleting() {
            return Ok(());
        }
        let history = self.history(&ds, &selector).await?;
        let hash = history.hash();
        let sync = Sync { ds: &ds, selector: &selector, nodes: &nodes, hash: &hash };
        if !self.expectations.satisfied(&key, self.context.sim().now()) {
            return self.update_status(&sync, false).await;
        }
        let updated = self.update(&sync, &key, &history).await;
        let shown = self.update_status(&sync, true).await;
        updated.and(shown)
    }

    async fn update(
        &self,
        sync: &Sync<'_>,
        key: &ObjectKey,
        history: &history::History,
    ) -> Result<(), SyncError> {
        self.manage(sync).await?;
        let is_rolling = sync.ds["spec"]["updateStrategy"]["type"] == "RollingUpdate";
        if is_rolling && self.expectations.satisfied(key, self.context.sim().now()) {
            self.roll(sync).await?;
        }
        self.truncate_history(sync.ds, sync.selector, history).await
    }

    async fn pods_of(&self, ds: &Value, selector: &Selector) -> Result<Vec<Value>, ApiError> {
        self.refs.claim(self.pods.owned_or_orphaned(ds), ds, selector).await
    }

    /// Gives the pods by their nodes, without those that have ended and are only waiting to be removed, unless `all`.
    async fn pods_by_node(&self, ds: &Value, selector: &Selector, all: bool) -> Result<ByNode, ApiError> {
        let mut by_node = ByNode::new();
        for pod in self.pods_of(ds, selector).await? {
            if !all && is_pod_terminal(&pod) && pod.is_deleting() {
                continue;
            }
            if let Some(node) = target_node(&pod) {
                by_node.entry(node.to_owned()).or_default().push(pod);
            }
        }
        Ok(by_node)
    }

    async fn update_status(&self, sync: &Sync<'_>, observed: bool) -> Result<(), SyncError> {
        let mut by_node = self.pods_by_node(sync.ds, sync.selector, false).await?;
        let now = self.context.now();
        let (mut desired, mut current, mut misplaced, mut ready, mut updated, mut available) =
            (0, 0, 0, 0, 0, 0);
        for node in sync.nodes {
            let pods = by_node.get_mut(node.name());
            if !placement(sync.ds, node).should_run {
                misplaced += i64::from(pods.is_some());
                continue;
            }
            desired += 1;
            let Some(pods) = pods else { continue };
            current += 1;
            oldest_first(pods);
            let pod = &pods[0];
            ready += i64::from(is_pod_ready(pod));
            available += i64::from(sync.is_available(pod, now));
            updated += i64::from(is_updated(pod, sync.ds, sync.hash));
        }
        let mut numbers = value!({
            "desiredNumberScheduled": desired, "currentNumberScheduled": current, "numberMisscheduled": misplaced,
            "numberReady": ready,
        });
        numbers.set_or_omit(&["updatedNumberScheduled"], updated);
        numbers.set_or_omit(&["numberAvailable"], available);
        numbers.set_or_omit(&["numberUnavailable"], desired - available);
        self.write_status(sync.ds, &numbers, observed).await?;
        let wait_s = sync.ds["spec"]["minReadySeconds"].int().unsigned_abs();
        if wait_s > 0 && ready != available {
            self.queue.add_after(ObjectKey::of(sync.ds), Duration::from_secs(wait_s));
        }
        Ok(())
    }

    async fn write_status(&self, ds: &Value, numbers: &Value, observed: bool) -> Result<(), ApiError> {
        let is_shown = NUMBERS.iter().all(|field| ds["status"][*field].int() == numbers[*field].int());
        if is_shown && ds["status"]["observedGeneration"].int() >= ds.generation() {
            return Ok(());
        }
        let mut next = ds.clone();
        for attempt in 0..2 {
            let status = next.slot(&["status"]);
            for field in NUMBERS {
                match numbers.get(field) {
                    Some(number) => status.set(&[field], number),
                    None => drop(status.remove(&[field])),
                }
            }
            if observed {
                status.set(&["observedGeneration"], ds.generation());
            }
            match self.client.update_status(&DAEMONSETS, &next).await {
                Ok(updated) => {
                    self.consistency.noting(&DAEMONSETS)(&updated, updated.revision());
                    return Ok(());
                }
                Err(error) if attempt == 1 => return Err(error),
                Err(_) => next = self.client.get(&DAEMONSETS, ds.namespace(), ds.name()).await?,
            }
        }
        unreachable!("the second attempt returns")
    }
}

/// The numbers of a status.
const NUMBERS: [&str; 7] = [
    "desiredNumberScheduled",
    "currentNumberScheduled",
    "numberMisscheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
];
