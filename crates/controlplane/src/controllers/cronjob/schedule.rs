//! When a schedule is due: the syntax and arithmetic of the library that upstream uses (`github.com/robfig/cron/v3`).
//!
//! Times of day are those of the clocks of the schedule's zone: one over which they are put forward is skipped, one over
//! which they are put back comes twice.

use object::{GoDuration, Time, Zone};
use std::time::Duration;

/// Set in a field that begins with a star.
const STAR: u64 = 1 << 63;
/// How many years ahead a schedule is looked for.
const YEARS_MAX: i64 = 5;
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScheduleError {
    #[error("expected exactly 5 fields, found {0}")]
    Fields(usize),
    #[error("unrecognized descriptor: {0}")]
    Descriptor(String),
    #[error("provided bad location {0}")]
    Zone(String),
    #[error("failed to parse int from {0}")]
    Number(String),
    #[error("not a range from {min} to {max}: {text}")]
    Range { text: String, min: u32, max: u32 },
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Schedule {
    /// Minutes, hours, days of the month, months and days of the week, as bits.
    Fields { minute: u64, hour: u64, dom: u64, month: u64, dow: u64, zone: Zone },
    /// At the same distance.
    Every(Duration),
}

impl Schedule {
    /// Reads a schedule.
    pub(super) fn parse(text: &str) -> Result<Self, ScheduleError> {
        let (mut text, mut zone) = (text, Zone::UTC);
        if let Some(rest) = text.strip_prefix("TZ=").or_else(|| text.strip_prefix("CRON_TZ=")) {
            let (name, schedule) = rest.split_once(' ').unwrap_or((rest, ""));
            zone = Zone::named(name).ok_or_else(|| ScheduleError::Zone(name.to_owned()))?;
            text = schedule.trim();
        }
        if let Some(interval) = text.strip_prefix("@every ") {
            let unknown = |_| ScheduleError::Descriptor(text.to_owned());
            let interval = GoDuration::parse(interval).map_err(unknown)?.to_std();
            return Ok(Self::Every(Duration::from_secs(interval.as_secs().max(1))));
        }
        let text = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other if other.starts_with('@') => return Err(ScheduleError::Descriptor(other.to_owned())),
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, dom, month, dow] = fields[..] else {
            return Err(ScheduleError::Fields(fields.len()));
        };
        Ok(Self::Fields {
            minute: field(minute, 0, 59, &[])?,
            hour: field(hour, 0, 23, &[])?,
            dom: field(dom, 1, 31, &[])?,
            month: field(month, 1, 12, &MONTHS)?,
            dow: field(dow, 0, 6, &DAYS)?,
            zone,
        })
    }

    /// Gives the first time after `time` at which the schedule is due; none within five years if it never is.
    pub(super) fn next(&self, time: Time) -> Option<Time> {
        let whole = time.truncated_to_second();
        let (minute, hour, zone) = match self {
            Self::Every(interval) => return Some(whole + *interval),
            Self::Fields { minute, hour, zone, .. } => (*minute, *hour, zone),
        };
        let from = whole + Duration::from_secs(1);
        let first_day = zone.day_of(from);
        let last_year = civil(first_day).year + YEARS_MAX;
        for day in first_day.. {
            let date = civil(day);
            if date.year > last_year {
                return None;
            }
            if !self.falls_on(&date, day) {
                continue;
            }
            let clock = (0..24)
                .filter(|h| hour >> h & 1 == 1)
                .flat_map(|h| (0..60).filter(|m| minute >> m & 1 == 1).map(move |m| (h, m)));
            let moments = clock.flat_map(|(h, m)| zone.moments_of(day, h, m));
            // Where clocks are put back, what comes first by the clock need not come first.
            if let Some(due) = moments.filter(|due| *due >= from).min() {
                return Some(due);
            }
        }
        None
    }

    fn falls_on(&self, date: &Civil, day: i64) -> bool {
        let Self::Fields { dom, month, dow, .. } = self else { return true };
        // Day 0 was a Thursday.
        let weekday = (day + 4).rem_euclid(7);
        let (by_month, by_week) = (dom >> date.day & 1 == 1, dow >> weekday & 1 == 1);
        // Two restrictions are alternatives; one restriction and a star are not.
        let by_day = if (dom | dow) & STAR != 0 { by_month && by_week } else { by_month || by_week };
        month >> date.month & 1 == 1 && by_day
    }
}

/// Reads a field: a comma-separated list of ranges.
fn field(text: &str, min: u32, max: u32, names: &[&str]) -> Result<u64, ScheduleError> {
    let ranges = text.split(',').filter(|range| !range.is_empty());
    ranges.map(|one| range(one, min, max, names)).try_fold(0, |bits, range| Ok(bits | range?))
}

