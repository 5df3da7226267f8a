//! Why a source gave nothing at all.

use std::path::PathBuf;

/// Why a source gave nothing at all; what stops only a part of it is no error but a record in what it gave.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The path does not exist.
    #[error("{path}: no such file or directory")]
    NoSuchPath {
        /// The path.
        path: PathBuf,
    },
    /// The file, folder or stream could not be read.
    #[error("{path} could not be read: {reason}")]
    Unreadable {
        /// The path, `stdin` for a stream.
        path: PathBuf,
        /// Why.
        reason: std::io::Error,
    },
    /// There is nothing in it to look at.
    #[error("{path} holds no object{}", skipped_text(*skipped))]
    Empty {
        /// The path, `stdin` for a stream.
        path: PathBuf,
        /// Files that were skipped because of their names.
        skipped: usize,
    },
    /// It is larger than this program reads.
    #[error("{path}: {what}, more than the limit of {limit}")]
    TooLarge {
        /// The path, `stdin` for a stream.
        path: PathBuf,
        /// What there is too much of.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// The namespace asked for is not in the source.
    #[error("there is no namespace {namespace} in {place}")]
    NoSuchNamespace {
        /// The namespace.
        namespace: String,
        /// The source.
        place: String,
    },
}

fn skipped_text(skipped: usize) -> String {
    if skipped == 0 { String::new() } else { format!(": {}", skipped_note(skipped)) }
}

/// Says how many files were skipped, and why.
pub(crate) fn skipped_note(skipped: usize) -> String {
    match skipped {
        1 => "one file was skipped, for it is neither .json nor .yaml nor .yml".to_owned(),
        _ => format!("{skipped} files were skipped, for they are neither .json nor .yaml nor .yml"),
    }
}
