//! The verdict and its exit code.

use report::{
    Chapter, CheckResult, Draft, Finding, ObjectRef, Outcome, Problem, ProblemKind, Source, Standing, Verdict,
};

fn finding(outcome: Outcome) -> Finding {
    Finding::new("CODE", outcome, ObjectRef::new("v1", "Pod", "shop", "cart"), "wrong")
}

fn check_result() -> CheckResult {
    CheckResult::new("pod-health", "compute", "every pod runs")
}

fn draft(checks: impl IntoIterator<Item = CheckResult>) -> Draft {
    let mut draft = Draft::new("check", Source::new("manifests", "here"));
    draft.chapters.push(Chapter::of_checks("validate", "Validate", checks));
    draft
}

fn check(draft: Draft, verdict: Verdict, code: u8) {
    let report = draft.conclude();
    assert_eq!((report.verdict.result, report.verdict.exit_code), (verdict, code), "{:?}", report.verdict);
}

#[test]
fn each_verdict_has_its_exit_code() {
    check(draft([check_result()]), Verdict::Proven, 0);
    check(draft([check_result().with_findings([finding(Outcome::Fail)])]), Verdict::Findings, 1);
    check(draft([check_result().with_errors(["pods: forbidden".to_owned()])]), Verdict::CouldNotLook, 3);
}

#[test]
fn a_warning_fails_only_when_strict() {
    let warned = || draft([check_result().with_findings([finding(Outcome::Warn)])]);
    check(warned(), Verdict::Proven, 0);
    let mut strict = warned();
    strict.strict = true;
    check(strict, Verdict::Findings, 1);
}

#[test]
fn four_over_two_over_one_over_three_and_all_is_said() {
    let mut all =
        draft([check_result().with_findings([finding(Outcome::Fail)]).with_errors(["pods".to_owned()])]);
    check(all.clone(), Verdict::Findings, 1);
    all.problems.push(Problem::new(ProblemKind::Usage, "no such seed"));
    check(all.clone(), Verdict::Usage, 2);
    all.problems.push(Problem::new(ProblemKind::Internal, "rule panicked"));
    check(all.clone(), Verdict::Internal, 4);
    let reasons = all.conclude().verdict.reasons;
    assert_eq!(reasons, ["rule panicked", "no such seed", "1 failure", "pod-health: pods"]);
}

#[test]
fn a_failure_beside_an_error_keeps_both() {
    let both =
        check_result().with_findings([finding(Outcome::Fail)]).with_errors(["nodes: forbidden".to_owned()]);
    assert_eq!(both.outcome, Outcome::Fail);
    assert_eq!(draft([both]).conclude().verdict.counts.errors, 1);
}

#[test]
fn nothing_looked_at_is_never_proven() {
    check(Draft::new("check", Source::new("manifests", "empty")), Verdict::CouldNotLook, 3);
    check(draft([check_result().with_skipped("no pods")]), Verdict::CouldNotLook, 3);
    check(draft([check_result().with_skipped("no pods"), check_result()]), Verdict::Proven, 0);
}

#[test]
fn expected_known_and_waived_findings_do_not_count() {
    for standing in [Standing::Expected, Standing::Baseline, Standing::Waived] {
        let mut known = finding(Outcome::Fail);
        known.set_standing(standing, "because");
        let report = draft([check_result().with_findings([known])]).conclude();
        assert_eq!(report.verdict.result, Verdict::Proven);
        assert_eq!(report.verdict.counts.not_counted, 1);
        assert_eq!(report.findings().count(), 1, "it is still shown");
    }
}

#[test]
fn a_standing_set_after_the_check_was_judged_still_takes_effect() {
    let mut draft = draft([check_result().with_findings([finding(Outcome::Fail)])]);
    draft.chapters[0].all_findings_mut().for_each(|f| f.set_standing(Standing::Expected, "planted"));
    let report = draft.conclude();
    assert_eq!(report.chapters[0].outcome, Outcome::Pass);
    assert_eq!(report.chapters[0].checks[0].outcome, Outcome::Pass);
}

#[test]
fn findings_stand_worst_first() {
    let warned = finding(Outcome::Warn);
    let failed = Finding::new("OTHER", Outcome::Fail, ObjectRef::new("v1", "Pod", "zoo", "zebra"), "wrong");
    let report =
        draft([check_result().with_findings([warned]), check_result().with_findings([failed])]).conclude();
    assert_eq!(report.findings().map(|f| f.outcome).collect::<Vec<_>>(), [Outcome::Fail, Outcome::Warn]);
}
