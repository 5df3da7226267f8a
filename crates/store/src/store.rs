//! The store: the current state, the states and events that led to it, and commits.

use crate::event::{Event, EventKind};
use crate::index::Indexes;
use crate::key::{ObjectKey, can_form_key};
use crate::size;
use crate::snapshot::Snapshot;
use crate::transaction::{CommitError, Committed, Conflict, Op, Transaction};
use object::{ObjectExt, Value};
use std::collections::{BTreeSet, VecDeque};

/// Bounds on what a store holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The longest object, in bytes of JSON. The default is etcd's limit of a request, 1.5 MiB; what etcd counts is
    /// the encoding that the API server chose, which for built-in kinds is somewhat shorter than JSON.
    pub object_bytes_max: usize,
    /// The most events kept. Beyond it the oldest are compacted away, which [`Statistics::compacted_by_limit`] counts.
    pub events_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { object_bytes_max: 3 << 19, events_max: 250_000 }
    }
}

/// Counts of what a store did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Transactions that changed something.
    pub commits: u64,
    /// Transactions that changed nothing.
    pub unchanged: u64,
    /// Transactions that were refused.
    pub refused: u64,
    /// Events dropped because [`Limits::events_max`] was reached.
    pub compacted_by_limit: u64,
}

/// Says why a revision cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The revision's state, or the events after it, are gone.
    #[error("revision {requested} has been compacted, the oldest kept is {oldest}")]
    Compacted {
        /// The revision asked for.
        requested: u64,
        /// The oldest revision that can be read.
        oldest: u64,
    },
    /// The revision has not come yet.
    #[error("revision {requested} has not been reached, the newest is {newest}")]
    Future {
        /// The revision asked for.
        requested: u64,
        /// The newest revision.
        newest: u64,
    },
}

/// Revisioned storage.
///
/// The revision starts at 1, as etcd's does, and the first write makes it 2. Whoever needs a state beyond its compaction
/// keeps the [`Snapshot`]. Cloning a store costs a reference count for each kept state and event.
#[derive(Clone, Debug)]
pub struct Store {
    head: Snapshot,
    /// The states of the kept revisions, contiguous, the newest being `head`.
    states: VecDeque<Snapshot>,
    /// The events after the oldest kept revision, ascending by revision.
    events: VecDeque<Event>,
    compacted: u64,
    indexes: Indexes,
    limits: Limits,
    statistics: Statistics,
}

impl Default for Store {
    fn default() -> Self {
        Self::new()
    }
}

impl Store {
    /// Makes an empty store with the usual indexes and limits.
    pub fn new() -> Self {
        Self::with(Indexes::kubernetes(), Limits::default())
    }

    /// Makes an empty store.
    pub fn with(indexes: Indexes, limits: Limits) -> Self {
        let head = Snapshot::empty();
        let states = VecDeque::from([head.clone()]);
        let statistics = Statistics::default();
        Self { head, states, events: VecDeque::new(), compacted: 0, indexes, limits, statistics }
    }

    /// Makes a store that holds the objects of `snapshot` at its revision, without any history.
    ///
    /// Objects that carry no revision get the snapshot's. The objects keep the indexes with which the snapshot was
    /// built; `indexes` holds for resources that come later.
    pub fn from_snapshot(snapshot: Snapshot, indexes: Indexes, limits: Limits) -> Self {
        let mut head = snapshot;
        let unstamped: Vec<_> = head
            .iter()
            .filter(|(_, object)| object.revision() == 0)
            .map(|(resource, object)| (resource.clone(), object.clone()))
            .collect();
        for (resource, mut object) in unstamped {
            stamp(&mut object, head.revision);
            let key = ObjectKey::new(object.namespace(), object.name());
            head.replace(&resource, &key, Some(object), &indexes);
        }
        let (compacted, states) = (head.revision, VecDeque::from([head.clone()]));
        Self {
            head,
            states,
            events: VecDeque::new(),
            compacted,
            indexes,
            limits,
            statistics: Statistics::default(),
        }
    }

