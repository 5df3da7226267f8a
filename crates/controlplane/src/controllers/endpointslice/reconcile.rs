//! Which slices a service must have, and the fewest writes to get there (`k8s.io/endpointslice/reconciler.go`).

use super::{MANAGED_BY, MANAGER_LABEL, SERVICE_LABEL};
use crate::controllers::controller_reference;
use crate::machinery::{is_pod_ready, is_pod_terminal};
use object::{ObjectExt, Time, Value, value};
use std::collections::BTreeMap;

/// The most endpoints of one slice (`--max-endpoints-per-slice`).
const ENDPOINTS_MAX: usize = 100;
const TRIGGER: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// What is to be written.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) create: Vec<Value>,
    pub(super) update: Vec<Value>,
    pub(super) delete: Vec<Value>,
}

/// Tells whether a pod changed in what its endpoint shows.
pub(super) fn endpoint_changed(old: &Value, new: &Value) -> bool {
    let shown = |pod: &Value| {
        (
            pod["status"]["podIPs"].clone(),
            pod["spec"]["nodeName"].clone(),
            pod["spec"]["hostname"].clone(),
            is_pod_ready(pod),
            pod.is_deleting(),
            is_pod_terminal(pod),
        )
    };
    shown(old) != shown(new)
}

fn belongs(pod: &Value) -> bool {
    !is_pod_terminal(pod) && !pod["status"]["podIP"].str().is_empty()
}

fn endpoint(pod: &Value, service: &Value, zone: &dyn Fn(&str) -> Option<String>) -> Value {
    let (serving, terminating) = (is_pod_ready(pod), pod.is_deleting());
    let publishes = service["spec"]["publishNotReadyAddresses"].bool();
    let ready = publishes || (serving && !terminating);
    let mut endpoint = value!({
        "addresses": [&pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": {"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()},
    });
    let node = pod["spec"]["nodeName"].str();
    endpoint.set_or_omit(&["nodeName"], node);
    endpoint.set_or_omit(&["zone"], zone(node));
    if pod["spec"]["subdomain"] == service.name() {
        endpoint.set_or_omit(&["hostname"], &pod["spec"]["hostname"]);
    }
    endpoint
}

/// Gives the ports by which a pod serves a service; a named target port that the pod lacks is left out.
fn ports(pod: &Value, service: &Value) -> Value {
    let find = |port: &Value| {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let target = &port["targetPort"];
        match target.as_str() {
            Some(name) => {
                let all = pod["spec"]["containers"].items().iter().flat_map(|c| c["ports"].items());
                let mut matching =
                    all.filter(|p| p["name"] == name && p["protocol"].as_str().unwrap_or("TCP") == protocol);
                matching.next().map(|p| p["containerPort"].int())
            }
            None => Some(target.as_i64().filter(|n| *n > 0).unwrap_or(port["port"].int())),
        }
    };
    let shown = service["spec"]["ports"].items().iter().filter_map(|port| {
        find(port).map(|number| {
            let mut shown = value!({
                "name": port["name"].str(), "protocol": port["protocol"].as_str().unwrap_or("TCP"), "port": number,
            });
            shown.set_or_omit(&["appProtocol"], &port["appProtocol"]);
            shown
        })
    });
    shown.collect()
}

fn labels(service: &Value) -> Value {
    let own = [(SERVICE_LABEL, service.name()), (MANAGER_LABEL, MANAGED_BY)];
    let mut labels = Value::map();
    for (key, value) in service.labels().entries() {
        labels.set(&[key.as_str()], value);
    }
    for (key, value) in own {
        labels.set(&[key], value);
    }
    if service["spec"]["clusterIP"] == "None" {
        labels.set(&["service.kubernetes.io/headless"], "");
    }
    labels
}

/// Identifies an endpoint among those of a slice.
fn identity(endpoint: &Value) -> String {
    endpoint["targetRef"]["uid"].str().to_owned()
}

/// Plans the writes.
pub(super) fn plan(
    service: &Value,
    pods: &[Value],
    slices: &[Value],
    trigger: Option<Time>,
    zone: &dyn Fn(&str) -> Option<String>,
) -> Plan {
    // Endpoints that serve by the same ports share slices.
    let mut groups: BTreeMap<String, (Value, BTreeMap<String, Value>)> = BTreeMap::new();
    for pod in pods.iter().filter(|pod| belongs(pod)) {
        let ports = ports(pod, service);
        let group = groups.entry(object::json::to_string(&ports)).or_insert_with(|| (ports, BTreeMap::new()));
        let endpoint = endpoint(pod, service, zone);
        group.1.insert(identity(&endpoint), endpoint);
    }
    let labels = labels(service);
    let mut plan = Plan::default();
    let mut spare: Vec<Value> = Vec::new();
    let mut used: Vec<Value> = Vec::new();
    for slice in slices {
        let group = groups.get_mut(&object::json::to_string(&slice["ports"]));
        let Some((_, wanted)) = group else {
            spare.push(slice.clone());
            continue;
        };
        let kept: Vec<Value> =
            slice["endpoints"].items().iter().filter_map(|e| wanted.remove(&identity(e))).collect();
        if kept.is_empty() {
            spare.push(slice.clone());
        } else {
            used.push(slice.clone().with(&["endpoints"], kept));
        }
    }
    for (ports, mut missing) in groups.into_values() {
        for slice in used.iter_mut().filter(|slice| slice["ports"] == ports) {
            while slice["endpoints"].items().len() < ENDPOINTS_MAX
                && let Some((_, endpoint)) = missing.pop_first()
            {
                slice.push(&["endpoints"], endpoint);
            }
        }
        let endpoints: Vec<Value> = missing.into_values().collect();
        for chunk in endpoints.chunks(ENDPOINTS_MAX) {
            // A slice that is no longer needed is written anew rather than deleted.
            let base = spare.pop().unwrap_or_else(|| new_slice(service));
            used.push(base.with(&["ports"], &ports).with(&["endpoints"], chunk.to_vec()));
        }
    }
    // A service without endpoints keeps one empty slice, so that it can be told from one not yet looked at.
    if used.is_empty() {
        let base = spare.pop().unwrap_or_else(|| new_slice(service));
        used.push(base.with(&["ports"], Value::Null).with(&["endpoints"], Value::Null));
    }
    for mut slice in used {
        let before = slices.iter().find(|s| s.uid() == slice.uid() && !slice.uid().is_empty());
        let is_same = before.is_some_and(|before| {
            before["endpoints"] == slice["endpoints"]
                && before["ports"] == slice["ports"]
                && *before.labels() == labels
        });
        if is_same {
            continue;
        }
        slice.set(&["metadata", "labels"], &labels);
        match trigger {
            Some(time) => slice.set(&["metadata", "annotations", TRIGGER], time.rfc3339_nanos()),
            None => {
                slice.remove(&["metadata", "annotations", TRIGGER]);
                if slice["metadata"]["annotations"].is_empty() {
                    slice.remove(&["metadata", "annotations"]);
                }
            }
        }
        if before.is_some() { plan.update.push(slice) } else { plan.create.push(slice) }
    }
    plan.delete = spare;
    plan
}

fn new_slice(service: &Value) -> Value {
    let family = service["spec"]["ipFamilies"][0].as_str().unwrap_or("IPv4");
    value!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", service.name()), "namespace": service.namespace(),
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": family,
    })
}
