//! JSON: the model as it is.

use super::WriteError;
use crate::{Report, SCHEMA_VERSION};

/// Writes a report as indented JSON that ends with a line feed; `docs/report.schema.json` describes it.
pub fn json(report: &Report) -> Result<String, WriteError> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// Reads a report back, as a baseline is. Fields this program does not know are ignored.
pub fn from_json(text: &str) -> Result<Report, WriteError> {
    let report: Report = serde_json::from_str(text)?;
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(&report.schema_version) == major(SCHEMA_VERSION) {
        Ok(report)
    } else {
        Err(WriteError::Version(report.schema_version))
    }
}
