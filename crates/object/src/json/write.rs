//! Writing JSON.

use crate::Value;
use std::fmt::{Result, Write};

pub(super) fn compact(value: &Value, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = compact_to(value, out);
}

pub(super) fn compact_to(value: &Value, out: &mut impl Write) -> Result {
    match value {
        Value::List(list) => {
            for (at, item) in list.iter().enumerate() {
                out.write_str(if at == 0 { "[" } else { "," })?;
                compact_to(item, out)?;
            }
            out.write_str(if list.is_empty() { "[]" } else { "]" })
        }
        Value::Map(map) => {
            for (at, (key, item)) in map.iter().enumerate() {
                out.write_str(if at == 0 { "{" } else { "," })?;
                quoted(key.as_str(), out)?;
                out.write_str(":")?;
                compact_to(item, out)?;
            }
            out.write_str(if map.is_empty() { "{}" } else { "}" })
        }
        scalar => self::scalar(scalar, out),
    }
}

pub(super) fn pretty(value: &Value, depth: usize, out: &mut String) {
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::List(list) if !list.is_empty() => {
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at == 0 { "[" } else { "," });
                indent(out, depth + 1);
                pretty(item, depth + 1, out);
            }
            indent(out, depth);
            out.push(']');
        }
        Value::Map(map) if !map.is_empty() => {
            for (at, (key, item)) in map.iter().enumerate() {
                out.push_str(if at == 0 { "{" } else { "," });
                indent(out, depth + 1);
                // Writing to a string cannot fail.
                let _ = quoted(key.as_str(), out);
                out.push_str(": ");
                pretty(item, depth + 1, out);
            }
            indent(out, depth);
            out.push('}');
        }
        other => compact(other, out),
    }
}

/// Writes what is neither list nor map. JSON has no infinities; they are written as null, as JavaScript does.
fn scalar(value: &Value, out: &mut impl Write) -> Result {
    match value {
        Value::Bool(flag) => out.write_str(if *flag { "true" } else { "false" }),
        Value::Int(number) => write!(out, "{number}"),
        Value::UInt(number) => write!(out, "{number}"),
        // Rust's debug form always has a fraction or an exponent and reads back as the same number.
        Value::Float(number) if number.is_finite() => write!(out, "{number:?}"),
        Value::Str(text) => quoted(text, out),
        _ => out.write_str("null"),
    }
}

/// Writes a string with its quotes, run by run of characters that need no escape.
fn quoted(text: &str, out: &mut impl Write) -> Result {
    out.write_str("\"")?;
    // Hardly any string needs an escape, and this looks at sixteen bytes at a time.
    if needs_escape(text.as_bytes()) {
        escaped(text, out)?;
    } else {
        out.write_str(text)?;
    }
    out.write_str("\"")
}

fn needs_escape(text: &[u8]) -> bool {
    // Sums instead of a short cut, so that the compiler can look at all bytes of a chunk at once.
    let special = |count: u8, byte: &u8| {
        count + u8::from(*byte < 0x20) + u8::from(*byte == b'"') + u8::from(*byte == b'\\')
    };
    let (chunks, rest) = text.as_chunks::<16>();
    chunks.iter().any(|chunk| chunk.iter().fold(0, special) > 0) || rest.iter().fold(0, special) > 0
}

fn escaped(text: &str, out: &mut impl Write) -> Result {
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.write_str(&text[from..at])?;
        from = at + 1;
        match byte {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            b'\n' => out.write_str("\\n")?,
            b'\r' => out.write_str("\\r")?,
            b'\t' => out.write_str("\\t")?,
            0x08 => out.write_str("\\b")?,
            0x0c => out.write_str("\\f")?,
            _ => write!(out, "\\u{byte:04x}")?,
        }
    }
    out.write_str(&text[from..])
}
