//! HTML: one file that needs nothing else, in light and dark, readable at a glance.

use askama::Template;

use super::WriteError;
use super::chart::{Drawing, draw};
use crate::figure::number;
use crate::{Chapter, Figure, Finding, Report};

/// Writes a report as one HTML file without scripts or outside references.
pub fn html(report: &Report) -> Result<String, WriteError> {
    let chapters = report.chapters.iter().map(|chapter| ChapterPage {
        chapter,
        findings: chapter.all_findings(),
        charts: chapter.charts.iter().filter_map(draw).collect(),
    });
    Ok(Page { report, chapters: chapters.collect() }.render()?)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    chapters: Vec<ChapterPage<'a>>,
}

struct ChapterPage<'a> {
    chapter: &'a Chapter,
    findings: Vec<&'a Finding>,
    charts: Vec<Drawing>,
}

impl Page<'_> {
    fn has_findings(&self) -> bool {
        self.chapters.iter().any(|page| !page.findings.is_empty())
    }
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