    /// Gives the revision of the last write that changed something.
    pub fn revision(&self) -> u64 {
        self.head.revision
    }

    /// Gives the revision up to which history is gone: its state can be read and what came after it watched, but
    /// nothing earlier. 0 while nothing has been compacted.
    pub fn compacted(&self) -> u64 {
        self.compacted
    }

    /// Gives counts of what this store did.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Gives the limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Gives the current state; costs a reference count.
    pub fn snapshot(&self) -> Snapshot {
        self.head.clone()
    }

    /// Lends the current state.
    pub fn current(&self) -> &Snapshot {
        &self.head
    }

    /// Gives the state as it was at a kept revision; costs as much as [`Store::snapshot`].
    ///
    /// # Errors
    /// When the revision has been compacted, or has not come yet.
    pub fn snapshot_at(&self, revision: u64) -> Result<Snapshot, Error> {
        let oldest = self.oldest();
        self.check_kept(revision, oldest)?;
        let at = usize::try_from(revision - oldest).expect("no more states are kept than fit in memory");
        let state = &self.states[at];
        assert_eq!(state.revision, revision, "kept states are contiguous");
        Ok(state.clone())
    }

    /// Gives the events after `revision`, oldest first.
    ///
    /// # Errors
    /// When some of them have been compacted, or the revision has not come yet.
    pub fn events_after(&self, revision: u64) -> Result<impl ExactSizeIterator<Item = &Event>, Error> {
        self.check_kept(revision, self.compacted)?;
        let first = self.events.partition_point(|event| event.revision <= revision);
        Ok(self.events.range(first..))
    }

    /// Carries out one write.
    ///
    /// A put whose object equals the stored one, `metadata.resourceVersion` aside, changes nothing.
    ///
    /// # Errors
    /// When the precondition does not hold, the object is too large, or its place cannot be written to; nothing has
    /// changed then.
    ///
    /// # Panics
    /// When an object's own name and namespace are not those of the transaction: a mistake of the caller's code.
    pub fn commit(&mut self, transaction: Transaction) -> Result<Committed, CommitError> {
        let write = self
            .prepare(transaction, self.head.revision + 1)
            .inspect_err(|_| self.statistics.refused += 1)?;
        let (object, changed) = (write.object.clone(), write.change.is_some());
        self.apply([write]);
        Ok(Committed { revision: self.head.revision, object, changed })
    }

    /// Carries out several writes at one revision: all of them, or none.
    ///
    /// # Errors
    /// When any of them cannot be carried out, as for [`Store::commit`], or two write the same object.
    ///
    /// # Panics
    /// As [`Store::commit`].
    pub fn commit_all(&mut self, transactions: Vec<Transaction>) -> Result<Vec<Committed>, CommitError> {
        let revision = self.head.revision + 1;
        let prepared: Result<Vec<_>, _> =
            transactions.into_iter().map(|one| self.prepare(one, revision)).collect();
        let writes = prepared.and_then(refuse_duplicates).inspect_err(|_| self.statistics.refused += 1)?;
        let results: Vec<_> =
            writes.iter().map(|write| (write.object.clone(), write.change.is_some())).collect();
        self.apply(writes);
        let revision = self.head.revision;
        Ok(results.into_iter().map(|(object, changed)| Committed { revision, object, changed }).collect())
    }

    /// Drops history up to `revision`, whose state stays readable.
    ///
    /// # Errors
    /// When the revision has been compacted already, as etcd answers, or has not come yet.
    pub fn compact(&mut self, revision: u64) -> Result<(), Error> {
        if revision <= self.compacted {
            return Err(Error::Compacted { requested: revision, oldest: self.oldest() });
        }
        self.check_kept(revision, self.oldest())?;
        self.drop_before(revision);
        Ok(())
    }

    /// Goes back to an older revision, as restoring etcd from a backup does: the state and the revision are what they
    /// were then, and later writes will use the revisions after it a second time, for other contents.
    ///
    /// # Errors
    /// When the revision has been compacted, or has not come yet.
    pub fn restore_to(&mut self, revision: u64) -> Result<(), Error> {
        self.head = self.snapshot_at(revision)?;
        while self.states.back().is_some_and(|state| state.revision > revision) {
            self.states.pop_back();
        }
        self.events.truncate(self.events.partition_point(|event| event.revision <= revision));
        self.assert_consistent();
        Ok(())
    }

