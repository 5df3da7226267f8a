//! A flag that is raised once and stays: stop signals, "synced", "started".

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::sync::Notify;

/// A flag tasks can wait for. It is raised once and stays. Clones are the same latch.
#[derive(Clone)]
pub struct Latch {
    set: Rc<Cell<bool>>,
    raised: Notify,
}

impl Latch {
    /// Makes a latch that is not set.
    pub fn new() -> Self {
        Latch::named("")
    }

    /// Makes a latch with a name for diagnoses.
    pub fn named(name: &'static str) -> Self {
        Latch { set: Rc::default(), raised: Notify::named(name) }
    }

    /// Sets it and wakes all who wait; again has no effect.
    pub fn set(&self) {
        if !self.set.replace(true) {
            self.raised.notify_all();
        }
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Waits until it is set.
    pub async fn wait(&self) {
        while !self.set.get() {
            self.raised.notified().await;
        }
    }
}

impl Default for Latch {
    fn default() -> Self {
        Latch::new()
    }
}

impl fmt::Debug for Latch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Latch({:?}, set: {})", self.raised, self.is_set())
    }
}
