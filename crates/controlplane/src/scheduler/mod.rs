//! The scheduler: one pod at a time onto the best node that it may run on (`pkg/scheduler`).
//!
//! It sees what its informers show, counts what it assumed and has not yet seen, and binds through the API.

mod affinity;
mod cache;
mod filter;
mod order;
mod preempt;
mod queue;
mod resources;
mod score;
mod spread;
mod volumes;

use crate::constants::{NODE_BURST, NODE_QPS, VOLUME_BIND_TIMEOUT};
use crate::kinds::{
    BUDGETS, CLAIMS, NODES, PODS, REPLICASETS, SERVICES, STATEFULSETS, STORAGECLASSES, VOLUMES,
};
use crate::machinery::{
    ApiError, Client, DeleteOptions, Informer, ListScope, Lister, Notification, Transport, is_pod_terminal,
};
use apiserver::{Request, Verb};
use cache::{Cache, NodeInfo};
use filter::{PreFilter, Reject};
use object::{GroupVersionResource, ObjectExt, Selector, Time, Value, value};
use queue::Queue;
use schema::KubernetesVersion;
use sim::Ctx;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;
use volumes::{Binding, SELECTED_NODE, VolumeView};

pub use affinity::matches_node;
pub use filter::{tolerated, tolerates};
pub use volumes::claim_names;

/// The name under which pods ask for this scheduler.
const NAME: &str = "default-scheduler";
/// How often a claim that is being provisioned is looked at.
const CLAIM_POLL: Duration = Duration::from_millis(100);

struct Scheduler {
    ctx: Ctx,
    client: Rc<Client>,
    pods: Lister,
    nodes: Lister,
    claims: Lister,
    volumes: Lister,
    classes: Lister,
    services: Lister,
    replicasets: Lister,
    statefulsets: Lister,
    budgets: Lister,
    queue: Rc<Queue>,
    cache: RefCell<Cache>,
    /// Where the search for nodes goes on.
    next_start: Cell<usize>,
    /// Whether chance decides among the best nodes, as it did before 1.35.
    draws: bool,
}

/// Runs the scheduler in its process.
pub async fn run(ctx: Ctx, transport: Rc<Transport>, version: KubernetesVersion, watch_list: bool) {
    let agent = format!("{}/scheduler", ctx.process_name());
    let client = Client::new(&ctx, &transport, &agent, NODE_QPS, NODE_BURST);
    client.set_watch_list(watch_list);
    let lister = |resource: &GroupVersionResource| {
        Informer::start(&ctx, &client, resource, ListScope::default()).lister()
    };
    let scheduler = Rc::new(Scheduler {
        ctx: ctx.clone(),
        pods: lister(&PODS),
        nodes: lister(&NODES),
        claims: lister(&CLAIMS),
        volumes: lister(&VOLUMES),
        classes: lister(&STORAGECLASSES),
        services: lister(&SERVICES),
        replicasets: lister(&REPLICASETS),
        statefulsets: lister(&STATEFULSETS),
        budgets: lister(&BUDGETS),
        queue: Queue::new(&ctx),
        cache: RefCell::default(),
        next_start: Cell::new(0),
        draws: version < KubernetesVersion::V1_35,
        client,
    });
    let handler = scheduler.clone();
    scheduler.nodes.informer().handle(move |n| handler.node_changed(n));
    let handler = scheduler.clone();
    scheduler.pods.informer().handle(move |n| handler.pod_changed(n));
    for lister in [&scheduler.claims, &scheduler.volumes, &scheduler.classes] {
        let handler = scheduler.clone();
        lister.informer().handle(move |_| handler.queue.retry(|pod, _| !claim_names(pod).is_empty()));
    }
    for lister in [
        &scheduler.pods,
        &scheduler.nodes,
        &scheduler.claims,
        &scheduler.volumes,
        &scheduler.classes,
        &scheduler.services,
        &scheduler.replicasets,
        &scheduler.statefulsets,
        &scheduler.budgets,
    ] {
        lister.informer().wait_for_sync().await;
    }
    loop {
        let (pod, moves) = scheduler.queue.next().await;
        scheduler.schedule(pod, moves).await;
    }
}

