//! Protection of claims and volumes that are in use: a finalizer that goes when nothing uses them any more
//! (`pkg/controller/volume/pvcprotection`, `pvprotection`).

mod claims;
mod volumes;

pub(in crate::controllers) use claims::run as run_claims;
pub(in crate::controllers) use volumes::run as run_volumes;

use object::{ObjectExt, Value};

fn needs(object: &Value, finalizer: &str) -> bool {
    !object.is_deleting() && !object.has_finalizer(finalizer)
}

fn may_lose(object: &Value, finalizer: &str) -> bool {
    object.is_deleting() && object.has_finalizer(finalizer)
}

fn with_finalizer(object: &Value, finalizer: &str) -> Value {
    let mut next = object.clone();
    next.push(&["metadata", "finalizers"], finalizer);
    next
}

fn without_finalizer(object: &Value, finalizer: &str) -> Value {
    let kept: Vec<Value> =
        object["metadata"]["finalizers"].items().iter().filter(|f| **f != finalizer).cloned().collect();
    let mut next = object.clone();
    next.set_or_omit(&["metadata", "finalizers"], Value::from(kept));
    next
}
