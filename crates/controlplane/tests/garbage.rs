//! Dependents go with their owners, and only then: whatever crashes, and however old what the controllers see is.

use controlplane::machinery::{Client, DeleteOptions};
use controlplane::{Cluster, ClusterConfig, Fault, Relist, Target, kinds};
use object::{GroupVersionResource, ObjectExt, Value, value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

const MANAGER: &str = "kube-controller-manager-0";

fn cluster(seed: u64) -> Cluster {
    let version = KubernetesVersion::parse("1.36").expect("known");
    Cluster::new(ClusterConfig::new(version, sim::Config::with_seed(seed))).expect("a cluster")
}

fn config_map(namespace: &str, name: &str, owners: Vec<Value>) -> Value {
    let mut map =
        value!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}});
    map.set_or_omit(&["metadata", "ownerReferences"], owners);
    map
}

fn secret(namespace: &str, name: &str, owners: Vec<Value>) -> Value {
    config_map(namespace, name, owners).with(&["kind"], "Secret")
}

fn owned_by(owner: &Value) -> Value {
    value!({
        "apiVersion": owner.api_version(), "kind": owner.kind(), "name": owner.name(), "uid": owner.uid(),
        "blockOwnerDeletion": true,
    })
}

async fn make(client: &Client, object: Value) -> Value {
    let resource: &GroupVersionResource = match object.kind() {
        "Secret" => &kinds::SECRETS,
        "Namespace" => &kinds::NAMESPACES,
        "PersistentVolume" => &kinds::VOLUMES,
        _ => &kinds::CONFIGMAPS,
    };
    client.create(resource, &object).await.expect("created")
}

async fn set_owners(client: &Client, name: &str, owners: Vec<Value>) -> bool {
    let owners = if owners.is_empty() { Value::Null } else { owners.into() };
    let patch = value!({"metadata": {"ownerReferences": owners}});
    client.merge_patch(&kinds::SECRETS, "default", name, "", patch).await.is_ok()
}

async fn delete(client: &Client, resource: &GroupVersionResource, name: &str, propagation: &'static str) {
    let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
    client.delete(resource, "default", name, &options).await.expect("deleted");
}

fn find(cluster: &Cluster, resource: &GroupVersionResource, namespace: &str, name: &str) -> Option<Value> {
    cluster.world.snapshot().get(&resource.group_resource(), namespace, name).cloned()
}

fn count(cluster: &Cluster, resource: &GroupVersionResource) -> usize {
    cluster.world.snapshot().count(&resource.group_resource())
}

#[test]
fn pods_go_although_the_controller_manager_crashed_after_their_owner_went() {
    let mut cluster = cluster(1);
    cluster.user("kubectl", |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(5)).await;
        let set = value!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web", "namespace": "default"},
            "spec": {"replicas": 20, "selector": {"matchLabels": {"app": "web"}}, "template": {
                "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "app:1"}]},
            }},
        });
        client.create(&kinds::REPLICASETS, &set).await.expect("created");
        ctx.sleep_until(Instant::from_secs(30)).await;
        delete(&client, &kinds::REPLICASETS, "web", "Background").await;
    });
    cluster.sim.run_until(Instant::from_secs(29));
    assert_eq!(count(&cluster, &kinds::PODS), 20);
    let world = cluster.world.clone();
    cluster.sim.run_while(move |_| world.snapshot().count(&kinds::REPLICASETS.group_resource()) > 0);
    let control = cluster.sim.control().clone();
    let manager = control.find(MANAGER).expect("it runs");
    control.crash(manager, CrashKind::Process);
    cluster.sim.run_until(Instant::from_secs(60));
    assert_eq!(count(&cluster, &kinds::PODS), 20, "nobody collects them");
    control.restart(manager, Duration::ZERO);
    cluster.sim.run_until(Instant::from_secs(90));
    assert_eq!(count(&cluster, &kinds::PODS), 0, "they refer to an owner that is not there");
}

