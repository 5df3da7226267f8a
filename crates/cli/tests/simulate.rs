//! `seaworthy simulate` and `seaworthy replay`, as a user runs them.

#[expect(dead_code, reason = "other tests of the binary use the rest")]
mod common;

use common::{cli, json};

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
fn what_does_not_exist_is_named() {
    let gate = cli().run(["simulate", "k8s-129795", "--gate", "Nope=true"]);
    gate.exits(2);
    assert!(gate.transcript().contains(GATE), "the gates that exist are told: {}", gate.transcript());
    let file = cli().run(["simulate", "nowhere.yaml"]);
    file.exits(2);
    assert!(file.transcript().contains("k8s-129795-missed-add"), "{}", file.transcript());
    cli().run(["simulate", "k8s-129795", "--seeds", "5..5"]).exits(2);
    cli().run(["simulate", "k8s-129795", "--format", "html"]).exits(2);
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
