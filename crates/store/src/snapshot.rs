//! Snapshots: all objects at one revision, immutable, with their indexes.

use crate::index::{IndexBy, Indexes};
use crate::key::{ObjectKey, Position, ResourceName, can_form_key};
use crate::table::Table;
use imbl::OrdMap;
use object::{GroupResource, ObjectExt, Value};
use std::sync::{Arc, LazyLock};

static NODE_NAME: LazyLock<IndexBy> = LazyLock::new(|| IndexBy::field(&["spec", "nodeName"]));

/// All objects at one revision.
///
/// Cloning costs one reference count. Every question a snapshot answers costs the same whether an index exists for
/// it or not in all but time: without one the resource is scanned.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) revision: u64,
    pub(crate) tables: OrdMap<GroupResource, Arc<Table>>,
}

/// Says why an object cannot be put into a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplaceable {
    /// The object is no map.
    #[error("not an object")]
    NotAnObject,
    /// The object's name is absent, or its name or namespace holds a slash.
    #[error("name {name:?} in namespace {namespace:?} cannot form a key")]
    Key {
        /// The object's namespace.
        namespace: String,
        /// The object's name.
        name: String,
    },
}

impl Snapshot {
    /// Gives a snapshot without objects at revision 1.
    pub fn empty() -> Self {
        Self { revision: 1, tables: OrdMap::new() }
    }

    /// Gives the revision: the highest that any object here may carry.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Adds an object as it stands, without a new revision: for snapshots of objects that come from elsewhere.
    ///
    /// Gives the object that was at its place. The snapshot's revision rises to that of the object.
    ///
    /// # Errors
    /// When the object has no usable name.
    pub fn insert(
        &mut self,
        resource: &GroupResource,
        object: Value,
        indexes: &Indexes,
    ) -> Result<Option<Value>, Unplaceable> {
        if object.as_map().is_none() {
            return Err(Unplaceable::NotAnObject);
        }
        let (namespace, name) = (object.namespace(), object.name());
        if !can_form_key(namespace, name) {
            return Err(Unplaceable::Key { namespace: namespace.to_owned(), name: name.to_owned() });
        }
        let key = ObjectKey::new(namespace, name);
        self.revision = self.revision.max(object.revision());
        Ok(self.replace(resource, &key, Some(object), indexes))
    }

    /// Stores or removes what is at `key` of `resource`; gives what was there.
    pub(crate) fn replace(
        &mut self,
        resource: &GroupResource,
        key: &ObjectKey,
        object: Option<Value>,
        indexes: &Indexes,
    ) -> Option<Value> {
        if let Some(table) = self.tables.get_mut(resource) {
            return Arc::make_mut(table).replace(key, object);
        }
        let mut table = Table::new(resource, indexes);
        let old = table.replace(key, object);
        self.tables.insert(resource.clone(), Arc::new(table));
        old
    }

    fn table<'a>(&self, resource: impl Into<ResourceName<'a>>) -> Option<&Table> {
        self.tables.get(&resource.into()).map(Arc::as_ref)
    }

    /// Gives one object; `namespace` is empty for a cluster-scoped one.
    pub fn get<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: &str,
        name: &str,
    ) -> Option<&Value> {
        self.table(resource)?.get(Position::of(namespace, name))
    }

    pub(crate) fn entry(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
    ) -> Option<(&ObjectKey, &Value)> {
        self.table(resource)?.get_entry(Position::of(namespace, name))
    }

    /// Gives the objects of a resource, of one namespace or of all, in the order of keys.
    ///
    /// One namespace is a range: the others are not looked at.
    pub fn list<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = &Value> {
        self.entries(resource, namespace).map(|(_, object)| object)
    }

    /// Gives the objects of a resource with their keys, like [`Snapshot::list`].
    pub fn entries<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: Option<&str>,
    ) -> impl Iterator<Item = (&ObjectKey, &Value)> {
        self.table(resource).into_iter().flat_map(move |table| table.range(namespace, None))
    }

    /// Gives the objects whose keys stand after the text `after`, which need not be a key that exists: how a list
    /// is continued.
    pub fn entries_after<'a>(
        &self,
        resource: impl Into<ResourceName<'a>>,
        namespace: Option<&str>,
        after: &str,
    ) -> impl Iterator<Item = (&ObjectKey, &Value)> {
        let (low, high) = match namespace {
            None | Some("") => (String::new(), None),
            Some(namespace) => (format!("{namespace}/"), Some(format!("{namespace}0"))),
        };
        let start = if after < low.as_str() { Position::text(&low) } else { Position::after(after) };
        let beyond = high.is_some_and(|high| after >= high.as_str());
        let table = self.table(resource).filter(|_| !beyond);
        table.map(|table| table.range(namespace, Some(start))).into_iter().flatten()
    }

    /// Counts the objects of a resource.
    pub fn count<'a>(&self, resource: impl Into<ResourceName<'a>>) -> usize {
        self.table(resource).map_or(0, Table::len)
    }

    /// Counts all objects.
    pub fn len(&self) -> usize {
        self.tables.values().map(|table| table.len()).sum()
    }

    /// Tells whether there are no objects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the resources of which there are objects, by group and name.
    pub fn resources(&self) -> impl Iterator<Item = &GroupResource> {
        self.tables.iter().filter(|(_, table)| table.len() > 0).map(|(resource, _)| resource)
    }

    /// Gives every object with its resource, by resource and key.
    pub fn iter(&self) -> impl Iterator<Item = (&GroupResource, &Value)> {
        self.tables
            .iter()
            .flat_map(|(resource, table)| table.range(None, None).map(move |(_, object)| (resource, object)))
    }

    /// Gives the objects of a resource that are found under `value`, of one namespace or of all, in the order of
    /// keys.
    pub fn find<'a>(
        &'a self,
        resource: impl Into<ResourceName<'a>>,
        by: &'a IndexBy,
        value: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        self.table(resource).into_iter().flat_map(move |table| table.find(by, value, namespace))
    }

    /// Gives every object that names `uid` among its owners, with its resource, by resource and key.
    pub fn owned_by<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = (&'a GroupResource, &'a Value)> {
        self.tables.iter().flat_map(move |(resource, table)| {
            table.find(&IndexBy::Owner, uid, None).map(move |object| (resource, object))
        })
    }

    /// Gives the pods bound to a node, in the order of keys.
    pub fn on_node<'a>(&'a self, node: &'a str) -> impl Iterator<Item = &'a Value> {
        self.find("pods", &NODE_NAME, node, None)
    }

    /// Gives the objects of a resource with a label of this value, in the order of keys.
    pub fn with_label<'a>(
        &'a self,
        resource: impl Into<ResourceName<'a>>,
        key: &str,
        value: &'a str,
    ) -> impl Iterator<Item = &'a Value> {
        let by = IndexBy::label(key);
        self.table(resource).into_iter().flat_map(move |table| table.find(by.clone(), value, None))
    }

    /// Walks all tables and says what is wrong, for tests: keys must be those of their objects, revisions must lie
    /// within this snapshot's, indexes must hold exactly what follows from the objects.
    pub fn problem(&self) -> Option<String> {
        for (resource, table) in &self.tables {
            for (key, object) in table.range(None, None) {
                if (key.namespace(), key.name()) != (object.namespace(), object.name()) {
                    return Some(format!("{resource} {key} holds {}", object.full_name()));
                }
                if object.revision() > self.revision {
                    return Some(format!("{resource} {key} has revision {}", object.revision()));
                }
            }
            if let Some(problem) = table.problem() {
                return Some(format!("{resource}: {problem}"));
            }
        }
        None
    }
}
