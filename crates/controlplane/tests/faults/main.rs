//! What faults do to each controller: crashes between any two of its writes, caches that stand still, and servers that
//! tell of the past. Each guard is shown to be what holds, by a run in which it is broken on purpose.

mod daemonset;
mod deployment;
mod job;
mod statefulset;

use controlplane::machinery::Client;
use controlplane::{Cluster, ClusterConfig, Commit, NodeConfig, kinds};
use object::{GroupVersionResource, ObjectExt, Value};
use schema::KubernetesVersion;
use sim::{CrashKind, Instant};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

const MANAGER: &str = "kube-controller-manager-0";

fn config(seed: u64, nodes: usize) -> ClusterConfig {
    let version = KubernetesVersion::parse("1.36").expect("known");
    let mut config = ClusterConfig::new(version, sim::Config::with_seed(seed));
    config.nodes = (0..nodes).map(|i| NodeConfig::new(&format!("n{i}"), "v1.36.3")).collect();
    config
}

fn seconds(at: u64) -> Instant {
    Instant::from_secs(at)
}

/// Has a user create an object once the cluster is up.
fn create(cluster: &mut Cluster, resource: &GroupVersionResource, object: Value) {
    let resource = resource.clone();
    user(cluster, "kubectl", move |client| {
        let (resource, object) = (resource.clone(), object.clone());
        async move {
            client.create(&resource, &object).await.expect("created");
        }
    });
}

/// Has a user do something at once.
fn user<F, Fut>(cluster: &mut Cluster, name: &str, script: F)
where
    F: Fn(Rc<Client>) -> Fut + Clone + 'static,
    Fut: Future<Output = ()> + 'static,
{
    cluster.user(name, move |_, client| script.clone()(client));
}

fn list(cluster: &Cluster, resource: &GroupVersionResource) -> Vec<Value> {
    cluster.world.snapshot().list(&resource.group_resource(), Some("default")).cloned().collect()
}

fn get(cluster: &Cluster, resource: &GroupVersionResource, name: &str) -> Value {
    list(cluster, resource).into_iter().find(|object| object.name() == name).unwrap_or(Value::Null)
}

/// Crashes the manager as soon as a controller's `nth` write is on the disk, before any answer, and starts it again a
/// second later. Gives whether that happened.
fn crash_after_write(cluster: &Cluster, controller: &str, nth: u32) -> Rc<Cell<bool>> {
    let control = cluster.sim.control().clone();
    let agent = format!("{MANAGER}/{controller}");
    let (crashed, seen) = (Rc::new(Cell::new(false)), Cell::new(0));
    let told = crashed.clone();
    cluster.world.observe(Box::new(move |commit| {
        if *commit.user_agent != *agent {
            return;
        }
        seen.set(seen.get() + 1);
        if seen.get() == nth {
            let manager = control.find(MANAGER).expect("it runs");
            control.crash(manager, CrashKind::Process);
            control.restart(manager, Duration::from_secs(1));
            told.set(true);
        }
    }));
    crashed
}

/// Runs `check` with a crash after the first write, after the second, and so on, until there are no more; it gives
/// whether the crash happened.
fn at_every_write(mut check: impl FnMut(u32) -> bool) -> u32 {
    (1..200).take_while(|nth| check(*nth)).last().expect("the controller writes")
}

/// The uids that each name of a resource has had.
type Uids = Rc<RefCell<BTreeMap<String, BTreeSet<String>>>>;

fn watch_uids(cluster: &Cluster, resource: &GroupVersionResource) -> Uids {
    let uids = Uids::default();
    let (seen, resource) = (uids.clone(), resource.group_resource());
    cluster.world.observe(Box::new(move |commit| {
        for event in commit.events.iter().filter(|event| event.resource == resource) {
            let (name, uid) = (event.object.name().to_owned(), event.object.uid().to_owned());
            seen.borrow_mut().entry(name).or_default().insert(uid);
        }
    }));
    uids
}

/// Gives the greatest number that a function of a commit ever gave.
fn watch_most(cluster: &Cluster, measure: impl Fn(&Commit) -> usize + 'static) -> Rc<Cell<usize>> {
    let most = Rc::new(Cell::new(0));
    let seen = most.clone();
    cluster.world.observe(Box::new(move |commit| seen.set(seen.get().max(measure(commit)))));
    most
}

fn pods_after(commit: &Commit) -> Vec<Value> {
    commit.after.list(&kinds::PODS.group_resource(), Some("default")).cloned().collect()
}
