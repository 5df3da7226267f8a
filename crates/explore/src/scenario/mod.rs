//! Scenario files: what a cluster is made of, what is done to it, what goes wrong, and what must hold.
//!
//! A file is read strictly: an unknown field is an error that names its place and the field that was probably meant.
//! `${…}` in a text stands for a parameter or a sum of parameters, so that one file describes many runs.

mod behaviour;
mod error;
mod expression;
pub(crate) mod fault;
mod file;
mod model;
mod node;
mod read;
mod setup;
mod steps;
mod substitute;

pub use error::ScenarioError;
pub(crate) use error::unknown;
pub use expression::Scalar;
pub use fault::{Alternative, Draw, FaultKind, FaultPlan, Plan};
pub use file::{Parameter, ScenarioFile, Settings};
pub use model::{
    Action, BehaviourRule, Condition, Deadlines, Expectation, FigureKind, FigureSpec, Owner, PropertySpec,
    Repeat, Scenario, Step, Target, Topology,
};
pub(crate) use setup::Maker;

/// The version of the format.
pub const API_VERSION: &str = "seaworthy.dev/v1alpha1";

/// Gives the text of a file that a scenario names, by its path relative to the scenario.
pub type Loader<'a> = &'a dyn Fn(&str) -> Result<String, String>;
