//! Healthy, broken and lookalike clusters as text: what each check says about them.
//!
//! A case is `CHECK now=TIME` with a cluster in YAML and the answer. Words beside: `unread=RESOURCE` or
//! `unread=RESOURCE@NAMESPACE`, joined by `+`, for what could not be read; `within=NAMESPACE` for a look at one; `set.NAME=VALUE` for a parameter; `all` as the check runs all
//! of them. `before now=TIME` gives the next case an earlier view.

use std::collections::BTreeSet;

use checks::Parameters;
use object::{ObjectExt, Time, Value};
use report::{CheckResult, Outcome};
use testkit::{Case, each_file};
use view::{Unread, View};

fn view(case: &Case) -> View {
    let now = case.text("now").unwrap_or("2026-03-02T12:00:00Z");
    let now = Time::parse(now).unwrap_or_else(|error| panic!("{}: {error}", case.at));
    let objects = object::yaml::parse_all(&case.input).unwrap_or_else(|error| panic!("{}: {error}", case.at));
    let is_within =
        |object: &Value| case.text("within").is_none_or(|only| ["", only].contains(&object.namespace()));
    let mut view = View::from_objects(objects.into_iter().filter(is_within), now);
    assert!(view.problems().is_empty(), "{}: {:?}", case.at, view.problems());
    if let Some(only) = case.text("within") {
        view = view.with_namespace(only);
    }
    for unread in case.text("unread").into_iter().flat_map(|list| list.split('+')) {
        let (resource, namespace) = unread.split_once('@').map_or((unread, None), |(r, n)| (r, Some(n)));
        view = view.with_unread(Unread::new(resource, namespace, "forbidden"));
    }
    view
}

fn parameters(case: &Case) -> Parameters {
    let mut parameters = Parameters::default();
    for check in checks::ALL {
        for parameter in check.parameters {
            if let Some(value) = case.text(&format!("set.{}", parameter.name)) {
                parameters.set(&format!("{}.{}", check.name, parameter.name), value).unwrap();
            }
        }
    }
    parameters
}

fn said(result: &CheckResult) -> String {
    let mut lines = Vec::new();
    for finding in &result.findings {
        let owner = finding.owner.as_ref().map_or(String::new(), |owner| format!(" of {owner}"));
        lines.push(format!("{} {} {}{owner}", finding.outcome, finding.code, finding.object));
        lines.push(format!("  {}", finding.title));
        if finding.affected.len() > 1 {
            let affected: Vec<String> = finding.affected.iter().map(ToString::to_string).collect();
            lines.push(format!("  on {}", affected.join(", ")));
        }
        for evidence in &finding.evidence {
            let object = evidence.object.as_ref().map_or(String::new(), |object| format!("{object} "));
            let expected = evidence.expected.as_ref().map_or(String::new(), |e| format!(", expected {e}"));
            lines.push(format!("  read {object}{} = {}{expected}", evidence.path, evidence.observed));
        }
    }
    lines.extend(result.errors.iter().map(|error| format!("error {error}")));
    lines.extend(result.notes.iter().map(|note| format!("note {note}")));
    match (&result.skipped, result.outcome) {
        (Some(reason), _) => lines.push(format!("skip: {reason}")),
        (None, Outcome::Pass) => lines.push("pass".to_owned()),
        _ => {}
    }
    lines.join("\n") + "\n"
}

/// Runs the checks that a case asks for.
fn run(case: &Case, view: &View, previous: Option<&View>) -> Vec<CheckResult> {
    if case.command == "all" {
        return checks::run_all(view, previous, &parameters(case), &[]);
    }
    let check = checks::find(&case.command).unwrap_or_else(|| case.unknown());
    vec![check.run(view, previous, &parameters(case))]
}

#[test]
fn each_check_says_what_the_fixtures_expect_and_each_code_is_shown() {
    let mut shown = BTreeSet::new();
    each_file(env!("CARGO_MANIFEST_DIR"), "tests/fixtures", |file| {
        let mut before = None;
        file.check(|case| {
            let view = view(case);
            if case.command == "before" {
                before = Some(view);
                return "remembered\n".to_owned();
            }
            let results = run(case, &view, before.take().as_ref());
            shown.extend(
                results.iter().flat_map(|result| &result.findings).map(|finding| finding.code.clone()),
            );
            match results.as_slice() {
                [result] => said(result),
                results => {
                    results.iter().map(|result| format!("{}:\n{}", result.name, said(result))).collect()
                }
            }
        });
    });
    let declared: BTreeSet<String> =
        checks::ALL.iter().flat_map(|check| check.codes).map(|code| code.name.to_owned()).collect();
    let difference: Vec<&String> = declared.symmetric_difference(&shown).collect();
    assert!(difference.is_empty(), "declared but never shown, or shown but not declared: {difference:?}");
}
