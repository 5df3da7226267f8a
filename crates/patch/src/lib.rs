//! Patches of Kubernetes objects, as path-copying functions on [`object::Value`].
//!
//! [`json`] is RFC 6902 and [`merge`] is RFC 7386, both as the API server understands them. A patched tree shares
//! with the original everything that the patch did not touch.
//!
//! ```
//! use object::value;
//!
//! let object = value!({"spec": {"replicas": 1}, "status": {"replicas": 1}});
//! let patched = patch::merge(&object, &value!({"spec": {"replicas": 3}}));
//! assert_eq!(patched["spec"]["replicas"], 3);
//! assert!(patched["status"].same(&object["status"]));
//! ```
//!
//! This crate must never know which kind an object is, who sends a patch, or what is stored.

mod json;
mod merge;
mod pointer;

pub use json::{JsonPatchError, MAX_COPIED_BYTES, MAX_OPERATIONS, json};
pub use merge::merge;
pub use pointer::{Pointer, PointerError};
