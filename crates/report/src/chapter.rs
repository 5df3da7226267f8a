//! Checks and chapters: what was looked at, with what outcome, and what there is to show.

use serde::{Deserialize, Serialize};

use crate::figure::number;
use crate::{Chart, Figure, Finding, Outcome, Table};

/// How many objects of a kind a check looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Looked {
    /// The resource, as in `pods` or `ingresses.networking.k8s.io`.
    pub resource: String,
    /// How many were looked at.
    pub count: usize,
}

impl Looked {
    /// Counts objects of a resource.
    pub fn new(resource: impl Into<String>, count: usize) -> Self {
        Self { resource: resource.into(), count }
    }
}

/// What one check said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CheckResult {
    /// The check's name, as in `pod-health`.
    pub name: String,
    /// The layer: compute, storage, networking, dependencies, accelerators.
    pub layer: String,
    /// What the check proves, in one sentence.
    pub description: String,
    /// The worst of what follows; findings that do not count are left out.
    pub outcome: Outcome,
    /// What was looked at.
    #[serde(default)]
    pub looked_at: Vec<Looked>,
    /// What could not be looked at, one sentence each.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Why the check does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What was found, the worst first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What was seen and judged harmless, one sentence each: the reasons a person may want to contest.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl CheckResult {
    /// Makes a result that has found nothing.
    pub fn new(name: &str, layer: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            layer: layer.to_owned(),
            description: description.to_owned(),
            outcome: Outcome::Pass,
            looked_at: Vec::new(),
            errors: Vec::new(),
            skipped: None,
            findings: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Adds findings.
    #[must_use]
    pub fn with_findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self.judge();
        self
    }

    /// Adds counts of what was looked at.
    #[must_use]
    pub fn with_looked_at(mut self, looked_at: impl IntoIterator<Item = Looked>) -> Self {
        self.looked_at.extend(looked_at);
        self
    }

    /// Adds what could not be looked at.
    #[must_use]
    pub fn with_errors(mut self, errors: impl IntoIterator<Item = String>) -> Self {
        self.errors.extend(errors);
        self.judge();
        self
    }

    /// Adds what was judged harmless.
    #[must_use]
    pub fn with_notes(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.extend(notes);
        self
    }

    /// Says that the check does not apply, and why.
    #[must_use]
    pub fn with_skipped(mut self, reason: impl Into<String>) -> Self {
        self.skipped = Some(reason.into());
        self.judge();
        self
    }

    /// Says in a few words what was looked at: `45 pods, 8 nodes`.
    pub(crate) fn looked_text(&self) -> String {
        let looked = self.looked_at.iter().filter(|looked| looked.count > 0);
        let plain = |resource: &str| resource.split('.').next().unwrap_or("").to_owned();
        let parts =
            looked.map(|looked| format!("{} {}", number(looked.count as f64), plain(&looked.resource)));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// Derives the outcome anew and sorts the findings, the worst first.
    pub fn judge(&mut self) {
        self.findings.sort_by(|a, b| a.rank().cmp(&b.rank()));
        self.outcome = worst(&self.findings, &self.errors, self.skipped.as_ref(), Outcome::Pass);
    }
}

/// One chapter of a report: a headline, what supports it, and what was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Chapter {
    /// A stable name, as in `validate` or `withstand`.
    pub id: String,
    /// The title.
    pub title: String,
    /// One sentence that says it all.
    #[serde(default)]
    pub headline: String,
    /// The worst of the chapter's checks and findings.
    pub outcome: Outcome,
    /// Paragraphs.
    #[serde(default)]
    pub prose: Vec<String>,
    /// Numbers with their goals.
    #[serde(default)]
    pub figures: Vec<Figure>,
    /// Tables.
    #[serde(default)]
    pub tables: Vec<Table>,
    /// Charts.
    #[serde(default)]
    pub charts: Vec<Chart>,
    /// The checks that were run.
    #[serde(default)]
    pub checks: Vec<CheckResult>,
    /// Findings that belong to no check, such as violations of properties; the worst first.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What could not be done or looked at, one sentence each.
    #[serde(default)]
    pub errors: Vec<String>,
    /// Why the chapter does not apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

