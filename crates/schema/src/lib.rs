//! What each Kubernetes release serves: resources, and the rules by which their objects are merged and defaulted.
//!
//! The tables in `tables/` are made by `cargo xtask codegen` from the Go module `k8s.io/kubernetes` and are read at
//! first use; the Kubernetes version is a run-time value, because upgrades mix releases.
//!
//! ```
//! use schema::{KubernetesVersion, Schema};
//!
//! let schema = Schema::for_version(KubernetesVersion::V1_36);
//! let deployments = schema.find("deploy").expect("a built-in resource");
//! assert_eq!((&*deployments.plural, deployments.api_version()), ("deployments", "apps/v1".to_owned()));
//! assert_eq!(&*deployments.subresource("scale").expect("it scales").kind, "Scale");
//!
//! let pod = schema.type_for_kind("", "v1", "Pod").expect("a built-in kind");
//! let spec = pod.at(&["spec"]).expect("pods have one");
//! let containers = spec.field("containers").expect("specs have them");
//! assert_eq!(containers.merge_key(), Some("name"));
//! assert_eq!(spec.field("tolerations").expect("specs have them").list_type(), schema::ListType::Atomic);
//! ```
//!
//! This crate must never know how requests are answered or objects are stored.

mod resource;
mod schema;
mod table;
mod type_table;
mod types;
mod version;

pub use resource::{Resource, Subresource, Verb, Verbs, api_version, split_api_version};
pub use schema::{Lifecycle, Schema, lifecycle};
pub use types::{Field, Form, ListType, PatchStrategy, Scalar, TypeRef};
pub use version::{KubernetesVersion, VersionError};
