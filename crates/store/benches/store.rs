//! What the store costs with 150,000 pods, beside a `BTreeMap` of trees and one of `serde_json::Value`.
//!
//! `cargo bench -p seaworthy-store`. Allocations are counted, so the tables tell bytes as well as time.

use divan::{Bencher, black_box};
use object::{ObjectExt, Value, value};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::{Limits, Snapshot, Store, Transaction};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

const PODS: usize = 150_000;
const TEMPLATES: usize = 300;
const NODES: usize = 5_000;

type Trees = BTreeMap<(String, String), Value>;
type Json = BTreeMap<(String, String), serde_json::Value>;

static STORE: LazyLock<Store> = LazyLock::new(|| {
    let mut snapshot = Snapshot::empty();
    let (pods, indexes) = (store::ResourceName::from("pods").into(), store::Indexes::kubernetes());
    for pod in pods_of_a_cluster() {
        snapshot.insert(&pods, pod, &indexes).expect("pods have names");
    }
    Store::from_snapshot(snapshot, indexes, Limits::default())
});
static TREES: LazyLock<Trees> = LazyLock::new(|| pods_of_a_cluster().map(|pod| (key(&pod), pod)).collect());
static JSON: LazyLock<Json> =
    LazyLock::new(|| pods_of_a_cluster().map(|pod| (key(&pod), to_json(&pod))).collect());

fn main() {
    // Built before anything is measured, or the first sample of a table would contain it.
    assert_eq!((STORE.current().len(), TREES.len(), JSON.len()), (PODS, PODS, PODS));
    divan::main();
}

fn key(pod: &Value) -> (String, String) {
    (pod.namespace().to_owned(), pod.name().to_owned())
}

/// Gives pods of 300 Deployments, 500 each, whose templates are shared, as they are after being read and deduplicated.
fn pods_of_a_cluster() -> impl Iterator<Item = Value> {
    let per_template = PODS / TEMPLATES;
    (0..TEMPLATES).flat_map(move |template| {
        let container = value!({
            "name": "web", "image": format!("registry.example.com/team-{template}/web:1.{template}"),
            "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
            "ports": [{"containerPort": 8080, "protocol": "TCP", "name": "http"}],
            "env": [{"name": "MODE", "value": "production"}, {"name": "TEAM", "value": format!("team-{template}")}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 10},
            "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
        });
        let labels = value!({"app": format!("web-{template}"), "pod-template-hash": "5d4f8c7b9"});
        (0..per_template).map(move |at| pod(template, at, &container, &labels))
    })
}

fn pod(template: usize, at: usize, container: &Value, labels: &Value) -> Value {
    let number = template * (PODS / TEMPLATES) + at;
    let started = "2026-01-31T09:30:00Z";
    let condition = |kind: &str| value!({"type": kind, "status": "True", "lastTransitionTime": started});
    value!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("web-{template}-5d4f8c7b9-{at:05}"), "namespace": format!("team-{}", template % 100),
            "uid": format!("00000000-0000-4000-8000-{number:012}"), "resourceVersion": format!("{}", number + 2),
            "labels": labels, "creationTimestamp": started,
            "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("web-{template}-5d4f8c7b9"),
                "uid": format!("11111111-0000-4000-8000-{template:012}"), "controller": true,
            }],
        },
        "spec": {"containers": [container], "nodeName": format!("node-{}", number % NODES), "restartPolicy": "Always"},
        "status": {
            "phase": "Running", "podIP": format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255),
            "startTime": started,
            "conditions": [condition("Initialized"), condition("Ready"), condition("ContainersReady"), condition("PodScheduled")],
            "containerStatuses": [{
                "name": "web", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": started}},
                "containerID": format!("containerd://{number:064x}"),
            }],
        },
    })
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => text.as_ref().into(),
        Value::List(list) => list.iter().map(to_json).collect(),
        Value::Map(map) => map.iter().map(|(key, item)| (key.as_str().to_owned(), to_json(item))).collect(),
    }
}

/// Gives the place of the `n`-th pod in a fixed disorder, so that no cache knows what comes next.
fn place(n: usize) -> (String, String) {
    let number = n.wrapping_mul(2_654_435_761) % PODS;
    let (template, at) = (number / (PODS / TEMPLATES), number % (PODS / TEMPLATES));
    (format!("team-{}", template % 100), format!("web-{template}-5d4f8c7b9-{at:05}"))
}

fn places() -> impl Fn() -> (String, String) + Sync {
    let count = AtomicUsize::new(0);
    move || place(count.fetch_add(1, Ordering::Relaxed))
}

mod snapshot {
    use super::*;

