//! The control over a simulation: processes, links, clocks, and a look at everything. For scenarios and tests.

use std::any::{Any, type_name};
use std::fmt;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use crate::choice::Choice;
use crate::config::LinkConfig;
use crate::context::Ctx;
use crate::kernel::Kernel;
use crate::net::Traffic;
use crate::outcome::{Outcome, WaitingTask};
use crate::process::{CrashKind, ProcessId};
use crate::record::Kind;
use crate::time::Instant;
use crate::trace::Trace;

/// The control over a simulation. Cheap to clone; may be used between runs, from calls at an instant, and from tasks.
#[derive(Clone)]
pub struct Control {
    pub(crate) kernel: Rc<Kernel>,
}

const KIND_CLOCK_DRIFT: Kind = Kind::new("clock-drift");
const KIND_CLOCK_JUMP: Kind = Kind::new("clock-jump");
const KIND_STOP: Kind = Kind::new("stop");
const KIND_NOTE: Kind = Kind::new("note");

impl Control {
    pub(crate) fn new(kernel: Rc<Kernel>) -> Self {
        Control { kernel }
    }

    // --- processes ---

    /// Creates a process and starts it. The factory makes its main future, again at each restart; the process exits
    /// when that future ends.
    ///
    /// # Panics
    /// If a process of that name exists.
    pub fn spawn_process<F, Fut>(&self, name: &str, factory: F) -> ProcessId
    where
        F: Fn(Ctx) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        self.kernel.spawn_process(name, factory)
    }

    /// Kills a process: its tasks are dropped at whatever await they are at, its memory is gone. Nothing happens to one
    /// that is not running, except that its machine may be taken down as well.
    pub fn crash(&self, process: ProcessId, kind: CrashKind) {
        self.kernel.crash(process, kind);
    }

    /// Stops a process in its tracks. Timers that come due fire when it resumes; messages queue up; its machine goes on
    /// accepting connections for it.
    pub fn pause(&self, process: ProcessId) {
        self.kernel.pause(process);
    }

    /// Lets a paused process go on.
    pub fn resume(&self, process: ProcessId) {
        self.kernel.resume(process);
    }

    /// Starts a process anew after a while, with empty memory; one that runs now is killed first, as by
    /// [`CrashKind::Process`].
    pub fn restart(&self, process: ProcessId, after: Duration) {
        self.kernel.restart(process, after);
    }

    /// Has a process started anew a while after each exit and each crash of the program, as a supervisor does; `None`
    /// leaves it down, as at the beginning. A supervisor dies with its machine.
    pub fn supervise(&self, process: ProcessId, restart_after: Option<Duration>) {
        self.kernel.supervise(process, restart_after);
    }

    /// Whether a process runs, paused or not.
    pub fn is_running(&self, process: ProcessId) -> bool {
        self.kernel.processes.borrow().is_running(process)
    }

    /// Whether the machine of a process answers nothing at all, as after a crash of [`CrashKind::Machine`].
    pub fn is_machine_down(&self, process: ProcessId) -> bool {
        self.kernel.processes.borrow().is_machine_down(process)
    }

    /// Whether a process is paused.
    pub fn is_paused(&self, process: ProcessId) -> bool {
        self.kernel.processes.borrow().is_paused(process)
    }

    /// How many times so far a pause kept a task of a process from running.
    pub fn parkings(&self, process: ProcessId) -> u64 {
        self.kernel.processes.borrow().parkings(process)
    }

    /// How many times so far a process has read its wall clock.
    pub fn wall_reads(&self, process: ProcessId) -> u64 {
        self.kernel.processes.borrow().get(process).clock_reads.get()
    }

    /// How many times a process was started.
    pub fn incarnation(&self, process: ProcessId) -> u32 {
        self.kernel.processes.borrow().incarnation(process)
    }

    /// Why a process exited of its own accord, if it did and was not started since.
    pub fn exit_reason(&self, process: ProcessId) -> Option<String> {
        self.kernel.processes.borrow().exit_reason(process)
    }

    /// The process of a name.
    pub fn find(&self, name: &str) -> Option<ProcessId> {
        self.kernel.processes.borrow().find(name)
    }

    /// The name of a process.
    pub fn name(&self, process: ProcessId) -> Rc<str> {
        self.kernel.processes.borrow().name(process)
    }

    /// All processes, in order of creation.
    pub fn processes(&self) -> Vec<ProcessId> {
        self.kernel.processes.borrow().ids()
    }

    // --- clocks ---

    /// Virtual monotonic time.
    pub fn now(&self) -> Instant {
        self.kernel.now.get()
    }

    /// The wall clock of a process's machine, in nanoseconds since 1970 UTC.
    pub fn wall(&self, process: ProcessId) -> i64 {
        self.kernel.processes.borrow().get(process).clock.read(self.now())
    }

    /// Makes a wall clock run too fast (or slow, if negative) from now on, in parts per million.
    pub fn set_drift_ppm(&self, process: ProcessId, drift_ppm: i64) {
        let now = self.now();
        self.kernel.processes.borrow_mut().get_mut(process).clock.set_drift(now, drift_ppm);
        self.kernel.record(KIND_CLOCK_DRIFT, Some(process), drift_ppm as u64, || {
            (self.name(process).to_string(), format!("{drift_ppm} ppm"))
        });
    }

    /// Sets a wall clock forward, or back if negative.
    pub fn jump_wall(&self, process: ProcessId, by_ns: i64) {
        self.kernel.processes.borrow_mut().get_mut(process).clock.jump(by_ns);
        self.kernel.record(KIND_CLOCK_JUMP, Some(process), by_ns as u64, || {
            (self.name(process).to_string(), format!("{by_ns} ns"))
        });
    }

    // --- links ---

    /// Sets what the link from one process to another is like. The way back is a link of its own.
    pub fn set_link(&self, from: ProcessId, to: ProcessId, config: LinkConfig) {
        self.kernel.set_link(from, to, config);
    }

    /// Sets what all links without a configuration of their own are like.
    pub fn set_default_link(&self, config: LinkConfig) {
        self.kernel.set_default_link(config);
    }

    /// Cuts one direction. What is sent on a connection is held, as TCP sends again until it gets through, and arrives
    /// after [`Control::heal`] if both ends still live; datagrams are lost; attempts to connect are not answered.
    /// Nobody is told.
    pub fn partition(&self, from: ProcessId, to: ProcessId) {
        self.kernel.set_partition(from, to, true);
    }

    /// Mends one direction.
    pub fn heal(&self, from: ProcessId, to: ProcessId) {
        self.kernel.set_partition(from, to, false);
    }

    /// Cuts a process off from all others there are now, in both directions.
    pub fn isolate(&self, process: ProcessId) {
        self.set_isolation(process, true);
    }

    /// Mends all links from and to a process.
    pub fn rejoin(&self, process: ProcessId) {
        self.set_isolation(process, false);
    }

    fn set_isolation(&self, process: ProcessId, cut: bool) {
        for other in self.processes().into_iter().filter(|other| *other != process) {
            self.kernel.set_partition(process, other, cut);
            self.kernel.set_partition(other, process, cut);
        }
    }

    /// Holds back everything in one direction, datagrams too, until [`Control::release`].
    pub fn hold(&self, from: ProcessId, to: ProcessId) {
        self.kernel.set_hold(from, to, true);
    }

    /// Lets go what [`Control::hold`] held back.
    pub fn release(&self, from: ProcessId, to: ProcessId) {
        self.kernel.set_hold(from, to, false);
    }

    /// Resets every connection between two processes at once, as a middlebox that lost its state does. What was on its
    /// way is lost. Gives how many there were.
    pub fn break_connections(&self, one: ProcessId, other: ProcessId) -> u64 {
        self.kernel.break_connections(one, other)
    }

    /// Tells what the link from one process to another has done so far, to know whether a fault on it mattered.
    pub fn traffic(&self, from: ProcessId, to: ProcessId) -> Traffic {
        self.kernel.traffic(from, to)
    }

    // --- the scenario ---

    /// Calls a function at an instant, before anything else of that instant; now, if the instant has passed.
    pub fn at(&self, instant: Instant, call: impl FnOnce(&Control) + 'static) {
        self.kernel.call_at(instant, Box::new(call));
    }

    /// Calls a function after a while.
    pub fn after(&self, delay: Duration, call: impl FnOnce(&Control) + 'static) {
        self.at(self.now() + delay, call);
    }

    /// Ends the run after the current event; it can be taken up again.
    pub fn stop(&self) {
        self.kernel.record(KIND_STOP, None, 0, Default::default);
        self.kernel.stop_with(Outcome::Stopped);
    }

    /// Chooses a number in `0..n` for the scenario itself, see [`Ctx::choose`].
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn choose(&self, site: &'static str, entity: &str, n: u64) -> u64 {
        assert!(n > 0, "nothing to choose from at {site} for {entity}");
        self.kernel.choose(site, entity, n)
    }

    /// Puts a remark into the trace; the detail is not part of its hash.
    pub fn note(&self, subject: &str, detail: impl FnOnce() -> String) {
        let digest = crate::hash::text(subject);
        self.kernel.record(KIND_NOTE, None, digest, || (subject.into(), detail()));
    }

    /// Sets the object tests and properties share with the models.
    pub fn set_world(&self, world: Rc<dyn Any>) {
        *self.kernel.world.borrow_mut() = Some(world);
    }

    /// The object set with [`Control::set_world`].
    ///
    /// # Panics
    /// If there is none, or it is of another type.
    pub fn world<T: Any>(&self) -> Rc<T> {
        let world = self.kernel.world.borrow().clone();
        let world = world.unwrap_or_else(|| panic!("no world was set; {} asked for", type_name::<T>()));
        world.downcast().unwrap_or_else(|_| panic!("the world is not a {}", type_name::<T>()))
    }

    // --- what happened ---

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.kernel.config.seed
    }

    /// How many events happened.
    pub fn events(&self) -> u64 {
        self.kernel.events.get()
    }

    /// The rolling hash over everything that happened.
    pub fn trace_hash(&self) -> u64 {
        self.kernel.trace.borrow().hash()
    }

    /// A copy of the trace.
    pub fn trace(&self) -> Trace {
        self.kernel.trace.borrow().clone()
    }

    /// The choices made so far, up to [`crate::Limits::choices_recorded_max`].
    pub fn choices(&self) -> Vec<Choice> {
        self.kernel.choices.borrow().recorded()
    }

    /// How many choices were made after the record was full.
    pub fn choices_unrecorded(&self) -> u64 {
        self.kernel.choices.borrow().unrecorded()
    }

    /// Every live task with what it waits for.
    pub fn waiting_tasks(&self) -> Vec<WaitingTask> {
        self.kernel.waiting_tasks()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Control(seed {}, at {}, {} events)", self.seed(), self.now(), self.events())
    }
}
