//! The graph of who depends on whom, as the informers tell it (`pkg/controller/garbagecollector/graph.go`).

use object::{ObjectExt, OwnerReference, Text, Value};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

/// What names an object: where it is, and its uid. The order is upstream's `referenceLessThan`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) kind: Text,
    pub(super) api_version: Text,
    pub(super) namespace: Text,
    pub(super) name: Text,
    pub(super) uid: Text,
}

impl Identity {
    /// Names an object of a kind.
    pub(super) fn of(api_version: &str, kind: &str, object: &Value) -> Self {
        Self {
            kind: kind.into(),
            api_version: api_version.into(),
            namespace: object.namespace().into(),
            name: object.name().into(),
            uid: object.uid().into(),
        }
    }

    /// Names an owner as a dependent in `namespace` refers to it.
    pub(super) fn of_owner(reference: &OwnerReference<'_>, namespace: &str) -> Self {
        Self {
            kind: reference.kind.into(),
            api_version: reference.api_version.into(),
            namespace: namespace.into(),
            name: reference.name.into(),
            uid: reference.uid.into(),
        }
    }

    /// Tells whether a reference names this object, its namespace aside (`ownerReferenceMatchesCoordinates`).
    pub(super) fn is_meant_by(&self, reference: &OwnerReference<'_>) -> bool {
        reference.uid == &*self.uid
            && reference.name == &*self.name
            && reference.kind == &*self.kind
            && reference.api_version == &*self.api_version
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, api_version, namespace, name, uid } = self;
        write!(f, "[{api_version}/{kind}, namespace: {namespace}, name: {name}, uid: {uid}]")
    }
}

struct Inner {
    /// Nodes are told apart, and ordered, by when they were made.
    serial: u64,
    identity: Identity,
    dependents: RefCell<BTreeMap<u64, Node>>,
    deleting_dependents: Cell<bool>,
    being_deleted: Cell<bool>,
    /// Whether no informer has shown the object: it is known from a reference alone.
    is_virtual: Cell<bool>,
    /// An object with the owners alone, so that they can be read as of any object.
    owners: RefCell<Value>,
}

/// One object of the graph. Clones are the same node.
#[derive(Clone)]
pub(super) struct Node(Rc<Inner>);

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.0.serial == other.0.serial
    }
}

impl Eq for Node {}

impl PartialOrd for Node {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Node {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.serial.cmp(&other.0.serial)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.identity.fmt(f)
    }
}

impl Node {
    pub(super) fn identity(&self) -> &Identity {
        &self.0.identity
    }

    pub(super) fn is_observed(&self) -> bool {
        !self.0.is_virtual.get()
    }

    pub(super) fn mark_observed(&self) {
        self.0.is_virtual.set(false);
    }

    pub(super) fn is_being_deleted(&self) -> bool {
        self.0.being_deleted.get()
    }

    pub(super) fn mark_being_deleted(&self) {
        self.0.being_deleted.set(true);
    }

    /// Tells whether the object waits for its dependents to be deleted.
    pub(super) fn is_deleting_dependents(&self) -> bool {
        self.0.deleting_dependents.get()
    }

    pub(super) fn mark_deleting_dependents(&self) {
        self.0.deleting_dependents.set(true);
    }

    /// Gives an object with this one's owners and nothing else.
    pub(super) fn owners(&self) -> Value {
        self.0.owners.borrow().clone()
    }

    pub(super) fn set_owners(&self, object: &Value) {
        *self.0.owners.borrow_mut() = owners_alone(object);
    }

    pub(super) fn dependents(&self) -> Vec<Self> {
        self.0.dependents.borrow().values().cloned().collect()
    }

    pub(super) fn has_dependents(&self) -> bool {
        !self.0.dependents.borrow().is_empty()
    }

    pub(super) fn add_dependent(&self, dependent: &Self) {
        self.0.dependents.borrow_mut().insert(dependent.0.serial, dependent.clone());
    }

    pub(super) fn remove_dependent(&self, dependent: &Self) {
        self.0.dependents.borrow_mut().remove(&dependent.0.serial);
    }

    /// Gives the dependents for whose end the object has to wait when it is deleted in the foreground.
    pub(super) fn blocking_dependents(&self) -> Vec<Self> {
        let uid = &*self.0.identity.uid;
        let blocks = |dependent: &Self| {
            dependent.0.owners.borrow().owners().any(|owner| owner.uid == uid && owner.block_owner_deletion)
        };
        self.dependents().into_iter().filter(blocks).collect()
    }

    /// Splits the dependents into those that refer to an owner as it is, and those that refer to its uid otherwise;
    /// one with several references may be both (`partitionDependents`).
    pub(super) fn partition_dependents(&self, owner: &Identity) -> (Vec<Self>, Vec<Self>) {
        let (mut matching, mut others) = (Vec::new(), Vec::new());
        for dependent in self.dependents() {
            let elsewhere = !owner.namespace.is_empty() && owner.namespace != dependent.0.identity.namespace;
            let object = dependent.owners();
            let references: Vec<_> = object.owners().filter(|owner_of| owner_of.uid == &*owner.uid).collect();
            let is_match = |reference: &OwnerReference<'_>| owner.is_meant_by(reference);
            if elsewhere || !references.iter().all(is_match) {
                others.push(dependent.clone());
            }
            if !elsewhere && references.iter().any(is_match) {
                matching.push(dependent);
            }
        }
        (matching, others)
    }
}

