//! Runs tasks: makes them, polls them, drops them, and says what they wait for.

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::choice::site;
use crate::config::TraceLevel;
use crate::hash::{fold, mix, text};
use crate::kernel::Kernel;
use crate::outcome::{Limit, WaitingTask};
use crate::process::ProcessId;
use crate::record::Kind;
use crate::task::{self, Body, JoinHandle, LocalFuture, Task, TaskId, TaskName};
use crate::time::Instant;
use crate::trace::Entry;
use crate::wait::{self, Waits};

impl Kernel {
    pub(crate) fn spawn<T: 'static>(
        self: &Rc<Self>,
        (process, incarnation): (ProcessId, u32),
        label: Cow<'static, str>,
        future: Pin<Box<dyn Future<Output = T>>>,
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
            priority: mix(schedule, u64::MAX) / 2,
            name,
            process,
            incarnation,
            queued: false,
            schedule,
            draws: 0,
            polled_at: Instant::START,
            polls_at_instant: 0,
            waits: Waits::default(),
        });
        self.wake(id);
        Some(id)
    }

    pub(crate) fn poll_task(self: &Rc<Self>, id: TaskId) {
        if self.paused.get() > 0 && self.park_if_paused(id) {
            return;
        }
        let Some(mut body) = self.begin_poll(id) else { return };
        let outer = (self.current.replace(Some(id)), self.current_waker.get());
        self.current_waker.set(body.waker.data() as usize);
        let result = body.future.as_mut().poll(&mut Context::from_waker(&body.waker));
        self.current_waker.set(outer.1);
        match result {
            Poll::Pending => {
                if let Some(task) = self.tasks.borrow_mut().get_mut(id) {
                    task.waits.take_noted();
                    task.body = Some(body);
                    self.current.set(outer.0);
                    return;
                }
                wait::forget();
                // The task was aborted, or its process died, during its own poll.
                drop(body);
            }
            Poll::Ready(()) => {
                wait::forget();
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
            task.waits.known().iter().map(|wait| wait.describe(&processes)).collect();
        if task.waits.more() > 0 {
            waits_for.push(format!("{} more", task.waits.more()));
        }
        if processes.is_paused(task.process) {
            waits_for.push("its process, which is paused".into());
        }
        WaitingTask { task: task.name.to_string(), waits_for }
    }
}

const KIND_STEP: Kind = Kind::new("step");
const KIND_SPAWN: Kind = Kind::new("spawn");
const KIND_ABORT: Kind = Kind::new("abort");
