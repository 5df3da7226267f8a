//! The handle a process's code gets: clock, chance, tasks, network, trace. Nothing in a model is ambient.

use std::any::Any;
use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Pending, pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::control::Control;
use crate::hash::text;
use crate::kernel::Kernel;
use crate::process::ProcessId;
use crate::record::Kind;
use crate::slab::Key;
use crate::task::JoinHandle;
use crate::time::{Instant, nanos};
use crate::wait::{self, Wait};

/// The handle to the world of one incarnation of a process. Cheap to clone; never leaves its process.
#[derive(Clone)]
pub struct Ctx {
    pub(crate) kernel: Rc<Kernel>,
    pub(crate) process: ProcessId,
    pub(crate) incarnation: u32,
}

impl Ctx {
    pub(crate) fn new(kernel: Rc<Kernel>, process: ProcessId, incarnation: u32) -> Self {
        Ctx { kernel, process, incarnation }
    }

    // --- time ---

    /// Virtual monotonic time.
    pub fn now(&self) -> Instant {
        self.kernel.now.get()
    }

    /// This machine's wall clock, in nanoseconds since 1970 UTC. It drifts and jumps, see [`Control::set_drift_ppm`].
    pub fn wall(&self) -> i64 {
        let processes = self.kernel.processes.borrow();
        let process = processes.get(self.process);
        process.clock_reads.set(process.clock_reads.get() + 1);
        process.clock.read(self.now())
    }

    /// Waits for a while. The monotonic clock does not drift, so neither does this.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Waits until a moment; returns at once if it has passed.
    pub fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep { kernel: self.kernel.clone(), deadline, timer: None }
    }

    /// Waits for a future, but not longer than a while; the future is dropped then.
    ///
    /// # Errors
    /// [`Elapsed`] if the time passed first. A future that is ready in the last instant wins.
    pub async fn timeout<F: Future>(&self, duration: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        let mut sleep = self.sleep(duration);
        poll_fn(|cx| {
            if let Poll::Ready(value) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(value));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| Err(Elapsed))
        })
        .await
    }

    /// Lets other tasks that are ready go first, as far as the strategy agrees.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|cx| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            wait::note(Wait::Turn);
            Poll::Pending
        })
        .await;
    }

    // --- tasks ---

    /// Starts a task in this incarnation of the process. It is dropped at whatever await it is at when the process
    /// crashes or exits; after that, nothing is started any more and the handle says aborted.
    ///
    /// The name becomes part of the task's stable path, which keys its scheduling: use few and constant names.
    pub fn spawn<T: 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
        future: impl Future<Output = T> + 'static,
    ) -> JoinHandle<T> {
        self.kernel.spawn((self.process, self.incarnation), name.into(), Box::pin(future))
    }

    /// Ends the process as its own decision: all its tasks are dropped, its connections closed. The caller itself goes
    /// no further than its next await, so await this: `ctx.exit("lost the lease").await;`
    pub fn exit(&self, reason: &str) -> Pending<Infallible> {
        self.kernel.exit(self.process, self.incarnation, reason);
        pending()
    }

    // --- chance ---

    /// Chooses a number in `0..n`, by (seed, site, entity, occurrence); see [`crate::Override`].
    ///
    /// The site is a place in the code, the entity what the choice is made for: naming both well is what keeps a choice
    /// the same when an unrelated one is added or removed.
    ///
    /// # Panics
    /// If `n` is zero.
    pub fn choose(&self, site: &'static str, entity: &str, n: u64) -> u64 {
        assert!(n > 0, "nothing to choose from at {site} for {entity}");
        self.kernel.choose(site, entity, n)
    }

    /// Chooses a number in `0.0..1.0`. As an override it is a multiple of 2⁻⁵³.
    pub fn choose_f64(&self, site: &'static str, entity: &str) -> f64 {
        const STEPS: u64 = 1 << 53;
        self.kernel.choose(site, entity, STEPS) as f64 / STEPS as f64
    }

    /// Chooses a duration between two bounds, both included, in whole nanoseconds.
    pub fn choose_duration(
        &self,
        site: &'static str,
        entity: &str,
        min: Duration,
        max: Duration,
    ) -> Duration {
        let (min, max) = (nanos(min), nanos(max));
        let span = max.saturating_sub(min).saturating_add(1);
        Duration::from_nanos(min + self.kernel.choose(site, entity, span))
    }

    // --- identity ---

    /// This process.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// This process's name.
    pub fn process_name(&self) -> Rc<str> {
        self.kernel.processes.borrow().name(self.process)
    }

    /// How many times the process was started, this time included.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether this incarnation still runs; false only in destructors.
    pub fn is_alive(&self) -> bool {
        self.kernel.is_incarnation(self.process, self.incarnation)
    }

    // --- the world ---

    /// Reports an event of the model. Kind, subject and time are part of the trace hash; the detail is for people,
    /// built only if the trace is kept.
    pub fn trace(&self, kind: &'static str, subject: &str, detail: impl FnOnce() -> String) {
        let digest = text(subject);
        self.kernel.record(Kind::new(kind), Some(self.process), digest, || (subject.into(), detail()));
    }

    /// The control over the whole simulation, for scenarios, fault scripts and tests; not for models.
    pub fn control(&self) -> Control {
        Control::new(self.kernel.clone())
    }

    /// The object tests and properties share with the models, see [`Control::set_world`].
    ///
    /// # Panics
    /// If there is none, or it is of another type.
    pub fn world<T: Any>(&self) -> Rc<T> {
        self.control().world()
    }
}

impl fmt::Debug for Ctx {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Ctx({}#{})", self.process_name(), self.incarnation)
    }
}

/// Says that the time passed before the future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("time elapsed")]
pub struct Elapsed;

/// Waits until a moment of virtual time.
pub struct Sleep {
    kernel: Rc<Kernel>,
    deadline: Instant,
    timer: Option<Key>,
}

impl Sleep {
    /// The moment waited for.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    fn cancel(&mut self) {
        if let Some(timer) = self.timer.take() {
            let wakeup = self.kernel.queue.borrow_mut().cancel_timer(timer);
            drop(wakeup);
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.kernel.now.get() >= self.deadline {
            self.cancel();
            return Poll::Ready(());
        }
        wait::note(Wait::Until(self.deadline));
        match self.timer {
            Some(timer) => {
                let wakeup = self.kernel.wakeup(cx);
                let previous = self.kernel.queue.borrow_mut().rearm(timer, wakeup);
                drop(previous);
            }
            // A moment that never comes is no event: a run in which only such sleeps are left is over.
            None if self.deadline == Instant::NEVER => {}
            None => self.timer = Some(self.kernel.add_timer(self.deadline, cx)),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sleep(until {})", self.deadline)
    }
}
