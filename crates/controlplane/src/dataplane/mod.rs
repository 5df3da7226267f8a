//! The data plane: what stands between a request and a container.
//!
//! Ingress controllers, node proxies and the cluster's DNS learn of Ingresses, Services and EndpointSlices by watches
//! of their own and program them with a lag of their own. A request meets what was programmed, not what etcd holds, and
//! in the end a container, which answers or does not: that only the kubelets know. So one can ask, at any moment, what
//! a request would be answered and why: [`Cluster::get`](crate::Cluster::get),
//! [`Cluster::connect`](crate::Cluster::connect), [`Cluster::resolve`](crate::Cluster::resolve).
//!
//! It must never look into etcd: what it knows arrived in a message, or lies on a node.

mod agent;
mod answer;
mod ask;
mod backends;
mod resolve;
mod route;
mod sockets;
mod table;

pub use answer::{Answer, Backend, Hop, Reach, Status};
pub use resolve::Resolution;
pub use sockets::{Listener, Socket, Sockets};

pub(crate) use agent::{Role, run};

use object::Text;
use std::collections::BTreeMap;
use table::Table;

/// Which parts of the data plane a cluster has; none of them unless asked for, for most questions need none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataPlaneConfig {
    /// Ingress controllers behind one load balancer.
    pub ingress_controllers: usize,
    /// Whether every node has a proxy that programs Services.
    pub node_proxies: bool,
    /// DNS servers of the cluster.
    pub dns_servers: usize,
}

impl DataPlaneConfig {
    /// Gives one Ingress controller, a proxy on each node and one DNS server.
    pub fn whole() -> Self {
        Self { ingress_controllers: 1, node_proxies: true, dns_servers: 1 }
    }
}

/// What is programmed and what listens: the part of the world that requests meet.
#[derive(Default)]
pub struct DataPlane {
    /// What containers listen on.
    pub sockets: Sockets,
    /// What each agent programmed last, by the name of its process.
    tables: BTreeMap<Text, Table>,
}
