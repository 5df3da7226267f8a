//! What an unquoted scalar means.
//!
//! Upstream: `resolve` of `sigs.k8s.io/yaml/goyaml.v2`, and the conversion to JSON that follows it.

use crate::Value;

/// A scalar as YAML 1.1 knows it, before it becomes JSON.
enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Float(f64),
    Text(&'a str),
}

/// Resolves a scalar that is neither quoted nor tagged.
///
/// # Errors
/// When it is an infinity or no number, which JSON cannot hold.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    value(resolve(text), text)
}

/// Resolves a scalar under a tag of YAML's own, such as `int` of `!!int`.
///
/// # Errors
/// When the scalar is not of that type, or the tag is not supported.
pub(super) fn tagged(tag: &str, text: &str) -> Result<Value, String> {
    match tag {
        "str" | "timestamp" => return Ok(Value::from(text)),
        "binary" => return binary(text).map(Value::from),
        _ => {}
    }
    let scalar = resolve(text);
    let fits = match tag {
        "null" => matches!(scalar, Scalar::Null),
        "bool" => matches!(scalar, Scalar::Bool(_)),
        "int" => matches!(scalar, Scalar::Int(_) | Scalar::UInt(_)),
        "float" => matches!(scalar, Scalar::Int(_) | Scalar::Float(_)),
        _ => return Err(format!("tag !!{tag} is not supported")),
    };
    if fits { value(scalar, text) } else { Err(format!("cannot decode `{text}` as a !!{tag}")) }
}

/// Resolves a map's key that is neither quoted nor tagged to the string it becomes in JSON.
///
/// # Errors
/// When it is null or an integer above the largest `i64`, which upstream refuses.
pub(super) fn key(text: &str) -> Result<String, String> {
    Ok(match resolve(text) {
        Scalar::Text(text) => text.to_owned(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Int(number) => number.to_string(),
        Scalar::Float(number) => float_key(number as f32),
        Scalar::Null => return Err("unsupported map key: null".to_owned()),
        Scalar::UInt(number) => return Err(format!("unsupported map key: {number}")),
    })
}

fn value(scalar: Scalar<'_>, text: &str) -> Result<Value, String> {
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(flag) => Value::Bool(flag),
        Scalar::Int(number) => Value::Int(number),
        Scalar::UInt(number) => Value::UInt(number),
        Scalar::Float(number) if !number.is_finite() => return Err(format!("unsupported value {text}")),
        // Go writes a float without a fraction as an integer, so it is read back as one. The bounds are powers of
        // two, so they and all integers between are exact.
        Scalar::Float(number)
            if number.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(63)).contains(&number) =>
        {
            Value::Int(number as i64)
        }
        Scalar::Float(number) => Value::Float(number),
        Scalar::Text(text) => Value::from(text),
    })
}

fn resolve(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Scalar::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Scalar::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => number(text).unwrap_or(Scalar::Text(text)),
    }
}

fn number(text: &str) -> Option<Scalar<'static>> {
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
fn integer(text: &str) -> Option<Scalar<'static>> {
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
        return i64::try_from(-magnitude).ok().map(Scalar::Int);
    }
    match i64::try_from(magnitude) {
        Ok(number) => Some(Scalar::Int(number)),
        // Upstream takes numbers above the largest i64 only when no sign is written; else they become floats.
        Err(_) if text.starts_with('+') => None,
        Err(_) => u64::try_from(magnitude).ok().map(Scalar::UInt),
    }
}

/// Reads a decimal float.
fn float(text: &str) -> Option<Scalar<'static>> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let shaped = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let number: f64 = if shaped { text.parse().ok()? } else { return None };
    number.is_finite().then_some(Scalar::Float(number))
}

/// Writes a float the way upstream makes keys of them: `%g` of Go in single precision.
fn float_key(number: f32) -> String {
    if number.is_nan() {
        return ".nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// Decodes base64; what is no UTF-8 is replaced, as Go does when it writes JSON.
fn binary(text: &str) -> Result<String, String> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let wrong = || "!!binary value contains invalid base64 data".to_owned();
    let letters: Vec<u8> = text.bytes().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect();
    let (groups, rest) = letters.as_chunks::<4>();
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (at, group) in groups.iter().enumerate() {
        let padding = group.iter().rev().take_while(|letter| **letter == b'=').count();
        if padding > 2 || (padding > 0 && at + 1 < groups.len()) {
            return Err(wrong());
        }
        let value = group[..4 - padding].iter().try_fold(0_u32, |value, letter| {
            let digit = LETTERS.iter().position(|known| known == letter)?;
            Some(value << 6 | digit as u32)
        });
        let value = value.ok_or_else(wrong)? << (6 * padding);
        bytes.extend_from_slice(&value.to_be_bytes()[1..4 - padding]);
    }
    if rest.is_empty() { Ok(String::from_utf8_lossy(&bytes).into_owned()) } else { Err(wrong()) }
}
