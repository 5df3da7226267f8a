//! Pod templates: within workloads, and as a kind of their own.

use super::{DecodeError, Strategy, pod_spec};
use crate::edit::default_to;
use crate::field::{FieldError, FieldPath};
use object::{Selector, Value, value};

/// The kind whose objects are nothing but a template.
pub(super) struct PodTemplate;

impl Strategy for PodTemplate {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default(object.slot(&["template"]))
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        pod_spec::validate(&object["template"]["spec"], &FieldPath::new("template").child("spec"), errors);
    }
}

/// Sets the defaults of a template.
pub fn default(template: &mut Value) -> Result<(), DecodeError> {
    default_to(template, &["metadata"], value!({}));
    pod_spec::default(template.slot(&["spec"]))
}

/// Finds what is wrong with the selector and the template of a workload whose pods run for ever.
pub fn validate(object: &Value, errors: &mut Vec<FieldError>) {
    validate_selector(object, errors);
    let path = FieldPath::new("spec").child("template").child("spec");
    pod_spec::validate(&object["spec"]["template"]["spec"], &path, errors);
    validate_restart_policy(object, errors);
}

/// Checks that the pods of a workload are restarted whenever they end.
pub fn validate_restart_policy(object: &Value, errors: &mut Vec<FieldError>) {
    let policy = &object["spec"]["template"]["spec"]["restartPolicy"];
    if matches!(policy.str(), "OnFailure" | "Never") {
        let path = FieldPath::new("spec").child("template").child("spec").child("restartPolicy");
        errors.push(FieldError::not_supported(&path, policy, &["Always"]));
    }
}

/// Checks that the selector selects something, and what the template makes.
pub fn validate_selector(object: &Value, errors: &mut Vec<FieldError>) {
    let path = FieldPath::new("spec").child("selector");
    let selector = &object["spec"]["selector"];
    if selector.is_null() {
        errors.push(FieldError::required(&path, ""));
        return;
    }
    let labels = &object["spec"]["template"]["metadata"]["labels"];
    match Selector::from_label_selector(selector) {
        Err(error) => errors.push(FieldError::invalid(&path, selector, &error.to_string())),
        Ok(parsed) if parsed.is_everything() => {
            let detail = format!("empty selector is invalid for {}", object["kind"].str().to_lowercase());
            errors.push(FieldError::invalid(&path, selector, &detail));
        }
        Ok(parsed) if !parsed.matches(labels) => {
            let path = FieldPath::new("spec").child("template").child("metadata").child("labels");
            let found = if labels.is_null() { value!({}) } else { labels.clone() };
            errors.push(FieldError::invalid(&path, &found, "`selector` does not match template `labels`"));
        }
        Ok(_) => {}
    }
}

/// Checks that a number is not negative.
pub fn validate_not_negative(object: &Value, field: &str, errors: &mut Vec<FieldError>) {
    let number = &object["spec"][field];
    if number.int() < 0 {
        let path = FieldPath::new("spec").child(field);
        errors.push(FieldError::invalid(&path, number, "must be greater than or equal to 0"));
    }
}

/// Checks that a field of the spec is not changed.
pub fn validate_unchanged(new: &Value, old: &Value, field: &str, errors: &mut Vec<FieldError>) {
    if new["spec"][field] != old["spec"][field] {
        let path = FieldPath::new("spec").child(field);
        errors.push(FieldError::invalid(&path, &new["spec"][field], "field is immutable"));
    }
}
