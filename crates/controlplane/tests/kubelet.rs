//! Kubelets: pods become ready, containers that end start again ever later, a dead node loses its pods.

use controlplane::behaviour::{Behaviour, Course, Span, Target};
use controlplane::{Cluster, ClusterConfig, NodeConfig, kinds};
use object::{ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};

fn cluster(seed: u64, nodes: usize) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = (0..nodes).map(|i| NodeConfig::new(&format!("n{i}"), "v1.36.3")).collect();
    Cluster::new(config).expect("a cluster")
}

fn deployment(name: &str, replicas: i64, container: Value) -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    })
}

fn create(cluster: &mut Cluster, object: Value) {
    cluster.user("kubectl-create", move |_, client| {
        let object = object.clone();
        async move {
            client.create(&kinds::DEPLOYMENTS, &object).await.expect("created");
        }
    });
}

fn pods(cluster: &Cluster) -> Vec<Value> {
    cluster.world.snapshot().list(&kinds::PODS.group_resource(), Some("default")).cloned().collect()
}

#[test]
fn pods_become_ready_on_their_nodes() {
    let mut cluster = cluster(1, 3);
    let probe = value!({"httpGet": {"path": "/", "port": 80}});
    create(
        &mut cluster,
        deployment("web", 6, value!({"name": "c", "image": "app:1", "readinessProbe": probe})),
    );
    cluster.sim.run_until(Instant::from_secs(60));
    let pods = pods(&cluster);
    assert_eq!(pods.len(), 6);
    for pod in pods {
        assert_eq!(pod["status"]["phase"], "Running", "{}", pod.full_name());
        assert_eq!(pod.condition("Ready")["status"], "True", "{}", pod.full_name());
        assert!(!pod["status"]["podIP"].str().is_empty());
    }
}

#[test]
fn a_container_that_is_killed_again_and_again_waits_ever_longer() {
    let mut cluster = cluster(2, 1);
    let leak = Behaviour { course: Course::OomKilled { after: Span::secs(20, 30) }, ..Behaviour::default() };
    let target = Target { image: "leak:1".into(), ..Target::default() };
    cluster.world.behaviours.borrow_mut().add(target, leak);
    create(&mut cluster, deployment("leak", 1, value!({"name": "c", "image": "leak:1"})));
    cluster.sim.run_until(Instant::from_secs(300));
    let early = pods(&cluster)[0]["status"]["containerStatuses"][0].clone();
    assert_eq!(early["lastState"]["terminated"]["reason"], "OOMKilled");
    // Pauses of 0, 10, 20, 40 and 80 s, with 20 to 30 s of running between them.
    assert!((4..=6).contains(&early["restartCount"].int()), "{early:?}");
    cluster.sim.run_until(Instant::from_secs(3600));
    let late = pods(&cluster)[0]["status"]["containerStatuses"][0]["restartCount"].int();
    assert!((12..=18).contains(&late), "five minutes between restarts at last, not {late} in an hour");
}

#[test]
fn pods_leave_a_node_that_died() {
    let mut cluster = cluster(3, 2);
    let tolerations: Value = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
        .iter()
        .map(
            |key| value!({"key": *key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}),
        )
        .collect();
    let web = deployment("web", 4, value!({"name": "c", "image": "app:1"}))
        .with(&["spec", "template", "spec", "tolerations"], tolerations);
    create(&mut cluster, web);
    cluster.sim.run_until(Instant::from_secs(60));
    let control = cluster.sim.control().clone();
    let dead = control.find("kubelet-n0").expect("it runs");
    control.crash(dead, CrashKind::Machine);
    cluster.sim.run_until(Instant::from_secs(240));
    let snapshot = cluster.world.snapshot();
    let node = snapshot.get(&kinds::NODES.group_resource(), "", "n0").expect("its object stays");
    assert_eq!(node.condition("Ready")["status"], "Unknown");
    let running = pods(&cluster).iter().filter(|p| p["spec"]["nodeName"] == "n1" && !p.is_deleting()).count();
    assert_eq!(running, 4, "all replicas run where a node is left");
}

#[test]
fn a_kubelet_that_starts_again_goes_on_with_its_pods() {
    // The crash meets pods that wait for their images, pods that run, and pods that have ended.
    for crash_at in [6, 8, 11] {
        let mut cluster = cluster(4, 1);
        let job = value!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "sums", "namespace": "default"},
            "spec": {"completions": 4, "parallelism": 4, "template": {"spec": {
                "restartPolicy": "Never", "containers": [{"name": "c", "image": "sums:1"}],
            }}},
        });
        cluster.user("kubectl", move |_, client| {
            let job = job.clone();
            async move {
                client.create(&kinds::JOBS, &job).await.expect("created");
            }
        });
        create(&mut cluster, deployment("web", 2, value!({"name": "c", "image": "app:1"})));
        let control = cluster.sim.control().clone();
        let kubelet = control.find("kubelet-n0").expect("it runs");
        cluster.sim.run_until(Instant::from_secs(crash_at));
        control.crash(kubelet, CrashKind::Process);
        cluster.sim.run_until(Instant::from_secs(crash_at + 10));
        control.restart(kubelet, std::time::Duration::ZERO);
        cluster.sim.run_until(Instant::from_secs(120));
        let pods = pods(&cluster);
        let phases = |owner: &str| -> Vec<&str> {
            let of = pods.iter().filter(|pod| pod.name().starts_with(owner));
            of.map(|pod| pod["status"]["phase"].str()).collect()
        };
        assert_eq!(phases("web"), ["Running"; 2], "crash at {crash_at} s");
        assert_eq!(phases("sums"), ["Succeeded"; 4], "crash at {crash_at} s");
    }
}
