//! A channel for exactly one value: answers.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::wait::{self, Wait};

/// Makes a channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { value: None, sender: true, receiver: true, wants_value: None, wants_end: None };
    let state = Rc::new(RefCell::new(state));
    (Sender { state: state.clone() }, Receiver { state })
}

struct State<T> {
    value: Option<T>,
    sender: bool,
    receiver: bool,
    /// The receiver, waiting for the value.
    wants_value: Option<Waker>,
    /// The sender, waiting for the receiver's end.
    wants_end: Option<Waker>,
}

/// Says that the sender is gone without having sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sender dropped without sending")]
pub struct Dropped;

/// The sending end.
pub struct Sender<T> {
    state: Rc<RefCell<State<T>>>,
}

impl<T> Sender<T> {
    /// Sends the value.
    ///
    /// # Errors
    /// If the receiver is gone, with the value.
    pub fn send(self, value: T) -> Result<(), T> {
        let mut state = self.state.borrow_mut();
        if !state.receiver {
            return Err(value);
        }
        state.value = Some(value);
        Ok(())
    }

    /// Whether the receiver is gone, so that nobody wants the value.
    pub fn is_closed(&self) -> bool {
        !self.state.borrow().receiver
    }

    /// Waits until the receiver is gone.
    pub async fn closed(&mut self) {
        poll_fn(|cx| {
            let mut state = self.state.borrow_mut();
            if !state.receiver {
                return Poll::Ready(());
            }
            let previous = state.wants_end.replace(cx.waker().clone());
            drop(state);
            drop(previous);
            wait::note(Wait::Sync { what: wait::Sync::ReceiversEnd, name: "" });
            Poll::Pending
        })
        .await;
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.sender = false;
        let waker = state.wants_value.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "oneshot::Sender(closed: {})", self.is_closed())
    }
}

/// The receiving end: a future of the value.
pub struct Receiver<T> {
    state: Rc<RefCell<State<T>>>,
}

impl<T> Receiver<T> {
    /// The value, if it was sent.
    pub fn try_recv(&mut self) -> Option<T> {
        self.state.borrow_mut().value.take()
    }
}

impl<T> Future for Receiver<T> {
    type Output = Result<T, Dropped>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.state.borrow_mut();
        if let Some(value) = state.value.take() {
            return Poll::Ready(Ok(value));
        }
        if !state.sender {
            return Poll::Ready(Err(Dropped));
        }
        let previous = state.wants_value.replace(cx.waker().clone());
        drop(state);
        drop(previous);
        wait::note(Wait::Sync { what: wait::Sync::Answer, name: "" });
        Poll::Pending
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.receiver = false;
        let leftover = (state.value.take(), state.wants_value.take(), state.wants_end.take());
        drop(state);
        let (value, own, waker) = leftover;
        drop((value, own));
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "oneshot::Receiver(sent: {})", self.state.borrow().value.is_some())
    }
}
