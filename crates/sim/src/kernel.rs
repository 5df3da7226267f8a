//! The kernel proper: takes the next event, moves time to it, runs it, folds it into the trace.
//!
//! All state is behind one `Rc` and in separate cells, and no cell is borrowed while code of the models runs: polls,
//! drops and wakers may call back into every part of it.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Context;

use crate::choice::{Choices, site};
use crate::config::Config;
use crate::control::Control;
use crate::net::Network;
use crate::outcome::{Limit, Outcome};
use crate::process::Processes;
use crate::queue::{Action, Next, Queue};
use crate::schedule::change_points;
use crate::slab::{Key, Slab};
use crate::task::{TaskId, Tasks, WakeQueue};
use crate::time::Instant;
use crate::trace::Trace;

/// A function of the scenario, called at its instant.
pub(crate) type Call = Box<dyn FnOnce(&Control)>;

pub(crate) struct Kernel {
    pub(crate) config: Config,
    pub(crate) now: Cell<Instant>,
    pub(crate) queue: RefCell<Queue>,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) processes: RefCell<Processes>,
    pub(crate) network: RefCell<Network>,
    pub(crate) choices: RefCell<Choices>,
    pub(crate) trace: RefCell<Trace>,
    pub(crate) world: RefCell<Option<Rc<dyn Any>>>,
    calls: RefCell<Slab<Call>>,
    pub(crate) wakes: Arc<WakeQueue>,
    pub(crate) wakes_taken: RefCell<Vec<TaskId>>,
    pub(crate) current: Cell<Option<TaskId>>,
    /// Address of the current task's waker, to recognise it without counting references.
    pub(crate) current_waker: Cell<usize>,
    pub(crate) events: Cell<u64>,
    events_at_instant: Cell<u64>,
    pub(crate) stop: RefCell<Option<Outcome>>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) closing: Cell<bool>,
    /// How many processes are paused; none is the usual case and costs nothing.
    pub(crate) paused: Cell<u32>,
    pub(crate) schedule_overridden: bool,
    pub(crate) latency_overridden: bool,
    pub(crate) change_points: RefCell<Vec<u64>>,
}

/// What a step of the kernel came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Done,
    /// The next event is later than the bound given.
    Later,
    /// There is no event.
    Nothing,
}

impl Kernel {
    pub(crate) fn new(config: Config) -> Rc<Kernel> {
        let limits = &config.limits;
        let overrides = &config.overrides;
        let choices =
            Choices::new(config.seed, overrides, limits.choices_recorded_max, limits.choice_keys_max);
        let trace = Trace::new(config.keep_trace, limits.trace_entries_max);
        let overridden = |site: &str| overrides.iter().any(|replaced| replaced.site == site);
        Rc::new(Kernel {
            schedule_overridden: overridden(site::SCHEDULE) || config.record_internal,
            latency_overridden: overridden(site::LATENCY) || config.record_internal,
            change_points: RefCell::new(change_points(&config)),
            network: RefCell::new(Network::new(&config.network)),
            choices: RefCell::new(choices),
            trace: RefCell::new(trace),
            config,
            now: Cell::default(),
            queue: RefCell::default(),
            tasks: RefCell::default(),
            processes: RefCell::default(),
            world: RefCell::default(),
            calls: RefCell::default(),
            wakes: Arc::default(),
            wakes_taken: RefCell::default(),
            current: Cell::default(),
            current_waker: Cell::default(),
            events: Cell::default(),
            events_at_instant: Cell::default(),
            stop: RefCell::default(),
            stopping: Cell::default(),
            closing: Cell::default(),
            paused: Cell::default(),
        })
    }

