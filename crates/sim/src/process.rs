//! Processes: what crashes, pauses and restarts as one, with empty memory and a wall clock of its own.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use crate::clock::WallClock;
use crate::context::Ctx;
use crate::hash::text;
use crate::kernel::Kernel;
use crate::queue::Action;
use crate::record::Kind;
use crate::task::{LocalFuture, TaskId, TaskName};
use crate::wait::Wait;

/// Names a process of one simulation, over all its incarnations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(u32);

impl ProcessId {
    /// The process's number, from 0 in order of creation.
    pub fn index(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "process {}", self.0)
    }
}

/// How a process dies, which decides what its peers learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashKind {
    /// The program dies, its machine lives: the operating system closes the connections, and peers learn of it after a
    /// link latency if the link is up. New connections are refused.
    Process,
    /// The machine dies: peers hear nothing, only their timeouts notice. After the restart, what they send on an old
    /// connection is answered by a reset.
    Machine,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    Exited,
    Crashed(CrashKind),
}

type Factory = Rc<dyn Fn(Ctx) -> LocalFuture>;

pub(crate) struct Process {
    name: Rc<str>,
    factory: Factory,
    state: State,
    incarnation: u32,
    root: Rc<TaskName>,
    main: Option<TaskId>,
    paused: bool,
    parked: Vec<TaskId>,
    /// How often a task was kept from running by a pause, and how often the wall clock was read. They are for people:
    /// nothing in a run depends on them.
    parkings: u64,
    pub(crate) clock_reads: Cell<u64>,
    pub(crate) clock: WallClock,
    exit_reason: Option<String>,
    /// How long after its end somebody starts it again, if anybody does.
    restart_after: Option<Duration>,
}

/// All processes of a simulation.
#[derive(Default)]
pub(crate) struct Processes {
    all: Vec<Process>,
    by_name: BTreeMap<Rc<str>, ProcessId>,
}

impl Processes {
    pub(crate) fn get(&self, id: ProcessId) -> &Process {
        &self.all[id.0 as usize]
    }

    pub(crate) fn get_mut(&mut self, id: ProcessId) -> &mut Process {
        &mut self.all[id.0 as usize]
    }

    pub(crate) fn find(&self, name: &str) -> Option<ProcessId> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, id: ProcessId) -> Rc<str> {
        self.get(id).name.clone()
    }

    pub(crate) fn name_at(&self, index: u32) -> &str {
        &self.all[index as usize].name
    }

    pub(crate) fn root_name(&self, id: ProcessId) -> Rc<TaskName> {
        self.get(id).root.clone()
    }

    pub(crate) fn ids(&self) -> Vec<ProcessId> {
        (0..self.all.len() as u32).map(ProcessId).collect()
    }

    pub(crate) fn is_running(&self, id: ProcessId) -> bool {
        self.get(id).state == State::Running
    }

    pub(crate) fn is_paused(&self, id: ProcessId) -> bool {
        self.get(id).paused
    }

    /// Whether the machine the process runs on answers nothing at all.
    pub(crate) fn is_machine_down(&self, id: ProcessId) -> bool {
        self.get(id).state == State::Crashed(CrashKind::Machine)
    }

    pub(crate) fn parkings(&self, id: ProcessId) -> u64 {
        self.get(id).parkings
    }

    pub(crate) fn incarnation(&self, id: ProcessId) -> u32 {
        self.get(id).incarnation
    }

    pub(crate) fn exit_reason(&self, id: ProcessId) -> Option<String> {
        self.get(id).exit_reason.clone()
    }

    pub(crate) fn take_factories(&mut self) -> Vec<Factory> {
        let nothing: Factory = Rc::new(|_| Box::pin(async {}));
        self.all.iter_mut().map(|process| std::mem::replace(&mut process.factory, nothing.clone())).collect()
    }
}

