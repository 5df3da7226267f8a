//! What a run is made from: seed, overrides, scheduling strategy, network and limits.

use std::time::Duration;

use crate::choice::Override;

/// Everything a run depends on besides the code: the same configuration and code give the same run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Seeds every keyed choice, see [`crate::Ctx::choose`].
    pub seed: u64,
    /// Wall-clock time at the start, in nanoseconds since 1970 UTC. Defaults to 2026-01-01T00:00:00Z.
    pub epoch_unix_ns: i64,
    /// Choices taken from here instead of the seed.
    pub overrides: Vec<Override>,
    /// How events of the same virtual instant are ordered.
    pub strategy: Strategy,
    /// Bounds of every queue and of the run itself.
    pub limits: Limits,
    /// Links and sockets as they are before anybody changes them.
    pub network: NetworkConfig,
    /// Which trace entries are kept for reading; the trace hash is the same at every level.
    pub keep_trace: TraceLevel,
    /// Also records the kernel's own draws (task order, latencies), which are many, among [`crate::Control::choices`].
    pub record_internal: bool,
}

impl Config {
    /// Makes the default configuration with a seed.
    pub fn with_seed(seed: u64) -> Self {
        Config { seed, ..Config::default() }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            seed: 0,
            epoch_unix_ns: 1_767_225_600_000_000_000,
            overrides: Vec::new(),
            strategy: Strategy::Random,
            limits: Limits::default(),
            network: NetworkConfig::default(),
            keep_trace: TraceLevel::Off,
            record_internal: false,
        }
    }
}

/// How events due at the same virtual instant are ordered. Virtual time itself is never reordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// In the order they were scheduled, whatever the seed: what most runtimes do, and what hides races.
    Fifo,
    /// In a random order, drawn anew at each wake of each task.
    #[default]
    Random,
    /// By a random priority per task, fixed but for a few moments at which the task about to run drops to the lowest:
    /// probabilistic concurrency testing (Burckhardt et al., ASPLOS 2010). Finds orders that need one task to be
    /// starved for long, which uniform draws rarely do.
    Priority {
        /// How many times a priority drops.
        change_points: u32,
        /// The run's expected length in events; the change points are drawn within it.
        horizon_events: u64,
    },
}

/// Which trace entries are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TraceLevel {
    /// None; only the hash is computed.
    #[default]
    Off,
    /// What processes, links and models report.
    Events,
    /// Also every poll of every task.
    Steps,
}

/// Bounds of a run. Reaching one ends the run with [`crate::Outcome::LimitReached`], never silently.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Longest virtual time.
    pub time_max: Duration,
    /// Most events.
    pub events_max: u64,
    /// Most events at one virtual instant; more is reported as a livelock.
    pub events_per_instant_max: u64,
    /// Most tasks ready to run at once.
    pub ready_max: usize,
    /// Most events waiting for their time.
    pub pending_max: usize,
    /// Most live tasks.
    pub tasks_max: usize,
    /// Most open connections.
    pub connections_max: usize,
    /// Most messages sent on one direction of a connection and not yet received by the program at the other end.
    pub messages_per_connection: usize,
    /// Most datagrams waiting in one socket; more are dropped, as an operating system does.
    pub datagrams_per_socket: usize,
    /// Most trace entries kept: the newest stay.
    pub trace_entries_max: usize,
    /// Most choices recorded: the first stay, the rest is counted.
    pub choices_recorded_max: usize,
    /// Most distinct (site, entity) pairs choices are drawn for.
    pub choice_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            time_max: Duration::from_hours(30 * 24),
            events_max: 1_000_000_000,
            events_per_instant_max: 1_000_000,
            ready_max: 1_000_000,
            pending_max: 10_000_000,
            tasks_max: 1_000_000,
            connections_max: 1_000_000,
            messages_per_connection: 100_000,
            datagrams_per_socket: 256,
            trace_entries_max: 100_000,
            choices_recorded_max: 100_000,
            choice_keys_max: 1_000_000,
        }
    }
}

/// What a link from one process to another is like. It has one direction; the way back is a link of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkConfig {
    /// Shortest time a message takes.
    pub latency_min: Duration,
    /// Longest time a message takes; each message's is drawn evenly between the two.
    pub latency_max: Duration,
    /// Lost packets per million. A datagram is gone; a connection sends again and the message comes late.
    pub drop_ppm: u32,
    /// Datagrams per million that arrive twice.
    pub duplicate_ppm: u32,
}

impl LinkConfig {
    /// Makes a link without loss whose latency is drawn from a range.
    pub const fn latency(min: Duration, max: Duration) -> Self {
        LinkConfig { latency_min: min, latency_max: max, drop_ppm: 0, duplicate_ppm: 0 }
    }
}

impl Default for LinkConfig {
    /// A machine room: 200 µs to 1 ms, no loss.
    fn default() -> Self {
        LinkConfig::latency(Duration::from_micros(200), Duration::from_millis(1))
    }
}

/// The network as it is before anybody changes it.
#[derive(Clone, Debug)]
pub struct NetworkConfig {
    /// Every link without a configuration of its own.
    pub link: LinkConfig,
    /// The link from a process to itself.
    pub loopback: LinkConfig,
    /// How long connecting to a machine that does not answer takes to fail. Linux gives up after 127 s
    /// (`tcp_syn_retries` = 6).
    pub connect_timeout: Duration,
    /// How much later a message arrives on a connection when a packet of it was lost. Linux sends again after at
    /// least 200 ms (`TCP_RTO_MIN`).
    pub retransmit_delay: Duration,
    /// Messages on their way or unread before [`crate::Connection::send_wait`] waits.
    pub send_window: usize,
    /// Connections a listener holds before they are accepted; further attempts are retried each second. Linux:
    /// `somaxconn` = 4096.
    pub backlog: usize,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        NetworkConfig {
            link: LinkConfig::default(),
            loopback: LinkConfig::latency(Duration::from_micros(10), Duration::from_micros(50)),
            connect_timeout: Duration::from_secs(127),
            retransmit_delay: Duration::from_millis(200),
            send_window: 64,
            backlog: 4096,
        }
    }
}
