//! Plays one scenario, itself being the kubelets and the volume provisioner, as the recordings were made.

use crate::canonical::{Final, canonical};
use crate::compare::Run;
use crate::names::Names;
use apiserver::{PatchType, Request, Verb};
use controlplane::machinery::{ApiError, Client, DeleteOptions};
use controlplane::{Cluster, ClusterConfig, World, kinds};
use object::{GroupVersionResource, ObjectExt, Time, Value, value};
use schema::KubernetesVersion;
use sim::{Ctx, Instant};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use store::{Event, EventKind};

const NAMESPACE: &str = "play";
/// The resources whose writes are recorded.
const RECORDED: &[&str] = &[
    "pods",
    "replicasets.apps",
    "deployments.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "controllerrevisions.apps",
    "jobs.batch",
    "cronjobs.batch",
    "endpointslices.discovery.k8s.io",
    "poddisruptionbudgets.policy",
    "persistentvolumeclaims",
    "persistentvolumes",
    "nodes",
    "services",
    "configmaps",
    "resourcequotas",
    "namespaces",
    "serviceaccounts",
];
/// Virtual time after which a scenario that has not ended is broken off.
const LIMIT: Duration = Duration::from_secs(600);

struct Player {
    ctx: Ctx,
    client: Rc<Client>,
    world: Rc<World>,
    scenario: Value,
    alive: RefCell<BTreeMap<String, bool>>,
    record: Rc<Record>,
}

#[derive(Default)]
struct Record {
    /// Recording starts after this revision.
    since: Cell<Option<u64>>,
    events: RefCell<Vec<Event>>,
    answers: RefCell<Vec<(String, String, u16)>>,
    late: RefCell<Vec<String>>,
    done: Cell<bool>,
}

pub fn run(scenario: &Value, seed: u64) -> Run {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    // The kubelets and the provisioner are played.
    config.kubelets = false;
    config.provisioner = false;
    let mut cluster = Cluster::new(config).expect("a cluster");
    let record: Rc<Record> = Rc::default();
    let sink = record.clone();
    cluster.world.observe(Box::new(move |commit| {
        if sink.since.get().is_some() {
            let wanted = commit.events.iter().filter(|e| RECORDED.contains(&e.resource.to_string().as_str()));
            sink.events.borrow_mut().extend(wanted.cloned());
        }
    }));
    let (world, played, kept) = (cluster.world.clone(), scenario.clone(), record.clone());
    cluster.user("script", move |ctx, client| {
        let nodes = played["nodes"].entries().map(|(name, _)| (name.to_string(), true)).collect();
        let player = Rc::new(Player {
            ctx: ctx.clone(),
            client,
            world: world.clone(),
            scenario: played.clone(),
            alive: RefCell::new(nodes),
            record: kept.clone(),
        });
        async move { player.play().await }
    });
    let done = record.clone();
    let outcome =
        cluster.sim.run_while(move |control| !done.done.get() && control.now() < Instant::START + LIMIT);
    let broken = (!record.done.get()).then(|| format!("seed {seed}: did not end: {outcome:?}"));
    summarise(scenario, &record, &cluster.world, broken)
}

