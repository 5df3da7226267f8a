//! A world with a log, for tests to look at from outside.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use sim::{Config, Ctx, Outcome, Sim};

/// What all processes of a test share: lines in the order they happened.
#[derive(Default)]
pub struct Log(RefCell<Vec<String>>);

/// A simulation with an empty log.
pub fn sim(config: Config) -> Sim {
    sim::quiet_panics();
    let sim = Sim::new(config);
    sim.set_world(Rc::new(Log::default()));
    sim
}

pub fn log(ctx: &Ctx, line: &str) {
    ctx.world::<Log>().0.borrow_mut().push(line.to_owned());
}

pub fn log_of(sim: &Sim) -> Vec<String> {
    sim.world::<Log>().0.borrow().clone()
}

/// Runs to the end; a panic inside fails the test with its message.
pub fn run(sim: &mut Sim) -> Outcome {
    let outcome = sim.run();
    assert!(!outcome.is_finding(), "{outcome}");
    outcome
}

pub fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

impl Log {
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub fn contains(&self, line: &str) -> bool {
        self.0.borrow().iter().any(|logged| logged == line)
    }
}
