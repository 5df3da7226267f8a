//! Packets: how messages, closures and handshakes travel along the lanes of a connection, in order.

use std::collections::VecDeque;
use std::mem;
use std::rc::Rc;
use std::time::Duration;

use crate::choice::{self, site};
use crate::config::LinkConfig;
use crate::hash::{fold, text};
use crate::kernel::Kernel;
use crate::net::connection::{Closed, Conn, Handshake};
use crate::net::{Message, Network};
use crate::outcome::Limit;
use crate::queue::Action;
use crate::record::Kind;
use crate::slab::Key;
use crate::task::Waiters;
use crate::time::{Instant, nanos};

/// What travels in one direction of a connection.
pub(crate) enum Packet {
    /// Asks for the connection.
    Open,
    /// Grants it.
    Accept,
    /// Denies it.
    Refuse,
    Data(Message),
    /// The sender will send no more and listens no longer.
    Finish,
    /// The connection is gone.
    Reset,
}

/// One direction of a connection: an ordered queue of packets on a link.
pub(crate) struct Lane {
    pub(crate) link: usize,
    /// Keys the latencies of this lane; other connections on the link draw from keys of their own.
    pub(crate) key: u64,
    queue: VecDeque<(Instant, Packet)>,
    last_at: Instant,
    /// Packets sent on their way, which numbers the draws.
    sent: u64,
    /// Whether the packets wait for the link or for the machine at its end.
    stalled: bool,
    /// Messages on their way or not yet received by the program.
    pub(crate) unread: usize,
    /// Receptions the sender has not learnt of, because the way back is blocked.
    pub(crate) owed: usize,
}

impl Lane {
    pub(crate) fn new(link: usize, key: u64) -> Self {
        Lane {
            link,
            key,
            queue: VecDeque::new(),
            last_at: Instant::START,
            sent: 0,
            stalled: false,
            unread: 0,
            owed: 0,
        }
    }

    /// Takes all packets, to be dropped where nothing is borrowed.
    pub(crate) fn take_packets(&mut self) -> VecDeque<(Instant, Packet)> {
        mem::take(&mut self.queue)
    }
}

/// Sets the tie-breaks of packets apart from their latencies, which are drawn from the same key.
const TIE: u64 = text("tie");
const KIND_DELIVER: Kind = Kind::new("deliver");
const KIND_LOST: Kind = Kind::new("lost");
const STALLED_SWEEP_MIN: usize = 256;
/// A connection attempt that found the backlog full is repeated after a second, as Linux's first SYN retry is.
const BACKLOG_RETRY_NS: u64 = 1_000_000_000;

impl Kernel {
    /// Puts a packet on a lane; it arrives after the link's latency, and after all before it.
    pub(crate) fn transmit(&self, connection: Key, lane: usize, packet: Packet) {
        let mut network = self.network.borrow_mut();
        let network = &mut *network;
        let Some(conn) = network.connections.get_mut(connection) else { return };
        let state = &mut conn.lanes[lane];
        if matches!(packet, Packet::Data(_)) {
            state.unread += 1;
            if state.unread > self.config.limits.messages_per_connection {
                self.stop_at_limit(Limit::MessagesPerConnection);
            }
        }
        let place = state.queue.len();
        state.queue.push_back((Instant::NEVER, packet));
        if network.links[state.link].is_blocked() {
            network.links[state.link].blocked += 1;
            network.stall(connection, lane);
        } else if !state.stalled {
            self.launch(network, connection, lane, place);
        }
    }

    /// Gives a packet of a lane its time.
    fn launch(&self, network: &mut Network, connection: Key, lane: usize, place: usize) {
        let Some(conn) = network.connections.get(connection) else { return };
        let state = &conn.lanes[lane];
        let config = network.link_config(state.link);
        let (min, max) = (nanos(config.latency_min), nanos(config.latency_max));
        let draw = state.sent;
        let mut latency = self.draw_between(state.key, draw, min, max.max(min));
        if self.latency_overridden || config.drop_ppm > 0 {
            latency = self.unusual_latency(conn, lane, &config, latency);
        }
        let Some(conn) = network.connections.get_mut(connection) else { return };
        let state = &mut conn.lanes[lane];
        let at = (self.now.get() + Duration::from_nanos(latency)).max(state.last_at);
        network.links[state.link].sent += 1;
        state.last_at = at;
        state.sent += 1;
        state.queue[place].0 = at;
        let tie = self.tie_of_key(state.key ^ TIE, draw);
        self.push_event(at, tie, Action::Packet { connection, lane: lane as u8 });
    }

    /// The latency where it may be overridden or its packet be lost.
    #[cold]
    fn unusual_latency(&self, conn: &Conn, lane: usize, config: &LinkConfig, drawn: u64) -> u64 {
        let name = self.lane_name(conn, lane);
        let state = &conn.lanes[lane];
        let (min, max) = (nanos(config.latency_min), nanos(config.latency_max));
        let mut latency = drawn;
        if self.latency_overridden {
            latency = self.overridden_latency(&name, state.sent, (min, max.max(min)), drawn);
        }
        if config.drop_ppm > 0 && self.choose(site::DROP, &name, 1_000_000) < u64::from(config.drop_ppm) {
            self.record(KIND_LOST, None, state.key, || (name, String::new()));
            latency += nanos(self.config.network.retransmit_delay);
        }
        latency
    }

    /// As an override, a latency is its distance from the link's minimum in nanoseconds.
    fn overridden_latency(&self, name: &str, draw: u64, (min, max): (u64, u64), latency: u64) -> u64 {
        let key = choice::key(self.config.seed, site::LATENCY, name);
        let mut choices = self.choices.borrow_mut();
        let latency = choices.replaced(key, draw).map_or(latency, |value| min + value.min(max - min));
        if self.config.record_internal {
            choices.note((key, site::LATENCY), || name.into(), (draw, max - min + 1, latency - min));
        }
        latency
    }

