//! Computing what is used of a quota (`k8s.io/apiserver/pkg/quota/v1/resources.go`, `CalculateUsage`), and which
//! changes of objects may lower it (`pkg/quota/v1/install/update_filter.go`).

use crate::machinery::Lister;
use apiserver::quota::{Usage, counts, in_scope, is_alive, is_terminating, usage_of};
use object::{GroupResource, ObjectExt, Quantity, Time, Value};
use std::collections::BTreeMap;

/// Adds up what the objects of a quota's namespace use, under those of its names that objects can use.
pub(super) fn compute(quota: &Value, monitors: &BTreeMap<GroupResource, Lister>, now: Time) -> Usage {
    let limited: Vec<&str> = quota["spec"]["hard"].entries().map(|(name, _)| name.as_str()).collect();
    let mut used = Usage::new();
    for (resource, objects) in monitors {
        let names: Vec<&str> = limited.iter().filter(|name| counts(resource, name)).copied().collect();
        if names.is_empty() {
            continue;
        }
        for name in &names {
            used.entry((*name).to_owned()).or_insert(Quantity::ZERO);
        }
        for object in objects.list_in(quota.namespace()) {
            if !in_scope(quota, resource, &object) {
                continue;
            }
            for (name, amount) in usage_of(resource, &object, now) {
                if let Some(sum) = used.get_mut(&name).filter(|_| names.contains(&name.as_str())) {
                    *sum += amount;
                }
            }
        }
    }
    used
}

/// Tells whether a change of an object may let it use less.
pub(super) fn may_fall(resource: &GroupResource, old: &Value, new: &Value, now: Time) -> bool {
    if !resource.group.is_empty() {
        return false;
    }
    match &*resource.resource {
        "pods" => {
            resources_changed(old, new)
                || is_terminating(old) != is_terminating(new)
                || is_alive(old, now) && !is_alive(new, now)
        }
        "services" => kind_of_service(old) != kind_of_service(new),
        // Upstream compares two pointers that are always different (`RequiresQuotaReplenish`).
        "persistentvolumeclaims" => true,
        _ => false,
    }
}

/// Tells whether the resources that a kubelet reports for a container changed.
fn resources_changed(old: &Value, new: &Value) -> bool {
    ["containerStatuses", "initContainerStatuses"].iter().any(|list| {
        let now = new["status"][*list].items();
        old["status"][*list].items().iter().any(|before| {
            let after = now.iter().find(|after| after["name"] == before["name"]);
            after.is_some_and(|after| after["resources"] != before["resources"])
        })
    })
}

fn kind_of_service(service: &Value) -> &str {
    match service["spec"]["type"].str() {
        kind @ ("NodePort" | "LoadBalancer") => kind,
        _ => "",
    }
}
