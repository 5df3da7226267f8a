//! Counted permits, first come, first served.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::wait::{self, Wait};

/// Hands out a number of permits. Clones are the same semaphore.
///
/// A request for many permits at the head of the line holds up smaller ones behind it, so that it is not starved.
#[derive(Clone)]
pub struct Semaphore {
    state: Rc<RefCell<State>>,
    what: wait::Sync,
    name: &'static str,
}

#[derive(Default)]
struct State {
    permits: usize,
    closed: bool,
    next: u64,
    waiting: BTreeMap<u64, (usize, Waker)>,
    /// Requests that were granted and do not know it yet.
    granted: BTreeMap<u64, usize>,
}

impl State {
    /// Grants what can be granted from the head of the line.
    fn grant(&mut self) -> Vec<Waker> {
        let mut granted = Vec::new();
        while let Some(first) = self.waiting.first_entry()
            && first.get().0 <= self.permits
        {
            let (id, (count, waker)) = first.remove_entry();
            self.permits -= count;
            self.granted.insert(id, count);
            granted.push(waker);
        }
        granted
    }
}

/// Says that the semaphore was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("semaphore closed")]
pub struct SemaphoreClosed;

impl Semaphore {
    /// Makes a semaphore with a number of permits.
    pub fn new(permits: usize) -> Self {
        Semaphore::named(permits, "")
    }

    /// Makes a semaphore with a name for diagnoses.
    pub fn named(permits: usize, name: &'static str) -> Self {
        Semaphore::described(permits, wait::Sync::Permit, name)
    }

    pub(crate) fn described(permits: usize, what: wait::Sync, name: &'static str) -> Self {
        Semaphore { state: Rc::new(RefCell::new(State { permits, ..State::default() })), what, name }
    }

    /// Waits for one permit, which is given back when it is dropped.
    ///
    /// # Errors
    /// If the semaphore is, or meanwhile gets, closed.
    pub fn acquire(&self) -> Acquire {
        self.acquire_many(1)
    }

    /// Waits for several permits at once.
    ///
    /// # Errors
    /// If the semaphore is, or meanwhile gets, closed.
    pub fn acquire_many(&self, count: usize) -> Acquire {
        Acquire { semaphore: self.clone(), count, id: None }
    }

    /// Takes permits if they are free and nobody waits for them.
    pub fn try_acquire(&self, count: usize) -> Option<Permit> {
        let mut state = self.state.borrow_mut();
        if state.closed || !state.waiting.is_empty() || state.permits < count {
            return None;
        }
        state.permits -= count;
        Some(Permit { semaphore: self.clone(), count })
    }

    /// Adds permits.
    pub fn add_permits(&self, count: usize) {
        let mut state = self.state.borrow_mut();
        state.permits += count;
        let granted = state.grant();
        drop(state);
        granted.into_iter().for_each(Waker::wake);
    }

    /// Permits nobody has.
    pub fn available(&self) -> usize {
        self.state.borrow().permits
    }

    /// Closes it: whoever waits, or asks from now on, gets an error. Permits handed out stay good.
    pub fn close(&self) {
        let mut state = self.state.borrow_mut();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        for (_, waker) in waiting.into_values() {
            waker.wake();
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        self.state.borrow().closed
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Semaphore({}, {} available)", self.name, self.available())
    }
}

/// Permits held; dropping them gives them back.
#[derive(Debug)]
pub struct Permit {
    semaphore: Semaphore,
    count: usize,
}

impl Permit {
    /// Keeps the permits from ever being given back.
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.semaphore.add_permits(self.count);
        }
    }
}

/// Waits for permits, see [`Semaphore::acquire`].
#[derive(Debug)]
pub struct Acquire {
    semaphore: Semaphore,
    count: usize,
    id: Option<u64>,
}

impl Future for Acquire {
    type Output = Result<Permit, SemaphoreClosed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore.clone();
        if let Some(id) = self.id
            && let Some(count) = semaphore.state.borrow_mut().granted.remove(&id)
        {
            self.id = None;
            return Poll::Ready(Ok(Permit { semaphore: semaphore.clone(), count }));
        }
        if semaphore.is_closed() {
            return Poll::Ready(Err(SemaphoreClosed));
        }
        if self.id.is_none()
            && let Some(permit) = semaphore.try_acquire(self.count)
        {
            return Poll::Ready(Ok(permit));
        }
        let mut state = semaphore.state.borrow_mut();
        let id = self.id.unwrap_or(state.next);
        state.next = state.next.max(id + 1);
        self.id = Some(id);
        let previous = state.waiting.insert(id, (self.count, cx.waker().clone()));
        drop(state);
        drop(previous);
        wait::note(Wait::Sync { what: semaphore.what, name: semaphore.name });
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut state = self.semaphore.state.borrow_mut();
        let waiting = state.waiting.remove(&id);
        state.permits += state.granted.remove(&id).unwrap_or(0);
        let granted = state.grant();
        drop(state);
        drop(waiting);
        granted.into_iter().for_each(Waker::wake);
    }
}
