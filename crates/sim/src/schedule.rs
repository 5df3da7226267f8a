//! Who runs next: wake-ups, and the tie-breaks by which a strategy orders what is due at the same instant.

use std::rc::Rc;
use std::task::Context;

use crate::choice::{self, site};
use crate::config::{Config, Strategy};
use crate::hash::{fold, mix, scale, text};
use crate::kernel::Kernel;
use crate::outcome::Limit;
use crate::task::{Task, TaskId, Waiters, Wakeup};

/// The priority of a task whose turn was dropped; larger is later.
const PRIORITY_LOWEST: u64 = u64::MAX;

impl Kernel {
    #[inline]
    pub(crate) fn drain_wakes(&self) {
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

    pub(crate) fn run_or_wake(self: &Rc<Self>, wakeup: Wakeup) {
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
    pub(crate) fn run_ready(self: &Rc<Self>, id: TaskId) {
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
}

/// The moments of a priority run at which the next task goes last, latest first.
pub(crate) fn change_points(config: &Config) -> Vec<u64> {
    let Strategy::Priority { change_points, horizon_events } = config.strategy else { return Vec::new() };
    let key = fold(config.seed, text("change-point"));
    let mut points: Vec<u64> =
        (0..u64::from(change_points)).map(|at| scale(mix(key, at), horizon_events.max(1)) + 1).collect();
    points.sort_unstable_by(|left, right| right.cmp(left));
    points
}
