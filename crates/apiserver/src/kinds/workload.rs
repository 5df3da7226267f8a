//! Deployments, ReplicaSets, StatefulSets, DaemonSets, ReplicationControllers.

use super::{DecodeError, Strategy, differs_beside_metadata, storage, template};
use crate::edit::{default_to, keep, omit_zeros, try_each};
use crate::field::{FieldError, FieldPath};
use object::{ObjectExt, Time, Value, int_or_percent, value};

/// Sets the fields of a status that Go always writes, and drops those that it omits when they are zero.
fn shape(object: &mut Value, always: &[&str], omitted: &[&str]) {
    default_to(object, &["status"], value!({}));
    for field in always {
        default_to(object, &["status", field], 0);
    }
    omit_zeros(object.slot(&["status"]), omitted);
}

pub(super) struct Deployment;

impl Strategy for Deployment {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        default_to(spec, &["replicas"], 1);
        default_to(spec, &["strategy", "type"], "RollingUpdate");
        if spec["strategy"]["type"] == "RollingUpdate" {
            default_to(spec, &["strategy", "rollingUpdate", "maxUnavailable"], "25%");
            default_to(spec, &["strategy", "rollingUpdate", "maxSurge"], "25%");
        }
        default_to(spec, &["revisionHistoryLimit"], 10);
        default_to(spec, &["progressDeadlineSeconds"], 600);
        omit_zeros(spec, &["minReadySeconds", "paused"]);
        template::default(spec.slot(&["template"]))
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        let omitted = [
            "observedGeneration",
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
            "unavailableReplicas",
        ];
        shape(object, &[], &omitted);
        Ok(())
    }

    /// The controller's revision is an annotation, so a change of annotations counts, too.
    fn changes_intent(&self, new: &Value, old: &Value) -> bool {
        differs_beside_metadata(new, old) || new["metadata"]["annotations"] != old["metadata"]["annotations"]
    }

    fn prepare_status(&self, new: &mut Value, old: &Value, _: Time) {
        keep(new, old, &["spec"]);
        keep(new, old, &["metadata", "labels"]);
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        template::validate_not_negative(object, "replicas", errors);
        template::validate(object, errors);
        template::validate_not_negative(object, "minReadySeconds", errors);
        template::validate_not_negative(object, "revisionHistoryLimit", errors);
        validate_rolling(object, errors);
        let (progress, ready) =
            (&object["spec"]["progressDeadlineSeconds"], object["spec"]["minReadySeconds"].int());
        if progress.int() <= ready && !progress.is_null() {
            let path = FieldPath::new("spec").child("progressDeadlineSeconds");
            errors.push(FieldError::invalid(&path, progress, "must be greater than minReadySeconds"));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        template::validate_unchanged(new, old, "selector", errors);
    }
}

fn validate_rolling(object: &Value, errors: &mut Vec<FieldError>) {
    let path = FieldPath::new("spec").child("strategy");
    let strategy = &object["spec"]["strategy"];
    match strategy["type"].str() {
        "Recreate" if !strategy["rollingUpdate"].is_null() => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(FieldError::forbidden(&path.child("rollingUpdate"), detail));
        }
        "Recreate" => {}
        "RollingUpdate" => {
            let rolling = &strategy["rollingUpdate"];
            let amount = |field: &str| int_or_percent(&rolling[field], 100, true);
            if amount("maxUnavailable") == 0 && amount("maxSurge") == 0 {
                let path = path.child("rollingUpdate").child("maxUnavailable");
                let found = &rolling["maxUnavailable"];
                errors.push(FieldError::invalid(&path, found, "may not be 0 when `maxSurge` is 0"));
            }
        }
        _ => errors.push(FieldError::not_supported(
            &path.child("type"),
            &strategy["type"],
            &["Recreate", "RollingUpdate"],
        )),
    }
}

pub(super) struct ReplicaSet;

const REPLICA_ZEROS: [&str; 4] =
    ["fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];

/// Sets what a ReplicaSet and its predecessor have in common.
fn default_replicas_and_template(object: &mut Value) -> Result<(), DecodeError> {
    let spec = object.slot(&["spec"]);
    default_to(spec, &["replicas"], 1);
    omit_zeros(spec, &["minReadySeconds"]);
    template::default(spec.slot(&["template"]))
}

impl Strategy for ReplicaSet {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_replicas_and_template(object)
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        shape(object, &["replicas"], &REPLICA_ZEROS);
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        template::validate_not_negative(object, "replicas", errors);
        template::validate_not_negative(object, "minReadySeconds", errors);
        template::validate(object, errors);
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        template::validate_unchanged(new, old, "selector", errors);
    }
}

pub(super) struct ReplicationController;

