//! How fast the nodes of a zone may be tainted, by how many of the zone's nodes are unready
//! (`node_lifecycle_controller.go`, `handleDisruption`).

use crate::constants::{
    LARGE_CLUSTER_NODES, NODE_EVICTION_QPS, NODE_EVICTION_QPS_SECONDARY, UNHEALTHY_ZONE_THRESHOLD,
};
use object::{ObjectExt, Value};
use std::collections::BTreeMap;

/// The state of one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    /// Enough nodes are ready.
    Normal,
    /// More than half of at least three are not.
    Partial,
    /// None is ready.
    Full,
}

/// Gives the name of a node's zone, with its region.
pub(super) fn zone_of(node: &Value) -> String {
    let label = |key: &str| node.label(key).unwrap_or("").to_owned();
    format!("{}:{}", label("topology.kubernetes.io/region"), label("topology.kubernetes.io/zone"))
}

/// Gives the state and the size of each zone; of each node it is told the zone and whether it is ready.
pub(super) fn states<'a>(nodes: impl Iterator<Item = (&'a str, bool)>) -> BTreeMap<String, (Zone, usize)> {
    let mut counts: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (zone, is_ready) in nodes {
        let entry = counts.entry(zone.to_owned()).or_default();
        if is_ready {
            entry.0 += 1;
        } else {
            entry.1 += 1;
        }
    }
    let judge = |(ready, not_ready): (usize, usize)| {
        let total = ready + not_ready;
        let state = if ready == 0 && not_ready > 0 {
            Zone::Full
        } else if not_ready > 2 && not_ready as f64 / total as f64 >= UNHEALTHY_ZONE_THRESHOLD {
            Zone::Partial
        } else {
            Zone::Normal
        };
        (state, total)
    };
    counts.into_iter().map(|(zone, count)| (zone, judge(count))).collect()
}

/// Gives how many nodes per second may be tainted in a zone; zero stops it.
pub(super) fn rate(state: Zone, size: usize, all_full: bool) -> f64 {
    match state {
        // Nobody is ready anywhere: more likely this controller is cut off than every node is gone.
        _ if all_full => 0.0,
        Zone::Normal | Zone::Full => NODE_EVICTION_QPS,
        Zone::Partial if size > LARGE_CLUSTER_NODES => NODE_EVICTION_QPS_SECONDARY,
        Zone::Partial => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_without_any_ready_node_stops_evictions() {
        let states = states([("a", false), ("a", false), ("b", false)].into_iter());
        let all_full = states.values().all(|(state, _)| *state == Zone::Full);
        assert!(all_full);
        assert!(rate(Zone::Full, 2, all_full) == 0.0);
        assert!(rate(Zone::Full, 2, false) > 0.0);
    }

    #[test]
    fn a_small_zone_with_most_nodes_gone_stops_and_a_large_one_slows_down() {
        let three_of_four = [("a", true), ("a", false), ("a", false), ("a", false)];
        assert_eq!(states(three_of_four.into_iter())["a"], (Zone::Partial, 4));
        assert!(rate(Zone::Partial, 4, false) == 0.0);
        assert!(rate(Zone::Partial, 51, false) < NODE_EVICTION_QPS);
    }
}
