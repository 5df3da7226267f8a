//! The deterministic kernel every Seaworthy simulation runs on: processes, clocks, a network and chance, in one thread.
//!
//! Code under simulation is ordinary `async` Rust. It gets a [`Ctx`] and reaches everything through it; the kernel
//! decides what happens when. A run is a function of its [`Config`] and the code: the same seed gives the same run,
//! event by event, on every machine. The kernel knows nothing of Kubernetes, and neither wall time, threads, entropy
//! nor files.
//!
//! # A first run
//!
//! Two processes and a connection. Nothing is sent over sockets, no time is waited for: virtual time jumps from event
//! to event.
//!
//! ```
//! use std::time::Duration;
//! use sim::{Config, Ctx, Outcome, Sim};
//!
//! async fn server(ctx: Ctx) {
//!     let listener = ctx.listen("echo");
//!     loop {
//!         let connection = listener.accept().await;
//!         ctx.spawn("session", async move {
//!             while let Ok(message) = connection.recv().await {
//!                 let text: String = message.take();
//!                 if connection.send(text, "echo").is_err() {
//!                     return;
//!                 }
//!             }
//!         });
//!     }
//! }
//!
//! async fn client(ctx: Ctx) {
//!     let connection = ctx.connect("server", "echo").await.expect("the server listens");
//!     ctx.sleep(Duration::from_secs(3600)).await;
//!     connection.send("ahoy".to_owned(), "greeting").expect("connected");
//!     let answer: String = connection.recv().await.expect("answered").take();
//!     assert_eq!(answer, "ahoy");
//! }
//!
//! let mut sim = Sim::new(Config::with_seed(7));
//! sim.spawn_process("server", server);
//! sim.spawn_process("client", client);
//! assert_eq!(sim.run(), Outcome::Quiescent);
//! assert!(sim.now().elapsed() > Duration::from_secs(3600));
//! ```
//!
//! # Chance
//!
//! There is no random number generator. [`Ctx::choose`] is keyed by a site in the code and an entity; its n-th value for
//! them depends on the seed and on nothing else that happened. So one choice of a run can be replaced by an
//! [`Override`] and all others stay, which is how a failing run is made smaller:
//!
//! ```
//! # use sim::{Config, Override, Sim};
//! let drawn = |overrides| {
//!     let sim = Sim::new(Config { overrides, ..Config::with_seed(1) });
//!     ["a", "b", "a"].map(|disk| sim.choose("disk latency", disk, 1000))
//! };
//! let free = drawn(vec![]);
//! let replaced = drawn(vec![Override::new("disk latency", "a", 1, 999)]);
//! assert_eq!(replaced, [free[0], free[1], 999]);
//! ```
//!
//! The kernel draws its own choices in the same way: the order of tasks that are ready at the same instant
//! ([`Strategy`]), the latency of each message, loss and duplication. Their sites are `schedule`, `latency`, `drop` and
//! `duplicate`.
//!
//! # Processes and their deaths
//!
//! A process is made from a function, so that it can be started again with nothing but what the function is given.
//! [`Control`], which [`Sim`] derefs to and scenarios get, kills it ([`Control::crash`]): all its tasks are dropped at
//! the await they are at. Whether anybody is told depends on [`CrashKind`]: if only the program died, its machine
//! closes the connections; if the machine died, peers hear nothing and only their timeouts notice.
//!
//! ```
//! # use std::time::Duration;
//! # use sim::{Config, CrashKind, Ctx, Instant, Sim};
//! async fn counter(ctx: Ctx) {
//!     let mut seconds = 0;
//!     loop {
//!         ctx.sleep(Duration::from_secs(1)).await;
//!         seconds += 1;
//!         ctx.trace("tick", "seconds", || seconds.to_string());
//!     }
//! }
//!
//! let mut sim = Sim::new(Config::default());
//! let counter = sim.spawn_process("counter", counter);
//! sim.at(Instant::from_secs(10), move |control| {
//!     control.crash(counter, CrashKind::Machine);
//!     control.restart(counter, Duration::from_secs(5));
//! });
//! sim.run_until(Instant::from_secs(20));
//! assert_eq!(sim.incarnation(counter), 2);
//! ```
//!
//! # The network
//!
//! Between any two processes there are two links, one each way, with a latency range. [`Ctx::connect`] and
//! [`Ctx::listen`] make connections: ordered and reliable, as TCP is. A cut link ([`Control::partition`]) holds their
//! messages until it heals, and tells nobody, as a cut cable does. [`Ctx::send_datagram`] may lose, double and reorder.
//!
//! # Time of day
//!
//! All processes share the monotonic [`Instant`]; each has a wall clock ([`Ctx::wall`]) that scenarios make drift and
//! jump.
//!
//! # What went wrong
//!
//! A run ends with an [`Outcome`]. A panic is caught and names its task and seed. If nothing is left to happen while
//! [`Sim::run_while`]'s condition still holds, the run is deadlocked and every task says what it waits for. If events
//! keep coming and time does not move, it is a livelock, with the hottest task. Every queue has a limit, and reaching it
//! ends the run with its name.
//!
//! Every event is folded into a hash ([`Control::trace_hash`]); [`Trace::first_divergence`] shows where two runs that
//! should have been equal part. With [`Config::keep_trace`] the events themselves are kept for reading, and the hash
//! stays what it was.

mod choice;
mod clock;
mod config;
mod context;
mod control;
mod executor;
mod hash;
mod kernel;
mod net;
mod outcome;
mod panic;
mod process;
mod queue;
mod record;
mod schedule;
mod simulation;
mod slab;
pub mod sync;
mod task;
mod time;
mod trace;
mod wait;

pub use choice::{Choice, Override};
pub use config::{Config, Limits, LinkConfig, NetworkConfig, Strategy, TraceLevel};
pub use context::{Ctx, Elapsed, Sleep};
pub use control::Control;
pub use net::{Address, Closed, ConnectError, Connection, DatagramSocket, Listener, Message, Traffic};
pub use outcome::{Limit, Outcome, WaitingTask};
pub use panic::quiet_panics;
pub use process::{CrashKind, ProcessId};
pub use simulation::Sim;
pub use task::{Aborted, JoinHandle};
pub use time::Instant;
pub use trace::{Divergence, Entry, Trace};
