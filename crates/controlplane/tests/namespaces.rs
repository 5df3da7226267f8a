//! A namespace that is deleted is emptied and goes, says what it waits for, and survives what fails meanwhile.

use controlplane::machinery::DeleteOptions;
use controlplane::{Cluster, ClusterConfig, Fault, NodeConfig, Target, kinds};
use object::{ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};
use std::time::Duration;

const MANAGER: &str = "kube-controller-manager-0";

/// Makes a cluster in which a namespace with a Deployment, and what `objects` adds, is deleted at 30 s.
fn cluster(seed: u64, config_map: Value) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = vec![NodeConfig::new("n", "v1.36.3")];
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.user("kubectl", move |ctx, client| {
        let config_map = config_map.clone();
        async move {
            let shop = value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
            client.create(&kinds::NAMESPACES, &shop).await.expect("created");
            let deployment = value!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
                "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "c", "image": "app:1"}]},
                }},
            });
            client.create(&kinds::DEPLOYMENTS, &deployment).await.expect("created");
            client.create(&kinds::CONFIGMAPS, &config_map).await.expect("created");
            ctx.sleep_until(Instant::from_secs(30)).await;
            client.delete(&kinds::NAMESPACES, "", "shop", &DeleteOptions::default()).await.expect("deleted");
            ctx.sleep_until(Instant::from_secs(150)).await;
            let none = value!({"metadata": {"finalizers": null}});
            let _ = client.merge_patch(&kinds::CONFIGMAPS, "shop", "settings", "", none).await;
        }
    });
    cluster
}

fn settings(finalizers: &[&str]) -> Value {
    let mut map = value!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "namespace": "shop"},
    });
    map.set_or_omit(&["metadata", "finalizers"], finalizers.to_vec());
    map
}

fn shop(cluster: &Cluster) -> Option<Value> {
    cluster.world.snapshot().get(&kinds::NAMESPACES.group_resource(), "", "shop").cloned()
}

fn held(cluster: &Cluster) -> usize {
    let snapshot = cluster.world.snapshot();
    let resources = [&kinds::PODS, &kinds::DEPLOYMENTS, &kinds::REPLICASETS, &kinds::CONFIGMAPS];
    resources.iter().map(|r| snapshot.list(&r.group_resource(), Some("shop")).count()).sum()
}

fn check(namespace: &Value, condition: &str, status: &str, message: &str) {
    let found = namespace.condition(condition);
    assert_eq!((found["status"].str(), found["message"].str()), (status, message), "{condition}");
}

#[test]
fn a_namespace_waits_for_what_has_finalizers_and_says_so() {
    let mut cluster = cluster(1, settings(&["example.io/hold"]));
    cluster.sim.run_until(Instant::from_secs(29));
    assert_eq!(held(&cluster), 6);
    cluster.sim.run_until(Instant::from_secs(34));
    assert_eq!(held(&cluster), 6, "the deletion is left time to become known");
    cluster.sim.run_until(Instant::from_secs(149));
    assert_eq!(held(&cluster), 1);
    let waiting = shop(&cluster).expect("something is left in it");
    assert_eq!(waiting["status"]["phase"], "Terminating");
    check(
        &waiting,
        "NamespaceContentRemaining",
        "True",
        "Some resources are remaining: configmaps. has 1 resource instances",
    );
    check(
        &waiting,
        "NamespaceFinalizersRemaining",
        "True",
        "Some content in the namespace has finalizers remaining: example.io/hold in 1 resource instances",
    );
    check(
        &waiting,
        "NamespaceDeletionContentFailure",
        "False",
        "All content successfully deleted, may be waiting on finalization",
    );
    cluster.sim.run_until(Instant::from_secs(180));
    assert_eq!(shop(&cluster), None);
}

#[test]
fn a_resource_that_cannot_be_deleted_keeps_the_namespace_and_nothing_else() {
    let mut cluster = cluster(2, settings(&[]));
    cluster.sim.run_until(Instant::from_secs(29));
    let fault = cluster.fault(Fault::Refuse {
        target: Target::new(MANAGER, "configmaps"),
        verb: "deletecollection".into(),
        code: 500,
        ppm: 1_000_000,
    });
    cluster.sim.run_until(Instant::from_secs(140));
    let failing = shop(&cluster).expect("something is left in it");
    assert_eq!(failing.condition("NamespaceDeletionContentFailure")["status"], "True", "{failing:?}");
    assert_eq!(held(&cluster), 1, "the others are gone");
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(Instant::from_secs(220));
    assert_eq!(shop(&cluster), None);
}

#[test]
fn a_crash_in_the_midst_of_a_deletion_does_no_harm() {
    let mut cluster = cluster(3, settings(&[]));
    cluster.sim.run_until(Instant::from_secs(29));
    let world = cluster.world.clone();
    let is_whole = move || {
        let pods = world.snapshot();
        pods.list(&kinds::PODS.group_resource(), Some("shop")).all(|pod| !pod.is_deleting())
    };
    cluster.sim.run_while(move |_| is_whole());
    let control = cluster.sim.control().clone();
    let manager = control.find(MANAGER).expect("it runs");
    control.crash(manager, CrashKind::Process);
    control.restart(manager, Duration::from_secs(20));
    cluster.sim.run_until(Instant::from_secs(55));
    assert!(shop(&cluster).is_some() && held(&cluster) > 0, "nobody goes on");
    cluster.sim.run_until(Instant::from_secs(140));
    assert_eq!((shop(&cluster), held(&cluster)), (None, 0));
}
