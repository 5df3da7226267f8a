//! Node lifecycle: finds nodes that fell silent, marks them and their pods, and taints them
//! (`pkg/controller/nodelifecycle/node_lifecycle_controller.go`).
//!
//! A node is judged by when this process last *saw* its lease or status change, on its own clock.

use super::zones::{Zone, rate, states, zone_of};
use crate::constants::{NODE_MONITOR_GRACE, NODE_MONITOR_PERIOD, NODE_STARTUP_GRACE};
use crate::controllers::ControllerContext;
use crate::kinds::{LEASES, NODES, PODS};
use crate::machinery::{
    ApiError, Client, ConsistencyError, ConsistencyStore, Lister, Notification, ObjectKey, WorkQueue,
    run_workers,
};
use object::{ObjectExt, Time, Value, value};
use sim::Instant;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// The gate by which a lease that looks old is read from the API before its node is called silent (kubernetes#138698).
const BREAKER: &str = "NodeControllerLeaseCircuitBreaker";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
/// How often the queue of nodes to be tainted is served (`nodeEvictionPeriod`).
const TAINT_PERIOD: Duration = Duration::from_millis(100);
/// The conditions that a kubelet reports.
const CONDITIONS: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];
/// Condition, status, and the NoSchedule taint that follows from it.
const TAINTS: [(&str, &str, &str); 6] = [
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
];
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Labels that are kept equal: the one followed, and the one that follows.
const LABELS: [(&str, &str); 2] =
    [("kubernetes.io/os", "beta.kubernetes.io/os"), ("kubernetes.io/arch", "beta.kubernetes.io/arch")];

/// What this process has seen of one node.
struct Health {
    probed: Instant,
    heartbeat: Value,
    ready: String,
    renewed: Value,
    /// The revision of the lease that was seen when the node was last found alive; 0 for none.
    lease_revision: u64,
}

/// Why a node was not judged.
#[derive(Debug, thiserror::Error)]
enum JudgeError {
    #[error(transparent)]
    Stale(#[from] ConsistencyError),
    #[error(transparent)]
    Api(#[from] ApiError),
}

/// What waits to be tainted in one zone.
#[derive(Default)]
struct ZoneQueue {
    nodes: Vec<String>,
    /// When the next one may be.
    next: Option<Instant>,
    rate: f64,
}

struct Lifecycle {
    context: ControllerContext,
    client: Rc<Client>,
    nodes: Lister,
    pods: Lister,
    leases: Lister,
    /// Whether our cache has seen the leases that we read past it; one record for all nodes.
    consistency: Rc<ConsistencyStore>,
    health: RefCell<BTreeMap<String, Health>>,
    zones: RefCell<BTreeMap<String, ZoneQueue>>,
    queue: Rc<WorkQueue<String>>,
}

pub(in crate::controllers) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    let leases = context.lister(&LEASES);
    let lifecycle = Rc::new(Lifecycle {
        client: context.client("node-lifecycle-controller"),
        nodes: context.lister(&NODES),
        pods: context.lister(&PODS),
        consistency: context.consistency(BREAKER, &[&leases]),
        leases,
        health: RefCell::default(),
        zones: RefCell::default(),
        queue: WorkQueue::new(&ctx, "node-lifecycle"),
        context,
    });
    let handler = lifecycle.clone();
    lifecycle.nodes.informer().handle(move |notification| {
        if !matches!(notification, Notification::Delete(_)) {
            handler.queue.add(notification.object().name().to_owned());
        }
    });
    for lister in [&lifecycle.nodes, &lifecycle.pods, &lifecycle.leases] {
        lister.informer().wait_for_sync().await;
    }
    let processing = lifecycle.clone();
    run_workers(&ctx, &lifecycle.queue, 1, move |name| {
        let lifecycle = processing.clone();
        async move { lifecycle.process(&name).await }
    });
    ctx.spawn("taint", lifecycle.clone().taint_regularly());
    loop {
        lifecycle.monitor().await;
        ctx.sleep(NODE_MONITOR_PERIOD).await;
    }
}

fn ready_status(node: &Value) -> &str {
    match node.condition("Ready")["status"].str() {
        "" => "Unknown",
        status => status,
    }
}

fn has_taint(node: &Value, key: &str, effect: &str) -> bool {
    node["spec"]["taints"].items().iter().any(|taint| taint["key"] == key && taint["effect"] == effect)
}

impl Lifecycle {
    // ----- every node's own state: labels and NoSchedule taints -----

