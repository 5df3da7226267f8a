//! What a request costs, over a store that holds 10,000 pods.
//!
//! `cargo bench -p seaworthy-apiserver`. A simulated hour of a large cluster is some millions of such requests.

use apiserver::{Body, MemoryDriver, PatchType, Request, Server};
use divan::{Bencher, black_box};
use object::{GroupVersionResource, ObjectExt, Time, Value, value};
use schema::KubernetesVersion;

const PODS: usize = 10_000;

fn main() {
    divan::main();
}

fn pods() -> GroupVersionResource {
    GroupVersionResource::new("", "v1", "pods")
}

fn pod(name: &str) -> Value {
    value!({
        "metadata": {"name": name, "namespace": "a", "labels": {"app": "web", "pod-template-hash": "5d4f8c7b9"}},
        "spec": {"nodeName": "n1", "containers": [{
            "name": "web", "image": "reg.io/web:1", "ports": [{"containerPort": 80}],
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
            "readinessProbe": {"httpGet": {"port": 80}},
        }]},
    })
}

fn cluster() -> (Server, MemoryDriver) {
    let (server, driver) =
        (Server::new(KubernetesVersion::V1_36), MemoryDriver::new(Time::from_unix_seconds(1_790_000_000)));
    let namespaces = GroupVersionResource::new("", "v1", "namespaces");
    driver.handle(&server, Request::create(&namespaces, value!({"metadata": {"name": "a"}})));
    for at in 0..PODS {
        let response = driver.handle(&server, Request::create(&pods(), pod(&format!("web-{at}"))));
        assert!(response.is_success(), "{response:?}");
    }
    (server, driver)
}

fn stored(server: &Server, driver: &MemoryDriver, name: &str) -> Value {
    driver.handle(server, Request::get(&pods(), "a", name)).value().clone()
}

#[divan::bench]
fn get(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    bencher.bench_local(|| black_box(driver.handle(&server, Request::get(&pods(), "a", "web-77"))));
}

#[divan::bench]
fn list_all(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    bencher.bench_local(|| match driver.handle(&server, Request::list(&pods(), "a")).body {
        Body::List(list) => assert_eq!(list.items.len(), PODS),
        other => panic!("no list: {other:?}"),
    });
}

#[divan::bench]
fn create_and_delete(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    bencher.bench_local(|| {
        let created = driver.handle(&server, Request::create(&pods(), pod("new")));
        assert_eq!(created.code, 201);
        let delete =
            Request::delete(&pods(), "a", "new").with(|options| options.grace_period_seconds = Some(0));
        assert_eq!(driver.handle(&server, delete).code, 200);
    });
}

/// A controller or a kubelet writes back what it read, with another status.
#[divan::bench]
fn update_status(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    let mut round = 0;
    bencher.bench_local(|| {
        round += 1;
        let read = stored(&server, &driver, "web-77");
        let changed = read.with(&["status", "message"], format!("round {round}"));
        assert_eq!(driver.handle(&server, Request::update_status(&pods(), changed)).code, 200);
    });
}

#[divan::bench]
fn update_without_a_change(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    let read = stored(&server, &driver, "web-77");
    bencher.bench_local(|| {
        assert_eq!(driver.handle(&server, Request::update(&pods(), read.clone())).code, 200);
    });
}

#[divan::bench]
fn merge_patch_of_a_label(bencher: Bencher<'_, '_>) {
    let (server, driver) = cluster();
    let mut round = 0;
    bencher.bench_local(|| {
        round += 1;
        let patch = value!({"metadata": {"labels": {"round": round.to_string()}}});
        let request = Request::patch(&pods(), "a", "web-77", PatchType::Merge, patch);
        assert_eq!(driver.handle(&server, request).value().label("round"), Some(&*round.to_string()));
    });
}
