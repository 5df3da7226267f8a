//! kubernetes#134937: how many pods a node comes to have, and what stops it.

use explore::{FindingKind, RunResult, Settings, library, run};
use property::Outcome;

const GATE: &str = "StaleControllerConsistencyDaemonSet";

fn once(settings: &Settings, seed: u64) -> RunResult {
    let file = library::scenario("k8s-134937").expect("the library has it");
    run(&file, settings, seed, &explore::Keep::default()).unwrap().result
}

#[test]
fn the_law_holds_for_every_setting_of_the_matrix() {
    let file = library::scenario("k8s-134937").unwrap();
    assert_eq!(file.matrix().len(), 8);
    for settings in file.matrix() {
        for seed in 0..3 {
            let result = once(settings, seed);
            assert!(result.findings.is_empty(), "{settings:?}: {:?}", result.findings);
            let is_stale = !settings.gates[GATE] && settings.parameters["lag"] != "4m";
            let verdict = result.verdict("one-daemon-pod-per-node").unwrap();
            assert_eq!(verdict.outcome == Outcome::Violated, is_stale, "{settings:?}: {verdict:?}");
        }
    }
}

#[test]
fn expectations_that_never_expire_would_change_the_figure() {
    let mut settings = Settings::default();
    settings.mutants.expectations_never_expire = true;
    let result = once(&settings, 1);
    assert_eq!(result.figure("peakPods"), Some(3.0));
    let unexpected: Vec<&str> =
        result.findings_of(FindingKind::Unexpected).map(|finding| finding.subject.as_str()).collect();
    assert_eq!(unexpected, ["peakPods"], "the scenario itself notices");
}