fn summarise(scenario: &Value, record: &Record, world: &World, broken: Option<String>) -> Run {
    let events: Vec<Event> = record
        .events
        .borrow()
        .iter()
        .filter(|e| e.namespace() == NAMESPACE || e.namespace().is_empty())
        .cloned()
        .collect();
    let names = Names::of(&events);
    let mut counts: BTreeMap<String, BTreeMap<&'static str, u64>> = BTreeMap::new();
    for event in &events {
        let resource = event.resource.resource.to_string();
        if event.namespace().is_empty() && !matches!(resource.as_str(), "persistentvolumes" | "nodes") {
            continue;
        }
        let kind = match event.kind {
            EventKind::Created => "ADDED",
            EventKind::Updated => "MODIFIED",
            EventKind::Deleted => "DELETED",
        };
        *counts.entry(resource).or_default().entry(kind).or_default() += 1;
    }
    let snapshot = world.snapshot();
    let mut state = Final::new();
    let mut pods_per_node: BTreeMap<String, u64> = BTreeMap::new();
    for name in RECORDED {
        let resource: object::GroupResource = controlplane::kinds::group_resource(name);
        for object in snapshot.list(&resource, None) {
            let plural = resource.resource.to_string();
            let is_cluster_wide = matches!(plural.as_str(), "nodes" | "persistentvolumes");
            let is_given = (plural == "configmaps" && object.name() == "kube-root-ca.crt")
                || (plural == "serviceaccounts" && object.name() == "default");
            if (object.namespace() != NAMESPACE && !is_cluster_wide) || is_given {
                continue;
            }
            if plural == "pods" {
                *pods_per_node.entry(object["spec"]["nodeName"].str().to_owned()).or_default() += 1;
            }
            let mut reduced = names.reduce(object, "");
            let was_seen = events.iter().any(|e| e.resource == resource && e.name() == object.name());
            if !was_seen {
                // The recording has such an object from a list, whose items carry neither.
                reduced.remove(&["kind"]);
                reduced.remove(&["apiVersion"]);
            }
            state.entry(plural).or_default().insert(names.text(object.name()), reduced);
        }
    }
    let nodes: BTreeSet<String> = scenario["nodes"].entries().map(|(name, _)| name.to_string()).collect();
    Run {
        answers: record.answers.borrow().clone(),
        late: record.late.borrow().clone(),
        counts,
        pods_per_node,
        state: canonical(state, &nodes),
        broken,
    }
}

impl Player {
    async fn play(self: Rc<Self>) {
        self.prepare().await;
        self.record.since.set(Some(self.world.snapshot().revision()));
        let kubelets = self.clone();
        self.ctx.spawn("kubelets", async move { kubelets.kubelets().await });
        self.ctx.sleep(Duration::from_millis(500)).await;
        for step in self.scenario["steps"].items() {
            self.step(step).await;
        }
        let settle = self.scenario["settle"].as_f64().unwrap_or(4.0);
        self.ctx.sleep(Duration::from_secs_f64(settle)).await;
        self.record.done.set(true);
    }