/// Reads `*`, `?`, a number or a name, or a range of two, with a step or without.
fn range(text: &str, min: u32, max: u32, names: &[&str]) -> Result<u64, ScheduleError> {
    let refused = || ScheduleError::Range { text: text.to_owned(), min, max };
    let number = |part: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(part));
        match named {
            Some(at) => Ok(min + u32::try_from(at).unwrap_or(0)),
            None => part.parse().map_err(|_| ScheduleError::Number(part.to_owned())),
        }
    };
    let (bounds, step) = match text.split_once('/') {
        Some((bounds, step)) => {
            (bounds, Some(step.parse::<u32>().map_err(|_| ScheduleError::Number(step.to_owned()))?))
        }
        None => (text, None),
    };
    let (low, high) = match bounds.split_once('-') {
        Some((low, high)) => (low, Some(high)),
        None => (bounds, None),
    };
    let is_star = matches!(low, "*" | "?");
    let start = if is_star { min } else { number(low)? };
    let end = match high {
        _ if is_star => max,
        Some(high) => number(high)?,
        // "N/step" goes on to the end.
        None if step.is_some() => max,
        None => start,
    };
    let step = step.unwrap_or(1);
    if start < min || end > max || start > end || step == 0 {
        return Err(refused());
    }
    let bits = (start..=end).step_by(step as usize).fold(0, |bits, at| bits | 1 << at);
    Ok(if is_star && step == 1 { bits | STAR } else { bits })
}

struct Civil {
    year: i64,
    month: i64,
    day: i64,
}

/// Gives the date of a day since 1970, by counting eras of 400 years that begin on 1 March.
fn civil(day: i64) -> Civil {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day: of_year - (153 * from_march + 2) / 5 + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(schedule: &str, after: &str, expected: &[&str]) {
        let schedule = Schedule::parse(schedule).expect(schedule);
        let mut time = Time::parse(after).expect("a time");
        for expected in expected {
            time = schedule.next(time).expect("it is due some time");
            assert_eq!(time.rfc3339(), *expected, "{schedule:?}");
        }
    }

    #[test]
    fn schedules_are_due_as_their_fields_say() {
        check("* * * * *", "2026-02-28T23:58:30.5Z", &["2026-02-28T23:59:00Z", "2026-03-01T00:00:00Z"]);
        check("*/15 3 * * *", "2026-05-05T03:40:00Z", &["2026-05-05T03:45:00Z", "2026-05-06T03:00:00Z"]);
        check("0 12 29 2 *", "2026-01-01T00:00:00Z", &["2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z"]);
        check("30 6-16/4 * * 1-5", "2026-11-20T15:00:00Z", &["2026-11-23T06:30:00Z", "2026-11-23T10:30:00Z"]);
        check("0 0 13 * fri", "2026-11-01T00:00:00Z", &["2026-11-06T00:00:00Z", "2026-11-13T00:00:00Z"]);
        check("0 0 */2 * fri", "2026-11-01T00:00:00Z", &["2026-11-03T00:00:00Z", "2026-11-05T00:00:00Z"]);
        check("5/20 0 1 JAN *", "2026-01-01T00:30:00Z", &["2026-01-01T00:45:00Z", "2027-01-01T00:05:00Z"]);
        check("@weekly", "2026-11-20T00:00:00Z", &["2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"]);
        check("@every 90m", "2026-11-20T00:00:00.7Z", &["2026-11-20T01:30:00Z"]);
        check("TZ=Etc/UTC 0 0 * * *", "2026-12-31T00:00:00Z", &["2027-01-01T00:00:00Z"]);
    }

    #[test]
    fn clocks_that_are_put_forward_skip_a_time_and_those_put_back_show_it_twice() {
        let berlin = "CRON_TZ=Europe/Berlin 30 2 * * *";
        check(berlin, "2026-03-28T02:00:00Z", &["2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]);
        check(berlin, "2026-10-24T12:00:00Z", &["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]);
        check("TZ=Europe/Berlin */20 * * * *", "2026-10-25T00:45:00Z", &["2026-10-25T01:00:00Z"]);
        check("TZ=Asia/Kolkata 0 0 * * *", "2026-11-20T00:00:00Z", &["2026-11-20T18:30:00Z"]);
    }

    #[test]
    fn what_is_never_due_has_no_next_time() {
        let never = Schedule::parse("59 23 31 2 *").expect("it is well formed");
        assert_eq!(never.next(Time::from_unix_seconds(0)), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for wrong in [
            "",
            "* * * *",
            "60 * * * *",
            "* * 0 * *",
            "5-1 * * * *",
            "*/0 * * * *",
            "x * * * *",
            "@now",
            "TZ=0",
        ] {
            assert!(Schedule::parse(wrong).is_err(), "{wrong:?}");
        }
        let zone = Schedule::parse("TZ=Mars/Base 0 0 * * *");
        assert_eq!(zone, Err(ScheduleError::Zone("Mars/Base".to_owned())));
    }
}