impl Scheduler {
    // ----- handlers -----

    fn node_changed(&self, notification: &Notification) {
        match notification {
            Notification::Delete(node) => self.cache.borrow_mut().remove_node(node.name()),
            Notification::Add(node) => {
                self.cache.borrow_mut().put_node(node);
                self.queue.retry(|_, _| true);
            }
            Notification::Update(old, new) => {
                self.cache.borrow_mut().put_node(new);
                let matters = old["spec"] != new["spec"]
                    || old.labels() != new.labels()
                    || old["status"]["allocatable"] != new["status"]["allocatable"];
                if matters {
                    self.queue.retry(|_, _| true);
                }
            }
        }
    }

    fn pod_changed(&self, notification: &Notification) {
        let pod = notification.object();
        let is_gone = matches!(notification, Notification::Delete(_)) || is_pod_terminal(pod);
        if is_gone {
            self.queue.remove(pod.uid());
            let was_counted = self.cache.borrow().has_pod(pod.uid());
            if was_counted {
                self.cache.borrow_mut().remove_pod(pod.uid());
                self.queue.retry(|_, _| true);
            }
        } else if !pod["spec"]["nodeName"].str().is_empty() {
            self.queue.remove(pod.uid());
            let is_new = !self.cache.borrow().has_pod(pod.uid());
            self.cache.borrow_mut().put_pod(pod);
            if is_new {
                // Only pods that care about their neighbours gain from one more.
                self.queue.retry(|waiting, _| {
                    !waiting["spec"]["affinity"].is_null()
                        || !waiting["spec"]["topologySpreadConstraints"].is_empty()
                });
            }
        } else if pod["spec"]["schedulerName"].as_str().unwrap_or(NAME) == NAME
            && pod["spec"]["schedulingGates"].is_empty()
            && !pod.is_deleting()
            && !self.cache.borrow().has_pod(pod.uid())
        {
            self.queue.put(pod);
        } else if pod.is_deleting() {
            self.queue.remove(pod.uid());
        }
    }

    // ----- one pod -----

    async fn schedule(self: &Rc<Self>, pod: Value, moves: u64) {
        // The queue's state may be older than the cache's: a pod that went or was bound needs nothing.
        let present = self.pods.get(pod.namespace(), pod.name());
        let Some(pod) = present.filter(|p| p.uid() == pod.uid() && !p.is_deleting()) else {
            return self.queue.remove(pod.uid());
        };
        let volumes = VolumeView::new(&pod, &self.claims, &self.volumes, &self.classes);
        match self.place(&pod, &volumes) {
            Ok((node, bindings)) => {
                let assumed = pod.clone().with(&["spec", "nodeName"], node.as_str());
                self.cache.borrow_mut().put_pod(&assumed);
                let scheduler = self.clone();
                self.ctx.spawn("bind", async move { scheduler.bind(pod, node, bindings, moves).await });
            }
            Err(rejects) => self.fail(&pod, rejects, &volumes, moves).await,
        }
    }

    /// Chooses a node; else tells why each node does not do.
    fn place(
        &self,
        pod: &Value,
        volumes: &VolumeView,
    ) -> Result<(String, Vec<Binding>), BTreeMap<String, Reject>> {
        let cache = self.cache.borrow();
        if volumes.problem().is_some() {
            return Err(BTreeMap::new());
        }
        let all = cache.in_order();
        let filter = PreFilter::new(pod, cache.nodes(), volumes);
        let claimed = self.nominated_elsewhere(pod, &cache);
        let check = |node: &NodeInfo| {
            filter.check(node)?;
            // Room that was made for a more important pod is not given to another.
            let Some(others) = claimed.get(node.name()) else { return Ok(()) };
            let mut fuller = node.clone();
            for other in others {
                fuller.add(cache::PodInfo::new(other));
            }
            PreFilter::new(pod, cache.nodes(), volumes).check(&fuller)
        };
        let nominated = cache.node(pod["status"]["nominatedNodeName"].str());
        if let Some(node) = nominated.filter(|node| check(node).is_ok()) {
            return Ok((node.name().to_owned(), volumes.bindings(node)));
        }
        let mut rejects = BTreeMap::new();
        let mut feasible: Vec<&NodeInfo> = Vec::new();
        let (start, enough) = (self.next_start.get(), order::feasible_enough(all.len()));
        for at in 0..all.len() {
            if feasible.len() == enough {
                break;
            }
            let node = all[(start + at) % all.len()];
            match check(node) {
                Ok(()) => feasible.push(node),
                Err(reject) => {
                    rejects.insert(node.name().to_owned(), reject);
                }
            }
        }
        // All nodes are to have the same chance to be looked at.
        self.next_start.set((start + feasible.len() + rejects.len()) % all.len().max(1));
        if feasible.is_empty() {
            return Err(rejects);
        }
        let selector = self.default_selector(pod);
        let scores = score::scores(pod, &feasible, &all, selector.as_ref());
        let node = feasible[self.pick(pod, &scores)];
        Ok((node.name().to_owned(), volumes.bindings(node)))
    }

