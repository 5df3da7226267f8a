//! The semantics of the Kubernetes API, without input or output.
//!
//! A [`Request`] goes in, a [`Response`] comes out. All that lies outside is behind a [`Driver`]: reads of the
//! storage, writes to it, waiting, the time and entropy. So the same server stands behind a simulated control plane,
//! behind a real HTTPS endpoint and in tests.
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
mod quota;
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
