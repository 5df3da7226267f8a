//! `seaworthy simulate` and `seaworthy replay`, as a user runs them.

#[expect(dead_code, reason = "other tests of the binary use the rest")]
mod common;

use common::{cli, json, well_formed};

const GATE: &str = "StaleControllerConsistencyReplicaSet";

fn figure(run: &serde_json::Value, name: &str) -> f64 {
    let figures = run["figures"].as_array().expect("figures");
    let found = figures.iter().find(|figure| figure["name"] == name).expect("the figure is there");
    found["value"].as_f64().expect("a number")
}

#[test]
fn k8s_129795_is_reproduced_and_its_mitigation_holds() {
    let off = cli().run(["simulate", "k8s-129795", "--seeds", "3", "--format", "json"]);
    let off = json(off.exits(1));
    for run in off["runs"].as_array().expect("runs") {
        assert_eq!((figure(run, "peakPods"), figure(run, "podsAtEnd")), (300.0, 100.0));
        assert_eq!(run["trace_hash"].as_str().map(str::len), Some(16));
    }
    let gate = format!("{GATE}=true");
    let on = cli().run(["simulate", "k8s-129795", "--seeds", "3", "--format", "json", "--gate", &gate]);
    let on = json(on.exits(0));
    for run in on["runs"].as_array().expect("runs") {
        assert_eq!(figure(run, "peakPods"), 100.0);
    }
}

#[test]
fn the_number_of_pods_follows_the_lag() {
    // N * (1 + floor(L / 5 min))
    for (lag, pods) in [("4m", 10.0), ("7m", 20.0), ("17m", 40.0)] {
        let lag = format!("lag={lag}");
        let arguments =
            ["simulate", "k8s-129795", "--seeds", "1", "--format", "json", "--param", "replicas=10"];
        let ran = cli().run(arguments.into_iter().chain(["--param", &lag]));
        let result = json(ran.exits(i32::from(pods > 10.0)));
        assert_eq!(figure(&result["runs"][0], "peakPods"), pods, "{lag}");
    }
}

#[test]
fn the_same_seeds_give_the_same_answer_in_fresh_processes() {
    let once =
        || cli().run(["simulate", "k8s-129795", "--seeds", "4", "--format", "json"]).exits(1).to_owned();
    assert_eq!(once(), once());
}

#[test]
fn the_key_that_simulate_prints_replays_the_run() {
    let ran = cli().run(["simulate", "k8s-129795", "--seeds", "7..8"]);
    let text = ran.exits(1).to_owned();
    let key =
        text.split_once("seaworthy replay '").and_then(|(_, rest)| rest.split_once('\'')).expect("a key").0;
    let replayed = cli().run(["replay", key, "--trace", "--kind", "commit", "--object", "default/web"]);
    let shown = replayed.exits(1);
    assert!(
        shown.contains("the same run") && shown.contains("commit replicasets.apps default/web"),
        "{shown}"
    );
    let other = format!("{}0", &key[..key.len() - 1]);
    let other = if other == key { format!("{}1", &key[..key.len() - 1]) } else { other };
    cli().run(["replay", &other]).exits(2);
}

#[test]
fn junit_has_a_case_per_property_and_per_fault_with_the_command_that_replays() {
    let junit = |gate: &str| {
        cli().run(["simulate", "k8s-129795", "--seeds", "3", "--format", "junit", "--gate", gate])
    };
    let off = junit(&format!("{GATE}=false"));
    let text = off.exits(1);
    well_formed(text);
    let cases: Vec<&str> = text.lines().filter(|line| line.contains("<testcase")).collect();
    assert_eq!(cases.len(), 5, "{text}");
    assert!(text.contains("fault pod-watch-stands-still fired"), "{text}");
    assert_eq!(text.matches("<failure").count(), 1, "{text}");
    for said in ["in all 3 runs", "seed 1, 310.0 s", "seed 3, ", "do: seaworthy replay", "gate."] {
        assert!(text.contains(said), "{said} is missing in {text}");
    }
    let on = junit(&format!("{GATE}=true"));
    assert!(on.exits(0).contains("failures=\"0\""), "{}", on.transcript());
}

