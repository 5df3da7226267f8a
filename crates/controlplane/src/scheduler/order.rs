//! In which order nodes are looked at, and which of the best is taken (`pkg/scheduler/backend/cache/node_tree.go`,
//! `pkg/scheduler/schedule_one.go`).

use crate::constants::{
    SCHEDULER_FEASIBLE_MIN, SCHEDULER_FEASIBLE_PERCENT_MAX, SCHEDULER_FEASIBLE_PERCENT_MIN,
    SCHEDULER_NODES_PER_PERCENT,
};
use object::{ObjectExt, Text, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The names of nodes by zone, both in the order in which they were added.
#[derive(Default)]
pub(super) struct NodeTree {
    zones: Vec<(String, Vec<Text>)>,
    zone_of: BTreeMap<Text, String>,
    /// The names in order; none since the last change.
    list: RefCell<Option<Rc<[Text]>>>,
}

/// Names the region and zone of a node, `""` when it states neither (`GetZoneKey`).
fn zone_key(node: &Value) -> String {
    let either = |old: &str, new: &str| node.label(old).or_else(|| node.label(new)).unwrap_or("").to_owned();
    let zone = either("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone");
    let region = either("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region");
    if region.is_empty() && zone.is_empty() { String::new() } else { format!("{region}:\0:{zone}") }
}

impl NodeTree {
    /// Adds a node; one that changed its zone moves.
    pub(super) fn put(&mut self, node: &Value) {
        let zone = zone_key(node);
        if self.zone_of.get(node.name()) == Some(&zone) {
            return;
        }
        self.remove(node.name());
        let name = Text::from(node.name());
        self.zone_of.insert(name.clone(), zone.clone());
        match self.zones.iter_mut().find(|(of, _)| *of == zone) {
            Some((_, names)) => names.push(name),
            None => self.zones.push((zone, vec![name])),
        }
    }

    /// Removes a node.
    pub(super) fn remove(&mut self, name: &str) {
        self.list.take();
        let Some(zone) = self.zone_of.remove(name) else { return };
        for (_, names) in self.zones.iter_mut().filter(|(of, _)| *of == zone) {
            names.retain(|one| **one != *name);
        }
        self.zones.retain(|(_, names)| !names.is_empty());
    }

    /// Gives the names in the order in which they are looked at: one of each zone in turn.
    pub(super) fn names(&self) -> Rc<[Text]> {
        let mut list = self.list.borrow_mut();
        let made = list.get_or_insert_with(|| {
            let most = self.zones.iter().map(|(_, names)| names.len()).max().unwrap_or(0);
            let rounds =
                (0..most).flat_map(|at| self.zones.iter().filter_map(move |(_, names)| names.get(at)));
            rounds.cloned().collect()
        });
        made.clone()
    }
}

/// Gives how many feasible nodes are enough (`numFeasibleNodesToFind`).
pub(super) fn feasible_enough(nodes: usize) -> usize {
    if nodes < SCHEDULER_FEASIBLE_MIN {
        return nodes;
    }
    let percent = SCHEDULER_FEASIBLE_PERCENT_MAX
        .saturating_sub(nodes / SCHEDULER_NODES_PER_PERCENT)
        .max(SCHEDULER_FEASIBLE_PERCENT_MIN);
    (nodes * percent / 100).max(SCHEDULER_FEASIBLE_MIN)
}

/// Gives the place of the score that stands on top of a heap made of them all: of equal ones not any, but always the
/// same. Since 1.35 this decides; the draw among equals that came before is made only where there are extenders.
pub(super) fn top(scores: &[i64]) -> usize {
    let mut heap: Vec<usize> = (0..scores.len()).collect();
    for root in (0..heap.len() / 2).rev() {
        let mut at = root;
        loop {
            let left = 2 * at + 1;
            let Some(&first) = heap.get(left) else { break };
            let right = heap.get(left + 1).filter(|&&second| scores[second] > scores[first]);
            let child = if right.is_some() { left + 1 } else { left };
            if scores[heap[child]] <= scores[heap[at]] {
                break;
            }
            heap.swap(at, child);
            at = child;
        }
    }
    heap[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn node(name: &str, zone: &str) -> Value {
        let mut node = value!({"metadata": {"name": name}});
        if !zone.is_empty() {
            node.set(&["metadata", "labels", "topology.kubernetes.io/zone"], zone);
        }
        node
    }

    fn check(tree: &NodeTree, expected: &str) {
        let names = tree.names();
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        assert_eq!(names.join(" "), expected);
    }

    #[test]
    fn zones_take_turns() {
        let mut tree = NodeTree::default();
        for (name, zone) in [("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("x", ""), ("b2", "b")] {
            tree.put(&node(name, zone));
        }
        check(&tree, "a1 b1 x a2 b2 a3");
        tree.put(&node("a1", "a"));
        check(&tree, "a1 b1 x a2 b2 a3");
        tree.put(&node("a1", "b"));
        check(&tree, "a2 b1 x a3 b2 a1");
        tree.remove("x");
        tree.remove("unknown");
        check(&tree, "a2 b1 a3 b2 a1");
    }

    #[test]
    fn of_equal_nodes_the_heap_decides() {
        for (scores, expected) in [
            (&[7, 7, 7][..], 0),
            (&[5, 7, 7], 1),
            (&[5, 6, 7], 2),
            (&[5, 6, 7, 7], 3),
            (&[7, 6, 7, 7], 0),
            (&[1, 1, 7, 1, 7, 7], 4),
        ] {
            assert_eq!(top(scores), expected, "{scores:?}");
        }
    }

    #[test]
    fn in_large_clusters_a_share_of_the_nodes_is_enough() {
        for (nodes, expected) in [(3, 3), (99, 99), (100, 100), (250, 120), (1_000, 420), (5_000, 500)] {
            assert_eq!(feasible_enough(nodes), expected, "{nodes} nodes");
        }
    }
}
