//! Disruption budgets, quotas, priorities, autoscalers.

use super::{DecodeError, Strategy};
use crate::edit::{canonical_quantities, default_to, omit_zeros};
use crate::field::{FieldError, FieldPath};
use object::{Value, value};

pub(super) struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        for field in ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"] {
            default_to(object, &["status", field], 0);
        }
        omit_zeros(object.slot(&["status"]), &["observedGeneration"]);
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("spec");
        let spec = &object["spec"];
        if !spec["minAvailable"].is_null() && !spec["maxUnavailable"].is_null() {
            // Upstream prints its internal struct, in the order of its fields.
            let fields = [
                ("MinAvailable", "minAvailable"),
                ("Selector", "selector"),
                ("MaxUnavailable", "maxUnavailable"),
                ("UnhealthyPodEvictionPolicy", "unhealthyPodEvictionPolicy"),
            ];
            let shown =
                fields.map(|(name, field)| format!("\"{name}\":{}", object::json::to_string(&spec[field])));
            let detail = "minAvailable and maxUnavailable cannot be both set";
            errors.push(FieldError::invalid_shown(&path, &format!("{{{}}}", shown.join(",")), detail));
        }
        for field in ["minAvailable", "maxUnavailable"] {
            if spec[field].int() < 0 {
                let detail = "must be greater than or equal to 0";
                errors.push(FieldError::invalid(&path.child(field), &spec[field], detail));
            }
        }
        let policies = ["AlwaysAllow", "IfHealthyBudget"];
        let policy = &spec["unhealthyPodEvictionPolicy"];
        if !policy.is_null() && !policies.contains(&policy.str()) {
            errors.push(FieldError::not_supported(
                &path.child("unhealthyPodEvictionPolicy"),
                policy,
                &policies,
            ));
        }
    }
}

pub(super) struct ResourceQuota;

impl Strategy for ResourceQuota {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        Ok(canonical_quantities(object, &["spec", "hard"])?)
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status"], value!({}));
        canonical_quantities(object, &["status", "hard"])?;
        canonical_quantities(object, &["status", "used"])?;
        Ok(())
    }
}

pub(super) struct PriorityClass;

impl Strategy for PriorityClass {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["preemptionPolicy"], "PreemptLowerPriority");
        default_to(object, &["value"], 0);
        omit_zeros(object, &["globalDefault", "description"]);
        Ok(())
    }

    /// Nothing of a class that matters can change.
    fn changes_intent(&self, _: &Value, _: &Value) -> bool {
        false
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        if new["value"] != old["value"] {
            errors.push(FieldError::forbidden(&FieldPath::new("value"), "may not be changed in an update."));
        }
        if new["preemptionPolicy"] != old["preemptionPolicy"] {
            let path = FieldPath::new("preemptionPolicy");
            errors.push(FieldError::invalid(&path, &new["preemptionPolicy"], "field is immutable"));
        }
    }
}

pub(super) struct HorizontalPodAutoscaler;

impl Strategy for HorizontalPodAutoscaler {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["spec", "minReplicas"], 1);
        let utilization = value!({"type": "Utilization", "averageUtilization": 80});
        let cpu = value!([{"type": "Resource", "resource": {"name": "cpu", "target": utilization}}]);
        default_to(object, &["spec", "metrics"], cpu);
        Ok(())
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "desiredReplicas"], 0);
        default_to(object, &["status", "currentMetrics"], Value::Null);
        omit_zeros(object.slot(&["status"]), &["currentReplicas"]);
        Ok(())
    }
}
