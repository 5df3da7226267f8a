//! The tree in which Seaworthy holds every Kubernetes object.
//!
//! A [`Value`] is a persistent JSON tree: cloning one costs a reference count, changing one field copies the path
//! from the root to it and shares the rest. Maps are sorted by key, so two trees that are equal are written alike.
//!
//! ```
//! use object::{Value, value};
//!
//! let mut pod = value!({"metadata": {"name": "web-0"}, "status": {"phase": "Pending"}});
//! let before = pod.clone();
//! pod.set(&["status", "phase"], "Running");
//! assert_eq!(pod["status"]["phase"], "Running");
//! assert_eq!(before["status"]["phase"], "Pending");
//! assert!(pod["metadata"].same(&before["metadata"]), "what did not change is shared");
//! ```
//!
//! This crate must never know what a Kubernetes kind means, where objects come from, or what time it is.

mod convert;
pub mod diff;
mod duration;
mod edit;
mod fields;
mod gvk;
mod int_or_percent;
pub mod json;
mod key;
mod literal;
mod meta;
pub mod names;
mod pointer;
mod pool;
mod quantity;
mod selector;
mod time;
mod tree;
pub mod yaml;
mod zone;

pub use convert::{ConvertError, from_value, to_value};
pub use duration::{DurationError, GoDuration};
pub use fields::{FieldRequirement, FieldSelector};
pub use gvk::{
    GroupKind, GroupResource, GroupVersion, GroupVersionError, GroupVersionKind, GroupVersionResource,
};
pub use int_or_percent::{IntOrPercentError, int_or_percent, try_int_or_percent};
pub use key::Key;
pub use meta::{ObjectExt, OwnerReference};
pub use pointer::{Pointer, PointerError};
pub use pool::{POOL_MAX, Pool};
pub use quantity::{Format, Quantity, QuantityError};
pub use selector::{Operator, Requirement, Selector, SelectorError};
pub use time::{Time, TimeError};
pub use tree::{List, Map, Text, Value};
pub use zone::Zone;
