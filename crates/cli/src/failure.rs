//! What ends a run: every error becomes one of three kinds, a message and what would help, in this one place.

use report::{Problem, ProblemKind};
use source::SourceError;

/// Why a command gave no report of its own.
#[derive(Debug)]
pub(crate) struct Failure {
    pub kind: ProblemKind,
    /// What went wrong and where.
    pub message: String,
    /// What would help, one sentence each.
    pub hints: Vec<String>,
}

impl Failure {
    /// The command line, or a file it names, was not understood.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Usage, message: message.into(), hints: Vec::new() }
    }

    /// Seaworthy itself is at fault.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { kind: ProblemKind::Internal, message: message.into(), hints: Vec::new() }
    }

    /// Adds what would help.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Makes it a part of a report.
    pub(crate) fn problem(&self) -> Problem {
        let problem = Problem::new(self.kind, &self.message);
        if self.hints.is_empty() { problem } else { problem.hint(self.hints.join("; ")) }
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let (kind, hints) = judge(&error);
        Self { kind, message: error.to_string(), hints }
    }
}

/// Tells whether the command was wrong or the source, and what would help.
fn judge(error: &SourceError) -> (ProblemKind, Vec<String>) {
    use ProblemKind::{CouldNotLook, Usage};
    let (kind, hint) = match error {
        SourceError::NoSuchPath { .. } => (Usage, String::new()),
        SourceError::Unreadable { .. } => (CouldNotLook, String::new()),
        SourceError::Empty { .. } => (
            CouldNotLook,
            "give a folder or file with .json, .yaml or .yml manifests, or the output of kubectl get -A -o json"
                .to_owned(),
        ),
        SourceError::TooLarge { .. } => (CouldNotLook, "split it, or give one part of it".to_owned()),
        SourceError::NoKubeconfig { .. } => (
            Usage,
            "name one by --kubeconfig or KUBECONFIG, or look at files by --manifests".to_owned(),
        ),
        SourceError::Kubeconfig { .. } => (Usage, "kubectl config view shows what kubectl makes of it".to_owned()),
        SourceError::NoSuchContext { known, .. } | SourceError::NoCurrentContext { known, .. } => {
            (Usage, contexts(known))
        }
        SourceError::Credentials { .. } => {
            (CouldNotLook, "the kubeconfig's user says how credentials are obtained; try the same with kubectl".to_owned())
        }
        SourceError::Unreachable { context, reason, .. } => (CouldNotLook, unreachable(context, reason)),
        SourceError::Refused { code: 401, .. } => {
            (CouldNotLook, "the credentials are not accepted: log in again, or choose another --context".to_owned())
        }
        SourceError::Refused { .. } => {
            (CouldNotLook, "the user needs the role system:discovery, which all users have by default".to_owned())
        }
        SourceError::NoSuchNamespace { .. } => (CouldNotLook, "names of namespaces are case-sensitive".to_owned()),
        _ => (CouldNotLook, String::new()),
    };
    (kind, Some(hint).filter(|hint| !hint.is_empty()).into_iter().collect())
}

fn contexts(known: &[String]) -> String {
    match known {
        [] => "it has no contexts at all; kubectl config get-contexts shows the same".to_owned(),
        known => format!("choose one by --context; it has {}", known.join(", ")),
    }
}

fn unreachable(context: &str, reason: &str) -> String {
    let reason = reason.to_lowercase();
    let cause = if reason.contains("refused") {
        "nothing listens there: is the cluster up, and a VPN or tunnel it needs?"
    } else if reason.contains("dns") || reason.contains("lookup") {
        "its name is not known here: is it spelt right, and is a VPN it needs up?"
    } else if reason.contains("certificate") {
        "its certificate is not trusted: does the kubeconfig hold this cluster's certificate authority?"
    } else {
        "is it up, and reachable from here?"
    };
    format!("{cause} kubectl --context {context} version asks the same server")
}
