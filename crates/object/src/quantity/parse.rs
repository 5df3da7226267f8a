//! Reading quantities, with upstream's leniency and upstream's errors.

use super::{Format, NANOS};

/// Says why a text is no quantity; the texts are upstream's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// The text does not have the shape of a quantity.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number cannot be read.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is unknown.
    #[error("unable to parse quantity's suffix")]
    Suffix,
    /// The amount is beyond ±1.7·10²⁹, which this implementation holds.
    #[error("quantity is out of range")]
    Range,
}

/// What a text means, and whether upstream keeps the text itself.
pub(super) struct Parsed {
    pub nanos: i128,
    pub format: Format,
    pub keeps_text: bool,
}

struct Parts<'a> {
    negative: bool,
    /// Digits before the point, without leading zeros; `"0"` when there are none.
    whole: &'a str,
    fraction: &'a str,
    suffix: &'a str,
    /// Whether anything stands before the suffix.
    has_number: bool,
}

/// Splits a text the way upstream's scanner does, which accepts `.`, `+` and `1.` as numbers.
fn split(text: &str) -> Result<Parts<'_>, QuantityError> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits_end = |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let trimmed = unsigned.trim_start_matches('0');
    let (whole, rest) = trimmed.split_at(digits_end(trimmed));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits_end(rest)),
        None => ("", rest),
    };
    let number_length = text.len() - suffix.len();
    let after_letters = suffix.trim_start_matches(|letter| "eEinumkKMGTP".contains(letter));
    let exponent = after_letters.strip_prefix(['-', '+']).unwrap_or(after_letters);
    if digits_end(exponent) < exponent.len() {
        return Err(QuantityError::Format);
    }
    Ok(Parts {
        negative: text.starts_with('-'),
        whole: if whole.is_empty() { "0" } else { whole },
        fraction,
        suffix,
        has_number: text[..number_length].contains(|letter: char| letter.is_ascii_digit()),
    })
}

/// Gives the base, the exponent and the notation that a suffix stands for.
fn interpret(suffix: &str) -> Option<(u32, i32, Format)> {
    let decimal = |exponent| Some((10, exponent, Format::DecimalSi));
    let binary = |exponent| Some((2, exponent, Format::BinarySi));
    match suffix {
        "n" => decimal(-9),
        "u" => decimal(-6),
        "m" => decimal(-3),
        "" => decimal(0),
        "k" => decimal(3),
        "M" => decimal(6),
        "G" => decimal(9),
        "T" => decimal(12),
        "P" => decimal(15),
        "E" => decimal(18),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            // Beyond these bounds nothing but zero and the smallest amount can be held anyway.
            let clamped = i32::try_from(exponent.clamp(-1_000, 1_000)).ok()?;
            Some((10, clamped, Format::DecimalExponent))
        }
    }
}

pub(super) fn parse(text: &str) -> Result<Parsed, QuantityError> {
    if text.is_empty() {
        return Err(QuantityError::Format);
    }
    let parts = split(text)?;
    let (base, exponent, mut format) = interpret(parts.suffix).ok_or(QuantityError::Suffix)?;
    let digits = [parts.whole, parts.fraction].concat();
    let point = i32::try_from(parts.fraction.len()).map_err(|_| QuantityError::Range)?;
    let exact = if base == 10 { exponent - point >= -9 } else { parts.fraction.is_empty() };
    if !exact && !parts.has_number {
        // Upstream only reads the number's own text when it cannot take the digits as they are.
        return Err(QuantityError::Numeric);
    }
    let power = if base == 10 { exponent } else { 0 } - point + 9;
    let magnitude = scale(&digits, power, if base == 2 { 1_i128 << exponent } else { 1 });
    let nanos = match format {
        Format::BinarySi => magnitude.unwrap_or(i128::MAX).min(i128::from(i64::MAX) * NANOS),
        _ => magnitude.ok_or(QuantityError::Range)?,
    };
    if format == Format::BinarySi && !exact && nanos > 0 && nanos < NANOS {
        format = Format::DecimalSi;
    }
    let keeps_text = text == "0" || keeps_text(&parts, &digits, exponent - point, format, exponent);
    Ok(Parsed { nanos: if parts.negative { -nanos } else { nanos }, format, keeps_text })
}

/// Gives `digits · factor · 10^power`, a remainder rounded up; `None` when that is too large.
fn scale(digits: &str, power: i32, factor: i128) -> Option<i128> {
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Some(0);
    }
    // Digits that stand wholly below the last place kept only decide whether to round up.
    let dropped = usize::try_from(-i64::from(power)).unwrap_or(0);
    if factor == 1 && dropped >= digits.len() {
        return Some(1);
    }
    if factor == 1 && dropped > 0 {
        let (kept, rest) = digits.split_at(digits.len() - dropped);
        let round_up = rest.bytes().any(|digit| digit != b'0');
        return kept.parse::<i128>().ok()?.checked_add(i128::from(round_up));
    }
    let product = digits.parse::<i128>().ok()?.checked_mul(factor)?;
    if power >= 0 {
        return 10_i128.checked_pow(u32::try_from(power).ok()?)?.checked_mul(product);
    }
    let Some(divisor) = 10_i128.checked_pow(u32::try_from(dropped).ok()?) else { return Some(1) };
    (product / divisor).checked_add(i128::from(product % divisor != 0))
}

/// Tells whether upstream takes the text for canonical and keeps it, which it decides by a quick look.
fn keeps_text(parts: &Parts<'_>, digits: &str, scale: i32, format: Format, exponent: i32) -> bool {
    const DIGITS_MAX: usize = 18;
    let Ok(value) = digits.parse::<i64>() else { return false };
    if format != Format::BinarySi {
        return digits.len() <= DIGITS_MAX
            && scale >= -9
            && scale % 3 == 0
            && !digits.ends_with("000")
            && !digits.starts_with('0');
    }
    let digits_max = 14 - exponent * 3 / 10;
    let fits = i32::try_from(parts.whole.len()).is_ok_and(|length| length <= digits_max);
    parts.fraction.is_empty() && fits && value & 7 != 0 && value.checked_mul(1 << exponent).is_some()
}
