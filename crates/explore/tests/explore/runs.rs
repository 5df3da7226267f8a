//! One run: what it gives, that it is the same each time, and what is told of it beside violations.

use crate::{CALM, run, scenario};
use explore::{
    FindingKind, Keep, Key, ReplayError, RunError, ScenarioFile, Settings, TraceFilter, prove, replay,
};
use property::Outcome;
use sim::{Override, TraceLevel};

const CONVERGES: &str = "properties: [{rule: replicas-converge}, {rule: replicaset-pods-bounded}]\n";
const PODS: &str = "figures: [{name: pods, livePods: {kind: ReplicaSet}}]\n";

fn calm() -> String {
    format!("{CALM}{CONVERGES}{PODS}")
}

fn messages(run: &explore::Run) -> Vec<(FindingKind, &str)> {
    run.result.findings.iter().map(|finding| (finding.kind, finding.message.as_str())).collect()
}

#[test]
fn a_calm_run_converges_and_has_nothing_to_tell() {
    let run = run(&calm(), 1);
    assert_eq!(run.result.figure("pods"), Some(3.0));
    assert_eq!(messages(&run), []);
    assert!(
        run.result.verdicts.iter().all(|verdict| verdict.outcome == Outcome::Held),
        "{:?}",
        run.result.verdicts
    );
    assert_eq!(run.result.virtual_time.as_secs(), 90);
    let creator = "kube-controller-manager-0/replicaset-controller";
    assert!(
        run.result.writes.iter().any(|w| w.user_agent == creator && w.resource == "pods" && w.count == 3)
    );
}

#[test]
fn one_seed_is_one_run_and_another_seed_another() {
    let file = scenario(&calm());
    let once = |seed| explore::run(&file, &Settings::default(), seed, &Keep::default()).unwrap().result;
    assert_eq!(once(1), once(1));
    assert_ne!(once(1).trace_hash, once(2).trace_hash);
    assert_eq!(prove(&file, &Settings::default(), 3).unwrap(), once(3).trace_hash);
}

#[test]
fn looking_at_a_run_does_not_change_it() {
    let file = scenario(&calm());
    let with = |trace| {
        let keep = Keep { trace, trace_entries_max: 1_000_000 };
        explore::run(&file, &Settings::default(), 1, &keep).unwrap()
    };
    let (off, events, steps) = (with(TraceLevel::Off), with(TraceLevel::Events), with(TraceLevel::Steps));
    assert_eq!(off.result, events.result);
    assert_eq!(off.result, steps.result);
    assert!(events.trace.entries().len() > 0 && steps.trace.entries().len() > events.trace.entries().len());
}

#[test]
fn a_property_that_never_applied_is_a_finding() {
    let run = run(&format!("{CALM}properties: [{{rule: one-daemon-pod-per-node}}]\n"), 1);
    let expected = "property one-daemon-pod-per-node was judged 0 times and never applied: it proves nothing";
    assert_eq!(messages(&run), [(FindingKind::NeverReached, expected)]);
}

#[test]
fn steps_that_fail_or_do_not_end_are_findings() {
    let steps = r"
steps:
- {name: grow, scale: {kind: ReplicaSet, name: nowhere, replicas: 5}}
- {name: wait, waitFor: {kind: ReplicaSet, name: web, field: status.replicas, equals: 9, timeout: 5s}}
- {name: impossible, as: other, waitFor: {kind: Pod, name: x, timeout: 1h}}
";
    let run = run(&format!("{}{steps}", calm()), 1);
    let [grow, wait, impossible] = &messages(&run)[..] else { panic!("{:?}", messages(&run)) };
    assert_eq!(grow.1, "grow: replicasets default/nowhere: replicasets.apps \"nowhere\" not found");
    assert!(wait.1.starts_with("wait: replicasets default/web: not "), "{}", wait.1);
    assert_eq!(impossible.1, "impossible was not finished when the run ended");
}

