//! The status and the conditions of a Deployment (`sync.go`, `progress.go`, `util/deployment_util.go`).

use super::{Rollout, replicas, scale};
use object::{ObjectExt, Time, Value, value};
use std::time::Duration;

pub(super) fn condition(kind: &str, status: &str, reason: &str, message: &str, now: Time) -> Value {
    value!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": now,
    })
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].items().iter().find(|c| c["type"] == kind)
}

fn remove_condition(status: &mut Value, kind: &str) {
    let kept: Vec<Value> =
        status["conditions"].items().iter().filter(|c| c["type"] != kind).cloned().collect();
    status.set_or_omit(&["conditions"], Value::from(kept));
}

/// Sets a condition unless one with the same status and reason is there; it goes to the end of the list.
pub(super) fn set_condition(status: &mut Value, mut condition: Value) {
    let kind = condition["type"].str().to_owned();
    if let Some(present) = find(status, &kind) {
        if present["status"] == condition["status"] && present["reason"] == condition["reason"] {
            return;
        }
        if present["status"] == condition["status"] {
            let since = present["lastTransitionTime"].clone();
            condition.set(&["lastTransitionTime"], since);
        }
    }
    remove_condition(status, &kind);
    status.push(&["conditions"], condition);
}

/// Tells whether the rollout's progress is watched at all (the deadline is not the largest 32-bit number).
pub(super) fn has_deadline(deployment: &Value) -> bool {
    deployment["spec"]["progressDeadlineSeconds"].as_i64().is_some_and(|s| s != i64::from(i32::MAX))
}

/// Tells whether everything wanted is there and nothing else.
pub(super) fn is_complete(deployment: &Value, status: &Value) -> bool {
    let wanted = replicas(deployment);
    status["updatedReplicas"].int() == wanted
        && status["replicas"].int() == wanted
        && status["availableReplicas"].int() == wanted
        && status["observedGeneration"].int() >= deployment.generation()
}

fn is_progressing(deployment: &Value, status: &Value) -> bool {
    let before = &deployment["status"];
    let old = |s: &Value| s["replicas"].int() - s["updatedReplicas"].int();
    let grew = |field: &str| status[field].int() > before[field].int();
    grew("updatedReplicas") || old(status) < old(before) || grew("readyReplicas") || grew("availableReplicas")
}

fn has_timed_out(deployment: &Value, status: &Value, now: Time) -> bool {
    let Some(condition) = find(status, "Progressing") else { return false };
    match condition["reason"].str() {
        "NewReplicaSetAvailable" => false,
        "ProgressDeadlineExceeded" => true,
        _ => {
            let Ok(since) = Time::parse(condition["lastUpdateTime"].str()) else { return false };
            since + deadline(deployment) < now
        }
    }
}

fn deadline(deployment: &Value) -> Duration {
    Duration::from_secs(deployment["spec"]["progressDeadlineSeconds"].int().unsigned_abs())
}

/// Computes the numbers and the condition `Available`.
pub(super) fn status(rollout: &Rollout, now: Time) -> Value {
    let deployment = &rollout.deployment;
    let all = rollout.all();
    let sum = |field: &str| all.iter().map(|rs| rs["status"][field].int()).sum::<i64>();
    let (total, available) = (sum("replicas"), sum("availableReplicas"));
    let mut status = value!({"observedGeneration": deployment.generation()});
    status.set_or_omit(&["replicas"], total);
    status.set_or_omit(
        &["updatedReplicas"],
        rollout.new.as_ref().map_or(0, |rs| rs["status"]["replicas"].int()),
    );
    status.set_or_omit(&["readyReplicas"], sum("readyReplicas"));
    status.set_or_omit(&["availableReplicas"], available);
    // What the ReplicaSets were asked for, not what they came to: a pod that a quota refuses is unavailable, too.
    let asked: i64 = all.iter().map(replicas).sum();
    status.set_or_omit(&["unavailableReplicas"], (asked - available).max(0));
    // The number of terminating pods is known only when every ReplicaSet tells its own.
    if all.iter().all(|rs| !rs["status"]["terminatingReplicas"].is_null()) {
        status.set(&["terminatingReplicas"], sum("terminatingReplicas"));
    }
    if !deployment["status"]["collisionCount"].is_null() {
        status.set(&["collisionCount"], &deployment["status"]["collisionCount"]);
    }
    status.set_or_omit(&["conditions"], &deployment["status"]["conditions"]);
    let enough = available >= replicas(deployment) - scale::max_unavailable(deployment);
    let available = if enough {
        condition(
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            now,
        )
    } else {
        let message = "Deployment does not have minimum availability.";
        condition("Available", "False", "MinimumReplicasUnavailable", message, now)
    };
    set_condition(&mut status, available);
    status
}

