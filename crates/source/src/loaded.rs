//! What every source gives.

use object::{GroupResource, Time};
use std::fmt;
use view::View;

/// What a caller may ask of any source.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The moment at which the objects are judged, instead of the one the source tells.
    pub at: Option<Time>,
    /// Read this namespace only, and what lies in no namespace.
    pub namespace: Option<&'a str>,
    /// Is told how far the work is.
    pub progress: Option<&'a dyn Fn(&Progress)>,
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, namespace, progress } = self;
        let told = progress.is_some();
        f.debug_struct("Options").field("at", at).field("namespace", namespace).field("told", &told).finish()
    }
}

/// How far a source is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The files or resources that are done.
    pub done: usize,
    /// The files or resources there are, as far as is known.
    pub total: usize,
    /// The objects read so far.
    pub objects: usize,
    /// What was read last.
    pub last: String,
}

/// What a source gave.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The objects, and what could not be read.
    pub view: View,
    /// Where they came from.
    pub origin: Origin,
    /// Where the view's "now" comes from.
    pub now_from: NowFrom,
    /// How many objects were read.
    pub objects: usize,
    /// What was given and could not be read or understood: of it, nothing was judged.
    pub troubles: Vec<Trouble>,
    /// What the user may want to know, one sentence each; nothing was lost by it.
    pub notes: Vec<String>,
    /// Built-in resources of which nothing was given; the view has each of them as unread.
    pub absent: Vec<GroupResource>,
}

/// Where objects came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// A live cluster.
    Cluster {
        /// The kubeconfig context, `in-cluster` for a service account's own cluster.
        context: String,
        /// The API server's address.
        server: String,
    },
    /// Files.
    Manifests {
        /// The path as it was given, `stdin` for a stream.
        path: String,
        /// How many files were read.
        files: usize,
    },
}

/// Where a view's "now" comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NowFrom {
    /// The caller gave it.
    Caller,
    /// The `Date` of the API server's last answer.
    Server,
    /// The newest time in the objects.
    Objects,
    /// No object tells any time, so it is this machine's.
    Clock,
}

impl fmt::Display for NowFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Caller => "as given",
            Self::Server => "the API server's clock",
            Self::Objects => "the newest time in the objects",
            Self::Clock => "this machine's clock, for no object tells a time",
        })
    }
}

/// Something that was given and could not be read or understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// The file, `stdin` for a stream.
    pub file: String,
    /// The document within the file, from 1.
    pub document: Option<usize>,
    /// The item of a List, from 1.
    pub item: Option<usize>,
    /// The line within the file, from 1.
    pub line: Option<usize>,
    /// The column, from 1.
    pub column: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            self.column.map_or(Ok(()), |column| write!(f, ":{column}"))?;
        }
        match (self.document, self.item) {
            (Some(document), Some(item)) => write!(f, " (document {document}, item {item})")?,
            (Some(document), None) => write!(f, " (document {document})")?,
            _ => {}
        }
        write!(f, ": {}", self.message)
    }
}
