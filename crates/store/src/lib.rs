//! Revisioned storage of Kubernetes objects: what etcd is to a real cluster.
//!
//! One revision counts all writes. Objects live in persistent maps, so a [`Snapshot`] of everything costs a reference
//! count, and the state after every write is kept until it is compacted.
//!
//! ```
//! use object::value;
//! use store::{Precondition, Store, Transaction};
//!
//! let mut store = Store::new();
//! let pod = value!({"metadata": {"namespace": "shop", "name": "web-0"}, "status": {"phase": "Pending"}});
//! let created = store.commit(Transaction::create("pods", pod)).unwrap();
//! assert_eq!(created.object["metadata"]["resourceVersion"], "2");
//!
//! let running = created.object.with(&["status", "phase"], "Running");
//! let update = Transaction::put("pods", running).when(Precondition::revision(2));
//! assert!(store.commit(update.clone()).unwrap().changed);
//! assert!(store.commit(update).is_err(), "revision 2 has been replaced");
//!
//! let before = store.snapshot_at(2).unwrap();
//! assert_eq!(before.get("pods", "shop", "web-0").unwrap()["status"]["phase"], "Pending");
//! let kinds: Vec<_> = store.events_after(1).unwrap().map(|event| event.kind).collect();
//! assert_eq!(kinds, [store::EventKind::Created, store::EventKind::Updated]);
//! ```
//!
//! This crate must never know who writes or watches, what a kind means beyond the paths its indexes name, how the API
//! server presents objects, or what time it is.

mod event;
mod index;
mod key;
mod size;
mod snapshot;
mod store;
mod table;
mod transaction;

pub use event::{Event, EventKind};
pub use index::{IndexBy, Indexes};
pub use key::{ObjectKey, ResourceName};
pub use snapshot::{Snapshot, Unplaceable};
pub use store::{Error, Limits, Statistics, Store};
pub use transaction::{CommitError, Committed, Conflict, Op, Precondition, Transaction, Unmet};
