//! What the writers promise to the people and programs that read reports.

mod common;

use report::write::{TextOptions, from_json, html, json, junit, text};
use report::{Draft, Report, Source};

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
