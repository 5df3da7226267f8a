//! The other rules, over hand-made runs.

use crate::run::{Run, owner, pod, workload};
use object::{Value, value};
use property::{Kind, NotJudged, Outcome, Property, Verdict, judge_once};
use std::time::Duration;
use view::{Unread, View};

fn check(run: Run, outcome: Outcome, observed: &str) -> Verdict {
    let verdict = run.verdict();
    let seen = verdict.violation.as_ref().map_or("", |violation| violation.observed.as_str());
    assert_eq!((verdict.outcome, seen), (outcome, observed), "{verdict:?}");
    verdict
}

fn always(rule: &str, parameters: Value, objects: &[(&str, Value)]) -> Run {
    Run::new(rule, parameters, Some(Kind::Always), objects)
}

/// Gives the verdict of an `eventually` that has been given a minute.
fn after_a_minute(mut run: Run) -> Run {
    run.faults_stopped();
    run.wait(60);
    run
}

fn eventually(rule: &str, parameters: Value, objects: &[(&str, Value)]) -> Run {
    Run::new(rule, parameters, Some(Kind::Eventually { within: Duration::from_secs(60) }), objects)
}

// ----- replicas-converge -----

#[test]
fn a_replicaset_converges_when_pods_and_status_are_there() {
    let replicaset = workload("ReplicaSet", "web", 2);
    let start = || eventually("replicas-converge", Value::Null, &[("replicasets.apps", replicaset.clone())]);
    let full = replicaset.clone().with(&["status", "replicas"], 2);

    let mut run = start();
    run.put("pods", pod("ReplicaSet", "web", "a"));
    check(after_a_minute(run), Outcome::Violated, "live pods: 1");

    let mut run = start();
    run.put("pods", pod("ReplicaSet", "web", "a"));
    run.put("pods", pod("ReplicaSet", "web", "b"));
    check(after_a_minute(run), Outcome::Violated, "status.replicas: 0");

    let mut run = start();
    run.put("pods", pod("ReplicaSet", "web", "a"));
    run.put("pods", pod("ReplicaSet", "web", "b"));
    run.put("replicasets.apps", full.clone());
    check(after_a_minute(run), Outcome::Held, "");

    let mut run = start();
    run.put("replicasets.apps", full.with(&["metadata", "generation"], 2));
    let verdict = check(after_a_minute(run), Outcome::Violated, "status.observedGeneration: 1");
    assert_eq!(verdict.violation.unwrap().evidence, ["live pods: 0, not 2"]);
}

#[test]
fn readiness_counts_when_asked_for() {
    let full = workload("ReplicaSet", "web", 1).with(&["status", "replicas"], 1);
    let ready = pod("ReplicaSet", "web", "a")
        .with(&["status", "conditions"], value!([{"type": "Ready", "status": "True"}]));
    let start =
        || eventually("replicas-converge", value!({"ready": true}), &[("replicasets.apps", full.clone())]);
    let mut run = start();
    run.put("pods", pod("ReplicaSet", "web", "a"));
    check(after_a_minute(run), Outcome::Violated, "ready pods: 0");
    let mut run = start();
    run.put("pods", pod("ReplicaSet", "web", "a"));
    run.put("pods", ready);
    check(after_a_minute(run), Outcome::Held, "");
}

#[test]
fn a_deployment_converges_when_its_replicasets_and_status_do() {
    let status = value!({"replicas": 2, "updatedReplicas": 2, "observedGeneration": 1});
    let deployment = workload("Deployment", "web", 2).with(&["status"], status);
    let set = |name: &str, replicas: i64| {
        workload("ReplicaSet", name, replicas)
            .with(&["metadata", "ownerReferences"], owner("Deployment", "web"))
    };
    let parameters = value!({"kinds": ["Deployment"]});
    let mut run = eventually("replicas-converge", parameters, &[("deployments.apps", deployment)]);
    run.put("replicasets.apps", set("old", 1));
    run.put("replicasets.apps", set("new", 2));
    run.put("replicasets.apps", set("old", 0));
    check(after_a_minute(run), Outcome::Held, "");
}

#[test]
fn a_job_converges_when_it_runs_as_much_as_it_may_or_is_done() {
    let job = |status: Value| {
        value!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"namespace": "shop", "name": "import", "uid": "Job-import"},
            "spec": {"completions": 3, "parallelism": 2}, "status": status})
    };
    let start = |status| eventually("replicas-converge", Value::Null, &[("jobs.batch", job(status))]);
    let mut run = start(value!({}));
    run.put("pods", pod("Job", "import", "a"));
    check(after_a_minute(run), Outcome::Violated, "live pods: 1");
    let mut run = start(value!({"succeeded": 2}));
    run.put("pods", pod("Job", "import", "a"));
    check(after_a_minute(run), Outcome::Held, "");
    check(
        after_a_minute(start(value!({"conditions": [{"type": "Complete", "status": "True"}]}))),
        Outcome::Held,
        "",
    );
}

