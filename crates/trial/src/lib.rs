//! The main job: a trial of a cluster in chapters, each a [`report::Chapter`].
//!
//! - [`validate`]: what is wrong with it now.
//! - [`withstand`]: what a failure that nobody tests for does to it, played on its own objects in the simulator.
//!
//! With no cluster at hand, [`shakedown`] makes one: a shop that runs in the simulator while faults make it sick the
//! way real clusters get sick. Because everything that went wrong was planned, [`validate_shakedown`] can say whether
//! the checks see all of it and nothing else.
//!
//! ```
//! let shakedown = trial::shakedown(7, &Default::default())?;
//! let chapter = trial::validate_shakedown(&shakedown);
//! assert_eq!(chapter.outcome, report::Outcome::Pass, "{}", chapter.headline);
//! # Ok::<(), trial::ShakedownError>(())
//! ```
//!
//! This crate must never open a source, write a file or know a terminal, nor write a status into a simulated cluster:
//! what is found there must have come about.

mod act;
mod shakedown;
mod shop;
mod validate;
mod withstand;

pub use shakedown::{Asked, Shakedown, ShakedownError, shakedown};
pub use shop::{Defect, Expected, Lookalike};
pub use validate::{validate, validate_shakedown};
pub use withstand::{Whose, withstand};
