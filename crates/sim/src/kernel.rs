//! The kernel proper: takes the next event, moves time to it, runs it, folds it into the trace.
//!
//! All state is behind one `Rc` and in separate cells, and no cell is borrowed while code of the models runs: polls,
//! drops and wakers may call back into every part of it.

use std::any::Any;
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::choice::{self, Choices, site};
use crate::config::{Config, Strategy, TraceLevel};
use crate::control::Control;
use crate::hash::{fold, mix, scale, text};
use crate::net::Network;
use crate::outcome::{Limit, Outcome, WaitingTask};
use crate::process::{ProcessId, Processes};
use crate::queue::{Action, Next, Queue};
use crate::slab::{Key, Slab};
use crate::task::{
    self, Body, JoinHandle, LocalFuture, Task, TaskId, TaskName, Tasks, Waiters, WakeQueue, Wakeup,
};
use crate::time::Instant;
use crate::trace::{Entry, Trace};
use crate::wait;

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
    wakes: Arc<WakeQueue>,
    wakes_taken: RefCell<Vec<TaskId>>,
    current: Cell<Option<TaskId>>,
    /// Address of the current task's waker, to recognise it without counting references.
    current_waker: Cell<usize>,
    pub(crate) events: Cell<u64>,
    events_at_instant: Cell<u64>,
    pub(crate) stop: RefCell<Option<Outcome>>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) closing: Cell<bool>,
    /// How many processes are paused; none is the usual case and costs nothing.
    pub(crate) paused: Cell<u32>,
    pub(crate) schedule_overridden: bool,
    pub(crate) latency_overridden: bool,
    change_points: RefCell<Vec<u64>>,
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

