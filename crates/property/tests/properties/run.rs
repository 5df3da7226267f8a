//! A run by hand: a store whose commits a monitor follows.

use object::{Time, Value, value};
use property::{Commit, Fact, Kind, Monitor, Property, Verdict};
use std::time::Duration;
use store::{Store, Transaction};
use view::View;

pub const WRITER: &str = "kube-controller-manager-0/replicaset-controller";

pub struct Run {
    pub store: Store,
    monitor: Monitor,
    at: Duration,
}

impl Run {
    /// Begins a run in which one property is judged, with these objects in place.
    pub fn new(rule: &str, parameters: Value, kind: Option<Kind>, objects: &[(&str, Value)]) -> Self {
        let property = Property::new(rule, &parameters).unwrap();
        let kind = kind.unwrap_or(property.kind());
        let mut store = Store::new();
        for (resource, object) in objects {
            store.commit(Transaction::create(*resource, object.clone())).unwrap();
        }
        let mut monitor = Monitor::new([property.must_hold(kind)]);
        monitor.begin(&View::new(store.snapshot(), epoch()));
        Self { store, monitor, at: Duration::ZERO }
    }

    pub fn wait(&mut self, seconds: u64) {
        self.at += Duration::from_secs(seconds);
        let view = self.view();
        self.monitor.pass_time(self.at, &view);
    }

    /// Lets time pass without telling the monitor, as between two events.
    pub fn skip(&mut self, seconds: u64) {
        self.at += Duration::from_secs(seconds);
    }

    pub fn put(&mut self, resource: &str, object: Value) {
        self.commit(Transaction::put(resource, object), WRITER);
    }

    pub fn put_as(&mut self, writer: &str, resource: &str, object: Value) {
        self.commit(Transaction::put(resource, object), writer);
    }

    pub fn delete(&mut self, resource: &str, namespace: &str, name: &str) {
        self.commit(Transaction::delete(resource, namespace, name), WRITER);
    }

    fn commit(&mut self, transaction: Transaction, writer: &str) {
        let before = self.store.revision();
        self.store.commit(transaction).unwrap();
        let events: Vec<_> = self.store.events_after(before).unwrap().cloned().collect();
        let after = self.store.snapshot();
        let commit = Commit { at: self.at, now: epoch() + self.at, writer, events: &events, after: &after };
        self.monitor.commit(&commit);
    }

    pub fn create_of_unknown_outcome(&mut self, pod: &Value) {
        let resource = object::GroupResource::new("", "pods");
        self.monitor.learn(self.at, &Fact::CreateOutcomeUnknown { resource: &resource, object: pod });
    }

    pub fn faults_stopped(&mut self) {
        self.monitor.faults_stopped(self.at);
    }

    pub fn next_deadline_s(&self) -> Option<u64> {
        self.monitor.next_deadline().map(|at| at.as_secs())
    }

    pub fn view(&self) -> View {
        View::new(self.store.snapshot(), epoch() + self.at)
    }

    pub fn verdict(self) -> Verdict {
        let view = self.view();
        self.monitor.finish(self.at, &view).remove(0)
    }
}

pub fn epoch() -> Time {
    Time::parse("2026-01-01T00:00:00Z").unwrap()
}

pub fn owner(kind: &str, name: &str) -> Value {
    let version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
    value!([{"apiVersion": version, "kind": kind, "name": name, "uid": uid(kind, name), "controller": true}])
}

fn uid(kind: &str, name: &str) -> String {
    format!("{kind}-{name}")
}

pub fn workload(kind: &str, name: &str, replicas: i64) -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"namespace": "shop", "name": name, "uid": uid(kind, name), "generation": 1},
        "spec": {"replicas": replicas},
        "status": {"replicas": 0, "observedGeneration": 1},
    })
}

pub fn pod(owner_kind: &str, owner_name: &str, name: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": name, "uid": uid("Pod", name),
            "ownerReferences": owner(owner_kind, owner_name)},
        "status": {"phase": "Pending"},
    })
}
