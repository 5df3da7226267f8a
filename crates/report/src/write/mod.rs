//! The writers: text, JSON, JUnit XML and HTML. Each is a pure function of the report.
//!
//! A writer must never leave out a finding, an error or a problem; it may only show less of each.

mod chart;
mod html;
mod json;
mod junit;
mod text;

pub use html::html;
pub use json::{from_json, json};
pub use junit::junit;
pub use text::{TextOptions, text};

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
