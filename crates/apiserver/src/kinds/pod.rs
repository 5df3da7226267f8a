//! Pods.

use super::{DecodeError, Strategy, pod_spec};
use crate::edit::{default_to, each, keep, omit_zeros};
use crate::field::{FieldError, FieldPath};
use object::{Quantity, Time, Value, value};

/// What may be changed of a pod's spec, in the words of the refusal.
const IMMUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,\
     `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing \
     tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) struct Pod;

impl Strategy for Pod {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        pod_spec::default(spec)?;
        pod_spec::requests_from_limits(spec);
        default_to(spec, &["enableServiceLinks"], true);
        Ok(())
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status"], value!({}));
        let lacks_time = |condition: &Value| {
            condition.get("lastProbeTime").is_none() || condition.get("lastTransitionTime").is_none()
        };
        if object["status"]["conditions"].items().iter().any(lacks_time) {
            each(object, &["status", "conditions"], |condition| {
                // Go writes these two times even when they are not set.
                default_to(condition, &["lastProbeTime"], Value::Null);
                default_to(condition, &["lastTransitionTime"], Value::Null);
            });
        }
        omit_zeros(object.slot(&["status"]), &["reason", "message", "nominatedNodeName", "podIP", "hostIP"]);
        Ok(())
    }

    fn prepare_create(&self, object: &mut Value, _: Time) {
        let mut status = value!({"phase": "Pending", "qosClass": quality(object)});
        if !object["spec"]["schedulingGates"].is_empty() {
            let gated = value!({
                "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastProbeTime": null, "lastTransitionTime": null,
            });
            status.set(&["conditions"], value!([gated]));
        }
        object.set(&["status"], status);
    }

    fn prepare_status(&self, new: &mut Value, old: &Value, _: Time) {
        keep(new, old, &["spec"]);
        // Old kubelets spoil them.
        keep(new, old, &["metadata", "ownerReferences"]);
        if new["status"]["qosClass"].is_empty() {
            keep(new, old, &["status", "qosClass"]);
        }
        keep_observed_generations(new, old);
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let spec = FieldPath::new("spec");
        pod_spec::validate(&object["spec"], &spec, errors);
        if !object["spec"]["schedulingGates"].is_empty() && !object["spec"]["nodeName"].is_empty() {
            let detail = "cannot be set until all schedulingGates have been cleared";
            errors.push(FieldError::forbidden(&spec.child("nodeName"), detail));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        if !new["spec"].same(&old["spec"]) {
            validate_spec_change(&new["spec"], &old["spec"], errors);
        }
    }
}

/// A status or condition without `observedGeneration` keeps the one it had: old kubelets do not know the field.
fn keep_observed_generations(new: &mut Value, old: &Value) {
    if new["status"]["observedGeneration"].int() == 0 {
        keep(new, old, &["status", "observedGeneration"]);
    }
    let had = |condition: &Value| {
        let same = |earlier: &&Value| earlier["type"] == condition["type"];
        let earlier = old["status"]["conditions"].items().iter().find(same);
        earlier.map_or(Value::Null, |earlier| earlier["observedGeneration"].clone())
    };
    let lacking = |condition: &Value| condition["observedGeneration"].int() == 0 && !had(condition).is_null();
    if new["status"]["conditions"].items().iter().any(lacking) {
        each(new, &["status", "conditions"], |condition| {
            if lacking(condition) {
                let generation = had(condition);
                condition.set(&["observedGeneration"], generation);
            }
        });
    }
}

fn validate_spec_change(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let spec = FieldPath::new("spec");
    let mut allowed = new.clone();
    for list in ["containers", "initContainers"] {
        if allowed[list].items().len() != old[list].items().len() {
            continue;
        }
        let images: Vec<Value> = old[list].items().iter().map(|item| item["image"].clone()).collect();
        let mut images = images.into_iter();
        each(&mut allowed, &[list], |item| {
            if let Some(image) = images.next() {
                item.set(&["image"], image);
            }
        });
    }
    let kept =
        old["tolerations"].items().iter().all(|toleration| new["tolerations"].items().contains(toleration));
    if kept {
        keep(&mut allowed, old, &["tolerations"]);
    } else {
        let detail = "existing toleration can not be modified except its tolerationSeconds";
        errors.push(FieldError::forbidden(&spec.child("tolerations"), detail));
    }
    keep(&mut allowed, old, &["activeDeadlineSeconds"]);
    if old["terminationGracePeriodSeconds"].int() < 0 && new["terminationGracePeriodSeconds"].int() == 1 {
        keep(&mut allowed, old, &["terminationGracePeriodSeconds"]);
    }
    if !old["schedulingGates"].is_empty() {
        let gates = old["schedulingGates"].items();
        if let Some(added) = new["schedulingGates"].items().iter().find(|gate| !gates.contains(gate)) {
            let detail =
                format!("only deletion is allowed, but found new scheduling gate '{}'", added["name"].str());
            errors.push(FieldError::forbidden(&spec.child("schedulingGates"), &detail));
        }
        // A gated pod is not scheduled yet, so where it may go can still be narrowed.
        for field in ["schedulingGates", "nodeSelector", "affinity"] {
            keep(&mut allowed, old, &[field]);
        }
    }
    if allowed != *old {
        errors.push(FieldError::forbidden(&spec, IMMUTABLE));
    }
}

/// Gives the class of quality that a pod's requests and limits earn.
///
/// Upstream: `pkg/apis/core/helper/qos`.
fn quality(pod: &Value) -> &'static str {
    let lists = [&pod["spec"]["containers"], &pod["spec"]["initContainers"]];
    let containers = || lists.iter().flat_map(|list| list.items());
    let amount = |resources: &Value, list: &str, name: &str| {
        Quantity::of(&resources[list][name]).map_or(0, Quantity::nano_value)
    };
    let names = ["cpu", "memory"];
    let any = containers().any(|item| {
        ["limits", "requests"]
            .iter()
            .any(|list| names.iter().any(|name| amount(&item["resources"], list, name) > 0))
    });
    if !any {
        return "BestEffort";
    }
    let guaranteed = containers().all(|item| {
        names.iter().all(|name| {
            let limit = amount(&item["resources"], "limits", name);
            limit > 0 && limit == amount(&item["resources"], "requests", name)
        })
    });
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

/// Tells whether all of a pod's containers have ended for good.
pub(crate) fn is_finished(pod: &Value) -> bool {
    matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed")
}

/// Tells whether a pod takes traffic.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].items();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}

/// Sets a condition; its time of transition stays if its status does.
///
/// Gives whether anything changed. Upstream: `podutil.UpdatePodCondition`.
pub(crate) fn set_condition(pod: &mut Value, condition: Value, now: Time) -> bool {
    let conditions = pod["status"]["conditions"].items();
    let place = conditions.iter().position(|found| found["type"] == condition["type"]);
    let mut condition = condition.with(&["lastProbeTime"], Value::Null).with(&["lastTransitionTime"], now);
    let Some(place) = place else {
        pod.push(&["status", "conditions"], condition);
        return true;
    };
    let found = &conditions[place];
    if found["status"] == condition["status"] {
        condition.set(&["lastTransitionTime"], &found["lastTransitionTime"]);
    }
    if *found == condition {
        return false;
    }
    let replaced = conditions.iter().enumerate().map(|(at, old)| if at == place { &condition } else { old });
    let replaced: Value = replaced.cloned().collect();
    pod.set(&["status", "conditions"], replaced);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_quality(resources: Value, expected: &str) {
        let pod = value!({"spec": {"containers": [{"name": "c", "resources": resources}]}});
        assert_eq!(quality(&pod), expected, "{pod:?}");
    }

    #[test]
    fn quality_follows_requests_and_limits() {
        check_quality(value!({}), "BestEffort");
        check_quality(value!({"requests": {"cpu": "0"}}), "BestEffort");
        check_quality(value!({"requests": {"cpu": "1"}}), "Burstable");
        let both = value!({"cpu": "1", "memory": "1Gi"});
        check_quality(value!({"requests": &both, "limits": &both}), "Guaranteed");
        let other = value!({"cpu": "1000m", "memory": "1024Mi"});
        check_quality(value!({"requests": &both, "limits": other}), "Guaranteed");
        check_quality(value!({"requests": &both, "limits": {"cpu": "1"}}), "Burstable");
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let (early, late) = (Time::from_unix_seconds(10), Time::from_unix_seconds(20));
        let mut pod = value!({});
        let scheduled = || value!({"type": "PodScheduled", "status": "True"});
        assert!(set_condition(&mut pod, scheduled(), early));
        assert!(!set_condition(&mut pod, scheduled(), late));
        assert_eq!(pod["status"]["conditions"][0]["lastTransitionTime"], Value::from(early));
        assert!(set_condition(&mut pod, value!({"type": "PodScheduled", "status": "False"}), late));
        assert_eq!(pod["status"]["conditions"][0]["lastTransitionTime"], Value::from(late));
    }
}
