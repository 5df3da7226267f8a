//! `seaworthy check` as a user meets it: arguments, sources, formats, exit codes, and that nothing is lost.

mod common;

use common::{FakeCluster, cli, json};
use std::path::Path;
use testkit::Cli;

const HARBOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../checks/tests/fixtures/harbor");

const CRASHING: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: search, namespace: shop, creationTimestamp: '2026-01-31T08:00:00Z'}
spec: {nodeName: worker-1, containers: [{name: app, image: search}]}
status:
  phase: Running
  conditions: [{type: Ready, status: 'False', lastTransitionTime: '2026-01-31T08:00:00Z'}]
  containerStatuses:
  - {name: app, ready: false, restartCount: 40, state: {waiting: {reason: CrashLoopBackOff}},
     lastState: {terminated: {exitCode: 1, reason: Error, startedAt: '2026-01-31T09:28:00Z', finishedAt: '2026-01-31T09:29:00Z'}}}
";

/// A List of pods, all well.
fn pods(count: usize, padding: usize) -> String {
    let annotation = "x".repeat(padding);
    let mut text = String::from("{\"apiVersion\": \"v1\", \"kind\": \"PodList\", \"items\": [");
    for at in 0..count {
        let comma = if at == 0 { "" } else { "," };
        text.push_str(&format!(
            "{comma}\n{{\"metadata\": {{\"name\": \"pod-{at}\", \"namespace\": \"shop\", \
             \"annotations\": {{\"a\": \"{annotation}\"}}, \"creationTimestamp\": \"2026-01-31T08:00:00Z\"}}, \
             \"spec\": {{\"nodeName\": \"worker-1\", \"containers\": [{{\"name\": \"app\", \"image\": \"a\"}}]}}, \
             \"status\": {{\"phase\": \"Running\", \"conditions\": [{{\"type\": \"Ready\", \"status\": \"True\", \
             \"lastTransitionTime\": \"2026-01-31T08:00:10Z\"}}], \"containerStatuses\": [{{\"name\": \"app\", \
             \"ready\": true, \"restartCount\": 0, \"state\": {{\"running\": {{}}}}}}]}}}}"
        ));
    }
    text.push_str("]}\n");
    text
}

/// Checks that a run was refused with this exit code and said all of this.
#[track_caller]
fn check_refused(cli: &Cli, arguments: &[&str], code: i32, said: &[&str]) {
    let ran = cli.run(arguments);
    assert_eq!(ran.code, Some(code), "{}", ran.transcript());
    for words in said {
        assert!(ran.stderr.contains(words), "{words:?} is not in:\n{}", ran.stderr);
    }
}

#[test]
fn help_names_every_option_and_exit_code() {
    let cli = cli();
    let help = cli.run(["check", "--help"]);
    for option in [
        "--context",
        "--kubeconfig",
        "--manifests",
        "--at",
        "--only",
        "--layer",
        "--namespace",
        "--param",
        "--format",
        "--output",
        "--previous",
        "--quiet",
        "--verbose",
        "--color",
        "--list",
    ] {
        assert!(help.exits(0).contains(option), "{option}");
    }
    for code in 0..=4 {
        assert!(help.stdout.contains(&format!("\n  {code}  ")), "exit code {code}");
        assert!(cli.run(["--help"]).exits(0).contains(&format!("\n  {code}  ")), "exit code {code}");
    }
    assert!(cli.run(["--version"]).exits(0).starts_with("seaworthy "));
}

