//! Operations on volumes that run beside the reconciler: one at a time of a volume that may be attached to one node
//! only, else one of a volume and a node, with a back-off after an error
//! (`pkg/volume/util/nestedpendingoperations`).

use crate::constants::{VOLUME_OPERATION_BACKOFF_MAX, VOLUME_OPERATION_BACKOFF_MIN};
use object::Text;
use sim::{Ctx, Instant};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Attach,
    Detach,
}

/// What an operation is about; no node means whichever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) volume: Text,
    pub(super) node: Option<Text>,
}

struct Operation {
    node: Option<Text>,
    kind: Kind,
    is_pending: bool,
    pause: Duration,
    /// Until when, inclusively, an operation of the same kind is refused.
    refused_until: Option<Instant>,
}

pub(super) struct Operations {
    ctx: Ctx,
    by_volume: RefCell<BTreeMap<Text, Vec<Operation>>>,
}

impl Operations {
    pub(super) fn new(ctx: &Ctx) -> Rc<Self> {
        Rc::new(Self { ctx: ctx.clone(), by_volume: RefCell::default() })
    }

    /// Finds the operation that stands in the way of another: a pending one first, then the one of exactly this key.
    fn find(operations: &[Operation], node: Option<&Text>) -> Option<usize> {
        let overlaps = |o: &&Operation| match (o.node.as_ref(), node) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => true,
        };
        let at = |pick: &dyn Fn(&Operation) -> bool| operations.iter().position(|o| overlaps(&o) && pick(o));
        at(&|o| o.is_pending).or_else(|| at(&|o| o.node.as_ref() == node)).or_else(|| at(&|_| true))
    }

    fn with<T>(&self, key: &Key, read: impl FnOnce(&Operation) -> T) -> Option<T> {
        let all = self.by_volume.borrow();
        let operations = all.get(&key.volume)?;
        Self::find(operations, key.node.as_ref()).map(|at| read(&operations[at]))
    }

    pub(super) fn is_pending(&self, key: &Key) -> bool {
        self.with(key, |operation| operation.is_pending).unwrap_or(false)
    }

    /// Gives until when an operation of this kind is refused after an error; nothing when it is not.
    pub(super) fn refused_until(&self, key: &Key, kind: Kind) -> Option<Instant> {
        let now = self.ctx.now();
        let until = self.with(key, |o| o.refused_until.filter(|_| o.kind == kind)).flatten();
        until.filter(|until| now <= *until)
    }

    /// Starts an operation; false when one is pending or it has to wait after an error.
    pub(super) fn start<F>(self: &Rc<Self>, key: Key, kind: Kind, operation: F) -> bool
    where
        F: Future<Output = Result<(), String>> + 'static,
    {
        if self.is_pending(&key) || self.refused_until(&key, kind).is_some() {
            return false;
        }
        let fresh = Operation {
            node: key.node.clone(),
            kind,
            is_pending: true,
            pause: Duration::ZERO,
            refused_until: None,
        };
        {
            let mut all = self.by_volume.borrow_mut();
            let operations = all.entry(key.volume.clone()).or_default();
            match Self::find(operations, key.node.as_ref()) {
                Some(at) => {
                    let before = &mut operations[at];
                    // Another kind of operation that is still backing off begins anew.
                    let is_backing_off = before.refused_until.is_some_and(|until| self.ctx.now() <= until);
                    if is_backing_off {
                        *before = fresh;
                    } else {
                        *before = Operation { pause: before.pause, kind: before.kind, ..fresh };
                    }
                }
                None => operations.push(fresh),
            }
        }
        let operations = self.clone();
        self.ctx.spawn("volume-operation", async move {
            let outcome = operation.await;
            operations.finished(&key, outcome);
        });
        true
    }

    fn finished(&self, key: &Key, outcome: Result<(), String>) {
        let mut all = self.by_volume.borrow_mut();
        let operations = all.get_mut(&key.volume).expect("it was started");
        let at = operations.iter().position(|o| o.node == key.node).expect("it was started");
        let Err(error) = outcome else {
            operations.swap_remove(at);
            if operations.is_empty() {
                all.remove(&key.volume);
            }
            return;
        };
        let operation = &mut operations[at];
        operation.is_pending = false;
        operation.pause =
            (operation.pause * 2).clamp(VOLUME_OPERATION_BACKOFF_MIN, VOLUME_OPERATION_BACKOFF_MAX);
        operation.refused_until = Some(self.ctx.now() + operation.pause);
        self.ctx.trace("operation-failed", &key.volume, || error);
    }
}
