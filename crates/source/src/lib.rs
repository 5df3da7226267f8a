//! Where views come from: a live cluster, a file, a folder or a stream of manifests and dumps.
//!
//! Every source gives the same: a [`Loaded`] with its [`view::View`], the origin of its "now", and everything that
//! could not be read, named. Nothing is lost in silence: one broken document among a thousand is a [`Trouble`] that
//! says file, document, line and column, and the other 999 are loaded.
//!
//! ```
//! let manifests = "\
//! apiVersion: v1
//! kind: Pod
//! metadata: {name: web-0, namespace: shop, creationTimestamp: '2026-01-31T09:30:00Z'}
//! ---
//! kind: [broken
//! ";
//! let loaded = source::read_stream(manifests.as_bytes(), &source::Options::default()).unwrap();
//! assert_eq!(loaded.view.count("pods"), 1);
//! assert_eq!(loaded.view.now().rfc3339(), "2026-01-31T09:30:00Z");
//! assert_eq!((loaded.troubles[0].document, loaded.troubles[0].line), (Some(2), Some(5)));
//! assert!(loaded.view.readable("secrets").is_err(), "nobody knows whether there were any");
//! ```
//!
//! # What an absent kind means
//!
//! A cluster says "there are none"; a folder that holds no Secret may come from a cluster full of them. So for files
//! and streams, a built-in resource counts as read when at least one object of it was given, or a List of it, even an
//! empty one: a typed List (`PodList`), or an untyped one in a file named after the resource (`pods.json`,
//! `deployments.apps.yaml`). Every other built-in resource is recorded as unread, and a check that needs it cannot
//! pass. What was given of a resource counts as all there is of it.
//!
//! Tools that export everything often write no file for what there is none of. So files that hold every resource that
//! no cluster is without (namespaces, service accounts, API services, cluster roles and ten more) are taken for the
//! export of a whole cluster, in which an absent kind is an empty one; only Secrets and events, which are often left
//! out on purpose, stay unread. A note says so.
//!
//! # Secrets
//!
//! The values of Secrets are replaced on arrival, their keys kept: see [`redact`].
//!
//! This crate must never know what is done with a view, print, or decide on exit codes.

mod cluster;
mod error;
mod files;
mod gather;
mod loaded;
pub mod redact;

pub use cluster::{Access, BYTES_PER_ANSWER_MAX, OBJECTS_MAX, PAGE_OBJECTS, read_cluster};
pub use error::SourceError;
pub use files::{FILE_BYTES_MAX, FILES_MAX, TOTAL_BYTES_MAX, read_path, read_stream};
pub use loaded::{Loaded, NowFrom, Options, Origin, Progress, Trouble};
