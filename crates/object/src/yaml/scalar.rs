//! What an unquoted scalar means.
//!
//! Upstream: `resolve` of `sigs.k8s.io/yaml/goyaml.v2`, and the conversion to JSON that follows it.

use crate::Value;

/// Resolves a scalar that is neither quoted nor tagged.
///
/// # Errors
/// When it is an infinity or no number, which JSON cannot hold.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf"
        | "-.Inf" | "-.INF" => return Err(format!("unsupported value {text}")),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    })
}

/// Resolves a scalar under a tag of YAML's own, such as `int` of `!!int`.
///
/// # Errors
/// When the scalar is not of that type, or the tag is not supported.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    if matches!(tag, "str" | "timestamp") {
        return Ok(Value::from(text));
    }
    let value = plain(text)?;
    let fits = match tag {
        "null" => value.is_null(),
        "bool" => value.as_bool().is_some(),
        "int" => matches!(value, Value::Int(_) | Value::UInt(_)),
        "float" => value.as_f64().is_some(),
        _ => return Err(format!("tag !!{tag} is not supported")),
    };
    if fits { Ok(value) } else { Err(format!("cannot decode `{text}` as a !!{tag}")) }
}

fn number(text: &str) -> Option<Value> {
    let first = *text.as_bytes().first()?;
    if first == b'.' {
        return float(text);
    }
    if !first.is_ascii_digit() && first != b'+' && first != b'-' {
        return None;
    }
    let without_bars;
    let digits = if text.contains('_') {
        without_bars = text.replace('_', "");
        &without_bars
    } else {
        text
    };
    integer(digits).or_else(|| float(digits))
}

/// Reads an integer with the prefixes `0x`, `0o`, `0b` and the old octal `0`.
fn integer(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (radix, digits) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &unsigned[2..]),
        [b'0', b'o' | b'O', ..] => (8, &unsigned[2..]),
        [b'0', b'b' | b'B', ..] => (2, &unsigned[2..]),
        [b'0', _, ..] => (8, &unsigned[1..]),
        _ => (10, unsigned),
    };
    if !digits.bytes().all(|digit| digit.is_ascii_alphanumeric()) {
        return None;
    }
    let magnitude = i128::from(u64::from_str_radix(digits, radix).ok()?);
    if text.starts_with('-') {
        return i64::try_from(-magnitude).ok().map(Value::Int);
    }
    // Upstream takes numbers above the largest i64 only when no sign is written; then they become floats.
    match i64::try_from(magnitude) {
        Ok(number) => Some(Value::Int(number)),
        Err(_) if text.starts_with('+') => None,
        Err(_) => u64::try_from(magnitude).ok().map(Value::UInt),
    }
}

/// Reads a decimal float; one without a fraction becomes an integer, as JSON in Go writes it.
fn float(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number: f64 = if shaped { text.parse().ok()? } else { return None };
    if !number.is_finite() {
        return None;
    }
    // The bounds are powers of two, so they and all integers between are exact.
    let integral = number.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&number);
    Some(if integral { Value::Int(number as i64) } else { Value::Float(number) })
}
