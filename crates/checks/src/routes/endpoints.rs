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
    /// Some that are published although they are not ready, and nobody else.
    NotServing(u64),
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
        let publishes_unready = service["spec"]["publishNotReadyAddresses"].bool();
        return Some(of_slices(&slices, port, publishes_unready));
    }
    if let Some(endpoints) = view.get("endpoints", namespace, name) {
        return Some(of_endpoints(endpoints, port));
    }
    let so = || format!("whether Service {namespace}/{name} has endpoints is unknown");
    look.knows("endpointslices.discovery.k8s.io", namespace, so).then_some(Behind::Nothing { changed: None })
}

/// Endpoints, counted.
#[derive(Default)]
struct Count {
    /// Ready on whatever port.
    ready: u64,
    /// Ready on the port.
    serving: u64,
    /// Called ready on the port, and not ready.
    published: u64,
    /// On the port, ending and still serving.
    ending: u64,
}

impl Count {
    fn conclude(&self, changed: Option<Time>) -> Behind {
        match self {
            Self { serving: 1.., .. } => Behind::Ready,
            Self { published: 1.., .. } => Behind::NotServing(self.published),
            Self { ready: 1.., .. } => Behind::OtherPortsOnly,
            Self { ending: 1.., .. } => Behind::Terminating(self.ending),
            _ => Behind::Nothing { changed },
        }
    }
}

fn of_slices(slices: &[&Value], port: &str, publishes_unready: bool) -> Behind {
    let mut count = Count::default();
    for slice in slices {
        // No ports means that there are none; a port without a number means all of them.
        let has_port = slice["ports"].items().iter().any(|p| p["name"].str() == port || p["port"].is_null());
        for endpoint in slice["endpoints"].items() {
            let conditions = &endpoint["conditions"];
            // What a condition does not say counts as ready (`discovery/v1.EndpointConditions`).
            let is_ready = conditions["ready"] != false;
            let is_serving = conditions["serving"].as_bool().unwrap_or(is_ready);
            // With `publishNotReadyAddresses` all are called ready, and only `serving` tells which are.
            let is_published = publishes_unready && !is_serving;
            count.ready += u64::from(is_ready);
            count.serving += u64::from(is_ready && !is_published && has_port);
            count.published += u64::from(is_ready && is_published && has_port);
            count.ending +=
                u64::from(!is_ready && is_serving && conditions["terminating"].bool() && has_port);
        }
    }
    let changed = slices.iter().filter_map(|slice| changed(slice)).max();
    count.conclude(changed)
}

fn of_endpoints(endpoints: &Value, port: &str) -> Behind {
    let mut count = Count::default();
    for subset in endpoints["subsets"].items() {
        let addresses = subset["addresses"].items().len() as u64;
        count.ready += addresses;
        if subset["ports"].items().iter().any(|p| p["name"].str() == port) {
            count.serving += addresses;
        }
    }
    count.conclude(changed(endpoints))
}

fn changed(object: &Value) -> Option<Time> {
    object["metadata"]["annotations"][CHANGED].as_time()
}
