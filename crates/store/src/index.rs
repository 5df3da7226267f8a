//! Indexes: which ones a resource has, and the persistent sets that hold them.

use crate::ResourceName;
use crate::key::{ObjectKey, Position};
use equivalent::{Comparable, Equivalent};
use imbl::OrdMap;
use object::{GroupResource, ObjectExt, Text, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

/// What objects can be found by, beside their key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexBy {
    /// The uids in `metadata.ownerReferences`.
    Owner,
    /// The value of a label.
    Label(Text),
    /// The string at a path of field names, such as `["spec", "nodeName"]`; an empty one is not indexed.
    Field(Box<[Text]>),
}

impl IndexBy {
    /// Names a label.
    pub fn label(key: &str) -> Self {
        Self::Label(key.into())
    }

    /// Names a field by its path.
    pub fn field(path: &[&str]) -> Self {
        Self::Field(path.iter().map(|step| Text::from(*step)).collect())
    }

    /// Gives the strings under which `object` is found.
    pub(crate) fn values<'a>(&'a self, object: &'a Value) -> impl Iterator<Item = &'a Text> {
        let (owners, one) = match self {
            Self::Owner => (object["metadata"]["ownerReferences"].items(), None),
            Self::Label(key) => (&[][..], object.labels()[key.as_ref()].as_text()),
            Self::Field(path) => {
                (&[][..], path.iter().fold(object, |node, step| &node[step.as_ref()]).as_text())
            }
        };
        let uids = owners.iter().filter_map(|owner| owner["uid"].as_text());
        // An empty label value is a value; an empty owner or field is an absent one.
        let keeps_empty = matches!(self, Self::Label(_));
        uids.chain(one).filter(move |text| keeps_empty || !text.is_empty())
    }

    /// Tells whether `object` is found under `value`.
    pub(crate) fn holds(&self, object: &Value, value: &str) -> bool {
        self.values(object).any(|text| **text == *value)
    }
}

/// Says which indexes each resource of a store has.
///
/// ```
/// use store::{IndexBy, Indexes};
/// let indexes = Indexes::none().with("pods", IndexBy::field(&["spec", "nodeName"])).everywhere(IndexBy::Owner);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexes {
    everywhere: Vec<IndexBy>,
    own: BTreeMap<GroupResource, Vec<IndexBy>>,
}

impl Indexes {
    /// Declares no index: everything is found by scanning.
    pub fn none() -> Self {
        Self::default()
    }

    /// Declares the indexes that Kubernetes's own controllers and Seaworthy's checks use: objects by owner, pods and
    /// volume attachments by node, events by the object they are about, endpoint slices by Service.
    pub fn kubernetes() -> Self {
        let node = IndexBy::field(&["spec", "nodeName"]);
        Self::none()
            .everywhere(IndexBy::Owner)
            .with("pods", node.clone())
            .with("volumeattachments.storage.k8s.io", node)
            .with("events", IndexBy::field(&["involvedObject", "uid"]))
            .with("events.events.k8s.io", IndexBy::field(&["regarding", "uid"]))
            .with("endpointslices.discovery.k8s.io", IndexBy::label("kubernetes.io/service-name"))
    }

    /// Adds an index to one resource.
    #[must_use]
    pub fn with<'a>(mut self, resource: impl Into<ResourceName<'a>>, by: IndexBy) -> Self {
        let own = self.own.entry(resource.into().into()).or_default();
        if !own.contains(&by) {
            own.push(by);
        }
        self
    }

    /// Adds an index to every resource.
    #[must_use]
    pub fn everywhere(mut self, by: IndexBy) -> Self {
        if !self.everywhere.contains(&by) {
            self.everywhere.push(by);
        }
        self
    }

    /// Gives the indexes of one resource.
    pub fn of<'a>(&self, resource: &'a GroupResource) -> impl Iterator<Item = &IndexBy> + use<'_, 'a> {
        let own = self.own.get(resource).map_or(&[][..], Vec::as_slice);
        self.everywhere.iter().chain(own.iter().filter(|by| !self.everywhere.contains(by)))
    }
}

/// One index of one resource: a sorted set of (value, key of the object).
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) by: IndexBy,
    entries: OrdMap<Entry, ()>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    value: Text,
    key: ObjectKey,
}

/// A position among the entries of one value; `None` stands after its last key.
struct Edge<'a> {
    value: &'a str,
    position: Option<Position<'a>>,
}

impl Equivalent<Entry> for Edge<'_> {
    fn equivalent(&self, entry: &Entry) -> bool {
        self.compare(entry).is_eq()
    }
}

impl Comparable<Entry> for Edge<'_> {
    fn compare(&self, entry: &Entry) -> Ordering {
        let within = || self.position.map_or(Ordering::Greater, |position| position.compare(&entry.key));
        self.value.cmp(&entry.value).then_with(within)
    }
}

impl Index {
    pub(crate) fn new(by: IndexBy) -> Self {
        Self { by, entries: OrdMap::new() }
    }

    /// Tells whether replacing `old` by `new` changes this index.
    pub(crate) fn is_touched(&self, old: &Value, new: &Value) -> bool {
        !self.by.values(old).eq(self.by.values(new))
    }

    /// Replaces what `old` contributed by what `new` does; [`Value::Null`] contributes nothing.
    pub(crate) fn replace(&mut self, key: &ObjectKey, old: &Value, new: &Value) {
        for value in self.by.values(old) {
            self.entries.remove(&Entry { value: value.clone(), key: key.clone() });
        }
        for value in self.by.values(new) {
            self.entries.insert(Entry { value: value.clone(), key: key.clone() }, ());
        }
    }

    /// Gives the keys of the objects with `value`, of one namespace or of all, in the order of keys.
    pub(crate) fn keys<'a>(
        &'a self,
        value: &str,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &'a ObjectKey> + use<'a> {
        let range: Range<Edge<'_>> = match namespace {
            None => Edge { value, position: Some(Position::start()) }..Edge { value, position: None },
            Some(namespace) => {
                Edge { value, position: Some(Position::namespace_start(namespace)) }..Edge {
                    value,
                    position: Some(Position::namespace_end(namespace)),
                }
            }
        };
        self.entries.range(range).map(|(entry, ())| &entry.key)
    }

    /// Gives all entries, for checking.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &ObjectKey)> {
        self.entries.keys().map(|entry| (&*entry.value, &entry.key))
    }
}
