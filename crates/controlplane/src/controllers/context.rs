//! What the controller manager hands to each of its controllers.

use crate::cluster::Mutants;
use crate::constants::{KCM_BURST, KCM_QPS};
use crate::gates::Gates;
use crate::machinery::{
    Client, ConsistencyStore, Expectations, Informer, ListScope, Lister, ReadRevision, Transport,
};
use crate::world::World;
use object::{GroupVersionResource, Time};
use schema::{KubernetesVersion, Schema};
use sim::Ctx;
use sim::sync::Latch;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The handle of one controller on its process: clock, choices, clients and shared informers; nothing ambient.
#[derive(Clone)]
pub struct ControllerContext {
    ctx: Ctx,
    /// The feature gates.
    pub gates: Rc<Gates>,
    /// What the release that this process is of serves.
    pub schema: &'static Schema,
    transport: Rc<Transport>,
    informers: Rc<RefCell<BTreeMap<GroupVersionResource, Rc<Informer>>>>,
    informer_client: Rc<Client>,
    informers_started: Rc<Latch>,
    world: Rc<World>,
    mutants: Mutants,
    /// Whether attach/detach may take volumes from nodes that still use them.
    pub force_detach: bool,
}

impl ControllerContext {
    /// Makes the context of a process.
    pub fn new(
        ctx: &Ctx,
        world: &Rc<World>,
        transport: &Rc<Transport>,
        (version, gates): (KubernetesVersion, &Rc<Gates>),
        mutants: Mutants,
    ) -> Self {
        let agent = format!("{}/shared-informers", ctx.process_name());
        let informer_client = Client::new(ctx, transport, &agent, KCM_QPS, KCM_BURST);
        informer_client.set_watch_list(gates.enabled("WatchListClient"));
        Self {
            ctx: ctx.clone(),
            gates: gates.clone(),
            schema: Schema::for_version(version),
            transport: transport.clone(),
            informers: Rc::default(),
            informer_client,
            informers_started: Rc::new(Latch::named("informers-started")),
            world: world.clone(),
            mutants,
            force_detach: true,
        }
    }

    /// Chooses whether attach/detach may take volumes from nodes that still use them.
    #[must_use]
    pub fn with_force_detach(self, force_detach: bool) -> Self {
        Self { force_detach, ..self }
    }

    /// Gives the kernel's handle.
    pub fn sim(&self) -> &Ctx {
        &self.ctx
    }

    /// Gives what this process's wall clock shows.
    pub fn now(&self) -> Time {
        Time::from_nanos(self.ctx.wall())
    }

    /// Makes a client for a controller, with a rate limit of its own, as `ClientBuilder` does.
    pub fn client(&self, controller: &str) -> Rc<Client> {
        self.client_with(controller, KCM_QPS, KCM_BURST)
    }

    /// Makes a client for a controller that is allowed another rate than most.
    pub fn client_with(&self, controller: &str, qps: f64, burst: f64) -> Rc<Client> {
        let agent = format!("{}/{controller}", self.ctx.process_name());
        Client::new(&self.ctx, &self.transport, &agent, qps, burst)
    }

    /// Gives the process's shared informer of a resource, starting it when it is the first to ask.
    pub fn informer(&self, resource: &GroupVersionResource) -> Rc<Informer> {
        let known = self.informers.borrow().get(resource).cloned();
        known.unwrap_or_else(|| {
            let informer = Informer::start(&self.ctx, &self.informer_client, resource, ListScope::default());
            self.informers.borrow_mut().insert(resource.clone(), informer.clone());
            informer
        })
    }

    /// Waits until all controllers have asked for their informers and these have begun to list: whoever watches
    /// everything must not have the others wait for it.
    pub async fn informers_started(&self) {
        self.informers_started.wait().await;
    }

    /// Says that all controllers are made.
    pub(crate) async fn start_informers(&self) {
        // The clock stands still until every controller has gone as far as it can.
        self.ctx.sleep(std::time::Duration::from_nanos(1)).await;
        self.informers_started.set();
    }

    /// Gives the lister of a resource.
    pub fn lister(&self, resource: &GroupVersionResource) -> Lister {
        self.informer(resource).lister()
    }

    /// Makes expectations, of the mutant kind if this run is to have them.
    pub fn expectations(&self) -> Expectations {
        if self.mutants.expectations_never_expire {
            Expectations::with_timeout(None)
        } else {
            Expectations::default()
        }
    }

    /// Makes KEP-5647's store over what the informers behind some listers have seen; `gate` turns it on.
    pub fn consistency(&self, gate: &str, listers: &[&Lister]) -> Rc<ConsistencyStore> {
        let reads = listers.iter().map(|lister| {
            let informer = lister.informer().clone();
            let resource = informer.resource().group_resource();
            let read: ReadRevision = Box::new(move || informer.revision());
            (resource, read)
        });
        Rc::new(ConsistencyStore::new(self.gates.enabled(gate), reads))
    }

    /// Gives the deliberate errors of this run.
    pub fn mutants(&self) -> Mutants {
        self.mutants
    }

    /// Counts what a metric of the real component counts.
    pub fn count(&self, metric: &'static str) {
        self.world.count(&self.ctx.process_name(), metric);
    }
}