impl Strategy for ReplicationController {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let labels = object["spec"]["template"]["metadata"]["labels"].clone();
        if !labels.is_empty() {
            default_to(object, &["spec", "selector"], &labels);
            default_to(object, &["metadata", "labels"], &labels);
        }
        default_replicas_and_template(object)
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        shape(object, &["replicas"], &REPLICA_ZEROS);
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        template::validate_not_negative(object, "replicas", errors);
        template::validate_not_negative(object, "minReadySeconds", errors);
        if object["spec"]["selector"].is_empty() {
            errors.push(FieldError::required(&FieldPath::new("spec").child("selector"), ""));
        }
    }
}

pub(super) struct StatefulSet;

impl Strategy for StatefulSet {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        default_to(spec, &["podManagementPolicy"], "OrderedReady");
        default_to(spec, &["updateStrategy", "type"], "RollingUpdate");
        if spec["updateStrategy"]["type"] == "RollingUpdate" {
            default_to(spec, &["updateStrategy", "rollingUpdate", "partition"], 0);
        }
        default_to(spec, &["persistentVolumeClaimRetentionPolicy", "whenDeleted"], "Retain");
        default_to(spec, &["persistentVolumeClaimRetentionPolicy", "whenScaled"], "Retain");
        default_to(spec, &["replicas"], 1);
        default_to(spec, &["revisionHistoryLimit"], 10);
        omit_zeros(spec, &["minReadySeconds"]);
        try_each(spec, &["volumeClaimTemplates"], |claim| {
            default_to(claim, &["kind"], "PersistentVolumeClaim");
            default_to(claim, &["apiVersion"], "v1");
            default_to(claim, &["metadata"], value!({}));
            default_to(claim, &["status", "phase"], "Pending");
            storage::default_claim_spec(claim)
        })?;
        template::default(spec.slot(&["template"]))
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        let omitted = [
            "observedGeneration",
            "readyReplicas",
            "currentReplicas",
            "updatedReplicas",
            "currentRevision",
            "updateRevision",
        ];
        shape(object, &["replicas", "availableReplicas"], &omitted);
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        template::validate_not_negative(object, "replicas", errors);
        template::validate_not_negative(object, "minReadySeconds", errors);
        // What its pods mount comes from its claims, so their specs are only judged when they are made.
        template::validate_selector(object, errors);
        template::validate_restart_policy(object, errors);
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        const CHANGEABLE: [&str; 7] = [
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ];
        let mut kept = new["spec"].clone();
        for field in CHANGEABLE {
            keep(&mut kept, &old["spec"], &[field]);
        }
        if kept != old["spec"] {
            let detail = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', \
                          'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and \
                          'minReadySeconds' are forbidden";
            errors.push(FieldError::forbidden(&FieldPath::new("spec"), detail));
        }
    }
}

pub(super) struct DaemonSet;

/// Counts the changes of a DaemonSet's template, for clients from before there were ControllerRevisions.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

impl Strategy for DaemonSet {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        default_to(spec, &["updateStrategy", "type"], "RollingUpdate");
        if spec["updateStrategy"]["type"] == "RollingUpdate" {
            default_to(spec, &["updateStrategy", "rollingUpdate", "maxUnavailable"], 1);
            default_to(spec, &["updateStrategy", "rollingUpdate", "maxSurge"], 0);
        }
        default_to(spec, &["revisionHistoryLimit"], 10);
        omit_zeros(spec, &["minReadySeconds"]);
        template::default(spec.slot(&["template"]))
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        let always =
            ["currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"];
        let omitted =
            ["observedGeneration", "updatedNumberScheduled", "numberAvailable", "numberUnavailable"];
        shape(object, &always, &omitted);
        Ok(())
    }

    fn prepare_create(&self, object: &mut Value, _: Time) {
        object.set(&["metadata", "annotations", TEMPLATE_GENERATION], "1");
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let mut generation: i64 =
            old.annotation(TEMPLATE_GENERATION).and_then(|text| text.parse().ok()).unwrap_or(0);
        if new["spec"]["template"] != old["spec"]["template"] {
            generation += 1;
        }
        if generation > 0 {
            let text = generation.to_string();
            if new.annotation(TEMPLATE_GENERATION) != Some(&text) {
                new.set(&["metadata", "annotations", TEMPLATE_GENERATION], text);
            }
        }
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        template::validate(object, errors);
        template::validate_not_negative(object, "minReadySeconds", errors);
        let spec = &object["spec"];
        let rolling = &spec["updateStrategy"]["rollingUpdate"];
        let amount = |field: &str| int_or_percent(&rolling[field], 100, true);
        if !rolling.is_null() && amount("maxUnavailable") == 0 && amount("maxSurge") == 0 {
            let path =
                FieldPath::new("spec").child("updateStrategy").child("rollingUpdate").child("maxUnavailable");
            let found = &spec["updateStrategy"]["rollingUpdate"]["maxUnavailable"];
            errors.push(FieldError::invalid(&path, found, "cannot be 0 when maxSurge is 0"));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        template::validate_unchanged(new, old, "selector", errors);
    }
}
