//! Rules over views of a cluster: judged once a rule is a check, judged over time a property.
//!
//! A [`Rule`] says which subjects a change touches and judges one subject over a [`view::View`]. A [`Property`] gives a
//! rule a [`Kind`]: it must hold always, eventually after the faults stop, sometimes, or never. A [`Monitor`] follows a
//! run commit by commit, judges only what each commit touches, and says in the end, as one [`Verdict`] each, what held,
//! what was violated first, when and by which object, and what was never put to the test.
//!
//! ```
//! use object::{Time, Value, value};
//! use property::{Monitor, Outcome, Property, judge_once};
//! use view::View;
//!
//! let now = Time::parse("2026-01-31T09:30:00Z").unwrap();
//! let owner = value!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u1", "controller": true}]);
//! let replicaset = value!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
//!     "metadata": {"namespace": "shop", "name": "web", "uid": "u1"}, "spec": {"replicas": 1}});
//! let pod = |name: &str| value!({"apiVersion": "v1", "kind": "Pod",
//!     "metadata": {"namespace": "shop", "name": name, "uid": name, "ownerReferences": owner.clone()}});
//! let view = View::from_objects([replicaset, pod("web-a"), pod("web-b")], now);
//!
//! // Once, as a check of a live cluster.
//! let mut bounded = Property::new("replicaset-pods-bounded", &Value::Null).unwrap();
//! let found = judge_once(bounded.rule_mut(), &view).unwrap();
//! assert_eq!(found.broken[0].observed, "2 live pods");
//!
//! // Over time, as a property of a run.
//! let mut monitor = Monitor::new([bounded]);
//! monitor.begin(&view);
//! let verdicts = monitor.finish(std::time::Duration::from_secs(60), &view);
//! assert_eq!(verdicts[0].outcome, Outcome::Violated);
//! ```
//!
//! This crate must never know where a view comes from, what simulates it, or how a verdict is shown.

mod census;
mod kind;
mod library;
mod monitor;
mod once;
mod parameters;
mod pods;
mod rule;
mod rules;
mod subject;
mod verdict;

pub use kind::{Kind, KindName, UnknownKind};
pub use library::{Definition, LIBRARY, Property, PropertyError, definition};
pub use monitor::{Commit, Monitor};
pub use once::{NotJudged, Once, judge_once};
pub use parameters::{Arguments, Parameter, ParameterError, ParameterType};
pub use pods::{is_live, is_ready};
pub use rule::{Change, Explanation, Fact, Judgement, Moment, Rule, Touched};
pub use subject::Subject;
pub use verdict::{Outcome, Verdict, Violation};