    async fn process(&self, name: &str) -> Result<(), ApiError> {
        let Some(node) = self.nodes.get("", name) else { return Ok(()) };
        self.sync_no_schedule(&node).await?;
        let mut labels = Value::map();
        for (followed, follower) in LABELS {
            if let Some(value) = node.label(followed)
                && node.label(follower) != Some(value)
            {
                labels.set(&[follower], value);
            }
        }
        if labels.is_empty() {
            return Ok(());
        }
        let patch = value!({"metadata": {"labels": labels}});
        self.client.merge_patch(&NODES, "", name, "", patch).await.map(|_| ())
    }

    async fn sync_no_schedule(&self, node: &Value) -> Result<(), ApiError> {
        let by_condition =
            TAINTS.iter().filter(|(kind, status, _)| node.condition(kind)["status"] == *status);
        let mut wanted: Vec<&str> = by_condition.map(|(_, _, key)| *key).collect();
        if node["spec"]["unschedulable"].bool() {
            wanted.push(UNSCHEDULABLE);
        }
        let is_ours = |taint: &Value| {
            let key = taint["key"].str();
            taint["effect"] == "NoSchedule"
                && (TAINTS.iter().any(|(_, _, k)| *k == key) || key == UNSCHEDULABLE)
        };
        let present = node["spec"]["taints"].items();
        let missing: Vec<&str> =
            wanted.iter().copied().filter(|key| !has_taint(node, key, "NoSchedule")).collect();
        let is_surplus = |taint: &Value| is_ours(taint) && !wanted.contains(&taint["key"].str());
        if missing.is_empty() && !present.iter().any(is_surplus) {
            return Ok(());
        }
        let now: Value = self.context.now().into();
        let kept = present.iter().filter(|taint| !is_surplus(taint)).cloned();
        let added =
            missing.iter().map(|key| value!({"key": *key, "effect": "NoSchedule", "timeAdded": &now}));
        self.write_taints(node, kept.chain(added).collect()).await
    }

    async fn write_taints(&self, node: &Value, taints: Vec<Value>) -> Result<(), ApiError> {
        let taints = if taints.is_empty() { Value::Null } else { taints.into() };
        let version = &node["metadata"]["resourceVersion"];
        let patch = value!({"metadata": {"resourceVersion": version}, "spec": {"taints": taints}});
        self.client.merge_patch(&NODES, "", node.name(), "", patch).await.map(|_| ())
    }

    // ----- which nodes have fallen silent -----

    async fn monitor(&self) {
        let nodes = self.nodes.list();
        let names: BTreeSet<&str> = nodes.iter().map(ObjectExt::name).collect();
        self.health.borrow_mut().retain(|name, _| names.contains(name.as_str()));
        let mut observed = Vec::new();
        for node in &nodes {
            match self.judge(node).await {
                Ok((before, after)) => {
                    if after != "True" && before == "True" {
                        self.mark_pods_not_ready(node.name()).await;
                    }
                    self.plan_taint(node, &after);
                    observed.push((zone_of(node), after == "True"));
                }
                // The next look is five seconds away.
                Err(error) => {
                    self.context.sim().trace("node-judgement-failed", node.name(), || error.to_string());
                }
            }
        }
        let states = states(observed.iter().map(|(zone, ready)| (zone.as_str(), *ready)));
        let all_full = states.values().all(|(state, _)| *state == Zone::Full);
        let mut zones = self.zones.borrow_mut();
        for (zone, (state, size)) in states {
            zones.entry(zone).or_default().rate = rate(state, size, all_full);
        }
    }