#[test]
fn users_do_what_the_steps_say() {
    let steps = r"
steps:
- {waitFor: {kind: ReplicaSet, name: web, field: status.replicas, equals: 3}}
- {scale: {kind: ReplicaSet, name: web, replicas: 5}}
- {waitFor: {kind: ReplicaSet, name: web, field: status.replicas, equals: 5}}
- create: {apiVersion: v1, kind: ConfigMap, metadata: {name: notes}, data: {text: ''}}
- {patch: {kind: ConfigMap, name: notes, merge: {data: {text: $(count)}}}, at: 10s, every: 3s, until: 20s}
- {delete: {kind: ReplicaSet, name: web}}
- {waitFor: {kind: ReplicaSet, name: web, gone: true}}
- {as: later, at: 25s, waitFor: {kind: ConfigMap, name: notes, field: data.text, equals: '3', timeout: 1s}}
figures:
- {name: peak, maxLivePods: {}}
- {name: notes, writes: {resource: configmaps, writer: user}}
";
    let run = run(&format!("{CALM}{steps}"), 1);
    assert_eq!(messages(&run), []);
    assert_eq!((run.result.figure("peak"), run.result.figure("notes")), (Some(5.0), Some(5.0)));
}

#[test]
fn what_comes_out_otherwise_than_expected_is_a_finding() {
    let expect = "expect: [{figures: {pods: {atLeast: 4}}, properties: {replicas-converge: violated}}]\n";
    let run = run(&format!("{}{expect}", calm()), 1);
    let expected = [
        (FindingKind::Unexpected, "figure pods is 3, not 4 to inf"),
        (FindingKind::Unexpected, "property replicas-converge came out as Held, not Violated"),
    ];
    assert_eq!(messages(&run), expected);
}

#[test]
fn a_choice_that_is_overridden_changes_nothing_that_does_not_follow_from_it() {
    let body = format!("{CALM}{STORM}");
    let file = scenario(&body);
    let faults = |overrides: Vec<Override>| {
        let settings = Settings { overrides, ..Settings::default() };
        explore::run(&file, &settings, 5, &Keep::default()).unwrap().result.faults
    };
    let drawn = faults(Vec::new());
    let mut moved = faults(vec![Override::new("fault-at", "storm/1", 0, 1234)]);
    assert_eq!(moved[1].at.as_millis(), 1000 + 1234);
    moved[1] = drawn[1].clone();
    let places = |faults: &[explore::FaultReport]| {
        faults.iter().map(|f| (f.name.clone(), f.kind, f.at)).collect::<Vec<_>>()
    };
    assert_eq!(places(&moved), places(&drawn));
}

const STORM: &str = r#"
faults:
- name: storm
  draw:
    count: {min: 3, max: 6}
    between: {from: 1s, to: 20s}
    for: {min: 1s, max: 10s}
    of:
    - {weight: 2, delayWatch: {client: "*", resource: [pods, replicasets.apps], delay: {min: 10ms, max: 2s}}}
    - {crash: {process: [kube-controller-manager-0, kube-apiserver-0]}}
    - {stallEtcd: {}}
    - {isolate: {process: kube-controller-manager-0}}
"#;

#[test]
fn a_key_gives_the_run_again() {
    let file = scenario(&format!("{}{STORM}", calm()));
    let settings = Settings { without: ["storm/0".to_owned()].into(), ..Settings::default() };
    let first = explore::run(&file, &settings, 9, &Keep::default()).unwrap().result;
    let key = Key::parse(&first.key.to_string()).unwrap();
    let again = replay(&file, &key, TraceLevel::Events).unwrap();
    assert_eq!(again.result, first);
    let commits = TraceFilter { kind: Some("commit".to_owned()), ..TraceFilter::default() };
    let shown = again.trace.entries().filter(|entry| commits.shows(entry)).count() as u64;
    assert_eq!(shown, first.commits);
    let pod = TraceFilter { object: Some("pods default/web-".to_owned()), ..commits };
    assert!(again.trace.entries().filter(|entry| pod.shows(entry)).count() >= 3);

    let wrong = Key { trace_hash: Some(1), ..key.clone() };
    assert!(matches!(replay(&file, &wrong, TraceLevel::Off), Err(ReplayError::Hash { expected: 1, .. })));
    let changed = scenario(&calm());
    assert!(matches!(replay(&changed, &key, TraceLevel::Off), Err(ReplayError::Changed { .. })));
    let bare = Key { trace_hash: None, digest: None, ..key };
    assert_eq!(replay(&file, &bare, TraceLevel::Off).unwrap().result.trace_hash, first.trace_hash);
}

