//! Tasks: boxed futures that belong to one incarnation of a process, their stable names, their wakers.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::hash::{fold, text};
use crate::kernel::Kernel;
use crate::process::ProcessId;
use crate::slab::Slab;
use crate::time::Instant;
use crate::wait::{self, Wait, Waits};

pub(crate) use crate::slab::Key as TaskId;

pub(crate) type LocalFuture = Pin<Box<dyn Future<Output = ()>>>;

/// A task's place in the tree of names: `process#incarnation/name/…`, with `~n` for the n-th of equal siblings.
pub(crate) struct TaskName {
    parent: Option<Rc<TaskName>>,
    label: Cow<'static, str>,
    ordinal: u32,
    depth: u32,
    pub(crate) hash: u64,
    children: RefCell<BTreeMap<u64, u32>>,
}

/// Deeper names are flattened, so that a task that forever spawns its successor keeps a short name.
const DEPTH_MAX: u32 = 16;
/// Names of children remembered per task; equal siblings beyond it may share a path, which only blurs a diagnosis.
const CHILD_NAMES_MAX: usize = 4096;

impl TaskName {
    pub(crate) fn root(process: &str, incarnation: u32) -> Rc<TaskName> {
        let hash = fold(text(process), u64::from(incarnation));
        let label = Cow::Owned(format!("{process}#{incarnation}"));
        Rc::new(TaskName { parent: None, label, ordinal: 1, depth: 0, hash, children: RefCell::default() })
    }

    pub(crate) fn child(self: &Rc<TaskName>, label: Cow<'static, str>) -> Rc<TaskName> {
        let parent = match &self.parent {
            Some(parent) if self.depth >= DEPTH_MAX => parent,
            _ => self,
        };
        let ordinal = parent.next_ordinal(text(&label));
        let hash = fold(fold(parent.hash, text(&label)), u64::from(ordinal));
        Rc::new(TaskName {
            parent: Some(parent.clone()),
            label,
            ordinal,
            depth: parent.depth + 1,
            hash,
            children: RefCell::default(),
        })
    }

    fn next_ordinal(&self, label: u64) -> u32 {
        let mut children = self.children.borrow_mut();
        if children.len() >= CHILD_NAMES_MAX && !children.contains_key(&label) {
            return 1;
        }
        let ordinal = children.entry(label).or_insert(0);
        *ordinal += 1;
        *ordinal
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = &self.parent {
            write!(out, "{parent}/")?;
        }
        write!(out, "{}", self.label)?;
        if self.ordinal > 1 { write!(out, "~{}", self.ordinal) } else { Ok(()) }
    }
}

/// What is taken out of a task while it is polled.
pub(crate) struct Body {
    pub(crate) future: LocalFuture,
    pub(crate) waker: Waker,
}

pub(crate) struct Task {
    pub(crate) body: Option<Body>,
    pub(crate) name: Rc<TaskName>,
    pub(crate) process: ProcessId,
    pub(crate) incarnation: u32,
    pub(crate) queued: bool,
    /// Key of the task's scheduling draws, and how many were made.
    pub(crate) schedule: u64,
    pub(crate) draws: u64,
    pub(crate) priority: u64,
    pub(crate) polled_at: Instant,
    pub(crate) polls_at_instant: u64,
    pub(crate) waits: Waits,
}

pub(crate) type Tasks = Slab<Task>;

/// Wake-ups that came through `std`'s wakers, waiting for the kernel to schedule them.
#[derive(Default)]
pub(crate) struct WakeQueue {
    waiting: AtomicBool,
    tasks: Mutex<Vec<TaskId>>,
}

impl WakeQueue {
    fn push(&self, id: TaskId) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.waiting.store(true, Ordering::Release);
    }

    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Acquire)
    }

    /// Exchanges the queue with an empty one.
    pub(crate) fn swap(&self, other: &mut Vec<TaskId>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut *tasks, other);
        self.waiting.store(false, Ordering::Release);
    }
}

/// A task's waker. `std` demands that it could cross threads, hence the `Arc` and the lock nobody contends for.
struct TaskWaker {
    id: TaskId,
    queue: Arc<WakeQueue>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.queue.push(self.id);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.queue.push(self.id);
    }
}

pub(crate) fn waker(id: TaskId, queue: &Arc<WakeQueue>) -> Waker {
    Waker::from(Arc::new(TaskWaker { id, queue: queue.clone() }))
}

