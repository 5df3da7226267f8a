//! kubernetes#134937: a DaemonSet whose controller does not see its pods makes them again.

use super::*;
use controlplane::{Fault, Mutants, Relist, Target};
use object::value;

fn daemon() -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                "spec": {"containers": [{"name": "c", "image": "agent:1"}]},
            },
        },
    })
}

/// The most pods that one node is to have, by the affinity that the controller gives each.
fn on_one_node(commit: &Commit) -> usize {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let path = ["spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"];
    for pod in pods_after(commit).iter().filter(|pod| !pod.is_deleting()) {
        let term = &pod.at(&path)["nodeSelectorTerms"].items()[0]["matchFields"].items()[0];
        *counts.entry(term["values"].items()[0].str().to_owned()).or_default() += 1;
    }
    counts.into_values().max().unwrap_or(0)
}

/// Makes a DaemonSet while the manager's watch of pods stands still for `minutes`; gives the most pods for one node, and
/// the pods in the end.
fn stale(gate: bool, minutes: u64, mutants: Mutants) -> (usize, usize) {
    let mut config = config(1, 3);
    config.gates.insert("StaleControllerConsistencyDaemonSet".to_owned(), gate);
    config.mutants = mutants;
    let mut cluster = Cluster::new(config).expect("a cluster");
    let most = watch_most(&cluster, on_one_node);
    cluster.sim.run_until(seconds(20));
    let target = Target::new(MANAGER, "pods");
    let fault = cluster.fault(Fault::PauseWatch { target, relist: Relist::Frozen });
    cluster.user("kubectl", |ctx, client| async move {
        client.create(&kinds::DAEMONSETS, &daemon()).await.expect("created");
        for tick in 0.. {
            ctx.sleep(Duration::from_secs(20)).await;
            let patch = value!({"metadata": {"annotations": {"tick": tick.to_string()}}});
            client.merge_patch(&kinds::DAEMONSETS, "default", "agent", "", patch).await.expect("patched");
        }
    });
    cluster.sim.run_until(seconds(20 + minutes * 60));
    cluster.world.faults.borrow_mut().remove(fault);
    cluster.sim.run_until(seconds(20 + minutes * 60 + 420));
    (most.get(), list(&cluster, &kinds::PODS).len())
}

#[test]
fn k8s_134937_a_stale_pod_cache_makes_more_than_one_pod_for_a_node() {
    for (minutes, most) in [(4, 1), (7, 2), (12, 3)] {
        assert_eq!(stale(false, minutes, Mutants::default()), (most, 3), "{minutes} min without the gate");
        assert_eq!(stale(true, minutes, Mutants::default()), (1, 3), "{minutes} min with the gate");
    }
}

#[test]
fn it_is_the_expiry_of_expectations_that_makes_them() {
    let mutants = Mutants { expectations_never_expire: true, ..Mutants::default() };
    assert_eq!(stale(false, 12, mutants).0, 1);
}

#[test]
fn a_crash_after_any_write_leaves_one_pod_on_each_node() {
    let writes = at_every_write(|nth| {
        let mut cluster = Cluster::new(config(2, 3)).expect("a cluster");
        let crashed = crash_after_write(&cluster, "daemon-set-controller", nth);
        create(&mut cluster, &kinds::DAEMONSETS, daemon());
        cluster.sim.run_until(seconds(120));
        let pods = list(&cluster, &kinds::PODS);
        let nodes: BTreeSet<&str> = pods.iter().map(|pod| pod["spec"]["nodeName"].str()).collect();
        assert_eq!((pods.len(), nodes.len()), (3, 3), "crash after write {nth}");
        assert_eq!(get(&cluster, &kinds::DAEMONSETS, "agent")["status"]["numberReady"], 3);
        crashed.get()
    });
    assert!(writes >= 5, "a revision, three pods and a status, not {writes} writes");
}
