//! Datagrams: messages that may be lost, doubled and overtaken.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::choice::site;
use crate::config::TraceLevel;
use crate::context::Ctx;
use crate::hash::{fold, text};
use crate::kernel::Kernel;
use crate::net::{Address, Message};
use crate::process::ProcessId;
use crate::queue::Action;
use crate::record::Kind;
use crate::slab::Key;
use crate::task::Waiters;
use crate::time::nanos;
use crate::wait::{self, Wait};

/// A bound port as the network holds it.
pub(crate) struct Socket {
    process: ProcessId,
    port: &'static str,
    inbox: VecDeque<(ProcessId, Message)>,
    receivers: Waiters,
}

/// A datagram on its way.
pub(crate) struct Datagram {
    from: ProcessId,
    to: ProcessId,
    port: &'static str,
    message: Message,
}

const KIND_DATAGRAM: Kind = Kind::new("datagram");
const KIND_DROPPED: Kind = Kind::new("datagram-dropped");
const KIND_DUPLICATED: Kind = Kind::new("datagram-duplicated");
const KIND_ARRIVED: Kind = Kind::new("datagram-arrived");

impl Ctx {
    /// Sends a datagram. It may be lost, arrive twice, or be overtaken, as the link has it; nobody tells.
    pub fn send_datagram<'a, M: Clone + 'static>(
        &self,
        to: impl Into<Address<'a>>,
        port: &'static str,
        message: M,
        label: &str,
    ) {
        let Some(to) = self.resolve(to.into()) else { return };
        if !self.is_alive() {
            return;
        }
        let from = self.process;
        let kernel = &self.kernel;
        let link = kernel.link(from, to);
        let digest = fold(fold(link as u64, text(port)), text(label));
        kernel.record(KIND_DATAGRAM, Some(from), digest, || {
            (format!("{} {port}", kernel.link_name(from, to)), label.into())
        });
        let label = kernel.trace.borrow().keeps(TraceLevel::Events).then(|| Rc::from(label));
        let copies = kernel.draw_copies(link, from, to, port);
        for _ in 0..copies {
            let message = Message::new(message.clone(), label.clone());
            kernel.dispatch_datagram(link, Datagram { from, to, port, message });
        }
    }

    /// Receives datagrams on a port of this process.
    ///
    /// # Panics
    /// If the port is bound already.
    pub fn bind(&self, port: &'static str) -> DatagramSocket {
        let mut network = self.kernel.network.borrow_mut();
        let name = (self.process, port);
        assert!(
            !network.socket_ports.contains_key(&name),
            "{} has bound {port} already",
            self.process_name()
        );
        let socket =
            Socket { process: self.process, port, inbox: VecDeque::new(), receivers: Waiters::default() };
        let key = network.sockets.insert(socket);
        network.socket_ports.insert(name, key);
        DatagramSocket { kernel: self.kernel.clone(), key, port }
    }
}

/// Receives datagrams on a port.
pub struct DatagramSocket {
    kernel: Rc<Kernel>,
    key: Key,
    port: &'static str,
}

impl DatagramSocket {
    /// Waits for the next datagram and says whom it is from. May be dropped and called again without losing any.
    pub async fn recv(&self) -> (ProcessId, Message) {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The poll form of [`DatagramSocket::recv`], for futures written by hand.
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<(ProcessId, Message)> {
        let wakeup = self.kernel.wakeup(cx);
        let mut network = self.kernel.network.borrow_mut();
        let Some(socket) = network.sockets.get_mut(self.key) else { return Poll::Pending };
        match socket.inbox.pop_front() {
            Some(datagram) => Poll::Ready(datagram),
            None => {
                socket.receivers.add(wakeup);
                wait::note(Wait::Datagram(self.port));
                Poll::Pending
            }
        }
    }
}

impl Drop for DatagramSocket {
    fn drop(&mut self) {
        let socket = self.kernel.network.borrow_mut().remove_socket(self.key);
        drop(socket);
    }
}

impl fmt::Debug for DatagramSocket {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "DatagramSocket({})", self.port)
    }
}

