//! The semantics of the Kubernetes API, without input or output.
//!
//! A [`Request`] goes in, a [`Response`] comes out. All that lies outside is behind a [`Driver`]: reads of the
//! storage, writes to it, waiting, the time and entropy. So the same server stands behind a simulated control plane,
//! behind a real HTTPS endpoint and in tests.
//!
//! ```
//! use apiserver::{MemoryDriver, Request, Server};
//! use object::{GroupVersionResource, Time, value};
//! use schema::KubernetesVersion;
//!
//! let server = Server::new(KubernetesVersion::V1_36);
//! let driver = MemoryDriver::new(Time::from_unix_seconds(1_790_000_000));
//! let namespaces = GroupVersionResource::new("", "v1", "namespaces");
//! let created = driver.handle(&server, Request::create(&namespaces, value!({"metadata": {"name": "shop"}})));
//! assert_eq!((created.code, created.value()["status"]["phase"].str()), (201, "Active"));
//! let again = driver.handle(&server, Request::create(&namespaces, value!({"metadata": {"name": "shop"}})));
//! assert_eq!((again.code, again.reason()), (409, "AlreadyExists"));
//! ```
//!
//! This crate must never know how a request arrived, how objects are stored, or what time it is.

mod admission;
mod allocate;
mod body;
mod call;
mod continuation;
mod create;
mod decode;
mod delete;
mod driver;
mod edit;
mod eviction;
mod field;
mod fields;
mod kinds;
mod memory;
mod meta;
mod normal;
mod options;
mod patch_verb;
pub mod quota;
mod read;
mod request;
mod response;
mod route;
mod server;
mod status;
mod subresource;
mod traits;
mod types;
mod update;
mod watch;

pub use body::BODY_BYTES_MAX;
pub use driver::{CommitError, Driver, ReadAt, ReadError};
pub use field::{FieldError, FieldPath};
pub use memory::MemoryDriver;
pub use options::{Options, Preconditions};
pub use request::{PatchType, Request, Verb};
pub use response::{Body, List, Response};
pub use server::{Server, ServerOptions};
pub use status::{OPTIMISTIC_LOCK, Refusal};
pub use watch::{WatchEvent, WatchEventKind, WatchFilter, WatchFrom, WatchStart};
