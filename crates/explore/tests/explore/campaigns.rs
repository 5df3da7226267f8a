//! Many seeds: the same results whatever the number of threads, and what is told of all of them.

use crate::{CALM, scenario};
use explore::{Campaign, CampaignResult, FindingKind, ScenarioFile, Settings};
use std::num::NonZeroUsize;
use std::sync::Mutex;

/// About half of the seeds draw a pause that is long enough for the property to break.
const CHANCE: &str = r"
faults:
- name: pause
  draw:
    count: {min: 0, max: 1}
    between: 0s
    for: 30s
    of:
    - pauseWatch: {client: kube-controller-manager-0, resource: pods}
steps:
- {scale: {kind: ReplicaSet, name: web, replicas: 5}, at: 5s}
properties:
- {rule: replicas-converge, within: 1ms}
- {rule: pod-count, name: four, kind: sometimes, parameters: {atLeast: 4}}
figures:
- {name: pods, livePods: {}}
";

fn campaign(file: &ScenarioFile, jobs: usize, stop_at_violation: bool) -> (CampaignResult, usize) {
    let jobs = NonZeroUsize::new(jobs).unwrap();
    let campaign = Campaign { file, settings: Settings::default(), seeds: 10..26, jobs, stop_at_violation };
    let told = Mutex::new(0);
    let result = campaign.run(&|_| *told.lock().unwrap() += 1).unwrap();
    (result, told.into_inner().unwrap())
}

#[test]
fn the_number_of_threads_shows_nowhere() {
    let file = scenario(&format!("{CALM}{CHANCE}"));
    let (one, told) = campaign(&file, 1, false);
    let (three, _) = campaign(&file, 3, false);
    assert_eq!(one, three);
    assert_eq!(told, 16);
    assert!(one.runs.iter().map(|run| run.seed).eq(10..26));
    assert_eq!(one.range("pods"), Some((5.0, 5.0)));
    assert_eq!(one.virtual_time().as_secs(), 16 * 65);
}

#[test]
fn a_campaign_can_end_at_the_first_violation() {
    let file = scenario(&format!("{CALM}{CHANCE}"));
    let (all, _) = campaign(&file, 2, false);
    let first = all.violated().next().expect("some seed draws the pause").seed;
    assert!(all.violated().count() < all.runs.len(), "and some do not");
    let (some, _) = campaign(&file, 2, true);
    assert!(some.runs.iter().map(|run| run.seed).eq(10..=first));
}

#[test]
fn only_what_no_run_reached_is_a_finding() {
    let file = scenario(&format!("{CALM}{CHANCE}"));
    let (result, _) = campaign(&file, 2, false);
    let findings: Vec<_> = result.findings.iter().map(|finding| (finding.kind, &finding.subject)).collect();
    assert_eq!(findings, [], "the pause and the fourth pod were met in some run");

    let file = scenario(&format!(
        "{CALM}faults: [{{name: idle, for: 5s, refuse: {{client: '*', resource: secrets, code: 500}}}}]\n\
         properties: [{{rule: one-daemon-pod-per-node}}, {{rule: pod-count, kind: sometimes, parameters: {{atLeast: 9}}}}]\n"
    ));
    let (result, _) = campaign(&file, 2, false);
    let findings: Vec<_> = result.findings.iter().map(|f| (f.kind, f.message.as_str())).collect();
    let expected = [
        (
            FindingKind::NeverReached,
            "property one-daemon-pod-per-node never applied in any of 16 runs: it proves nothing",
        ),
        (FindingKind::NeverReached, "pod-count did not happen in any of 16 runs"),
        (FindingKind::NeverFired, "fault idle never mattered in any of 16 runs: it proves nothing"),
    ];
    assert_eq!(findings, expected);
}

#[test]
fn what_several_runs_say_is_told_once() {
    let file = scenario(&format!(
        "{CALM}steps: [{{name: grow, scale: {{kind: ReplicaSet, name: x, replicas: 1}}}}]\n"
    ));
    let (result, _) = campaign(&file, 2, false);
    let [finding] = &result.findings[..] else { panic!("{:?}", result.findings) };
    let expected = "grow: replicasets default/x: replicasets.apps \"x\" not found (in 16 of 16 runs, first with seed 10)";
    assert_eq!(finding.message, expected);
}