/// Computes the status of a rollout that is under way or done, with the condition `Progressing`.
pub(super) fn rollout_status(rollout: &Rollout, now: Time) -> Value {
    let deployment = &rollout.deployment;
    let mut status = status(rollout, now);
    if !has_deadline(deployment) {
        remove_condition(&mut status, "Progressing");
    }
    let present = find(&status, "Progressing").cloned();
    let was_complete = status["replicas"].int() == status["updatedReplicas"].int()
        && present.as_ref().is_some_and(|c| c["reason"] == "NewReplicaSetAvailable");
    if has_deadline(deployment) && !was_complete {
        let subject = match &rollout.new {
            Some(rs) => format!("ReplicaSet {:?}", rs.name()),
            None => format!("Deployment {:?}", deployment.name()),
        };
        if is_complete(deployment, &status) {
            let message = format!("{subject} has successfully progressed.");
            set_condition(
                &mut status,
                condition("Progressing", "True", "NewReplicaSetAvailable", &message, now),
            );
        } else if is_progressing(deployment, &status) {
            let message = format!("{subject} is progressing.");
            let mut fresh = condition("Progressing", "True", "ReplicaSetUpdated", &message, now);
            // Each step forward renews the update time, whatever the reason was before.
            if let Some(present) = present.filter(|c| c["status"] == "True") {
                fresh.set(&["lastTransitionTime"], &present["lastTransitionTime"]);
            }
            remove_condition(&mut status, "Progressing");
            set_condition(&mut status, fresh);
        } else if has_timed_out(deployment, &status, now) {
            let message = format!("{subject} has timed out progressing.");
            set_condition(
                &mut status,
                condition("Progressing", "False", "ProgressDeadlineExceeded", &message, now),
            );
        }
    }
    match replica_failure(rollout, now) {
        Some(failure) => set_condition(&mut status, failure),
        None => remove_condition(&mut status, "ReplicaFailure"),
    }
    status
}

/// Gives the failure of the new ReplicaSet, or of any other.
fn replica_failure(rollout: &Rollout, _now: Time) -> Option<Value> {
    let failure = |rs: &Value| {
        let condition = rs.condition("ReplicaFailure");
        (!condition.is_null()).then(|| {
            let since = condition["lastTransitionTime"].clone();
            condition.clone().with(&["lastUpdateTime"], since)
        })
    };
    rollout.new.iter().chain(&rollout.old).find_map(failure)
}

/// Tells after how long a rollout that may be stuck must be looked at again; zero means soon, none never.
pub(super) fn check_again_in(deployment: &Value, status: &Value, now: Time) -> Option<Duration> {
    let condition = find(status, "Progressing")?;
    if !has_deadline(deployment)
        || is_complete(deployment, status)
        || condition["reason"] == "ProgressDeadlineExceeded"
    {
        return None;
    }
    let since = Time::parse(condition["lastUpdateTime"].str()).ok()?;
    let left = (since + deadline(deployment)) - now;
    // One second more, because the times that are compared have no fractions.
    Some(if left < Duration::from_secs(1) { Duration::ZERO } else { left + Duration::from_secs(1) })
}
