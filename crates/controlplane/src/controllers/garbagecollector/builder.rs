//! Brings what informers show into the graph, and finds out what is to be looked at because of it
//! (`pkg/controller/garbagecollector/graph_builder.go`).

use super::graph::{AbsentOwners, Graph, Identity, Node, Seen, alternate_identity};
use super::{FOREGROUND, ORPHAN};
use crate::machinery::{Notification, WorkQueue};
use object::{ObjectExt, Text, Value, value};
use sim::sync::UnboundedSender;
use std::rc::Rc;

/// What happened to an object.
pub(super) enum Change {
    /// It appeared.
    Added,
    /// It changed; its state before.
    Updated(Value),
    /// It is gone.
    Deleted,
}

/// One change on its way to the graph.
pub(super) struct GraphEvent {
    change: Change,
    object: Value,
    api_version: Text,
    kind: Text,
    /// Whether no informer showed it: a request found the object absent.
    is_virtual: bool,
}

impl GraphEvent {
    /// Makes the event of an informer's notification.
    pub(super) fn of(api_version: &Text, kind: &Text, notification: &Notification) -> Self {
        let change = match notification {
            Notification::Add(_) => Change::Added,
            Notification::Update(old, _) => Change::Updated(old.clone()),
            Notification::Delete(_) => Change::Deleted,
        };
        Self {
            change,
            object: notification.object().clone(),
            api_version: api_version.clone(),
            kind: kind.clone(),
            is_virtual: false,
        }
    }

    fn absence_of(identity: &Identity) -> Self {
        let mut object = value!({"metadata": {"name": &identity.name, "uid": &identity.uid}});
        object.set_or_omit(&["metadata", "namespace"], &identity.namespace);
        Self {
            change: Change::Deleted,
            object,
            api_version: identity.api_version.clone(),
            kind: identity.kind.clone(),
            is_virtual: true,
        }
    }

    fn identity(&self) -> Identity {
        Identity::of(&self.api_version, &self.kind, &self.object)
    }
}

/// Changes the graph, one event after the other.
pub(super) struct GraphBuilder {
    pub(super) graph: Graph,
    pub(super) attempt_to_delete: Rc<WorkQueue<Node>>,
    pub(super) attempt_to_orphan: Rc<WorkQueue<Node>>,
    pub(super) absent_owners: AbsentOwners,
    pub(super) changes: UnboundedSender<GraphEvent>,
}

/// Tells whether an object's deletion begins, or is first seen, with a finalizer.
fn deletion_starts_with(old: Option<&Value>, new: &Value, finalizer: &str) -> bool {
    let waits = |object: &Value| object.is_deleting() && object.has_finalizer(finalizer);
    waits(new) && !old.is_some_and(waits)
}

impl GraphBuilder {
    /// Says that a request found no object of this name and uid.
    pub(super) fn enqueue_virtual_delete(&self, identity: &Identity) {
        let sent = self.changes.send(GraphEvent::absence_of(identity));
        assert!(sent.is_ok(), "the garbage collector's graph is too far behind");
    }

    /// Brings one event into the graph (`processGraphChanges`).
    pub(super) fn process(&self, event: &GraphEvent) {
        let mut existing = self.graph.get(event.object.uid());
        if let Some(node) = existing.as_ref().filter(|node| !event.is_virtual && !node.is_observed()) {
            let observed = self.observe(node, event.identity());
            observed.mark_observed();
            existing = Some(observed);
        }
        match (&event.change, existing) {
            (Change::Added, None) => self.insert(event, None),
            (Change::Updated(old), None) => self.insert(event, Some(old)),
            (Change::Added, Some(node)) => self.update(&node, event, None),
            (Change::Updated(old), Some(node)) => self.update(&node, event, Some(old)),
            (Change::Deleted, Some(node)) => self.delete(&node, event),
            (Change::Deleted, None) => {}
        }
    }

    /// Takes note of what an object that was known by reference alone really is.
    fn observe(&self, node: &Node, observed: Identity) -> Node {
        if observed == *node.identity() {
            return node.clone();
        }
        // Dependents that mean something else by this uid may have no owner at all.
        for dependent in node.partition_dependents(&observed).1 {
            self.attempt_to_delete.add(dependent);
        }
        self.graph.replace(node, observed)
    }

    fn insert(&self, event: &GraphEvent, old: Option<&Value>) {
        let object = &event.object;
        let seen = Seen {
            object,
            is_virtual: false,
            deleting_dependents: object.is_deleting() && object.has_finalizer(FOREGROUND),
            being_deleted: object.is_deleting(),
        };
        let node = self.graph.make(event.identity(), &seen);
        self.graph.put(&node);
        self.add_to_owners(&node, object["metadata"]["ownerReferences"].items());
        // A creation and a deletion may be shown as one change.
        self.process_transitions(&node, object, old);
    }

