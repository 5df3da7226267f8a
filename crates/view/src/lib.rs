//! What checks, properties and diffs see: all objects at one moment.
//!
//! A [`View`] is the one form in which a live cluster, an archive, a folder of manifests and a simulated cluster are
//! looked at, so that whoever looks need not know which it is. Beside the objects it holds its own "now" and the
//! record of what could not be read: absent and unread are two different things.
//!
//! ```
//! use object::{Time, value};
//! use view::{Unread, View};
//!
//! let pod = value!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": "web-0"}});
//! let view = View::from_objects([pod], Time::parse("2026-01-31T09:30:00Z").unwrap())
//!     .with_unread(Unread::new("secrets", None, "forbidden"));
//! assert!(view.get("pods", "shop", "web-0").is_some());
//! assert_eq!(view.list("configmaps").count(), 0);
//! assert!(view.readable("configmaps").is_ok(), "there are none");
//! assert_eq!(view.readable("secrets").unwrap_err().reason.as_ref(), "forbidden");
//! ```
//!
//! This crate must never know where a view came from beyond a line of text, nor judge what it shows.

mod collect;
mod newest;
mod plurals;
mod unread;
mod view;

pub use collect::Problem;
pub use newest::newest_time;
pub use plurals::Plurals;
pub use unread::Unread;
pub use view::View;