#[test]
fn a_workload_that_is_gone_need_not_converge() {
    let mut run = eventually(
        "replicas-converge",
        Value::Null,
        &[("replicasets.apps", workload("ReplicaSet", "web", 2))],
    );
    run.delete("replicasets.apps", "shop", "web");
    check(after_a_minute(run), Outcome::Held, "");
}

// ----- quiescent -----

#[test]
fn quiet_means_nothing_but_heartbeats() {
    let node = |heartbeat: &str, ready: &str| {
        let condition = value!([{"type": "Ready", "status": ready, "lastHeartbeatTime": heartbeat}]);
        value!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "n1"}, "status": {"conditions": condition}})
    };
    let lease = |holder: &str| value!({"metadata": {"namespace": "kube-node-lease", "name": "n1"}, "spec": {"holderIdentity": holder}});
    let start = || {
        let mut run = eventually(
            "quiescent",
            value!({"for": "30s"}),
            &[("nodes", node("2026-01-01T00:00:00Z", "True"))],
        );
        run.put("pods", pod("ReplicaSet", "web", "a"));
        run.faults_stopped();
        run.skip(40);
        run
    };
    let mut run = start();
    run.put("nodes", node("2026-01-01T00:00:40Z", "True"));
    run.put("leases.coordination.k8s.io", lease("n1"));
    run.wait(20);
    let verdict = check(run, Outcome::Held, "");
    assert_eq!(verdict.recovered_after, Some(Duration::ZERO), "the last write was before the faults stopped");

    let mut run = start();
    run.put("nodes", node("2026-01-01T00:00:40Z", "False"));
    run.wait(20);
    let verdict = check(run, Outcome::Violated, "the last of 2 writes 20.0 s ago");
    let evidence = verdict.violation.unwrap().evidence;
    assert_eq!(evidence[1], "40.0 s: Updated nodes n1 by kube-controller-manager-0/replicaset-controller");
}

// ----- no-orphans -----

#[test]
fn an_object_whose_owner_is_gone_is_an_orphan_until_it_goes_too() {
    let start = || {
        let objects =
            [("replicasets.apps", workload("ReplicaSet", "web", 1)), ("pods", pod("ReplicaSet", "web", "a"))];
        let mut run = eventually("no-orphans", Value::Null, &objects);
        run.delete("replicasets.apps", "shop", "web");
        run
    };
    let verdict =
        check(after_a_minute(start()), Outcome::Violated, "its owner ReplicaSet web does not exist");
    assert_eq!(verdict.violation.unwrap().object.to_string(), "Pod shop/a");
    let mut run = start();
    run.delete("pods", "shop", "a");
    check(after_a_minute(run), Outcome::Held, "");
}

#[test]
fn another_object_of_the_owners_name_is_not_the_owner() {
    let objects =
        [("replicasets.apps", workload("ReplicaSet", "web", 1)), ("pods", pod("ReplicaSet", "web", "a"))];
    let mut run = eventually("no-orphans", Value::Null, &objects);
    run.delete("replicasets.apps", "shop", "web");
    run.put("replicasets.apps", workload("ReplicaSet", "web", 1).with(&["metadata", "uid"], "another"));
    check(after_a_minute(run), Outcome::Violated, "its owner ReplicaSet web does not exist");
}

// ----- one-daemon-pod-per-node -----

#[test]
fn a_daemonset_has_one_pod_on_a_node() {
    let on = |name: &str, node: &str| pod("DaemonSet", "log", name).with(&["spec", "nodeName"], node);
    let meant_for = |name: &str, node: &str| {
        let terms = value!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]);
        let path = [
            "spec",
            "affinity",
            "nodeAffinity",
            "requiredDuringSchedulingIgnoredDuringExecution",
            "nodeSelectorTerms",
        ];
        pod("DaemonSet", "log", name).with(&path, terms)
    };
    let start = |daemonset| always("one-daemon-pod-per-node", Value::Null, &[("daemonsets.apps", daemonset)]);
    let daemonset = workload("DaemonSet", "log", 0);

    let mut run = start(daemonset.clone());
    run.put("pods", on("a", "n1"));
    run.put("pods", on("b", "n2"));
    run.put("pods", meant_for("c", "n2"));
    let verdict = check(run, Outcome::Violated, "2 live pods");
    assert_eq!(verdict.violation.unwrap().object.to_string(), "DaemonSet shop/log (node n2)");

    let mut run = start(daemonset.clone().with(&["spec", "updateStrategy", "rollingUpdate", "maxSurge"], 1));
    run.put("pods", on("a", "n1"));
    run.put("pods", on("b", "n1"));
    check(run, Outcome::Held, "");

    let mut run = start(daemonset);
    run.put("pods", meant_for("a", "n1"));
    run.put("pods", on("a", "n1"));
    run.delete("pods", "shop", "a");
    run.put("pods", on("b", "n1"));
    check(run, Outcome::Held, "");
}