    /// `from->to port~n`, the n-th connection from one process to another, and which way.
    fn lane_name(&self, conn: &Conn, lane: usize) -> String {
        let name = self.link_name(conn.sides[0].process, conn.sides[1].process);
        let way = if lane == 0 { "" } else { " back" };
        format!("{name} {}~{}{way}", conn.port, conn.ordinal)
    }

    /// Sends the packets of a stalled lane on their way again.
    pub(crate) fn unstall(&self, connection: Key, lane: usize) {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(connection) else { return };
        conn.lanes[lane].stalled = false;
        let waiting = conn.lanes[lane].queue.len();
        // The other lane's sender learns now what was received meanwhile.
        let other = &mut conn.lanes[1 - lane];
        other.unread -= mem::take(&mut other.owed);
        let senders = conn.sides[1 - lane].senders.take();
        for place in 0..waiting {
            self.launch(&mut network, connection, lane, place);
        }
        drop(network);
        self.wake_all(senders);
    }

    /// Handles the oldest packet of a lane if it is due: an event may come early for a lane that was stalled since.
    pub(crate) fn packet_due(self: &Rc<Self>, connection: Key, lane: usize) {
        let Some(packet) = self.take_due(connection, lane) else { return };
        let waiters = match packet {
            Packet::Open => self.opened(connection),
            Packet::Accept => self.shaken(connection, Handshake::Done),
            Packet::Refuse => self.shaken(connection, Handshake::Refused),
            Packet::Data(message) => self.arrived(connection, lane, message),
            Packet::Finish => self.ended(connection, 1 - lane, Closed::ByPeer),
            Packet::Reset => self.ended(connection, 1 - lane, Closed::Reset),
        };
        self.run_or_wake_all(waiters);
    }

    fn take_due(&self, connection: Key, lane: usize) -> Option<Packet> {
        let mut network = self.network.borrow_mut();
        let network = &mut *network;
        let conn = network.connections.get_mut(connection)?;
        let link = conn.lanes[lane].link;
        if conn.lanes[lane].stalled || conn.lanes[lane].queue.front()?.0 > self.now.get() {
            return None;
        }
        let to = conn.sides[1 - lane].process;
        network.links[link].blocked += u64::from(network.links[link].is_blocked());
        if network.links[link].is_blocked() || self.processes.borrow().is_machine_down(to) {
            network.stall(connection, lane);
            return None;
        }
        let (_, packet) = conn.lanes[lane].queue.pop_front()?;
        Some(packet)
    }

    /// Tries a connection attempt again later, because the listener's backlog is full.
    pub(crate) fn retry_open(&self, connection: Key) {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(connection) else { return };
        let at = self.now.get() + Duration::from_nanos(BACKLOG_RETRY_NS);
        let lane = &mut conn.lanes[0];
        lane.queue.push_front((at, Packet::Open));
        lane.last_at = at;
        lane.sent += 1;
        let tie = self.tie_of_key(lane.key ^ TIE, lane.sent);
        drop(network);
        self.push_event(at, tie, Action::Packet { connection, lane: 0 });
    }

    fn arrived(&self, connection: Key, lane: usize, message: Message) -> Waiters {
        let mut network = self.network.borrow_mut();
        let Some(conn) = network.connections.get_mut(connection) else { return Waiters::default() };
        let key = conn.lanes[lane].key;
        let side = &mut conn.sides[1 - lane];
        let process = side.process;
        if !side.open {
            // Nobody listens any more: the machine answers with a reset.
            conn.lanes[lane].unread -= 1;
            drop(network);
            drop(message);
            self.transmit(connection, 1 - lane, Packet::Reset);
            return Waiters::default();
        }
        if side.ended.is_some() {
            drop(network);
            drop(message);
            return Waiters::default();
        }
        let label = message.label_handle();
        side.inbox.push_back(message);
        let waiters = side.receivers.take();
        let port = conn.port;
        let from = conn.sides[lane].process;
        drop(network);
        self.record(KIND_DELIVER, Some(process), key, || {
            let label = label.as_deref().unwrap_or_default();
            (format!("{} {port}", self.link_name(from, process)), label.into())
        });
        waiters
    }

    /// The digest of a message sent on a lane.
    pub(crate) fn send_digest(key: u64, label: u64) -> u64 {
        fold(key, label)
    }
}

impl Network {
    /// Notes that a lane waits for its link.
    fn stall(&mut self, connection: Key, lane: usize) {
        let Some(conn) = self.connections.get_mut(connection) else { return };
        conn.lanes[lane].stalled = true;
        let link = conn.lanes[lane].link;
        self.links[link].stalled.push((connection, lane));
        // Attempts to connect over a cut link come and go: those gone are forgotten from time to time.
        let stalled = &mut self.links[link].stalled;
        if stalled.len() >= STALLED_SWEEP_MIN && stalled.len().is_power_of_two() {
            let connections = &self.connections;
            stalled.retain(|(connection, _)| connections.get(*connection).is_some());
        }
    }

    /// Makes a lane whose way is blocked known to its link even if it has no packets, so that it is told when it opens.
    pub(crate) fn stall_if_blocked(&mut self, connection: Key, lane: usize) -> bool {
        let Some(conn) = self.connections.get(connection) else { return false };
        let (link, stalled) = (conn.lanes[lane].link, conn.lanes[lane].stalled);
        let blocked = self.links[link].is_blocked();
        if blocked && !stalled {
            self.stall(connection, lane);
        }
        blocked
    }
}
