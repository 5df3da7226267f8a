//! Where objects come from: the options that all commands share, and what a report says of the source.

use crate::console::Console;
use crate::failure::Failure;
use clap::Args;
use object::{GoDuration, GroupResource, Time};
use report::{Draft, Problem, ProblemKind, Unread};
use source::{Access, Loaded, Options, Origin, Progress};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options that say where objects come from.
#[derive(Args, Debug)]
#[command(next_help_heading = "Source")]
pub(crate) struct SourceArgs {
    /// The kubeconfig context of a live cluster, instead of the current one
    #[arg(long, value_name = "NAME", conflicts_with = "manifests")]
    context: Option<String>,

    /// The kubeconfig, instead of KUBECONFIG and ~/.kube/config
    #[arg(long, value_name = "FILE", conflicts_with = "manifests")]
    kubeconfig: Option<PathBuf>,

    /// A file, a folder, or - for the standard input, with manifests or what kubectl get -o json|yaml wrote
    #[arg(long, short = 'f', value_name = "PATH")]
    manifests: Option<PathBuf>,

    /// Judge ages and waits as of this moment (RFC 3339), instead of the source's own
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<Time>,

    /// Look only at this namespace, and of what lies in none at what its objects use
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,

    /// How long one request to the API server may take
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    request_timeout: Duration,
}

fn parse_time(text: &str) -> Result<Time, String> {
    Time::parse(text).map_err(|error| format!("{error}; write it as in 2026-01-31T09:30:00Z"))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    let duration = GoDuration::parse(text).map_err(|error| format!("{error}; write it as in 90s or 2m"))?;
    let duration = Some(duration).filter(|duration| duration.as_nanos() > 0).map(GoDuration::to_std);
    duration.ok_or_else(|| "it must be longer than nothing".to_owned())
}

impl SourceArgs {
    /// Tells whether a source was named.
    pub(crate) fn is_given(&self) -> bool {
        self.context.is_some() || self.kubeconfig.is_some() || self.manifests.is_some()
    }

    /// Gives an option that says how to look at a source, if there is one.
    pub(crate) fn narrows(&self) -> Option<&'static str> {
        let at = self.at.is_some().then_some("--at");
        at.or(self.namespace.is_some().then_some("--namespace"))
    }

    /// Reads the source that was asked for; by default the cluster that kubectl would talk to.
    pub(crate) fn load(&self, console: &Console) -> Result<Loaded, Failure> {
        let bar = console.progress("reading");
        let show = |progress: &Progress| {
            bar.set_length(progress.total as u64);
            bar.set_position(progress.done as u64);
            bar.set_message(format!("{} objects, {}", progress.objects, progress.last));
        };
        let options = Options { at: self.at, namespace: self.namespace.as_deref(), progress: Some(&show) };
        let loaded = match &self.manifests {
            Some(path) if path == Path::new("-") => source::read_stream(std::io::stdin().lock(), &options),
            Some(path) => source::read_path(path, &options),
            None => source::read_cluster(&self.access(), &options),
        };
        bar.finish_and_clear();
        Ok(loaded?)
    }

    fn access(&self) -> Access {
        let kubeconfigs = match &self.kubeconfig {
            Some(path) => vec![path.clone()],
            None => kubeconfigs(std::env::var_os("KUBECONFIG"), home()),
        };
        Access {
            kubeconfigs,
            all_must_exist: self.kubeconfig.is_some(),
            context: self.context.clone(),
            in_cluster: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            request_timeout: self.request_timeout,
        }
    }

    /// Gives the namespace to which the look is restricted.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

/// Gives the kubeconfigs that kubectl would read.
fn kubeconfigs(variable: Option<OsString>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let listed: Vec<PathBuf> =
        variable.iter().flat_map(std::env::split_paths).filter(|path| !path.as_os_str().is_empty()).collect();
    if listed.is_empty() { home.map(|home| home.join(".kube/config")).into_iter().collect() } else { listed }
}

fn home() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    home.filter(|home| !home.is_empty()).map(PathBuf::from)
}

/// Begins the report of a command that looked at a source, of which it needs the resources in `reads`.
pub(crate) fn draft(command: &str, loaded: &Loaded, args: &SourceArgs, reads: &[&str]) -> Draft {
    let mut draft = Draft::new(command, describe(loaded, args));
    draft.now = Some(loaded.view.now().rfc3339());
    draft.notes.push(format!("times are judged as of {}: {}", loaded.view.now().rfc3339(), loaded.now_from));
    draft.notes.extend(loaded.notes.iter().cloned());
    let absent: BTreeSet<&GroupResource> = loaded.absent.iter().collect();
    for unread in loaded.view.unread() {
        let resource = unread.resource.to_string();
        // A kind of which files hold nothing is worth a line only where somebody asks for it.
        if !absent.contains(&unread.resource) || reads.contains(&resource.as_str()) {
            let entry = Unread::new(resource, &*unread.reason);
            let namespace = unread.namespace.as_deref();
            draft.unread.push(match namespace {
                Some(namespace) => entry.namespace(namespace),
                None => entry,
            });
        }
    }
    for trouble in &loaded.troubles {
        draft.problems.push(Problem::new(ProblemKind::CouldNotLook, trouble.to_string()));
    }
    draft
}

fn describe(loaded: &Loaded, args: &SourceArgs) -> report::Source {
    let (kind, mut name) = match &loaded.origin {
        Origin::Cluster { context, server } => ("context", format!("{context} ({server})")),
        Origin::Manifests { path, .. } => ("manifests", path.clone()),
        other => ("source", format!("{other:?}")),
    };
    if let Some(namespace) = args.namespace() {
        name.push_str(&format!(", namespace {namespace}"));
    }
    let source = report::Source::new(kind, name).objects(loaded.objects);
    match loaded.view.kubernetes_version() {
        Some(version) => source.kubernetes_version(version),
        None => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeconfigs_are_found_as_kubectl_finds_them() {
        let home = || Some(PathBuf::from("/users/me"));
        assert_eq!(kubeconfigs(None, home()), [Path::new("/users/me/.kube/config")]);
        assert_eq!(kubeconfigs(Some(OsString::new()), home()), [Path::new("/users/me/.kube/config")]);
        let listed = std::env::join_paths(["/a", "", "/b"]).unwrap();
        assert_eq!(kubeconfigs(Some(listed), home()), [Path::new("/a"), Path::new("/b")]);
        assert!(kubeconfigs(None, None).is_empty());
    }
}
