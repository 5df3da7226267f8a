//! `replicaset-pods-bounded`: what counts, what is tolerated, and what is not.

use crate::run::{Run, pod, workload};
use object::{Value, value};
use property::{Outcome, Verdict};

fn run(parameters: Value, replicas: i64) -> Run {
    let objects = [("replicasets.apps", workload("ReplicaSet", "web", replicas))];
    Run::new("replicaset-pods-bounded", parameters, None, &objects)
}

fn add(run: &mut Run, names: &[&str]) {
    for name in names {
        run.put("pods", pod("ReplicaSet", "web", name));
    }
}

fn check(verdict: &Verdict, outcome: Outcome, observed: &str) {
    assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    assert_eq!(verdict.violation.as_ref().map_or("", |violation| violation.observed.as_str()), observed);
}

#[test]
fn one_pod_too_many_is_a_violation_at_its_commit() {
    let mut run = run(Value::Null, 2);
    add(&mut run, &["a", "b"]);
    run.skip(300);
    add(&mut run, &["c", "d"]);
    let verdict = run.verdict();
    check(&verdict, Outcome::Violated, "3 live pods");
    let violation = verdict.violation.unwrap();
    assert_eq!(violation.at.as_secs(), 300);
    assert_eq!(violation.revision, 5, "the replica set is 2, the pods 3, 4 and 5");
    assert_eq!(violation.object.to_string(), "ReplicaSet shop/web");
    assert_eq!(violation.allowed, "at most 2");
    assert_eq!((verdict.evaluations, verdict.reached, verdict.broken), (5, 4, 2));
}

#[test]
fn without_a_pod_nothing_was_tested() {
    check(&run(Value::Null, 2).verdict(), Outcome::NeverReached, "");
}

#[test]
fn finished_and_deleting_pods_are_not_live() {
    let mut run = run(Value::Null, 1);
    add(&mut run, &["a"]);
    run.put("pods", pod("ReplicaSet", "web", "a").with(&["status", "phase"], "Failed"));
    add(&mut run, &["b"]);
    let deleting = value!("2026-01-01T00:00:30Z");
    run.put("pods", pod("ReplicaSet", "web", "b").with(&["metadata", "deletionTimestamp"], deleting));
    add(&mut run, &["c"]);
    run.delete("pods", "shop", "c");
    add(&mut run, &["d"]);
    check(&run.verdict(), Outcome::Held, "");
}

#[test]
fn deleting_pods_count_when_asked_to() {
    let mut run = run(value!({"countDeleting": true}), 1);
    add(&mut run, &["a"]);
    let deleting = value!("2026-01-01T00:00:30Z");
    run.put("pods", pod("ReplicaSet", "web", "a").with(&["metadata", "deletionTimestamp"], deleting));
    add(&mut run, &["b"]);
    check(&run.verdict(), Outcome::Violated, "2 live pods");
}

#[test]
fn creates_of_unknown_outcome_and_slack_are_tolerated() {
    let mut unknown = run(Value::Null, 1);
    unknown.create_of_unknown_outcome(&pod("ReplicaSet", "web", ""));
    add(&mut unknown, &["a", "b"]);
    check(&unknown.verdict(), Outcome::Held, "");

    let mut unknown = run(Value::Null, 1);
    unknown.create_of_unknown_outcome(&pod("ReplicaSet", "other", ""));
    add(&mut unknown, &["a", "b"]);
    check(&unknown.verdict(), Outcome::Violated, "2 live pods");

    let mut slack = run(value!({"slack": 1}), 1);
    add(&mut slack, &["a", "b"]);
    check(&slack.verdict(), Outcome::Held, "");
}

#[test]
fn once_the_controller_has_seen_everything_nothing_is_unknown_any_more() {
    let mut run = run(Value::Null, 1);
    run.create_of_unknown_outcome(&pod("ReplicaSet", "web", ""));
    add(&mut run, &["a"]);
    run.put("replicasets.apps", workload("ReplicaSet", "web", 1).with(&["status", "replicas"], 1));
    add(&mut run, &["b"]);
    check(&run.verdict(), Outcome::Violated, "2 live pods");
}

#[test]
fn scaling_down_is_no_violation_until_the_controller_has_caught_up() {
    let scaled = |observed: i64| {
        let replicaset = workload("ReplicaSet", "web", 1).with(&["metadata", "generation"], 2);
        replicaset.with(&["status", "observedGeneration"], observed)
    };
    let mut run = run(Value::Null, 3);
    add(&mut run, &["a", "b", "c"]);
    run.put("replicasets.apps", scaled(1));
    run.delete("pods", "shop", "a");
    // The controller has not seen the change yet and replaces what is missing.
    add(&mut run, &["d"]);
    run.delete("pods", "shop", "d");
    run.put("replicasets.apps", scaled(2));
    run.delete("pods", "shop", "b");
    add(&mut run, &["e"]);
    let verdict = run.verdict();
    check(&verdict, Outcome::Violated, "2 live pods");
    assert_eq!(verdict.violation.unwrap().allowed, "at most 1");
}

#[test]
fn pods_of_a_deleted_owner_are_nobodys_surplus() {
    let mut run = run(Value::Null, 1);
    add(&mut run, &["a"]);
    run.delete("replicasets.apps", "shop", "web");
    add(&mut run, &["b"]);
    check(&run.verdict(), Outcome::Held, "");
}
