//! Connections: ordered, reliable streams of messages between two processes.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::config::TraceLevel;
use crate::context::Ctx;
use crate::hash::{fold, text};
use crate::kernel::Kernel;
use crate::net::packet::{Lane, Packet};
use crate::net::{Address, Message};
use crate::outcome::Limit;
use crate::process::ProcessId;
use crate::record::Kind;
use crate::slab::Key;
use crate::task::Waiters;
use crate::wait::{self, Wait};

/// Why a connection carries no more messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The other end closed it, or its process ended; everything sent before was received.
    #[error("connection closed by peer")]
    ByPeer,
    /// It was reset: the peer's process died with unread messages, its machine was restarted, or a fault broke it.
    #[error("connection reset")]
    Reset,
    /// This end closed it.
    #[error("connection closed here")]
    Here,
}

/// Why a connection could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no process of that name.
    #[error("no such host")]
    UnknownHost,
    /// The machine is there, but nobody listens on the port.
    #[error("connection refused")]
    Refused,
    /// No answer came in [`crate::NetworkConfig::connect_timeout`].
    #[error("connection timed out")]
    TimedOut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Handshake {
    Pending,
    Done,
    Refused,
}

/// One end of a connection as the network holds it.
pub(crate) struct Side {
    pub(crate) process: ProcessId,
    pub(crate) incarnation: u32,
    /// Whether the program has it open.
    pub(crate) open: bool,
    /// What the other end let know.
    pub(crate) ended: Option<Closed>,
    pub(crate) inbox: VecDeque<Message>,
    pub(crate) receivers: Waiters,
    pub(crate) senders: Waiters,
}

impl Side {
    fn new(process: ProcessId, incarnation: u32) -> Self {
        Side {
            process,
            incarnation,
            open: true,
            ended: None,
            inbox: VecDeque::new(),
            receivers: Waiters::default(),
            senders: Waiters::default(),
        }
    }
}

/// A connection: side 0 asked for it, side 1 listened; lane n carries what side n sends.
pub(crate) struct Conn {
    pub(crate) port: &'static str,
    /// Its number among the connections on its link to its port.
    pub(crate) ordinal: u64,
    pub(crate) sides: [Side; 2],
    pub(crate) lanes: [Lane; 2],
    pub(crate) handshake: Handshake,
}

const KIND_CONNECT: Kind = Kind::new("connect");
const KIND_REFUSE: Kind = Kind::new("refuse");
const KIND_SEND: Kind = Kind::new("send");
const KIND_CLOSE: Kind = Kind::new("close");
const KIND_CLOSED: Kind = Kind::new("closed");
const KIND_BREAK: Kind = Kind::new("break");

impl Ctx {
    /// Connects to a listener of another process, or of this one.
    ///
    /// # Errors
    /// See [`ConnectError`]; a machine that is down and a link that is cut show only as a time-out.
    pub async fn connect(
        &self,
        to: impl Into<Address<'_>>,
        port: &'static str,
    ) -> Result<Connection, ConnectError> {
        let to = self.resolve(to.into()).ok_or(ConnectError::UnknownHost)?;
        let connection = self.kernel.open_connection((self.process, self.incarnation), to, port);
        let handshake = poll_fn(|cx| self.kernel.poll_handshake(&connection.handle, cx));
        match self.timeout(self.kernel.config.network.connect_timeout, handshake).await {
            Ok(Handshake::Done) => Ok(connection),
            Ok(_) => Err(ConnectError::Refused),
            Err(_) => Err(ConnectError::TimedOut),
        }
    }
}

struct Handle {
    kernel: Rc<Kernel>,
    key: Key,
    side: usize,
    peer: ProcessId,
    port: &'static str,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.kernel.close_side(self.key, self.side, Packet::Finish);
    }
}

/// One end of a connection. Clones are the same end; dropping the last of them closes it.
#[derive(Clone)]
pub struct Connection {
    handle: Rc<Handle>,
}

impl Connection {
    pub(crate) fn accepted(kernel: Rc<Kernel>, key: Key, peer: ProcessId, port: &'static str) -> Self {
        Connection { handle: Rc::new(Handle { kernel, key, side: 1, peer, port }) }
    }

    /// The process at the other end.
    pub fn peer(&self) -> ProcessId {
        self.handle.peer
    }

