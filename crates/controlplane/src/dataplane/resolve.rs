//! Names of the cluster's DNS (the specification `kubernetes/dns`, version 1.1.0).

use super::table::Table;
use object::Value;

/// What a name leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// The addresses, in order.
    pub addresses: Vec<String>,
    /// Another name, which is to be asked for instead.
    pub alias: Option<String>,
    /// Whether the name exists; one that does may have no address.
    pub exists: bool,
}

/// Resolves a name without search paths: `web.shop.svc.cluster.local`, `db-0.db.shop.svc.cluster.local`.
pub(super) fn resolve(table: &Table, name: &str) -> Resolution {
    let labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    let Some(labels) = labels.strip_suffix(&["svc", "cluster", "local"][..]) else {
        return Resolution::default();
    };
    match labels {
        [service, namespace] => of_service(table, namespace, service),
        [host, service, namespace] => of_host(table, namespace, service, host),
        _ => Resolution::default(),
    }
}

fn of_service(table: &Table, namespace: &str, name: &str) -> Resolution {
    let Some(service) = table.service(namespace, name) else { return Resolution::default() };
    if service["spec"]["type"] == "ExternalName" {
        let alias = service["spec"]["externalName"].str().to_owned();
        return Resolution { alias: Some(alias), exists: true, ..Resolution::default() };
    }
    let address = service["spec"]["clusterIP"].str();
    let addresses = if address == "None" {
        endpoints(table, service, |_| true)
    } else {
        Some(address).filter(|address| !address.is_empty()).map(str::to_owned).into_iter().collect()
    };
    // A headless Service without endpoints is an unknown name, as if it were not there.
    let exists = address != "None" || !addresses.is_empty();
    Resolution { addresses, alias: None, exists }
}

/// A pod of a headless Service, by its host name.
fn of_host(table: &Table, namespace: &str, service: &str, host: &str) -> Resolution {
    let headless = table.service(namespace, service).filter(|s| s["spec"]["clusterIP"] == "None");
    let Some(service) = headless else { return Resolution::default() };
    let addresses = endpoints(table, service, |endpoint| endpoint["hostname"] == host);
    Resolution { exists: !addresses.is_empty(), addresses, alias: None }
}

fn endpoints(table: &Table, service: &Value, wanted: impl Fn(&Value) -> bool) -> Vec<String> {
    let publishes = service["spec"]["publishNotReadyAddresses"].bool();
    let is_shown = |endpoint: &Value| publishes || endpoint["conditions"]["ready"] != false;
    let mut addresses: Vec<String> = table
        .slices_of(service)
        .flat_map(|slice| slice["endpoints"].items())
        .filter(|endpoint| is_shown(endpoint) && wanted(endpoint))
        .flat_map(|endpoint| endpoint["addresses"].items())
        .map(|address| address.str().to_owned())
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}
