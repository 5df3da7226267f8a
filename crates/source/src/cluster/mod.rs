//! A live cluster, read through its API with nothing but list rights.
//!
//! Discovery says what there is; every resource that can be listed is listed in pages. What is refused, cut off or
//! too slow is recorded as unread with the reason, resource by resource, and where only some namespaces may be read,
//! namespace by namespace. A resource that several versions serve is read once, in the most stable of them. Events are
//! read as `v1`, which holds the same objects as `events.k8s.io`; so are the kinds of the old group `extensions` in
//! the groups they moved to.

mod connect;
mod discovery;
mod list;
mod server;

pub use list::{OBJECTS_MAX, PAGE_OBJECTS};
pub use server::BYTES_PER_ANSWER_MAX;

use crate::gather::clock;
use crate::{Loaded, NowFrom, Options, Origin, SourceError, Trouble};
use discovery::Discovered;
use list::{Listed, Reader};
use object::{GroupResource, Time, Value};
use server::Server;
use std::path::PathBuf;
use std::time::Duration;
use view::{Plurals, Unread, View, newest_time};

/// Times in objects may run ahead of the API server's clock by this much before it is said.
const SKEW_MAX: Duration = Duration::from_mins(5);

/// How a cluster is reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// The kubeconfigs; of values that several of them set, the first counts.
    pub kubeconfigs: Vec<PathBuf>,
    /// Whether each of them must exist, as one given on the command line must.
    pub all_must_exist: bool,
    /// The context, instead of the kubeconfig's current one.
    pub context: Option<String>,
    /// Whether to use a pod's own service account when there is no kubeconfig.
    pub in_cluster: bool,
    /// How long one request may take.
    pub request_timeout: Duration,
}

/// Reads every object of a cluster that may be listed.
///
/// # Errors
/// When the kubeconfig is unusable, or the API server cannot be reached or does not say what it serves. What could not
/// be listed is no error but in [`View::unread`].
pub fn read_cluster(access: &Access, options: &Options<'_>) -> Result<Loaded, SourceError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|reason| SourceError::Unreadable { path: PathBuf::from("network"), reason })?;
    runtime.block_on(read(access, options))
}

async fn read(access: &Access, options: &Options<'_>) -> Result<Loaded, SourceError> {
    let target = connect::target(access).await?;
    let server = Server::connect(target, access.request_timeout)?;
    let version = server.version().await?;
    let discovered = discovery::discover(&server).await?;
    let reader = Reader::new(&server, options);
    let mut listed = reader.list_all(&discovered).await?;
    let mut unserved = std::mem::take(&mut listed.unread);
    // Lists end in any order; what is told of them does not depend on it.
    unserved.sort();
    let loaded = finish(listed, &server, &discovered, options);
    Ok(with_facts(loaded, version, discovered.unread.into_iter().chain(unserved)))
}

fn with_facts(mut loaded: Loaded, version: Option<String>, unread: impl Iterator<Item = Unread>) -> Loaded {
    if let Some(version) = version {
        loaded.view = loaded.view.with_kubernetes_version(&version);
    } else {
        loaded.notes.push("the API server did not tell its version".to_owned());
    }
    for unread in unread {
        loaded.view = loaded.view.with_unread(unread);
    }
    loaded
}

fn finish(listed: Listed, server: &Server, discovered: &Discovered, options: &Options<'_>) -> Loaded {
    let Listed { objects, mut notes, .. } = listed;
    let newest = newest_time(&objects);
    let (now, now_from) = now(options.at, server.date(), newest);
    if let (Some(date), Some(newest)) = (server.date(), newest)
        && newest.since(date) > SKEW_MAX
    {
        let (ahead, newest) = (newest.since(date).as_secs(), newest.rfc3339());
        notes.push(format!(
            "an object tells the time {newest}, {ahead} s ahead of the API server: a clock is wrong"
        ));
    }
    let plurals = discovered.resources.iter().fold(Plurals::new(), |plurals, resource| {
        plurals.with(&resource.group, &resource.kind, &resource.plural)
    });
    let count = objects.len();
    let mut view = View::from_objects_with(objects, now, plurals).with_source(&server.context);
    if let Some(namespace) = options.namespace {
        view = view.with_namespace(namespace);
    }
    let trouble = |message: String| Trouble { file: server.context.clone(), message, ..Trouble::default() };
    let troubles = view.problems().iter().map(|problem| trouble(problem.to_string())).collect();
    let origin = Origin::Cluster { context: server.context.clone(), server: server.address.clone() };
    Loaded { view, origin, now_from, objects: count, troubles, notes, absent: Vec::new() }
}

fn now(at: Option<Time>, date: Option<Time>, newest: Option<Time>) -> (Time, NowFrom) {
    let told = at.map(|at| (at, NowFrom::Caller));
    let told = told.or_else(|| date.map(|date| (date, NowFrom::Server)));
    let told = told.or_else(|| newest.map(|newest| (newest, NowFrom::Objects)));
    told.unwrap_or_else(|| (clock(), NowFrom::Clock))
}

/// Tells whether a resource is the namespaces themselves.
fn is_namespace(resource: &GroupResource) -> bool {
    resource.group.is_empty() && &*resource.resource == "namespaces"
}

/// Gives the names of the namespaces among some objects.
fn names(objects: &[Value]) -> Vec<String> {
    objects.iter().map(|object| object["metadata"]["name"].str().to_owned()).collect()
}