/// Whom to wake: a task directly, or a waker a combinator put in between.
pub(crate) enum Wakeup {
    Task(TaskId),
    Waker(Waker),
}

impl Wakeup {
    fn same(&self, other: &Wakeup) -> bool {
        match (self, other) {
            (Wakeup::Task(left), Wakeup::Task(right)) => left == right,
            (Wakeup::Waker(left), Wakeup::Waker(right)) => left.will_wake(right),
            _ => false,
        }
    }
}

/// The tasks waiting at one place; nearly always none or one, which cost no allocation.
#[derive(Default)]
pub(crate) struct Waiters {
    first: Option<Wakeup>,
    more: Vec<Wakeup>,
}

impl Waiters {
    pub(crate) fn add(&mut self, wakeup: Wakeup) {
        match &self.first {
            None => self.first = Some(wakeup),
            Some(first) if first.same(&wakeup) => {}
            Some(_) if self.more.iter().any(|other| other.same(&wakeup)) => {}
            Some(_) => self.more.push(wakeup),
        }
    }

    pub(crate) fn take(&mut self) -> Waiters {
        mem::take(self)
    }

    /// The only waiter, if it is a task that can be polled at once.
    pub(crate) fn only_task(&self) -> Option<TaskId> {
        match &self.first {
            Some(Wakeup::Task(id)) if self.more.is_empty() => Some(*id),
            _ => None,
        }
    }

    pub(crate) fn into_iter(self) -> impl Iterator<Item = Wakeup> {
        self.first.into_iter().chain(self.more)
    }
}

/// A spawned task's result, to be awaited. Dropping it lets the task run on.
pub struct JoinHandle<T> {
    state: Rc<RefCell<JoinState<T>>>,
    kernel: Rc<Kernel>,
    task: Option<TaskId>,
}

/// Says that a task ended without a result: it was aborted, or its process crashed or exited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task aborted before it finished")]
pub struct Aborted;

struct JoinState<T> {
    value: Option<T>,
    ended: bool,
    waiter: Option<Waker>,
}

/// Tells the handle that the task's future was dropped, finished or not.
struct EndGuard<T>(Rc<RefCell<JoinState<T>>>);

impl<T> Drop for EndGuard<T> {
    fn drop(&mut self) {
        let mut state = self.0.borrow_mut();
        state.ended = true;
        let waiter = state.waiter.take();
        drop(state);
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

/// A task's future with the place its result goes to. The future has a box of its own: an `async` block around it would
/// hold it twice, and models' futures are large.
struct Spawned<T> {
    future: Option<Pin<Box<dyn Future<Output = T>>>>,
    guard: EndGuard<T>,
}

impl<T> Future for Spawned<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else { return Poll::Ready(()) };
        let Poll::Ready(value) = future.as_mut().poll(cx) else { return Poll::Pending };
        self.future = None;
        self.guard.0.borrow_mut().value = Some(value);
        Poll::Ready(())
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Splits a future into one for the kernel and the handle to its result.
    pub(crate) fn split(kernel: Rc<Kernel>, future: Pin<Box<dyn Future<Output = T>>>) -> (Self, LocalFuture) {
        let state = Rc::new(RefCell::new(JoinState { value: None, ended: false, waiter: None }));
        let guard = EndGuard(state.clone());
        let spawned = Spawned { future: Some(future), guard };
        (JoinHandle { state, kernel, task: None }, Box::pin(spawned))
    }

    pub(crate) fn with_task(mut self, task: Option<TaskId>) -> Self {
        self.task = task;
        self
    }
}

impl<T> JoinHandle<T> {
    /// Drops the task at the await it is at. Has no effect on a finished task.
    pub fn abort(&self) {
        if let Some(task) = self.task {
            self.kernel.abort(task);
        }
    }

    /// Whether the task has finished or was aborted.
    pub fn is_finished(&self) -> bool {
        self.state.borrow().ended
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.state.borrow_mut();
        if let Some(value) = state.value.take() {
            return Poll::Ready(Ok(value));
        }
        if state.ended {
            return Poll::Ready(Err(Aborted));
        }
        state.waiter = Some(cx.waker().clone());
        wait::note(Wait::Task);
        Poll::Pending
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("JoinHandle").field("finished", &self.is_finished()).finish()
    }
}
