//! The disruption controller: what PodDisruptionBudgets allow at the moment (`pkg/controller/disruption/disruption.go`).

use super::ControllerContext;
use crate::constants::{DISRUPTED_POD_TIMEOUT, STALE_DISRUPTION_TIMEOUT};
use crate::kinds::{BUDGETS, DEPLOYMENTS, PODS, REPLICASETS, STATEFULSETS};
use crate::machinery::{
    ApiError, Client, Lister, Notification, ObjectKey, WorkQueue, is_pod_ready, is_pod_terminal, run_workers,
};
use object::{ObjectExt, Selector, Time, Value, int_or_percent, value};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Why a budget's status cannot be known; it then allows nothing.
#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("{0}")]
    Selector(#[from] object::SelectorError),
    #[error("found no controllers for pod {0:?}")]
    NoController(String),
}

struct DisruptionController {
    context: ControllerContext,
    client: Rc<Client>,
    budgets: Lister,
    pods: Lister,
    replicasets: Lister,
    deployments: Lister,
    statefulsets: Lister,
    queue: Rc<WorkQueue<ObjectKey>>,
    /// Pods whose condition `DisruptionTarget` may be stale.
    stale: Rc<WorkQueue<ObjectKey>>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let controller = Rc::new(DisruptionController {
        client: context.client("disruption-controller"),
        budgets: context.lister(&BUDGETS),
        pods: context.lister(&PODS),
        replicasets: context.lister(&REPLICASETS),
        deployments: context.lister(&DEPLOYMENTS),
        statefulsets: context.lister(&STATEFULSETS),
        queue: WorkQueue::new(&ctx, "disruption"),
        stale: WorkQueue::new(&ctx, "stale_pod_disruption"),
        context,
    });
    let handler = controller.clone();
    controller.pods.informer().handle(move |n| handler.pod_changed(n));
    let handler = controller.clone();
    controller.budgets.informer().handle(move |n| handler.queue.add(ObjectKey::of(n.object())));
    for lister in [
        &controller.pods,
        &controller.budgets,
        &controller.replicasets,
        &controller.deployments,
        &controller.statefulsets,
    ] {
        lister.informer().wait_for_sync().await;
    }
    let syncing = controller.clone();
    run_workers(&ctx, &controller.queue, 1, move |key| {
        let controller = syncing.clone();
        async move { controller.sync(key).await }
    });
    let syncing = controller.clone();
    run_workers(&ctx, &controller.stale, 1, move |key| {
        let controller = syncing.clone();
        async move { controller.clear_stale(key).await }
    });
    std::future::pending::<()>().await;
}

/// What a budget allows, in pods.
struct Numbers {
    expected: i64,
    desired: i64,
}

impl DisruptionController {
    fn pod_changed(&self, notification: &Notification) {
        let pod = notification.object();
        if let Some(budget) = self.budget_of(pod) {
            self.queue.add(ObjectKey::of(&budget));
        }
        if !matches!(notification, Notification::Delete(_))
            && let Some(wait) = self.stale_after(pod)
        {
            self.stale.add_after(ObjectKey::of(pod), wait);
        }
    }

    fn budget_of(&self, pod: &Value) -> Option<Value> {
        self.budgets.list_in(pod.namespace()).into_iter().find(|budget| {
            let selector = Selector::from_label_selector(&budget["spec"]["selector"]);
            selector.is_ok_and(|selector| selector.matches(pod.labels()))
        })
    }

    async fn sync(&self, key: ObjectKey) -> Result<(), ApiError> {
        let Some(budget) = self.budgets.get_key(&key) else { return Ok(()) };
        match self.try_sync(&budget).await {
            Err(SyncError::Api(error)) if error.is_conflict() => Err(error),
            Err(error) => self.fail_safe(&budget, &error).await,
            Ok(()) => Ok(()),
        }
    }

    async fn try_sync(&self, budget: &Value) -> Result<(), SyncError> {
        let selector = Selector::from_label_selector(&budget["spec"]["selector"])?;
        let pods = self.pods.select(budget.namespace(), &selector);
        let numbers = self.numbers(budget, &pods)?;
        let now = self.context.now();
        let (disrupted, recheck) = still_disrupted(budget, &pods, now);
        let is_healthy =
            |pod: &&Value| !pod.is_deleting() && disrupted[pod.name()].is_null() && is_pod_ready(pod);
        let healthy = pods.iter().filter(is_healthy).count() as i64;
        self.write_status(budget, &numbers, healthy, disrupted).await?;
        if let Some(wait) = recheck {
            self.queue.add_after(ObjectKey::of(budget), wait);
        }
        Ok(())
    }

    /// Gives how many pods there should be, and how many must be healthy.
    fn numbers(&self, budget: &Value, pods: &[Value]) -> Result<Numbers, SyncError> {
        let spec = &budget["spec"];
        if !spec["maxUnavailable"].is_null() {
            let expected = self.expected_scale(pods)?;
            let desired = (expected - int_or_percent(&spec["maxUnavailable"], expected, true)).max(0);
            return Ok(Numbers { expected, desired });
        }
        let minimum = &spec["minAvailable"];
        let expected = match minimum {
            Value::Null => 0,
            Value::Str(_) => self.expected_scale(pods)?,
            _ => pods.len() as i64,
        };
        Ok(Numbers { expected, desired: int_or_percent(minimum, expected, true) })
    }

    /// Adds up the sizes of the controllers of the pods; pods without one are not counted.
    fn expected_scale(&self, pods: &[Value]) -> Result<i64, SyncError> {
        let mut scales: BTreeMap<String, i64> = BTreeMap::new();
        for pod in pods.iter().filter(|pod| pod.controller_of().is_some()) {
            let owner =
                self.scaled_owner(pod).ok_or_else(|| SyncError::NoController(pod.name().to_owned()))?;
            scales.insert(owner.uid().to_owned(), owner["spec"]["replicas"].as_i64().unwrap_or(1));
        }
        Ok(scales.values().sum())
    }

