//! A node that runs out of memory or disk evicts pods, one at a time, those first that use more than they asked for.

use controlplane::behaviour::{Behaviour, Target, Usage, Use};
use controlplane::{Cluster, ClusterConfig, NodeConfig, kinds};
use object::{ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::Instant;

const MI: i64 = 1 << 20;
const GI: i64 = 1 << 30;

fn config(seed: u64, nodes: usize) -> ClusterConfig {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    let capacity = value!({"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "100Gi"});
    let node = |i| NodeConfig { capacity: capacity.clone(), ..NodeConfig::new(&format!("n{i}"), "v1.36.3") };
    config.nodes = (0..nodes).map(node).collect();
    config
}

fn uses(cluster: &Cluster, app: &str, memory: Use, disk: Use) {
    let target = Target { label: Some(("app".into(), app.into())), ..Target::default() };
    let behaviour = Behaviour { usage: Usage { memory, disk }, ..Behaviour::default() };
    cluster.world.behaviours.borrow_mut().add(target, behaviour);
}

fn pod(name: &str, resources: Value) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"nodeName": "n0", "containers": [{"name": "c", "image": "app:1", "resources": resources}]},
    })
}

fn create(cluster: &mut Cluster, name: &str, pods: Vec<Value>) {
    cluster.user(name, move |_, client| {
        let pods = pods.clone();
        async move {
            for pod in pods {
                client.create(&kinds::PODS, &pod).await.expect("created");
            }
        }
    });
}

fn get(cluster: &Cluster, resource: &object::GroupVersionResource, name: &str) -> Value {
    let namespace = if *resource == *kinds::NODES { "" } else { "default" };
    cluster.world.snapshot().get(&resource.group_resource(), namespace, name).cloned().expect("it is there")
}

fn has_taint(node: &Value, key: &str) -> bool {
    node["spec"]["taints"].items().iter().any(|taint| taint["key"] == key)
}

#[test]
fn the_pod_that_uses_most_beyond_its_request_goes_and_the_node_shows_why() {
    let mut cluster = Cluster::new(config(1, 1)).expect("a cluster");
    uses(&cluster, "modest", Use::steady(2 * GI), Use::default());
    uses(
        &cluster,
        "greedy",
        Use { start_bytes: 0, growth_bytes_per_s: 64 * MI, bytes_max: 6 * GI },
        Use::default(),
    );
    let asks = |memory: &str| value!({"requests": {"memory": memory}});
    create(&mut cluster, "kubectl", vec![pod("modest", asks("3Gi")), pod("greedy", asks("256Mi"))]);
    cluster.sim.run_until(Instant::from_secs(60));
    assert_eq!(get(&cluster, &kinds::PODS, "greedy")["status"]["phase"], "Running");
    assert_eq!(get(&cluster, &kinds::NODES, "n0").condition("MemoryPressure")["status"], "False");

    // 6 Gi beside 2 Gi leave nothing of 8 Gi.
    cluster.sim.run_until(Instant::from_secs(140));
    let greedy = get(&cluster, &kinds::PODS, "greedy");
    assert_eq!((greedy["status"]["phase"].str(), greedy["status"]["reason"].str()), ("Failed", "Evicted"));
    let message = greedy["status"]["message"].str();
    assert!(
        message.starts_with("The node was low on resource: memory. Threshold quantity: 100Mi, available: ")
            && message.ends_with("request is 256Mi, has larger consumption of memory. "),
        "{message}"
    );
    assert_eq!(greedy.condition("DisruptionTarget")["reason"], "TerminationByKubelet");
    assert_eq!(
        get(&cluster, &kinds::PODS, "modest")["status"]["phase"],
        "Running",
        "it keeps to its request"
    );
    let node = get(&cluster, &kinds::NODES, "n0");
    assert_eq!(node.condition("MemoryPressure")["reason"], "KubeletHasInsufficientMemory");
    assert!(has_taint(&node, "node.kubernetes.io/memory-pressure"));

    // While it shows pressure, the node takes no pod that asked for nothing.
    create(&mut cluster, "late", vec![pod("effortless", Value::map()), pod("burstable", asks("64Mi"))]);
    cluster.sim.run_until(Instant::from_secs(200));
    let refused = get(&cluster, &kinds::PODS, "effortless");
    assert_eq!(refused["status"]["reason"], "Evicted");
    assert_eq!(refused["status"]["message"], "Pod was rejected: The node had condition: [MemoryPressure]. ");
    assert_eq!(get(&cluster, &kinds::PODS, "burstable")["status"]["phase"], "Running");

    // Five minutes after it ended, the pressure is over.
    cluster.sim.run_until(Instant::from_secs(520));
    let node = get(&cluster, &kinds::NODES, "n0");
    assert_eq!(node.condition("MemoryPressure")["status"], "False");
    assert!(!has_taint(&node, "node.kubernetes.io/memory-pressure"));
}

