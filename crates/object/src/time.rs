//! Times as Kubernetes writes them: RFC 3339 in UTC, to the second or to the microsecond.
//!
//! Nothing here asks what time it is.

use crate::Value;
use jiff::civil::Date;
use std::time::Duration;

const NANOS_PER_SECOND: u32 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A moment, to the nanosecond, in UTC.
///
/// Every time that RFC 3339 can write (years 0 to 9999) is held exactly.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time {
    unix_seconds: i64,
    nanos: u32,
}

/// Says that a text is no RFC 3339 time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {0:?} as an RFC 3339 time")]
pub struct TimeError(String);

impl Time {
    /// The beginning of 1970, UTC.
    pub const UNIX_EPOCH: Self = Self { unix_seconds: 0, nanos: 0 };

    /// Parses an RFC 3339 time, with or without fractions of a second, with any offset.
    ///
    /// # Errors
    /// When the text has another form or names no real moment. As Go's `time.RFC3339` it wants an upper-case `T`
    /// and `Z`, knows no leap seconds, and lets a comma stand before the fraction and 24 hours and 60 minutes in the
    /// offset. Digits below the nanosecond are dropped.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        read(text.as_bytes()).ok_or_else(|| TimeError(text.to_owned()))
    }

    /// Makes a time from whole seconds since 1970.
    pub const fn from_unix_seconds(unix_seconds: i64) -> Self {
        Self { unix_seconds, nanos: 0 }
    }

    /// Makes a time from nanoseconds since 1970.
    pub const fn from_nanos(nanos: i64) -> Self {
        let per_second = NANOS_PER_SECOND as i64;
        Self { unix_seconds: nanos.div_euclid(per_second), nanos: nanos.rem_euclid(per_second) as u32 }
    }

    /// Gives whole seconds since 1970, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.unix_seconds
    }

    /// Gives the nanoseconds within the second.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// Gives nanoseconds since 1970; times before 1677 or after 2262 give the nearest number there is.
    pub const fn as_nanos(self) -> i64 {
        self.unix_seconds.saturating_mul(NANOS_PER_SECOND as i64).saturating_add(self.nanos as i64)
    }

    /// Gives this time without its fraction of a second, as it is after being written as `metav1.Time`.
    #[must_use]
    pub const fn truncated_to_second(self) -> Self {
        Self { nanos: 0, ..self }
    }

    /// Gives how long after `earlier` this is, zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.nanos_since_year_zero() - earlier.nanos_since_year_zero();
        let nanos = u128::try_from(nanos).unwrap_or(0);
        Duration::new(
            u64::try_from(nanos / u128::from(NANOS_PER_SECOND)).unwrap_or(u64::MAX),
            (nanos % u128::from(NANOS_PER_SECOND)) as u32,
        )
    }

    fn nanos_since_year_zero(self) -> i128 {
        i128::from(self.unix_seconds) * i128::from(NANOS_PER_SECOND) + i128::from(self.nanos)
    }

    fn from_wide_nanos(nanos: i128) -> Self {
        let per_second = i128::from(NANOS_PER_SECOND);
        let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
        Self {
            unix_seconds: i64::try_from(nanos.div_euclid(per_second)).unwrap_or(limit),
            nanos: nanos.rem_euclid(per_second) as u32,
        }
    }

    /// Writes the time to the second, as `metav1.Time` does: `2026-01-31T09:30:00Z`.
    pub fn rfc3339(self) -> String {
        self.write("")
    }

    /// Writes the time to the microsecond, as `metav1.MicroTime` does: `2026-01-31T09:30:00.000000Z`.
    pub fn rfc3339_micros(self) -> String {
        self.write(&format!(".{:06}", self.nanos / 1_000))
    }

    /// Writes the time with as many fractional digits as it needs, as Go's `time.RFC3339Nano` does.
    pub fn rfc3339_nanos(self) -> String {
        let digits = format!(".{:09}", self.nanos);
        self.write(digits.trim_end_matches('0').trim_end_matches('.'))
    }

    /// Writes the time; beyond the years 0 to 9999, which RFC 3339 can write, the nearest second within.
    fn write(self, fraction: &str) -> String {
        const FIRST: i64 = -62_167_219_200;
        const LAST: i64 = 253_402_300_799;
        let seconds = self.unix_seconds.clamp(FIRST, LAST);
        let (days, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
        let date = EPOCH + jiff::Span::new().days(days);
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{fraction}Z",
            date.year(),
            date.month(),
            date.day(),
            second / 3_600,
            second / 60 % 60,
            second % 60
        )
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`.
fn read(text: &[u8]) -> Option<Time> {
    let (date_time, rest) = text.split_at_checked(19)?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| date_time[*at] != *byte) {
        return None;
    }
    let part = |from, to| number(&date_time[from..to]);
    let year = i16::try_from(part(0, 4)?).ok()?;
    let date = Date::new(year, i8::try_from(part(5, 7)?).ok()?, i8::try_from(part(8, 10)?).ok()?).ok()?;
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let days = i64::from(date.since(EPOCH).ok()?.get_days());
    let local = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    Some(Time { unix_seconds: local - offset_seconds(zone)?, nanos })
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
}

/// Splits off the fraction of a second and gives it in nanoseconds.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let [b'.' | b',', rest @ ..] = text else { return Some((0, text)) };
    let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = (0..9).map(|at| if at < count { u32::from(rest[at] - b'0') } else { 0 });
    (count > 0).then(|| (digits.fold(0, |sum, digit| sum * 10 + digit), &rest[count..]))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[h1, h2])?, number(&[m1, m2])?);
            let seconds = hours * 3_600 + minutes * 60;
            (hours <= 24 && minutes <= 60).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self::from_wide_nanos(self.nanos_since_year_zero().saturating_add_unsigned(duration.as_nanos()))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self::from_wide_nanos(self.nanos_since_year_zero().saturating_sub_unsigned(duration.as_nanos()))
    }
}

/// Gives how long lies between, zero when the right side is later.
impl std::ops::Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl std::str::FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

/// Writes the time to the second.
impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339())
    }
}

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.rfc3339_nanos())
    }
}

/// Writes the time to the second.
impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::from(time.rfc3339())
    }
}

impl Value {
    /// Gives the time, if this is a string that holds one.
    pub fn as_time(&self) -> Option<Time> {
        self.as_str().and_then(|text| Time::parse(text).ok())
    }
}
