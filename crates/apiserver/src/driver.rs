//! The server's only outside: reads, writes, time and entropy, given by whoever drives it.

use object::{GroupResource, Text, Time, Value};
use std::time::Duration;
use store::{Committed, Conflict, Snapshot, Transaction};

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAt {
    /// The present state, agreed upon by the storage.
    Latest,
    /// Any state the server happens to hold.
    Any,
    /// A state that is not older than this revision. The driver waits for it as long as the server would, 3 s.
    NotOlderThan(u64),
    /// The state at exactly this revision.
    Exact(u64),
}

/// Why a read failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The revision asked for lies in the future, and did not come while the driver waited.
    #[error("revision lies in the future, the present one is {current}")]
    Future {
        /// The newest revision known.
        current: u64,
    },
    /// The revision asked for is no longer kept.
    #[error("revision is no longer kept, the oldest one is {oldest}")]
    Compacted {
        /// The oldest revision still kept.
        oldest: u64,
    },
    /// The storage cannot be reached; the text is what the server tells its client.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a write failed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold; the conflict carries what is stored.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// The object is too large for the storage.
    #[error("object of more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The storage cannot be reached and nothing was written; the text is what the server tells its client.
    #[error("{0}")]
    Unavailable(String),
    /// No answer came: the write may have happened, or may happen yet.
    #[error("no answer from the storage")]
    UnknownOutcome,
}

impl From<store::CommitError> for CommitError {
    fn from(error: store::CommitError) -> Self {
        match error {
            store::CommitError::Conflict(conflict) => Self::Conflict(conflict),
            store::CommitError::TooLarge { limit } => Self::TooLarge { limit },
            // The server checks names before it writes, and writes one object at a time.
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// What the server needs of the world around it.
///
/// Everything that may wait or fail is here, so the same request, answered with the same reads, is answered alike.
#[expect(async_fn_in_trait, reason = "a run is one thread: the futures need not be Send")]
pub trait Driver {
    /// Reads one object; `namespace` is `""` for one in none.
    async fn get(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
        at: ReadAt,
    ) -> Result<Option<Value>, ReadError>;

    /// Reads all objects of a resource. The snapshot may hold others, too; its revision is the list's.
    async fn list(&self, resource: &GroupResource, at: ReadAt) -> Result<Snapshot, ReadError>;

    /// Writes one object.
    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError>;

    /// Waits.
    async fn sleep(&self, duration: Duration);

    /// Gives the server's wall-clock time.
    fn now(&self) -> Time;

    /// Invents a uid: a version 4 UUID in lower case.
    fn uid(&self) -> Text;

    /// Invents five characters of `bcdfghjklmnpqrstvwxz2456789`, what `generateName` appends.
    fn name_suffix(&self) -> Text;
}