#[test]
fn what_does_not_exist_is_refused_by_name() {
    let refuse = |file: &ScenarioFile, settings: Settings, expected: &str| match explore::run(
        file,
        &settings,
        1,
        &Keep::default(),
    ) {
        Err(error) => assert_eq!(error.to_string(), expected),
        Ok(_) => panic!("not refused: {expected}"),
    };
    let file = scenario(&format!("{CALM}faults: [{{name: a, for: 5s, pause: {{process: kubelet-1}}}}]\n"));
    let message = "test.yaml: fault \"a\": unknown process \"kubelet-1\"; known are etcd, kube-apiserver-0, \
                   kube-controller-manager-0";
    refuse(&file, Settings::default(), message);
    let file = scenario(&format!(
        "parameters: {{count: 3}}\n{CALM}faults: [{{name: a, for: '${{count * 1s}}', stallEtcd: {{}}}}]\n"
    ));
    let without = Settings { without: ["b".to_owned()].into(), ..Settings::default() };
    refuse(&file, without, "test.yaml: unknown fault \"b\"; did you mean \"a\"?");
    let gate = Settings { gates: [("AtomicFifo".to_owned(), true)].into(), ..Settings::default() };
    refuse(&file, gate, "test.yaml: unknown feature gate \"AtomicFifo\"; did you mean \"AtomicFIFO\"?");
    let parameter = |name: &str, value: &str| Settings {
        parameters: [(name.to_owned(), value.to_owned())].into(),
        ..Settings::default()
    };
    refuse(&file, parameter("cuont", "1"), "test.yaml: unknown parameter \"cuont\"; did you mean \"count\"?");
    refuse(&file, parameter("count", "many"), "test.yaml: parameter count is a number, not \"many\"");
    assert!(matches!(
        explore::run(&file, &parameter("count", "-1"), 1, &Keep::default()),
        Err(RunError::Scenario(_))
    ));
}

#[test]
fn a_run_keeps_how_its_pods_went_up_and_down() {
    let figures = "figures:\n- {name: peak, maxLivePods: {kind: ReplicaSet, name: web}}\n- {name: writes, writes: {resource: pods}}\n";
    let file = scenario(&format!("{CALM}{CONVERGES}{figures}"));
    let run = explore::run(&file, &Settings::default(), 1, &Keep::default()).unwrap();
    let [course] = &run.courses[..] else { panic!("only what goes up and down: {:?}", run.courses) };
    assert_eq!(course.figure, "peak");
    let highest = course.points.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    assert_eq!(Some(highest), run.result.figure("peak"));
    assert_eq!(course.points[0], (std::time::Duration::ZERO, 0.0), "it begins with the state at the start");
    assert!(course.points.is_sorted_by(|a, b| a.0 < b.0 && a.1 != b.1), "{:?}", course.points);
}

#[test]
fn what_programs_use_has_their_node_evict_them() {
    let text = "topology: {nodes: 1, controllers: [node-lifecycle-controller]}\ndeadlines: {faultsStop: 1m, liveness: 3m}\n\
                behaviours: [{disk: {growthPerSecond: 2Gi, max: 95Gi}}]\nsteps:\n- create: {apiVersion: v1, kind: Pod, \
                metadata: {name: logger}, spec: {containers: [{name: c, image: app}]}}\n- waitFor: {kind: Pod, name: \
                logger, field: status.reason, equals: Evicted, timeout: 2m}\nproperties: [{rule: no-orphans}]\n";
    let run = run(text, 1);
    let failed: Vec<_> = run.result.findings_of(FindingKind::StepFailed).collect();
    assert!(failed.is_empty(), "{failed:?}");
}