#[test]
fn a_page_shows_the_violation_the_figures_and_the_course_of_a_run() {
    let cli = cli();
    let arguments = ["simulate", "k8s-129795", "--seeds", "3", "--param", "replicas=10", "-o", "run.html"];
    let told = cli.run(arguments);
    assert!(told.exits(1).contains("report: run.html"), "{}", told.transcript());
    let page = cli.read("run.html");
    for shown in
        ["PROPERTY_VIOLATED", "peakPods", "Seed 1 over virtual time", "pod-watch-stands-still ends", "median"]
    {
        assert!(page.contains(shown), "{shown} is missing");
    }
    let (first, last) = (page.find("PROPERTY_VIOLATED"), page.find("<polyline"));
    assert!(first < last && last.is_some(), "what failed stands before what was measured");
    let again =
        cli.run(["simulate", "k8s-129795", "--seeds", "3", "--param", "replicas=10", "--format", "html"]);
    assert_eq!(again.exits(1), page, "the same seeds give the same page");
}

#[test]
fn what_never_happened_is_a_failed_case() {
    let junit = cli();
    let text = "apiVersion: seaworthy.dev/v1alpha1\nkind: Scenario\nmetadata: {name: mine}\n\
                topology: {controllers: [replicaset-controller], schedulers: 0, kubelets: false, provisioner: false}\n\
                faults: [{name: idle, at: 1s, for: 5s, pauseWatch: {client: kube-controller-manager-0, resource: nodes}}]\n\
                deadlines: {liveness: 30s}\n\
                properties: [{rule: one-daemon-pod-per-node}]\n";
    junit.write("mine.yaml", text);
    let ran = junit.run(["simulate", "mine.yaml", "--seeds", "2", "--format", "junit"]);
    let text = ran.exits(1);
    assert!(text.contains("PROPERTY_NEVER_REACHED"), "{text}");
    assert!(text.contains("FAULT_NEVER_FIRED"), "{text}");
    assert!(text.contains("failures=\"2\""), "{text}");
}

#[test]
fn the_command_that_replays_names_the_file_of_a_scenario_of_ones_own() {
    let cli = cli();
    let scenario = include_str!("../../../scenarios/k8s-129795.yaml");
    cli.write("mine.yaml", scenario.replace("name: k8s-129795", "name: mine"));
    let ran = cli.run(["simulate", "mine.yaml", "--seeds", "1", "--param", "replicas=5"]);
    let text = ran.exits(1).to_owned();
    let command = text.split_once("seaworthy replay '").expect("a command").1.trim();
    let (key, rest) = command.split_once("' ").expect("a key and a file");
    assert_eq!(rest, "--file mine.yaml");
    cli.run(["replay", key, "--file", "mine.yaml"]).exits(1);
}

#[test]
fn what_does_not_exist_is_named() {
    let gate = cli().run(["simulate", "k8s-129795", "--gate", "Nope=true"]);
    gate.exits(2);
    assert!(gate.transcript().contains(GATE), "the gates that exist are told: {}", gate.transcript());
    let file = cli().run(["simulate", "nowhere.yaml"]);
    file.exits(2);
    assert!(file.transcript().contains("k8s-129795-missed-add"), "{}", file.transcript());
    cli().run(["simulate", "k8s-129795", "--seeds", "5..5"]).exits(2);
    cli().run(["replay", "no key at all"]).exits(2);
}

#[test]
fn a_mistake_in_a_scenario_file_is_told_with_its_line() {
    let cli = cli();
    let text = "apiVersion: seaworthy.dev/v1alpha1\nkind: Scenario\nmetadata: {name: mine}\nstepz: []\n";
    cli.write("mine.yaml", text);
    let ran = cli.run(["simulate", "mine.yaml"]);
    ran.exits(2);
    assert!(ran.transcript().contains("mine.yaml:4"), "{}", ran.transcript());
}
