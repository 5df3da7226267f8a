//! Path-copying edits: what lies beside the path is shared with the tree from before.

use crate::Key;
use crate::tree::{List, Map, Value};
use std::sync::Arc;

impl Map {
    /// Sets `key`, in place when nobody else holds this map.
    pub fn insert(&mut self, key: &str, value: Value) {
        *self.slot(key) = value;
    }

    /// Gives the value at `key` to change, inserting null when it is absent.
    pub(crate) fn slot(&mut self, key: &str) -> &mut Value {
        let at = match self.position(key) {
            Ok(at) => at,
            Err(at) => {
                let (head, tail) = self.0.split_at(at);
                let new = (Key::new(key), Value::Null);
                self.0 = head.iter().cloned().chain([new]).chain(tail.iter().cloned()).collect();
                at
            }
        };
        &mut Arc::make_mut(&mut self.0)[at].1
    }

    /// Removes `key` and gives what stood there.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let at = self.position(key).ok()?;
        let removed = self.0[at].1.clone();
        self.0 = self.0.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, pair)| pair.clone()).collect();
        Some(removed)
    }
}

impl Value {
    /// Gives the node at `path` of map keys to change; whatever is absent or no map on the way becomes a map.
    pub fn slot(&mut self, path: &[&str]) -> &mut Value {
        let mut node = self;
        for key in path {
            if !matches!(node, Self::Map(_)) {
                *node = Self::map();
            }
            let Self::Map(map) = node else { unreachable!("just made a map") };
            node = map.slot(key);
        }
        node
    }

    /// Sets what stands at `path` of map keys, making the maps on the way that are absent.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        *self.slot(path) = value.into();
    }

    /// Gives this tree with `path` set: the form for building objects in one expression.
    #[must_use]
    pub fn with(mut self, path: &[&str], value: impl Into<Value>) -> Self {
        self.set(path, value);
        self
    }

    /// Sets `path`, or removes it when `value` is null, empty, false or zero, as Go's `omitempty` does.
    pub fn set_or_omit(&mut self, path: &[&str], value: impl Into<Value>) {
        let value = value.into();
        let empty = value.is_empty() || matches!(value, Self::Bool(false) | Self::Int(0));
        if empty {
            self.remove(path);
        } else {
            self.set(path, value);
        }
    }

    /// Removes what stands at `path` and gives it; the maps on the way stay.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, parents) = path.split_last()?;
        self.at(parents).get(last)?;
        match self.slot(parents) {
            Self::Map(map) => map.remove(last),
            _ => None,
        }
    }

    /// Appends to the list at `path`, making it when absent.
    pub fn push(&mut self, path: &[&str], item: impl Into<Value>) {
        let slot = self.slot(path);
        *slot = slot.items().iter().cloned().chain([item.into()]).collect();
    }

    /// Gives the items of a list to change in place, `None` when this is no list.
    pub fn items_mut(&mut self) -> Option<&mut [Value]> {
        if let Self::List(List(items)) = self { Some(Arc::make_mut(items)) } else { None }
    }
}
