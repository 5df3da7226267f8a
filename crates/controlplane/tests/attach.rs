//! Volumes are attached where their pods run, to one node at a time, and taken away from a node that is lost only after
//! six minutes, unless somebody vouches for it.

use controlplane::machinery::{Client, DeleteOptions};
use controlplane::{Cluster, ClusterConfig, NodeConfig, kinds};
use object::{GroupVersionResource, ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Ctx, Instant};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const DRIVER: &str = "disk.example.io";

fn config(seed: u64) -> ClusterConfig {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = (0..2).map(|i| NodeConfig::new(&format!("n{i}"), "v1.36.3")).collect();
    config.objects = vec![
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "disk"},
            "provisioner": DRIVER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        }),
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": DRIVER},
            "spec": {"attachRequired": true},
        }),
    ];
    config
}

fn claim(mode: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": [mode], "storageClassName": "disk", "resources": {"requests": {"storage": "1Gi"}}},
    })
}

/// A pod that runs on one node only.
fn pod(name: &str, node: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "terminationGracePeriodSeconds": 1, "nodeSelector": {"kubernetes.io/hostname": node},
            "containers": [{"name": "c", "image": "db:1"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}],
        },
    })
}

async fn create(client: &Client, resource: &GroupVersionResource, object: Value) {
    client.create(resource, &object).await.expect("created");
}

async fn delete(client: &Client, resource: &GroupVersionResource, name: &str, is_forced: bool) {
    let options = DeleteOptions { grace_period_s: is_forced.then_some(0), ..DeleteOptions::default() };
    let namespace = if *resource == *kinds::NODES { "" } else { "default" };
    client.delete(resource, namespace, name, &options).await.expect("deleted");
}