#[test]
fn what_is_not_understood_is_said_and_is_usage() {
    let cli = cli();
    cli.write("pod.yaml", CRASHING);
    check_refused(&cli, &[], 2, &["Usage: seaworthy"]);
    check_refused(&cli, &["chek"], 2, &["chek", "check"]);
    check_refused(&cli, &["check", "--nonsense"], 2, &["--nonsense"]);
    check_refused(
        &cli,
        &["check", "-f", "pod.yaml", "--at", "yesterday"],
        2,
        &["--at", "2026-01-31T09:30:00Z"],
    );
    check_refused(&cli, &["check", "-f", "pod.yaml", "--context", "x"], 2, &["cannot be used with"]);
    check_refused(
        &cli,
        &["check", "-f", "pod.yaml", "--only", "pod-helth"],
        2,
        &["no check pod-helth", "pod-health"],
    );
    check_refused(
        &cli,
        &["check", "-f", "pod.yaml", "--param", "pod-health.x=1"],
        2,
        &["pod-health.x", "--list"],
    );
    check_refused(&cli, &["check", "-f", "pod.yaml", "--param", "pod-health.x"], 2, &["no value"]);
    check_refused(&cli, &["check", "-f", "pod.yaml", "--layer", "accelerators"], 2, &["no check", "compute"]);
    check_refused(&cli, &["check", "-f", "missing.yaml"], 2, &["missing.yaml: no such file or directory"]);
}

#[test]
fn a_cluster_that_cannot_be_reached_is_named_with_what_to_do() {
    let cli = cli();
    cli.write("config", common::kubeconfig("http://127.0.0.1:9"));
    let said = ["http://127.0.0.1:9", "context play", "refused", "hint:", "kubectl --context play version"];
    check_refused(&cli, &["check", "--kubeconfig", "config"], 3, &said);
    let known = ["no context staging", "choose one by --context; it has play, other"];
    check_refused(&cli, &["check", "--kubeconfig", "config", "--context", "staging"], 2, &known);
    check_refused(&cli, &["check", "--kubeconfig", "nothing"], 2, &["nothing: no such file"]);
    check_refused(
        &cli,
        &["check"],
        2,
        &["[HOME]/.kube/config does not exist", "--kubeconfig", "--manifests"],
    );

    let ran = cli.run(["check", "--kubeconfig", "config", "--format", "json"]);
    assert_eq!(cli.run(["check", "--kubeconfig", "config"]).stdout, "", "people are told once");
    let report = json(ran.exits(3));
    assert_eq!(report["verdict"]["result"], "could_not_look");
    assert_eq!(report["problems"][0]["kind"], "could_not_look");
    assert!(report["problems"][0]["hint"].as_str().unwrap().contains("kubectl"));
}

#[test]
fn kubeconfigs_are_found_where_kubectl_finds_them() {
    let cluster = FakeCluster::start();
    let cli = cli().with_env("KUBECONFIG", "absent:config");
    cli.write("config", common::kubeconfig(&cluster.url()));
    let ran = cli.run(["check", "--only", "pod-health"]);
    assert!(ran.exits(1).contains("context play"), "{}", ran.stdout);
}

#[test]
fn the_recorded_cluster_s_defects_are_found() {
    let ran = cli().run(["check", "--manifests", HARBOR, "--format", "json"]);
    let report = json(ran.exits(1));
    assert_eq!(report["source"]["objects"], 711);
    let findings = report["chapters"][0]["checks"].as_array().unwrap().iter();
    let codes: Vec<&str> = findings
        .flat_map(|check| check["findings"].as_array().unwrap())
        .map(|finding| finding["code"].as_str().unwrap())
        .collect();
    for code in [
        "POD_OOM_KILLED",
        "POD_CRASH_LOOP",
        "POD_IMAGE_PULL",
        "POD_NOT_READY",
        "ROUTE_NO_ENDPOINTS",
        "ROUTE_SERVICE_MISSING",
        "ROUTE_PORT_MISSING",
        "ROUTE_TLS_INVALID",
        "CLAIM_BEYOND_REPLICAS",
        "CLAIM_DRIVER_MISSING",
        "VOLUME_ATTACH_FAILED",
    ] {
        assert!(codes.contains(&code), "{code} is not in {codes:?}");
    }
    assert!(ran.stdout.contains("data/data-postgres\""), "the claim that nobody uses");
    assert_eq!(report["verdict"]["counts"]["errors"], 0, "{:#}", report["verdict"]);
}

