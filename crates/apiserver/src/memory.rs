//! A driver in memory: one store, nothing that waits, time that only moves when told.
//!
//! For tests, examples and whatever needs the API's semantics without a cluster around it.

use crate::driver::{CommitError, Driver, ReadAt, ReadError};
use crate::request::Request;
use crate::response::Response;
use crate::server::Server;
use object::{GroupResource, Text, Time, Value};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use store::{Committed, Snapshot, Store, Transaction};

const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A driver over a store of its own.
///
/// Uids and names are numbered, so the same requests always give the same objects.
#[derive(Debug)]
pub struct MemoryDriver {
    store: RefCell<Store>,
    now: Cell<Time>,
    drawn: Cell<u64>,
}

impl MemoryDriver {
    /// Makes a driver over an empty store.
    pub fn new(now: Time) -> Self {
        Self::over(Store::new(), now)
    }

    /// Makes a driver over a store.
    pub fn over(store: Store, now: Time) -> Self {
        Self { store: RefCell::new(store), now: Cell::new(now), drawn: Cell::new(0) }
    }

    /// Gives the present state.
    pub fn snapshot(&self) -> Snapshot {
        self.store.borrow().snapshot()
    }

    /// Looks at the store, or changes it behind the server's back.
    pub fn with_store<T>(&self, look: impl FnOnce(&mut Store) -> T) -> T {
        look(&mut self.store.borrow_mut())
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        self.now.set(self.now.get() + duration);
    }

    /// Has a request answered.
    pub fn handle(&self, server: &Server, request: Request) -> Response {
        let mut answer = pin!(server.handle(self, request));
        // Nothing in this driver waits, so the first poll is the last.
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => response,
            Poll::Pending => unreachable!("the driver never waits"),
        }
    }

    fn draw(&self) -> u64 {
        self.drawn.set(self.drawn.get() + 1);
        // An odd factor spreads neighbouring numbers over all bits.
        self.drawn.get().wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn state(&self, at: ReadAt) -> Result<Snapshot, ReadError> {
        let store = self.store.borrow();
        let current = store.revision();
        match at {
            ReadAt::Latest | ReadAt::Any => Ok(store.snapshot()),
            ReadAt::NotOlderThan(revision) if revision <= current => Ok(store.snapshot()),
            ReadAt::NotOlderThan(_) => Err(ReadError::Future { current }),
            ReadAt::Exact(revision) => store.snapshot_at(revision).map_err(|error| match error {
                store::Error::Compacted { oldest, .. } => ReadError::Compacted { oldest },
                store::Error::Future { newest, .. } => ReadError::Future { current: newest },
            }),
        }
    }
}

impl Driver for MemoryDriver {
    async fn get(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
        at: ReadAt,
    ) -> Result<Option<Value>, ReadError> {
        Ok(self.state(at)?.get(resource, namespace, name).cloned())
    }

    async fn list(&self, _: &GroupResource, at: ReadAt) -> Result<Snapshot, ReadError> {
        self.state(at)
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        Ok(self.store.borrow_mut().commit(transaction)?)
    }

    async fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }

    fn now(&self) -> Time {
        self.now.get()
    }

    fn uid(&self) -> Text {
        let (high, low) = (self.draw(), self.draw());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xfff,
            low >> 48 & 0x3fff | 0x8000,
            low & 0xffff_ffff_ffff
        )
        .into()
    }

    fn name_suffix(&self) -> Text {
        let mut drawn = self.draw() >> 16;
        let mut letter = || {
            let at = (drawn % LETTERS.len() as u64) as usize;
            drawn /= LETTERS.len() as u64;
            char::from(LETTERS[at])
        };
        (0..5).map(|_| letter()).collect::<String>().into()
    }
}