    /// Goes back to the state of an older revision under a revision that no client has seen, with all history before
    /// it compacted: what `etcdutl snapshot restore --bump-revision --mark-compacted` does, so that caches notice.
    ///
    /// # Errors
    /// When the revision has been compacted, or has not come yet.
    ///
    /// # Panics
    /// When the revision would not rise above all that were given out.
    pub fn restore_bumped(&mut self, revision: u64, bump: u64) -> Result<(), Error> {
        let mut state = self.snapshot_at(revision)?;
        state.revision = revision.saturating_add(bump);
        assert!(
            state.revision > self.head.revision,
            "a bump of {bump} stays below revisions that clients have seen"
        );
        self.head = state;
        self.compacted = self.head.revision;
        self.states = VecDeque::from([self.head.clone()]);
        self.events.clear();
        Ok(())
    }

    /// Walks everything that is kept and says what is wrong, for tests: see [`Snapshot::problem`]; states and events
    /// must be contiguous, and each state must be the one before it with its events applied.
    pub fn problem(&self) -> Option<String> {
        let mut events = self.events.iter().peekable();
        let mut replayed = self.states.front().expect("the newest state is always kept").clone();
        for state in &self.states {
            while let Some(event) = events.next_if(|event| event.revision == state.revision) {
                let object = (event.kind != EventKind::Deleted).then(|| event.object.clone());
                let before = replayed.replace(&event.resource, &event.key, object, &self.indexes);
                if before != event.previous || event.object.revision() != event.revision {
                    return Some(format!("event {event:?} does not follow from the state before it"));
                }
            }
            replayed.revision = state.revision;
            if !replayed.iter().eq(state.iter()) {
                return Some(format!("the state at {} is not what its events make", state.revision));
            }
        }
        let leftover = events.next().map(|event| format!("event {event:?} belongs to no kept state"));
        leftover.or_else(|| self.head.problem())
    }

    /// Gives the oldest revision whose state is kept.
    fn oldest(&self) -> u64 {
        self.states.front().expect("the newest state is always kept").revision
    }

    fn check_kept(&self, revision: u64, oldest: u64) -> Result<(), Error> {
        if revision > self.head.revision {
            return Err(Error::Future { requested: revision, newest: self.head.revision });
        }
        if revision < oldest {
            return Err(Error::Compacted { requested: revision, oldest: self.oldest() });
        }
        Ok(())
    }

    /// Checks a write against the current state and works out what it changes, without changing it.
    fn prepare(&self, transaction: Transaction, revision: u64) -> Result<Prepared, CommitError> {
        let Transaction { resource, namespace, name, op, precondition } = transaction;
        if !can_form_key(&namespace, &name) {
            return Err(CommitError::BadKey { namespace, name });
        }
        let entry = self.head.entry(&resource, &namespace, &name);
        let current = entry.map(|(_, object)| object);
        let unmet = precondition.unmet(current).or_else(|| op.unmet(current));
        if let Some(unmet) = unmet {
            let (current, revision) = (current.cloned(), self.head.revision);
            let conflict = Conflict { resource, namespace, name, unmet, current, revision };
            return Err(CommitError::Conflict(Box::new(conflict)));
        }
        let previous = current.cloned();
        let key = entry.map_or_else(|| ObjectKey::new(&namespace, &name), |(key, _)| key.clone());
        let (kind, object) = match op {
            Op::Put(object) => {
                assert_eq!(
                    (object.namespace(), object.name()),
                    (&*namespace, &*name),
                    "an object lies where it says"
                );
                self.prepare_put(object, previous.as_ref(), revision)?
            }
            Op::Delete { final_object } => {
                let mut last = final_object.or_else(|| previous.clone()).expect("a delete needs an object");
                stamp(&mut last, revision);
                (Some(EventKind::Deleted), last)
            }
        };
        let change =
            kind.map(|kind| Event { revision, kind, resource, key, object: object.clone(), previous });
        Ok(Prepared { object, change })
    }