impl Chapter {
    /// Makes an empty chapter.
    pub fn new(id: &str, title: &str) -> Self {
        Self {
            id: id.to_owned(),
            title: title.to_owned(),
            headline: String::new(),
            outcome: Outcome::Pass,
            prose: Vec::new(),
            figures: Vec::new(),
            tables: Vec::new(),
            charts: Vec::new(),
            checks: Vec::new(),
            findings: Vec::new(),
            errors: Vec::new(),
            skipped: None,
        }
    }

    /// Makes a chapter of checks, whose headline counts them.
    pub fn of_checks(id: &str, title: &str, checks: impl IntoIterator<Item = CheckResult>) -> Self {
        let mut chapter = Self::new(id, title);
        chapter.checks.extend(checks);
        chapter.judge();
        chapter.headline = headline(&chapter);
        chapter
    }

    /// Gives every finding of the chapter, the worst first.
    pub fn all_findings(&self) -> Vec<&Finding> {
        let of_checks = self.checks.iter().flat_map(|check| &check.findings);
        let mut all: Vec<&Finding> = of_checks.chain(&self.findings).collect();
        all.sort_by(|a, b| a.rank().cmp(&b.rank()));
        all
    }

    /// Gives every finding of the chapter for change, in no particular order.
    pub fn all_findings_mut(&mut self) -> impl Iterator<Item = &mut Finding> {
        self.checks.iter_mut().flat_map(|check| &mut check.findings).chain(&mut self.findings)
    }

    /// Derives the outcomes of the chapter and its checks anew and sorts its findings.
    pub fn judge(&mut self) {
        self.checks.iter_mut().for_each(CheckResult::judge);
        self.findings.sort_by(|a, b| a.rank().cmp(&b.rank()));
        let of_checks = self.checks.iter().map(|check| check.outcome);
        // Skipped checks matter less than one that passed: only if all were skipped, so was the chapter.
        let rest =
            if self.checks.iter().all(|check| check.outcome == Outcome::Skip) && !self.checks.is_empty() {
                Outcome::Skip
            } else {
                of_checks.filter(|outcome| *outcome != Outcome::Skip).max().unwrap_or(Outcome::Pass)
            };
        self.outcome = worst(&self.findings, &self.errors, self.skipped.as_ref(), rest);
    }
}

fn worst(findings: &[Finding], errors: &[String], skipped: Option<&String>, rest: Outcome) -> Outcome {
    let counted = findings.iter().filter(|finding| finding.counts()).map(|finding| finding.outcome);
    let error = (!errors.is_empty()).then_some(Outcome::Error);
    let skip = skipped.map(|_| Outcome::Skip);
    counted.chain(error).chain(skip).chain([rest]).max().unwrap_or(rest)
}

fn headline(chapter: &Chapter) -> String {
    let findings = chapter.all_findings();
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let looked_at: usize =
        chapter.checks.iter().flat_map(|check| &check.looked_at).map(|looked| looked.count).sum();
    let could_not = chapter.checks.iter().filter(|check| !check.errors.is_empty()).count();
    let skipped = chapter.checks.iter().filter(|check| check.outcome == Outcome::Skip).count();
    let mut parts = vec![
        plural(chapter.checks.len(), "check"),
        format!("{} looked at", plural(looked_at, "object")),
        plural(count(Outcome::Fail), "failure"),
        plural(count(Outcome::Warn), "warning"),
    ];
    if skipped > 0 {
        parts.push(format!("{skipped} skipped"));
    }
    if could_not > 0 {
        parts.push(format!("{could_not} could not look at everything"));
    }
    parts.join(", ")
}

/// Writes a count with its noun: `1 check`, `2 checks`.
pub(crate) fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", number(count as f64))
}
