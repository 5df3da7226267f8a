//! The result model: what every command of Seaworthy says in the end, and how it is written down.
//!
//! A [`Report`] has chapters; a [`Chapter`] has checks, findings and what there is to show (prose, figures, tables,
//! charts); a [`Finding`] names one root cause with its object, evidence, reason and remedy. The model is the one
//! stable public format: fields are added, never renamed or removed, and `docs/report.schema.json` describes its JSON.
//!
//! ```
//! use report::{Chapter, CheckResult, Draft, Finding, ObjectRef, Outcome, Source, Verdict};
//!
//! let pod = ObjectRef::new("v1", "Pod", "shop", "cart-5d4f-x2x");
//! let finding = Finding::new("POD_CRASH_LOOP", Outcome::Fail, pod, "container app is crash looping")
//!     .about(["Deployment", "shop", "cart", "app"])
//!     .because("the workload serves with fewer replicas than it was given")
//!     .remedy("kubectl logs --previous -n shop cart-5d4f-x2x -c app");
//! let check = CheckResult::new("pod-health", "compute", "every pod runs and is ready").with_findings([finding]);
//!
//! let mut draft = Draft::new("check", Source::new("manifests", "a directory"));
//! draft.chapters.push(Chapter::of_checks("validate", "Validate", [check]));
//! let report = draft.conclude();
//! assert_eq!(report.verdict.result, Verdict::Findings);
//! assert_eq!(report.verdict.exit_code, 1);
//! assert!(report::write::text(&report, &Default::default()).contains("POD_CRASH_LOOP"));
//! ```
//!
//! This crate must never know where objects come from, what a check looks for, or what time it is.

mod chapter;
mod figure;
mod finding;
mod model;
mod outcome;
mod verdict;
pub mod write;

pub use chapter::{Chapter, CheckResult, Looked};
pub use figure::{Chart, ChartKind, Figure, Goal, Mark, Series, Table};
pub use finding::{Evidence, Finding, ObjectRef, Standing};
pub use model::{Draft, Report, SCHEMA_VERSION, Source, Tool, Unread};
pub use outcome::Outcome;
pub use verdict::{Counts, Judgement, Problem, ProblemKind, Verdict};
