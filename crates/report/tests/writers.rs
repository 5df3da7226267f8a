//! What the writers promise to the people and programs that read reports.

mod common;

use report::write::{TextOptions, from_json, html, json, junit, text};
use report::{Chapter, CheckResult, Draft, Evidence, Finding, ObjectRef, Outcome, Report, Source, Unread};

/// Compares with a file of `tests/golden`.
fn check_golden(name: &str, got: &str) {
    testkit::expect_file(env!("CARGO_MANIFEST_DIR"), &format!("tests/golden/{name}"), got);
}

fn empty() -> Report {
    Draft::new("check", Source::new("manifests", "empty")).conclude()
}

#[test]
fn text_shows_the_worst_first_with_counts_and_what_to_do() {
    let options = TextOptions { verbose: true, width: 90, ..TextOptions::default() };
    check_golden("whole.txt", &text(&common::whole(), &options));
}

#[test]
fn brief_text_still_names_every_finding_error_and_problem() {
    let written = text(&common::whole(), &TextOptions::default());
    for needle in [
        "POD_CRASH_LOOP",
        "CLAIM_UNUSED",
        "(expected)",
        "PROPERTY_VIOLATED",
        "secrets: forbidden",
        "seed 9 ran out",
        "archive ends early",
        "take the copy again",
        "secrets in namespace shop",
        "(exit 1)",
    ] {
        assert!(written.contains(needle), "{needle} is missing in:\n{written}");
    }
    assert!(!written.contains('\x1b'), "no colour unless asked");
}

