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
//! ```
//!
//! This crate must never know how requests are answered or objects are stored.

mod resource;
mod schema;
mod table;
mod version;

pub use resource::{Resource, Subresource, Verb, Verbs, api_version, split_api_version};
pub use schema::{Lifecycle, Schema, lifecycle};
pub use version::{KubernetesVersion, VersionError};
