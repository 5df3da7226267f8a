//! The shakedown proves itself: every planted defect is found, nothing else is, and each finding is the doing of its
//! fault.

use report::{Chapter, Draft, Outcome, Report, Source, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use trial::{Shakedown, Whose, shakedown, validate_shakedown, withstand};

fn run(seed: u64, without: &[&str]) -> (Shakedown, Chapter) {
    let without = without.iter().map(|name| (*name).to_owned()).collect();
    let shakedown = shakedown(seed, &without).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let chapter = validate_shakedown(&shakedown);
    (shakedown, chapter)
}

/// Gives what was found, by identity.
fn findings(chapter: &Chapter) -> BTreeMap<String, String> {
    let told = chapter.all_findings().into_iter();
    told.map(|finding| (finding.identity.clone(), format!("{} {}", finding.code, finding.subject))).collect()
}

/// Fails unless all that was planted was found and nothing else, and nothing went unseen.
#[track_caller]
fn check(seed: u64, chapter: &Chapter) {
    let unexpected: Vec<String> = chapter
        .all_findings()
        .iter()
        .filter(|f| f.counts())
        .map(|f| format!("{} {}", f.code, f.title))
        .collect();
    assert!(unexpected.is_empty(), "seed {seed}: {unexpected:?}");
    assert!(chapter.errors.is_empty(), "seed {seed}: {:?}", chapter.errors);
    assert_eq!(chapter.outcome, Outcome::Pass, "seed {seed}");
}

/// Over a range of seeds: leaving out one fault, another for each seed, removes exactly its findings.
fn each_fault_makes_exactly_its_findings(seeds: std::ops::Range<u64>) -> BTreeSet<&'static str> {
    let mut left_out = BTreeSet::new();
    for seed in seeds {
        let (whole, chapter) = run(seed, &[]);
        check(seed, &chapter);
        let count = whole.defects.len() as u64;
        let defect = &whole.defects[usize::try_from(seed % count).expect("an index")];
        left_out.insert(defect.name);
        let (_, without) = run(seed, &[defect.name]);
        check(seed, &without);
        let (mut before, after) = (findings(&chapter), findings(&without));
        let is_of_fault = |text: &str| defect.expected.iter().any(|expected| text.starts_with(expected.code));
        let missing: Vec<String> =
            before.iter().filter(|(id, _)| !after.contains_key(*id)).map(|(_, t)| t.clone()).collect();
        assert_eq!(missing.len(), defect.expected.len(), "seed {seed}, without {}: {missing:?}", defect.name);
        assert!(
            missing.iter().all(|text| is_of_fault(text)),
            "seed {seed}, without {}: {missing:?}",
            defect.name
        );
        before.retain(|id, _| after.contains_key(id));
        assert_eq!(before, after, "seed {seed}, without {}", defect.name);
    }
    left_out
}

/// The faults that there are.
const FAULTS: usize = 11;

// Two halves, so that two cores have something to do.
#[test]
fn leaving_out_one_fault_removes_exactly_its_findings_over_the_first_fifty_seeds() {
    let left_out = each_fault_makes_exactly_its_findings(1..51);
    assert_eq!(left_out.len(), FAULTS, "every fault was left out once: {left_out:?}");
}

#[test]
fn leaving_out_one_fault_removes_exactly_its_findings_over_the_next_fifty_seeds() {
    let left_out = each_fault_makes_exactly_its_findings(51..101);
    assert_eq!(left_out.len(), FAULTS, "every fault was left out once: {left_out:?}");
}

/// Makes the whole report of a seed.
fn report(seed: u64) -> Report {
    let (shakedown, chapter) = run(seed, &[]);
    let mut draft = Draft::new("trial", Source::new("simulation", "shakedown"));
    draft.strict = true;
    draft.chapters.push(chapter);
    draft.chapters.push(withstand(&shakedown.view, Whose::Shakedown, seed));
    draft.conclude()
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_seed_another() {
    let written = |seed| report::write::json(&report(seed)).expect("a report");
    assert_eq!(written(3), written(3));
    assert_ne!(written(3), written(4));
}

#[test]
fn both_chapters_are_proven_and_the_failure_grows_with_the_gate_off_only() {
    for seed in 1..6 {
        let report = report(seed);
        assert_eq!(report.verdict.result, Verdict::Proven, "seed {seed}: {:?}", report.verdict.reasons);
        let withstand = &report.chapters[1];
        let value = |at: usize| withstand.figures[at].value;
        // Half of the wanted pods were there; the other half is made at once and again every five minutes of twelve.
        let wanted = value(1);
        assert_eq!(value(0), wanted / 2.0 + 3.0 * (wanted / 2.0), "seed {seed}");
        let expected: Vec<&str> = withstand.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(expected, ["REPLICASET_RUNAWAY"], "seed {seed}");
        assert_eq!(withstand.charts[0].series.len(), 2);
    }
}

#[test]
fn what_is_missed_and_what_is_wrongly_flagged_fail_the_trial() {
    let (mut shakedown, _) = run(1, &["memory-leak"]);
    let (whole, _) = run(1, &[]);
    // The plan says that there was a leak, and there was none.
    shakedown.defects = whole.defects.clone();
    let chapter = validate_shakedown(&shakedown);
    let codes: Vec<&str> = chapter.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!((codes, chapter.outcome), (vec!["PLANTED_DEFECT_MISSED"], Outcome::Fail));

    // The plan says that what leaks only looks sick.
    let mut shakedown = whole;
    let leak = shakedown.defects.remove(0);
    assert_eq!(leak.name, "memory-leak");
    shakedown.lookalikes[0].object.name = leak.expected[0].name.clone();
    let chapter = validate_shakedown(&shakedown);
    let codes: Vec<&str> = chapter.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!((codes, chapter.outcome), (vec!["LOOKALIKE_FLAGGED"], Outcome::Fail));
}

#[test]
fn a_fault_that_the_seed_does_not_have_cannot_be_left_out() {
    let error = shakedown(1, &BTreeSet::from(["earthquake".to_owned()])).err().expect("there is none");
    assert!(
        error.to_string().starts_with("seed 1 has no fault \"earthquake\"; it has memory-leak"),
        "{error}"
    );
}
