//! Jobs and CronJobs.

use super::{DecodeError, Strategy, pod_spec, template};
use crate::edit::{default_to, each, omit_zeros};
use crate::field::{FieldError, FieldPath};
use object::{ObjectExt, Time, Value, value};

pub(super) struct Job;

impl Strategy for Job {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        if spec["completions"].is_null() && spec["parallelism"].is_null() {
            spec.set(&["completions"], 1);
        }
        default_to(spec, &["parallelism"], 1);
        let per_index = !spec["backoffLimitPerIndex"].is_null();
        default_to(spec, &["backoffLimit"], if per_index { i64::from(i32::MAX) } else { 6 });
        default_to(spec, &["completionMode"], "NonIndexed");
        default_to(spec, &["suspend"], false);
        default_to(spec, &["manualSelector"], false);
        let replacement = if spec["podFailurePolicy"].is_null() { "TerminatingOrFailed" } else { "Failed" };
        default_to(spec, &["podReplacementPolicy"], replacement);
        each(spec, &["podFailurePolicy", "rules"], |rule| {
            each(rule, &["onPodConditions"], |condition| default_to(condition, &["status"], "True"));
        });
        template::default(spec.slot(&["template"]))?;
        default_labels(object);
        Ok(())
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status"], value!({}));
        let omitted = ["active", "succeeded", "failed", "completedIndexes"];
        omit_zeros(object.slot(&["status"]), &omitted);
        Ok(())
    }

    /// A Job selects its own pods by its uid.
    fn prepare_create(&self, object: &mut Value, _: Time) {
        if object["spec"]["manualSelector"].bool() {
            return;
        }
        let (uid, name) = (object.uid().to_owned(), object.name().to_owned());
        let labels = [
            ("controller-uid", &uid),
            ("job-name", &name),
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
        ];
        // Labels that were taken from the template are the same map upstream, and get what it gets.
        let shares = object["metadata"]["labels"] == object["spec"]["template"]["metadata"]["labels"];
        let template = object.slot(&["spec", "template", "metadata", "labels"]);
        for (key, text) in labels {
            template.set(&[key], text);
        }
        if shares {
            let labels = object["spec"]["template"]["metadata"]["labels"].clone();
            object.set(&["metadata", "labels"], labels);
        }
        if object["spec"]["selector"].is_null() {
            object.set(&["spec", "selector"], value!({"matchLabels": {}}));
        }
        object.set(&["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"], &uid);
        default_labels(object);
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        for field in ["parallelism", "completions", "backoffLimit", "ttlSecondsAfterFinished"] {
            template::validate_not_negative(object, field, errors);
        }
        if object["spec"]["completionMode"] == "Indexed" && object["spec"]["completions"].is_null() {
            let path = FieldPath::new("spec").child("completions");
            errors.push(FieldError::required(&path, "when completion mode is Indexed"));
        }
        validate_template(&object["spec"], &FieldPath::new("spec"), errors);
        if object["spec"]["manualSelector"].bool() {
            template::validate_selector(object, errors);
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        // An elastic indexed Job may change its completions along with its parallelism.
        let elastic = new["spec"]["completionMode"] == "Indexed"
            && new["spec"]["completions"] == new["spec"]["parallelism"];
        if !elastic {
            template::validate_unchanged(new, old, "completions", errors);
        }
        template::validate_unchanged(new, old, "selector", errors);
        template::validate_unchanged(new, old, "completionMode", errors);
        template::validate_unchanged(new, old, "podFailurePolicy", errors);
        validate_template_change(new, old, errors);
    }
}

/// A Job without labels has those of its template.
fn default_labels(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    if object["metadata"]["labels"].is_empty() && !labels.is_empty() {
        object.set(&["metadata", "labels"], labels);
    }
}

/// A Job's pods must be able to end.
fn validate_template(spec: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let path = path.child("template").child("spec");
    let pod = &spec["template"]["spec"];
    pod_spec::validate(pod, &path, errors);
    if pod["restartPolicy"] == "Always" {
        let detail = "valid values: \"OnFailure\", \"Never\"";
        errors.push(FieldError::required(&path.child("restartPolicy"), detail));
    }
}

/// The template of a Job is fixed, but for where its pods may run while it is suspended and has not started.
fn validate_template_change(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let not_started = old["spec"]["suspend"].bool() && old["status"]["startTime"].is_null();
    let mut kept = new["spec"]["template"].clone();
    if not_started {
        let template = &old["spec"]["template"];
        for path in [
            &["metadata", "labels"][..],
            &["metadata", "annotations"],
            &["spec", "nodeSelector"],
            &["spec", "affinity"],
            &["spec", "tolerations"],
            &["spec", "schedulingGates"],
        ] {
            crate::edit::keep(&mut kept, template, path);
        }
    }
    if kept != old["spec"]["template"] {
        let path = FieldPath::new("spec").child("template");
        errors.push(FieldError::invalid(&path, &new["spec"]["template"], "field is immutable"));
    }
}

pub(super) struct CronJob;

impl Strategy for CronJob {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        default_to(spec, &["concurrencyPolicy"], "Allow");
        default_to(spec, &["suspend"], false);
        default_to(spec, &["successfulJobsHistoryLimit"], 3);
        default_to(spec, &["failedJobsHistoryLimit"], 1);
        default_to(spec, &["jobTemplate", "metadata"], value!({}));
        template::default(spec.slot(&["jobTemplate", "spec", "template"]))
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status"], value!({}));
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("spec");
        let schedule = &object["spec"]["schedule"];
        if schedule.is_empty() {
            errors.push(FieldError::required(&path.child("schedule"), ""));
        } else if let Some(fault) = schedule_fault(schedule.str()) {
            errors.push(FieldError::invalid(&path.child("schedule"), schedule, &fault));
        }
        let policies = ["Allow", "Forbid", "Replace"];
        if !policies.contains(&object["spec"]["concurrencyPolicy"].str()) {
            let found = &object["spec"]["concurrencyPolicy"];
            errors.push(FieldError::not_supported(&path.child("concurrencyPolicy"), found, &policies));
        }
        let template = path.child("jobTemplate").child("spec");
        validate_template(&object["spec"]["jobTemplate"]["spec"], &template, errors);
        if object.name().len() > 52 {
            let path = FieldPath::new("metadata").child("name");
            errors.push(FieldError::invalid(
                &path,
                &object["metadata"]["name"],
                "must be no more than 52 characters",
            ));
        }
    }
}

/// Says what is wrong with the form of a schedule; whether its numbers make sense is the controller's to find.
fn schedule_fault(schedule: &str) -> Option<String> {
    if schedule.starts_with('@') {
        return None;
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    (fields.len() != 5)
        .then(|| format!("expected exactly 5 fields, found {}: [{}]", fields.len(), fields.join(" ")))
}