// ----- one-node-per-volume -----

#[test]
fn a_volume_is_not_given_to_a_node_while_another_may_write() {
    let volume = |mode: &str| {
        value!({
            "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv", "uid": "pv"},
            "spec": {"accessModes": [mode], "csi": {"driver": "disk", "volumeHandle": "v1"}},
        })
    };
    let node = |name: &str, used: Value| {
        value!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "uid": name},
            "status": {"volumesInUse": used},
        })
    };
    let attachment = |node: &str, attached: bool| {
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": node, "uid": node},
            "spec": {"attacher": "disk", "nodeName": node, "source": {"persistentVolumeName": "pv"}},
            "status": {"attached": attached},
        })
    };
    let used = || value!(["kubernetes.io/csi/disk^v1"]);
    let start = |mode: &str| {
        let there = [
            ("persistentvolumes", volume(mode)),
            ("nodes", node("n1", used())),
            ("nodes", node("n2", Value::Null)),
        ];
        let mut run = always("one-node-per-volume", Value::Null, &there);
        run.put("volumeattachments.storage.k8s.io", attachment("n1", true));
        // Who is to use it says so before it is attached.
        run.put("nodes", node("n2", used()));
        run.put("volumeattachments.storage.k8s.io", attachment("n2", false));
        run
    };
    let hand_over = |run: &mut Run| {
        run.delete("volumeattachments.storage.k8s.io", "", "n1");
        run.put("volumeattachments.storage.k8s.io", attachment("n2", true));
    };

    let mut run = start("ReadWriteOnce");
    hand_over(&mut run);
    let verdict = check(run, Outcome::Violated, "2 nodes may write");
    assert_eq!(verdict.violation.unwrap().object.to_string(), "PersistentVolume pv");

    let mut run = start("ReadWriteOnce");
    run.put("nodes", node("n1", Value::Null));
    hand_over(&mut run);
    check(run, Outcome::Held, "");

    let mut run = start("ReadWriteOnce");
    let taint = value!([{"key": "node.kubernetes.io/out-of-service", "effect": "NoExecute"}]);
    run.put("nodes", node("n1", used()).with(&["spec", "taints"], taint));
    hand_over(&mut run);
    check(run, Outcome::Held, "");

    let mut run = start("ReadWriteMany");
    hand_over(&mut run);
    check(run, Outcome::NeverReached, "");
}

// ----- silent-nodes-have-old-leases -----

#[test]
fn a_node_that_renews_its_lease_is_not_called_silent() {
    let node = |ready: &str| {
        value!({
            "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "n1"},
            "status": {"conditions": [{"type": "Ready", "status": ready}]},
        })
    };
    let lease = value!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "n1", "namespace": "kube-node-lease", "uid": "l1"},
        "spec": {"renewTime": crate::run::epoch().rfc3339_micros()},
    });
    let after = |seconds: u64| {
        let there = [("nodes", node("True")), ("leases.coordination.k8s.io", lease.clone())];
        let mut run = always("silent-nodes-have-old-leases", Value::Null, &there);
        run.skip(seconds);
        run.put("nodes", node("Unknown"));
        run
    };
    check(after(60), Outcome::Held, "");
    check(after(12), Outcome::Violated, "called silent 12 s after it renewed its lease");
}

// ----- one-pod-per-statefulset-identity -----

