//! Claims of StatefulSets: `<template>-<set>-<ordinal>` (`apps/statefulset/stateful_set_utils.go`).

use object::{ObjectExt, Time, Value};
use view::View;

/// The StatefulSet a claim was made for, and for which of its pods.
pub(super) struct Place<'a> {
    pub(super) set: &'a Value,
    pub(super) ordinal: i64,
}

impl Place<'_> {
    pub(super) fn replicas(&self) -> i64 {
        self.set["spec"]["replicas"].as_i64().unwrap_or(1)
    }

    fn start(&self) -> i64 {
        self.set["spec"]["ordinals"]["start"].int()
    }

    /// Whether the set wants a pod of this ordinal now.
    pub(super) fn is_wanted(&self) -> bool {
        (self.start()..self.start().saturating_add(self.replicas())).contains(&self.ordinal)
    }

    /// Says which replicas the set wants: `3 replicas`, `2 replicas from ordinal 5 on`.
    pub(super) fn wanted(&self) -> String {
        let count = crate::words::plural(self.replicas().unsigned_abs(), "replica");
        if self.start() == 0 { count } else { format!("{count} from ordinal {} on", self.start()) }
    }

    pub(super) fn pod_name(&self) -> String {
        format!("{}-{}", self.set.name(), self.ordinal)
    }

    /// Whether the set waits for a pod of a lower ordinal before it makes this one.
    pub(super) fn is_held_back(&self, view: &View) -> bool {
        let is_ready = |ordinal: i64| {
            let pod = view.get("pods", self.set.namespace(), &format!("{}-{ordinal}", self.set.name()));
            pod.is_some_and(|pod| pod.condition("Ready")["status"] == "True")
        };
        self.set["spec"]["podManagementPolicy"] != "Parallel" && !(self.start()..self.ordinal).all(is_ready)
    }

    /// When the number of replicas was last set, where managed fields tell.
    pub(super) fn scaled_at(&self) -> Option<Time> {
        let owns_replicas = |entry: &&Value| !entry["fieldsV1"]["f:spec"]["f:replicas"].is_null();
        let entries = self.set["metadata"]["managedFields"].items().iter();
        entries.filter(owns_replicas).filter_map(|entry| entry["time"].as_time()).max()
    }
}

/// Finds the StatefulSet a claim was made for; of several that could be, one that wants it now.
pub(super) fn place<'a>(view: &'a View, claim: &Value) -> Option<Place<'a>> {
    let mut best = None;
    for set in view.list_in("statefulsets.apps", claim.namespace()) {
        for template in set["spec"]["volumeClaimTemplates"].items() {
            let Some(ordinal) = ordinal(claim.name(), template.name(), set.name()) else { continue };
            let place = Place { set, ordinal };
            if place.is_wanted() || best.is_none() {
                best = Some(place);
            }
        }
    }
    best
}

/// Reads the ordinal: decimal, without leading zeros, nothing before or behind.
fn ordinal(claim: &str, template: &str, set: &str) -> Option<i64> {
    let digits = claim.strip_prefix(template)?.strip_prefix('-')?.strip_prefix(set)?.strip_prefix('-')?;
    let is_plain =
        digits.bytes().all(|digit| digit.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    if is_plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::ordinal;

    #[test]
    fn only_an_exact_name_has_an_ordinal() {
        let check = |claim, expected| assert_eq!(ordinal(claim, "data", "postgres"), expected, "{claim}");
        check("data-postgres-0", Some(0));
        check("data-postgres-12", Some(12));
        for lookalike in [
            "data-postgres",
            "data-postgres-",
            "data-postgres-00",
            "data-postgres-01",
            "data-postgres-0-0",
            "data-postgres-a",
            "data-postgres--1",
            "data-postgres-+1",
            "my-data-postgres-0",
            "data-postgres2-0",
            "datapostgres-0",
            "data-postgres-99999999999999999999",
        ] {
            check(lookalike, None);
        }
    }
}
