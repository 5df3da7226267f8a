//! Watches: what a client is told of a change, as pure functions. When it is told is not decided here.

use crate::driver::ReadAt;
use crate::fields;
use crate::status::Refusal;
use object::{FieldSelector, GroupResource, ObjectExt, Selector, Text, Value, value};
use store::{Event, EventKind, Snapshot};

/// What a watch begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFrom {
    /// An `ADDED` for every object of a state that is as fresh as asked, then all changes after it.
    Initial(ReadAt),
    /// All changes after this revision; it may lie in the future, and then nothing is said until it is past.
    After(u64),
    /// All changes after the present state.
    Now,
}

/// A watch that the server agreed to. The driver's owner sends the events and ends it.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchStart {
    /// The resource watched.
    pub resource: GroupResource,
    /// What it begins with.
    pub from: WatchFrom,
    /// Which events the client is told of, and how.
    pub filter: WatchFilter,
    /// Whether the client wants bookmarks.
    pub bookmarks: bool,
    /// Whether the client wants a bookmark that marks the end of the initial events.
    pub initial_events_end: bool,
    /// When the watch ends, in seconds; without it the server picks 30 to 60 minutes.
    pub timeout_s: Option<u64>,
}

/// What happened, from the client's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchEventKind {
    /// The object came to be, or came into view.
    Added,
    /// The object changed.
    Modified,
    /// The object is gone, or out of view.
    Deleted,
    /// Everything up to a revision was told.
    Bookmark,
    /// The watch failed; its object is a Status.
    Error,
}

impl WatchEventKind {
    /// Gives the `type` of the event as it goes over the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Error => "ERROR",
        }
    }
}

/// One event of a watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchEvent {
    /// What happened.
    pub kind: WatchEventKind,
    /// The object; with an error a Status.
    pub object: Value,
}

impl WatchEvent {
    /// Gives the event as it goes over the wire.
    pub fn to_value(&self) -> Value {
        value!({"type": self.kind.as_str(), "object": &self.object})
    }

    /// Says that the revision a watch was to begin after is no longer known; the watch ends with this.
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::error(&Refusal::expired(format!("too old resource version: {asked} ({oldest})")))
    }

    /// Ends a watch with a refusal.
    pub fn error(refusal: &Refusal) -> Self {
        Self { kind: WatchEventKind::Error, object: refusal.to_status() }
    }
}

/// Turns what the store tells into what one client is told.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchFilter {
    resource: GroupResource,
    kind: Text,
    api_version: Text,
    namespace: Text,
    labels: Selector,
    fields: FieldSelector,
}

impl WatchFilter {
    /// Makes a filter; an empty namespace means all.
    pub fn new(
        resource: GroupResource,
        kind: Text,
        api_version: Text,
        namespace: Text,
        labels: Selector,
        fields: FieldSelector,
    ) -> Self {
        Self { resource, kind, api_version, namespace, labels, fields }
    }

    /// Gives the namespace watched, `""` for all.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Gives the one name that can pass, if there is only one: such a watch need not look at other objects.
    pub fn name(&self) -> Option<&str> {
        self.fields.exact("metadata.name")
    }

    /// Gives the one node whose pods can pass, if there is only one: kubelets watch so, and there are thousands of them.
    pub fn node(&self) -> Option<&str> {
        let is_pods = self.resource.group.is_empty() && &*self.resource.resource == "pods";
        self.fields.exact("spec.nodeName").filter(|node| is_pods && !node.is_empty())
    }

    /// Tells whether an object is in view.
    pub fn matches(&self, object: &Value) -> bool {
        (self.namespace.is_empty() || *self.namespace == *object.namespace())
            && (self.labels.is_everything() || self.labels.matches(object.labels()))
            && (self.fields.is_everything() || fields::matches(&self.resource, &self.fields, object))
    }

    /// Gives what the client is told of an event; nothing if it concerns no object in view, before or after.
    ///
    /// An object that comes into view is `ADDED`; one that goes out of view is `DELETED`, in the form it had in view
    /// but with the revision of the change.
    pub fn apply(&self, event: &Event) -> Option<WatchEvent> {
        if event.resource != self.resource
            || !(self.namespace.is_empty() || *self.namespace == *event.namespace())
        {
            return None;
        }
        let before = event.previous.as_ref().filter(|object| self.matches(object));
        let after =
            Some(&event.object).filter(|object| event.kind != EventKind::Deleted && self.matches(object));
        let (kind, object) = match (before, after) {
            (None, None) => return None,
            (None, Some(object)) => (WatchEventKind::Added, object.clone()),
            (Some(_), Some(object)) => (WatchEventKind::Modified, object.clone()),
            (Some(_), None) if event.kind == EventKind::Deleted => {
                (WatchEventKind::Deleted, event.object.clone())
            }
            (Some(seen), None) => {
                let gone = seen.clone().with(&["metadata", "resourceVersion"], event.revision.to_string());
                (WatchEventKind::Deleted, gone)
            }
        };
        Some(WatchEvent { kind, object: self.in_version(object) })
    }

    /// Gives an `ADDED` for every object in view, in the order of keys: what a watch begins with.
    pub fn initial<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = WatchEvent> + 'a {
        let namespace = Some(&*self.namespace).filter(|namespace| !namespace.is_empty());
        let node = self.node();
        let on_node = node.map(|node| snapshot.on_node(node));
        let all = node.is_none().then(|| snapshot.list(&self.resource, namespace));
        let candidates = on_node.into_iter().flatten().chain(all.into_iter().flatten());
        candidates
            .filter(|object| self.matches(object))
            .map(|object| WatchEvent { kind: WatchEventKind::Added, object: self.in_version(object.clone()) })
    }

    /// Says that everything up to a revision was told.
    pub fn bookmark(&self, revision: u64) -> WatchEvent {
        let object = value!({
            "kind": &self.kind, "apiVersion": &self.api_version,
            "metadata": {"resourceVersion": revision.to_string()},
        });
        WatchEvent { kind: WatchEventKind::Bookmark, object }
    }

    /// Says that all initial events were told.
    pub fn initial_events_end(&self, revision: u64) -> WatchEvent {
        let mut event = self.bookmark(revision);
        event.object.set(&["metadata", "annotations"], value!({"k8s.io/initial-events-end": "true"}));
        event
    }

    /// Gives the object in the version that the client asked for.
    fn in_version(&self, object: Value) -> Value {
        in_version(object, &self.api_version, &self.kind)
    }
}

/// Names the version and kind asked for, which is all that versions of one resource differ in here.
pub(crate) fn in_version(mut object: Value, api_version: &Text, kind: &Text) -> Value {
    if object["apiVersion"] != **api_version {
        object.set(&["apiVersion"], api_version);
    }
    if object["kind"] != **kind {
        object.set(&["kind"], kind);
    }
    object
}
