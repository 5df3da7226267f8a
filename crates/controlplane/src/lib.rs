//! Kubernetes's control plane on the deterministic kernel.
//!
//! etcd, API servers with watch caches, the client machinery, controllers, the scheduler, kubelets and the data plane
//! are processes of [`sim`], made of `async fn`s that read like the upstream components, and speak to each other only
//! in messages. [`Cluster`] makes them; [`World`] is what lies outside them: etcd's disk, the faults in force at the
//! API, and who is told of each commit.
//!
//! This crate must never know a scenario, a property or a report, nor anything ambient: time, chance and names come
//! from the kernel.

mod attacher;
pub mod behaviour;
mod cluster;
pub mod constants;
pub mod controllers;
pub mod dataplane;
pub mod etcd;
mod faults;
mod gates;
pub mod kinds;
mod kubelet;
pub mod machinery;
mod provisioner;
pub mod scheduler;
mod server;
mod sha256;
mod volumes;
mod wire;
mod world;

pub use cluster::{Cluster, ClusterConfig, ClusterError, Mutants, SYSTEM_NAMESPACES};
pub use faults::{Fault, FaultId, Faults, Relist, Target};
pub use gates::{Gates, UnknownGate};
pub use kubelet::NodeConfig;
pub use provisioner::{Reach, StorageConfig};
pub use world::{Commit, Observer, UnknownCreateObserver, World};
