//! What the benches of several crates measure with: pods like those of a large cluster.
//!
//! Nothing of the product may use this crate.

mod pods;

pub use pods::{POD_COUNT, TEMPLATE_COUNT, pod_json};
