//! The newest version of each object that the binder saw or wrote (`storeObjectUpdate`).

use crate::machinery::ObjectKey;
use object::{ObjectExt, Value};
use std::cell::RefCell;
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Newest(RefCell<BTreeMap<ObjectKey, Value>>);

impl Newest {
    pub(super) fn fill(&self, objects: &[Value]) {
        self.0.borrow_mut().extend(objects.iter().map(|object| (ObjectKey::of(object), object.clone())));
    }

    /// Takes in an object, unless a newer version of it is known; tells whether it did.
    pub(super) fn put(&self, object: &Value) -> bool {
        let mut objects = self.0.borrow_mut();
        let key = ObjectKey::of(object);
        if objects.get(&key).is_some_and(|known| known.revision() > object.revision()) {
            return false;
        }
        objects.insert(key, object.clone());
        true
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Value> {
        self.0.borrow().get(&ObjectKey::new(namespace, name)).cloned()
    }

    pub(super) fn remove(&self, key: &ObjectKey) -> Option<Value> {
        self.0.borrow_mut().remove(key)
    }

    pub(super) fn list(&self) -> Vec<Value> {
        self.0.borrow().values().cloned().collect()
    }
}