/// The priority of a task whose turn was dropped; larger is later.
const PRIORITY_LOWEST: u64 = u64::MAX;

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

    // --- wake-ups ---

    #[inline]
    fn drain_wakes(&self) {
        while self.wakes.is_waiting() {
            let mut taken = self.wakes_taken.take();
            self.wakes.swap(&mut taken);
            for id in taken.drain(..) {
                self.wake(id);
            }
            self.wakes_taken.replace(taken);
        }
    }

    /// Puts a task on the ready queue unless it is there.
    pub(crate) fn wake(&self, id: TaskId) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(task) = tasks.get_mut(id) else { return };
        if task.queued {
            return;
        }
        task.queued = true;
        let tie = self.tie(task);
        drop(tasks);
        let mut queue = self.queue.borrow_mut();
        queue.push_ready(self.now.get(), tie, id);
        if queue.ready_len() > self.config.limits.ready_max {
            self.stop_at_limit(Limit::ReadyQueue);
        }
    }

    pub(crate) fn wake_all(&self, waiters: Waiters) {
        for wakeup in waiters.into_iter() {
            match wakeup {
                Wakeup::Task(id) => self.wake(id),
                Wakeup::Waker(waker) => waker.wake(),
            }
        }
    }

    /// Wakes whom an event was for. A single waiting task is polled within the event: the event had its tie-break.
    pub(crate) fn run_or_wake_all(self: &Rc<Self>, waiters: Waiters) {
        match waiters.only_task() {
            Some(id) => self.run_or_wake(Wakeup::Task(id)),
            None => self.wake_all(waiters),
        }
    }

    fn run_or_wake(self: &Rc<Self>, wakeup: Wakeup) {
        match wakeup {
            Wakeup::Task(id) => {
                let idle = self.tasks.borrow().get(id).is_some_and(|task| !task.queued);
                if idle {
                    self.poll_task(id);
                }
            }
            Wakeup::Waker(waker) => waker.wake(),
        }
    }

    /// Whom a leaf future shall wake: the current task itself unless a combinator wrapped its waker.
    #[inline]
    pub(crate) fn wakeup(&self, cx: &Context<'_>) -> Wakeup {
        match self.current.get() {
            Some(id) if cx.waker().data() as usize == self.current_waker.get() => Wakeup::Task(id),
            _ => Wakeup::Waker(cx.waker().clone()),
        }
    }

    // --- order ---

    /// Draws the tie-break of a task's next turn.
    #[inline]
    fn tie(&self, task: &mut Task) -> u64 {
        match self.config.strategy {
            Strategy::Fifo => 0,
            Strategy::Priority { .. } => task.priority,
            Strategy::Random => {
                let occurrence = task.draws;
                task.draws += 1;
                if self.schedule_overridden {
                    return self.tie_overridden(task, occurrence);
                }
                mix(task.schedule, occurrence)
            }
        }
    }

    #[cold]
    fn tie_overridden(&self, task: &Task, occurrence: u64) -> u64 {
        let path = task.name.to_string();
        let key = choice::key(self.config.seed, site::SCHEDULE, &path);
        let mut choices = self.choices.borrow_mut();
        let tie = choices.replaced(key, occurrence).unwrap_or_else(|| mix(task.schedule, occurrence));
        if self.config.record_internal {
            choices.note((key, site::SCHEDULE), || path.into(), (occurrence, u64::MAX, tie));
        }
        tie
    }

    /// The tie-break of an event the current task schedules for later.
    pub(crate) fn tie_of_current(&self) -> u64 {
        let Some(id) = self.current.get() else { return 0 };
        match self.tasks.borrow_mut().get_mut(id) {
            Some(task) => self.tie(task),
            None => 0,
        }
    }

    /// The tie-break of an event that belongs to no task, such as a packet.
    #[inline]
    pub(crate) fn tie_of_key(&self, key: u64, occurrence: u64) -> u64 {
        match self.config.strategy {
            Strategy::Fifo => 0,
            Strategy::Random => mix(key, occurrence),
            Strategy::Priority { .. } => mix(key, 0),
        }
    }

    /// Under [`Strategy::Priority`]: at a change point the task that was next goes last instead.
    fn run_ready(self: &Rc<Self>, id: TaskId) {
        if let Strategy::Priority { .. } = self.config.strategy {
            let mut points = self.change_points.borrow_mut();
            if points.last().is_some_and(|point| self.events.get() >= *point) {
                points.pop();
                let lowered = PRIORITY_LOWEST - points.len() as u64;
                drop(points);
                if let Some(task) = self.tasks.borrow_mut().get_mut(id) {
                    task.priority = lowered;
                }
                return self.queue.borrow_mut().push_ready(self.now.get(), lowered, id);
            }
        }
        self.poll_task(id);
    }

    // --- tasks ---

    pub(crate) fn spawn<T: 'static>(
        self: &Rc<Self>,
        (process, incarnation): (ProcessId, u32),
        label: Cow<'static, str>,
        future: impl Future<Output = T> + 'static,
    ) -> JoinHandle<T> {
        let (handle, body) = JoinHandle::split(self.clone(), future);
        if self.closing.get() || !self.is_incarnation(process, incarnation) {
            return handle;
        }
        let parent = self.current_name(process, incarnation);
        let task = self.insert_task(parent.child(label), process, incarnation, body);
        handle.with_task(task)
    }

    /// The name new tasks of an incarnation go under: the current task's if it is of the same incarnation.
    fn current_name(&self, process: ProcessId, incarnation: u32) -> Rc<TaskName> {
        let tasks = self.tasks.borrow();
        let current = self.current.get().and_then(|id| tasks.get(id));
        match current {
            Some(task) if task.process == process && task.incarnation == incarnation => task.name.clone(),
            _ => self.processes.borrow().root_name(process),
        }
    }

    /// Adds a task and makes it ready; `None` if a limit ends the run.
    pub(crate) fn insert_task(
        &self,
        name: Rc<TaskName>,
        process: ProcessId,
        incarnation: u32,
        future: LocalFuture,
    ) -> Option<TaskId> {
        if self.tasks.borrow().len() >= self.config.limits.tasks_max {
            self.stop_at_limit(Limit::Tasks);
            return None;
        }
        self.record(KIND_SPAWN, Some(process), name.hash, || (name.to_string(), String::new()));
        let schedule = fold(fold(self.config.seed, text(site::SCHEDULE)), name.hash);
        let id = self.tasks.borrow_mut().insert_with(|id| Task {
            body: Some(Body { future, waker: task::waker(id, &self.wakes) }),
            priority: mix(schedule, PRIORITY_LOWEST) / 2,
            name,
            process,
            incarnation,
            queued: false,
            schedule,
            draws: 0,
            polled_at: Instant::START,
            polls_at_instant: 0,
            waits: Default::default(),
        });
        self.wake(id);
        Some(id)
    }

    fn poll_task(self: &Rc<Self>, id: TaskId) {
        if self.paused.get() > 0 && self.park_if_paused(id) {
            return;
        }
        let Some(mut body) = self.begin_poll(id) else { return };
        let outer = (self.current.replace(Some(id)), self.current_waker.get());
        self.current_waker.set(body.waker.data() as usize);
        let result = body.future.as_mut().poll(&mut Context::from_waker(&body.waker));
        self.current_waker.set(outer.1);
        let waits = wait::take();
        match result {
            Poll::Pending => {
                if let Some(task) = self.tasks.borrow_mut().get_mut(id) {
                    task.waits = waits;
                    task.body = Some(body);
                    self.current.set(outer.0);
                    return;
                }
                // The task was aborted, or its process died, during its own poll.
                drop(body);
            }
            Poll::Ready(()) => {
                let task = self.tasks.borrow_mut().remove(id);
                drop(body);
                if let Some(task) = task {
                    self.main_ended(id, task.process);
                }
            }
        }
        self.current.set(outer.0);
    }

    fn begin_poll(&self, id: TaskId) -> Option<Body> {
        let now = self.now.get();
        let mut tasks = self.tasks.borrow_mut();
        let task = tasks.get_mut(id)?;
        task.queued = false;
        if task.polled_at != now {
            task.polled_at = now;
            task.polls_at_instant = 0;
        }
        task.polls_at_instant += 1;
        let mut trace = self.trace.borrow_mut();
        trace.fold(now, KIND_STEP.hash, task.name.hash);
        if trace.keeps(TraceLevel::Steps) {
            let (name, process) = (task.name.clone(), self.processes.borrow().name(task.process));
            let (seq, hash) = (trace.len(), trace.hash());
            let (subject, detail) = (String::new(), String::new());
            trace.push(Entry {
                seq,
                at: now,
                process,
                task: Some(name),
                kind: KIND_STEP.name,
                subject,
                detail,
                hash,
            });
        }
        task.body.take()
    }

    pub(crate) fn abort(&self, id: TaskId) {
        let task = self.tasks.borrow_mut().remove(id);
        if let Some(task) = task {
            self.record(KIND_ABORT, Some(task.process), task.name.hash, || {
                (task.name.to_string(), String::new())
            });
            self.drop_tasks(vec![(id, task)]);
        }
    }

    /// Drops tasks taken off the slab. Their destructors run as if within them, and may call back.
    pub(crate) fn drop_tasks(&self, tasks: Vec<(TaskId, Task)>) {
        let outer = self.current.get();
        for (id, task) in tasks {
            self.current.set(Some(id));
            drop(task);
        }
        self.current.set(outer);
    }

    pub(crate) fn current_task_name(&self) -> Option<Rc<TaskName>> {
        let id = self.current.get()?;
        self.tasks.borrow().get(id).map(|task| task.name.clone())
    }

    /// Every live task with what it waits for, in a stable order.
    pub(crate) fn waiting_tasks(&self) -> Vec<WaitingTask> {
        let tasks = self.tasks.borrow();
        let mut waiting: Vec<WaitingTask> = tasks.iter().map(|(_, task)| self.waiting_task(task)).collect();
        waiting.sort_by(|left, right| left.task.cmp(&right.task));
        waiting
    }

    fn waiting_task(&self, task: &Task) -> WaitingTask {
        let processes = self.processes.borrow();
        let mut waits_for: Vec<String> =
            task.waits.known.iter().flatten().map(|wait| wait.describe(&processes)).collect();
        if task.waits.more > 0 {
            waits_for.push(format!("and {} more", task.waits.more));
        }
        if processes.is_paused(task.process) {
            waits_for.push("its process, which is paused".into());
        }
        WaitingTask { task: task.name.to_string(), waits_for }
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

    // --- choices ---

    pub(crate) fn choose(&self, site: &'static str, entity: &str, n: u64) -> u64 {
        let (value, over) = self.choices.borrow_mut().draw(site, entity, n);
        if over {
            self.stop_at_limit(Limit::ChoiceKeys);
        }
        let digest = fold(fold(text(site), text(entity)), value);
        let process = self.current_process();
        self.record(KIND_CHOOSE, process, digest, || (format!("{site} {entity}"), format!("{value} of {n}")));
        value
    }

    /// A latency in nanoseconds between two bounds, by a key whose occurrences the caller counts.
    #[inline]
    pub(crate) fn draw_between(&self, key: u64, occurrence: u64, min: u64, max: u64) -> u64 {
        min + scale(mix(key, occurrence), (max - min).saturating_add(1))
    }

    pub(crate) fn current_process(&self) -> Option<ProcessId> {
        let id = self.current.get()?;
        self.tasks.borrow().get(id).map(|task| task.process)
    }

    // --- trace ---

    /// Folds an event into the trace; the text is built only if it is kept.
    #[inline]
    pub(crate) fn record(
        &self,
        kind: Kind,
        process: Option<ProcessId>,
        digest: u64,
        text: impl FnOnce() -> (String, String),
    ) {
        let origin = process.map_or(0, |process| u64::from(process.index()) + 1);
        let mut trace = self.trace.borrow_mut();
        trace.fold(self.now.get(), kind.hash, digest ^ origin.rotate_right(16));
        if trace.keeps(TraceLevel::Events) {
            drop(trace);
            self.keep(kind, process, text());
        }
    }

    #[cold]
    fn keep(&self, kind: Kind, process: Option<ProcessId>, (subject, detail): (String, String)) {
        let task = self.current_task_name();
        let name = process.map_or_else(|| "".into(), |process| self.processes.borrow().name(process));
        let mut trace = self.trace.borrow_mut();
        let (seq, hash) = (trace.len(), trace.hash());
        let at = self.now.get();
        trace.push(Entry { seq, at, process: name, task, kind: kind.name, subject, detail, hash });
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

/// The moments of a priority run at which the next task goes last, latest first.
fn change_points(config: &Config) -> Vec<u64> {
    let Strategy::Priority { change_points, horizon_events } = config.strategy else { return Vec::new() };
    let key = fold(config.seed, text("change-point"));
    let mut points: Vec<u64> =
        (0..u64::from(change_points)).map(|at| scale(mix(key, at), horizon_events.max(1)) + 1).collect();
    points.sort_unstable_by(|left, right| right.cmp(left));
    points
}

/// A kind of event with its hash, which the kernel's own kinds have computed at compile time.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) hash: u64,
}

impl Kind {
    pub(crate) const fn new(name: &'static str) -> Kind {
        Kind { name, hash: text(name) }
    }
}

const KIND_STEP: Kind = Kind::new("step");
const KIND_SPAWN: Kind = Kind::new("spawn");
const KIND_ABORT: Kind = Kind::new("abort");
const KIND_CHOOSE: Kind = Kind::new("choose");
