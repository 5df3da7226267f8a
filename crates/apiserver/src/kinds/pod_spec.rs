//! Defaults and checks of `PodSpec`, in Pods and in templates.

use super::{DecodeError, container, volume};
use crate::edit::{canonical_quantities, default_to, each, omit_zeros, try_each};
use crate::field::{FieldError, FieldPath};
use object::{Value, value};

const CONTAINER_LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Sets the defaults of a spec.
pub fn default(spec: &mut Value) -> Result<(), DecodeError> {
    for list in CONTAINER_LISTS {
        try_each(spec, &[list], container::default)?;
    }
    try_each(spec, &["volumes"], volume::default)?;
    canonical_quantities(spec, &["overhead"])?;
    default_to(spec, &["dnsPolicy"], "ClusterFirst");
    default_to(spec, &["restartPolicy"], "Always");
    default_to(spec, &["terminationGracePeriodSeconds"], 30);
    default_to(spec, &["securityContext"], value!({}));
    default_to(spec, &["schedulerName"], "default-scheduler");
    // The account has an old name beside its present one; both are written.
    if spec["serviceAccountName"].is_empty() && !spec["serviceAccount"].is_empty() {
        let account = spec["serviceAccount"].clone();
        spec.set(&["serviceAccountName"], account);
    }
    if !spec["serviceAccountName"].is_empty() && spec["serviceAccount"] != spec["serviceAccountName"] {
        let account = spec["serviceAccountName"].clone();
        spec.set(&["serviceAccount"], account);
    }
    if spec["hostNetwork"].bool() {
        for list in CONTAINER_LISTS {
            each(spec, &[list], |item| each(item, &["ports"], publish_on_host));
        }
    }
    omit_zeros(
        spec,
        &["nodeName", "hostname", "subdomain", "priorityClassName", "hostNetwork", "hostPID", "hostIPC"],
    );
    Ok(())
}

/// Without a network of its own, a pod's ports are those of its node.
fn publish_on_host(port: &mut Value) {
    if port["hostPort"].int() == 0 {
        let number = port["containerPort"].clone();
        port.set(&["hostPort"], number);
    }
}

/// Sets requests from limits in all containers.
pub fn requests_from_limits(spec: &mut Value) {
    for list in ["initContainers", "containers"] {
        let lacking = |item: &Value| {
            let resources = &item["resources"];
            resources["limits"].entries().any(|(name, _)| resources["requests"][name.as_str()].is_null())
        };
        if spec[list].items().iter().any(lacking) {
            each(spec, &[list], container::requests_from_limits);
        }
    }
}

/// Finds what is wrong with a spec.
pub fn validate(spec: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    if spec["containers"].items().is_empty() {
        errors.push(FieldError::required(&path.child("containers"), ""));
    }
    let volumes = &spec["volumes"];
    container::validate(&spec["containers"], volumes, &path.child("containers"), errors);
    container::validate(&spec["initContainers"], volumes, &path.child("initContainers"), errors);
    let policy = &spec["restartPolicy"];
    if !matches!(policy.str(), "Always" | "OnFailure" | "Never") {
        let policies = ["Always", "OnFailure", "Never"];
        errors.push(FieldError::not_supported(&path.child("restartPolicy"), policy, &policies));
    }
    let deadline = &spec["activeDeadlineSeconds"];
    if !deadline.is_null() && deadline.int() < 1 {
        let detail = "must be between 1 and 2147483647, inclusive";
        errors.push(FieldError::invalid(&path.child("activeDeadlineSeconds"), deadline, detail));
    }
}