    /// Gives the place of the score that wins.
    fn pick(&self, pod: &Value, scores: &[i64]) -> usize {
        if !self.draws {
            return order::top(scores);
        }
        let best = scores.iter().copied().max().expect("at least one node is feasible");
        let equals: Vec<usize> = (0..scores.len()).filter(|at| scores[*at] == best).collect();
        equals[self.ctx.choose("best-node", &pod.full_name(), equals.len() as u64) as usize]
    }

    /// Gives the other pods of at least equal priority for which room was made, by the node where it was made.
    fn nominated_elsewhere(&self, pod: &Value, cache: &Cache) -> BTreeMap<String, Vec<Value>> {
        let mut claimed: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for other in self.pods.on_node("") {
            let node = other["status"]["nominatedNodeName"].str();
            let matters = !node.is_empty()
                && other.uid() != pod.uid()
                && other["spec"]["priority"].int() >= pod["spec"]["priority"].int()
                && !cache.has_pod(other.uid());
            if matters {
                claimed.entry(node.to_owned()).or_default().push(other);
            }
        }
        claimed
    }

    /// Gives the selector of the services and the workload a pod belongs to (`helper.DefaultSelector`).
    fn default_selector(&self, pod: &Value) -> Option<Selector> {
        let mut labels = Value::map();
        for service in self.services.list_in(pod.namespace()) {
            let selector = &service["spec"]["selector"];
            if !selector.is_empty() && Selector::from_map(selector).matches(pod.labels()) {
                for (key, value) in selector.entries() {
                    labels.set(&[key.as_str()], value);
                }
            }
        }
        let owner = pod.controller_of();
        let owned = owner.and_then(|owner| match owner.kind {
            "ReplicaSet" => self.replicasets.get(pod.namespace(), owner.name),
            "StatefulSet" => self.statefulsets.get(pod.namespace(), owner.name),
            _ => None,
        });
        let Some(owned) = owned else {
            return (!labels.is_empty()).then(|| Selector::from_map(&labels));
        };
        let mut selector = owned["spec"]["selector"].clone();
        for (key, value) in labels.entries() {
            selector.set(&["matchLabels", key.as_str()], value);
        }
        Selector::from_label_selector(&selector).ok().filter(|s| !s.is_everything())
    }

    // ----- binding -----

    async fn bind(self: Rc<Self>, pod: Value, node: String, bindings: Vec<Binding>, moves: u64) {
        if let Err(error) = self.try_bind(&pod, &node, &bindings).await {
            self.ctx.trace("bind-failed", &pod.full_name(), || error.clone());
            self.cache.borrow_mut().remove_pod(pod.uid());
            if self.pods.get(pod.namespace(), pod.name()).is_none_or(|known| known.uid() != pod.uid()) {
                return self.queue.remove(pod.uid());
            }
            self.queue.put(&pod);
            self.queue.park(pod.uid(), moves.wrapping_sub(1));
            self.write_failure(&pod, "SchedulerError", &error, None).await;
        } else {
            self.queue.remove(pod.uid());
        }
    }

