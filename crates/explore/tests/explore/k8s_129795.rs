//! kubernetes#129795: how many pods come of it, what stops it, and that the test would notice if the model were wrong.

use explore::{FindingKind, Keep, RunResult, ScenarioFile, Settings, run};
use property::Outcome;

const GATE: &str = "StaleControllerConsistencyReplicaSet";

fn scenario() -> ScenarioFile {
    explore::library::scenario("k8s-129795").expect("the library has it")
}

fn settings(gate: bool, parameters: &[(&str, &str)]) -> Settings {
    let mut settings = Settings::default();
    settings.gates.insert(GATE.to_owned(), gate);
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    settings.parameters.extend(parameters);
    settings
}

fn once(settings: &Settings, seed: u64) -> RunResult {
    run(&scenario(), settings, seed, &Keep::default()).unwrap().result
}

fn outcome(result: &RunResult, property: &str) -> Outcome {
    result.verdict(property).unwrap().outcome
}

#[test]
fn with_the_gate_off_there_are_three_hundred_pods() {
    for seed in 0..5 {
        let result = once(&settings(false, &[]), seed);
        assert_eq!(result.figure("peakPods"), Some(300.0), "seed {seed}");
        assert_eq!(result.figure("podsAtEnd"), Some(100.0), "the surplus goes when the watch goes on");
        assert_eq!(outcome(&result, "replicaset-pods-bounded"), Outcome::Violated);
        assert_eq!(outcome(&result, "replicas-converge"), Outcome::Held);
        assert!(result.findings.is_empty(), "{:?}", result.findings);
        let violation = result.verdict("replicaset-pods-bounded").unwrap().violation.clone().unwrap();
        assert_eq!(violation.object.to_string(), "ReplicaSet default/web");
        assert_eq!(
            (violation.observed.as_str(), violation.allowed.as_str()),
            ("101 live pods", "at most 100")
        );
        let first_expiry = 10 + 300;
        assert!((first_expiry..first_expiry + 30).contains(&violation.at.as_secs()), "{violation:?}");
    }
}

#[test]
fn with_the_gate_on_there_are_one_hundred() {
    for seed in 0..5 {
        let result = once(&settings(true, &[]), seed);
        assert_eq!(result.figure("peakPods"), Some(100.0), "seed {seed}");
        assert_eq!(result.figure("podsCreated"), Some(100.0));
        assert!(!result.is_violated() && result.findings.is_empty(), "{:?}", result.findings);
        assert!(result.figure("staleSkips") > Some(0.0), "the gate is what held it back");
    }
}

#[test]
fn the_law_holds_for_every_setting_of_the_matrix() {
    let file = scenario();
    assert_eq!(file.matrix().len(), 24);
    for settings in file.matrix() {
        let result = once(settings, 7);
        assert!(result.findings.is_empty(), "{settings:?}: {:?}", result.findings);
        let [replicas, lag] = ["replicas", "lag"].map(|name| settings.parameters[name].as_str());
        let replicas: f64 = replicas.parse().unwrap();
        let minutes: u32 = lag.trim_end_matches('m').parse().unwrap();
        let rounds = if settings.gates[GATE] { 1 } else { 1 + minutes / 5 };
        assert_eq!(result.figure("peakPods"), Some(replicas * f64::from(rounds)), "{settings:?}");
    }
}

#[test]
fn expectations_that_never_expire_would_change_the_figure() {
    let mut settings = settings(false, &[]);
    settings.mutants.expectations_never_expire = true;
    let result = once(&settings, 1);
    assert_eq!(result.figure("peakPods"), Some(100.0));
    assert_eq!(outcome(&result, "replicaset-pods-bounded"), Outcome::Held);
    let unexpected: Vec<&str> =
        result.findings_of(FindingKind::Unexpected).map(|finding| finding.subject.as_str()).collect();
    assert_eq!(unexpected, ["peakPods"], "the scenario itself notices");
}

#[test]
fn one_lag_for_all_informers_would_change_the_figure() {
    let mut settings = settings(false, &[]);
    settings.mutants.one_lag_for_all_informers = true;
    let result = once(&settings, 1);
    assert_eq!(result.figure("peakPods"), Some(100.0), "nothing tells the controller to look again");
    assert_eq!(result.findings_of(FindingKind::Unexpected).count(), 1);
}
