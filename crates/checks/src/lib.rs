//! The layer checks: each looks at a [`view::View`] and says what is wrong, with evidence, reason and remedy.
//!
//! A view may be a live cluster, a dump or a simulated cluster; a check cannot tell. Three rules hold for all:
//! what could not be read is an error, never a pass; what only looks wrong (a Job's pod that completed, a claim of a
//! workload scaled to zero) is a note, not a finding; one root cause is one finding, however many pods show it.
//!
//! ```
//! use checks::Parameters;
//! use object::{Time, value};
//! use report::Outcome;
//! use view::{Unread, View};
//!
//! let pod = value!({
//!     "apiVersion": "v1", "kind": "Pod",
//!     "metadata": {"namespace": "shop", "name": "promo", "creationTimestamp": "2026-01-31T09:00:00Z"},
//!     "spec": {"nodeName": "worker-1", "containers": [{"name": "app", "image": "promo:typo"}]},
//!     "status": {"phase": "Pending", "containerStatuses": [
//!         {"name": "app", "ready": false, "state": {"waiting": {"reason": "ImagePullBackOff"}}},
//!     ]},
//! });
//! let view = View::from_objects([pod], Time::parse("2026-01-31T09:30:00Z").unwrap());
//! let result = checks::find("pod-health").unwrap().run(&view, None, &Parameters::default());
//! assert_eq!(result.findings[0].code, "POD_IMAGE_PULL");
//!
//! let blind = view.with_unread(Unread::new("pods", None, "forbidden"));
//! let result = checks::find("route-health").unwrap().run(&blind, None, &Parameters::default());
//! assert_eq!(result.outcome, Outcome::Skip, "no Ingress, so no route to look at");
//! ```
//!
//! This crate must never know where a view came from, talk to a cluster, or ask what time it is.

mod look;
mod parameters;
mod pods;
mod registry;
mod routes;
mod volumes;
mod words;
mod workload;

pub use parameters::{Parameter, ParameterError, Parameters, Setting};
pub use registry::{ALL, Check, Code, Layer, find, run_all};
