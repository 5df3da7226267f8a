//! The garbage collector (`pkg/controller/garbagecollector`): objects go when all their owners are gone.
//!
//! It keeps a graph of all objects and their owners, made of what the informers of all resources show. Before it
//! deletes anything it asks the API about the object and each of its owners, and it deletes under preconditions: a
//! cache that is old must not cost an object whose owner was created anew or added meanwhile.

mod builder;
mod collect;
mod graph;
mod requests;

use super::{ControllerContext, discovery};
use crate::constants::{
    GC_ABSENT_OWNERS_MAX, GC_QPS_FACTOR, GC_SYNC_TIMEOUT, GC_WORKERS, KCM_BURST, KCM_QPS,
};
use crate::machinery::{ApiError, Client, Lister, PENDING_MAX, WorkQueue, run_workers};
use builder::{GraphBuilder, GraphEvent};
use futures_util::future::join_all;
use graph::{AbsentOwners, Graph};
use object::{GroupVersionResource, Text};
use schema::Verb;
use sim::sync::{Receiver, UnboundedSender, unbounded};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The finalizer of an object whose dependents are to be let go before it ends.
const ORPHAN: &str = "orphan";
/// The finalizer of an object whose dependents are to be deleted before it ends.
const FOREGROUND: &str = "foregroundDeletion";

/// Why a node could not be dealt with.
#[derive(Debug, thiserror::Error)]
enum GcError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("unable to get REST mapping for {api_version}/{kind}")]
    Mapping { api_version: Text, kind: Text },
    #[error("cluster-scoped objects cannot refer to namespaced owners")]
    NamespacedOwner,
    #[error("enqueued virtual delete event")]
    Absent,
    #[error("item hasn't been observed via informer yet")]
    NotObserved,
}

struct GarbageCollector {
    context: ControllerContext,
    client: Rc<Client>,
    builder: GraphBuilder,
    monitors: BTreeMap<GroupVersionResource, Lister>,
}

/// Runs the controller.
pub(super) async fn run(context: ControllerContext) {
    let ctx = context.sim().clone();
    context.informers_started().await;
    let (changes, events) = unbounded("graph-changes", PENDING_MAX);
    let monitors = watch_everything(&context, &changes);
    let collector = Rc::new(GarbageCollector {
        client: context.client_with("generic-garbage-collector", KCM_QPS * GC_QPS_FACTOR, KCM_BURST),
        builder: GraphBuilder {
            graph: Graph::default(),
            attempt_to_delete: WorkQueue::new(&ctx, "garbage_collector_attempt_to_delete"),
            attempt_to_orphan: WorkQueue::new(&ctx, "garbage_collector_attempt_to_orphan"),
            absent_owners: AbsentOwners::new(GC_ABSENT_OWNERS_MAX),
            changes,
        },
        monitors,
        context,
    });
    ctx.spawn("graph-builder", collector.clone().build(events));
    let synced = join_all(collector.monitors.values().map(|monitor| monitor.informer().wait_for_sync()));
    // A resource that cannot be listed must not keep the others from being collected.
    let _ = ctx.timeout(GC_SYNC_TIMEOUT, synced).await;
    let deleting = collector.clone();
    run_workers(&ctx, &collector.builder.attempt_to_delete, GC_WORKERS, move |node| {
        let collector = deleting.clone();
        async move { collector.attempt_to_delete(node).await }
    });
    let orphaning = collector.clone();
    run_workers(&ctx, &collector.builder.attempt_to_orphan, GC_WORKERS, move |node| {
        let collector = orphaning.clone();
        async move { collector.attempt_to_orphan(node).await }
    });
    std::future::pending::<()>().await;
}

/// Watches all that can be deleted, events aside (`GetDeletableResources`, `DefaultIgnoredResources`).
fn watch_everything(
    context: &ControllerContext,
    changes: &UnboundedSender<GraphEvent>,
) -> BTreeMap<GroupVersionResource, Lister> {
    let deletable = discovery::preferred(context.schema, &[Verb::Delete, Verb::List, Verb::Watch]);
    let mut monitors = BTreeMap::new();
    for resource in deletable.into_iter().filter(|resource| &*resource.plural != "events") {
        let name = resource.group_version_resource();
        let lister = context.lister(&name);
        let (api_version, kind) = (Text::from(resource.api_version()), resource.kind.clone());
        let changes = changes.clone();
        lister.informer().handle(move |notification| {
            let sent = changes.send(GraphEvent::of(&api_version, &kind, notification));
            assert!(sent.is_ok(), "the garbage collector's graph is too far behind");
        });
        monitors.insert(name, lister);
    }
    monitors
}

impl GarbageCollector {
    async fn build(self: Rc<Self>, mut events: Receiver<GraphEvent>) {
        while let Some(event) = events.recv().await {
            self.builder.process(&event);
        }
    }
}
