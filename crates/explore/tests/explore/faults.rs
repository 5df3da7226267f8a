//! Every kind of fault does something, ends, and is drawn by keyed choices.

use crate::{CALM, run, scenario};
use explore::{FindingKind, Keep, Settings};
use std::collections::BTreeSet;

/// Runs the calm cluster with a fault from the third second to the thirteenth, and gives how often it mattered.
#[track_caller]
fn fired(fault: &str) -> u64 {
    let lasting = if fault.starts_with("momentary ") { "" } else { "for: 10s, " };
    let fault = fault.trim_start_matches("momentary ");
    let steps = r"
steps:
- {scale: {kind: ReplicaSet, name: web, replicas: 5}, at: 4s}
- {patch: {kind: ReplicaSet, name: web, merge: {metadata: {annotations: {n: $(count)}}}}, every: 1s, until: 20s}
properties: [{rule: replicas-converge}]
";
    let run = run(&format!("{CALM}{steps}faults: [{{name: it, at: 3s, {lasting}{fault}}}]\n"), 1);
    let result = &run.result;
    assert_eq!(result.broken_off, None);
    assert!(!result.is_violated(), "{fault}: the cluster recovers: {:?}", result.verdicts);
    assert_eq!(result.findings_of(FindingKind::StepFailed).count(), 0, "{fault}: {:?}", result.findings);
    result.faults[0].fired
}

#[test]
fn every_kind_of_fault_can_matter() {
    let kinds = [
        "pauseWatch: {client: kube-controller-manager-0, resource: pods}",
        "delayWatch: {client: '*', resource: pods, delay: 1s}",
        "momentary closeWatch: {client: kube-controller-manager-0, resource: pods}",
        "lagCache: {apiserver: kube-apiserver-0, resource: pods, lag: 2s}",
        "loseResponse: {client: user, probability: 0.5}",
        "refuse: {client: kube-controller-manager-0, resource: pods, verb: create, code: 500, probability: 0.5}",
        "stallEtcd: {}",
        "slowEtcd: {write: {min: 100ms, max: 1s}}",
        "momentary restoreEtcd: {revisions: 2}",
        "momentary restoreEtcd: {revisions: 2, bump: 1000, down: 1s}",
        "crash: {process: kube-controller-manager-0}",
        "crash: {process: kube-apiserver-0, machine: true}",
        "pause: {process: kube-controller-manager-0}",
        "partition: {from: kube-controller-manager-0, to: kube-apiserver-0}",
        "isolate: {process: kube-controller-manager-0}",
        "slowLink: {from: kube-apiserver-0, to: kube-controller-manager-0, latency: {min: 10ms, max: 1s}, loss: 0.1}",
        "momentary breakConnections: {one: kube-apiserver-0, other: kube-controller-manager-0}",
        "momentary jumpClock: {process: kube-controller-manager-0, by: -1h}",
        "driftClock: {process: kube-apiserver-0, ppm: 50000}",
    ];
    for kind in kinds {
        assert!(fired(kind) > 0, "{kind} did not matter");
    }
}

#[test]
fn bookmarks_and_expiry_matter_where_they_are_met() {
    let body = |fault: &str, extra: &str| {
        format!(
            "{CALM}deadlines: {{faultsStop: 5m, liveness: 1m}}\nfaults: [{{name: it, until: 5m, {fault}}}, {extra}]\n"
        )
        .replacen("deadlines: {faultsStop: 30s, liveness: 1m}\n", "", 1)
    };
    let client = "{client: kube-controller-manager-0, resource: pods}";
    let bookmarks = run(&body(&format!("dropBookmarks: {client}"), ""), 1);
    assert!(bookmarks.result.faults[0].fired > 0);
    let closed = format!("{{name: close, at: 1m, closeWatch: {client}}}");
    let expired = run(&body(&format!("expireWatch: {client}"), &closed), 1);
    assert!(expired.result.faults.iter().all(|fault| fault.fired > 0), "{:?}", expired.result.faults);
}

#[test]
fn a_fault_that_never_mattered_is_a_finding() {
    let run = run(
        &format!(
            "{CALM}faults: [{{name: idle, for: 5s, refuse: {{client: '*', resource: secrets, code: 500}}}}]\n"
        ),
        1,
    );
    let messages: Vec<&str> = run.result.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(messages, ["fault idle (refuse) never mattered: it proves nothing"]);
}

const STORM: &str = r#"
faults:
- {name: first, for: 5s, stallEtcd: {}}
- name: storm
  draw:
    count: {min: 2, max: 5}
    between: {from: 1s, to: 20s}
    for: {min: 1s, max: 10s}
    of:
    - {weight: 2, delayWatch: {client: "*", resource: [pods, replicasets.apps], delay: {min: 10ms, max: 2s}}}
    - {crash: {process: [kube-controller-manager-0, kube-apiserver-0]}}
    - {stallEtcd: {}}
"#;

