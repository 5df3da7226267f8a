//! Services. Addresses and ports on nodes are given out by [`crate::allocate`].

use super::{DecodeError, Strategy, container};
use crate::edit::{default_to, each, keep, omit_zeros};
use crate::field::{FieldError, FieldPath};
use object::{Value, value};

pub(super) struct Service;

impl Strategy for Service {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let spec = object.slot(&["spec"]);
        if spec["selector"].is_empty() {
            spec.remove(&["selector"]);
        }
        default_to(spec, &["sessionAffinity"], "None");
        if spec["sessionAffinity"] == "ClientIP" {
            default_to(spec, &["sessionAffinityConfig", "clientIP", "timeoutSeconds"], 10_800);
        }
        default_to(spec, &["type"], "ClusterIP");
        each(spec, &["ports"], |port| {
            default_to(port, &["protocol"], "TCP");
            if port["targetPort"].is_empty() || port["targetPort"] == 0 {
                let number = port["port"].clone();
                port.set(&["targetPort"], number);
            }
            omit_zeros(port, &["nodePort", "name"]);
        });
        omit_zeros(spec, &["clusterIP", "externalName", "loadBalancerIP", "publishNotReadyAddresses"]);
        let kind = spec["type"].str().to_owned();
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            default_to(spec, &["externalTrafficPolicy"], "Cluster");
        }
        if kind == "LoadBalancer" {
            default_to(spec, &["allocateLoadBalancerNodePorts"], true);
        }
        if kind != "ExternalName" {
            default_to(spec, &["internalTrafficPolicy"], "Cluster");
            default_families(spec);
        }
        if spec["clusterIP"].is_null() && !spec["clusterIPs"].is_empty() {
            let first = spec["clusterIPs"][0].clone();
            spec.set(&["clusterIP"], first);
        }
        if !spec["clusterIP"].is_null() {
            let first = value!([spec["clusterIP"].clone()]);
            default_to(spec, &["clusterIPs"], first);
        }
        Ok(())
    }

    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["status", "loadBalancer"], value!({}));
        Ok(())
    }

    /// What was allocated stays, if the client left it out.
    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let (kind, before) = (new["spec"]["type"].str().to_owned(), old["spec"]["type"].str());
        if kind == "ExternalName" || before == "ExternalName" {
            return;
        }
        if new["spec"]["clusterIP"].is_null() {
            keep(new, old, &["spec", "clusterIP"]);
            keep(new, old, &["spec", "clusterIPs"]);
        }
        let on_nodes = |kind: &str| matches!(kind, "NodePort" | "LoadBalancer");
        if on_nodes(&kind) && on_nodes(before) {
            each(new, &["spec", "ports"], |port| {
                let same =
                    |other: &&Value| other["port"] == port["port"] && other["protocol"] == port["protocol"];
                let known = old["spec"]["ports"].items().iter().find(same).map(|other| &other["nodePort"]);
                if let (Value::Null, Some(Value::Int(number))) = (&port["nodePort"], known) {
                    port.set(&["nodePort"], *number);
                }
            });
        }
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let path = FieldPath::new("spec");
        let spec = &object["spec"];
        let ports = spec["ports"].items();
        let headless = spec["clusterIP"] == "None";
        if ports.is_empty() && !headless && spec["type"] != "ExternalName" {
            errors.push(FieldError::required(&path.child("ports"), ""));
        }
        for (at, port) in ports.iter().enumerate() {
            validate_port(port, ports.len() > 1, &path.child("ports").index(at), errors);
        }
        let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
        if !kinds.contains(&spec["type"].str()) {
            errors.push(FieldError::not_supported(&path.child("type"), &spec["type"], &kinds));
        }
        if spec["type"] == "ExternalName" && spec["externalName"].is_null() {
            errors.push(FieldError::required(&path.child("externalName"), ""));
        }
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        let (now, before) = (&new["spec"]["clusterIP"], &old["spec"]["clusterIP"]);
        let fixed = !before.is_null() && new["spec"]["type"] != "ExternalName";
        if fixed && now != before {
            let path = FieldPath::new("spec").child("clusterIPs").index(0);
            errors.push(FieldError::invalid(&path, &value!([now.clone()]), "may not change once set"));
        }
    }
}

/// Sets the families of addresses, on a cluster that has only IPv4.
fn default_families(spec: &mut Value) {
    // What selects no pods may be given addresses of any family by hand.
    let by_hand = spec["clusterIP"] == "None" && spec["selector"].is_null();
    if by_hand && spec["ipFamilies"].is_null() && spec["ipFamilyPolicy"].is_null() {
        spec.set(&["ipFamilies"], value!(["IPv4", "IPv6"]));
        spec.set(&["ipFamilyPolicy"], "RequireDualStack");
        return;
    }
    default_to(spec, &["ipFamilies"], value!(["IPv4"]));
    default_to(spec, &["ipFamilyPolicy"], "SingleStack");
}

fn validate_port(port: &Value, needs_name: bool, path: &FieldPath, errors: &mut Vec<FieldError>) {
    if needs_name && port["name"].is_empty() {
        errors.push(FieldError::required(&path.child("name"), ""));
    }
    let number = if port["port"].is_null() { Value::Int(0) } else { port["port"].clone() };
    container::validate_port(&number, &path.child("port"), errors);
    if port["targetPort"].as_str().is_none() {
        let target = if port["targetPort"].is_null() { number } else { port["targetPort"].clone() };
        container::validate_port(&target, &path.child("targetPort"), errors);
    }
    let protocols = ["SCTP", "TCP", "UDP"];
    if !protocols.contains(&port["protocol"].str()) {
        errors.push(FieldError::not_supported(&path.child("protocol"), &port["protocol"], &protocols));
    }
}