    /// The port the connection was made to.
    pub fn port(&self) -> &'static str {
        self.handle.port
    }

    /// Sends a message without waiting. The label says in the trace what it is and is part of the trace hash.
    ///
    /// Succeeding means it was handed to the network, not that it arrives. More than
    /// [`crate::Limits::messages_per_connection`] unread messages end the run: whoever sends without waiting has to have
    /// a bound of its own.
    ///
    /// # Errors
    /// If the connection is known to be closed or reset.
    pub fn send<M: 'static>(&self, message: M, label: &str) -> Result<(), Closed> {
        let Handle { kernel, key, side, peer, port } = &*self.handle;
        let (process, lane) = kernel.sendable(*key, *side)?;
        let digest = Kernel::send_digest(lane, text(label));
        kernel.record(KIND_SEND, Some(process), digest, || {
            (format!("{} {port}", kernel.link_name(process, *peer)), label.into())
        });
        let kept = kernel.trace.borrow().keeps(TraceLevel::Events).then(|| label.into());
        kernel.transmit(*key, *side, Packet::Data(Message::new(message, kept)));
        Ok(())
    }

    /// Sends a message once fewer than [`crate::NetworkConfig::send_window`] are unread at the other end.
    ///
    /// # Errors
    /// If the connection is, or meanwhile becomes, closed or reset.
    pub async fn send_wait<M: 'static>(&self, message: M, label: &str) -> Result<(), Closed> {
        poll_fn(|cx| self.handle.kernel.poll_window(&self.handle, cx)).await?;
        self.send(message, label)
    }

    /// Waits for the next message. May be dropped and called again without losing any.
    ///
    /// # Errors
    /// If the connection is closed or reset, and everything that arrived before was received.
    pub async fn recv(&self) -> Result<Message, Closed> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next message, if one has arrived.
    ///
    /// # Errors
    /// As [`Connection::recv`].
    pub fn try_recv(&self) -> Result<Option<Message>, Closed> {
        self.handle.kernel.receive(self.handle.key, self.handle.side)
    }

    /// The poll form of [`Connection::recv`], for futures written by hand.
    pub fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<Message, Closed>> {
        let handle = &*self.handle;
        match handle.kernel.receive(handle.key, handle.side) {
            Ok(Some(message)) => Poll::Ready(Ok(message)),
            Ok(None) => {
                let wakeup = handle.kernel.wakeup(cx);
                let mut network = handle.kernel.network.borrow_mut();
                if let Some(conn) = network.connections.get_mut(handle.key) {
                    conn.sides[handle.side].receivers.add(wakeup);
                }
                wait::note(Wait::Message { port: handle.port, peer: handle.peer.index() });
                Poll::Pending
            }
            Err(closed) => Poll::Ready(Err(closed)),
        }
    }

    /// Closes the connection: the other end gets what was sent before, then learns of it.
    pub fn close(&self) {
        self.handle.kernel.close_side(self.handle.key, self.handle.side, Packet::Finish);
    }

    /// Why it carries no more messages, as far as this end knows; messages that arrived may still be unread.
    pub fn closed(&self) -> Option<Closed> {
        self.handle.kernel.sendable(self.handle.key, self.handle.side).err()
    }

    /// Messages sent from here that the program at the other end has not received, as far as this end knows.
    pub fn unread(&self) -> usize {
        let network = self.handle.kernel.network.borrow();
        network.connections.get(self.handle.key).map_or(0, |conn| conn.lanes[self.handle.side].unread)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.handle.kernel.processes.borrow().name(self.peer());
        write!(out, "Connection({peer} {}, {:?})", self.port(), self.closed())
    }
}

impl Kernel {
    fn open_connection(
        self: &Rc<Self>,
        (from, incarnation): (ProcessId, u32),
        to: ProcessId,
        port: &'static str,
    ) -> Connection {
        let (there, back) = (self.link(from, to), self.link(to, from));
        let mut network = self.network.borrow_mut();
        if network.connections.len() >= self.config.limits.connections_max {
            self.stop_at_limit(Limit::Connections);
        }
        let ordinal = network.links[there].next_connection(port);
        let identity = fold(text(port), ordinal);
        let lanes = [
            Lane::new(there, fold(network.links[there].key, identity)),
            Lane::new(back, fold(network.links[back].key, !identity)),
        ];
        let mut listening = Side::new(to, 0);
        listening.open = false;
        let digest = lanes[0].key;
        let sides = [Side::new(from, incarnation), listening];
        let key =
            network.connections.insert(Conn { port, ordinal, sides, lanes, handshake: Handshake::Pending });
        drop(network);
        self.record(KIND_CONNECT, Some(from), digest, || {
            (format!("{} {port}", self.link_name(from, to)), String::new())
        });
        let connection =
            Connection { handle: Rc::new(Handle { kernel: self.clone(), key, side: 0, peer: to, port }) };
        if self.is_incarnation(from, incarnation) {
            self.transmit(key, 0, Packet::Open);
        }
        connection
    }

