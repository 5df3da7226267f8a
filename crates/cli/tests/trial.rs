//! `seaworthy trial`, as a user runs it.

mod common;

use common::{FakeCluster, cli, json, kubeconfig, well_formed};

fn chapter<'a>(report: &'a serde_json::Value, id: &str) -> &'a serde_json::Value {
    let chapters = report["chapters"].as_array().expect("chapters");
    chapters.iter().find(|chapter| chapter["id"] == id).unwrap_or_else(|| panic!("no chapter {id}"))
}

#[test]
fn without_a_source_it_proves_itself_and_leaves_a_report_in_every_form() {
    let cli = cli();
    let text = cli.run(["trial"]).exits(0).to_owned();
    for wanted in
        ["Chapter 1: Validate", "POD_OOM_KILLED", "left alone", "Chapter 2: Withstand", "PROVEN (exit 0)"]
    {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 110),
        "a line is too long for a terminal:\n{text}"
    );
    let report = json(&cli.read("seaworthy-report/report.json"));
    assert_eq!(report["source"]["name"], "shakedown, seed 1");
    let planted = chapter(&report, "validate")["checks"].as_array().expect("checks").iter();
    let standings = planted.flat_map(|check| check["findings"].as_array().expect("findings"));
    let standings: Vec<&str> =
        standings.map(|finding| finding["standing"].as_str().expect("a word")).collect();
    assert!(
        standings.len() >= 4 && standings.iter().all(|standing| *standing == "expected"),
        "{standings:?}"
    );
    well_formed(&cli.read("seaworthy-report/report.junit.xml"));
    assert!(cli.read("seaworthy-report/report.html").contains("<svg"), "the page shows the chart");
}

#[test]
fn the_seed_decides_the_report() {
    let cli = cli();
    let made =
        |seed: &str| cli.run(["trial", "--seed", seed, "--format", "json", "-o", "out"]).exits(0).to_owned();
    let first = made("5");
    assert_eq!(first, made("5"));
    assert_ne!(first, made("6"));
}

#[test]
fn a_fault_that_is_left_out_is_not_found() {
    let cli = cli();
    let text = cli.run(["trial", "--without", "memory-leak"]).exits(0).to_owned();
    assert!(!text.contains("POD_OOM_KILLED"), "{text}");
    let refused = cli.run(["trial", "--without", "earthquake"]);
    refused.exits(2);
    assert!(
        refused.stderr.contains("seed 1 has no fault \"earthquake\"; it has memory-leak"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_cluster_that_is_there_is_validated_and_tried_on_a_copy() {
    let cli = cli();
    cli.write("dump/all.yaml", include_str!("fixtures/small-cluster.yaml"));
    // Most kinds are missing from the dump, so that the checks could not look at everything; findings count before.
    let report = json(cli.run(["trial", "-f", "dump", "--format", "json"]).exits(1));
    let found = chapter(&report, "validate")["checks"][0]["findings"][0]["code"].as_str();
    assert_eq!(found, Some("POD_CRASH_LOOP"));
    let withstand = chapter(&report, "withstand");
    let prose = withstand["prose"].to_string();
    assert!(prose.contains("it is taken for 1.35, as its newest kubelet has it"), "{prose}");
    assert!(prose.contains("Deployment shop/web was scaled from 2 to 4 replicas"), "{prose}");
    assert!(prose.contains("1 object was left out") && prose.contains("Gadget (example.com/v1)"), "{prose}");
    // 1.35 has the gate off by default: two pods are there, and two more are made three times.
    assert_eq!(withstand["figures"][0]["value"], 8.0);
    assert_eq!(withstand["figures"][1]["value"], 4.0);
    let codes: Vec<(&str, &str)> = withstand["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|f| (f["code"].as_str().expect("text"), f["standing"].as_str().expect("text")))
        .collect();
    assert_eq!(codes, [("REPLICASET_RUNAWAY", "counted")]);
}

#[test]
fn what_was_not_exported_is_not_taken_for_gone() {
    // Neither the Deployment nor the node was exported: the pods' owner's owner and their node are missing.
    let whole = include_str!("fixtures/small-cluster.yaml");
    let is_kept =
        |document: &&str| !document.contains("kind: Deployment\n") && !document.contains("kind: Node\n");
    let part: Vec<&str> = whole.split("---\n").filter(is_kept).collect();
    let cli = cli();
    cli.write("dump/part.yaml", part.join("---\n"));
    let arguments =
        |dump: &'static str| ["trial", "-f", dump, "--at", "2026-01-31T09:30:00Z", "--format", "json"];
    let report = json(cli.run(arguments("dump")).exits(1));
    let withstand = chapter(&report, "withstand");
    let prose = withstand["prose"].to_string();
    assert!(prose.contains("ReplicaSet shop/web-abc was scaled from 2 to 4 replicas"), "{prose}");
    assert!(
        prose.contains("left out: garbage-collector-controller, pod-garbage-collector-controller"),
        "{prose}"
    );
    assert_eq!(
        (&withstand["figures"][0]["value"], &withstand["figures"][1]["value"]),
        (&8.0.into(), &4.0.into())
    );
    assert_eq!(withstand["errors"], serde_json::json!([]));

    cli.write("pods/part.yaml", part[1..3].join("---\n"));
    let report = json(cli.run(arguments("pods")).exits(1));
    let error = chapter(&report, "withstand")["errors"][0].as_str().expect("an error").to_owned();
    assert!(error.starts_with("ReplicaSets could not be read"), "{error}");
}

#[test]
fn a_live_cluster_is_only_read_and_what_cannot_be_tried_on_it_is_said() {
    let server = FakeCluster::start();
    let cli = cli();
    cli.write("config", kubeconfig(&server.url()));
    let report =
        json(cli.run(["trial", "--kubeconfig", "config", "--context", "play", "--format", "json"]).exits(1));
    assert_eq!(report["source"]["kind"], "context");
    let validate = chapter(&report, "validate");
    assert_eq!(validate["checks"][0]["findings"][0]["code"], "POD_CRASH_LOOP");
    assert!(server.pages_of_pods() >= 3, "pods are read in pages");
    let withstand = chapter(&report, "withstand");
    assert_eq!(withstand["outcome"], "skip");
    assert!(withstand["skipped"].as_str().expect("a reason").contains("no ReplicaSet"), "{withstand}");
}

#[test]
fn bad_input_is_told_and_leaves_nothing_that_looks_like_a_result() {
    let cli = cli();
    cli.write("empty/.keep", "");
    cli.write("broken/a.yaml", "kind: [\n");
    cli.write("config", kubeconfig("https://127.0.0.1:1"));
    let cases: [(&[&str], i32, &str); 7] = [
        (&["trial", "-f", "nowhere"], 2, "nowhere"),
        (&["trial", "-f", "empty"], 3, "empty"),
        (&["trial", "--kubeconfig", "config"], 3, "127.0.0.1:1"),
        (&["trial", "--namespace", "shop"], 2, "--namespace is about a source"),
        (&["trial", "-f", "empty", "--without", "memory-leak"], 2, "--without"),
        (&["trial", "--seed", "many"], 2, "many"),
        (&["trial", "-o", "config"], 2, "name another folder by --output"),
    ];
    for (arguments, code, told) in cases {
        let ran = cli.run(arguments.iter().copied());
        ran.exits(code);
        assert!(ran.stderr.contains(told), "{arguments:?}: {}", ran.stderr);
    }
    let text = cli.run(["trial", "-f", "broken"]).exits(3).to_owned();
    assert!(text.contains("broken/a.yaml"), "{text}");
}