    /// Runs the next event not later than `until`.
    pub(crate) fn step(self: &Rc<Self>, until: Instant) -> Step {
        self.drain_wakes();
        let next = self.queue.borrow_mut().next(until);
        let (at, action) = match next {
            Next::Event(at, action) => (at, action),
            Next::Later => return Step::Later,
            Next::Nothing => return Step::Nothing,
        };
        if !self.count_event(at) {
            return Step::Done;
        }
        match action {
            Action::Run(id) => self.run_ready(id),
            Action::Timer(key) => {
                let wakeup = self.queue.borrow_mut().take_timer(key);
                if let Some(wakeup) = wakeup {
                    self.run_or_wake(wakeup);
                }
            }
            Action::Packet { connection, lane } => self.packet_due(connection, usize::from(lane)),
            Action::Datagram(key) => self.datagram_due(key),
            Action::Call(key) => {
                let call = self.calls.borrow_mut().remove(key);
                if let Some(call) = call {
                    call(&Control::new(self.clone()));
                }
            }
            Action::Start(process) => self.start_if_down(process),
        }
        Step::Done
    }

    /// Moves time and counts; false if a limit ends the run instead.
    #[inline]
    fn count_event(&self, at: Instant) -> bool {
        if at > self.now.get() {
            if at.elapsed() > self.config.limits.time_max {
                self.stop_at_limit(Limit::VirtualTime);
                return false;
            }
            self.now.set(at);
            self.events_at_instant.set(0);
        }
        let (events, here) = (self.events.get() + 1, self.events_at_instant.get() + 1);
        self.events.set(events);
        self.events_at_instant.set(here);
        if events > self.config.limits.events_max {
            self.stop_at_limit(Limit::Events);
            return false;
        }
        if here > self.config.limits.events_per_instant_max {
            self.stop_with(self.livelock());
            return false;
        }
        true
    }

    #[cold]
    fn livelock(&self) -> Outcome {
        let (now, tasks) = (self.now.get(), self.tasks.borrow());
        let hottest = tasks
            .iter()
            .map(|(_, task)| task)
            .filter(|task| task.polled_at == now)
            .max_by_key(|task| task.polls_at_instant);
        Outcome::Livelock {
            task: hottest.map(|task| task.name.to_string()).unwrap_or_default(),
            polls: hottest.map_or(0, |task| task.polls_at_instant),
            at: now,
            seed: self.config.seed,
        }
    }

    pub(crate) fn stop_at_limit(&self, which: Limit) {
        self.stop_with(Outcome::LimitReached { which, at: self.now.get() });
    }

    /// Ends the run after the current event; the first reason stays.
    pub(crate) fn stop_with(&self, outcome: Outcome) {
        let mut stop = self.stop.borrow_mut();
        if stop.is_none() {
            *stop = Some(outcome);
        }
        self.stopping.set(true);
    }

    // --- the scenario's calls ---

    pub(crate) fn call_at(&self, at: Instant, call: Call) {
        let key = self.calls.borrow_mut().insert(call);
        self.push_event(at.max(self.now.get()), 0, Action::Call(key));
    }

    pub(crate) fn push_event(&self, at: Instant, tie: u64, action: Action) {
        let mut queue = self.queue.borrow_mut();
        queue.push(at, tie, action);
        if queue.pending_len() > self.config.limits.pending_max {
            self.stop_at_limit(Limit::PendingEvents);
        }
    }

    pub(crate) fn add_timer(&self, at: Instant, cx: &Context<'_>) -> Key {
        let (tie, wakeup) = (self.tie_of_current(), self.wakeup(cx));
        let mut queue = self.queue.borrow_mut();
        if queue.pending_len() >= self.config.limits.pending_max {
            self.stop_at_limit(Limit::PendingEvents);
        }
        queue.add_timer(at, tie, wakeup)
    }

    /// Breaks every cycle of ownership at the end of a run: tasks own handles to the kernel that owns them.
    pub(crate) fn close(&self) {
        self.closing.set(true);
        let tasks = self.tasks.borrow_mut().drain();
        drop(tasks);
        let factories = self.processes.borrow_mut().take_factories();
        drop(factories);
        let calls = self.calls.borrow_mut().drain();
        drop(calls);
        let network = std::mem::replace(&mut *self.network.borrow_mut(), Network::new(&self.config.network));
        drop(network);
        let wakeups = self.queue.borrow_mut().clear();
        drop(wakeups);
        let world = self.world.borrow_mut().take();
        drop(world);
    }
}
