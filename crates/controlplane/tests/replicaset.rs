//! A ReplicaSet in a whole cluster: etcd, an API server, a controller manager and a user.

use controlplane::{Cluster, ClusterConfig, Fault, Relist, Target, kinds};
use object::{GroupResource, Value, value};
use schema::KubernetesVersion;
use sim::Instant;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

fn replicaset(name: &str, replicas: i64) -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]}},
        },
    })
}

fn pods(cluster: &Cluster) -> usize {
    cluster.world.snapshot().count(&GroupResource::new("", "pods"))
}

fn config(seed: u64, gate: bool) -> ClusterConfig {
    let mut config =
        ClusterConfig::new(KubernetesVersion::parse("1.36").expect("known"), sim::Config::with_seed(seed));
    config.gates.insert("StaleControllerConsistencyReplicaSet".to_owned(), gate);
    config
}

#[test]
fn a_replicaset_gets_its_pods() {
    let mut cluster = Cluster::new(config(1, true)).expect("a cluster");
    cluster.user("kubectl", |_, client| async move {
        client.create(&kinds::REPLICASETS, &replicaset("web", 5)).await.expect("created");
    });
    cluster.sim.run_until(Instant::from_secs(20));
    assert_eq!(pods(&cluster), 5);
    let snapshot = cluster.world.snapshot();
    let rs = snapshot.get(&GroupResource::new("apps", "replicasets"), "default", "web").expect("it is there");
    assert_eq!(rs["status"]["replicas"], 5);
}

/// Kubernetes#129795: the pod watch stands still for `lag`, the ReplicaSet's does not.
fn peak_pods(
    seed: u64,
    gate: bool,
    replicas: i64,
    lag: Duration,
    change: impl Fn(&mut ClusterConfig),
) -> (usize, usize) {
    let mut config = config(seed, gate);
    change(&mut config);
    let mut cluster = Cluster::new(config).expect("a cluster");
    let peak = Rc::new(Cell::new(0));
    let seen = peak.clone();
    cluster.world.observe(Box::new(move |commit| {
        seen.set(seen.get().max(commit.after.count(&GroupResource::new("", "pods"))));
    }));
    cluster.user("kubectl", move |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(10)).await;
        client.create(&kinds::REPLICASETS, &replicaset("web", replicas)).await.expect("created");
        for tick in 0.. {
            ctx.sleep(Duration::from_secs(20)).await;
            let patch = value!({"metadata": {"annotations": {"tick": tick.to_string()}}});
            client.merge_patch(&kinds::REPLICASETS, "default", "web", "", patch).await.expect("patched");
        }
    });
    cluster.sim.run_until(Instant::from_secs(9));
    let fault = cluster.fault(Fault::PauseWatch {
        target: Target::new("kube-controller-manager-0", "pods"),
        relist: Relist::Frozen,
    });
    cluster.sim.run_until(Instant::from_secs(10) + lag);
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(Instant::from_secs(10) + lag + Duration::from_secs(420));
    (peak.get(), pods(&cluster))
}

#[test]
fn k8s_129795_a_stale_pod_cache_multiplies_the_pods() {
    let off = peak_pods(1, false, 100, Duration::from_secs(12 * 60), |_| {});
    assert_eq!(off, (300, 100), "peak and end without the gate");
    let on = peak_pods(1, true, 100, Duration::from_secs(12 * 60), |_| {});
    assert_eq!(on, (100, 100), "peak and end with the gate");
}