#[test]
fn an_identity_is_not_reused_while_the_old_pod_may_run() {
    let node = value!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1", "uid": "n1"}});
    let running = |uid: &str, phase: &str| {
        let statuses = value!([{"name": "db", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]);
        let status = value!({"phase": phase, "containerStatuses": statuses});
        let bound =
            pod("StatefulSet", "db", "db-0").with(&["spec", "nodeName"], "n1").with(&["status"], status);
        bound.with(&["metadata", "uid"], uid)
    };
    let start = || {
        let mut run = always("one-pod-per-statefulset-identity", Value::Null, &[("nodes", node.clone())]);
        run.put("pods", running("first", "Running"));
        run
    };
    let again = || pod("StatefulSet", "db", "db-0").with(&["metadata", "uid"], "second");

    let mut run = start();
    run.delete("pods", "shop", "db-0");
    run.put("pods", again());
    let verdict = check(run, Outcome::Violated, "2 pods may run under one identity");
    assert_eq!(verdict.violation.unwrap().object.to_string(), "StatefulSet shop/db (pod db-0)");

    let mut run = start();
    run.put("pods", running("first", "Failed"));
    run.delete("pods", "shop", "db-0");
    run.put("pods", again());
    check(run, Outcome::Held, "");

    let mut run = start();
    run.delete("pods", "shop", "db-0");
    run.delete("nodes", "", "n1");
    run.put("pods", again());
    check(run, Outcome::Held, "");
}

// ----- writes-per-change-bounded -----

#[test]
fn writes_are_counted_against_changes_and_size() {
    let replicaset = workload("ReplicaSet", "web", 2);
    let parameters = || value!({"factor": 1.5, "base": 1});
    let start =
        || always("writes-per-change-bounded", parameters(), &[("replicasets.apps", replicaset.clone())]);
    let mut run = start();
    for name in ["a", "b", "c", "d"] {
        run.put("pods", pod("ReplicaSet", "web", name));
        run.put_as(
            "kubelet-n1",
            "pods",
            pod("ReplicaSet", "web", name).with(&["status", "phase"], "Running"),
        );
    }
    check(run, Outcome::Held, "");

    let mut run = start();
    for name in ["a", "b", "c", "d"] {
        run.put("pods", pod("ReplicaSet", "web", name));
    }
    run.delete("pods", "shop", "a");
    let verdict = check(run, Outcome::Violated, "5 writes by kube-controller-manager*");
    let violation = verdict.violation.unwrap();
    assert_eq!(
        (violation.allowed.as_str(), violation.evidence[0].as_str()),
        ("at most 4", "1 change of a workload with 2 replicas in all")
    );

    // A change of the workload allows for as much again.
    let mut run = start();
    for name in ["a", "b", "c", "d"] {
        run.put("pods", pod("ReplicaSet", "web", name));
    }
    run.put_as(
        "kubectl",
        "replicasets.apps",
        workload("ReplicaSet", "web", 3).with(&["metadata", "generation"], 2),
    );
    run.delete("pods", "shop", "a");
    check(run, Outcome::Held, "");
}

// ----- once -----

#[test]
fn a_rule_judged_once_is_a_check() {
    let objects =
        [workload("ReplicaSet", "web", 1), pod("ReplicaSet", "web", "a"), pod("ReplicaSet", "web", "b")];
    let view = View::from_objects(objects, crate::run::epoch());
    let judge = |rule: &str, view: &View| {
        let mut property = Property::new(rule, &Value::Null).unwrap();
        judge_once(property.rule_mut(), view)
    };
    let once = judge("replicaset-pods-bounded", &view).unwrap();
    assert_eq!((once.applied, once.broken[0].allowed.as_str()), (1, "at most 1"));
    assert_eq!(judge("no-orphans", &view).unwrap().applied, 2);
    assert_eq!(judge("quiescent", &view), Err(NotJudged::NeedsHistory));
    let unread = Unread::new("pods", None, "forbidden");
    let partial = view.with_unread(unread.clone());
    assert_eq!(judge("replicaset-pods-bounded", &partial), Err(NotJudged::Unread(unread.clone())));
    assert_eq!(judge("no-orphans", &partial), Err(NotJudged::Unread(unread)));
}

#[test]
fn parameters_are_typed() {
    let refuse = |rule: &str, parameters: Value, expected: &str| {
        assert_eq!(Property::new(rule, &parameters).unwrap_err().to_string(), expected);
    };
    refuse(
        "pods-bounded",
        Value::Null,
        "there is no rule \"pods-bounded\"; there are no-orphans, one-daemon-pod-per-node, \
         one-node-per-volume, one-pod-per-statefulset-identity, pod-count, quiescent, replicas-converge, replicaset-pods-bounded, \
         silent-nodes-have-old-leases, writes-per-change-bounded",
    );
    refuse(
        "quiescent",
        value!({"for": 60}),
        "parameter for of quiescent is a duration such as 90s or 5m, not 60",
    );
    refuse("quiescent", value!({"fro": "60s"}), "quiescent has no parameter \"fro\"; it has for, ignore");
    refuse(
        "replicaset-pods-bounded",
        value!({"slack": -1}),
        "parameter slack of replicaset-pods-bounded is a whole number from 0 to 1000000, not -1",
    );
    refuse("no-orphans", value!([]), "parameters of no-orphans are a map of names to values");
    for definition in property::LIBRARY {
        assert!(
            Property::new(definition.name, &Value::Null).is_ok(),
            "{} with all defaults",
            definition.name
        );
    }
}