#[test]
fn a_full_disk_evicts_and_what_is_evicted_is_made_again_elsewhere() {
    let mut cluster = Cluster::new(config(2, 2)).expect("a cluster");
    uses(
        &cluster,
        "logger",
        Use::default(),
        Use { start_bytes: 0, growth_bytes_per_s: GI, bytes_max: 95 * GI },
    );
    let container = value!({"name": "c", "image": "app:1"});
    let set = value!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "logger", "namespace": "default"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "logger"}},
            "template": {"metadata": {"labels": {"app": "logger"}}, "spec": {"containers": [container]}}},
    });
    cluster.user("kubectl", move |_, client| {
        let set = set.clone();
        async move {
            client.create(&kinds::REPLICASETS, &set).await.expect("created");
        }
    });
    cluster.sim.run_until(Instant::from_secs(160));
    let pods: Vec<Value> = cluster.world.snapshot().list("pods", Some("default")).cloned().collect();
    let (evicted, rest): (Vec<&Value>, Vec<&Value>) =
        pods.iter().partition(|pod| pod["status"]["reason"] == "Evicted");
    // Until the node's taint is seen, new pods land there again and are refused, as in kubernetes#65240.
    let node = evicted[0]["spec"]["nodeName"].str();
    assert!(evicted.iter().all(|pod| pod["spec"]["nodeName"] == node));
    let low = evicted
        .iter()
        .filter(|pod| pod["status"]["message"].str().contains("low on resource: ephemeral-storage"));
    assert_eq!((low.count(), rest.len()), (1, 1), "one was evicted, one runs");
    assert_ne!(rest[0]["spec"]["nodeName"], node, "not where the disk is full");
    let full = get(&cluster, &kinds::NODES, node);
    assert_eq!(full.condition("DiskPressure")["reason"], "KubeletHasDiskPressure");
}

#[test]
fn a_container_beyond_its_own_limits_is_killed_or_evicted_whatever_the_node_has() {
    let mut cluster = Cluster::new(config(3, 1)).expect("a cluster");
    let grows = Use { start_bytes: 0, growth_bytes_per_s: 4 * MI, bytes_max: GI };
    uses(&cluster, "leak", grows, Use::default());
    uses(&cluster, "writer", Use::default(), grows);
    let limit = |what: &str, amount: &str| value!({"limits": {what: amount}});
    create(
        &mut cluster,
        "kubectl",
        vec![pod("leak", limit("memory", "100Mi")), pod("writer", limit("ephemeral-storage", "200Mi"))],
    );
    cluster.sim.run_until(Instant::from_secs(120));
    let leak = get(&cluster, &kinds::PODS, "leak");
    let status = &leak["status"]["containerStatuses"].items()[0];
    assert_eq!(status["lastState"]["terminated"]["reason"], "OOMKilled");
    // It takes 25 s to fill 100 Mi, and the pauses between are 0 and 10 s.
    assert!((2..=4).contains(&status["restartCount"].int()), "{status}");
    let writer = get(&cluster, &kinds::PODS, "writer");
    assert_eq!(
        writer["status"]["message"],
        "Container c exceeded its local ephemeral storage limit \"200Mi\". "
    );
    assert_eq!(get(&cluster, &kinds::NODES, "n0").condition("DiskPressure")["status"], "False");
}

#[test]
fn a_node_that_was_short_of_something_in_a_dump_stays_so() {
    let mut config = config(4, 0);
    let condition = |kind: &str, status: &str| value!({"type": kind, "status": status});
    config.objects = vec![value!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n0", "uid": "node"},
        "status": {
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [condition("Ready", "True"), condition("DiskPressure", "True")],
        },
    })];
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.sim.run_until(Instant::from_secs(700));
    let node = get(&cluster, &kinds::NODES, "n0");
    assert_eq!(node.condition("Ready")["status"], "True");
    assert_eq!(node.condition("DiskPressure")["status"], "True");
    assert!(has_taint(&node, "node.kubernetes.io/disk-pressure"));
}