    /// Looks at one node; gives its readiness as it was reported and as it is now judged.
    async fn judge(&self, node: &Value) -> Result<(String, String), JudgeError> {
        // While our cache is behind a lease that we read past it, no node's lease can be trusted.
        self.consistency.ensure_ready(&ObjectKey::new("", ""))?;
        let before = ready_status(node).to_owned();
        let is_known = !node.condition("Ready").is_null();
        let grace = if is_known { NODE_MONITOR_GRACE } else { NODE_STARTUP_GRACE };
        let last = self.probe(node);
        if self.context.sim().now() <= last + grace {
            return Ok((before.clone(), before));
        }
        self.check_lease(node.name()).await?;
        let now = self.context.now();
        let mut conditions = node["status"]["conditions"].clone();
        for kind in CONDITIONS {
            conditions = silence(&conditions, kind, node, now);
        }
        if conditions == node["status"]["conditions"] {
            return Ok((before.clone(), before));
        }
        let next = node.clone().with(&["status", "conditions"], conditions);
        let updated = self.client.update_status(&NODES, &next).await?;
        let after = ready_status(&updated).to_owned();
        if let Some(health) = self.health.borrow_mut().get_mut(node.name()) {
            health.ready.clone_from(&after);
            health.heartbeat = updated.condition("Ready")["lastHeartbeatTime"].clone();
        }
        Ok((before, after))
    }

