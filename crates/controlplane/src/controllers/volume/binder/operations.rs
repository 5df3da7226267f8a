//! Operations that run beside the workers, one of a name at a time, with a back-off after an error
//! (`pkg/util/goroutinemap`).

use crate::constants::{VOLUME_OPERATION_BACKOFF_MAX, VOLUME_OPERATION_BACKOFF_MIN};
use sim::{Ctx, Instant};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

struct State {
    is_running: bool,
    pause: Duration,
    not_before: Instant,
}

pub(super) struct Operations {
    ctx: Ctx,
    states: RefCell<BTreeMap<String, State>>,
}

impl Operations {
    pub(super) fn new(ctx: &Ctx) -> Rc<Self> {
        Rc::new(Self { ctx: ctx.clone(), states: RefCell::default() })
    }

    /// Starts an operation, unless one of its name runs or has to wait.
    pub(super) fn start<F, E>(self: &Rc<Self>, name: String, operation: F)
    where
        F: Future<Output = Result<(), E>> + 'static,
        E: std::fmt::Display,
    {
        let now = self.ctx.now();
        {
            let mut states = self.states.borrow_mut();
            let fresh = State { is_running: false, pause: Duration::ZERO, not_before: now };
            let state = states.entry(name.clone()).or_insert(fresh);
            if state.is_running || now < state.not_before {
                return;
            }
            state.is_running = true;
        }
        let operations = self.clone();
        self.ctx.spawn("volume-operation", async move {
            let outcome = operation.await;
            operations.finished(&name, outcome);
        });
    }

    fn finished<E: std::fmt::Display>(&self, name: &str, outcome: Result<(), E>) {
        let mut states = self.states.borrow_mut();
        let Err(error) = outcome else {
            states.remove(name);
            return;
        };
        self.ctx.trace("operation-failed", name, || error.to_string());
        let state = states.get_mut(name).expect("it was started");
        state.is_running = false;
        state.pause = (state.pause * 2).clamp(VOLUME_OPERATION_BACKOFF_MIN, VOLUME_OPERATION_BACKOFF_MAX);
        state.not_before = self.ctx.now() + state.pause;
    }
}
