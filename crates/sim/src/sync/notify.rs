//! Notifications without content: "look again".

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::wait::{self, Wait};

/// Wakes tasks that wait for something to change. Clones are the same notifier.
///
/// The usual form is a loop: `while !condition() { notify.notified().await }`.
#[derive(Clone)]
pub struct Notify {
    state: Rc<RefCell<State>>,
    name: &'static str,
}

#[derive(Default)]
struct State {
    /// A notification nobody waited for; there is at most one.
    kept: bool,
    next: u64,
    waiting: BTreeMap<u64, Waker>,
    /// Waiters that were notified and do not know it yet, and whether the notification was for one only.
    notified: BTreeMap<u64, bool>,
}

impl State {
    fn notify_one(&mut self) -> Option<Waker> {
        let Some((id, waker)) = self.waiting.pop_first() else {
            self.kept = true;
            return None;
        };
        self.notified.insert(id, true);
        Some(waker)
    }
}

impl Notify {
    /// Makes a notifier.
    pub fn new() -> Self {
        Notify::named("")
    }

    /// Makes a notifier with a name for diagnoses.
    pub fn named(name: &'static str) -> Self {
        Notify { state: Rc::default(), name }
    }

    /// Wakes the task that waited longest; without one, the next to wait goes on at once.
    pub fn notify_one(&self) {
        let waker = self.state.borrow_mut().notify_one();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Wakes all tasks waiting now, and none that waits later.
    pub fn notify_all(&self) {
        let mut state = self.state.borrow_mut();
        let waiting = std::mem::take(&mut state.waiting);
        state.notified.extend(waiting.keys().map(|id| (*id, false)));
        drop(state);
        waiting.into_values().for_each(Waker::wake);
    }

    /// Waits for a notification. The place in line is taken at the first poll; a future dropped after it was chosen
    /// passes the notification on.
    pub fn notified(&self) -> Notified {
        Notified { notify: self.clone(), id: None }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Notify::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Notify({}, {} waiting)", self.name, self.state.borrow().waiting.len())
    }
}

/// Waits for a notification, see [`Notify::notified`].
#[derive(Debug)]
pub struct Notified {
    notify: Notify,
    id: Option<u64>,
}

impl Future for Notified {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let notify = self.notify.clone();
        let mut state = notify.state.borrow_mut();
        let id = match self.id {
            Some(id) if state.notified.remove(&id).is_some() => {
                self.id = None;
                return Poll::Ready(());
            }
            Some(id) => id,
            None if std::mem::take(&mut state.kept) => return Poll::Ready(()),
            None => {
                state.next += 1;
                state.next
            }
        };
        self.id = Some(id);
        let previous = state.waiting.insert(id, cx.waker().clone());
        drop(state);
        drop(previous);
        wait::note(Wait::Sync { what: wait::Sync::Notification, name: notify.name });
        Poll::Pending
    }
}

impl Drop for Notified {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let mut state = self.notify.state.borrow_mut();
        let waiting = state.waiting.remove(&id);
        let was_for_one = state.notified.remove(&id) == Some(true);
        let next = if was_for_one { state.notify_one() } else { None };
        drop(state);
        drop(waiting);
        if let Some(next) = next {
            next.wake();
        }
    }
}