impl super::Network {
    fn remove_socket(&mut self, key: Key) -> Option<Socket> {
        let socket = self.sockets.remove(key)?;
        self.socket_ports.remove(&(socket.process, socket.port));
        Some(socket)
    }
}

impl Kernel {
    /// How many copies of a datagram get on the way: none if lost or cut off, two if doubled.
    fn draw_copies(&self, link: usize, from: ProcessId, to: ProcessId, port: &'static str) -> u32 {
        let (config, partitioned) = {
            let network = self.network.borrow();
            (network.link_config(link), network.links[link].partitioned)
        };
        let name = || format!("{} {port}", self.link_name(from, to));
        let drawn = |site, ppm: u32| ppm > 0 && self.choose(site, &name(), 1_000_000) < u64::from(ppm);
        let lost = drawn(site::DROP, config.drop_ppm);
        let doubled = drawn(site::DUPLICATE, config.duplicate_ppm);
        self.network.borrow_mut().links[link].blocked += u64::from(partitioned);
        if lost || partitioned {
            self.record(KIND_DROPPED, Some(from), link as u64, || (name(), String::new()));
            return 0;
        }
        if doubled {
            self.record(KIND_DUPLICATED, Some(from), link as u64, || (name(), String::new()));
            return 2;
        }
        1
    }

    fn dispatch_datagram(&self, link: usize, datagram: Datagram) {
        let mut network = self.network.borrow_mut();
        let key = network.datagrams.insert(datagram);
        if network.links[link].held {
            network.links[link].blocked += 1;
            network.links[link].held_datagrams.push(key);
            return;
        }
        drop(network);
        self.launch_datagram(key, link);
    }

    /// Sends a datagram on its way; each draws a latency of its own, so one may overtake another.
    pub(crate) fn launch_datagram(&self, datagram: Key, link: usize) {
        let mut network = self.network.borrow_mut();
        let config = network.link_config(link);
        let Some(port) = network.datagrams.get(datagram).map(|datagram| datagram.port) else { return };
        network.links[link].sent += 1;
        let draw = network.links[link].next_datagram(port);
        let key = fold(fold(network.links[link].key, text("datagram")), text(port));
        drop(network);
        let (min, max) = (nanos(config.latency_min), nanos(config.latency_max));
        let latency = Duration::from_nanos(self.draw_between(key, draw, min, max.max(min)));
        self.push_event(self.now.get() + latency, self.tie_of_key(key, draw), Action::Datagram(datagram));
    }

    pub(crate) fn datagram_due(self: &Rc<Self>, key: Key) {
        let mut network = self.network.borrow_mut();
        let Some(datagram) = network.datagrams.remove(key) else { return };
        let Datagram { from, to, port, message } = datagram;
        let socket = network.socket_ports.get(&(to, port)).copied();
        let most = self.config.limits.datagrams_per_socket;
        let socket = socket.and_then(|key| network.sockets.get_mut(key));
        let Some(socket) = socket.filter(|socket| socket.inbox.len() < most) else {
            drop(network);
            drop(message);
            return self.record(KIND_DROPPED, Some(to), 0, || {
                (format!("{} {port}", self.link_name(from, to)), "nobody receives it".into())
            });
        };
        let label = message.label_handle();
        socket.inbox.push_back((from, message));
        let receivers = socket.receivers.take();
        drop(network);
        self.record(KIND_ARRIVED, Some(to), text(port), || {
            (format!("{} {port}", self.link_name(from, to)), label.as_deref().unwrap_or_default().into())
        });
        self.run_or_wake_all(receivers);
    }

    pub(crate) fn end_datagram_sockets(&self, process: ProcessId) {
        let mut network = self.network.borrow_mut();
        let keys = network.sockets.keys_where(|socket| socket.process == process);
        let ended: Vec<_> = keys.into_iter().filter_map(|key| network.remove_socket(key)).collect();
        drop(network);
        drop(ended);
    }
}
