//! The Node object and the lease by which a node shows that it lives (`pkg/kubelet/kubelet_node_status.go`).

use super::eviction::Pressure;
use super::{Kubelet, NodeConfig};
use crate::constants::{NODE_LEASE_DURATION, NODE_LEASE_RENEW, NODE_STATUS_REPORT, NODE_STATUS_UPDATE};
use crate::controllers::MANAGED_ATTACH;
use crate::kinds::{LEASES, NODES};
use crate::machinery::Client;
use object::{ObjectExt, Text, Time, Value, value};
use sim::Ctx;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// First and longest pause between tries to register (`kubelet_node_status.go`, `registerWithAPIServer`).
const REGISTER_PAUSE_MIN: Duration = Duration::from_millis(100);
const REGISTER_PAUSE_MAX: Duration = Duration::from_secs(7);

fn now(ctx: &Ctx) -> Time {
    Time::from_nanos(ctx.wall())
}

/// A condition: its type, its status, a reason and a message.
type Condition = (&'static str, &'static str, &'static str, &'static str);

/// What a node shows that is not short of anything, and what it shows instead if it is (`nodestatus/setters.go`).
const HEALTHY: [Condition; 4] = [
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
];
const SHORT: [Condition; 3] = [
    ("MemoryPressure", "True", "KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ("DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure"),
    ("PIDPressure", "True", "KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
];

/// Gives the conditions as they should be.
fn wanted(pressure: &Pressure) -> [Condition; 4] {
    let short = |kind: &str| SHORT.into_iter().find(|(short, ..)| *short == kind && pressure.is_on(kind));
    HEALTHY.map(|healthy| short(healthy.0).unwrap_or(healthy))
}

/// Tells whether a Node shows the conditions as they should be.
fn shows(node: &Value, pressure: &Pressure) -> bool {
    wanted(pressure).iter().all(|(kind, status, ..)| node.condition(kind)["status"] == *status)
}

fn conditions(ctx: &Ctx, present: &Value, pressure: &Pressure) -> Value {
    let wanted = wanted(pressure);
    let at: Value = now(ctx).into();
    let ours = wanted.map(|(kind, status, reason, message)| {
        let before = present.condition(kind);
        let since =
            if before["status"] == status { before["lastTransitionTime"].clone() } else { at.clone() };
        value!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": &at, "lastTransitionTime": since,
        })
    });
    let others = present["status"]["conditions"].items().iter();
    let foreign = others.filter(|c| !wanted.iter().any(|(kind, ..)| c["type"] == *kind)).cloned();
    ours.into_iter().chain(foreign).collect()
}

/// Makes the Node, or takes over the one that is there.
pub(super) async fn register(ctx: &Ctx, client: &Rc<Client>, config: &NodeConfig, pressure: &Pressure) {
    let mut pause = REGISTER_PAUSE_MIN;
    loop {
        let mut node = value!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": &config.name, "annotations": {MANAGED_ATTACH: "true"}, "labels": {
                "kubernetes.io/hostname": &config.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
            }},
            "status": {
                "capacity": &config.capacity, "allocatable": &config.capacity,
                "nodeInfo": {
                    "kubeletVersion": &config.version, "operatingSystem": "linux", "architecture": "amd64",
                    "machineID": "", "systemUUID": "", "bootID": "", "kernelVersion": "", "osImage": "",
                    "containerRuntimeVersion": "", "kubeProxyVersion": "",
                },
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            },
        });
        for (key, text) in config.labels.entries() {
            node.set(&["metadata", "labels", key.as_str()], text);
        }
        match client.create(&NODES, &node).await {
            Ok(_) => break,
            Err(error) if error.is_already_exists() && manage(client, config).await => break,
            Err(_) => {
                ctx.sleep(pause).await;
                pause = (pause * 2).min(REGISTER_PAUSE_MAX);
            }
        }
    }
    if let Ok(node) = client.get(&NODES, "", &config.name).await {
        update_status(ctx, client, &node, pressure, None).await;
    }
}

/// Has the volumes of a Node that is there attached by the controller (`reconcileCMADAnnotationWithExistingNode`).
async fn manage(client: &Rc<Client>, config: &NodeConfig) -> bool {
    let patch = value!({"metadata": {"annotations": {MANAGED_ATTACH: "true"}}});
    client.merge_patch(&NODES, "", &config.name, "", patch).await.is_ok()
}

/// Writes the status; of the volumes in use only if they are known. Gives whether it was written.
async fn update_status(
    ctx: &Ctx,
    client: &Rc<Client>,
    node: &Value,
    pressure: &Pressure,
    in_use: Option<&BTreeSet<Text>>,
) -> bool {
    let mut patch = value!({"status": {"conditions": conditions(ctx, node, pressure)}});
    if let Some(in_use) = in_use {
        let volumes = in_use.iter().map(|volume| Value::from(&**volume));
        let volumes = if in_use.is_empty() { Value::Null } else { volumes.collect() };
        patch.set(&["status", "volumesInUse"], volumes);
    }
    let written = client.merge_patch(&NODES, "", node.name(), "status", patch).await;
    written.inspect_err(|error| ctx.trace("node-status-failed", node.name(), || error.to_string())).is_ok()
}

/// Reports the status when it changed, and every five minutes in any case.
pub(super) async fn report_status(kubelet: Rc<Kubelet>) {
    let Kubelet { ctx, client, config, volumes, pressure, .. } = &*kubelet;
    let mut reported = ctx.now();
    loop {
        ctx.sleep(NODE_STATUS_UPDATE).await;
        // Somebody may have judged us silent: that is answered at the next look, not in five minutes.
        let Ok(node) = client.get(&NODES, "", &config.name).await else { continue };
        let in_use = volumes.in_use();
        let shown: BTreeSet<Text> =
            node["status"]["volumesInUse"].items().iter().map(|name| Text::from(name.str())).collect();
        let is_true = shows(&node, pressure) && in_use.as_ref().is_none_or(|used| *used == shown);
        if !is_true || ctx.now().since(reported) >= NODE_STATUS_REPORT {
            reported = ctx.now();
            if !update_status(ctx, client, &node, pressure, in_use.as_ref()).await {
                continue;
            }
        }
        volumes.were_reported(in_use.unwrap_or(shown));
    }
}

/// Renews the node's lease every ten seconds, making it when it is missing.
pub(super) async fn renew_lease(ctx: Ctx, client: Rc<Client>, config: NodeConfig) {
    loop {
        let spec = value!({
            "holderIdentity": &config.name, "leaseDurationSeconds": NODE_LEASE_DURATION.as_secs(),
            "renewTime": now(&ctx).rfc3339_micros(),
        });
        let patch = value!({"spec": &spec});
        let patched = client.merge_patch(&LEASES, "kube-node-lease", &config.name, "", patch).await;
        if patched.is_err_and(|error| error.is_not_found()) {
            let lease = value!({
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "metadata": {"name": &config.name, "namespace": "kube-node-lease"}, "spec": spec,
            });
            if let Err(error) = client.create(&LEASES, &lease).await {
                ctx.trace("lease-failed", &config.name, || error.to_string());
            }
        }
        ctx.sleep(NODE_LEASE_RENEW).await;
    }
}