    /// Gives the object whose size says how many such pods there should be.
    fn scaled_owner(&self, pod: &Value) -> Option<Value> {
        let owner = pod.controller_of()?;
        let lister = match owner.kind {
            "ReplicaSet" => &self.replicasets,
            "StatefulSet" => &self.statefulsets,
            _ => return None,
        };
        let found = lister.get(pod.namespace(), owner.name).filter(|found| found.uid() == owner.uid)?;
        let Some(above) = found.controller_of().filter(|above| above.kind == "Deployment") else {
            return Some(found);
        };
        self.deployments.get(pod.namespace(), above.name).filter(|deployment| deployment.uid() == above.uid)
    }

    async fn write_status(
        &self,
        budget: &Value,
        numbers: &Numbers,
        healthy: i64,
        disrupted: Value,
    ) -> Result<(), ApiError> {
        // A budget without pods allows nothing, so that its first pods are safe before it is looked at again.
        let allowed = if numbers.expected > 0 { (healthy - numbers.desired).max(0) } else { 0 };
        let mut next = budget.clone();
        next.set(&["status"], value!({
            "currentHealthy": healthy, "desiredHealthy": numbers.desired, "expectedPods": numbers.expected,
            "disruptionsAllowed": allowed,
        }));
        next.set_or_omit(&["status", "disruptedPods"], disrupted);
        next.set_or_omit(&["status", "observedGeneration"], budget.generation());
        next.set_or_omit(&["status", "conditions"], &budget["status"]["conditions"]);
        let (status, reason) =
            if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        self.set_condition(&mut next, status, reason, "");
        self.update(budget, &next).await
    }

    /// When a budget's status cannot be known, nothing may be disrupted.
    async fn fail_safe(&self, budget: &Value, error: &SyncError) -> Result<(), ApiError> {
        let mut next = budget.clone();
        next.set(&["status", "disruptionsAllowed"], 0);
        self.set_condition(&mut next, "False", "SyncFailed", &error.to_string());
        self.update(budget, &next).await
    }

    fn set_condition(&self, budget: &mut Value, status: &str, reason: &str, message: &str) {
        let present = budget.condition("DisruptionAllowed").clone();
        let since = match &present["lastTransitionTime"] {
            since if present["status"] == status && !since.is_null() => since.clone(),
            _ => self.context.now().into(),
        };
        let condition = value!({
            "type": "DisruptionAllowed", "status": status, "reason": reason, "message": message,
            "observedGeneration": budget["status"]["observedGeneration"].int(), "lastTransitionTime": since,
        });
        let others =
            budget["status"]["conditions"].items().iter().filter(|c| c["type"] != "DisruptionAllowed");
        let conditions: Vec<Value> = others.cloned().chain([condition]).collect();
        budget.set(&["status", "conditions"], conditions);
    }

    async fn update(&self, budget: &Value, next: &Value) -> Result<(), ApiError> {
        if next["status"] == budget["status"] {
            return Ok(());
        }
        self.client.update_status(&BUDGETS, next).await.map(|_| ())
    }

    // ----- stale conditions -----

    /// Gives after how long a pod's condition `DisruptionTarget` is stale, none when it has none that can be.
    fn stale_after(&self, pod: &Value) -> Option<Duration> {
        let condition = pod.condition("DisruptionTarget");
        let by_kubelet = condition["reason"] == "TerminationByKubelet";
        if pod.is_deleting() || is_pod_terminal(pod) || condition["status"] != "True" || by_kubelet {
            return None;
        }
        let since = Time::parse(condition["lastTransitionTime"].str()).ok()?;
        Some(STALE_DISRUPTION_TIMEOUT.saturating_sub(self.context.now().since(since)))
    }

    /// Takes back a condition that announced a disruption which did not come.
    async fn clear_stale(&self, key: ObjectKey) -> Result<(), ApiError> {
        let Some(pod) = self.pods.get_key(&key) else { return Ok(()) };
        let Some(wait) = self.stale_after(&pod) else { return Ok(()) };
        if !wait.is_zero() {
            self.stale.add_after(key, wait);
            return Ok(());
        }
        let cleared = value!({
            "type": "DisruptionTarget", "status": "False", "lastProbeTime": null,
            "lastTransitionTime": self.context.now(),
        });
        let mut next = pod;
        let conditions = next["status"]["conditions"].items().iter();
        let conditions: Vec<Value> = conditions
            .map(|c| if c["type"] == "DisruptionTarget" { cleared.clone() } else { c.clone() })
            .collect();
        next.set(&["status", "conditions"], conditions);
        self.client.update_status(&PODS, &next).await.map(|_| ())
    }
}

/// Gives the pods whose eviction was granted and that are still to be deleted, and when to look again.
fn still_disrupted(budget: &Value, pods: &[Value], now: Time) -> (Value, Option<Duration>) {
    let mut kept = Value::map();
    let mut recheck: Option<Duration> = None;
    for pod in pods.iter().filter(|pod| !pod.is_deleting()) {
        let since = &budget["status"]["disruptedPods"][pod.name()];
        let Ok(granted) = Time::parse(since.str()) else { continue };
        let due = granted + DISRUPTED_POD_TIMEOUT;
        if due >= now {
            kept.set(&[pod.name()], since);
            let wait = due.since(now);
            recheck = Some(recheck.map_or(wait, |earlier| earlier.min(wait)));
        }
    }
    (kept, recheck)
}
