//! The objects of one resource with their indexes.

use crate::index::{Index, IndexBy, Indexes};
use crate::key::{ObjectKey, Position};
use imbl::OrdMap;
use object::{GroupResource, Value};
use std::borrow::Borrow;
use std::ops::Bound;
use std::sync::Arc;

/// The objects of one resource; cloning costs two reference counts.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    objects: OrdMap<ObjectKey, Value>,
    indexes: Arc<[Index]>,
}

impl Table {
    pub(crate) fn new(resource: &GroupResource, indexes: &Indexes) -> Self {
        Self { objects: OrdMap::new(), indexes: indexes.of(resource).cloned().map(Index::new).collect() }
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn get(&self, at: Position<'_>) -> Option<&Value> {
        self.objects.get(&at)
    }

    pub(crate) fn get_entry(&self, at: Position<'_>) -> Option<(&ObjectKey, &Value)> {
        self.objects.get_key_value(&at)
    }

    /// Gives the objects of one namespace, or all, in the order of keys, from `start` on.
    ///
    /// `Some("")` asks for objects in no namespace; their keys lie among the others, so all are looked at.
    pub(crate) fn range<'a>(
        &'a self,
        namespace: Option<&str>,
        start: Option<Position<'_>>,
    ) -> impl Iterator<Item = (&'a ObjectKey, &'a Value)> + use<'a> {
        let (low, high) = match namespace {
            None | Some("") => (start.unwrap_or(Position::start()), Bound::Unbounded),
            Some(namespace) => (
                start.unwrap_or(Position::namespace_start(namespace)),
                Bound::Excluded(Position::namespace_end(namespace)),
            ),
        };
        let only_without = namespace == Some("");
        let found = self.objects.range((Bound::Included(low), high));
        found.filter(move |(key, _)| !only_without || key.namespace().is_empty())
    }

    /// Gives the objects found under `value`, in the order of keys: from the index if there is one, else by scanning.
    pub(crate) fn find<'a>(
        &'a self,
        by: impl Borrow<IndexBy> + 'a,
        value: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Value> {
        let index = self.indexes.iter().find(|index| index.by == *by.borrow() && namespace != Some(""));
        let indexed = index.into_iter().flat_map(move |index| index.keys(value, namespace)).map(|key| {
            let object = self.objects.get(key);
            assert!(object.is_some(), "index names {key}, which is not stored");
            object.expect("just asserted")
        });
        let scanned = index.is_none().then(|| self.range(namespace, None)).into_iter().flatten();
        indexed
            .chain(scanned.map(|(_, object)| object).filter(move |object| by.borrow().holds(object, value)))
    }

    /// Stores `object` at `key`, or removes what is there when it is `None`; gives what was there.
    pub(crate) fn replace(&mut self, key: &ObjectKey, object: Option<Value>) -> Option<Value> {
        let old = match &object {
            Some(object) => self.objects.insert(key.clone(), object.clone()),
            None => self.objects.remove(key),
        };
        let (before, after) = (old.as_ref().unwrap_or(&Value::Null), object.as_ref().unwrap_or(&Value::Null));
        // Most writes touch no index, and then the indexes stay shared with the revision before.
        if self.indexes.iter().any(|index| index.is_touched(before, after)) {
            for index in Arc::make_mut(&mut self.indexes) {
                if index.is_touched(before, after) {
                    index.replace(key, before, after);
                }
            }
        }
        old
    }

    /// Tells what is wrong with the indexes: every entry must follow from an object, and the other way round.
    pub(crate) fn problem(&self) -> Option<String> {
        for index in self.indexes.iter() {
            let mut wanted: Vec<(&str, &ObjectKey)> = self
                .objects
                .iter()
                .flat_map(|(key, object)| index.by.values(object).map(move |value| (&**value, key)))
                .collect();
            wanted.sort();
            wanted.dedup();
            let held: Vec<(&str, &ObjectKey)> = index.iter().collect();
            if wanted != held {
                return Some(format!("index {:?} holds {held:?}, not {wanted:?}", index.by));
            }
        }
        None
    }
}