    #[divan::bench]
    fn store(bencher: Bencher<'_, '_>) {
        bencher.bench(|| STORE.snapshot());
    }

    #[divan::bench]
    fn at_a_kept_revision(bencher: Bencher<'_, '_>) {
        let revision = STORE.revision();
        bencher.bench(|| STORE.snapshot_at(black_box(revision)));
    }

    #[divan::bench(sample_count = 10)]
    fn btree_map_of_trees(bencher: Bencher<'_, '_>) {
        bencher.bench(|| TREES.clone());
    }

    #[divan::bench(sample_count = 3)]
    fn btree_map_of_json(bencher: Bencher<'_, '_>) {
        bencher.bench(|| JSON.clone());
    }
}

mod get {
    use super::*;

    #[divan::bench]
    fn store(bencher: Bencher<'_, '_>) {
        let find = |(namespace, name): &(String, String)| {
            black_box(STORE.current().get("pods", namespace, name)).is_some()
        };
        bencher.with_inputs(places()).bench_refs(|place| assert!(find(place)));
    }

    #[divan::bench]
    fn btree_map_of_trees(bencher: Bencher<'_, '_>) {
        bencher.with_inputs(places()).bench_refs(|place| assert!(black_box(TREES.get(place)).is_some()));
    }

    #[divan::bench]
    fn btree_map_of_json(bencher: Bencher<'_, '_>) {
        bencher.with_inputs(places()).bench_refs(|place| assert!(black_box(JSON.get(place)).is_some()));
    }
}

/// Sets one field of a pod, stores it, and keeps the state before: what a simulation does all the time.
mod put {
    use super::*;
    use std::cell::RefCell;

    #[divan::bench(sample_count = 1000, sample_size = 20)]
    fn store(bencher: Bencher<'_, '_>) {
        let (store, next, mut count) = (RefCell::new(STORE.clone()), places(), 0_i64);
        let update = || {
            count += 1;
            let (namespace, name) = next();
            let pod = store.borrow().current().get("pods", &namespace, &name).cloned().expect("it is there");
            Transaction::put("pods", pod.with(&["status", "observedGeneration"], count))
        };
        bencher
            .with_inputs(update)
            .bench_local_values(|update| store.borrow_mut().commit(update).unwrap().revision);
    }

    /// The map alone, without a state before, an event, an index or a revision.
    #[divan::bench(sample_count = 1000, sample_size = 20)]
    fn btree_map_of_json_in_place(bencher: Bencher<'_, '_>) {
        let (mut pods, next, mut count) = (JSON.clone(), places(), 0_i64);
        let update = || {
            count += 1;
            let place = next();
            let mut pod = JSON[&place].clone();
            pod["status"]["observedGeneration"] = count.into();
            (place, pod)
        };
        bencher.with_inputs(update).bench_local_values(|(place, pod)| pods.insert(place, pod));
    }
}

mod list_one_namespace {
    use super::*;

    /// Every namespace holds 1,500 of the pods.
    #[divan::bench]
    fn store(bencher: Bencher<'_, '_>) {
        bencher.bench(|| STORE.current().list("pods", black_box(Some("team-7"))).map(black_box).count());
    }

    #[divan::bench]
    fn btree_map_of_trees(bencher: Bencher<'_, '_>) {
        let (low, high) = (("team-7".to_owned(), String::new()), ("team-7\0".to_owned(), String::new()));
        bencher.bench(|| TREES.range(black_box(&low)..&high).map(black_box).count());
    }
}

mod find_by_index {
    use super::*;

    /// A node runs 30 of the pods.
    #[divan::bench]
    fn pods_of_one_node(bencher: Bencher<'_, '_>) {
        bencher.bench(|| STORE.current().on_node(black_box("node-77")).map(black_box).count());
    }

    /// A ReplicaSet owns 500 of the pods.
    #[divan::bench]
    fn pods_of_one_owner(bencher: Bencher<'_, '_>) {
        let uid = "11111111-0000-4000-8000-000000000077";
        bencher.bench(|| STORE.current().owned_by(black_box(uid)).map(black_box).count());
    }
}

mod watch {
    use super::*;

    /// From the middle of 100,000 kept events.
    #[divan::bench]
    fn next_event_after_any_revision(bencher: Bencher<'_, '_>) {
        let mut store = Store::new();
        let node = value!({"metadata": {"name": "n"}});
        for count in 0..100_000_i64 {
            store
                .commit(Transaction::put("nodes", node.clone().with(&["count"], count)))
                .expect("small enough");
        }
        bencher.bench(|| store.events_after(black_box(50_000)).unwrap().next().map(|event| event.revision));
    }
}
