//! Time zones by their names in the IANA database, which is built in: what a machine has installed does not matter.

use crate::Time;
use jiff::Timestamp;
use jiff::civil::{Date, Time as Clock};
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{Span, ToSpan};

const SECONDS_PER_DAY: i64 = 86_400;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Finds a zone; `""` is UTC, as for Go's `time.LoadLocation`. None if there is no such zone.
    pub fn named(name: &str) -> Option<Self> {
        if matches!(name, "" | "UTC") {
            return Some(Self::UTC);
        }
        TimeZoneDatabase::bundled().get(name).ok().map(Self)
    }

    /// Gives how many seconds the clocks of the zone are ahead of UTC at a moment.
    fn offset_seconds(&self, time: Time) -> i64 {
        let moment = Timestamp::from_second(time.unix_seconds());
        moment.map_or(0, |moment| i64::from(self.0.to_offset(moment).seconds()))
    }

    /// Gives the day that a calendar in the zone shows at a moment, in days since 1970-01-01.
    pub fn day_of(&self, time: Time) -> i64 {
        (time.unix_seconds() + self.offset_seconds(time)).div_euclid(SECONDS_PER_DAY)
    }

    /// Gives the moments at which the clocks of the zone show a time of a day since 1970-01-01: one, or none when
    /// they are put forward over it, or two when they are put back over it.
    pub fn moments_of(&self, day: i64, hour: i8, minute: i8) -> impl Iterator<Item = Time> {
        let shown = day * SECONDS_PER_DAY + i64::from(hour) * 3_600 + i64::from(minute) * 60;
        let span: Option<Span> = i32::try_from(day).ok().map(|day| day.days());
        let date = span.and_then(|span| EPOCH.checked_add(span).ok());
        let clock = Clock::new(hour, minute, 0, 0).ok();
        let offsets = date
            .zip(clock)
            .map(|(date, clock)| self.0.to_ambiguous_timestamp(date.to_datetime(clock)).offset());
        let (first, second) = match offsets {
            Some(AmbiguousOffset::Unambiguous { offset }) => (Some(offset), None),
            Some(AmbiguousOffset::Fold { before, after }) => (Some(before), Some(after)),
            Some(AmbiguousOffset::Gap { .. }) | None => (None, None),
        };
        let moment =
            move |offset: jiff::tz::Offset| Time::from_unix_seconds(shown - i64::from(offset.seconds()));
        first.into_iter().chain(second).map(moment)
    }

    /// Writes a moment as RFC 3339 with the zone's offset, to the second; `Z` stands for no offset.
    pub fn rfc3339(&self, time: Time) -> String {
        let offset = self.offset_seconds(time);
        if offset == 0 {
            return time.rfc3339();
        }
        let local = Time::from_unix_seconds(time.unix_seconds() + offset).rfc3339();
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.abs() / 60;
        format!("{}{sign}{:02}:{:02}", local.trim_end_matches('Z'), minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(zone: &str, (day, hour, minute): (&str, i8, i8), expected: &[&str]) {
        let zone = Zone::named(zone).expect("it is in the database");
        let midnight = Time::parse(&format!("{day}T00:00:00Z")).expect("a day");
        let day = midnight.unix_seconds() / SECONDS_PER_DAY;
        let found: Vec<Time> = zone.moments_of(day, hour, minute).collect();
        let written: Vec<String> = found.iter().map(|time| zone.rfc3339(*time)).collect();
        assert_eq!(written, expected);
        assert!(found.iter().all(|time| zone.day_of(*time) == day));
    }

    #[test]
    fn clocks_show_a_time_once_or_never_or_twice() {
        check("", ("2026-11-20", 9, 30), &["2026-11-20T09:30:00Z"]);
        check("Asia/Kolkata", ("2026-11-20", 0, 15), &["2026-11-20T00:15:00+05:30"]);
        check("America/New_York", ("2026-07-01", 23, 0), &["2026-07-01T23:00:00-04:00"]);
        check("Europe/London", ("2026-12-01", 8, 0), &["2026-12-01T08:00:00Z"]);
        check("Europe/Berlin", ("2026-03-29", 2, 30), &[]);
        check(
            "Europe/Berlin",
            ("2026-10-25", 2, 30),
            &["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"],
        );
    }

    #[test]
    fn what_is_not_in_the_database_is_no_zone() {
        for name in ["Mars/Base", "0", "+05:30"] {
            assert_eq!(Zone::named(name), None, "{name}");
        }
    }
}