    async fn prepare(self: &Rc<Self>) {
        for (name, mode) in [("now", "Immediate"), ("later", "WaitForFirstConsumer")] {
            self.make(
                &kinds::STORAGECLASSES,
                value!({
                    "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
                    "provisioner": "csi.play.io", "reclaimPolicy": "Retain", "volumeBindingMode": mode,
                }),
            )
            .await;
        }
        for (name, number) in [("high", 1000), ("low", 10)] {
            self.make(&kinds::PRIORITYCLASSES, value!({
                "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}, "value": number,
            }))
            .await;
        }
        self.make(
            &kinds::NAMESPACES,
            value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
        )
        .await;
        // What the service account controllers give a namespace; they belong to a later issue.
        self.make(&kinds::SERVICEACCOUNTS, value!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE},
        }))
        .await;
        self.make(&kinds::CONFIGMAPS, value!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kube-root-ca.crt", "namespace": NAMESPACE},
        }))
        .await;
        for (name, spec) in self.scenario["nodes"].entries() {
            self.node(name.as_str(), spec).await;
        }
        let beating = self.clone();
        self.ctx.spawn("heartbeat", async move { beating.heartbeat().await });
        self.ctx.sleep(Duration::from_millis(1500)).await;
    }

    async fn make(&self, resource: &GroupVersionResource, object: Value) -> Value {
        self.client.create(resource, &object).await.unwrap_or_else(|error| panic!("{object:?}: {error}"))
    }

    async fn node(&self, name: &str, spec: &Value) {
        let or = |key: &str, default: &str| {
            let text = spec[key].as_str().unwrap_or(default);
            Value::from(text)
        };
        let mut labels = value!({
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "topology.kubernetes.io/zone": or("zone", "a"),
        });
        for (key, text) in spec["labels"].entries() {
            labels.set(&[key.as_str()], text);
        }
        self.make(
            &kinds::NODES,
            value!({
                "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels},
            }),
        )
        .await;
        let pods = spec["pods"].as_i64().unwrap_or(110).to_string();
        let mut capacity = value!({
            "cpu": or("cpu", "4"), "memory": or("memory", "16Gi"), "pods": pods, "ephemeral-storage": "100Gi",
        });
        for (key, text) in spec["extra"].entries() {
            capacity.set(&[key.as_str()], text);
        }
        let now = self.now();
        let status = value!({"status": {"capacity": &capacity, "allocatable": &capacity, "conditions": [{
            "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "ready",
            "lastHeartbeatTime": &now, "lastTransitionTime": &now,
        }]}});
        self.merge_by_type(&kinds::NODES, "", name, status).await.expect("a node's status can be patched");
        let taints = if spec["taints"].is_empty() { Value::Null } else { spec["taints"].clone() };
        self.client
            .merge_patch(&kinds::NODES, "", name, "", value!({"spec": {"taints": taints}}))
            .await
            .expect("a node can be patched");
    }

    fn now(&self) -> Value {
        Time::from_nanos(self.ctx.wall()).into()
    }

    async fn heartbeat(&self) {
        loop {
            let nodes = self.alive.borrow().clone();
            for name in nodes.iter().filter(|(_, alive)| **alive).map(|(name, _)| name) {
                let now = Time::from_nanos(self.ctx.wall()).rfc3339_micros();
                let spec =
                    value!({"holderIdentity": name.as_str(), "leaseDurationSeconds": 40, "renewTime": now});
                let patch = value!({"spec": &spec});
                let patched =
                    self.client.merge_patch(&kinds::LEASES, "kube-node-lease", name, "", patch).await;
                if patched.is_err_and(|error| error.is_not_found()) {
                    self.make(
                        &kinds::LEASES,
                        value!({
                            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                            "metadata": {"name": name.as_str(), "namespace": "kube-node-lease"}, "spec": spec,
                        }),
                    )
                    .await;
                }
            }
            self.ctx.sleep(Duration::from_secs(4)).await;
        }
    }

    /// Patches a status as a strategic merge patch does: conditions are merged by their type, those of the patch
    /// standing first. The real patch type belongs to a later issue.
    async fn merge_by_type(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> Result<Value, ApiError> {
        let present = self.client.get(resource, namespace, name).await?;
        let mut patch = patch;
        let wanted = patch["status"]["conditions"].items().to_vec();
        if !wanted.is_empty() {
            let find = |kind: &Value| {
                present["status"]["conditions"]
                    .items()
                    .iter()
                    .find(|c| c["type"] == *kind)
                    .cloned()
                    .unwrap_or(Value::map())
            };
            let mut merged: Vec<Value> = wanted
                .iter()
                .map(|condition| {
                    let mut merged = find(&condition["type"]);
                    for (key, value) in condition.entries() {
                        merged.set(&[key.as_str()], value);
                    }
                    merged
                })
                .collect();
            let is_new = |c: &&Value| !wanted.iter().any(|w| w["type"] == c["type"]);
            merged.extend(present["status"]["conditions"].items().iter().filter(is_new).cloned());
            patch.set(&["status", "conditions"], Value::from(merged));
        }
        self.client.merge_patch(resource, namespace, name, "status", patch).await
    }

    // ----- the played kubelets and provisioner: one serial loop -----

    async fn kubelets(&self) {
        let start = Duration::from_secs_f64(self.scenario["kubelet"]["start"].as_f64().unwrap_or(1.0));
        let stop = Duration::from_secs_f64(self.scenario["kubelet"]["stop"].as_f64().unwrap_or(0.5));
        let run = Duration::from_secs_f64(self.scenario["kubelet"]["run"].as_f64().unwrap_or(1.0));
        let mut seen: BTreeMap<String, Instant> = BTreeMap::new();
        let mut started: BTreeMap<String, u8> = BTreeMap::new();
        let mut doomed: BTreeMap<String, Instant> = BTreeMap::new();
        let mut addresses: BTreeMap<String, usize> = BTreeMap::new();
        loop {
            let now = self.ctx.now();
            let snapshot = self.world.snapshot();
            let pods: Vec<Value> =
                snapshot.list(&kinds::PODS.group_resource(), Some(NAMESPACE)).cloned().collect();
            for pod in pods {
                let node = pod["spec"]["nodeName"].str();
                if !self.alive.borrow().get(node).copied().unwrap_or(false) {
                    continue;
                }
                let uid = pod.uid().to_owned();
                if pod.is_deleting() {
                    let since = *doomed.entry(uid.clone()).or_insert(now);
                    if now.since(since) >= stop {
                        let options = DeleteOptions {
                            grace_period_s: Some(0),
                            uid: Some(uid.as_str().into()),
                            ..DeleteOptions::default()
                        };
                        // Gone already is as good.
                        let _ = self.client.delete(&kinds::PODS, NAMESPACE, pod.name(), &options).await;
                    }
                    continue;
                }
                let act = pod.label("act").or_else(|| pod.annotation("act")).unwrap_or("run").to_owned();
                let first = *seen.entry(uid.clone()).or_insert(now);
                let stage = started.get(&uid).copied().unwrap_or(0);
                let count = addresses.len() + 1;
                if stage == 0 && now.since(first) >= start {
                    started.insert(uid.clone(), 1);
                    let number = *addresses.entry(uid.clone()).or_insert(count);
                    let status = if act == "stuck" {
                        self.status(
                            &pod,
                            "Pending",
                            false,
                            value!({"waiting": {"reason": "ImagePullBackOff"}}),
                            number,
                        )
                    } else {
                        let ready = matches!(act.as_str(), "run" | "complete" | "fail");
                        self.status(
                            &pod,
                            "Running",
                            ready,
                            value!({"running": {"startedAt": self.now()}}),
                            number,
                        )
                    };
                    self.write_status(&pod, status).await;
                } else if stage == 1
                    && (matches!(act.as_str(), "complete" | "fail") || act.starts_with("fail-index-"))
                {
                    if now.since(first) < start + run {
                        continue;
                    }
                    let index = pod.annotation("batch.kubernetes.io/job-completion-index").unwrap_or("None");
                    let is_bad = act == "fail" || act == format!("fail-index-{index}");
                    started.insert(uid.clone(), 2);
                    let number = *addresses.entry(uid.clone()).or_insert(count);
                    let terminated = value!({"terminated": {
                        "exitCode": if is_bad { 3 } else { 0 }, "reason": if is_bad { "Error" } else { "Completed" },
                        "startedAt": self.now(), "finishedAt": self.now(),
                    }});
                    let phase = if is_bad { "Failed" } else { "Succeeded" };
                    let status = self.status(&pod, phase, false, terminated, number);
                    self.write_status(&pod, status).await;
                }
            }
            self.provision(&mut seen).await;
            self.ctx.sleep(Duration::from_millis(50)).await;
        }
    }

    async fn write_status(&self, pod: &Value, status: Value) {
        let patch = value!({"metadata": {"uid": pod.uid()}, "status": status});
        // A pod that went meanwhile needs no status.
        let _ = self.merge_by_type(&kinds::PODS, NAMESPACE, pod.name(), patch).await;
    }

    fn status(&self, pod: &Value, phase: &str, ready: bool, state: Value, number: usize) -> Value {
        let now = self.now();
        let ip = format!("10.42.{}.{}", number / 250, number % 250 + 1);
        let truth = if ready { "True" } else { "False" };
        let condition =
            |kind: &str, status: &str| value!({"type": kind, "status": status, "lastTransitionTime": &now});
        let reason = match (phase, ready) {
            ("Succeeded", _) => Some("PodCompleted"),
            (_, false) => Some("ContainersNotReady"),
            _ => None,
        };
        let mut conditions =
            vec![condition("PodReadyToStartContainers", "True"), condition("Initialized", "True")];
        for kind in ["Ready", "ContainersReady"] {
            let mut condition = condition(kind, truth);
            if let Some(reason) = reason {
                condition.set(&["reason"], reason);
            }
            conditions.push(condition);
        }
        let containers: Vec<Value> = pod["spec"]["containers"]
            .items()
            .iter()
            .map(|c| {
                value!({
                    "name": &c["name"], "image": &c["image"], "imageID": &c["image"], "ready": ready, "started": ready,
                    "restartCount": 0, "state": &state, "lastState": {},
                })
            })
            .collect();
        value!({
            "phase": phase, "hostIP": "10.0.0.1", "podIP": ip.as_str(), "podIPs": [{"ip": ip.as_str()}],
            "startTime": &now, "containerStatuses": containers, "conditions": conditions,
        })
    }

    async fn provision(&self, seen: &mut BTreeMap<String, Instant>) {
        let snapshot = self.world.snapshot();
        let claims: Vec<Value> =
            snapshot.list(&kinds::CLAIMS.group_resource(), Some(NAMESPACE)).cloned().collect();
        for claim in claims {
            let is_open =
                claim["status"]["phase"] == "Pending" && claim["spec"]["volumeName"].str().is_empty();
            if !is_open || seen.contains_key(claim.uid()) {
                continue;
            }
            let class = claim["spec"]["storageClassName"].str();
            let picked =
                claim.annotation("volume.kubernetes.io/selected-node").is_some_and(|n| !n.is_empty());
            if class != "now" && !(class == "later" && picked) {
                continue;
            }
            seen.insert(claim.uid().to_owned(), self.ctx.now());
            let volume = value!({
                "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": format!("pv-{}", claim.name())},
                "spec": {
                    "capacity": &claim["spec"]["resources"]["requests"], "accessModes": &claim["spec"]["accessModes"],
                    "persistentVolumeReclaimPolicy": "Retain", "storageClassName": class,
                    "csi": {"driver": "csi.play.io", "volumeHandle": claim.name()},
                    "claimRef": {
                        "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": NAMESPACE,
                        "name": claim.name(), "uid": claim.uid(),
                    },
                },
            });
            let _ = self.client.create(&kinds::VOLUMES, &volume).await;
        }
    }

    // ----- steps -----

    async fn step(&self, step: &Value) {
        if let Some(method) = step["do"].as_str() {
            let path = step["path"].str();
            let kind = step["type"].as_str().unwrap_or("application/json");
            let status = self.send(method, path, kind, step.get("body").cloned()).await;
            self.record.answers.borrow_mut().push((method.to_owned(), path.to_owned(), status));
        } else if step.get("wait").is_some() {
            self.wait(step).await;
        } else if let Some(seconds) = step["sleep"].as_f64() {
            self.ctx.sleep(Duration::from_secs_f64(seconds)).await;
        } else if let Some(node) = step["node"].as_str() {
            self.alive.borrow_mut().insert(node.to_owned(), step["alive"].bool());
        } else {
            panic!("an unknown step: {step:?}");
        }
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: Option<Value>) -> u16 {
        let is_strategic = kind == "application/strategic-merge-patch+json";
        let kind = if is_strategic { "application/merge-patch+json" } else { kind };
        let request = match Request::parse(method, path, kind, body) {
            Ok(request) => request,
            Err(refusal) => return refusal.code,
        };
        let created = request.verb == Verb::Create;
        let answer = if is_strategic && request.patch_type == Some(PatchType::Merge) {
            let resource = GroupVersionResource::new(&request.group, &request.version, &request.resource);
            let patch = request.body.clone().expect("a patch has a body");
            self.merge_by_type(&resource, &request.namespace, &request.name, patch).await
        } else {
            self.client.request(request).await
        };
        match answer {
            Ok(_) if created => 201,
            Ok(_) => 200,
            Err(error) => error.code(),
        }
    }

    async fn wait(&self, step: &Value) {
        let path = step["wait"].str();
        let pointer = step["pointer"].str();
        let end = self.ctx.now() + Duration::from_secs(step["within"].as_i64().unwrap_or(60).unsigned_abs());
        while self.ctx.now() < end {
            let request = Request::parse("GET", path, "application/json", None).expect("a valid path");
            let answer = self.client.request(request).await;
            let got = match (&answer, pointer) {
                (Ok(_), "status") => 200.into(),
                (Err(error), "status") => u32::from(error.code()).into(),
                (Ok(document), _) => point(document, pointer),
                (Err(_), _) => Value::Null,
            };
            let holds = match step.get("length") {
                Some(length) => Value::from(got.items().len()) == *length,
                None => got == step["equals"],
            };
            if holds {
                return;
            }
            self.ctx.sleep(Duration::from_millis(100)).await;
        }
        self.record.late.borrow_mut().push(format!("{path} {pointer}"));
    }
}

fn point(document: &Value, pointer: &str) -> Value {
    let mut at = document.clone();
    for part in pointer.split('/').filter(|part| !part.is_empty()) {
        let part = part.replace("~1", "/").replace("~0", "~");
        at = match &at {
            Value::List(_) => part.parse::<usize>().map_or(Value::Null, |i| at[i].clone()),
            _ => at[part.as_str()].clone(),
        };
    }
    at
}