#[test]
fn one_namespace_has_its_own_findings_and_those_of_what_its_objects_use() {
    let run = |namespace: &str| {
        let ran = cli().run(["check", "-f", HARBOR, "--namespace", namespace, "--format", "json"]);
        json(&ran.stdout)
    };
    let findings = |report: &serde_json::Value| -> Vec<String> {
        let checks = report["chapters"][0]["checks"].as_array().unwrap().iter();
        let all = checks.flat_map(|check| check["findings"].as_array().unwrap());
        all.map(|finding| {
            format!("{} {}", finding["code"].as_str().unwrap(), finding["subject"].as_str().unwrap())
        })
        .collect()
    };
    let (shop, data, whole) =
        (run("shop"), run("data"), json(&cli().run(["check", "-f", HARBOR, "--format", "json"]).stdout));
    assert!(
        findings(&shop).iter().all(|found| !found.contains("StorageClass") && !found.contains("Claim")),
        "{shop:#}"
    );
    assert!(findings(&data).contains(&"CLAIM_DRIVER_MISSING StorageClass legacy".to_owned()), "{data:#}");
    assert!(
        findings(&data).contains(&"VOLUME_ATTACH_FAILED PersistentVolumeClaim data/ledger-data".to_owned())
    );
    for report in [&shop, &data] {
        assert!(
            findings(report).iter().all(|found| findings(&whole).contains(found)),
            "nothing new: {report:#}"
        );
        assert_eq!(report["now"], whole["now"], "a namespace is judged as of the same moment as its cluster");
    }
}

#[test]
fn a_broken_file_is_named_and_the_good_ones_are_judged() {
    let cli = cli();
    cli.write("dump/a.yaml", CRASHING);
    cli.write("dump/broken.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: [b\n");
    let ran = cli.run(["check", "--manifests", "dump"]);
    let text = ran.exits(1);
    assert!(text.contains("POD_CRASH_LOOP"), "{text}");
    assert!(text.contains("dump/broken.yaml:") && text.contains("(document 1)"), "{text}");
    // With nothing else to judge, that is all there is to say.
    let alone = cli.run(["check", "--manifests", "dump/broken.yaml"]);
    assert!(
        alone.exits(3).contains("dump/broken.yaml:") && !alone.stdout.contains("pod-health"),
        "{}",
        alone.stdout
    );
    // Where nothing else is wrong, what could not be read decides.
    cli.write("dump/a.yaml", pods(2, 0));
    let ran = cli.run(["check", "--manifests", "dump", "--only", "pod-health"]);
    let text = ran.exits(3);
    assert!(text.contains("PASS  pod-health") && text.contains("dump/broken.yaml:"), "{text}");
}

#[test]
fn a_folder_without_manifests_is_not_a_healthy_cluster() {
    let cli = cli();
    cli.write("empty/README.md", "nothing");
    check_refused(
        &cli,
        &["check", "--manifests", "empty"],
        3,
        &["empty holds no object", "kubectl get -A -o json"],
    );
}

#[test]
fn manifests_may_come_from_the_standard_input() {
    let ran = cli().with_input(CRASHING).run(["check", "--manifests", "-", "--only", "pod-health"]);
    let text = ran.exits(1);
    assert!(text.contains("POD_CRASH_LOOP") && text.contains("as of 2026-01-31T09:29:00Z"), "{text}");
    let nothing = cli().with_input("").run(["check", "--manifests", "-"]);
    assert!(
        nothing.code == Some(3) && nothing.stderr.contains("stdin holds no object"),
        "{}",
        nothing.transcript()
    );
}