/// Has a user create the claim and a pod `first` on n0, and then do something.
fn with_first<F, Fut>(config: ClusterConfig, mode: &'static str, then: F) -> Cluster
where
    F: Fn(Ctx, Rc<Client>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.user("kubectl", move |ctx, client| {
        let then = then.clone();
        async move {
            create(&client, &kinds::CLAIMS, claim(mode)).await;
            create(&client, &kinds::PODS, pod("first", "n0")).await;
            then(ctx, client).await;
        }
    });
    cluster
}

fn seconds(at: u64) -> Instant {
    Instant::from_secs(at)
}

fn get(cluster: &Cluster, resource: &GroupVersionResource, name: &str) -> Value {
    let namespace = if *resource == *kinds::NODES { "" } else { "default" };
    cluster.world.snapshot().get(&resource.group_resource(), namespace, name).cloned().unwrap_or(Value::Null)
}

fn phase(cluster: &Cluster, name: &str) -> String {
    get(cluster, &kinds::PODS, name)["status"]["phase"].str().to_owned()
}

/// Gives the nodes that have attachments, and whether each says that it is attached.
fn attachments(cluster: &Cluster) -> Vec<(String, bool)> {
    let snapshot = cluster.world.snapshot();
    let mut found: Vec<(String, bool)> = snapshot
        .list(&kinds::ATTACHMENTS.group_resource(), None)
        .map(|a| (a["spec"]["nodeName"].str().to_owned(), a["status"]["attached"].bool()))
        .collect();
    found.sort();
    found
}

fn count(cluster: &Cluster, metric: &str) -> u64 {
    cluster.world.counters().iter().filter(|((_, what), _)| *what == metric).map(|(_, count)| count).sum()
}

/// Gives the most attachments that there were at once.
fn watch_attachments(cluster: &Cluster) -> Rc<Cell<usize>> {
    let most = Rc::new(Cell::new(0));
    let seen = most.clone();
    cluster.world.observe(Box::new(move |commit| {
        seen.set(seen.get().max(commit.after.count(&kinds::ATTACHMENTS.group_resource())));
    }));
    most
}

fn on(node: &str) -> Vec<(String, bool)> {
    vec![(node.to_owned(), true)]
}

#[test]
fn a_volume_follows_its_pod_from_node_to_node() {
    let mut cluster = with_first(config(1), "ReadWriteOnce", |ctx, client| async move {
        ctx.sleep_until(seconds(60)).await;
        delete(&client, &kinds::PODS, "first", false).await;
        create(&client, &kinds::PODS, pod("second", "n1")).await;
    });
    let most = watch_attachments(&cluster);
    cluster.sim.run_until(seconds(59));
    assert_eq!(phase(&cluster, "first"), "Running");
    assert_eq!(attachments(&cluster), on("n0"));
    let node = get(&cluster, &kinds::NODES, "n0");
    let shown = &node["status"]["volumesAttached"].items()[0]["name"];
    assert!(shown.str().starts_with("kubernetes.io/csi/disk.example.io^pvc-"), "{node:?}");
    assert_eq!(node["status"]["volumesInUse"].items()[0], *shown);
    cluster.sim.run_until(seconds(120));
    assert_eq!(phase(&cluster, "second"), "Running");
    assert_eq!(attachments(&cluster), on("n1"));
    assert_eq!(most.get(), 1, "never on both nodes");
    let left = get(&cluster, &kinds::NODES, "n0");
    assert!(left["status"]["volumesAttached"].is_empty() && left["status"]["volumesInUse"].is_empty());
    assert_eq!(count(&cluster, "attachdetach_controller_forced_detaches"), 0);
}

/// Loses the machine n0 at 60 s; its pod is given up at 130 s, when a second one is wanted on n1.
fn lose_node<F, Fut>(seed: u64, then: F) -> Cluster
where
    F: Fn(Rc<Client>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let mut cluster = with_first(config(seed), "ReadWriteOnce", move |ctx, client| {
        let then = then.clone();
        async move {
            ctx.sleep_until(seconds(130)).await;
            then(client.clone()).await;
            create(&client, &kinds::PODS, pod("second", "n1")).await;
        }
    });
    cluster.sim.run_until(seconds(60));
    let control = cluster.sim.control().clone();
    control.crash(control.find("kubelet-n0").expect("it runs"), CrashKind::Machine);
    cluster
}

#[test]
fn the_volume_of_a_lost_node_is_taken_away_after_six_minutes() {
    let mut cluster =
        lose_node(2, |client| async move { delete(&client, &kinds::PODS, "first", true).await });
    cluster.sim.run_until(seconds(130 + 359));
    assert_eq!(attachments(&cluster), on("n0"), "the node may still write");
    assert_eq!(phase(&cluster, "second"), "Pending");
    cluster.sim.run_until(seconds(130 + 420));
    assert_eq!(attachments(&cluster), on("n1"));
    assert_eq!(phase(&cluster, "second"), "Running");
    assert_eq!(count(&cluster, "attachdetach_controller_forced_detaches"), 1);
}

#[test]
fn the_volume_of_a_node_that_is_out_of_service_is_taken_away_at_once() {
    let mut cluster = lose_node(3, |client| async move {
        let taint = value!({"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"});
        let node = client.get(&kinds::NODES, "", "n0").await.expect("it is there");
        let taints: Value = node["spec"]["taints"].items().iter().cloned().chain([taint]).collect();
        let patch = value!({"spec": {"taints": taints}});
        client.merge_patch(&kinds::NODES, "", "n0", "", patch).await.expect("patched");
        delete(&client, &kinds::PODS, "first", true).await;
    });
    cluster.sim.run_until(seconds(130 + 60));
    assert_eq!(attachments(&cluster), on("n1"));
    assert_eq!(phase(&cluster, "second"), "Running");
    assert_eq!(count(&cluster, "attachdetach_controller_forced_detaches"), 1);
}

#[test]
fn the_volume_of_a_node_that_was_deleted_is_taken_away_after_six_minutes_too() {
    let mut cluster = lose_node(4, |client| async move {
        delete(&client, &kinds::NODES, "n0", false).await;
        delete(&client, &kinds::PODS, "first", true).await;
    });
    cluster.sim.run_until(seconds(130 + 355));
    assert_eq!(attachments(&cluster), on("n0"));
    cluster.sim.run_until(seconds(130 + 420));
    assert_eq!(attachments(&cluster), on("n1"));
    assert_eq!(phase(&cluster, "second"), "Running");
}

#[test]
fn a_volume_that_one_node_may_have_is_refused_to_another() {
    let mut cluster = with_first(config(5), "ReadWriteOnce", |ctx, client| async move {
        ctx.sleep_until(seconds(60)).await;
        create(&client, &kinds::PODS, pod("second", "n1")).await;
    });
    cluster.sim.run_until(seconds(1200));
    assert_eq!(phase(&cluster, "first"), "Running");
    let second = get(&cluster, &kinds::PODS, "second");
    assert_eq!(second["spec"]["nodeName"], "n1");
    let waiting = &second["status"]["containerStatuses"].items()[0]["state"]["waiting"]["reason"];
    assert_eq!(*waiting, "ContainerCreating", "for ever");
    assert_eq!(attachments(&cluster), on("n0"));
    assert_eq!(count(&cluster, "multi_attach_errors"), 1, "told once");
}

#[test]
fn a_volume_that_many_nodes_may_have_is_attached_to_both() {
    let mut cluster = with_first(config(6), "ReadWriteMany", |ctx, client| async move {
        ctx.sleep_until(seconds(60)).await;
        create(&client, &kinds::PODS, pod("second", "n1")).await;
    });
    cluster.sim.run_until(seconds(120));
    assert_eq!((phase(&cluster, "first"), phase(&cluster, "second")), ("Running".into(), "Running".into()));
    assert_eq!(attachments(&cluster), [on("n0"), on("n1")].concat());
}

#[test]
fn without_its_attacher_a_pod_waits() {
    let mut config = config(7);
    config.attacher = false;
    let mut cluster = with_first(config, "ReadWriteOnce", |_, _| async {});
    cluster.sim.run_until(seconds(600));
    let first = get(&cluster, &kinds::PODS, "first");
    assert_eq!(first["spec"]["nodeName"], "n0");
    let waiting = &first["status"]["containerStatuses"].items()[0]["state"]["waiting"]["reason"];
    assert_eq!(*waiting, "ContainerCreating");
    assert_eq!(attachments(&cluster), [("n0".to_owned(), false)]);
}

#[test]
fn an_attacher_that_comes_back_finishes_what_waits() {
    let mut cluster = with_first(config(8), "ReadWriteOnce", |_, _| async {});
    cluster.sim.run_until(seconds(1));
    let control = cluster.sim.control().clone();
    let attacher = control.find("csi-attacher").expect("it runs");
    control.crash(attacher, CrashKind::Process);
    cluster.sim.run_until(seconds(300));
    assert_eq!(phase(&cluster, "first"), "Pending");
    control.restart(attacher, Duration::ZERO);
    cluster.sim.run_until(seconds(360));
    assert_eq!(phase(&cluster, "first"), "Running");
}

#[test]
fn what_the_storage_fails_to_attach_is_told_and_tried_again() {
    let mut config = config(9);
    config.storage.attach_failure_ppm = 800_000;
    let mut cluster = with_first(config, "ReadWriteOnce", |_, _| async {});
    let told = Rc::new(Cell::new(false));
    let seen = told.clone();
    cluster.world.observe(Box::new(move |commit| {
        let resource = kinds::ATTACHMENTS.group_resource();
        let mut all = commit.after.list(&resource, None);
        let is_told = all.any(|a| a["status"]["attachError"]["message"].str().contains("failed to attach"));
        seen.set(seen.get() || is_told);
    }));
    cluster.sim.run_until(seconds(1800));
    assert!(told.get(), "somebody can see why");
    assert_eq!(phase(&cluster, "first"), "Running");
}

/// Crashes the manager once while a pod moves from n0 to n1 at 120 s; gives the most attachments there were at once.
fn crash_manager_at(crash_at: u64) -> usize {
    let mut cluster = with_first(config(10), "ReadWriteOnce", |ctx, client| async move {
        ctx.sleep_until(seconds(120)).await;
        delete(&client, &kinds::PODS, "first", false).await;
        create(&client, &kinds::PODS, pod("second", "n1")).await;
    });
    let most = watch_attachments(&cluster);
    cluster.sim.run_until(seconds(crash_at));
    let control = cluster.sim.control().clone();
    let manager = control.find("kube-controller-manager-0").expect("it runs");
    control.crash(manager, CrashKind::Process);
    control.restart(manager, Duration::ZERO);
    cluster.sim.run_until(seconds(300));
    assert_eq!(phase(&cluster, "second"), "Running", "crash at {crash_at} s");
    assert_eq!(attachments(&cluster), on("n1"), "crash at {crash_at} s");
    most.get()
}

#[test]
fn a_manager_that_crashes_amid_an_attach_leaves_one_attachment_and_a_pod_that_runs() {
    for crash_at in [6, 8, 10, 12, 15, 18, 22] {
        assert_eq!(crash_manager_at(crash_at), 1, "crash at {crash_at} s");
    }
}

/// Between the node's status being written and the attachment's end, only the attachment tells of the volume. A manager
/// that starts then holds it for uncertain, and what is uncertain does not count as attached elsewhere
/// (`GetNodesForAttachedVolume` counts what is confirmed): only the storage can still refuse.
#[test]
fn a_manager_that_crashes_amid_a_detach_may_attach_the_volume_to_both_nodes() {
    let most: Vec<usize> = (121..136).map(crash_manager_at).collect();
    assert!(most.contains(&2), "{most:?}");
    assert!(most.contains(&1), "{most:?}");
}

#[test]
fn an_attachment_that_somebody_deletes_is_made_again() {
    let mut cluster = with_first(config(11), "ReadWriteOnce", |ctx, client| async move {
        ctx.sleep_until(seconds(60)).await;
        let scope = controlplane::machinery::ListScope::default();
        let listed = client.list_newest(&kinds::ATTACHMENTS, &scope).await.expect("listed");
        let name = listed.items[0].name().to_owned();
        client.delete(&kinds::ATTACHMENTS, "", &name, &DeleteOptions::default()).await.expect("deleted");
    });
    cluster.sim.run_until(seconds(70));
    assert_eq!(attachments(&cluster), [], "nobody has noticed");
    cluster.sim.run_until(seconds(60 + 60 + 60));
    assert_eq!(attachments(&cluster), on("n0"));
    assert_eq!(phase(&cluster, "first"), "Running");
}
