//! The simulation as its owner holds it: made from a configuration, run piece by piece, cleaned up at the end.

use std::any::Any;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use crate::config::Config;
use crate::control::Control;
use crate::kernel::{Kernel, Step};
use crate::outcome::Outcome;
use crate::panic;
use crate::time::Instant;
use crate::wait;

/// A simulation. Everything [`Control`] can do, it can do too.
#[derive(Debug)]
pub struct Sim {
    control: Control,
    /// Set once the run cannot go on.
    ended: Option<Outcome>,
}

impl Sim {
    /// Makes a simulation in which nothing exists yet.
    pub fn new(config: Config) -> Self {
        Sim { control: Control::new(Kernel::new(config)), ended: None }
    }

    /// The control, to be cloned and kept.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Runs until nothing is left to happen.
    pub fn run(&mut self) -> Outcome {
        self.drive(Instant::NEVER, |_| true, Outcome::Quiescent)
    }

    /// Runs everything up to and including an instant, and moves time there.
    pub fn run_until(&mut self, instant: Instant) -> Outcome {
        let outcome = self.drive(instant, |_| true, Outcome::TimeReached);
        if outcome == Outcome::TimeReached && self.control.now() < instant {
            self.control.kernel.now.set(instant);
        }
        outcome
    }

    /// Runs as long as a condition holds, asked before each event: [`Outcome::ConditionMet`] when it does not any more,
    /// [`Outcome::Deadlock`] when it still does and nothing is left to happen.
    pub fn run_while(&mut self, condition: impl FnMut(&Control) -> bool) -> Outcome {
        let outcome = self.drive(Instant::NEVER, condition, Outcome::Quiescent);
        match outcome {
            Outcome::Quiescent => {
                Outcome::Deadlock { waiting: self.control.waiting_tasks(), seed: self.control.seed() }
            }
            outcome => outcome,
        }
    }

    fn drive(
        &mut self,
        until: Instant,
        mut condition: impl FnMut(&Control) -> bool,
        idle: Outcome,
    ) -> Outcome {
        if let Some(ended) = &self.ended {
            return ended.clone();
        }
        let control = &self.control;
        let steps = AssertUnwindSafe(|| steps(control, until, &mut condition, idle));
        let outcome = panic::watched(|| catch_unwind(steps)).unwrap_or_else(|payload| {
            wait::forget();
            let task = control.kernel.current_task_name();
            Outcome::Panicked {
                task: task.map_or_else(|| "scenario".into(), |task| task.to_string()),
                seed: control.seed(),
                at: control.now(),
                message: panic::message(&*payload),
            }
        });
        if outcome.is_final() {
            self.ended = Some(outcome.clone());
        }
        outcome
    }
}

fn steps(
    control: &Control,
    until: Instant,
    condition: &mut impl FnMut(&Control) -> bool,
    idle: Outcome,
) -> Outcome {
    let kernel = &control.kernel;
    loop {
        if kernel.stopping.take()
            && let Some(outcome) = kernel.stop.take()
        {
            return outcome;
        }
        if !condition(control) {
            return Outcome::ConditionMet;
        }
        match kernel.step(until) {
            Step::Done => {}
            Step::Later | Step::Nothing => return idle,
        }
    }
}

impl Deref for Sim {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // A destructor of a model that panics must not turn the end of a run into an abort.
        let kernel = Rc::clone(&self.control.kernel);
        let leftover: Result<(), Box<dyn Any + Send>> = catch_unwind(AssertUnwindSafe(|| kernel.close()));
        drop(leftover);
    }
}