type Place = (String, &'static str, u128, u128);

fn places(seed: u64, without: &[&str]) -> Vec<Place> {
    let file = scenario(&format!("{CALM}{STORM}"));
    let settings =
        Settings { without: without.iter().map(|name| (*name).to_owned()).collect(), ..Settings::default() };
    let result = explore::run(&file, &settings, seed, &Keep::default()).unwrap().result;
    result.faults.into_iter().map(|f| (f.name, f.kind, f.at.as_millis(), f.until.as_millis())).collect()
}

#[test]
fn drawn_faults_follow_the_seed_and_stay_within_their_ranges() {
    let (mut counts, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..20 {
        let faults = places(seed, &[]);
        assert_eq!(faults, places(seed, &[]), "seed {seed}");
        let drawn: Vec<&Place> = faults.iter().filter(|(name, ..)| name.starts_with("storm/")).collect();
        counts.insert(drawn.len());
        kinds.extend(drawn.iter().map(|(_, kind, ..)| *kind));
        for (name, _, at, until) in drawn {
            assert!((1_000..=20_000).contains(at) && (1_000..=10_000).contains(&(until - at)), "{name}");
        }
    }
    assert_eq!(counts, BTreeSet::from([2, 3, 4, 5]));
    assert_eq!(kinds, BTreeSet::from(["crash", "delayWatch", "stallEtcd"]));
}

#[test]
fn leaving_a_fault_out_leaves_the_others_as_they_were() {
    for seed in 0..10 {
        let all = places(seed, &[]);
        for gone in &all {
            let rest: Vec<Place> = all.iter().filter(|fault| *fault != gone).cloned().collect();
            assert_eq!(places(seed, &[&gone.0]), rest, "seed {seed} without {}", gone.0);
        }
        assert!(places(seed, &["storm"]).iter().all(|(name, ..)| name == "first"));
    }
}

#[test]
fn creates_of_unknown_outcome_are_tolerated_and_no_others() {
    let body = |probability: f64| {
        format!(
            "{}faults: [{{name: lost, for: 20s, loseResponse: {{client: kube-controller-manager-0, \
             resource: pods, probability: {probability}}}}}, \
             {{name: lag, for: 20s, delayWatch: {{client: kube-controller-manager-0, resource: pods, delay: 2s}}}}]\nproperties: [{{rule: replicaset-pods-bounded}}]\n\
             figures: [{{name: peak, maxLivePods: {{}}}}]\n",
            CALM.replace("replicas: 3", "replicas: 40"),
        )
    };
    let mut surplus = 0;
    for seed in 0..10 {
        let result = run(&body(0.2), seed).result;
        assert!(!result.is_violated(), "seed {seed}: {:?}", result.verdicts);
        surplus += u32::from(result.figure("peak") > Some(40.0));
    }
    assert!(surplus > 0, "lost answers make surplus pods, and the property allows for just these");
}

/// Runs the calm cluster with a fault that cannot matter, and gives what is said of it.
#[track_caller]
fn idle(fault: &str) -> String {
    let run = run(&format!("{CALM}faults: [{{name: idle, at: 3s, for: 5s, {fault}}}]\n"), 1);
    let messages: Vec<&str> = run.result.findings.iter().map(|finding| finding.message.as_str()).collect();
    messages.join("; ")
}

#[test]
fn a_fault_below_the_api_that_nothing_meets_never_mattered() {
    let faults = [
        ("partition", "partition: {from: kube-controller-manager-0, to: etcd}"),
        ("slowLink", "slowLink: {from: etcd, to: user, latency: 1s}"),
        ("driftClock", "driftClock: {process: etcd, ppm: 100}"),
    ];
    for (kind, fault) in faults {
        let fault = fault.replace("to: user", "to: kube-controller-manager-0");
        assert_eq!(idle(&fault), format!("fault idle ({kind}) never mattered: it proves nothing"));
    }
}

#[test]
fn a_leader_that_loses_its_lease_is_followed_by_another() {
    let two = CALM.replace("topology: {", "topology: {controllerManagers: 2, ");
    let body = format!(
        "{two}faults: [{{name: lost, at: 5s, for: 20s, loseLeadership: {{process: kube-controller-manager-LEADER}}}}]\n\
         steps: [{{scale: {{kind: ReplicaSet, name: web, replicas: 5}}, at: 40s}}]\n\
         properties: [{{rule: replicas-converge}}]\n"
    )
    .replace("faultsStop: 30s", "faultsStop: 60s");
    // Which of the two leads first is drawn: for one of them the fault matters, and then the other scales.
    let runs = ["0", "1"].map(|leader| run(&body.replace("LEADER", leader), 3).result);
    let mattered: Vec<bool> = runs.iter().map(|result| result.faults[0].fired > 0).collect();
    assert_eq!(mattered.iter().filter(|mattered| **mattered).count(), 1, "{mattered:?}");
    for (leader, result) in runs.iter().enumerate() {
        assert!(!result.is_violated(), "{:?}", result.verdicts);
        let other = format!("kube-controller-manager-{}/replicaset-controller", 1 - leader);
        let wrote =
            result.writes.iter().any(|writes| writes.user_agent == other && writes.resource == "pods");
        assert!(wrote, "{other} leads in the end: {:?}", result.writes);
    }
}

#[test]
fn tasks_can_run_by_priority() {
    let with = |strategy: &str| {
        let body = CALM.replace("topology: {", &format!("topology: {{strategy: {strategy}, "));
        run(&format!("{body}properties: [{{rule: replicas-converge}}]\n"), 1).result
    };
    let strategies = ["random", "fifo", "priority", "{priority: {changePoints: 3, horizonEvents: 1000}}"];
    let results = strategies.map(with);
    for (strategy, result) in strategies.iter().zip(&results) {
        assert!(!result.is_violated() && result.findings.is_empty(), "{strategy}: {:?}", result.findings);
        assert_eq!(result.trace_hash, with(strategy).trace_hash, "{strategy}");
    }
    let hashes: BTreeSet<u64> = results.iter().map(|result| result.trace_hash).collect();
    assert!(hashes.len() >= 3, "each orders things in its own way");
}