fn owners_alone(object: &Value) -> Value {
    let mut alone = Value::map();
    alone.set_or_omit(&["metadata", "ownerReferences"], &object["metadata"]["ownerReferences"]);
    alone
}

/// What an informer, or a request, showed of an object when its node is made.
pub(super) struct Seen<'a> {
    /// The object, or one with the owners alone.
    pub(super) object: &'a Value,
    pub(super) is_virtual: bool,
    pub(super) deleting_dependents: bool,
    pub(super) being_deleted: bool,
}

/// All nodes by the uids of their objects.
#[derive(Default)]
pub(super) struct Graph {
    nodes: RefCell<BTreeMap<Text, Node>>,
    next_serial: Cell<u64>,
}

impl Graph {
    /// Makes a node; it is not in the graph yet.
    pub(super) fn make(&self, identity: Identity, seen: &Seen<'_>) -> Node {
        let serial = self.next_serial.get();
        self.next_serial.set(serial + 1);
        Node(Rc::new(Inner {
            serial,
            identity,
            dependents: RefCell::default(),
            deleting_dependents: Cell::new(seen.deleting_dependents),
            being_deleted: Cell::new(seen.being_deleted),
            is_virtual: Cell::new(seen.is_virtual),
            owners: RefCell::new(owners_alone(seen.object)),
        }))
    }

    /// Makes a copy of a node under another name, and puts it in its place.
    pub(super) fn replace(&self, node: &Node, identity: Identity) -> Node {
        let copy = self.make(
            identity,
            &Seen {
                object: &node.owners(),
                is_virtual: node.0.is_virtual.get(),
                deleting_dependents: node.is_deleting_dependents(),
                being_deleted: node.is_being_deleted(),
            },
        );
        copy.0.dependents.borrow_mut().clone_from(&node.0.dependents.borrow());
        self.put(&copy);
        copy
    }

    pub(super) fn put(&self, node: &Node) {
        self.nodes.borrow_mut().insert(node.0.identity.uid.clone(), node.clone());
    }

    pub(super) fn get(&self, uid: &str) -> Option<Node> {
        self.nodes.borrow().get(uid).cloned()
    }

    /// Takes a node out, and out of its owners' dependents.
    pub(super) fn remove(&self, node: &Node) {
        self.nodes.borrow_mut().remove(&node.0.identity.uid);
        for owner in node.owners().owners() {
            self.unlink(node, owner.uid);
        }
    }

    /// Takes a node out of the dependents of one owner.
    pub(super) fn unlink(&self, node: &Node, owner_uid: &str) {
        if let Some(owner) = self.get(owner_uid) {
            owner.remove_dependent(node);
        }
    }
}

/// Finds another name by which dependents refer to the uid of an owner that is known to be absent under one name: the
/// first that follows that name in order, else the first of all (`getAlternateOwnerIdentity`).
pub(super) fn alternate_identity(dependents: &[Node], absent: &Identity) -> Option<Identity> {
    let is_cluster_scoped = absent.namespace.is_empty();
    let mut found: Vec<Identity> = Vec::new();
    for dependent in dependents {
        let namespace = &dependent.identity().namespace;
        for reference in dependent.owners().owners().filter(|reference| reference.uid == &*absent.uid) {
            if absent.is_meant_by(&reference) && (is_cluster_scoped || absent.namespace == *namespace) {
                continue;
            }
            let mut other = Identity::of_owner(&reference, namespace);
            if is_cluster_scoped && other.api_version == absent.api_version && other.kind == absent.kind {
                other.namespace = "".into();
            }
            found.push(other);
        }
    }
    found.retain(|other| other != absent);
    found.sort();
    let following = found.iter().find(|other| *other > absent);
    following.or(found.first()).cloned()
}

/// Remembers owners that do not exist, the least recently used forgotten first (`uid_cache.go`).
pub(super) struct AbsentOwners {
    most: usize,
    clock: Cell<u64>,
    last_use: RefCell<BTreeMap<Identity, u64>>,
    by_use: RefCell<BTreeMap<u64, Identity>>,
}

impl AbsentOwners {
    pub(super) fn new(most: usize) -> Self {
        Self { most, clock: Cell::new(0), last_use: RefCell::default(), by_use: RefCell::default() }
    }

    fn touch(&self, owner: Identity) {
        let now = self.clock.get() + 1;
        self.clock.set(now);
        let mut by_use = self.by_use.borrow_mut();
        if let Some(before) = self.last_use.borrow_mut().insert(owner.clone(), now) {
            by_use.remove(&before);
        }
        by_use.insert(now, owner);
        if by_use.len() > self.most
            && let Some((_, oldest)) = by_use.pop_first()
        {
            self.last_use.borrow_mut().remove(&oldest);
        }
    }

    pub(super) fn add(&self, owner: Identity) {
        self.touch(owner);
    }

    /// Tells whether an owner is known not to exist; that it was asked for keeps it remembered.
    pub(super) fn has(&self, owner: &Identity) -> bool {
        let is_known = self.last_use.borrow().contains_key(owner);
        if is_known {
            self.touch(owner.clone());
        }
        is_known
    }
}
