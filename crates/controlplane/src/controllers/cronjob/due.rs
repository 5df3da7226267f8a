//! Which scheduled time of a CronJob is due, and when to look again (`pkg/controller/cronjob/utils.go`).

use super::schedule::Schedule;
use crate::constants::CRONJOB_SCHEDULE_DELTA;
use object::{ObjectExt, Time, Value};
use std::time::Duration;

/// How many scheduled times in a row are looked at.
const STEPS_MAX: usize = 100_000;

/// A schedule is well formed and makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("time difference between two schedules is less than 1 second")]
pub(super) struct NeverDue;

/// What `mostRecentScheduleTime` finds.
struct Recent {
    /// From when on times count.
    earliest: Time,
    /// The latest time that has passed.
    latest: Option<Time>,
    has_missed: bool,
}

fn most_recent(
    cronjob: &Value,
    now: Time,
    schedule: &Schedule,
    with_deadline: bool,
) -> Result<Recent, NeverDue> {
    let read = |value: &Value| Time::parse(value.str()).ok();
    let created = read(&cronjob["metadata"]["creationTimestamp"]).unwrap_or(now);
    let mut earliest = read(&cronjob["status"]["lastScheduleTime"]).unwrap_or(created);
    if let Some(seconds) = cronjob["spec"]["startingDeadlineSeconds"].as_i64().filter(|_| with_deadline) {
        earliest = earliest.max(now - Duration::from_secs(seconds.unsigned_abs()));
    }
    let first = schedule.next(earliest).ok_or(NeverDue)?;
    if now < first {
        return Ok(Recent { earliest, latest: None, has_missed: false });
    }
    let second = schedule.next(first).ok_or(NeverDue)?;
    if now < second {
        return Ok(Recent { earliest, latest: Some(first), has_missed: false });
    }
    // Both are whole seconds.
    let between_s = second.since(first).as_secs();
    if between_s < 1 {
        return Err(NeverDue);
    }
    // One interval before the latest time that would be due if all intervals were alike: irregular schedules are
    // followed from there.
    let intervals = now.since(first).as_secs() / between_s;
    let back = if intervals == 0 {
        first - Duration::from_secs(between_s)
    } else {
        first + Duration::from_secs((intervals - 1) * between_s)
    };
    let mut latest = None;
    let mut at = back;
    for _ in 0..STEPS_MAX {
        match schedule.next(at).filter(|next| *next <= now) {
            Some(next) => (latest, at) = (Some(next), next),
            None => break,
        }
    }
    Ok(Recent { earliest, latest, has_missed: true })
}

/// Gives the scheduled time for which a Job is to be made; none when there is none, or it lies too far back.
pub(super) fn due(cronjob: &Value, now: Time, schedule: &Schedule) -> Result<Option<Time>, NeverDue> {
    Ok(most_recent(cronjob, now, schedule, true)?.latest)
}

/// Gives how long it is until the next scheduled time, and a moment more, since clocks differ.
pub(super) fn until_next(cronjob: &Value, now: Time, schedule: &Schedule) -> Duration {
    let from = match most_recent(cronjob, now, schedule, false) {
        Ok(Recent { latest: Some(latest), .. }) => latest,
        Ok(Recent { earliest, has_missed: false, .. }) => earliest,
        _ => now,
    };
    schedule.next(from).map_or(Duration::ZERO, |next| (next + CRONJOB_SCHEDULE_DELTA).since(now))
}

/// Gives the name of the Job for a scheduled time: made twice, it exists already.
pub(super) fn job_name(cronjob: &Value, scheduled: Time) -> String {
    format!("{}-{}", cronjob.name(), scheduled.unix_seconds() / 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn check(schedule: &str, last: &str, deadline_s: Option<i64>, now: &str, expected: (&str, u64)) {
        let mut cronjob = value!({
            "metadata": {"name": "c", "creationTimestamp": "2026-01-01T00:00:10Z"}, "spec": {}, "status": {},
        });
        cronjob.set_or_omit(&["status", "lastScheduleTime"], last);
        if let Some(seconds) = deadline_s {
            cronjob.set(&["spec", "startingDeadlineSeconds"], seconds);
        }
        let (schedule, now) = (Schedule::parse(schedule).expect("good"), Time::parse(now).expect("a time"));
        let found = due(&cronjob, now, &schedule).expect("it makes sense");
        let found = (found.map_or(String::new(), Time::rfc3339), until_next(&cronjob, now, &schedule));
        assert_eq!(
            found,
            (expected.0.to_owned(), Duration::from_millis(expected.1)),
            "{schedule:?} at {now}"
        );
    }

    #[test]
    fn the_latest_time_that_has_passed_is_due() {
        check("* * * * *", "", None, "2026-01-01T00:00:30Z", ("", 30_100));
        check("* * * * *", "", None, "2026-01-01T00:01:00Z", ("2026-01-01T00:01:00Z", 60_100));
        check(
            "* * * * *",
            "2026-01-01T00:01:00Z",
            None,
            "2026-01-01T00:05:30Z",
            ("2026-01-01T00:05:00Z", 30_100),
        );
        // Only 20 seconds count, in which nothing was due.
        check("* * * * *", "2026-01-01T00:01:00Z", Some(20), "2026-01-01T00:05:30Z", ("", 30_100));
        // Nights and weekends are irregular.
        check(
            "30 6-16/4 * * 1-5",
            "2026-01-02T06:30:00Z",
            None,
            "2026-01-06T07:00:00Z",
            ("2026-01-06T06:30:00Z", 12_600_100),
        );
    }

    #[test]
    fn a_day_that_never_comes_is_an_error() {
        let cronjob = value!({"metadata": {"creationTimestamp": "2026-01-01T00:00:10Z"}});
        let never = Schedule::parse("59 23 31 2 *").expect("well formed");
        assert_eq!(due(&cronjob, Time::from_unix_seconds(1_790_000_000), &never), Err(NeverDue));
    }
}