#[test]
fn text_keeps_to_the_width_except_for_commands() {
    let written = text(&common::whole(), &TextOptions { width: 60, verbose: true, ..TextOptions::default() });
    let too_long = written.lines().filter(|line| line.chars().count() > 60);
    let excused =
        |line: &&str| ["kubectl", "/status/", "CLAIM_UNUSED"].iter().any(|word| line.contains(word));
    assert_eq!(too_long.filter(|line| !excused(line)).collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn coloured_text_differs_only_in_colour() {
    let plain = text(&common::whole(), &TextOptions::default());
    let mut coloured = text(&common::whole(), &TextOptions { colour: true, ..TextOptions::default() });
    assert!(coloured.contains("\x1b[31m"));
    while let Some(start) = coloured.find('\x1b') {
        let end = start + coloured[start..].find('m').unwrap();
        coloured.replace_range(start..=end, "");
    }
    assert_eq!(coloured, plain);
}

#[test]
fn json_reads_back_as_the_same_report() {
    let report = common::whole();
    assert_eq!(from_json(&json(&report).unwrap()).unwrap(), report);
    let next_major =
        json(&report).unwrap().replace("\"schema_version\": \"1.0\"", "\"schema_version\": \"2.0\"");
    assert!(from_json(&next_major).unwrap_err().to_string().contains("2.0"));
}

#[test]
fn junit_has_a_case_per_check_and_is_the_same_every_time() {
    let written = junit(&common::whole()).unwrap();
    check_golden("whole.junit.xml", &written);
    assert_eq!(written, junit(&common::whole()).unwrap());
}

#[test]
fn html_needs_nothing_else_and_escapes_what_it_is_given() {
    let page = html(&common::whole()).unwrap();
    for outside in ["http://", "https://", "<script", "url(", "@import", "src="] {
        assert!(!page.contains(outside), "{outside} in the page");
    }
    assert!(page.contains("&#60;script&#62;alert(1)"), "prose is escaped, not dropped");
    for needle in ["POD_CRASH_LOOP", "pods created", "polyline", "watch resumes", "prefers", "seed 9 ran out"]
    {
        let found = page.contains(needle) || needle == "prefers" && page.contains("light-dark(");
        assert!(found, "{needle} is missing");
    }
    assert_eq!(page.matches("<section").count(), page.matches("</section>").count());
    assert!(html(&empty()).unwrap().contains("could not look at everything"));
}

#[test]
fn html_shows_failures_before_what_was_looked_at_and_folds_what_is_long() {
    let message = "the volume is still attached to another node ".repeat(20);
    let pod = |at: usize| ObjectRef::new("v1", "Pod", "data", &format!("ledger-{at}"));
    let mut finding = Finding::new("VOLUME_ATTACH_FAILED", Outcome::Fail, pod(0), "waits for its volume")
        .affecting((0..40).map(pod))
        .evidence(Evidence::new("/status/attachError/message", message.clone()));
    finding.evidence.extend((0..20).map(|at| Evidence::new(format!("/spec/volumes/{at}"), "data")));
    let check =
        CheckResult::new("volume-attachment", "storage", "every claim is in use").with_findings([finding]);
    let mut draft = Draft::new("check", Source::new("manifests", "here"));
    draft.chapters.push(Chapter::of_checks("check", "Layer checks", [check]));
    draft.unread.push(Unread::new("secrets", "forbidden"));
    draft.unread.push(Unread::new("nodes", "forbidden"));
    let page = html(&draft.conclude()).unwrap();
    let at = |needle: &str| page.find(needle).unwrap_or_else(|| panic!("{needle} is missing"));
    assert!(at("class=\"banner") < at("waits for its volume"));
    assert!(at("waits for its volume") < at("every claim is in use"));
    assert!(at("and 34 more") < at("Pod data/ledger-39"), "every object is there, most of them folded");
    assert!(at("15 more</summary>") < at("/spec/volumes/19"));
    assert!(page.contains(message.trim_end()), "a long text is folded, not cut");
    assert!(page.contains("<b>secrets, nodes</b>: forbidden"));
    assert!(!page.contains("class=\"filter\""), "there is nothing to choose between");
    assert!(page.contains("<b>1</b> failure</li>"), "one is no plural");
}

#[test]
fn html_opens_what_counts_and_folds_what_was_expected() {
    let page = html(&common::whole()).unwrap();
    let opening = |subject: &str| {
        let at = page.find(subject).unwrap_or_else(|| panic!("{subject} is missing"));
        let start = page[..at].rfind("<details class=\"finding").unwrap();
        page[start..].split_once('>').unwrap().0.to_owned()
    };
    assert_eq!(opening("container app ends again and again"), "<details class=\"finding fail\" open");
    assert_eq!(opening("no pod uses it"), "<details class=\"finding warn uncounted\"");
    assert!(page.contains("<dt>expected</dt><dd>planted by fault 2</dd>"));
}

#[test]
fn html_folds_the_many_findings_of_one_code_and_keeps_the_others_in_sight() {
    let claim = |at: usize| ObjectRef::new("v1", "PersistentVolumeClaim", "data", &format!("claim-{at:04}"));
    let unused =
        (0..1_500).map(|at| Finding::new("CLAIM_UNUSED", Outcome::Fail, claim(at), "used by nobody"));
    let lost = Finding::new("CLAIM_LOST", Outcome::Fail, claim(9_999), "its volume is gone");
    let check = CheckResult::new("volume-attachment", "storage", "every claim is in use")
        .with_findings(unused.chain([lost]));
    let mut draft = Draft::new("check", Source::new("manifests", "here").objects(12_345));
    draft.chapters.push(Chapter::of_checks("check", "Layer checks", [check]));
    let page = html(&draft.conclude()).unwrap();
    let at = |needle: &str| page.find(needle).unwrap_or_else(|| panic!("{needle} is missing"));
    assert!(at("claim-0019") < at("its volume is gone"));
    assert!(at("its volume is gone") < at("1480 more <code>CLAIM_UNUSED"));
    assert!(at("1480 more <code>CLAIM_UNUSED") < at("claim-0020"));
    assert!(at("claim-1499") < at("every claim is in use"), "none is left out");
    assert!(page.contains("12,345 objects"));
}
