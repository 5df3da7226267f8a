//! What attach/detach believes to be attached where, and what nodes' statuses are to say of it
//! (`pkg/controller/volume/attachdetach/cache/actual_state_of_world.go`).

use object::{Text, Value};
use sim::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is known of a volume on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is attached.
    Attached,
    /// It may be attached: an operation failed, or an attachment was found that the node's status does not show.
    Uncertain,
    /// It is not attached.
    Detached,
}

struct OnNode {
    is_confirmed: bool,
    detach_requested: Option<Instant>,
}

#[derive(Default)]
struct Volume {
    /// The PersistentVolume; null when only its name is known.
    spec: Value,
    nodes: BTreeMap<Text, OnNode>,
}

/// What one node's `status.volumesAttached` is to say.
#[derive(Default)]
struct Report {
    is_due: bool,
    volumes: BTreeSet<Text>,
}

/// One volume on one node.
#[derive(Clone, Debug)]
pub(super) struct Attached {
    pub(super) volume: Text,
    pub(super) spec: Value,
    pub(super) node: Text,
    /// Whether the node says that it uses the volume, or has not yet said that it does not.
    pub(super) is_in_use: bool,
    pub(super) is_confirmed: bool,
    pub(super) detach_requested: Option<Instant>,
}

#[derive(Default)]
pub(super) struct ActualState {
    volumes: BTreeMap<Text, Volume>,
    in_use: BTreeMap<Text, BTreeSet<Text>>,
    reports: BTreeMap<Text, Report>,
}

impl ActualState {
    /// Notes that a volume is attached to a node, or that this is uncertain.
    pub(super) fn mark(&mut self, volume: &Text, spec: &Value, node: &Text, is_attached: bool) {
        let entry = self.volumes.entry(volume.clone()).or_default();
        entry.spec = spec.clone();
        match entry.nodes.get_mut(node) {
            Some(on_node) => on_node.is_confirmed = is_attached,
            None => {
                let fresh = OnNode { is_confirmed: is_attached, detach_requested: None };
                entry.nodes.insert(node.clone(), fresh);
                // Until the node says otherwise, it uses what is attached to it.
                self.in_use.entry(node.clone()).or_default().insert(volume.clone());
            }
        }
        if is_attached {
            self.add_to_report(volume, node);
        }
    }

    /// Forgets a volume on a node.
    pub(super) fn remove(&mut self, volume: &Text, node: &Text) {
        if let Some(entry) = self.volumes.get_mut(volume) {
            entry.nodes.remove(node);
            if entry.nodes.is_empty() {
                self.volumes.remove(volume);
            }
            self.remove_from_report(volume, node);
        }
    }

    pub(super) fn state(&self, volume: &Text, node: &Text) -> State {
        match self.volumes.get(volume).and_then(|entry| entry.nodes.get(node)) {
            Some(on_node) if on_node.is_confirmed => State::Attached,
            Some(_) => State::Uncertain,
            None => State::Detached,
        }
    }

    /// Gives the nodes that a volume is attached to for sure.
    pub(super) fn nodes_of(&self, volume: &Text) -> Vec<Text> {
        let nodes = self.volumes.get(volume).map(|entry| &entry.nodes).into_iter().flatten();
        nodes.filter(|(_, on_node)| on_node.is_confirmed).map(|(node, _)| node.clone()).collect()
    }

    /// Gives every volume on every node.
    pub(super) fn all(&self) -> Vec<Attached> {
        let of = |(volume, entry): (&Text, &Volume)| -> Vec<Attached> {
            let on = |(node, on_node): (&Text, &OnNode)| Attached {
                volume: volume.clone(),
                spec: entry.spec.clone(),
                node: node.clone(),
                is_in_use: self.in_use.get(node).is_some_and(|used| used.contains(volume)),
                is_confirmed: on_node.is_confirmed,
                detach_requested: on_node.detach_requested,
            };
            entry.nodes.iter().map(on).collect()
        };
        self.volumes.iter().flat_map(of).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.volumes.is_empty()
    }

    // ----- what nodes use -----

    /// Takes over what a node's status says it uses.
    pub(super) fn set_in_use(&mut self, node: &Text, volumes: impl Iterator<Item = Text>) {
        self.in_use.insert(node.clone(), volumes.collect());
    }

    // ----- detaching -----

    /// Gives for how long a detach has been wanted, which begins with the first call; none when nothing is attached.
    pub(super) fn request_detach(&mut self, volume: &Text, node: &Text, now: Instant) -> Option<Duration> {
        let on_node = self.volumes.get_mut(volume)?.nodes.get_mut(node)?;
        Some(now.since(*on_node.detach_requested.get_or_insert(now)))
    }

    pub(super) fn reset_detach_request(&mut self, volume: &Text, node: &Text) {
        let on_node = self.volumes.get_mut(volume).and_then(|entry| entry.nodes.get_mut(node));
        if let Some(on_node) = on_node {
            on_node.detach_requested = None;
        }
    }

    // ----- what nodes' statuses are to say -----

    pub(super) fn add_to_report(&mut self, volume: &Text, node: &Text) {
        if self.state(volume, node) == State::Detached {
            return;
        }
        let report =
            self.reports.entry(node.clone()).or_insert_with(|| Report { is_due: true, ..Report::default() });
        report.is_due |= report.volumes.insert(volume.clone());
    }

    pub(super) fn remove_from_report(&mut self, volume: &Text, node: &Text) {
        if let Some(report) = self.reports.get_mut(node) {
            report.is_due |= report.volumes.remove(volume);
        }
    }

    /// Has a node's status written again; a node that nothing was attached to is passed over.
    pub(super) fn report_again(&mut self, node: &Text) {
        if let Some(report) = self.reports.get_mut(node) {
            report.is_due = true;
        }
    }

    pub(super) fn has_due_reports(&self) -> bool {
        self.reports.values().any(|report| report.is_due)
    }

    pub(super) fn due_reports(&self) -> Vec<Text> {
        self.reports.iter().filter(|(_, report)| report.is_due).map(|(node, _)| node.clone()).collect()
    }

    /// Gives what a node's status is to say if it has to be written, and counts it as written.
    pub(super) fn take_report(&mut self, node: &Text) -> Option<Vec<Text>> {
        let report = self.reports.get_mut(node).filter(|report| report.is_due)?;
        report.is_due = false;
        Some(report.volumes.iter().cloned().collect())
    }
}
