//! JSON in and out.
//!
//! Numbers stay exact: `1`, `1.0` and `18446744073709551615` are three classes, and each is written back as it was
//! read. Of equal keys the last one wins, as in Go.

mod parse;
mod write;

use crate::Value;

/// How deeply lists and maps may be nested unless a caller says otherwise.
///
/// The deepest objects seen in clusters, CustomResourceDefinitions' schemas, stay below 60.
pub const DEPTH_MAX: usize = 128;

/// How large a text may be unless a caller says otherwise: 256 MiB.
pub const BYTES_MAX: usize = 256 << 20;

/// How much a text may ask of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest text accepted, in bytes.
    pub bytes_max: usize,
    /// The deepest nesting of lists and maps accepted.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: BYTES_MAX, depth_max: DEPTH_MAX }
    }
}

/// Says why a text is no JSON that this reads.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The text is too large.
    #[error("text of {bytes} bytes is larger than the limit of {bytes_max}")]
    TooLarge {
        /// The size of the text.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The text is malformed or nested too deeply; the message ends in its line and column.
    #[error("{0}")]
    Syntax(#[from] serde_json::Error),
}

impl JsonError {
    /// Gives line and column, both counted from 1, where the text went wrong.
    pub fn position(&self) -> Option<(usize, usize)> {
        if let Self::Syntax(error) = self { Some((error.line(), error.column())) } else { None }
    }
}

/// Parses one JSON text within the default limits.
///
/// # Errors
/// When the text is malformed, too large or nested too deeply.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    parse_within(text, Limits::default())
}

/// Parses one JSON text within limits.
///
/// # Errors
/// When the text is malformed, too large or nested too deeply.
pub fn parse_within(text: &[u8], limits: Limits) -> Result<Value, JsonError> {
    if text.len() > limits.bytes_max {
        return Err(JsonError::TooLarge { bytes: text.len(), bytes_max: limits.bytes_max });
    }
    parse::parse(text, limits.depth_max)
}

/// Writes a value compactly, keys in ascending order.
pub fn to_string(value: &Value) -> String {
    // Room for a small object, so that writing one does not begin with growing four times.
    const ROOM: usize = 512;
    let mut text = String::with_capacity(if matches!(value, Value::Map(_)) { ROOM } else { 0 });
    write::compact(value, &mut text);
    text
}

/// Writes a value compactly, keys in ascending order, as bytes.
pub fn to_vec(value: &Value) -> Vec<u8> {
    to_string(value).into_bytes()
}

/// Writes a value over several lines, indented by two blanks, as `jq` and `kubectl` do (by four there).
pub fn to_string_pretty(value: &Value) -> String {
    let mut text = String::new();
    write::pretty(value, 0, &mut text);
    text
}

/// Writes compact JSON.
impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write::compact_to(self, f)
    }
}

impl std::str::FromStr for Value {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        parse(text.as_bytes())
    }
}