    fn poll_handshake(&self, handle: &Handle, cx: &mut Context<'_>) -> Poll<Handshake> {
        let wakeup = self.wakeup(cx);
        let mut network = self.network.borrow_mut();
        match network.connections.get_mut(handle.key) {
            None => Poll::Ready(Handshake::Refused),
            Some(conn) if conn.handshake == Handshake::Pending && conn.sides[0].ended.is_none() => {
                conn.sides[0].receivers.add(wakeup);
                wait::note(Wait::Connect { port: handle.port, peer: handle.peer.index() });
                Poll::Pending
            }
            Some(conn) if conn.handshake == Handshake::Pending => Poll::Ready(Handshake::Refused),
            Some(conn) => Poll::Ready(conn.handshake),
        }
    }

    /// A connection attempt reached its machine.
    pub(crate) fn opened(&self, connection: Key) -> Waiters {
        let found = self.network.borrow_mut().opened(connection, self.config.network.backlog);
        match found {
            Opened::Gone => {}
            Opened::Full => self.retry_open(connection),
            Opened::Nobody { process, port, digest } => {
                self.record(KIND_REFUSE, Some(process), digest, || (port.into(), String::new()));
                self.transmit(connection, 1, Packet::Refuse);
            }
            // The machine answers at once, even for a program that is paused or slow to accept.
            Opened::Listened(acceptors) => {
                self.transmit(connection, 1, Packet::Accept);
                return acceptors;
            }
        }
        Waiters::default()
    }
    /// The answer to a connection attempt arrived.
    pub(crate) fn shaken(&self, connection: Key, answer: Handshake) -> Waiters {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(connection) else { return Waiters::default() };
        conn.handshake = answer;
        conn.sides[0].receivers.take()
    }

    /// The other end closed or reset the connection.
    pub(crate) fn ended(&self, connection: Key, side: usize, why: Closed) -> Waiters {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(connection) else { return Waiters::default() };
        let state = &mut conn.sides[side];
        if !state.open || state.ended == Some(Closed::Reset) {
            return Waiters::default();
        }
        state.ended = Some(why);
        let (receivers, senders, process) = (state.receivers.take(), state.senders.take(), state.process);
        let digest = conn.lanes[side].key ^ why as u64;
        let port = conn.port;
        drop(network);
        self.record(KIND_CLOSED, Some(process), digest, || (port.into(), why.to_string()));
        self.wake_all(senders);
        receivers
    }

    /// Whether a side can send; then its process and the key of its lane.
    fn sendable(&self, key: Key, side: usize) -> Result<(ProcessId, u64), Closed> {
        let network = self.network.borrow();
        let conn = network.connections.get(key).ok_or(Closed::Here)?;
        match (conn.sides[side].open, conn.sides[side].ended) {
            (false, _) => Err(Closed::Here),
            (true, Some(ended)) => Err(ended),
            (true, None) => Ok((conn.sides[side].process, conn.lanes[side].key)),
        }
    }

    fn poll_window(&self, handle: &Handle, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if let Err(closed) = self.sendable(handle.key, handle.side) {
            return Poll::Ready(Err(closed));
        }
        let wakeup = self.wakeup(cx);
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(handle.key) else {
            return Poll::Ready(Err(Closed::Here));
        };
        if conn.lanes[handle.side].unread < self.config.network.send_window {
            return Poll::Ready(Ok(()));
        }
        conn.sides[handle.side].senders.add(wakeup);
        wait::note(Wait::Window { port: handle.port, peer: handle.peer.index() });
        Poll::Pending
    }

    /// Takes the next message a side received, and tells the sender that there is room.
    fn receive(&self, key: Key, side: usize) -> Result<Option<Message>, Closed> {
        let mut network = self.network.borrow_mut();
        let conn = network.connections.get_mut(key).ok_or(Closed::Here)?;
        let state = &mut conn.sides[side];
        if !state.open {
            return Err(Closed::Here);
        }
        let Some(message) = state.inbox.pop_front() else {
            return state.ended.map_or(Ok(None), Err);
        };
        // The sender learns of the room by what this side sends back, so not while that way is blocked.
        let senders = if network.stall_if_blocked(key, side) {
            let conn = network.connections.get_mut(key).ok_or(Closed::Here)?;
            conn.lanes[1 - side].owed += 1;
            Waiters::default()
        } else {
            let conn = network.connections.get_mut(key).ok_or(Closed::Here)?;
            conn.lanes[1 - side].unread -= 1;
            conn.sides[1 - side].senders.take()
        };
        drop(network);
        self.wake_all(senders);
        Ok(Some(message))
    }

