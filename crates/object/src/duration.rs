//! Durations as Go writes them: `1h2m3.5s`, the text form of `metav1.Duration`.

use crate::Value;
use std::fmt;
use std::time::Duration;

/// A duration of Go: nanoseconds, negative ones too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GoDuration {
    nanos: i64,
}

/// Says why a text is no duration; the texts are Go's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text does not have the shape of a duration, or is beyond 292 years.
    #[error("time: invalid duration {}", quoted(.0))]
    Invalid(String),
    /// A number is followed by no unit.
    #[error("time: missing unit in duration {}", quoted(.0))]
    MissingUnit(String),
    /// A number is followed by an unknown unit.
    #[error("time: unknown unit {} in duration {}", quoted(unit), quoted(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// The whole text.
        text: String,
    },
}

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

impl GoDuration {
    /// Makes a duration of nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self { nanos }
    }

    /// Parses a duration: numbers with units `ns`, `us`, `ms`, `s`, `m`, `h` one after another, or `0`.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let invalid = || DurationError::Invalid(text.to_owned());
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        if unsigned == "0" {
            return Ok(Self::default());
        }
        if unsigned.is_empty() {
            return Err(invalid());
        }
        let (mut sum, mut rest) = (0_u64, unsigned);
        while !rest.is_empty() {
            let (nanos, after) = term(rest, text)?;
            // Go lets the smallest number through, whose magnitude is one more than the largest's.
            sum = sum.checked_add(nanos).filter(|sum| *sum <= 1 << 63).ok_or_else(invalid)?;
            rest = after;
        }
        let signed = if text.starts_with('-') {
            0_i64.checked_sub_unsigned(sum)
        } else {
            0_i64.checked_add_unsigned(sum)
        };
        signed.map(|nanos| Self { nanos }).ok_or_else(invalid)
    }

    /// Gives the nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.nanos
    }

    /// Gives the duration, zero for a negative one.
    pub fn to_std(self) -> Duration {
        Duration::from_nanos(u64::try_from(self.nanos).unwrap_or(0))
    }
}

/// Reads one number with its unit and gives what follows.
fn term<'a>(rest: &'a str, text: &str) -> Result<(u64, &'a str), DurationError> {
    let invalid = || DurationError::Invalid(text.to_owned());
    let digits_end = |text: &str| text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (whole, after) = rest.split_at(digits_end(rest));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => after.split_at(digits_end(after)),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(invalid());
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| invalid())? };
    if whole > 1 << 63 {
        return Err(invalid());
    }
    let unit_end = after.find(|letter: char| letter == '.' || letter.is_ascii_digit()).unwrap_or(after.len());
    let (name, after) = after.split_at(unit_end);
    if name.is_empty() {
        return Err(DurationError::MissingUnit(text.to_owned()));
    }
    let unit = UNITS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, nanos)| *nanos)
        .ok_or_else(|| DurationError::UnknownUnit { unit: name.to_owned(), text: text.to_owned() })?;
    let nanos = whole.checked_mul(unit).and_then(|nanos| nanos.checked_add(fraction_nanos(fraction, unit)));
    Ok((nanos.ok_or_else(invalid)?, after))
}

/// Quotes a text the way Go's package `time` does, which escapes every byte that is not ASCII.
fn quoted(text: &str) -> String {
    let escaped = text.bytes().fold(String::new(), |escaped, byte| match byte {
        b'"' | b'\\' => escaped + "\\" + &char::from(byte).to_string(),
        b' '..=b'~' => escaped + &char::from(byte).to_string(),
        _ => escaped + &format!("\\x{byte:02x}"),
    });
    format!("\"{escaped}\"")
}

/// Gives a decimal fraction of a unit in nanoseconds, in the same floating point steps as Go.
fn fraction_nanos(fraction: &str, unit: u64) -> u64 {
    let (mut number, mut scale) = (0_u64, 1_f64);
    for digit in fraction.bytes().map(|byte| u64::from(byte - b'0')) {
        // Further digits are beyond the precision of the result; Go ignores them too.
        let Some(next) = number.checked_mul(10).and_then(|n| n.checked_add(digit)).filter(|n| *n <= 1 << 63)
        else {
            break;
        };
        number = next;
        scale *= 10.0;
    }
    (number as f64 * (unit as f64 / scale)) as u64
}

impl From<Duration> for GoDuration {
    fn from(duration: Duration) -> Self {
        Self { nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl std::str::FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        Self::parse(text)
    }
}

/// Writes the duration as Go does: `1h0m0.5s`, and below a second `1.5ms`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nanos, sign) = (self.nanos.unsigned_abs(), if self.nanos < 0 { "-" } else { "" });
        let (unit, name) = match nanos {
            0 => return f.write_str("0s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let (whole, width) = (nanos / unit, unit.ilog10() as usize);
        let digits = if width == 0 { String::new() } else { format!(".{:0width$}", nanos % unit) };
        let fraction = digits.trim_end_matches('0').trim_end_matches('.');
        match (name, whole) {
            ("s", 3_600..) => {
                write!(f, "{sign}{}h{}m{}{fraction}s", whole / 3_600, whole / 60 % 60, whole % 60)
            }
            ("s", 60..) => write!(f, "{sign}{}m{}{fraction}s", whole / 60, whole % 60),
            _ => write!(f, "{sign}{whole}{fraction}{name}"),
        }
    }
}

impl fmt::Debug for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<GoDuration> for Value {
    fn from(duration: GoDuration) -> Self {
        Self::from(duration.to_string())
    }
}
