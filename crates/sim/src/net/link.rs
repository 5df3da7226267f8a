//! Links: one direction from a process to a process, with latency, loss, and what is held back on them.

use std::collections::BTreeMap;
use std::mem;

use crate::config::LinkConfig;
use crate::hash::{fold, text};
use crate::kernel::Kernel;
use crate::net::Network;
use crate::process::ProcessId;
use crate::record::Kind;
use crate::slab::Key;
use crate::time::nanos;

pub(crate) struct Link {
    pub(crate) from: ProcessId,
    pub(crate) to: ProcessId,
    /// Keys everything drawn for the link.
    pub(crate) key: u64,
    config: Option<LinkConfig>,
    pub(crate) partitioned: bool,
    pub(crate) held: bool,
    /// Packets and datagrams that got on their way, and those that were kept back or lost because the link was blocked.
    /// They are for people: nothing in a run depends on them.
    pub(crate) sent: u64,
    pub(crate) blocked: u64,
    /// Connections opened from here, which numbers them, and datagrams sent. They are counted by port, so that one
    /// protocol's draws do not depend on how often another is used.
    opened: BTreeMap<&'static str, u64>,
    datagrams: BTreeMap<&'static str, u64>,
    /// Lanes of connections whose packets wait for the link or for the machine at its end.
    pub(crate) stalled: Vec<(Key, usize)>,
    pub(crate) held_datagrams: Vec<Key>,
}

/// What a link has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets of connections and datagrams that got on their way.
    pub sent: u64,
    /// Those that a cut or a hold kept back or lost; one that waits long counts once.
    pub blocked: u64,
}

impl Link {
    /// Whether nothing gets through at present.
    pub(crate) fn is_blocked(&self) -> bool {
        self.partitioned || self.held
    }

    /// The number of the next connection to a port.
    pub(crate) fn next_connection(&mut self, port: &'static str) -> u64 {
        next(&mut self.opened, port)
    }

    /// The number of the next datagram to a port.
    pub(crate) fn next_datagram(&mut self, port: &'static str) -> u64 {
        next(&mut self.datagrams, port)
    }
}

impl Network {
    pub(crate) fn link_config(&self, link: usize) -> LinkConfig {
        let link = &self.links[link];
        match link.config {
            Some(config) => config,
            None if link.from == link.to => self.loopback,
            None => self.default_link,
        }
    }

    fn links_to(&self, to: ProcessId) -> Vec<usize> {
        self.links.iter().enumerate().filter(|(_, link)| link.to == to).map(|(at, _)| at).collect()
    }
}

const KIND_LINK: Kind = Kind::new("link");
const KIND_PARTITION: Kind = Kind::new("partition");
const KIND_HEAL: Kind = Kind::new("heal");
const KIND_HOLD: Kind = Kind::new("hold");
const KIND_RELEASE: Kind = Kind::new("release");

impl Kernel {
    /// The link between two processes, made when it is first used.
    pub(crate) fn link(&self, from: ProcessId, to: ProcessId) -> usize {
        let mut network = self.network.borrow_mut();
        if let Some(link) = network.link_ids.get(&(from, to)) {
            return *link;
        }
        let processes = self.processes.borrow();
        let ends = fold(text(processes.name_at(from.index())), text(processes.name_at(to.index())));
        network.links.push(Link {
            from,
            to,
            key: fold(self.config.seed, ends),
            config: None,
            partitioned: false,
            held: false,
            sent: 0,
            blocked: 0,
            opened: BTreeMap::new(),
            datagrams: BTreeMap::new(),
            stalled: Vec::new(),
            held_datagrams: Vec::new(),
        });
        let link = network.links.len() - 1;
        network.link_ids.insert((from, to), link);
        link
    }

    /// `from->to`, for people and as the entity of a link's choices.
    pub(crate) fn link_name(&self, from: ProcessId, to: ProcessId) -> String {
        let processes = self.processes.borrow();
        format!("{}->{}", processes.name_at(from.index()), processes.name_at(to.index()))
    }

    fn record_link(&self, kind: Kind, from: ProcessId, to: ProcessId, digest: u64, detail: String) {
        let ends = u64::from(from.index()) << 32 | u64::from(to.index());
        self.record(kind, None, fold(ends, digest), || (self.link_name(from, to), detail));
    }

    pub(crate) fn set_link(&self, from: ProcessId, to: ProcessId, config: LinkConfig) {
        let link = self.link(from, to);
        self.network.borrow_mut().links[link].config = Some(config);
        self.record_link(KIND_LINK, from, to, digest(&config), format!("{config:?}"));
    }

    pub(crate) fn set_default_link(&self, config: LinkConfig) {
        self.network.borrow_mut().default_link = config;
        self.record(KIND_LINK, None, digest(&config), || ("default".into(), format!("{config:?}")));
    }

    pub(crate) fn set_partition(&self, from: ProcessId, to: ProcessId, cut: bool) {
        let link = self.link(from, to);
        if mem::replace(&mut self.network.borrow_mut().links[link].partitioned, cut) == cut {
            return;
        }
        let kind = if cut { KIND_PARTITION } else { KIND_HEAL };
        self.record_link(kind, from, to, 0, String::new());
        self.release_if_open(link);
    }

    pub(crate) fn set_hold(&self, from: ProcessId, to: ProcessId, held: bool) {
        let link = self.link(from, to);
        if mem::replace(&mut self.network.borrow_mut().links[link].held, held) == held {
            return;
        }
        let kind = if held { KIND_HOLD } else { KIND_RELEASE };
        self.record_link(kind, from, to, 0, String::new());
        self.release_if_open(link);
    }

    /// How many packets and datagrams a link has sent on their way, and how many it has kept back or lost while blocked.
    pub(crate) fn traffic(&self, from: ProcessId, to: ProcessId) -> Traffic {
        let network = self.network.borrow();
        let link = network.link_ids.get(&(from, to)).map(|link| &network.links[*link]);
        link.map_or(Traffic::default(), |link| Traffic { sent: link.sent, blocked: link.blocked })
    }

    /// Sends on whatever waited for a link, if nothing blocks it any more.
    fn release_if_open(&self, link: usize) {
        let mut network = self.network.borrow_mut();
        if network.links[link].is_blocked() {
            return;
        }
        let stalled = mem::take(&mut network.links[link].stalled);
        let datagrams = mem::take(&mut network.links[link].held_datagrams);
        drop(network);
        for (connection, lane) in stalled {
            self.unstall(connection, lane);
        }
        for datagram in datagrams {
            self.launch_datagram(datagram, link);
        }
    }

    /// Sends again what a machine did not answer while it was down.
    pub(crate) fn machine_is_back(&self, process: ProcessId) {
        let links = self.network.borrow().links_to(process);
        for link in links {
            self.release_if_open(link);
        }
    }
}

fn next(counts: &mut BTreeMap<&'static str, u64>, port: &'static str) -> u64 {
    let count = counts.entry(port).or_insert(0);
    *count += 1;
    *count - 1
}

fn digest(config: &LinkConfig) -> u64 {
    let latency = fold(nanos(config.latency_min), nanos(config.latency_max));
    fold(latency, u64::from(config.drop_ppm) << 32 | u64::from(config.duplicate_ppm))
}
