//! When a property must hold: always, eventually, sometimes, never; and what is reported when it was not tested.

use crate::run::{Run, pod, workload};
use object::{Value, value};
use property::{Kind, Outcome, Verdict};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(60);

fn counting(kind: Kind, at_most: i64) -> Run {
    let objects = [("replicasets.apps", workload("ReplicaSet", "web", 1))];
    Run::new("pod-count", value!({"atMost": at_most}), Some(kind), &objects)
}

fn add(run: &mut Run, names: &[&str]) {
    for name in names {
        run.put("pods", pod("ReplicaSet", "web", name));
    }
}

fn check(run: Run, outcome: Outcome) -> Verdict {
    let verdict = run.verdict();
    assert_eq!(verdict.outcome, outcome, "{verdict:?}");
    verdict
}

#[test]
fn sometimes_needs_it_to_hold_once() {
    let mut run = counting(Kind::Sometimes, 0);
    add(&mut run, &["a"]);
    check(run, Outcome::Held);
    let objects = [("pods", pod("ReplicaSet", "web", "a"))];
    let run = Run::new("pod-count", value!({"atMost": 0}), Some(Kind::Sometimes), &objects);
    check(run, Outcome::DidNotHappen);
}

#[test]
fn never_is_violated_where_it_holds() {
    let parameters = value!({"atLeast": 2});
    let mut run =
        Run::new("pod-count", parameters, Some(Kind::Never), &[("pods", pod("ReplicaSet", "web", "a"))]);
    run.skip(5);
    add(&mut run, &["b", "c"]);
    let violation = check(run, Outcome::Violated).violation.unwrap();
    assert_eq!((violation.at.as_secs(), violation.observed.as_str()), (5, "2 live pods"));
}

#[test]
fn eventually_may_be_broken_until_its_deadline() {
    let mut run = counting(Kind::Eventually { within: WITHIN }, 1);
    add(&mut run, &["a", "b"]);
    run.wait(10);
    run.faults_stopped();
    assert_eq!(run.next_deadline_s(), Some(70));
    run.wait(30);
    run.delete("pods", "shop", "a");
    run.wait(30);
    assert_eq!(run.next_deadline_s(), None);
    // What comes after the deadline is not judged.
    add(&mut run, &["c"]);
    let verdict = check(run, Outcome::Held);
    assert_eq!(verdict.recovered_after, Some(Duration::from_secs(30)));
}

#[test]
fn eventually_is_violated_at_its_deadline() {
    let mut run = counting(Kind::Eventually { within: WITHIN }, 1);
    add(&mut run, &["a", "b"]);
    run.faults_stopped();
    run.wait(60);
    run.delete("pods", "shop", "a");
    run.wait(60);
    let violation = check(run, Outcome::Violated).violation.unwrap();
    assert_eq!((violation.at, violation.observed.as_str()), (WITHIN, "2 live pods"));
}

#[test]
fn a_deadline_that_passes_between_two_commits_is_judged_on_the_state_before() {
    let mut run = counting(Kind::Eventually { within: WITHIN }, 1);
    add(&mut run, &["a", "b"]);
    run.faults_stopped();
    run.skip(61);
    run.delete("pods", "shop", "a");
    let violation = check(run, Outcome::Violated).violation.unwrap();
    assert_eq!((violation.at, violation.revision), (WITHIN, 4));
}

#[test]
fn a_run_that_ends_before_the_deadline_decides_nothing() {
    let mut run = counting(Kind::Eventually { within: WITHIN }, 1);
    add(&mut run, &["a"]);
    run.faults_stopped();
    run.wait(59);
    check(run, Outcome::Undecided);
    check(counting(Kind::Eventually { within: WITHIN }, 1), Outcome::Undecided);
}

#[test]
fn a_rule_that_never_applied_is_reported() {
    for kind in [Kind::Always, Kind::Sometimes, Kind::Never, Kind::Eventually { within: WITHIN }] {
        let mut run = Run::new("replicaset-pods-bounded", Value::Null, Some(kind), &[]);
        add(&mut run, &["a"]);
        run.faults_stopped();
        run.wait(60);
        let verdict = check(run, Outcome::NeverReached);
        assert_eq!((verdict.evaluations, verdict.reached), (1, 0));
    }
}

#[test]
fn verdicts_are_written_for_machines() {
    let mut run = counting(Kind::Always, 0);
    run.skip(2);
    add(&mut run, &["a"]);
    let json = object::to_value(&run.verdict()).unwrap();
    let expected = value!({
        "property": "pod-count", "kind": "always", "outcome": "violated",
        "evaluations": 2, "reached": 2, "broken": 1,
        "violation": {"atSeconds": 2.0, "revision": 3,
            "object": {"kind": "", "namespace": "", "name": ""},
            "observed": "1 live pod", "allowed": "0 to 0", "evidence": []},
    });
    assert_eq!(json, expected);
}
