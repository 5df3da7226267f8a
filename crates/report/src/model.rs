//! The report as a whole.

use serde::{Deserialize, Serialize};

use crate::verdict::judge;
use crate::{Chapter, CheckResult, Finding, Judgement, Problem};

/// The version of the format. The major number changes only when a field is renamed or removed.
pub const SCHEMA_VERSION: &str = "1.0";

/// Who wrote a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tool {
    /// Always `seaworthy`.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Where the objects came from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Source {
    /// `context`, `manifests`, `archive` or `simulation`.
    pub kind: String,
    /// The context's, file's or scenario's name.
    pub name: String,
    /// The cluster's version, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// How many objects were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<usize>,
}

impl Source {
    /// Names a source.
    pub fn new(kind: impl Into<String>, name: impl Into<String>) -> Self {
        Self { kind: kind.into(), name: name.into(), ..Self::default() }
    }

    /// Says how many objects were read.
    #[must_use]
    pub fn objects(mut self, count: usize) -> Self {
        self.objects = Some(count);
        self
    }

    /// Says which version the cluster has.
    #[must_use]
    pub fn kubernetes_version(mut self, version: impl Into<String>) -> Self {
        self.kubernetes_version = Some(version.into());
        self
    }
}

/// A resource that could not be read. By itself it decides nothing: the checks that needed it are in error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Unread {
    /// The resource, as in `secrets` or `ingresses.networking.k8s.io`.
    pub resource: String,
    /// The namespace, where only that one could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Why.
    pub reason: String,
}

impl Unread {
    /// Names a resource that could not be read anywhere.
    pub fn new(resource: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { resource: resource.into(), namespace: None, reason: reason.into() }
    }

    /// Narrows it to one namespace.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }
}

/// What a command says in the end. Made by [`Draft::conclude`], so that the verdict always fits the contents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The version of this format.
    pub schema_version: String,
    /// Who wrote it.
    pub tool: Tool,
    /// The command that was run, as in `check` or `trial`.
    pub command: String,
    /// Where the objects came from.
    pub source: Source,
    /// The moment the objects were judged at, RFC 3339, where known: the cluster's or the simulation's, not the clock's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<String>,
    /// The verdict.
    pub verdict: Judgement,
    /// The chapters.
    pub chapters: Vec<Chapter>,
    /// What could not be read.
    #[serde(default)]
    pub unread: Vec<Unread>,
    /// Trouble the command itself had.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// What is worth knowing about the run and decides nothing, one sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What a person may type next, such as a replay command.
    #[serde(default)]
    pub next: Vec<String>,
}

impl Report {
    /// Gives every check of every chapter.
    pub fn checks(&self) -> impl Iterator<Item = &CheckResult> {
        self.chapters.iter().flat_map(|chapter| &chapter.checks)
    }

    /// Gives every finding of every chapter; within a chapter, the worst first.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.chapters.iter().flat_map(Chapter::all_findings)
    }
}

/// A report in the making.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Draft {
    /// The command that is run.
    pub command: String,
    /// Where the objects come from.
    pub source: Source,
    /// The moment the objects are judged at, RFC 3339.
    pub now: Option<String>,
    /// The chapters so far.
    pub chapters: Vec<Chapter>,
    /// What could not be read.
    pub unread: Vec<Unread>,
    /// Trouble the command itself has had.
    pub problems: Vec<Problem>,
    /// What is worth knowing about the run and decides nothing.
    pub notes: Vec<String>,
    /// What a person may type next.
    pub next: Vec<String>,
    /// Whether warnings count as findings.
    pub strict: bool,
}

impl Draft {
    /// Starts a report.
    pub fn new(command: &str, source: Source) -> Self {
        Self {
            command: command.to_owned(),
            source,
            now: None,
            chapters: Vec::new(),
            unread: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            next: Vec::new(),
            strict: false,
        }
    }

    /// Derives every outcome and the verdict, and gives the finished report.
    pub fn conclude(mut self) -> Report {
        self.chapters.iter_mut().for_each(Chapter::judge);
        Report {
            schema_version: SCHEMA_VERSION.to_owned(),
            tool: Tool { name: "seaworthy".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            command: self.command,
            source: self.source,
            now: self.now,
            verdict: judge(&self.chapters, &self.problems, self.strict),
            chapters: self.chapters,
            unread: self.unread,
            problems: self.problems,
            notes: self.notes,
            next: self.next,
        }
    }
}
