//! The twin of kubernetes#129795: pods that come and go unseen must not deadlock their ReplicaSet.

use explore::{Keep, RunResult, Settings, library, run};
use property::Outcome;

fn once(settings: &Settings, seed: u64) -> RunResult {
    let file = library::scenario("k8s-129795-missed-add").expect("the library has it");
    run(&file, settings, seed, &Keep::default()).unwrap().result
}

#[test]
fn the_replicaset_stalls_for_five_minutes_with_the_gate_off_and_on() {
    let file = library::scenario("k8s-129795-missed-add").unwrap();
    assert_eq!(file.matrix().len(), 12);
    for settings in file.matrix() {
        for seed in 0..3 {
            let result = once(settings, seed);
            assert!(!result.is_violated() && result.findings.is_empty(), "{settings:?} {seed}: {result:#?}");
            let stall = result.figure("timeToRecover").unwrap();
            assert!((150.0..=300.0).contains(&stall), "{settings:?}: {stall}");
        }
    }
}

#[test]
fn expectations_that_never_expire_would_deadlock() {
    let mut settings = Settings::default();
    settings.mutants.expectations_never_expire = true;
    let result = once(&settings, 1);
    let verdict = result.verdict("replicas-converge").unwrap();
    assert_eq!(verdict.outcome, Outcome::Violated);
    assert_eq!(verdict.violation.as_ref().unwrap().observed, "live pods: 0");
}
