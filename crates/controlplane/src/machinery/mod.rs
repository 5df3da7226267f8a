//! What every controller stands on: clients, reflectors, informers, work queues, expectations, leader election.
//!
//! The pieces behave as client-go's and `pkg/controller`'s do. They must never look at the world outside their
//! process: what they know arrived in a message.

mod client;
mod consistency;
mod election;
mod expectations;
mod informer;
mod persist;
mod pods;
mod ratelimit;
mod reflector;
mod transport;
mod workqueue;

pub use client::{ApiError, Client, DeleteOptions, ListScope, Listed, WatchStream};
pub use consistency::{ConsistencyError, ConsistencyStore, ReadRevision};
pub use election::{Election, LeaderElector};
pub use expectations::Expectations;
pub use informer::{Informer, Lister, Notification, PENDING_MAX};
pub use persist::persist;
pub use pods::{
    by_deletion_order, is_pod_active, is_pod_available, is_pod_ready, is_pod_terminal,
    next_availability_check, pod_ready_since, slow_start, slow_start_within,
};
pub use ratelimit::{ExponentialBackoff, TokenBucket};
pub use transport::{PORT as SERVER_PORT, Transport};
pub use workqueue::WorkQueue;
pub(crate) use workqueue::run_workers;

/// The namespace and name of an object, as work queues carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// The namespace; empty for cluster-scoped objects.
    pub namespace: object::Text,
    /// The name.
    pub name: object::Text,
}

impl ObjectKey {
    /// Names an object.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// Names an object by its own metadata.
    pub fn of(object: &object::Value) -> Self {
        use object::ObjectExt;
        Self::new(object.namespace(), object.name())
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.namespace.is_empty() {
            f.write_str(&self.name)
        } else {
            write!(f, "{}/{}", self.namespace, self.name)
        }
    }
}
