//! The network between processes: links with a direction, connections on them, datagrams.
//!
//! Programs see what they would see through sockets: an ordered stream of messages per connection, closures and resets
//! that travel as packets do, and silence where a machine or a link is gone. Must never know: what messages mean.

mod connection;
mod datagram;
mod link;
mod listener;
mod message;
mod packet;

use std::collections::BTreeMap;

pub use connection::{Closed, ConnectError, Connection};
pub use datagram::DatagramSocket;
pub use link::Traffic;
pub use listener::Listener;
pub use message::Message;

use crate::config::{LinkConfig, NetworkConfig};
use crate::context::Ctx;
use crate::process::ProcessId;
use crate::slab::{Key, Slab};

use connection::Conn;
use datagram::{Datagram, Socket};
use link::Link;
use listener::Listening;

/// The state of the whole network.
pub(crate) struct Network {
    default_link: LinkConfig,
    loopback: LinkConfig,
    links: Vec<Link>,
    link_ids: BTreeMap<(ProcessId, ProcessId), usize>,
    connections: Slab<Conn>,
    listeners: Slab<Listening>,
    ports: BTreeMap<(ProcessId, &'static str), Key>,
    sockets: Slab<Socket>,
    socket_ports: BTreeMap<(ProcessId, &'static str), Key>,
    datagrams: Slab<Datagram>,
}

impl Network {
    pub(crate) fn new(config: &NetworkConfig) -> Self {
        Network {
            default_link: config.link,
            loopback: config.loopback,
            links: Vec::new(),
            link_ids: BTreeMap::new(),
            connections: Slab::default(),
            listeners: Slab::default(),
            ports: BTreeMap::new(),
            sockets: Slab::default(),
            socket_ports: BTreeMap::new(),
            datagrams: Slab::default(),
        }
    }
}

/// Whom to talk to: a process by its id or by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A process.
    Process(ProcessId),
    /// The process of a name, looked up when it is used.
    Name(&'a str),
}

impl From<ProcessId> for Address<'_> {
    fn from(process: ProcessId) -> Self {
        Address::Process(process)
    }
}

impl<'a> From<&'a str> for Address<'a> {
    fn from(name: &'a str) -> Self {
        Address::Name(name)
    }
}

impl<'a> From<&'a String> for Address<'a> {
    fn from(name: &'a String) -> Self {
        Address::Name(name)
    }
}

impl Ctx {
    fn resolve(&self, address: Address<'_>) -> Option<ProcessId> {
        match address {
            Address::Process(process) => Some(process),
            Address::Name(name) => self.kernel.processes.borrow().find(name),
        }
    }
}
