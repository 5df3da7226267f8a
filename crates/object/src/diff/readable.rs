//! Differences for people.

use super::{Change, Step, changes};
use crate::Value;
use std::fmt::Write;

/// The longest a value may be on one line before its end is cut off, in characters.
const VALUE_LENGTH_MAX: usize = 120;

/// Writes one line for each change: `spec.replicas: 2 → 3`, `+ path: new`, `- path: old`.
///
/// Items of lists are named by what they are known by: `spec.containers[name=web].image`. Long values are cut off.
pub fn readable(old: &Value, new: &Value) -> String {
    let mut text = String::new();
    for change in changes(old, new) {
        line(&change, &mut text);
        text.push('\n');
    }
    text
}

fn line(change: &Change<'_>, out: &mut String) {
    let place = path(&change.path);
    // Writing to a string cannot fail.
    let _ = match (change.old, change.new) {
        (Some(old), Some(new)) => write!(out, "{place}: {} → {}", short(old), short(new)),
        (Some(old), None) => write!(out, "- {place}: {}", short(old)),
        (None, Some(new)) => write!(out, "+ {place}: {}", short(new)),
        (None, None) => Ok(()),
    };
}

fn path(steps: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in steps {
        let _ = match step {
            Step::Field(name) if is_word(name) => {
                let joint = if text.is_empty() { "" } else { "." };
                write!(text, "{joint}{name}")
            }
            Step::Field(name) => write!(text, "[{name:?}]"),
            Step::Item { known_by: Some((field, value)), .. } => match value.as_str() {
                Some(name) if !name.contains([']', '"']) && !name.contains(char::is_control) => {
                    write!(text, "[{field}={name}]")
                }
                _ => write!(text, "[{field}={value}]"),
            },
            Step::Item { at, known_by: None } => write!(text, "[{at}]"),
        };
    }
    if text.is_empty() { "(whole)".to_owned() } else { text }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(VALUE_LENGTH_MAX) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}
