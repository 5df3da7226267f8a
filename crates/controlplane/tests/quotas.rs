//! A quota says what is used, counts anew what goes, and lets too much in when its controller sees old things.

use controlplane::machinery::DeleteOptions;
use controlplane::{Cluster, ClusterConfig, Fault, Relist, Target, kinds};
use object::{Value, value};
use schema::KubernetesVersion;
use sim::Instant;
use std::time::Duration;

const MANAGER: &str = "kube-controller-manager-0";

fn quota(hard: Value) -> Value {
    value!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q", "namespace": "default"},
        "spec": {"hard": hard},
    })
}

fn pod(name: &str) -> Value {
    let needs = value!({"cpu": "250m", "memory": "64Mi"});
    value!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [{"name": "c", "image": "app:1", "resources": {"requests": needs}}]},
    })
}

fn cluster(seed: u64, nodes: usize) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    let node = |i| controlplane::NodeConfig::new(&format!("n{i}"), "v1.36.3");
    config.nodes = (0..nodes).map(node).collect();
    Cluster::new(config).expect("a cluster")
}

fn used(cluster: &Cluster) -> String {
    let snapshot = cluster.world.snapshot();
    let quota = snapshot.get(&kinds::QUOTAS.group_resource(), "default", "q").expect("it is there");
    let amount = |(name, text): (&object::Key, &Value)| format!("{}={}", name.as_str(), text.str());
    quota["status"]["used"].entries().map(amount).collect::<Vec<_>>().join(",")
}

#[test]
fn what_is_there_is_counted_and_what_goes_is_given_back() {
    let mut cluster = cluster(1, 1);
    cluster.user("kubectl", |ctx, client| async move {
        for name in ["a", "b", "c"] {
            client.create(&kinds::PODS, &pod(name)).await.expect("created");
        }
        ctx.sleep_until(Instant::from_secs(10)).await;
        let hard = value!({
            "pods": "4", "requests.cpu": "2", "memory": "1Gi", "services.nodeports": "2",
            "count/deployments.apps": "1", "example.com/unknown": "7",
        });
        client.create(&kinds::QUOTAS, &quota(hard)).await.expect("created");
        ctx.sleep_until(Instant::from_secs(20)).await;
        client.create(&kinds::PODS, &pod("d")).await.expect("the fourth is allowed");
        let refused = client.create(&kinds::PODS, &pod("e")).await.expect_err("the fifth is not");
        assert!(refused.to_string().contains("exceeded quota: q"), "{refused}");
        ctx.sleep_until(Instant::from_secs(30)).await;
        for name in ["a", "b"] {
            client.delete(&kinds::PODS, "default", name, &DeleteOptions::default()).await.expect("deleted");
        }
    });
    cluster.sim.run_until(Instant::from_secs(19));
    assert_eq!(
        used(&cluster),
        "count/deployments.apps=0,memory=192Mi,pods=3,requests.cpu=750m,services.nodeports=0",
        "what no controller can count is not said to be unused"
    );
    cluster.sim.run_until(Instant::from_secs(29));
    assert!(used(&cluster).contains("pods=4"), "{}", used(&cluster));
    cluster.sim.run_until(Instant::from_secs(90));
    assert!(used(&cluster).contains("pods=2,requests.cpu=500m"), "{}", used(&cluster));
}

#[test]
fn a_pod_that_its_lost_node_never_ends_is_no_longer_charged() {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(2));
    config.without_controllers = vec!["pod-garbage-collector-controller".to_owned()];
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::QUOTAS, &quota(value!({"pods": "1"}))).await.expect("created");
        ctx.sleep_until(Instant::from_secs(10)).await;
        let bound = pod("lost").with(&["spec", "nodeName"], "gone");
        client.create(&kinds::PODS, &bound).await.expect("created");
        ctx.sleep_until(Instant::from_secs(15)).await;
        client.delete(&kinds::PODS, "default", "lost", &DeleteOptions::default()).await.expect("marked");
        // Nothing changes when the grace is over: only the regular round of all quotas sees it.
        ctx.sleep_until(Instant::from_secs(100)).await;
        client.create(&kinds::PODS, &pod("next")).await.expect_err("it is still charged");
        ctx.sleep_until(Instant::from_secs(310)).await;
        client.create(&kinds::PODS, &pod("next")).await.expect("there is room");
    });
    cluster.sim.run_until(Instant::from_secs(320));
    assert_eq!(used(&cluster), "pods=1");
}

/// Lets a user make pods as fast as the quota lets it, with and without a pause of the pods' watch, and gives the most
/// pods there were.
fn most_pods(paused: bool) -> usize {
    let mut cluster = cluster(3, 0);
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::QUOTAS, &quota(value!({"pods": "5"}))).await.expect("created");
        ctx.sleep_until(Instant::from_secs(15)).await;
        for i in 0..600 {
            // Most are refused.
            let _ = client.create(&kinds::PODS, &pod(&format!("p{i}"))).await;
            ctx.sleep(Duration::from_secs(1)).await;
        }
    });
    cluster.sim.run_until(Instant::from_secs(10));
    if paused {
        cluster.fault(Fault::PauseWatch { target: Target::new(MANAGER, "pods"), relist: Relist::Frozen });
    }
    cluster.sim.run_until(Instant::from_secs(600));
    cluster.world.snapshot().count(&kinds::PODS.group_resource())
}

#[test]
fn an_old_cache_of_pods_lets_more_in_than_the_quota_allows() {
    assert_eq!(most_pods(false), 5);
    assert_eq!(
        most_pods(true),
        10,
        "after five minutes the usage is computed from pods that were never seen"
    );
}

/// See quota-updates in docs/DIVERGENCE.md.
#[test]
fn a_service_that_grows_is_counted_afterwards() {
    let mut cluster = cluster(4, 0);
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::QUOTAS, &quota(value!({"services.nodeports": "0"}))).await.expect("created");
        ctx.sleep_until(Instant::from_secs(10)).await;
        let service = value!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        });
        client.create(&kinds::SERVICES, &service).await.expect("it has no port on nodes");
        let patch = value!({"spec": {"type": "NodePort"}});
        client.merge_patch(&kinds::SERVICES, "default", "web", "", patch).await.expect("not refused");
    });
    cluster.sim.run_until(Instant::from_secs(20));
    assert_eq!(used(&cluster), "services.nodeports=1");
}