    /// Makes sure, if the gate is on, that a lease that looks old in our cache is old.
    async fn check_lease(&self, node: &str) -> Result<(), JudgeError> {
        if !self.context.gates.enabled(BREAKER) {
            return Ok(());
        }
        let seen = self.health.borrow().get(node).map_or(0, |health| health.lease_revision);
        let live = match self.client.get(&LEASES, "kube-node-lease", node).await {
            Ok(live) => live.revision(),
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if live == seen {
            return Ok(());
        }
        let leases = LEASES.group_resource();
        self.consistency.wrote_at(&ObjectKey::new("", ""), "", &leases, live);
        Err(ConsistencyError { resource: leases, wrote: live, read: seen }.into())
    }

    /// Takes note of what changed since the last look, and gives when something last did.
    fn probe(&self, node: &Value) -> Instant {
        let now = self.context.sim().now();
        let ready = node.condition("Ready");
        let lease = self.leases.get("kube-node-lease", node.name());
        let lease_revision = lease.as_ref().map_or(0, ObjectExt::revision);
        let renewed = lease.map_or(Value::Null, |lease| lease["spec"]["renewTime"].clone());
        let mut health = self.health.borrow_mut();
        let seen = health.entry(node.name().to_owned()).or_insert_with(|| Health {
            probed: now,
            heartbeat: ready["lastHeartbeatTime"].clone(),
            ready: ready_status(node).to_owned(),
            renewed: renewed.clone(),
            lease_revision,
        });
        let is_alive = seen.heartbeat != ready["lastHeartbeatTime"]
            || seen.ready != ready_status(node)
            || (seen.renewed != renewed && !renewed.is_null());
        if seen.renewed != renewed && !renewed.is_null() {
            seen.lease_revision = lease_revision;
        }
        if is_alive {
            seen.probed = now;
            seen.heartbeat = ready["lastHeartbeatTime"].clone();
            ready_status(node).clone_into(&mut seen.ready);
            seen.renewed = renewed;
        }
        seen.probed
    }

    async fn mark_pods_not_ready(&self, node: &str) {
        for pod in self.pods.on_node(node) {
            let ready = pod.condition("Ready");
            if ready["status"] != "True" {
                continue;
            }
            let condition =
                ready.clone().with(&["status"], "False").with(&["lastTransitionTime"], self.context.now());
            let conditions = super::with_condition(&pod["status"]["conditions"], &condition);
            let patch = value!({"metadata": {"uid": pod.uid()}, "status": {"conditions": conditions}});
            let written = self.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await;
            if let Err(error) = written {
                self.context.sim().trace("mark-failed", &pod.full_name(), || error.to_string());
            }
        }
    }

    // ----- NoExecute taints, rate-limited by zone -----

    fn plan_taint(&self, node: &Value, ready: &str) {
        let mut zones = self.zones.borrow_mut();
        let zone = zones.entry(zone_of(node)).or_default();
        let wanted = match ready {
            "True" => None,
            "False" => Some(NOT_READY),
            _ => Some(UNREACHABLE),
        };
        let has_other = [NOT_READY, UNREACHABLE]
            .iter()
            .any(|key| has_taint(node, key, "NoExecute") && wanted != Some(*key));
        let is_missing = wanted.is_some_and(|key| !has_taint(node, key, "NoExecute"));
        let is_queued = zone.nodes.iter().any(|name| name == node.name());
        if (is_missing || has_other) && !is_queued {
            zone.nodes.push(node.name().to_owned());
        }
    }

    async fn taint_regularly(self: Rc<Self>) {
        let ctx = self.context.sim().clone();
        loop {
            ctx.sleep(TAINT_PERIOD).await;
            for name in self.due() {
                let Some(node) = self.nodes.get("", &name) else { continue };
                if let Err(error) = self.swap_no_execute(&node).await {
                    ctx.trace("taint-failed", &name, || error.to_string());
                }
            }
        }
    }

    /// Takes the nodes whose turn it is; a node that recovered does not wait for its zone's rate.
    fn due(&self) -> Vec<String> {
        let now = self.context.sim().now();
        let mut due = Vec::new();
        for zone in self.zones.borrow_mut().values_mut() {
            let mut waiting = Vec::new();
            for name in zone.nodes.drain(..) {
                let recovered = self.nodes.get("", &name).is_none_or(|node| ready_status(&node) == "True");
                let may = zone.rate > 0.0 && zone.next.is_none_or(|next| next <= now);
                if recovered {
                    due.push(name);
                } else if may {
                    zone.next = Some(now + Duration::from_secs_f64(1.0 / zone.rate));
                    due.push(name);
                } else {
                    waiting.push(name);
                }
            }
            zone.nodes = waiting;
        }
        due
    }

    async fn swap_no_execute(&self, node: &Value) -> Result<(), ApiError> {
        let wanted = match ready_status(node) {
            "True" => None,
            "False" => Some(NOT_READY),
            _ => Some(UNREACHABLE),
        };
        let is_ours = |taint: &&Value| {
            taint["effect"] == "NoExecute" && matches!(taint["key"].str(), NOT_READY | UNREACHABLE)
        };
        let present = node["spec"]["taints"].items();
        let mut taints: Vec<Value> = present
            .iter()
            .filter(|taint| !is_ours(taint) || wanted == taint["key"].as_str())
            .cloned()
            .collect();
        if let Some(key) = wanted
            && !has_taint(node, key, "NoExecute")
        {
            taints.push(value!({"key": key, "effect": "NoExecute", "timeAdded": self.context.now()}));
        }
        if taints.as_slice() == present {
            return Ok(());
        }
        self.write_taints(node, taints).await
    }
}

/// Gives conditions with one of a silent node set to Unknown.
fn silence(conditions: &Value, kind: &str, node: &Value, now: Time) -> Value {
    let present = node.condition(kind);
    let condition = if present.is_null() {
        value!({
            "type": kind, "status": "Unknown", "lastHeartbeatTime": &node["metadata"]["creationTimestamp"],
            "lastTransitionTime": now, "reason": "NodeStatusNeverUpdated",
            "message": "Kubelet never posted node status.",
        })
    } else if present["status"] == "Unknown" {
        return conditions.clone();
    } else {
        let mut condition = present.clone();
        condition.set(&["status"], "Unknown");
        condition.set(&["reason"], "NodeStatusUnknown");
        condition.set(&["message"], "Kubelet stopped posting node status.");
        condition.set(&["lastTransitionTime"], now);
        condition
    };
    super::with_condition(conditions, &condition)
}
