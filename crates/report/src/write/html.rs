//! HTML: one file that needs nothing else, in light and dark, readable at a glance.

use std::collections::BTreeMap;

use askama::Template;

use super::chart::{Drawing, draw};
use super::{WriteError, is_command, unread_by_reason};
use crate::chapter::plural;
use crate::figure::number;
use crate::{Chapter, Figure, Finding, Outcome, Report};

/// Writes a report as one HTML file without scripts or outside references.
pub fn html(report: &Report) -> Result<String, WriteError> {
    let chapters = report.chapters.iter().map(|chapter| {
        let (findings, alike) = part(chapter.all_findings());
        ChapterPage { chapter, findings, alike, charts: chapter.charts.iter().filter_map(draw).collect() }
    });
    let counts = &report.verdict.counts;
    // The banner's tally says these already.
    let told = [plural(counts.failures, "failure"), plural(counts.warnings, "warning")];
    let reasons = report.verdict.reasons.iter().filter(|reason| !told.contains(reason));
    let page = Page {
        report,
        reasons: reasons.map(String::as_str).collect(),
        objects: report.source.objects.as_ref().map(grouped),
        unread: unread_by_reason(report),
        chapters: chapters.collect(),
    };
    Ok(page.render()?)
}

/// The findings of one code that are folded.
struct Alike<'a> {
    code: &'a str,
    count: usize,
    findings: Vec<&'a Finding>,
}

/// So many findings of one code are shown at once; the others are folded together below.
const ALIKE_MAX: usize = 20;

/// Parts findings in those that are shown at once and those that are folded, each in the order given.
fn part(findings: Vec<&Finding>) -> (Vec<&Finding>, Vec<Alike<'_>>) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut shown, mut alike) = (Vec::new(), BTreeMap::<&str, Vec<&Finding>>::new());
    for finding in findings {
        let count = counts.entry(&finding.code).or_default();
        *count += 1;
        if *count <= ALIKE_MAX {
            shown.push(finding);
        } else {
            alike.entry(&finding.code).or_default().push(finding);
        }
    }
    let alike = alike.into_iter();
    (shown, alike.map(|(code, findings)| Alike { code, count: findings.len(), findings }).collect())
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    reasons: Vec<&'a str>,
    objects: Option<String>,
    unread: Vec<(&'a str, Vec<String>)>,
    chapters: Vec<ChapterPage<'a>>,
}

struct ChapterPage<'a> {
    chapter: &'a Chapter,
    findings: Vec<&'a Finding>,
    /// Those beyond the first few of a code, by code.
    alike: Vec<Alike<'a>>,
    charts: Vec<Drawing>,
}

impl Page<'_> {
    /// Failures that count stand open, unless there are so many that one looks for a list first.
    fn is_open(&self, page: &ChapterPage<'_>, finding: &Finding) -> bool {
        let is_failure = |finding: &Finding| finding.outcome == Outcome::Fail && finding.counts();
        is_failure(finding) && page.findings.iter().filter(|other| is_failure(other)).count() <= OPEN_MAX
    }

    /// Only where there are both is there something to choose.
    fn has_failures_and_warnings(&self) -> bool {
        let has = |outcome| {
            self.chapters.iter().any(|page| page.findings.iter().any(|finding| finding.outcome == outcome))
        };
        has(Outcome::Fail) && has(Outcome::Warn)
    }
}

/// With more failures than these in a chapter, all are folded.
const OPEN_MAX: usize = 12;

/// Longer texts are folded.
const LONG: usize = 280;

fn is_long(text: &str) -> bool {
    text.chars().count() > LONG
}

fn beginning(text: &str) -> String {
    text.chars().take(LONG / 2).collect()
}

/// Parts a list in what is shown and what is folded; one item alone is not worth a fold.
fn folded<T>(list: &[T], shown: usize) -> (&[T], &[T]) {
    if list.len() <= shown + 1 { (list, &[]) } else { list.split_at(shown) }
}

/// Gives a tally's class: what counts nothing is not coloured.
fn or_none(count: &usize, class: &'static str) -> &'static str {
    if *count == 0 { "none" } else { class }
}

fn grouped(count: &usize) -> String {
    number(*count as f64)
}

fn s(count: &usize) -> &'static str {
    if *count == 1 { "" } else { "s" }
}

fn value(figure: &Figure) -> String {
    number(figure.value)
}

fn goal(figure: &Figure) -> String {
    figure.goal.map_or(String::new(), |goal| goal.text())
}

fn met(figure: &Figure) -> &'static str {
    match figure.is_met() {
        Some(true) => "pass",
        Some(false) => "fail",
        None => "plain",
    }
}
