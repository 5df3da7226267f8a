//! Persistent volumes and claims, and what surrounds them.

use super::{DecodeError, Strategy, volume};
use crate::edit::{canonical_quantities, default_to, keep};
use crate::field::{FieldError, FieldPath};
use object::{Time, Value, value};

/// Sets the defaults of a claim, be it stored, in a StatefulSet or within a volume.
pub fn default_claim_spec(claim: &mut Value) -> Result<(), DecodeError> {
    default_to(claim, &["spec", "volumeMode"], "Filesystem");
    canonical_quantities(claim, &["spec", "resources", "requests"])?;
    canonical_quantities(claim, &["spec", "resources", "limits"])?;
    Ok(())
}

pub(super) struct PersistentVolumeClaim;

impl Strategy for PersistentVolumeClaim {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_claim_spec(object)
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "phase"], "Pending");
        Ok(canonical_quantities(object, &["status", "capacity"])?)
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("spec");
        if object["spec"]["accessModes"].is_empty() {
            errors
                .push(FieldError::required(&path.child("accessModes"), "at least 1 access mode is required"));
        }
        if object["spec"]["resources"]["requests"]["storage"].is_null() {
            errors.push(FieldError::required(&path.child("resources").key("storage"), ""));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        let mut kept = new["spec"].clone();
        // A claim may be bound once, and may grow.
        if old["spec"]["volumeName"].is_empty() {
            keep(&mut kept, &old["spec"], &["volumeName"]);
        }
        if old["spec"]["storageClassName"].is_null() {
            keep(&mut kept, &old["spec"], &["storageClassName"]);
        }
        keep(&mut kept, &old["spec"], &["volumeAttributesClassName"]);
        keep(&mut kept, &old["spec"], &["resources", "requests"]);
        if kept != old["spec"] {
            let detail = "spec is immutable after creation except resources.requests and \
                          volumeAttributesClassName for bound claims";
            errors.push(FieldError::forbidden(&FieldPath::new("spec"), detail));
        }
    }
}

pub(super) struct PersistentVolume;

impl Strategy for PersistentVolume {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["spec", "persistentVolumeReclaimPolicy"], "Retain");
        default_to(object, &["spec", "volumeMode"], "Filesystem");
        volume::default_host_path(object.slot(&["spec"]));
        Ok(canonical_quantities(object, &["spec", "capacity"])?)
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "phase"], "Pending");
        Ok(())
    }

    fn prepare_create(&self, object: &mut Value, now: Time) {
        object.set(&["status"], value!({"phase": "Pending", "lastPhaseTransitionTime": now}));
    }

    fn prepare_status(&self, new: &mut Value, old: &Value, now: Time) {
        keep(new, old, &["spec"]);
        let time = "lastPhaseTransitionTime";
        let untold = new["status"][time].is_null() || new["status"][time] == old["status"][time];
        if new["status"]["phase"] != old["status"]["phase"] && untold {
            new.set(&["status", time], now);
        }
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("spec");
        if object["spec"]["accessModes"].is_empty() {
            errors.push(FieldError::required(&path.child("accessModes"), ""));
        }
        if object["spec"]["capacity"].is_empty() {
            errors.push(FieldError::required(&path.child("capacity"), ""));
        }
    }
}

pub(super) struct StorageClass;

impl Strategy for StorageClass {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["reclaimPolicy"], "Delete");
        default_to(object, &["volumeBindingMode"], "Immediate");
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        if object["provisioner"].is_empty() {
            errors.push(FieldError::required(&FieldPath::new("provisioner"), ""));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        for field in ["parameters", "provisioner", "reclaimPolicy"] {
            if new[field] != old[field] {
                let detail = format!("updates to {field} are forbidden.");
                errors.push(FieldError::forbidden(&FieldPath::new(field), &detail));
            }
        }
        let field = "volumeBindingMode";
        if new[field] != old[field] {
            errors.push(FieldError::invalid(&FieldPath::new(field), &new[field], "field is immutable"));
        }
    }
}

pub(super) struct CsiDriver;

impl Strategy for CsiDriver {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        default_to(spec, &["attachRequired"], true);
        for field in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
            default_to(spec, &[field], false);
        }
        default_to(spec, &["fsGroupPolicy"], "ReadWriteOnceWithFSType");
        default_to(spec, &["volumeLifecycleModes"], value!(["Persistent"]));
        Ok(())
    }
}

pub(super) struct VolumeAttachment;

impl Strategy for VolumeAttachment {
    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "attached"], false);
        Ok(())
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        if new["spec"] != old["spec"] {
            let path = FieldPath::new("spec");
            errors.push(FieldError::invalid(&path, &new["spec"], "field is immutable"));
        }
    }
}
