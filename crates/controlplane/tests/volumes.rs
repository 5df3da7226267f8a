//! Claims get volumes, pods run on them, and a claim stays as long as a pod uses it, whatever a watch hides.

use controlplane::machinery::DeleteOptions;
use controlplane::{Cluster, ClusterConfig, Fault, NodeConfig, Reach, Relist, Target, kinds};
use object::{ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::Instant;
use std::time::Duration;

const DRIVER: &str = "local.example.io";

fn cluster(seed: u64, reach: Reach) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = (0..3).map(|i| NodeConfig::new(&format!("n{i}"), "v1.36.3")).collect();
    config.storage.reach = reach;
    config.objects = vec![
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "later"},
            "provisioner": DRIVER, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        }),
        // What is local needs no attaching.
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": DRIVER},
            "spec": {"attachRequired": false},
        }),
    ];
    Cluster::new(config).expect("a cluster")
}

fn claim() -> Value {
    value!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": "default"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "later",
            "resources": {"requests": {"storage": "1Gi"}}},
    })
}

fn pod(name: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": "db:1"}],
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]},
    })
}

fn find(cluster: &Cluster, resource: &object::GroupVersionResource, name: &str) -> Option<Value> {
    let namespace = if *resource == *kinds::VOLUMES { "" } else { "default" };
    cluster.world.snapshot().get(&resource.group_resource(), namespace, name).cloned()
}

#[test]
fn a_pod_runs_on_the_volume_that_was_made_for_it_and_its_successor_where_the_volume_is() {
    let mut cluster = cluster(1, Reach::Node);
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::CLAIMS, &claim()).await.expect("created");
        client.create(&kinds::PODS, &pod("first")).await.expect("created");
        ctx.sleep_until(Instant::from_secs(60)).await;
        client.delete(&kinds::PODS, "default", "first", &DeleteOptions::default()).await.expect("deleted");
        ctx.sleep(Duration::from_secs(10)).await;
        client.create(&kinds::PODS, &pod("second")).await.expect("created");
    });
    cluster.sim.run_until(Instant::from_secs(59));
    let first = find(&cluster, &kinds::PODS, "first").expect("it is there");
    assert_eq!(first["status"]["phase"], "Running");
    let bound = find(&cluster, &kinds::CLAIMS, "data").expect("it is there");
    assert_eq!(bound["status"]["phase"], "Bound");
    assert_eq!(
        find(&cluster, &kinds::VOLUMES, bound["spec"]["volumeName"].str()).expect("made")["status"]["phase"],
        "Bound"
    );
    cluster.sim.run_until(Instant::from_secs(120));
    let second = find(&cluster, &kinds::PODS, "second").expect("it is there");
    assert_eq!(second["status"]["phase"], "Running");
    assert_eq!(
        second["spec"]["nodeName"], first["spec"]["nodeName"],
        "a local volume can be reached from one node"
    );
}

#[test]
fn a_claim_in_use_stays_although_the_controllers_do_not_see_the_pod() {
    let mut cluster = cluster(2, Reach::Anywhere);
    cluster.sim.run_until(Instant::from_secs(5));
    let fault = cluster.fault(Fault::PauseWatch {
        target: Target::new("kube-controller-manager-0", "pods"),
        // What the reflector shows stands still; what is asked of the API besides is true.
        relist: Relist::Frozen,
    });
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::CLAIMS, &claim()).await.expect("created");
        client.create(&kinds::PODS, &pod("user")).await.expect("created");
        ctx.sleep_until(Instant::from_secs(60)).await;
        client.delete(&kinds::CLAIMS, "default", "data", &DeleteOptions::default()).await.expect("deleted");
        ctx.sleep_until(Instant::from_secs(120)).await;
        client.delete(&kinds::PODS, "default", "user", &DeleteOptions::default()).await.expect("deleted");
    });
    cluster.sim.run_until(Instant::from_secs(119));
    let used = find(&cluster, &kinds::CLAIMS, "data").expect("a pod uses it");
    assert!(used.is_deleting(), "its deletion is under way");
    assert_eq!(find(&cluster, &kinds::PODS, "user").expect("it is there")["status"]["phase"], "Running");
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(Instant::from_secs(240));
    assert!(find(&cluster, &kinds::CLAIMS, "data").is_none(), "nothing uses it any more");
    assert_eq!(
        cluster.world.snapshot().count(&kinds::VOLUMES.group_resource()),
        0,
        "its volume went with it"
    );
}

#[test]
fn a_pod_whose_claim_nobody_provisions_is_told_so_when_the_scheduler_gives_up_waiting() {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(4));
    config.nodes = vec![NodeConfig::new("n0", "v1.36.3")];
    // The class names a driver, and nobody installed it.
    config.objects = vec![value!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": "later"},
        "provisioner": DRIVER, "volumeBindingMode": "WaitForFirstConsumer",
    })];
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.user("kubectl", |_, client| async move {
        client.create(&kinds::CLAIMS, &claim()).await.expect("created");
        client.create(&kinds::PODS, &pod("user")).await.expect("created");
    });
    let scheduled = |cluster: &Cluster| {
        find(cluster, &kinds::PODS, "user").expect("it is there").condition("PodScheduled").clone()
    };
    cluster.sim.run_until(Instant::from_secs(590));
    assert!(scheduled(&cluster).is_null(), "it waits in PreBind for the claim to be bound");
    // --bind-timeout-seconds is 600 by default.
    cluster.sim.run_until(Instant::from_secs(620));
    assert_eq!(scheduled(&cluster)["reason"], "SchedulerError");
    assert_eq!(
        scheduled(&cluster)["message"],
        "running PreBind plugin \"VolumeBinding\": binding volumes: context deadline exceeded"
    );
}
