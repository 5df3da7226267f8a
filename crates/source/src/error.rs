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
    /// There is no kubeconfig, and this is no pod of a cluster.
    #[error("no kubeconfig: {} does not exist", looked_for(.looked))]
    NoKubeconfig {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The kubeconfig is wrong, or a file it names is.
    #[error("kubeconfig {path}: {reason}")]
    Kubeconfig {
        /// The file or files.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The kubeconfig has no such context.
    #[error("kubeconfig {path} has no context {context}")]
    NoSuchContext {
        /// The file or files.
        path: String,
        /// The context asked for.
        context: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// No context was asked for, and the kubeconfig says none.
    #[error("kubeconfig {path} sets no current context")]
    NoCurrentContext {
        /// The file or files.
        path: String,
        /// The contexts it has.
        known: Vec<String>,
    },
    /// The credentials could not be obtained.
    #[error("no credentials for {server}: {reason}")]
    Credentials {
        /// The API server's address.
        server: String,
        /// What is wrong.
        reason: String,
    },
    /// The API server does not answer.
    #[error("the API server {server} of context {context} does not answer: {reason}")]
    Unreachable {
        /// The API server's address.
        server: String,
        /// The context.
        context: String,
        /// What happened instead.
        reason: String,
    },
    /// The API server answers, but not to this.
    #[error("the API server {server} of context {context} refuses to say what it serves: {reason}")]
    Refused {
        /// The API server's address.
        server: String,
        /// The context.
        context: String,
        /// What it answered.
        reason: String,
        /// The status code of the answer, 0 if it was none.
        code: u16,
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

fn looked_for(paths: &[PathBuf]) -> String {
    let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    if paths.is_empty() { "its path".to_owned() } else { paths.join(", ") }
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