impl Wait {
    pub(crate) fn describe(&self, processes: &Processes) -> String {
        match *self {
            Wait::Message { port, peer } => format!("a message from {} on {port}", processes.name_at(peer)),
            Wait::Window { port, peer } => format!("room to send to {} on {port}", processes.name_at(peer)),
            Wait::Connect { port, peer } => format!("a connection to {} on {port}", processes.name_at(peer)),
            other => other.to_string(),
        }
    }
}

const KIND_START: Kind = Kind::new("start");
const KIND_EXIT: Kind = Kind::new("exit");
const KIND_CRASH: Kind = Kind::new("crash");
const KIND_PAUSE: Kind = Kind::new("pause");
const KIND_RESUME: Kind = Kind::new("resume");

impl Kernel {
    pub(crate) fn spawn_process<F, Fut>(self: &Rc<Self>, name: &str, factory: F) -> ProcessId
    where
        F: Fn(Ctx) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let factory: Factory =
            Rc::new(move |ctx| Box::pin(factory(ctx)) as Pin<Box<dyn Future<Output = ()>>>);
        let name: Rc<str> = name.into();
        let mut processes = self.processes.borrow_mut();
        let id = ProcessId(u32::try_from(processes.all.len()).expect("fewer than 2^32 processes"));
        assert!(
            processes.by_name.insert(name.clone(), id).is_none(),
            "a process named {name} exists already"
        );
        processes.all.push(Process {
            root: TaskName::root(&name, 0),
            name,
            factory,
            state: State::Exited,
            incarnation: 0,
            main: None,
            paused: false,
            parked: Vec::new(),
            parkings: 0,
            clock_reads: Cell::new(0),
            clock: WallClock::new(self.config.epoch_unix_ns),
            exit_reason: None,
            restart_after: None,
        });
        drop(processes);
        self.start_if_down(id);
        id
    }

    /// Starts a process that is not running: a new incarnation with empty memory.
    pub(crate) fn start_if_down(self: &Rc<Self>, id: ProcessId) {
        if self.closing.get() || self.processes.borrow().is_running(id) {
            return;
        }
        let mut processes = self.processes.borrow_mut();
        let machine_was_down = processes.is_machine_down(id);
        let process = processes.get_mut(id);
        process.incarnation += 1;
        process.state = State::Running;
        process.exit_reason = None;
        process.root = TaskName::root(&process.name, process.incarnation);
        let (root, factory, incarnation) =
            (process.root.clone(), process.factory.clone(), process.incarnation);
        drop(processes);
        self.record(KIND_START, Some(id), root.hash, || (root.to_string(), String::new()));
        let ctx = Ctx::new(self.clone(), id, incarnation);
        // The factory runs within the main task, so that its panics are the task's.
        let main: LocalFuture = Box::pin(async move { factory(ctx).await });
        let main = self.insert_task(root, id, incarnation, main);
        self.processes.borrow_mut().get_mut(id).main = main;
        if machine_was_down {
            self.machine_is_back(id);
        }
    }

    fn start_after(&self, id: ProcessId, after: Duration) {
        self.push_event(self.now.get() + after, 0, Action::Start(id));
    }

    pub(crate) fn crash(&self, id: ProcessId, kind: CrashKind) {
        if self.processes.borrow().is_running(id) {
            let digest = kind as u64;
            self.record(KIND_CRASH, Some(id), digest, || {
                (self.processes.borrow().name(id).to_string(), format!("{kind:?}"))
            });
            self.end(id, State::Crashed(kind));
        } else if kind == CrashKind::Machine {
            self.processes.borrow_mut().get_mut(id).state = State::Crashed(kind);
        }
    }

    pub(crate) fn exit(&self, id: ProcessId, incarnation: u32, reason: &str) {
        if !self.is_incarnation(id, incarnation) {
            return;
        }
        self.record(KIND_EXIT, Some(id), text(reason), || {
            (self.processes.borrow().name(id).to_string(), reason.into())
        });
        self.processes.borrow_mut().get_mut(id).exit_reason = Some(reason.into());
        self.end(id, State::Exited);
    }

    /// Ends an incarnation: its tasks are dropped at the await they are at, then its sockets are closed or vanish.
    fn end(&self, id: ProcessId, state: State) {
        let mut processes = self.processes.borrow_mut();
        let process = processes.get_mut(id);
        process.state = state;
        process.main = None;
        process.parked.clear();
        let restart_after = process.restart_after.filter(|_| state != State::Crashed(CrashKind::Machine));
        if std::mem::take(&mut process.paused) {
            self.paused.set(self.paused.get() - 1);
        }
        drop(processes);
        // Sockets first: a machine that dies must not have its tasks' destructors close them politely.
        self.end_sockets(id, state == State::Crashed(CrashKind::Machine));
        let mut tasks = self.tasks.borrow_mut();
        let keys = tasks.keys_where(|task| task.process == id);
        let ended: Vec<_> = keys.into_iter().filter_map(|key| Some((key, tasks.remove(key)?))).collect();
        drop(tasks);
        self.drop_tasks(ended);
        if let Some(after) = restart_after {
            self.start_after(id, after);
        }
    }

    /// Kills a process if it runs, and starts it after a while instead of when its supervisor would.
    pub(crate) fn restart(&self, id: ProcessId, after: Duration) {
        let supervised = self.processes.borrow_mut().get_mut(id).restart_after.take();
        self.crash(id, CrashKind::Process);
        self.supervise(id, supervised);
        self.start_after(id, after);
    }

    pub(crate) fn supervise(&self, id: ProcessId, restart_after: Option<Duration>) {
        self.processes.borrow_mut().get_mut(id).restart_after = restart_after;
    }

    /// Called when a task has returned: the process exits with its main task.
    pub(crate) fn main_ended(&self, task: TaskId, id: ProcessId) {
        let (is_main, incarnation) = {
            let processes = self.processes.borrow();
            (processes.get(id).main == Some(task), processes.incarnation(id))
        };
        if is_main {
            self.exit(id, incarnation, "main returned");
        }
    }

    pub(crate) fn is_incarnation(&self, id: ProcessId, incarnation: u32) -> bool {
        let processes = self.processes.borrow();
        processes.is_running(id) && processes.incarnation(id) == incarnation
    }

    pub(crate) fn pause(&self, id: ProcessId) {
        let mut processes = self.processes.borrow_mut();
        let process = processes.get_mut(id);
        if process.paused || process.state != State::Running {
            return;
        }
        process.paused = true;
        drop(processes);
        self.paused.set(self.paused.get() + 1);
        self.record(KIND_PAUSE, Some(id), 0, || {
            (self.processes.borrow().name(id).to_string(), String::new())
        });
    }

    pub(crate) fn resume(&self, id: ProcessId) {
        let mut processes = self.processes.borrow_mut();
        let process = processes.get_mut(id);
        if !std::mem::take(&mut process.paused) {
            return;
        }
        let parked = std::mem::take(&mut process.parked);
        drop(processes);
        self.paused.set(self.paused.get() - 1);
        self.record(KIND_RESUME, Some(id), 0, || {
            (self.processes.borrow().name(id).to_string(), String::new())
        });
        for task in parked {
            if let Some(task) = self.tasks.borrow_mut().get_mut(task) {
                task.queued = false;
            }
            self.wake(task);
        }
    }

    /// Sets a task of a paused process aside until the process resumes.
    pub(crate) fn park_if_paused(&self, id: TaskId) -> bool {
        let mut tasks = self.tasks.borrow_mut();
        let Some(task) = tasks.get_mut(id) else { return false };
        let mut processes = self.processes.borrow_mut();
        let process = processes.get_mut(task.process);
        if process.paused {
            task.queued = true;
            process.parked.push(id);
            process.parkings += 1;
        }
        process.paused
    }
}
