//! What requests are answered: by which object of the chain, and with what, while caches lag and containers die.

use controlplane::behaviour::{Behaviour, Course, Span, Target as Containers};
use controlplane::dataplane::{Answer, DataPlaneConfig, Reach, Status};
use controlplane::{Cluster, ClusterConfig, Fault, NodeConfig, Relist, Target, kinds};
use object::{GroupVersionResource, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};

fn deployment(name: &str, replicas: i64) -> Value {
    let probe = value!({"httpGet": {"path": "/", "port": 8080}});
    value!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{
                "name": "app", "image": format!("{name}:1"), "readinessProbe": probe,
                "ports": [{"name": "http", "containerPort": 8080}],
            }]}},
        },
    })
}

fn service(name: &str, selector: &str, target: Value) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": selector}, "ports": [{"name": "web", "port": 80, "targetPort": target}]},
    })
}

fn objects() -> Vec<(&'static GroupVersionResource, Value)> {
    let path = |path: &str, service: &str, port: Value| value!({"path": path, "pathType": "Prefix", "backend": {"service": {"name": service, "port": port}}});
    let by_number = value!({"number": 80});
    let ingress = value!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "front", "namespace": "default"},
        "spec": {"ingressClassName": "nginx", "tls": [{"hosts": ["shop.example"], "secretName": "gone"}], "rules": [
            {"host": "shop.example", "http": {"paths": [
                path("/", "web", by_number.clone()), path("/named", "web", value!({"name": "web"})),
                path("/missing", "gone", by_number.clone()), path("/port", "web", value!({"number": 81})),
                path("/untargeted", "untargeted", by_number.clone()), path("/out", "out", by_number.clone()),
                path("/idle", "idle", by_number.clone()),
            ]}},
            {"host": "sick.example", "http": {"paths": [path("/", "sick", by_number)]}},
        ]},
    });
    let foreign = ingress
        .clone()
        .with(&["metadata", "name"], "foreign")
        .with(&["spec", "ingressClassName"], "nobody")
        .with(&["spec", "rules"], value!([{"host": "foreign.example"}]));
    let external = value!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "out", "namespace": "default"},
        "spec": {"type": "ExternalName", "externalName": "erp.example"},
    });
    let headless = service("db", "web", value!("http")).with(&["spec", "clusterIP"], "None");
    let class = value!({
        "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "nginx"},
        "spec": {"controller": "k8s.io/ingress-nginx"},
    });
    vec![
        (&kinds::DEPLOYMENTS, deployment("web", 3)),
        (&kinds::DEPLOYMENTS, deployment("sick", 1)),
        (&kinds::SERVICES, service("web", "web", value!("http"))),
        (&kinds::SERVICES, service("untargeted", "web", value!("grpc"))),
        (&kinds::SERVICES, service("idle", "nobody", value!(8080))),
        (&kinds::SERVICES, service("sick", "sick", value!(8080))),
        (&kinds::SERVICES, headless),
        (&kinds::SERVICES, external),
        (&kinds::INGRESSCLASSES, class),
        (&kinds::INGRESSES, ingress),
        (&kinds::INGRESSES, foreign),
    ]
}

fn cluster(seed: u64) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = (0..3).map(|i| NodeConfig::new(&format!("n{i}"), "v1.36.3")).collect();
    config.data_plane = DataPlaneConfig::whole();
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.user("kubectl", |_, client| async move {
        for (resource, object) in objects() {
            client.create(resource, &object).await.expect("created");
        }
    });
    cluster
}

#[track_caller]
fn check(answer: &Answer, status: Status, why: &str) {
    assert_eq!(answer.status, status, "{answer}");
    assert!(answer.why().contains(why), "{why:?} is not in {:?}", answer.why());
}

#[test]
fn a_request_is_answered_by_the_first_object_that_fails_it() {
    let mut cluster = cluster(1);
    check(&cluster.get("shop.example", "/"), Status::Refused, "Ingress controller does not run");
    cluster.sim.run_until(Instant::from_secs(60));
    let web = cluster.get("shop.example", "/");
    check(&web, Status::Answered, "Service default/web: 3 endpoints ready");
    assert_eq!((web.answering(), web.chain.len()), (3, 2));
    assert_eq!(web.certificate.as_deref(), Some("Secret gone does not exist"));
    check(&cluster.get("shop.example", "/named/x"), Status::Answered, "3 endpoints");
    check(
        &cluster.get("shop.example", "/missing"),
        Status::NoEndpoint,
        "Service default/gone: it does not exist",
    );
    check(&cluster.get("shop.example", "/port"), Status::NoEndpoint, "it has no port 81");
    check(&cluster.get("shop.example", "/untargeted"), Status::NoEndpoint, "none of its pods has the target");
    check(&cluster.get("shop.example", "/idle"), Status::NoEndpoint, "it has no endpoint");
    check(&cluster.get("shop.example", "/out"), Status::Outside, "erp.example");
    check(&cluster.get("other.example", "/"), Status::NoRule, "no rule for other.example/");
    check(&cluster.get("foreign.example", "/"), Status::NoRule, "no rule");
    check(&cluster.connect("n0", "default", "web", 80), Status::Answered, "3 endpoints");
    check(&cluster.connect("n0", "default", "idle", 80), Status::Refused, "it has no endpoint");
    check(&cluster.connect("n9", "default", "web", 80), Status::TimedOut, "a proxy on node n9 does not run");
}

