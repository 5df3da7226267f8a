//! The newest time that objects speak of: the "now" of a dump.

use object::{Time, Value};
use std::time::Duration;

/// Fields in which Kubernetes's types, and custom resources that follow its conventions, write when something happened.
///
/// Fields that tell of the future are left out: certificates' `renewalTime`, `nextScheduleTime`,
/// `expirationTimestamp`. `deletionTimestamp` has a rule of its own.
const TIMES: [&str; 28] = [
    "acquireTime",
    "completionTime",
    "completionTimestamp",
    "creationTime",
    "creationTimestamp",
    "eventTime",
    "finishedAt",
    "firstTimestamp",
    "lastHeartbeatTime",
    "lastObservedTime",
    "lastPhaseTransitionTime",
    "lastProbeTime",
    "lastScaleTime",
    "lastScheduleTime",
    "lastSuccessfulTime",
    "lastTimestamp",
    "lastTransitionTime",
    "lastUpdateTime",
    "pingTime",
    "reconciledAt",
    "refreshTime",
    "renewTime",
    "startTime",
    "startTimestamp",
    "startedAt",
    "time",
    "timeAdded",
    "timestamp",
];

/// Objects nest no deeper than this in any valid cluster; what lies below is not looked at.
const DEPTH_MAX: usize = 64;

/// Gives the newest time in the known time fields of `objects`, `None` when there is none.
///
/// A dump was made no earlier than that. Labels, annotations and data are free text and are not looked at. The deletion
/// timestamp lies ahead by the grace period (`metav1.ObjectMeta`), which is taken off.
pub fn newest_time<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Option<Time> {
    objects
        .into_iter()
        .filter_map(|object| deletion_asked(object).max(newest_within(object, DEPTH_MAX)))
        .max()
}

/// Gives when an object's deletion was asked for.
fn deletion_asked(object: &Value) -> Option<Time> {
    let metadata = &object["metadata"];
    let gone_at = Time::parse(metadata["deletionTimestamp"].str()).ok()?;
    let grace_s = u64::try_from(metadata["deletionGracePeriodSeconds"].int()).unwrap_or(0);
    Some(gone_at - Duration::from_secs(grace_s))
}

fn newest_within(value: &Value, depth: usize) -> Option<Time> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::List(list) => list.iter().filter_map(|item| newest_within(item, depth)).max(),
        Value::Map(map) => map.iter().filter_map(|(key, item)| newest_at(key.as_str(), item, depth)).max(),
        _ => None,
    }
}

fn newest_at(key: &str, value: &Value, depth: usize) -> Option<Time> {
    match value {
        Value::Str(text) if TIMES.binary_search(&key).is_ok() => Time::parse(text).ok(),
        // A PodDisruptionBudget's map from pods to the times at which their evictions were granted.
        Value::Map(pods) if key == "disruptedPods" => {
            pods.iter().filter_map(|(_, time)| Time::parse(time.str()).ok()).max()
        }
        Value::Map(_) if matches!(key, "labels" | "annotations" | "data" | "fieldsV1" | "matchLabels") => {
            None
        }
        Value::Map(_) | Value::List(_) => newest_within(value, depth),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn check(object: Value, expected: Option<&str>) {
        assert_eq!(newest_time([&object]).map(Time::rfc3339), expected.map(str::to_owned), "{object:?}");
    }

    #[test]
    fn times_are_sorted_for_the_search() {
        assert!(TIMES.is_sorted());
    }

    #[test]
    fn finds_what_happened_last() {
        check(value!({}), None);
        let created = "2026-01-01T00:00:00Z";
        check(value!({"metadata": {"creationTimestamp": created}}), Some(created));
        let conditions =
            value!([{"lastTransitionTime": "2026-02-01T00:00:00Z"}, {"lastTransitionTime": null}]);
        check(
            value!({"metadata": {"creationTimestamp": created}, "status": {"conditions": conditions}}),
            Some("2026-02-01T00:00:00Z"),
        );
        check(value!({"spec": {"renewTime": "2026-01-01T00:00:01.500000Z"}}), Some("2026-01-01T00:00:01Z"));
        check(value!({"metadata": {"managedFields": [{"time": created}]}}), Some(created));
        check(value!({"status": {"disruptedPods": {"web-0": created}}}), Some(created));
    }

    #[test]
    fn ignores_free_text_and_the_future() {
        check(value!({"metadata": {"annotations": {"time": "2026-01-01T00:00:00Z"}}}), None);
        check(value!({"data": {"time": "2026-01-01T00:00:00Z"}}), None);
        check(value!({"status": {"renewalTime": "2026-01-01T00:00:00Z"}}), None);
        check(value!({"status": {"startTime": "yesterday"}}), None);
    }

    #[test]
    fn a_deletion_was_asked_for_before_its_timestamp() {
        let metadata =
            value!({"deletionTimestamp": "2026-01-01T00:00:30Z", "deletionGracePeriodSeconds": 30});
        check(value!({"metadata": metadata}), Some("2026-01-01T00:00:00Z"));
    }
}
