//! Endpoints, EndpointSlices, Ingresses, NetworkPolicies.

use super::{DecodeError, Strategy, differs_beside_metadata};
use crate::edit::{default_to, each};
use crate::field::{FieldError, FieldPath};
use object::{ObjectExt, Value, value};

pub(super) struct Endpoints;

impl Strategy for Endpoints {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        each(object, &["subsets"], |subset| {
            each(subset, &["ports"], |port| default_to(port, &["protocol"], "TCP"));
        });
        Ok(())
    }
}

pub(super) struct EndpointSlice;

impl Strategy for EndpointSlice {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        each(object, &["ports"], |port| {
            default_to(port, &["name"], "");
            default_to(port, &["protocol"], "TCP");
        });
        // Both lists are written even when there is nothing in them.
        for list in ["endpoints", "ports"] {
            default_to(object, &[list], Value::Null);
        }
        Ok(())
    }

    fn changes_intent(&self, new: &Value, old: &Value) -> bool {
        differs_beside_metadata(new, old) || new.labels() != old.labels()
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let families = ["FQDN", "IPv4", "IPv6"];
        let found = &object["addressType"];
        let path = FieldPath::new("addressType");
        if found.is_empty() {
            errors.push(FieldError::required(&path, ""));
        } else if !families.contains(&found.str()) {
            errors.push(FieldError::not_supported(&path, found, &families));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        if new["addressType"] != old["addressType"] {
            let path = FieldPath::new("addressType");
            errors.push(FieldError::invalid(&path, &new["addressType"], "field is immutable"));
        }
    }
}

pub(super) struct Ingress;

impl Strategy for Ingress {
    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "loadBalancer"], value!({}));
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let spec = FieldPath::new("spec");
        let rules = object["spec"]["rules"].items();
        if rules.is_empty() && object["spec"]["defaultBackend"].is_null() {
            let detail = "either `defaultBackend` or `rules` must be specified";
            errors.push(FieldError::invalid(&spec, &object["spec"]["rules"], detail));
        }
        for (at, rule) in rules.iter().enumerate() {
            let path = spec.child("rules").index(at).child("http").child("paths");
            for (at, entry) in rule["http"]["paths"].items().iter().enumerate() {
                validate_path(entry, &path.index(at), errors);
            }
        }
        let default = &object["spec"]["defaultBackend"];
        if !default.is_null() {
            validate_backend(default, &spec.child("defaultBackend"), errors);
        }
    }
}

fn validate_path(entry: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let kinds = ["Exact", "ImplementationSpecific", "Prefix"];
    let kind = &entry["pathType"];
    if kind.is_null() {
        errors.push(FieldError::required(&path.child("pathType"), "pathType must be specified"));
    } else if !kinds.contains(&kind.str()) {
        errors.push(FieldError::not_supported(&path.child("pathType"), kind, &kinds));
    } else if *kind != "ImplementationSpecific" && !entry["path"].str().starts_with('/') {
        let found = value!(entry["path"].str());
        errors.push(FieldError::invalid(&path.child("path"), &found, "must be an absolute path"));
    }
    validate_backend(&entry["backend"], &path.child("backend"), errors);
}

fn validate_backend(backend: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let service = &backend["service"];
    if service.is_null() {
        if backend["resource"].is_null() {
            errors.push(FieldError::required(path, "resource or service backend is required"));
        }
        return;
    }
    if service["name"].is_empty() {
        errors.push(FieldError::required(&path.child("service").child("name"), ""));
    }
    if service["port"]["name"].is_empty() && service["port"]["number"].int() == 0 {
        errors.push(FieldError::required(path, "port name or number is required"));
    }
}

pub(super) struct NetworkPolicy;

impl Strategy for NetworkPolicy {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        for direction in ["ingress", "egress"] {
            each(object, &["spec", direction], |rule| {
                each(rule, &["ports"], |port| default_to(port, &["protocol"], "TCP"));
            });
        }
        let both = !object["spec"]["egress"].is_empty();
        let types = if both { value!(["Ingress", "Egress"]) } else { value!(["Ingress"]) };
        default_to(object, &["spec", "policyTypes"], types);
        Ok(())
    }
}