    /// Binds a pod when its volumes are bound; what failed is worded as the scheduler's framework does.
    async fn try_bind(&self, pod: &Value, node: &str, bindings: &[Binding]) -> Result<(), String> {
        let volumes = self.bind_volumes(pod, node, bindings).await;
        volumes.map_err(|error| {
            let why = match error {
                ApiError::TimedOut => "binding volumes: context deadline exceeded".to_owned(),
                other => other.to_string(),
            };
            format!("running PreBind plugin \"VolumeBinding\": {why}")
        })?;
        let body = value!({
            "apiVersion": "v1", "kind": "Binding",
            "metadata": {"name": pod.name(), "namespace": pod.namespace(), "uid": pod.uid()},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        let request = Request::new(Verb::Create, &PODS, pod.namespace()).named(pod.name());
        let bound = self.client.request(request.with_subresource("binding").with_body(body)).await;
        bound.map(|_| ()).map_err(|error| format!("running Bind plugin \"DefaultBinder\": {error}"))
    }

    async fn bind_volumes(&self, pod: &Value, node: &str, bindings: &[Binding]) -> Result<(), ApiError> {
        if !bindings.is_empty() {
            // The wait may be long: others must see that the room is taken.
            let patch = value!({"metadata": {"uid": pod.uid()}, "status": {"nominatedNodeName": node}});
            self.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await?;
        }
        for binding in bindings {
            self.write_binding(binding, node).await?;
        }
        for binding in bindings {
            let (Binding::Provision(claim) | Binding::Claim(claim, _)) = binding;
            self.wait_until_bound(claim).await?;
        }
        Ok(())
    }

    async fn write_binding(&self, binding: &Binding, node: &str) -> Result<(), ApiError> {
        match binding {
            Binding::Provision(claim) => {
                let patch = value!({"metadata": {
                    "resourceVersion": &claim["metadata"]["resourceVersion"],
                    "annotations": {SELECTED_NODE: node},
                }});
                self.client.merge_patch(&CLAIMS, claim.namespace(), claim.name(), "", patch).await.map(|_| ())
            }
            Binding::Claim(claim, volume) => {
                let mut next = volume.clone();
                next.set(
                    &["spec", "claimRef"],
                    value!({
                        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": claim.namespace(),
                        "name": claim.name(), "uid": claim.uid(),
                    }),
                );
                next.set(&["metadata", "annotations", "pv.kubernetes.io/bound-by-controller"], "yes");
                self.client.update(&VOLUMES, &next).await.map(|_| ())
            }
        }
    }

    async fn wait_until_bound(&self, claim: &Value) -> Result<(), ApiError> {
        let deadline = self.ctx.now() + VOLUME_BIND_TIMEOUT;
        while self.ctx.now() < deadline {
            let present = self.claims.get(claim.namespace(), claim.name());
            if present.is_some_and(|c| c.annotation("pv.kubernetes.io/bind-completed").is_some()) {
                return Ok(());
            }
            self.ctx.sleep(CLAIM_POLL).await;
        }
        Err(ApiError::TimedOut)
    }

    // ----- failing -----

    async fn fail(
        self: &Rc<Self>,
        pod: &Value,
        rejects: BTreeMap<String, Reject>,
        volumes: &VolumeView,
        moves: u64,
    ) {
        let total = self.cache.borrow().nodes().count();
        let why = match volumes.problem() {
            Some(problem) => problem.to_owned(),
            None => counted(rejects.values().flat_map(|reject| reject.reasons.iter().cloned())),
        };
        let mut message = if total == 0 {
            "no nodes available to schedule pods".to_owned()
        } else {
            format!("0/{total} nodes are available: {why}.")
        };
        let may_preempt = pod["spec"]["preemptionPolicy"] != "Never" && !self.victims_are_leaving(pod);
        let found = if volumes.problem().is_some() {
            let all = BTreeMap::from([("Preemption is not helpful for scheduling".to_owned(), total)]);
            Err(all)
        } else if may_preempt {
            let budgets = self.budgets.list();
            preempt::find(pod, &self.cache.borrow(), &rejects, &budgets, volumes)
        } else {
            Err(BTreeMap::new())
        };
        let mut nominated = None;
        match found {
            Ok(candidate) => nominated = Some(candidate),
            Err(_) if pod["spec"]["preemptionPolicy"] == "Never" => {
                message.push_str(" preemption: not eligible due to preemptionPolicy=Never.");
            }
            Err(reasons) if !reasons.is_empty() && total > 0 => {
                let why =
                    counted(reasons.iter().flat_map(|(reason, n)| std::iter::repeat_n(reason.clone(), *n)));
                message.push_str(&format!(
                    " no new claims to deallocate, preemption: 0/{total} nodes are available: {why}."
                ));
            }
            Err(_) => {}
        }
        self.queue.park(pod.uid(), moves);
        let target = nominated.as_ref().map(|candidate| candidate.node.as_str());
        self.write_failure(pod, "Unschedulable", &message, target).await;
        if let Some(candidate) = nominated {
            for victim in &candidate.victims {
                self.evict(victim).await;
            }
        }
    }

    /// Tells whether room is already being made where this pod is nominated.
    fn victims_are_leaving(&self, pod: &Value) -> bool {
        let nominated = pod["status"]["nominatedNodeName"].str();
        let cache = self.cache.borrow();
        let Some(node) = cache.node(nominated) else { return false };
        let leaving = |info: &Rc<cache::PodInfo>| {
            info.pod.is_deleting() && info.priority() < pod["spec"]["priority"].int()
        };
        node.pods.values().any(leaving)
    }

    async fn write_failure(&self, pod: &Value, reason: &str, message: &str, nominated: Option<&str>) {
        let present = pod.condition("PodScheduled");
        let is_known = present["status"] == "False" && present["message"] == message;
        let keeps_node = nominated.is_none_or(|node| pod["status"]["nominatedNodeName"] == node);
        if is_known && keeps_node {
            return;
        }
        let now = Time::from_nanos(self.ctx.wall());
        let since =
            if present["status"] == "False" { present["lastTransitionTime"].clone() } else { now.into() };
        let condition = value!({
            "type": "PodScheduled", "observedGeneration": pod.generation(), "status": "False",
            "lastProbeTime": null, "lastTransitionTime": since, "reason": reason, "message": message,
        });
        let mut status = value!({"conditions": with_condition(pod, condition)});
        if let Some(node) = nominated {
            status.set(&["nominatedNodeName"], node);
        }
        self.patch_status(pod, status).await;
    }

    async fn evict(&self, victim: &Value) {
        let now = Time::from_nanos(self.ctx.wall());
        let condition = value!({
            "type": "DisruptionTarget", "observedGeneration": victim.generation(), "status": "True",
            "lastProbeTime": null, "lastTransitionTime": now, "reason": "PreemptionByScheduler",
            "message": format!("{NAME}: preempting to accommodate a higher priority pod"),
        });
        self.patch_status(victim, value!({"conditions": with_condition(victim, condition)})).await;
        let options = DeleteOptions { uid: Some(victim.uid().into()), ..DeleteOptions::default() };
        if let Err(error) = self.client.delete(&PODS, victim.namespace(), victim.name(), &options).await {
            self.ctx.trace("preemption-failed", &victim.full_name(), || error.to_string());
        }
    }

    async fn patch_status(&self, pod: &Value, status: Value) {
        let patch = value!({"metadata": {"uid": pod.uid()}, "status": status});
        if let Err(error) = self.client.merge_patch(&PODS, pod.namespace(), pod.name(), "status", patch).await
        {
            self.ctx.trace("status-failed", &pod.full_name(), || error.to_string());
        }
    }
}

/// Gives a pod's conditions with one of them replaced or added.
fn with_condition(pod: &Value, condition: Value) -> Value {
    let present = pod["status"]["conditions"].items();
    let is_new = !present.iter().any(|c| c["type"] == condition["type"]);
    let replaced =
        present.iter().map(|c| if c["type"] == condition["type"] { condition.clone() } else { c.clone() });
    replaced.chain(is_new.then(|| condition.clone())).collect()
}

/// Writes reasons with how often each occurs, sorted (`FitError.Error`).
fn counted(reasons: impl Iterator<Item = String>) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut lines: Vec<String> =
        counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    lines.sort();
    lines.join(", ")
}
