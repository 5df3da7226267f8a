//! Listeners: where connections are accepted.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::context::Ctx;
use crate::hash::text;
use crate::kernel::Kernel;
use crate::net::Connection;
use crate::net::packet::Packet;
use crate::process::ProcessId;
use crate::record::Kind;
use crate::slab::Key;
use crate::task::Waiters;
use crate::wait::{self, Wait};

/// A listener as the network holds it.
pub(crate) struct Listening {
    pub(crate) process: ProcessId,
    pub(crate) incarnation: u32,
    pub(crate) port: &'static str,
    pub(crate) backlog: VecDeque<Key>,
    pub(crate) acceptors: Waiters,
}

const KIND_LISTEN: Kind = Kind::new("listen");
const KIND_ACCEPT: Kind = Kind::new("accept");

impl Ctx {
    /// Listens for connections on a port of this process. Dropping the listener refuses those not yet accepted.
    ///
    /// # Panics
    /// If the process listens on that port already.
    pub fn listen(&self, port: &'static str) -> Listener {
        let mut network = self.kernel.network.borrow_mut();
        let name = (self.process, port);
        let taken = network.ports.get(&name).is_some_and(|key| network.listeners.get(*key).is_some());
        assert!(!taken, "{} listens on {port} already", self.process_name());
        let key = network.listeners.insert(Listening {
            process: self.process,
            incarnation: self.incarnation,
            port,
            backlog: VecDeque::new(),
            acceptors: Waiters::default(),
        });
        network.ports.insert(name, key);
        drop(network);
        self.kernel.record(KIND_LISTEN, Some(self.process), text(port), || (port.into(), String::new()));
        Listener { kernel: self.kernel.clone(), key, port }
    }
}

/// Accepts connections on a port.
pub struct Listener {
    kernel: Rc<Kernel>,
    key: Key,
    port: &'static str,
}

impl Listener {
    /// Waits for the next connection. May be dropped and called again without losing any.
    pub async fn accept(&self) -> Connection {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The poll form of [`Listener::accept`], for futures written by hand.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Connection> {
        let wakeup = self.kernel.wakeup(cx);
        match self.kernel.next_accepted(self.key) {
            Some((key, peer)) => Poll::Ready(Connection::accepted(self.kernel.clone(), key, peer, self.port)),
            None => {
                if let Some(listening) = self.kernel.network.borrow_mut().listeners.get_mut(self.key) {
                    listening.acceptors.add(wakeup);
                }
                wait::note(Wait::Accept(self.port));
                Poll::Pending
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if !self.kernel.closing.get() {
            self.kernel.end_listener(self.key);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Listener({})", self.port)
    }
}

impl Kernel {
    /// Takes the next connection of a listener that was not given up meanwhile.
    fn next_accepted(&self, listener: Key) -> Option<(Key, ProcessId)> {
        let mut network = self.network.borrow_mut();
        let network = &mut *network;
        let listening = network.listeners.get_mut(listener)?;
        let process = listening.process;
        let (key, peer, digest) = loop {
            let key = listening.backlog.pop_front()?;
            if let Some(conn) = network.connections.get(key) {
                break (key, conn.sides[0].process, conn.lanes[0].key);
            }
        };
        let port = listening.port;
        self.record(KIND_ACCEPT, Some(process), digest, || {
            (format!("{} {port}", self.link_name(peer, process)), String::new())
        });
        Some((key, peer))
    }

    /// Ends a listener; the connections nobody accepted are reset.
    fn end_listener(&self, key: Key) {
        let mut network = self.network.borrow_mut();
        let Some(listening) = network.listeners.remove(key) else { return };
        let name = (listening.process, listening.port);
        if network.ports.get(&name) == Some(&key) {
            network.ports.remove(&name);
        }
        drop(network);
        for connection in listening.backlog {
            self.close_side(connection, 1, Packet::Reset);
        }
    }

    /// Ends all listeners of a process.
    pub(crate) fn end_listeners(&self, process: ProcessId) {
        let keys = self.network.borrow().listeners.keys_where(|listening| listening.process == process);
        for key in keys {
            self.end_listener(key);
        }
    }
}
