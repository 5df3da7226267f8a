//! A rollout keeps its bounds and makes one ReplicaSet for one template, whatever crashes and however old its cache is.

use super::*;
use controlplane::{Fault, Relist, Target};
use object::value;

fn web(image: &str) -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": 4, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1, "containers": [{"name": "c", "image": image}],
                },
            },
        },
    })
}

/// Makes the Deployment, and updates it at 40 s.
fn roll(cluster: &mut Cluster) {
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::DEPLOYMENTS, &web("web:1")).await.expect("created");
        ctx.sleep_until(seconds(40)).await;
        let template = web("web:2")["spec"]["template"].clone();
        let patch = value!({"spec": {"template": template}});
        client.merge_patch(&kinds::DEPLOYMENTS, "default", "web", "", patch).await.expect("patched");
    });
}

/// The replicas that the ReplicaSets of a commit ask for together.
fn asked_for(commit: &Commit) -> usize {
    let sets = kinds::REPLICASETS.group_resource();
    let asked: i64 = commit.after.list(&sets, Some("default")).map(|set| set["spec"]["replicas"].int()).sum();
    usize::try_from(asked).expect("a count")
}

fn ready(commit: &Commit) -> usize {
    let is_ready = |pod: &&Value| pod.condition("Ready")["status"] == "True" && !pod.is_deleting();
    pods_after(commit).iter().filter(is_ready).count()
}

#[test]
fn a_crash_after_any_write_keeps_the_bounds_of_a_rollout() {
    let writes = at_every_write(|nth| {
        let mut cluster = Cluster::new(config(5, 2)).expect("a cluster");
        let crashed = crash_after_write(&cluster, "deployment-controller", nth);
        let most = watch_most(&cluster, asked_for);
        let least = Rc::new(Cell::new(usize::MAX));
        let seen = least.clone();
        cluster.world.observe(Box::new(move |commit| {
            if commit.at >= seconds(40) {
                seen.set(seen.get().min(ready(commit)));
            }
        }));
        roll(&mut cluster);
        cluster.sim.run_until(seconds(200));
        assert!(most.get() <= 5, "crash after write {nth}: {} replicas asked for", most.get());
        assert!((3..=4).contains(&least.get()), "crash after write {nth}: {} ready", least.get());
        let images: Vec<Value> = list(&cluster, &kinds::PODS);
        let is_new = |pod: &Value| pod["spec"]["containers"].items()[0]["image"] == "web:2";
        assert!(images.len() == 4 && images.iter().all(is_new), "crash after write {nth}");
        assert_eq!(list(&cluster, &kinds::REPLICASETS).len(), 2, "crash after write {nth}");
        assert_eq!(get(&cluster, &kinds::DEPLOYMENTS, "web")["status"]["updatedReplicas"], 4);
        crashed.get()
    });
    assert!(writes >= 8, "two ReplicaSets, scaling and statuses, not {writes} writes");
}

/// Makes the Deployment while the manager's watch of ReplicaSets stands still; gives the ReplicaSets in the end.
fn stale_sets(random_names: bool) -> usize {
    let mut config = config(6, 2);
    config.mutants.deployments_name_at_random = random_names;
    let mut cluster = Cluster::new(config).expect("a cluster");
    cluster.sim.run_until(seconds(20));
    let target = Target::new(MANAGER, "replicasets.apps");
    let fault = cluster.fault(Fault::PauseWatch { target, relist: Relist::Frozen });
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::DEPLOYMENTS, &web("web:1")).await.expect("created");
        for tick in 0..20 {
            ctx.sleep(Duration::from_secs(5)).await;
            let patch = value!({"metadata": {"annotations": {"tick": tick.to_string()}}});
            client.merge_patch(&kinds::DEPLOYMENTS, "default", "web", "", patch).await.expect("patched");
        }
    });
    cluster.sim.run_until(seconds(130));
    let made = list(&cluster, &kinds::REPLICASETS).len();
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(seconds(260));
    assert_eq!(get(&cluster, &kinds::DEPLOYMENTS, "web")["status"]["readyReplicas"], 4);
    made
}

#[test]
fn a_deployment_that_does_not_see_its_replicaset_finds_it_by_its_name() {
    assert_eq!(stale_sets(false), 1);
    assert!(stale_sets(true) > 1, "the hash in the name is what it is found by");
}
