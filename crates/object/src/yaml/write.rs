//! Writing YAML in block style.

use super::scalar;
use crate::{Map, Value, json};

pub(super) fn document(value: &Value, out: &mut String) {
    match value {
        Value::Map(map) if !map.is_empty() => entries(map, 0, out),
        Value::List(list) if !list.is_empty() => items(list.as_slice(), 0, out),
        scalar => {
            inline(scalar, out);
            out.push('\n');
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Writes a map's entries; the cursor stands at the place of the first key.
fn entries(map: &Map, depth: usize, out: &mut String) {
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 {
            indent(depth, out);
        }
        string(key.as_str(), out);
        out.push(':');
        match value {
            Value::Map(map) if !map.is_empty() => {
                out.push('\n');
                indent(depth + 1, out);
                entries(map, depth + 1, out);
            }
            Value::List(list) if !list.is_empty() => {
                out.push('\n');
                indent(depth, out);
                items(list.as_slice(), depth, out);
            }
            Value::Str(text) if is_block(text) => block(text, depth + 1, out),
            other => {
                out.push(' ');
                inline(other, out);
                out.push('\n');
            }
        }
    }
}

/// Writes a list's items; the cursor stands at the place of the first dash.
fn items(list: &[Value], depth: usize, out: &mut String) {
    for (at, value) in list.iter().enumerate() {
        if at > 0 {
            indent(depth, out);
        }
        out.push('-');
        match value {
            Value::Map(map) if !map.is_empty() => {
                out.push(' ');
                entries(map, depth + 1, out);
            }
            Value::List(list) if !list.is_empty() => {
                out.push(' ');
                items(list.as_slice(), depth + 1, out);
            }
            Value::Str(text) if is_block(text) => block(text, depth + 1, out),
            other => {
                out.push(' ');
                inline(other, out);
                out.push('\n');
            }
        }
    }
}

/// Writes what fits on one line.
fn inline(value: &Value, out: &mut String) {
    match value {
        Value::Str(text) => string(text, out),
        other => out.push_str(&json::to_string(other)),
    }
}

/// Writes a string on one line, quoted where anything could take it for something else.
fn string(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Writes a double-quoted string; what JSON leaves as it is but YAML does not print is escaped as well.
fn quoted(text: &str, out: &mut String) {
    let json = json::to_string(&Value::from(text));
    for letter in json.chars() {
        if is_printable(letter) {
            out.push(letter);
        } else if u32::from(letter) > 0xffff {
            out.push_str(&format!("\\U{:08x}", u32::from(letter)));
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        }
    }
}

/// Tells whether YAML writes a character as itself; line breaks and the byte order mark are better escaped.
fn is_printable(letter: char) -> bool {
    !matches!(letter, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts_well = match bytes {
        [] => false,
        [b'-', second, ..] => *second != b' ' && !text.starts_with("---"),
        [first, ..] => !b"-?:,[]{}#&*!|>'\"%@`=< ".contains(first) && !text.starts_with("..."),
    };
    starts_well
        && !matches!(bytes.last(), Some(b' ' | b':'))
        && text.chars().all(is_printable)
        && !text.contains(": ")
        && !text.contains(" #")
        && !looks_like_sexagesimal_or_date(text)
        && matches!(scalar::plain(text), Ok(Value::Str(_)))
}

/// Tells whether other YAML 1.1 readers could take this for a base 60 number or a date.
fn looks_like_sexagesimal_or_date(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_numeric = |letter: char| letter.is_ascii_digit() || ":-_.TtZz+ ".contains(letter);
    unsigned.starts_with(|letter: char| letter.is_ascii_digit())
        && unsigned.chars().all(is_numeric)
        && unsigned.contains([':', '-'])
}

/// Tells whether a string is written as a literal block: several lines that a block gives back unchanged.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    !body.starts_with([' ', '\n', '\t'])
        && !body.is_empty()
        && !body.ends_with('\n')
        && text.contains('\n')
        && body.chars().all(|letter| is_printable(letter) || letter == '\n' || letter == '\t')
}

fn block(text: &str, depth: usize, out: &mut String) {
    out.push_str(if text.ends_with('\n') { " |\n" } else { " |-\n" });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            indent(depth, out);
            out.push_str(line);
        }
        out.push('\n');
    }
}
