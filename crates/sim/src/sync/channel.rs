//! Channels from many tasks to one.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::sync::Semaphore;
use crate::wait::{self, Wait};

/// Makes a channel that holds up to `capacity` values; senders wait for room.
///
/// # Panics
/// If the capacity is zero.
pub fn channel<T>(name: &'static str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "channel {name} could never hold a value");
    let room = Semaphore::described(capacity, wait::Sync::Room, name);
    let shared = Rc::new(Shared {
        state: RefCell::new(State { queue: VecDeque::new(), senders: 1, receiving: true, receiver: None }),
        room,
        name,
    });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// Makes a channel whose senders never wait. More than `limit` values is an error of theirs: a queue without a bound
/// hides overload until memory ends.
///
/// # Panics
/// If the limit is zero.
pub fn unbounded<T>(name: &'static str, limit: usize) -> (UnboundedSender<T>, Receiver<T>) {
    let (sender, receiver) = channel(name, limit);
    (UnboundedSender { sender }, receiver)
}

struct Shared<T> {
    state: RefCell<State<T>>,
    room: Semaphore,
    name: &'static str,
}

struct State<T> {
    queue: VecDeque<T>,
    senders: usize,
    receiving: bool,
    receiver: Option<Waker>,
}

impl<T> Shared<T> {
    fn wake_receiver(&self) {
        let receiver = self.state.borrow_mut().receiver.take();
        if let Some(receiver) = receiver {
            receiver.wake();
        }
    }

    /// Puts a value in, for which room was taken.
    fn push(&self, value: T) {
        self.state.borrow_mut().queue.push_back(value);
        self.wake_receiver();
    }
}

/// Gives back a value that was not sent because nobody receives any more.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("channel closed")]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SendError(..)")
    }
}

/// Gives back a value that could not be sent at once.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError<T> {
    /// The channel is full.
    #[error("channel full")]
    Full(T),
    /// Nobody receives any more.
    #[error("channel closed")]
    Closed(T),
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySendError::Full(_) => write!(out, "Full(..)"),
            TrySendError::Closed(_) => write!(out, "Closed(..)"),
        }
    }
}

/// Why there is no value to receive now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TryRecvError {
    /// The channel is empty.
    #[error("channel empty")]
    Empty,
    /// The channel is empty and nobody sends any more.
    #[error("channel closed")]
    Closed,
}

/// The sending end of a bounded channel.
pub struct Sender<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, waiting for room; those who wait are served in order.
    ///
    /// # Errors
    /// If nobody receives any more, with the value.
    pub async fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.shared.room.acquire().await {
            Ok(room) => {
                room.forget();
                self.shared.push(value);
                Ok(())
            }
            Err(_) => Err(SendError(value)),
        }
    }

    /// Sends a value if there is room and nobody waits for it.
    ///
    /// # Errors
    /// If there is no room or nobody receives any more, with the value.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.shared.room.try_acquire(1) {
            Some(room) => {
                room.forget();
                self.shared.push(value);
                Ok(())
            }
            None if self.is_closed() => Err(TrySendError::Closed(value)),
            None => Err(TrySendError::Full(value)),
        }
    }

    /// Whether nobody receives any more.
    pub fn is_closed(&self) -> bool {
        self.shared.room.is_closed()
    }

    /// Values sent and not yet received.
    pub fn len(&self) -> usize {
        self.shared.state.borrow().queue.len()
    }

    /// Whether nothing waits to be received.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state.borrow_mut().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.borrow_mut();
        state.senders -= 1;
        let last = state.senders == 0;
        drop(state);
        if last {
            self.shared.wake_receiver();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Sender({}, {} queued)", self.shared.name, self.len())
    }
}

/// The sending end of a channel whose senders never wait.
pub struct UnboundedSender<T> {
    sender: Sender<T>,
}

impl<T> UnboundedSender<T> {
    /// Sends a value.
    ///
    /// # Errors
    /// If the channel's limit is reached or nobody receives any more, with the value.
    pub fn send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.sender.try_send(value)
    }

    /// Whether nobody receives any more.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Values sent and not yet received.
    pub fn len(&self) -> usize {
        self.sender.len()
    }

    /// Whether nothing waits to be received.
    pub fn is_empty(&self) -> bool {
        self.sender.is_empty()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> Self {
        UnboundedSender { sender: self.sender.clone() }
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Unbounded{:?}", self.sender)
    }
}

/// The receiving end of a channel.
pub struct Receiver<T> {
    shared: Rc<Shared<T>>,
}

impl<T> Receiver<T> {
    /// Waits for the next value; `None` once all senders are gone and everything was received. May be dropped and
    /// called again without losing any.
    pub async fn recv(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The poll form of [`Receiver::recv`], for futures written by hand.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.try_recv() {
            Ok(value) => Poll::Ready(Some(value)),
            Err(TryRecvError::Closed) => Poll::Ready(None),
            Err(TryRecvError::Empty) => {
                let previous = self.shared.state.borrow_mut().receiver.replace(cx.waker().clone());
                drop(previous);
                wait::note(Wait::Sync { what: wait::Sync::Value, name: self.shared.name });
                Poll::Pending
            }
        }
    }

    /// Takes the next value if there is one.
    ///
    /// # Errors
    /// If there is none now, or never will be.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.shared.state.borrow_mut();
        match state.queue.pop_front() {
            Some(value) => {
                drop(state);
                self.shared.room.add_permits(1);
                Ok(value)
            }
            None if state.senders == 0 || !state.receiving => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Takes no more values in; those sent before can still be received.
    pub fn close(&mut self) {
        self.shared.state.borrow_mut().receiving = false;
        self.shared.room.close();
    }

    /// Values sent and not yet received.
    pub fn len(&self) -> usize {
        self.shared.state.borrow().queue.len()
    }

    /// Whether nothing waits to be received.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.room.close();
        let mut state = self.shared.state.borrow_mut();
        state.receiving = false;
        let leftover = (std::mem::take(&mut state.queue), state.receiver.take());
        drop(state);
        drop(leftover);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Receiver({}, {} queued)", self.shared.name, self.len())
    }
}
