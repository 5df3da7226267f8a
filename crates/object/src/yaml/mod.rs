//! YAML in and out, as Kubernetes reads and writes it.
//!
//! Kubernetes turns YAML into JSON by `sigs.k8s.io/yaml`, a YAML 1.1 reader, before anything else sees it. This module
//! gives the same trees: `yes`, `no`, `on`, `off`, `y` and `n` are booleans in exactly the spellings it knows, `0644`
//! is octal, keys that are numbers or booleans become strings, `1.0` becomes `1`, of equal keys the last one wins. The
//! parser is `serde-saphyr`'s; scalars are resolved here, because those rules depend on quoting, which serde hides.

mod positions;
mod read;
mod scalar;
mod write;

use crate::Value;

pub use positions::{Position, Positions};

/// How deeply lists and maps may be nested unless a caller says otherwise.
pub const DEPTH_MAX: usize = crate::json::DEPTH_MAX;

/// How large a text may be unless a caller says otherwise: 256 MiB.
pub const BYTES_MAX: usize = crate::json::BYTES_MAX;

/// How many nodes a text may have unless a caller says otherwise, aliases counted as often as they are used: 32 Mi.
///
/// A List of pods has about 60,000 nodes per megabyte, so this is far beyond any text within [`BYTES_MAX`].
pub const NODES_MAX: usize = 32 << 20;

/// How much a text may ask of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest text accepted, in bytes.
    pub bytes_max: usize,
    /// The deepest nesting of lists and maps accepted.
    pub depth_max: usize,
    /// The most nodes accepted, over all documents, aliases counted as often as they are used.
    pub nodes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: BYTES_MAX, depth_max: DEPTH_MAX, nodes_max: NODES_MAX }
    }
}

/// Says why a text is no YAML that this reads, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at line {line} column {column}")]
pub struct YamlError {
    /// What is wrong.
    pub message: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
}

/// One document of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// What it holds.
    pub value: Value,
    /// The line on which it begins, counted from 1.
    pub line: usize,
}

/// Parses all documents within the default limits, leaving out empty ones.
///
/// # Errors
/// When the text is malformed or beyond a limit.
pub fn parse_all(text: &str) -> Result<Vec<Value>, YamlError> {
    let documents = parse_documents(text, Limits::default())?;
    Ok(documents.into_iter().map(|document| document.value).collect())
}

/// Parses a text of exactly one document within the default limits; an empty text gives null.
///
/// # Errors
/// When the text is malformed, beyond a limit, or has several documents that are not empty.
pub fn parse(text: &str) -> Result<Value, YamlError> {
    only(parse_documents(text, Limits::default())?)
}

fn only(documents: Vec<Document>) -> Result<Value, YamlError> {
    let mut documents = documents.into_iter();
    let first = documents.next().map(|document| document.value);
    match documents.next() {
        None => Ok(first.unwrap_or_default()),
        Some(second) => {
            let message = "a second document where one was expected".to_owned();
            Err(YamlError { message, line: second.line, column: 1 })
        }
    }
}

/// Parses a text of exactly one document, as [`parse`] does, and says where each of its nodes stands.
///
/// # Errors
/// When the text is malformed, beyond a limit, or has several documents that are not empty.
pub fn parse_with_positions(text: &str, limits: Limits) -> Result<(Value, Positions), YamlError> {
    check_size(text, limits)?;
    let mut positions = Positions::default();
    let documents = read::documents(text, limits, Some(&mut positions))?;
    Ok((only(documents)?, positions))
}

/// Parses all documents within limits, leaving out empty ones, and says where each begins.
///
/// # Errors
/// When the text is malformed or beyond a limit.
pub fn parse_documents(text: &str, limits: Limits) -> Result<Vec<Document>, YamlError> {
    check_size(text, limits)?;
    read::documents(text, limits, None)
}

fn check_size(text: &str, limits: Limits) -> Result<(), YamlError> {
    if text.len() <= limits.bytes_max {
        return Ok(());
    }
    let message = format!("text of {} bytes is larger than the limit of {}", text.len(), limits.bytes_max);
    Err(YamlError { message, line: 1, column: 1 })
}

/// Writes one document in block style, keys in ascending order, lists not indented, as `kubectl` does.
///
/// What is written reads back as the same value, but for floats without a fraction, which YAML makes integers.
pub fn to_string(value: &Value) -> String {
    let mut text = String::new();
    write::document(value, &mut text);
    text
}

/// Writes several documents, `---` before each.
pub fn to_string_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut text = String::new();
    for value in values {
        text.push_str("---\n");
        write::document(value, &mut text);
    }
    text
}
