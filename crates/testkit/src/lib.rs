//! What Seaworthy's tests share: text in, text out, and a closed world for its command line.
//!
//! [`each_file`] runs the cases of text files: what a command is given and what it must answer, so that a test is
//! read and reviewed as data and survives a change of internal functions. [`expect_file`] compares one whole output
//! with a file. [`Cli`] runs the built binary where nothing
//! of the machine reaches it. [`HttpServer`] stands in for a server on the network.
//!
//! ```
//! let file = testkit::DataFile::parse("sum.txt", "add to=3\n4\n----\n7\n").unwrap();
//! file.check(|case| {
//!     let to: i64 = case.number("to").unwrap();
//!     let given: i64 = case.input.trim().parse().unwrap();
//!     format!("{}\n", to + given)
//! });
//! ```
//!
//! This crate must never know what the product does: it depends on none of its crates, so that all of them can use it.

mod cli;
mod datadriven;
mod difference;
mod http;
mod scratch;

pub use cli::{Cli, Ran};
pub use datadriven::{Case, DataFile, each_file, expect_file};
pub use difference::difference;
pub use http::{HttpReply, HttpRequest, HttpServer};
pub use scratch::Scratch;