    fn update(&self, node: &Node, event: &GraphEvent, old: Option<&Value>) {
        let object = &event.object;
        let before = node.owners();
        let (was, is) =
            (before["metadata"]["ownerReferences"].items(), object["metadata"]["ownerReferences"].items());
        if was != is {
            let has = |list: &[Value], uid: &Value| list.iter().any(|reference| reference["uid"] == *uid);
            let removed: Vec<&Value> = was.iter().filter(|one| !has(is, &one["uid"])).collect();
            let added: Vec<Value> = is.iter().filter(|one| !has(was, &one["uid"])).cloned().collect();
            self.look_at_unblocked(was, is);
            node.set_owners(object);
            self.add_to_owners(node, &added);
            for reference in removed {
                self.graph.unlink(node, reference["uid"].str());
            }
        }
        if object.is_deleting() {
            node.mark_being_deleted();
        }
        self.process_transitions(node, object, old);
    }

    /// Looks at owners for which a dependent no longer blocks (`addUnblockedOwnersToDeleteQueue`).
    fn look_at_unblocked(&self, was: &[Value], is: &[Value]) {
        for reference in was.iter().filter(|reference| reference["blockOwnerDeletion"].bool()) {
            let now = is.iter().find(|now| now["uid"] == reference["uid"]);
            if now.is_some_and(|now| now["blockOwnerDeletion"].bool()) {
                continue;
            }
            if let Some(owner) = self.graph.get(reference["uid"].str()) {
                self.attempt_to_delete.add(owner);
            }
        }
    }

    fn process_transitions(&self, node: &Node, object: &Value, old: Option<&Value>) {
        if deletion_starts_with(old, object, ORPHAN) {
            self.attempt_to_orphan.add(node.clone());
            return;
        }
        if deletion_starts_with(old, object, FOREGROUND) {
            // A node that was virtual has not been told yet.
            node.mark_deleting_dependents();
            for dependent in node.dependents() {
                self.attempt_to_delete.add(dependent);
            }
            self.attempt_to_delete.add(node.clone());
        }
    }

    /// Adds a node to the dependents of owners. Owners that are not in the graph get virtual nodes, which are looked
    /// up; a reference that cannot be right has the dependent looked at (`addDependentToOwners`).
    fn add_to_owners(&self, node: &Node, references: &[Value]) {
        let mut is_doubtful = false;
        let namespace = &node.identity().namespace;
        let mut holder = Value::map();
        holder.set(&["metadata", "ownerReferences"], references.to_vec());
        for reference in holder.owners() {
            let Some(owner) = self.graph.get(reference.uid) else {
                let seen = Seen {
                    object: &Value::Null,
                    is_virtual: true,
                    deleting_dependents: false,
                    being_deleted: false,
                };
                let owner = self.graph.make(Identity::of_owner(&reference, namespace), &seen);
                self.graph.put(&owner);
                owner.add_dependent(node);
                self.attempt_to_delete.add(owner);
                continue;
            };
            owner.add_dependent(node);
            let known = owner.identity();
            let is_elsewhere = known.namespace != *namespace;
            // Owners without a namespace may be referred to from anywhere; but while such an owner is virtual, it may
            // be a namespaced one that a cluster-scoped dependent wrongly refers to (kubernetes#98040).
            let is_wrong_place = is_elsewhere && (!known.namespace.is_empty() || !owner.is_observed());
            is_doubtful |= is_wrong_place || !known.is_meant_by(&reference);
        }
        if is_doubtful {
            self.attempt_to_delete.add(node.clone());
        }
    }

    fn delete(&self, node: &Node, event: &GraphEvent) {
        let deleted = event.identity();
        if event.is_virtual && !self.believes(node, &deleted) {
            return;
        }
        self.graph.remove(node);
        let dependents = node.dependents();
        if !dependents.is_empty() {
            self.absent_owners.add(deleted);
        }
        for dependent in dependents {
            self.attempt_to_delete.add(dependent);
        }
        for reference in node.owners().owners() {
            // An owner that waits may now have nothing left to wait for.
            let waiting = self.graph.get(reference.uid).filter(Node::is_deleting_dependents);
            if let Some(owner) = waiting {
                self.attempt_to_delete.add(owner);
            }
        }
    }

    /// Tells whether a node goes because its object was found absent under one name. Dependents that call its uid
    /// otherwise keep a virtual node; one that an informer showed under another name stays in any case.
    fn believes(&self, node: &Node, absent: &Identity) -> bool {
        let (matching, others) = node.partition_dependents(absent);
        let stays = if node.is_observed() { node.identity() != absent } else { !others.is_empty() };
        if !stays {
            return true;
        }
        if !matching.is_empty() {
            self.absent_owners.add(absent.clone());
            for dependent in matching {
                self.attempt_to_delete.add(dependent);
            }
        }
        if !node.is_observed()
            && node.identity() == absent
            && let Some(other) = alternate_identity(&others, absent)
        {
            let replacement = self.graph.replace(node, other);
            self.attempt_to_delete.add_rate_limited(replacement);
        }
        false
    }
}