#[test]
fn the_moment_and_the_namespace_can_be_chosen() {
    let cli = cli();
    cli.write("pod.yaml", CRASHING);
    let run = |extra: &[&str]| {
        let fixed = ["check", "-f", "pod.yaml", "--only", "pod-health", "--format", "json"];
        json(cli.run(fixed.iter().chain(extra)).stdout.as_str())
    };
    assert_eq!(run(&["--at", "2026-01-31T12:00:00Z"])["now"], "2026-01-31T12:00:00Z");
    assert_eq!(run(&["--namespace", "shop"])["verdict"]["result"], "findings");
    let other = cli.run(["check", "-f", "pod.yaml", "--namespace", "shpo"]);
    assert!(
        other.code == Some(3) && other.stderr.contains("there is no namespace shpo"),
        "{}",
        other.transcript()
    );
}

#[test]
fn parameters_change_what_counts() {
    let cli = cli();
    cli.write("pod.yaml", CRASHING);
    let codes = |extra: &[&str]| {
        let fixed = ["check", "-f", "pod.yaml", "--only", "pod-health"];
        cli.run(fixed.iter().chain(extra)).stdout
    };
    assert!(codes(&[]).contains("POD_CRASH_LOOP"));
    assert!(!codes(&["--param", "pod-health.start-grace=10d"]).contains("POD_CRASH_LOOP"));
}

#[test]
fn kinds_that_were_not_given_are_unread_only_where_they_matter() {
    let cli = cli();
    cli.write("dump/pods.json", pods(2, 0));
    let report = json(cli.run(["check", "-f", "dump", "--format", "json"]).exits(3));
    let unread: Vec<&str> =
        report["unread"].as_array().unwrap().iter().map(|u| u["resource"].as_str().unwrap()).collect();
    assert!(unread.contains(&"persistentvolumeclaims"), "{unread:?}");
    assert!(!unread.contains(&"pods") && !unread.contains(&"leases.node.k8s.io"), "{unread:?}");
    assert_eq!(report["chapters"][0]["checks"][0]["outcome"], "pass", "{report:#}");
    // Empty Lists say that there are none.
    for empty in ["ingresses.networking.k8s.io", "services", "endpointslices.discovery.k8s.io", "secrets"] {
        cli.write(
            &format!("dump/{empty}.json"),
            "{\"kind\": \"List\", \"apiVersion\": \"v1\", \"items\": []}",
        );
    }
    let ran = cli.run(["check", "-f", "dump", "--only", "pod-health,route-health"]);
    assert!(ran.exits(0).contains("PROVEN"), "{}", ran.stdout);
}

#[test]
fn fifty_megabytes_are_read_whole() {
    let cli = cli();
    let list = pods(6_000, 9_000);
    assert!(list.len() > 50 << 20, "{} bytes", list.len());
    cli.write("pods.json", list);
    let ran = cli.run(["check", "-f", "pods.json", "--only", "pod-health", "--format", "json"]);
    let report = json(ran.exits(0));
    assert_eq!(report["source"]["objects"], 6_000);
}

#[test]
fn reports_are_written_in_every_format() {
    let cli = cli();
    cli.write("pod.yaml", CRASHING);
    let run = |extra: &[&str]| {
        let fixed = ["check", "-f", "pod.yaml", "--only", "pod-health"];
        cli.run(fixed.iter().chain(extra))
    };
    let report = json(run(&["--format", "json"]).exits(1));
    for field in
        ["schema_version", "tool", "command", "source", "now", "verdict", "chapters", "unread", "problems"]
    {
        assert!(!report[field].is_null(), "{field}");
    }
    assert_eq!(report["verdict"]["exit_code"], 1);

    let junit = run(&["--format", "junit"]);
    common::well_formed(junit.exits(1));
    assert!(
        junit.stdout.contains("<testcase name=\"pod-health\"") && junit.stdout.contains("POD_CRASH_LOOP")
    );

    let html = run(&["--output", "report.html"]);
    assert!(html.exits(1).contains("POD_CRASH_LOOP") && html.stdout.contains("report: report.html"));
    assert!(cli.read("report.html").starts_with("<!doctype html>"), "the extension says the format");
    assert_eq!(run(&["--output", "report.json", "--quiet"]).exits(1), "");
    assert_eq!(json(&cli.read("report.json"))["command"], "check");

    let nowhere = run(&["--output", "no/such/folder/report.json"]);
    assert!(
        nowhere.code == Some(2) && nowhere.stderr.contains("could not be written"),
        "{}",
        nowhere.transcript()
    );
}