#[test]
fn names_lead_to_addresses() {
    let mut cluster = cluster(2);
    cluster.sim.run_until(Instant::from_secs(60));
    let resolve =
        |name: &str| cluster.resolve(&format!("{name}.default.svc.cluster.local")).expect("DNS runs");
    assert_eq!(resolve("web").addresses.len(), 1, "the Service's own address");
    assert_eq!(resolve("db").addresses.len(), 3, "a headless Service's pods");
    assert_eq!(resolve("out").alias.as_deref(), Some("erp.example"));
    assert!(!resolve("gone").exists && !resolve("pod-0.db").exists);
    assert!(!cluster.resolve("example.org").expect("DNS runs").exists);
}

#[test]
fn a_container_that_dies_refuses_until_its_endpoint_is_taken_away() {
    let mut cluster = cluster(3);
    cluster.sim.run_until(Instant::from_secs(60));
    check(&cluster.get("sick.example", "/"), Status::Answered, "1 endpoint ready");
    // From now on the program dies a minute after each start, and the Ingress controller hears nothing of it.
    let dies = Behaviour { course: Course::OomKilled { after: Span::secs(60, 60) }, ..Behaviour::default() };
    let target = Containers { image: "sick:2".into(), ..Containers::default() };
    cluster.world.behaviours.borrow_mut().add(target, dies);
    cluster.user("release", |_, client| async move {
        let container = value!({"name": "app", "image": "sick:2", "ports": [{"containerPort": 8080}]});
        let patch = value!({"spec": {"strategy": {"type": "Recreate", "rollingUpdate": null},
            "template": {"spec": {"containers": [container]}}}});
        client.merge_patch(&kinds::DEPLOYMENTS, "default", "sick", "", patch).await.expect("patched");
    });
    cluster.sim.run_until(Instant::from_secs(90));
    check(&cluster.get("sick.example", "/"), Status::Answered, "1 endpoint ready");
    let target = Target::new("ingress-controller-0", "endpointslices.discovery.k8s.io");
    let lag = cluster.fault(Fault::PauseWatch { target, relist: Relist::Frozen });
    let mut refused = None;
    for second in 90..240 {
        cluster.sim.run_until(Instant::from_secs(second));
        let answer = cluster.get("sick.example", "/");
        if answer.status != Status::Answered {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the container dies once");
    check(&refused, Status::BadGateway, "0 of 1 endpoints answer");
    assert!(
        matches!(&refused.backends[0].reach, Reach::Refuses(why) if why.contains("listens on port 8080"))
    );
    assert_eq!(cluster.connect("n0", "default", "sick", 80).status, Status::Refused);
    // An hour on it is in back-off most of the time: whoever hears of it knows that nobody is ready.
    cluster.sim.run_until(Instant::from_secs(3600));
    cluster.world.faults.borrow_mut().remove(lag);
    let mut met = std::collections::BTreeSet::new();
    for second in 3600..4200 {
        cluster.sim.run_until(Instant::from_secs(second));
        met.insert(cluster.get("sick.example", "/").status);
    }
    assert!(met.contains(&Status::NoEndpoint) && met.contains(&Status::Answered), "{met:?}");
}

#[test]
fn a_dead_machine_is_silent_until_its_endpoints_are_taken_away() {
    let mut cluster = cluster(4);
    cluster.sim.run_until(Instant::from_secs(60));
    let control = cluster.sim.control().clone();
    let host = cluster.get("sick.example", "/").backends[0].pod.clone();
    let pod =
        cluster.world.snapshot().get("pods", &host.namespace, &host.name).cloned().expect("it is there");
    let node = pod["spec"]["nodeName"].str().to_owned();
    control.crash(control.find(&format!("kubelet-{node}")).expect("it runs"), CrashKind::Machine);
    check(&cluster.get("sick.example", "/"), Status::GatewayTimeout, &format!("node {node} is down"));
    cluster.sim.run_until(Instant::from_secs(400));
    check(&cluster.get("sick.example", "/"), Status::Answered, "1 endpoint ready");
}
