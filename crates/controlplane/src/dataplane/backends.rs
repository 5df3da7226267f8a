//! From a Service's port to the endpoints behind it.

use super::answer::{Backend, Hop, Reach};
use super::table::Table;
use crate::machinery::ObjectKey;
use object::Value;

/// Who may be given connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// Ready endpoints only, as Ingress controllers do.
    None,
    /// If none is ready, those that still serve while they end (KEP-1669), as node proxies do.
    Terminating,
}

/// Finds the port of a Service that is asked for by number or name.
pub(super) fn port<'a>(service: &'a Value, wanted: &Value) -> Option<&'a Value> {
    service["spec"]["ports"].items().iter().find(|port| match wanted["name"].as_str() {
        Some(name) => port["name"] == name,
        None => port["port"].int() == wanted["number"].int(),
    })
}

/// Writes a backend's port as people do.
pub(super) fn port_text(wanted: &Value) -> String {
    wanted["name"].as_str().map_or_else(|| wanted["number"].int().to_string(), str::to_owned)
}

/// Gives the endpoints behind a port, or the last hop with the reason why there is none.
pub(super) fn behind(
    table: &Table,
    service: &Value,
    port: &Value,
    fallback: Fallback,
    reach: &dyn Fn(&str, i64) -> Reach,
) -> Result<Vec<Backend>, Hop> {
    let name = port["name"].str();
    let (mut ready, mut ending) = (Vec::new(), Vec::new());
    let (mut known, mut elsewhere) = (0, 0);
    for slice in table.slices_of(service) {
        let number = slice["ports"].items().iter().find(|p| p["name"].str() == name);
        for endpoint in slice["endpoints"].items() {
            known += 1;
            let conditions = &endpoint["conditions"];
            // What a condition does not say counts as ready (`discovery/v1.EndpointConditions`).
            let is_ready = conditions["ready"] != false;
            let Some(number) = number else {
                elsewhere += usize::from(is_ready);
                continue;
            };
            if is_ready {
                ready.push((endpoint, number["port"].int()));
            } else if conditions["serving"].bool() && conditions["terminating"].bool() {
                ending.push((endpoint, number["port"].int()));
            }
        }
    }
    if ready.is_empty() && fallback == Fallback::Terminating {
        ready = ending;
    }
    if ready.is_empty() {
        let why = match (known, elsewhere) {
            (0, _) => "it has no endpoint".to_owned(),
            (_, 0) => format!("none of its {known} endpoints is ready"),
            (_, _) => format!("none of its pods has the target of port {}", port["port"].int()),
        };
        return Err(Hop::of(service, why));
    }
    let backend = |(endpoint, number): (&Value, i64)| {
        let address = endpoint["addresses"].items().first().map_or("", |address| address.str());
        let target = &endpoint["targetRef"];
        let pod = match target["kind"].str() {
            "Pod" => ObjectKey::new(target["namespace"].str(), target["name"].str()),
            _ => ObjectKey::new("", ""),
        };
        Backend { pod, address: format!("{address}:{number}"), reach: reach(address, number) }
    };
    Ok(ready.into_iter().map(backend).collect())
}
