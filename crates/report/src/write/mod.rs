//! The writers: text, JSON, JUnit XML and HTML. Each is a pure function of the report.
//!
//! A writer must never leave out a finding, an error or a problem; it may only show less of each.

mod chart;
mod html;
mod json;
mod junit;
mod text;

use crate::{Evidence, Report};

pub use html::html;
pub use json::{from_json, json};
pub use junit::junit;
pub use text::{TextOptions, text};

/// Tells whether a step of what to do is a command, which stays in one piece so that it can be copied.
fn is_command(step: &str) -> bool {
    step.starts_with("kubectl ") || step.starts_with("seaworthy ")
}

/// Says of one piece of evidence where it was read, what, and what was expected.
fn evidence_line(evidence: &Evidence) -> String {
    let object = evidence.object.as_ref().map(ToString::to_string);
    let place = [object.as_deref().unwrap_or_default(), &evidence.path].join(" ");
    // Neither an object nor a path: the whole object is meant.
    let place = if place.trim().is_empty() { "object" } else { place.trim() };
    let expected = evidence.expected.as_ref().map_or(String::new(), |wanted| format!(" (expected {wanted})"));
    format!("{place} = {}{expected}", evidence.observed)
}

/// Gathers what could not be read by the reason, for there are often many resources and few reasons.
fn unread_by_reason(report: &Report) -> Vec<(&str, Vec<String>)> {
    let mut by_reason: Vec<(&str, Vec<String>)> = Vec::new();
    for unread in &report.unread {
        let place = unread.namespace.as_ref().map_or(String::new(), |name| format!(" in namespace {name}"));
        let what = format!("{}{place}", unread.resource);
        match by_reason.iter_mut().find(|(reason, _)| *reason == unread.reason) {
            Some((_, alike)) => alike.push(what),
            None => by_reason.push((&unread.reason, vec![what])),
        }
    }
    by_reason
}

/// A report could not be written or read back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The JSON writer or reader failed.
    #[error("json report: {0}")]
    Json(#[from] serde_json::Error),
    /// The JUnit writer failed.
    #[error("junit report: {0}")]
    Junit(#[from] quick_junit::SerializeError),
    /// The HTML template failed.
    #[error("html report: {0}")]
    Html(#[from] askama::Error),
    /// The report has a major version this program does not know.
    #[error("report of schema version {0}, which this program does not know")]
    Version(String),
}