    /// Closes a side; the other end learns of it by a packet, which is a reset if messages were left unread.
    pub(crate) fn close_side(&self, key: Key, side: usize, farewell: Packet) {
        if self.closing.get() {
            return;
        }
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(key) else { return };
        if !mem::replace(&mut conn.sides[side].open, false) {
            return;
        }
        let state = &mut conn.sides[side];
        let unread = mem::take(&mut state.inbox);
        let (receivers, senders) = (state.receivers.take(), state.senders.take());
        let (process, tell, port) = (state.process, state.ended.is_none(), conn.port);
        let digest = conn.lanes[side].key;
        let removed = if conn.is_over() { network.connections.remove(key) } else { None };
        drop(network);
        self.record(KIND_CLOSE, Some(process), digest, || (port.into(), String::new()));
        if tell && removed.is_none() {
            let packet = if unread.is_empty() { farewell } else { Packet::Reset };
            self.transmit(key, side, packet);
        }
        self.wake_all(receivers);
        self.wake_all(senders);
        // What was left may own connections itself: it is dropped last, with nothing borrowed.
        drop((unread, removed));
    }

    /// Ends all sockets of a process that died or exited; silently if its machine died.
    pub(crate) fn end_sockets(&self, process: ProcessId, silently: bool) {
        let owned = |side: &Side| side.open && side.process == process;
        let network = self.network.borrow();
        let either = |conn: &Conn| conn.sides.iter().any(owned);
        let keys = network.connections.keys_where(either);
        drop(network);
        for key in keys {
            for side in 0..2 {
                let mine =
                    self.network.borrow().connections.get(key).is_some_and(|conn| owned(&conn.sides[side]));
                match (mine, silently) {
                    (true, false) => self.close_side(key, side, Packet::Finish),
                    (true, true) => self.vanish(key, side),
                    (false, _) => {}
                }
            }
        }
        self.end_listeners(process);
        self.end_datagram_sockets(process);
    }

    /// Takes a side away without telling anybody.
    fn vanish(&self, key: Key, side: usize) {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(key) else { return };
        conn.sides[side].open = false;
        let unread = mem::take(&mut conn.sides[side].inbox);
        let waiters = (conn.sides[side].receivers.take(), conn.sides[side].senders.take());
        let removed = if conn.is_over() { network.connections.remove(key) } else { None };
        drop(network);
        drop((unread, waiters, removed));
    }

    pub(crate) fn break_connections(&self, one: ProcessId, other: ProcessId) -> u64 {
        let between = |conn: &Conn| {
            let ends = (conn.sides[0].process, conn.sides[1].process);
            ends == (one, other) || ends == (other, one)
        };
        let keys = self.network.borrow().connections.keys_where(between);
        let count = keys.len() as u64;
        self.record(KIND_BREAK, None, count, || (self.link_name(one, other), format!("{count} connections")));
        for key in keys {
            let lost = {
                let mut network = self.network.borrow_mut();
                let lanes = network.connections.get_mut(key).map(|conn| &mut conn.lanes);
                lanes.map(|lanes| [lanes[0].take_packets(), lanes[1].take_packets()])
            };
            drop(lost);
            for side in 0..2 {
                let waiters = self.ended(key, side, Closed::Reset);
                self.wake_all(waiters);
            }
        }
        count
    }
}

impl Conn {
    /// Whether neither program holds it any more, so that nothing on its way can matter. A connection attempt on its
    /// way is given up with the side that asked for it.
    fn is_over(&self) -> bool {
        !self.sides[0].open && !self.sides[1].open
    }
}

/// What a connection attempt found.
pub(crate) enum Opened {
    Gone,
    Nobody { process: ProcessId, port: &'static str, digest: u64 },
    Full,
    Listened(Waiters),
}

impl super::Network {
    fn opened(&mut self, connection: Key, backlog_max: usize) -> Opened {
        let Some(conn) = self.connections.get_mut(connection) else { return Opened::Gone };
        let (process, port, digest) = (conn.sides[1].process, conn.port, conn.lanes[0].key);
        let listener = self.ports.get(&(process, port)).copied();
        let Some(listening) = listener.and_then(|key| self.listeners.get_mut(key)) else {
            return Opened::Nobody { process, port, digest };
        };
        if listening.backlog.len() >= backlog_max {
            return Opened::Full;
        }
        conn.sides[1].open = true;
        conn.sides[1].incarnation = listening.incarnation;
        listening.backlog.push_back(connection);
        Opened::Listened(listening.acceptors.take())
    }
}
