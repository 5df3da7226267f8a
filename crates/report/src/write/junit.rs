//! JUnit XML: one suite per chapter, one case per check, one case for the chapter's own findings.
//!
//! JUnit has no word for a warning: a check that only warns passes, with its warnings in `system-out` and a property.
//! No time, duration or random id is written, so that the same report gives the same bytes.

use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Property, TestCase, TestCaseStatus, TestSuite};

use super::{WriteError, evidence_line};
use crate::{Chapter, Finding, Outcome, ProblemKind, Report};

/// Writes a report as JUnit XML.
pub fn junit(report: &Report) -> Result<String, WriteError> {
    let mut suites = quick_junit::Report::new("seaworthy");
    for chapter in &report.chapters {
        suites.add_test_suite(suite(chapter));
    }
    if !report.problems.is_empty() {
        suites.add_test_suite(problems(report));
    }
    Ok(suites.to_string()?)
}

fn suite(chapter: &Chapter) -> TestSuite {
    let mut suite = TestSuite::new(&chapter.id);
    for check in &chapter.checks {
        let said = Said {
            outcome: check.outcome,
            findings: &check.findings,
            errors: &check.errors,
            skipped: check.skipped.as_deref(),
        };
        let mut case = said.case(&check.name);
        case.set_classname(format!("{}.{}", chapter.id, check.layer));
        suite.add_test_case(case);
    }
    if chapter.checks.is_empty() || !chapter.findings.is_empty() || !chapter.errors.is_empty() {
        suite.add_test_case(own_case(chapter));
    }
    suite
}

fn own_case(chapter: &Chapter) -> TestCase {
    let counted = chapter.findings.iter().filter(|finding| finding.counts()).map(|finding| finding.outcome);
    let error = (!chapter.errors.is_empty()).then_some(Outcome::Error);
    let skip = chapter.skipped.as_ref().map(|_| Outcome::Skip);
    let said = Said {
        outcome: counted.chain(error).chain(skip).max().unwrap_or(Outcome::Pass),
        findings: &chapter.findings,
        errors: &chapter.errors,
        skipped: chapter.skipped.as_deref(),
    };
    let mut case = said.case(&chapter.title);
    case.set_classname(chapter.id.clone());
    case
}

/// What a check or a chapter said, apart from what it is.
struct Said<'a> {
    outcome: Outcome,
    findings: &'a [Finding],
    errors: &'a [String],
    skipped: Option<&'a str>,
}

impl Said<'_> {
    fn case(&self, name: &str) -> TestCase {
        let body = self.body();
        let is_bad = matches!(self.outcome, Outcome::Fail | Outcome::Error);
        let mut status = match self.outcome {
            Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
            Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
            Outcome::Skip => TestCaseStatus::skipped(),
            Outcome::Pass | Outcome::Warn => TestCaseStatus::success(),
        };
        if let Some(message) = self.message() {
            status.set_message(message);
        }
        if is_bad {
            status.set_type(self.outcome.as_str()).set_description(body.as_str());
        }
        let mut case = TestCase::new(name, status);
        case.add_property(Property::new("outcome", self.outcome.as_str()));
        if !is_bad && !body.is_empty() {
            case.set_system_out(body);
        }
        case
    }

    fn message(&self) -> Option<String> {
        match self.outcome {
            Outcome::Fail => self.findings.iter().find(|finding| finding.counts()).map(|f| f.title.clone()),
            Outcome::Error => self.errors.first().cloned(),
            Outcome::Skip => self.skipped.map(str::to_owned),
            Outcome::Pass | Outcome::Warn => None,
        }
    }

    fn body(&self) -> String {
        let mut body = String::new();
        for error in self.errors {
            // Writing to a string cannot fail.
            let _ = writeln!(body, "error: {error}");
        }
        for finding in self.findings {
            let standing = if finding.counts() { "" } else { finding.standing.as_str() };
            let line = format!(
                "{} {} {}: {} [{}] {standing}",
                finding.outcome, finding.code, finding.object, finding.title, finding.identity
            );
            let _ = writeln!(body, "{}", line.trim_end());
            for evidence in &finding.evidence {
                let _ = writeln!(body, "    read: {}", evidence_line(evidence));
            }
            for step in &finding.remedy {
                let _ = writeln!(body, "    do: {step}");
            }
        }
        body
    }
}

fn problems(report: &Report) -> TestSuite {
    let mut suite = TestSuite::new("command");
    for problem in &report.problems {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let kind = match problem.kind {
            ProblemKind::Usage => "usage",
            ProblemKind::CouldNotLook => "could_not_look",
            ProblemKind::Internal => "internal",
        };
        status.set_type(kind).set_message(problem.message.clone());
        suite.add_test_case(TestCase::new(report.command.clone(), status));
    }
    suite
}
