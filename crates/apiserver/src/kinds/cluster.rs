//! Nodes and Namespaces.

use super::{DecodeError, Strategy};
use crate::edit::{canonical_quantities, default_to, keep};
use object::{ObjectExt, Time, Value, value};

pub(super) struct Node;

/// The fields of `status.nodeInfo` that Go writes even when they are empty.
const NODE_INFO: [&str; 10] = [
    "machineID",
    "systemUUID",
    "bootID",
    "kernelVersion",
    "osImage",
    "containerRuntimeVersion",
    "kubeletVersion",
    "kubeProxyVersion",
    "operatingSystem",
    "architecture",
];

impl Strategy for Node {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["spec"], value!({}));
        Ok(())
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "daemonEndpoints", "kubeletEndpoint", "Port"], 0);
        for field in NODE_INFO {
            default_to(object, &["status", "nodeInfo", field], "");
        }
        for list in ["capacity", "allocatable"] {
            canonical_quantities(object, &["status", list])?;
        }
        // A node that does not reserve anything can give all it has.
        let capacity = object["status"]["capacity"].clone();
        if !capacity.is_null() {
            default_to(object, &["status", "allocatable"], capacity);
        }
        Ok(())
    }
}

pub(super) struct Namespace;

impl Strategy for Namespace {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        label_with_name(object);
        Ok(())
    }

    fn prepare_create(&self, object: &mut Value, _: Time) {
        object.set(&["status"], value!({"phase": "Active"}));
        let finalizers = &object["spec"]["finalizers"];
        if !finalizers.items().iter().any(|finalizer| *finalizer == "kubernetes") {
            object.push(&["spec", "finalizers"], "kubernetes");
        }
        label_with_name(object);
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        keep(new, old, &["spec", "finalizers"]);
    }
}

/// Every namespace can be selected by its name.
fn label_with_name(object: &mut Value) {
    let key = "kubernetes.io/metadata.name";
    if !object.name().is_empty() && object.label(key) != Some(object.name()) {
        let name = object.name().to_owned();
        object.set(&["metadata", "labels", key], name);
    }
}
