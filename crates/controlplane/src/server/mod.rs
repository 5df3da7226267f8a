//! The API server's processes: watch caches over one etcd watch, and the request machine of [`apiserver`] driven by
//! messages.

mod cache;
mod driver;
mod process;
mod watcher;

pub use process::{ServerConfig, run};
