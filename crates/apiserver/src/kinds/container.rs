//! Defaults and checks of containers.

use super::DecodeError;
use crate::edit::{canonical_quantities, default_to, each, inside, omit_zeros};
use crate::field::{FieldError, FieldPath};
use object::{Quantity, Value, names, value};

/// Sets the defaults of one container.
pub fn default(container: &mut Value) -> Result<(), DecodeError> {
    each(container, &["ports"], |port| default_to(port, &["protocol"], "TCP"));
    if container["imagePullPolicy"].is_null() {
        container.set(&["imagePullPolicy"], pull_policy(container["image"].str()));
    }
    default_to(container, &["terminationMessagePath"], "/dev/termination-log");
    default_to(container, &["terminationMessagePolicy"], "File");
    default_to(container, &["resources"], value!({}));
    for list in ["limits", "requests"] {
        canonical_quantities(container, &["resources", list])?;
    }
    each(container, &["env"], |variable| {
        omit_zeros(variable, &["value"]);
        inside(variable, &["valueFrom", "fieldRef"], |reference| {
            default_to(reference, &["apiVersion"], "v1");
        });
    });
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        inside(container, &[probe], default_probe);
    }
    for hook in ["postStart", "preStop"] {
        inside(container, &["lifecycle", hook, "httpGet"], default_http);
    }
    omit_zeros(container, &["stdin", "stdinOnce", "tty", "workingDir"]);
    Ok(())
}

/// Sets requests from limits, which is done for Pods but not for templates.
pub fn requests_from_limits(container: &mut Value) {
    let missing: Vec<_> = container["resources"]["limits"]
        .entries()
        .filter(|(name, _)| container["resources"]["requests"][name.as_str()].is_null())
        .map(|(name, limit)| (name.clone(), limit.clone()))
        .collect();
    for (name, limit) in missing {
        container.set(&["resources", "requests", name.as_str()], limit);
    }
}

fn default_probe(probe: &mut Value) {
    inside(probe, &["httpGet"], default_http);
    inside(probe, &["grpc"], |grpc| default_to(grpc, &["service"], ""));
    for (field, seconds) in
        [("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)]
    {
        if probe[field].int() == 0 {
            probe.set(&[field], seconds);
        }
    }
    omit_zeros(probe, &["initialDelaySeconds"]);
}

fn default_http(get: &mut Value) {
    for (field, text) in [("path", "/"), ("scheme", "HTTP")] {
        if get[field].is_empty() {
            get.set(&[field], text);
        }
    }
}

/// An image without a tag, or with the tag `latest`, may be another one tomorrow.
fn pull_policy(image: &str) -> &'static str {
    let (name, has_digest) = match image.split_once('@') {
        Some((name, _)) => (name, true),
        None => (image, false),
    };
    let tag = name.rsplit('/').next().and_then(|last| last.split_once(':')).map(|(_, tag)| tag);
    match tag {
        Some("latest") => "Always",
        None if !has_digest && !image.is_empty() => "Always",
        _ => "IfNotPresent",
    }
}

/// Finds what is wrong with the containers of one list; `volumes` is what they can mount.
pub fn validate(containers: &Value, volumes: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let mut seen: Vec<&str> = Vec::new();
    for (at, container) in containers.items().iter().enumerate() {
        let path = path.index(at);
        let name = container["name"].str();
        if name.is_empty() {
            errors.push(FieldError::required(&path.child("name"), ""));
        } else if let Some(fault) = names::dns1123_label_errors(name).first() {
            errors.push(FieldError::invalid(&path.child("name"), &container["name"], fault));
        } else if seen.contains(&name) {
            errors.push(FieldError::duplicate(&path.child("name"), &container["name"]));
        } else {
            seen.push(name);
        }
        if container["image"].str().is_empty() {
            errors.push(FieldError::required(&path.child("image"), ""));
        }
        for (at, port) in container["ports"].items().iter().enumerate() {
            let path = path.child("ports").index(at).child("containerPort");
            validate_port(&port["containerPort"], &path, errors);
        }
        validate_mounts(&container["volumeMounts"], volumes, &path.child("volumeMounts"), errors);
        validate_resources(&container["resources"], &path.child("resources"), errors);
    }
}

fn validate_mounts(mounts: &Value, volumes: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    for (at, mount) in mounts.items().iter().enumerate() {
        let path = path.index(at);
        let name = &mount["name"];
        if name.is_empty() {
            errors.push(FieldError::required(&path.child("name"), ""));
        } else if !volumes.items().iter().any(|volume| volume["name"] == *name) {
            errors.push(FieldError::not_found(&path.child("name"), name));
        }
        if mount["mountPath"].is_empty() {
            errors.push(FieldError::required(&path.child("mountPath"), ""));
        }
    }
}

fn validate_resources(resources: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    for (name, request) in resources["requests"].entries() {
        let limit = &resources["limits"][name.as_str()];
        let (Ok(asked), Ok(allowed)) = (Quantity::of(request), Quantity::of(limit)) else { continue };
        if !limit.is_null() && asked > allowed {
            let detail = format!("must be less than or equal to {} limit of {allowed}", name.as_str());
            errors.push(FieldError::invalid(&path.child("requests"), request, &detail));
        }
    }
}

/// Checks a port's number.
pub fn validate_port(port: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let number = port.int();
    if port.is_null() {
        errors.push(FieldError::required(path, ""));
    } else if !(1..=65_535).contains(&number) {
        errors.push(FieldError::invalid(path, &value!(number), "must be between 1 and 65535, inclusive"));
    }
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn images_that_may_change_are_always_pulled() {
        for (image, expected) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            ("reg.io:5000/a", "Always"),
            ("reg.io:5000/a:v1", "IfNotPresent"),
            ("x@sha256:aaaa", "IfNotPresent"),
            ("x:latest@sha256:aaaa", "Always"),
        ] {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }
}
