//! `podFailurePolicy` and `successPolicy`: what a user says of certain ends
//! (`pkg/controller/job/pod_failure_policy.go`, `success_policy.go`).

use super::intervals::Intervals;
use object::{ObjectExt, Value};

/// What the policy says of a failed pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It counts as any failure does.
    Count,
    /// It does not count.
    Ignore,
    /// Its index has failed.
    FailIndex,
    /// The Job has failed, and why.
    FailJob(String),
}

/// Asks the pod failure policy of a Job about a failed pod.
pub(super) fn judge(job: &Value, pod: &Value) -> Verdict {
    for (index, rule) in job["spec"]["podFailurePolicy"]["rules"].items().iter().enumerate() {
        let action = rule["action"].str();
        let matched = if rule["onExitCodes"].is_null() {
            matching_condition(pod, &rule["onPodConditions"]).map(|kind| {
                format!(
                    "Pod {} has condition {kind} matching {action} rule at index {index}",
                    pod.full_name()
                )
            })
        } else {
            matching_container(pod, &rule["onExitCodes"]).map(|container| {
                let (name, code) = (container["name"].str(), container["state"]["terminated"]["exitCode"].int());
                let pod = pod.full_name();
                format!("Container {name} for pod {pod} failed with exit code {code} matching {action} rule at index {index}")
            })
        };
        let Some(message) = matched else { continue };
        match action {
            "Ignore" => return Verdict::Ignore,
            "FailIndex" => return Verdict::FailIndex,
            "Count" => return Verdict::Count,
            "FailJob" => return Verdict::FailJob(message),
            _ => {}
        }
    }
    Verdict::Count
}

fn matching_condition<'a>(pod: &'a Value, patterns: &Value) -> Option<&'a str> {
    let conditions = pod["status"]["conditions"].items();
    let fits = |condition: &&Value| {
        let same = |p: &Value| p["type"] == condition["type"] && p["status"] == condition["status"];
        patterns.items().iter().any(same)
    };
    conditions.iter().find(fits).map(|condition| condition["type"].str())
}

fn matching_container<'a>(pod: &'a Value, requirement: &Value) -> Option<&'a Value> {
    let status = &pod["status"];
    let all = status["containerStatuses"].items().iter().chain(status["initContainerStatuses"].items());
    all.into_iter().find(|container| {
        let named = &requirement["containerName"];
        let Some(code) = container["state"]["terminated"]["exitCode"].as_i64() else { return false };
        let is_listed = requirement["values"].items().iter().any(|value| value.int() == code);
        let fits = match requirement["operator"].str() {
            "In" => is_listed,
            "NotIn" => !is_listed,
            _ => false,
        };
        code != 0 && fits && (named.is_null() || *named == container["name"])
    })
}

/// Gives the message of the first rule of the success policy that the indexes satisfy.
pub(super) fn success(job: &Value, succeeded: &Intervals) -> Option<String> {
    if succeeded.is_empty() {
        return None;
    }
    let completions = job["spec"]["completions"].int();
    let is_met = |rule: &Value| {
        let count = rule["succeededCount"].as_i64();
        match rule["succeededIndexes"].as_str() {
            Some(text) => {
                let required = Intervals::parse(text, completions);
                let contained = required.overlap(succeeded);
                !required.is_empty()
                    && (contained == required.total() || count.is_some_and(|count| contained >= count))
            }
            None => count.is_some_and(|count| succeeded.total() >= count),
        }
    };
    let at = job["spec"]["successPolicy"]["rules"].items().iter().position(is_met)?;
    Some(format!("Matched rules at index {at}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn pod(code: i64) -> Value {
        value!({
            "metadata": {"namespace": "n", "name": "p"},
            "status": {
                "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": code}}}],
                "conditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
        })
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let on_codes = |action: &str, operator: &str, codes: Value| value!({"action": action, "onExitCodes": {"operator": operator, "values": codes}});
        let on_disruption =
            value!({"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]});
        let job = |rules: Vec<Value>| value!({"spec": {"podFailurePolicy": {"rules": rules}}});
        let fail = on_codes("FailJob", "In", value!([42]));
        assert_eq!(judge(&job(vec![fail.clone(), on_disruption.clone()]), &pod(1)), Verdict::Ignore);
        let Verdict::FailJob(message) = judge(&job(vec![fail, on_disruption]), &pod(42)) else {
            panic!("it fails")
        };
        assert_eq!(
            message,
            "Container c for pod n/p failed with exit code 42 matching FailJob rule at index 0"
        );
        assert_eq!(
            judge(&job(vec![on_codes("FailIndex", "NotIn", value!([1]))]), &pod(2)),
            Verdict::FailIndex
        );
        assert_eq!(judge(&job(vec![on_codes("FailIndex", "NotIn", value!([1]))]), &pod(1)), Verdict::Count);
        assert_eq!(judge(&value!({"spec": {}}), &pod(1)), Verdict::Count);
    }

    #[test]
    fn a_success_policy_is_met_by_indexes_or_by_their_number() {
        let job = |rule: Value| value!({"spec": {"completions": 10, "successPolicy": {"rules": [rule]}}});
        let done = Intervals::parse("0-3,7", 10);
        assert!(success(&job(value!({"succeededIndexes": "0,7"})), &done).is_some());
        assert!(success(&job(value!({"succeededIndexes": "0,8"})), &done).is_none());
        assert!(success(&job(value!({"succeededIndexes": "0,8", "succeededCount": 1})), &done).is_some());
        assert!(success(&job(value!({"succeededCount": 5})), &done).is_some());
        assert!(success(&job(value!({"succeededCount": 6})), &done).is_none());
    }
}