#[test]
fn colours_and_progress_stay_out_of_what_is_not_a_terminal() {
    let cli = cli();
    cli.write("pod.yaml", CRASHING);
    let plain = cli.run(["check", "-f", "pod.yaml"]);
    assert!(!plain.stdout.contains('\x1b') && plain.stderr.is_empty(), "{}", plain.transcript());
    assert!(cli.run(["check", "-f", "pod.yaml", "--color", "always"]).stdout.contains('\x1b'));
    let verbose = cli.run(["check", "-f", "pod.yaml", "--only", "pod-health", "--verbose"]).stdout;
    assert!(verbose.contains("/status/containerStatuses/0"), "evidence is shown:\n{verbose}");
    assert!(!plain.stdout.contains("/status/containerStatuses/0"));
}

#[test]
fn an_earlier_moment_can_be_compared_with() {
    let cli = cli();
    cli.write("now.yaml", CRASHING);
    cli.write(
        "before.yaml",
        CRASHING.replace("restartCount: 40", "restartCount: 20").replace("T09:2", "T09:1"),
    );
    let ran = cli.run(["check", "-f", "now.yaml", "--previous", "before.yaml", "--only", "pod-health"]);
    assert!(ran.exits(1).contains("compared with 1 objects as of 2026-01-31T09:19:00Z"), "{}", ran.stdout);
}

#[test]
fn the_list_of_checks_says_what_can_be_set() {
    let cli = cli();
    let text = cli.run(["check", "--list"]);
    assert!(text.exits(0).contains("pod-health.not-ready-grace=15m"), "{}", text.stdout);
    let list = json(cli.run(["check", "--list", "--layer", "storage", "--format", "json"]).exits(0));
    assert_eq!(list["checks"][0]["name"], "volume-attachment");
    assert_eq!(list["checks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_live_cluster_is_read_page_by_page_and_what_is_refused_is_an_error() {
    let cluster = FakeCluster::start();
    let cli = cli();
    cli.write("config", common::kubeconfig(&cluster.url()));
    let report = json(cli.run(["check", "--kubeconfig", "config", "--format", "json"]).exits(1));
    assert_eq!(report["source"]["kind"], "context");
    assert_eq!(report["source"]["kubernetes_version"], "v1.36.3");
    assert_eq!(report["source"]["objects"], 1_205, "{:#}", report["source"]);
    assert_eq!(report["now"], "2026-01-31T09:30:00Z", "the server's clock");
    assert_eq!(cluster.pages_of_pods(), 3);
    assert_eq!(report["unread"][0]["resource"], "secrets");
    let route = &report["chapters"][0]["checks"][2];
    assert_eq!((route["name"].as_str(), route["outcome"].as_str()), (Some("route-health"), Some("error")));
    assert!(route["errors"][0].as_str().unwrap().contains("secrets"), "{route:#}");
    let pods = &report["chapters"][0]["checks"][0]["findings"];
    assert_eq!(pods[0]["code"], "POD_CRASH_LOOP", "{pods:#}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_no_error() {
    let shell = Cli::new("/bin/sh");
    let script = format!(
        "'{}' check --manifests '{HARBOR}' --verbose | while read line; do exit 0; done; echo done",
        env!("CARGO_BIN_EXE_seaworthy")
    );
    let ran = shell.run(["-c", &script]);
    assert_eq!((ran.exits(0), ran.stderr.as_str()), ("done\n", ""));
    assert!(Path::new(HARBOR).is_dir());
}