#[test]
fn an_old_cache_costs_nothing_that_an_owner_made_anew_took_over() {
    let mut cluster = cluster(2);
    cluster.user("kubectl", |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(5)).await;
        let old = make(&client, config_map("default", "owner", vec![])).await;
        make(&client, secret("default", "kept", vec![owned_by(&old)])).await;
        make(&client, secret("default", "made-anew", vec![owned_by(&old)])).await;
        // From here on the controllers see no change of a Secret.
        ctx.sleep_until(Instant::from_secs(15)).await;
        assert!(set_owners(&client, "kept", vec![]).await);
        delete(&client, &kinds::SECRETS, "made-anew", "Background").await;
        delete(&client, &kinds::CONFIGMAPS, "owner", "Background").await;
        let new = make(&client, config_map("default", "owner", vec![])).await;
        assert!(set_owners(&client, "kept", vec![owned_by(&new)]).await);
        make(&client, secret("default", "made-anew", vec![owned_by(&new)])).await;
        ctx.sleep_until(Instant::from_secs(120)).await;
        delete(&client, &kinds::CONFIGMAPS, "owner", "Background").await;
    });
    cluster.sim.run_until(Instant::from_secs(10));
    let fault =
        cluster.fault(Fault::PauseWatch { target: Target::new(MANAGER, "secrets"), relist: Relist::Frozen });
    cluster.sim.run_until(Instant::from_secs(60));
    for name in ["kept", "made-anew"] {
        assert!(find(&cluster, &kinds::SECRETS, "default", name).is_some(), "{name} has its owner");
    }
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(Instant::from_secs(119));
    for name in ["kept", "made-anew"] {
        assert!(find(&cluster, &kinds::SECRETS, "default", name).is_some(), "{name} still has its owner");
    }
    cluster.sim.run_until(Instant::from_secs(180));
    assert_eq!(count(&cluster, &kinds::SECRETS), 0, "both go with the owner that they really had");
}

#[test]
fn an_owner_made_anew_is_another() {
    let mut cluster = cluster(6);
    cluster.user("kubectl", |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(5)).await;
        let old = make(&client, config_map("default", "owner", vec![])).await;
        make(&client, secret("default", "child", vec![owned_by(&old)])).await;
        ctx.sleep_until(Instant::from_secs(10)).await;
        delete(&client, &kinds::CONFIGMAPS, "owner", "Background").await;
        make(&client, config_map("default", "owner", vec![])).await;
    });
    cluster.sim.run_until(Instant::from_secs(9));
    assert!(find(&cluster, &kinds::SECRETS, "default", "child").is_some());
    cluster.sim.run_until(Instant::from_secs(60));
    assert!(find(&cluster, &kinds::CONFIGMAPS, "default", "owner").is_some());
    assert!(find(&cluster, &kinds::SECRETS, "default", "child").is_none(), "its owner had another uid");
}

#[test]
fn an_owner_added_at_the_last_moment_is_enough() {
    let mut saved = 0;
    for seed in 0..100 {
        let mut cluster = cluster(seed);
        let was_added = Rc::new(Cell::new(false));
        let told = was_added.clone();
        cluster.user("kubectl", move |ctx, client| {
            let told = told.clone();
            async move {
                ctx.sleep_until(Instant::from_secs(5)).await;
                let first = make(&client, config_map("default", "first", vec![])).await;
                let second = make(&client, config_map("default", "second", vec![])).await;
                make(&client, secret("default", "child", vec![owned_by(&first)])).await;
                ctx.sleep_until(Instant::from_secs(10)).await;
                delete(&client, &kinds::CONFIGMAPS, "first", "Background").await;
                ctx.sleep(ctx.choose_duration("moment", "", Duration::ZERO, Duration::from_millis(20))).await;
                let both = vec![owned_by(&first), owned_by(&second)];
                told.set(set_owners(&client, "child", both).await);
            }
        });
        cluster.sim.run_until(Instant::from_secs(30));
        let child = find(&cluster, &kinds::SECRETS, "default", "child");
        assert_eq!(child.is_some(), was_added.get(), "seed {seed}: {child:?}");
        if let Some(child) = child {
            let owners: Vec<_> = child.owners().map(|owner| owner.name).collect();
            assert_eq!(owners, ["second"], "seed {seed}: the reference to what is gone goes");
            saved += 1;
        }
    }
    assert!((5..=95).contains(&saved), "{saved} of 100 were saved: the moment is not the last any more");
}

