//! The verdict over a whole report and the exit code that follows from it.

use serde::{Deserialize, Serialize};

use crate::chapter::plural;
use crate::{Chapter, Outcome};

/// What a report comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Everything asked for was looked at and is right; warnings may stand.
    Proven,
    /// Something is wrong, or a property was violated.
    Findings,
    /// The command was not understood.
    Usage,
    /// Something asked for could not be looked at, or there was nothing to look at: unknown is never a pass.
    CouldNotLook,
    /// Seaworthy itself failed.
    Internal,
}

impl Verdict {
    /// All verdicts, the one that decides the exit code first.
    pub const BY_PRECEDENCE: [Self; 5] =
        [Self::Internal, Self::Usage, Self::Findings, Self::CouldNotLook, Self::Proven];

    /// Gives the process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Proven => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::CouldNotLook => 3,
            Self::Internal => 4,
        }
    }

    /// Gives the verdict as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::CouldNotLook => "could_not_look",
            Self::Internal => "internal",
        }
    }

    /// Gives the verdict in words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Findings => "not proven: defects found",
            Self::Usage => "not run: the command was not understood",
            Self::CouldNotLook => "not proven: could not look at everything",
            Self::Internal => "not proven: seaworthy itself failed",
        }
    }
}

/// What kind of trouble a command had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The command line or a file the user gave is wrong.
    Usage,
    /// The source could not be read.
    CouldNotLook,
    /// A fault of Seaworthy.
    Internal,
}

/// Trouble the command itself had, apart from what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Problem {
    /// What kind of trouble.
    pub kind: ProblemKind,
    /// What went wrong and where.
    pub message: String,
    /// What would help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Problem {
    /// Makes a problem without a hint.
    pub fn new(kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    /// Says what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The verdict with all that led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Judgement {
    /// The verdict that decides.
    pub result: Verdict,
    /// The process's exit code.
    pub exit_code: u8,
    /// Everything that holds, one sentence each, the deciding ones first.
    pub reasons: Vec<String>,
    /// Counts over all chapters.
    pub counts: Counts,
}

/// Counts over all chapters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Counts {
    /// Checks that were run or skipped.
    pub checks: usize,
    /// Checks that passed.
    pub checks_passed: usize,
    /// Checks that did not apply.
    pub checks_skipped: usize,
    /// Checks and chapters that could not look at everything.
    pub errors: usize,
    /// Findings that fail and count.
    pub failures: usize,
    /// Findings that warn and count.
    pub warnings: usize,
    /// Findings that were expected, known or waived.
    pub not_counted: usize,
}

impl Counts {
    fn over(chapters: &[Chapter]) -> Self {
        let mut counts = Self::default();
        for chapter in chapters {
            counts.checks += chapter.checks.len();
            let outcome = |wanted| chapter.checks.iter().filter(|c| c.outcome == wanted).count();
            counts.checks_passed += outcome(Outcome::Pass);
            counts.checks_skipped += outcome(Outcome::Skip);
            counts.errors += chapter.checks.iter().filter(|check| !check.errors.is_empty()).count();
            counts.errors += usize::from(!chapter.errors.is_empty());
            for finding in chapter.all_findings() {
                match finding.outcome {
                    _ if !finding.counts() => counts.not_counted += 1,
                    Outcome::Fail => counts.failures += 1,
                    Outcome::Warn => counts.warnings += 1,
                    _ => {}
                }
            }
        }
        counts
    }
}

/// So many errors of one check are reasons of the verdict; all of them stand with the check.
const REASONS_MAX: usize = 3;

/// Judges chapters and problems together. With `strict`, warnings count as findings.
pub(crate) fn judge(chapters: &[Chapter], problems: &[Problem], strict: bool) -> Judgement {
    let counts = Counts::over(chapters);
    let mut held: Vec<(Verdict, String)> = Vec::new();
    for problem in problems {
        let verdict = match problem.kind {
            ProblemKind::Usage => Verdict::Usage,
            ProblemKind::CouldNotLook => Verdict::CouldNotLook,
            ProblemKind::Internal => Verdict::Internal,
        };
        held.push((verdict, problem.message.clone()));
    }
    if counts.failures > 0 {
        held.push((Verdict::Findings, plural(counts.failures, "failure")));
    }
    if counts.warnings > 0 && strict {
        held.push((Verdict::Findings, format!("{} (strict)", plural(counts.warnings, "warning"))));
    }
    for (place, errors) in errors(chapters) {
        let (told, more) = errors.split_at(errors.len().min(REASONS_MAX));
        held.extend(told.iter().map(|error| (Verdict::CouldNotLook, format!("{place}: {error}"))));
        if !more.is_empty() {
            held.push((
                Verdict::CouldNotLook,
                format!("{place}: and {} like these", plural(more.len(), "error")),
            ));
        }
    }
    let looked = chapters.iter().any(|chapter| chapter.outcome != Outcome::Skip);
    if !looked && held.is_empty() {
        held.push((Verdict::CouldNotLook, "there was nothing to look at".to_owned()));
    }
    let rank = |verdict| Verdict::BY_PRECEDENCE.iter().position(|v| *v == verdict);
    held.sort_by_key(|(verdict, _)| rank(*verdict));
    let result = held.first().map_or(Verdict::Proven, |(verdict, _)| *verdict);
    let mut reasons: Vec<String> = held.into_iter().map(|(_, reason)| reason).collect();
    if counts.warnings > 0 && !strict {
        reasons.push(plural(counts.warnings, "warning"));
    }
    Judgement { result, exit_code: result.exit_code(), reasons, counts }
}

/// Gives each check's and each chapter's errors, where there are any.
fn errors(chapters: &[Chapter]) -> impl Iterator<Item = (&str, &[String])> {
    let places = chapters.iter().flat_map(|chapter| {
        let of_checks = chapter.checks.iter().map(|check| (check.name.as_str(), &check.errors[..]));
        of_checks.chain([(chapter.id.as_str(), &chapter.errors[..])])
    });
    places.filter(|(_, errors)| !errors.is_empty())
}
