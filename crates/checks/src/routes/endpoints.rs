//! The endpoints behind a Service's port, from EndpointSlices; from Endpoints only where there are no slices.

use object::{ObjectExt, Time, Value};

use crate::look::Look;

const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// When what the endpoints follow from changed last (`core/v1.EndpointsLastChangeTriggerTime`).
const CHANGED: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// What stands behind a port.
pub(super) enum Behind {
    /// Somebody ready.
    Ready,
    /// Somebody ready, but not for this port.
    OtherPortsOnly,
    /// Only endpoints that still serve while they end.
    Terminating(u64),
    /// Nobody.
    Nothing {
        /// When that came about, where known.
        changed: Option<Time>,
    },
}

/// Counts what stands behind the port of this name; nothing if it could not be read.
pub(super) fn behind(look: &mut Look<'_>, service: &Value, port: &str) -> Option<Behind> {
    let (namespace, name) = (service.namespace(), service.name());
    let view = look.view();
    let slices: Vec<&Value> = view
        .with_label("endpointslices.discovery.k8s.io", SERVICE_NAME, name)
        .filter(|slice| slice.namespace() == namespace)
        .collect();
    if !slices.is_empty() {
        return Some(of_slices(&slices, port));
    }
    if let Some(endpoints) = view.get("endpoints", namespace, name) {
        return Some(of_endpoints(endpoints, port));
    }
    let so = || format!("whether Service {namespace}/{name} has endpoints is unknown");
    look.knows("endpointslices.discovery.k8s.io", namespace, so).then_some(Behind::Nothing { changed: None })
}

fn of_slices(slices: &[&Value], port: &str) -> Behind {
    let (mut ready, mut on_port, mut ending) = (0_u64, 0_u64, 0_u64);
    for slice in slices {
        // No ports means that there are none; a port without a number means all of them.
        let has_port = slice["ports"].items().iter().any(|p| p["name"].str() == port || p["port"].is_null());
        for endpoint in slice["endpoints"].items() {
            let conditions = &endpoint["conditions"];
            // What a condition does not say counts as ready (`discovery/v1.EndpointConditions`).
            let is_ready = conditions["ready"] != false;
            let is_serving = conditions["serving"].as_bool().unwrap_or(is_ready);
            ready += u64::from(is_ready);
            on_port += u64::from(is_ready && has_port);
            ending += u64::from(!is_ready && is_serving && conditions["terminating"].bool() && has_port);
        }
    }
    let changed = slices.iter().filter_map(|slice| changed(slice)).max();
    conclude(ready, on_port, ending, changed)
}

fn of_endpoints(endpoints: &Value, port: &str) -> Behind {
    let (mut ready, mut on_port) = (0_u64, 0_u64);
    for subset in endpoints["subsets"].items() {
        let addresses = subset["addresses"].items().len() as u64;
        ready += addresses;
        if subset["ports"].items().iter().any(|p| p["name"].str() == port) {
            on_port += addresses;
        }
    }
    conclude(ready, on_port, 0, changed(endpoints))
}

fn conclude(ready: u64, on_port: u64, ending: u64, changed: Option<Time>) -> Behind {
    match (on_port, ready, ending) {
        (1.., _, _) => Behind::Ready,
        (0, 1.., _) => Behind::OtherPortsOnly,
        (0, 0, 1..) => Behind::Terminating(ending),
        (0, 0, 0) => Behind::Nothing { changed },
    }
}

fn changed(object: &Value) -> Option<Time> {
    object["metadata"]["annotations"][CHANGED].as_time()
}