    /// Gives the object as it will be stored, and what kind of change that is, if any.
    fn prepare_put(
        &self,
        mut object: Value,
        previous: Option<&Value>,
        revision: u64,
    ) -> Result<(Option<EventKind>, Value), CommitError> {
        let limit = self.limits.object_bytes_max;
        if let Some(previous) = previous {
            // Under the same revision, equal objects are equal as a whole, and shared parts are not compared.
            object.set(&["metadata", "resourceVersion"], &previous["metadata"]["resourceVersion"]);
            if object == *previous {
                return Ok((None, previous.clone()));
            }
        }
        stamp(&mut object, revision);
        if !size::fits(&object, limit) {
            return Err(CommitError::TooLarge { limit });
        }
        Ok((Some(if previous.is_some() { EventKind::Updated } else { EventKind::Created }), object))
    }

    /// Makes the changes of one transaction the newest revision; without any there is none.
    fn apply(&mut self, writes: impl IntoIterator<Item = Prepared>) {
        let mut events = writes.into_iter().filter_map(|write| write.change).peekable();
        if events.peek().is_none() {
            self.statistics.unchanged += 1;
            return;
        }
        self.head.revision += 1;
        for event in events {
            assert_eq!(event.revision, self.head.revision, "a commit makes the next revision");
            let object = (event.kind != EventKind::Deleted).then(|| event.object.clone());
            let old = self.head.replace(&event.resource, &event.key, object, &self.indexes);
            assert_eq!(
                old.is_some(),
                event.previous.is_some(),
                "{} was there when the write was checked",
                event.key
            );
            self.events.push_back(event);
        }
        self.states.push_back(self.head.clone());
        self.statistics.commits += 1;
        self.keep_limit();
        self.assert_consistent();
    }

    /// Compacts the oldest history away while there are too many events.
    fn keep_limit(&mut self) {
        let kept = self.events.len();
        let Some(last_excess) =
            kept.checked_sub(self.limits.events_max + 1).map(|at| self.events[at].revision)
        else {
            return;
        };
        self.drop_before(last_excess);
        self.statistics.compacted_by_limit += (kept - self.events.len()) as u64;
    }

    fn drop_before(&mut self, revision: u64) {
        while self.oldest() < revision {
            self.states.pop_front();
        }
        while self.events.front().is_some_and(|event| event.revision <= revision) {
            self.events.pop_front();
        }
        self.compacted = revision;
        self.assert_consistent();
    }

    /// Asserts what must hold between calls and is cheap to look at; it holds in release builds, too.
    fn assert_consistent(&self) {
        let newest = self.states.back().map(|state| state.revision);
        assert_eq!(newest, Some(self.head.revision), "the newest kept state is the current one");
        let (oldest, span) = (self.oldest(), self.states.len() as u64);
        assert_eq!(oldest + span, self.head.revision + 1, "kept states are contiguous");
        assert!(self.compacted <= oldest, "a state before the compacted revision is kept");
        assert!(self.events.len() <= self.limits.events_max, "more events are kept than allowed");
        assert!(
            self.events.front().is_none_or(|event| event.revision > oldest),
            "an event before the oldest state"
        );
    }
}

/// A write that has been checked: the object to answer with, and the event if anything changes.
struct Prepared {
    object: Value,
    change: Option<Event>,
}

fn stamp(object: &mut Value, revision: u64) {
    object.set(&["metadata", "resourceVersion"], revision.to_string());
}

fn refuse_duplicates(writes: Vec<Prepared>) -> Result<Vec<Prepared>, CommitError> {
    let mut seen = BTreeSet::new();
    for event in writes.iter().filter_map(|write| write.change.as_ref()) {
        if !seen.insert((&event.resource, &event.key)) {
            return Err(CommitError::DuplicateKey {
                resource: event.resource.clone(),
                key: event.key.clone(),
            });
        }
    }
    Ok(writes)
}