#[test]
fn an_owner_in_another_namespace_is_none() {
    let mut cluster = cluster(3);
    cluster.user("kubectl", |ctx, client| async move {
        let elsewhere = value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}});
        make(&client, elsewhere).await;
        let owner = make(&client, config_map("default", "owner", vec![])).await;
        ctx.sleep_until(Instant::from_secs(10)).await;
        make(&client, secret("default", "near", vec![owned_by(&owner)])).await;
        make(&client, secret("elsewhere", "far", vec![owned_by(&owner)])).await;
        let volume = value!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": "above", "ownerReferences": [owned_by(&owner)]},
            "spec": {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
                "csi": {"driver": "d", "volumeHandle": "h"}},
        });
        make(&client, volume).await;
        ctx.sleep_until(Instant::from_secs(60)).await;
        delete(&client, &kinds::CONFIGMAPS, "owner", "Background").await;
    });
    cluster.sim.run_until(Instant::from_secs(59));
    assert!(find(&cluster, &kinds::SECRETS, "default", "near").is_some(), "its owner is there");
    assert!(
        find(&cluster, &kinds::SECRETS, "elsewhere", "far").is_none(),
        "no such owner is in its namespace"
    );
    assert_eq!(count(&cluster, &kinds::EVENTS), 0, "the real collector says so in an event");
    cluster.sim.run_until(Instant::from_secs(120));
    assert!(find(&cluster, &kinds::SECRETS, "default", "near").is_none());
    assert!(
        find(&cluster, &kinds::VOLUMES, "", "above").is_some(),
        "an object without a namespace cannot have an owner in one, and is left alone"
    );
}

#[test]
fn objects_that_own_each_other_end_all_the_same() {
    let mut cluster = cluster(4);
    cluster.user("kubectl", |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(5)).await;
        let owner = make(&client, config_map("default", "one", vec![])).await;
        let other = make(&client, secret("default", "other", vec![owned_by(&owner)])).await;
        let patch = value!({"metadata": {"ownerReferences": [owned_by(&other)]}});
        client.merge_patch(&kinds::CONFIGMAPS, "default", "one", "", patch).await.expect("patched");
        ctx.sleep_until(Instant::from_secs(10)).await;
        delete(&client, &kinds::CONFIGMAPS, "one", "Foreground").await;
    });
    cluster.sim.run_until(Instant::from_secs(9));
    assert!(find(&cluster, &kinds::CONFIGMAPS, "default", "one").is_some(), "each holds the other");
    cluster.sim.run_until(Instant::from_secs(60));
    assert_eq!(count(&cluster, &kinds::SECRETS), 0);
    assert!(find(&cluster, &kinds::CONFIGMAPS, "default", "one").is_none());
}

#[test]
fn dependents_are_let_go_although_answers_are_lost() {
    let mut cluster = cluster(5);
    cluster.user("kubectl", |ctx, client| async move {
        ctx.sleep_until(Instant::from_secs(5)).await;
        let owner = make(&client, config_map("default", "owner", vec![])).await;
        for i in 0..10 {
            make(&client, secret("default", &format!("child-{i}"), vec![owned_by(&owner)])).await;
        }
        ctx.sleep_until(Instant::from_secs(10)).await;
        delete(&client, &kinds::CONFIGMAPS, "owner", "Orphan").await;
    });
    cluster.sim.run_until(Instant::from_secs(9));
    cluster.fault(Fault::LoseResponse { target: Target::new(MANAGER, "*"), ppm: 300_000 });
    cluster.sim.run_until(Instant::from_secs(400));
    assert!(find(&cluster, &kinds::CONFIGMAPS, "default", "owner").is_none());
    let children = cluster.world.snapshot();
    let children: Vec<_> = children.list(&kinds::SECRETS.group_resource(), None).collect();
    assert_eq!(children.len(), 10);
    assert!(children.iter().all(|child| child.owners().next().is_none()));
}
