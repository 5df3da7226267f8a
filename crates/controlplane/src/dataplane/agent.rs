//! The agents: processes that watch, and program what they see no more often than their real models do.

use super::table::Table;
use crate::constants::{
    DATA_PLANE_PROGRAM_MAX, DATA_PLANE_PROGRAM_MIN, INGRESS_SYNC_PERIOD, NODE_BURST, NODE_QPS,
    PROXY_SYNC_PERIOD,
};
use crate::kinds::{ENDPOINTSLICES, INGRESSCLASSES, INGRESSES, SECRETS, SERVICES};
use crate::machinery::{Client, Informer, ListScope, Lister, Transport};
use crate::world::World;
use object::{GroupVersionResource, Text};
use sim::Ctx;
use sim::sync::Notify;
use std::rc::Rc;
use std::time::Duration;

/// What an agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Serves Ingresses.
    Ingress(usize),
    /// Programs Services on a node.
    Proxy(Text),
    /// Answers names.
    Dns(usize),
}

impl Role {
    /// Gives the name of the agent's process.
    pub(crate) fn process(&self) -> String {
        match self {
            Self::Ingress(number) => format!("ingress-controller-{number}"),
            Self::Proxy(node) => format!("kube-proxy-{node}"),
            Self::Dns(number) => format!("coredns-{number}"),
        }
    }

    /// Gives the least time between two rounds of programming.
    fn period(&self) -> Duration {
        match self {
            Self::Ingress(_) => INGRESS_SYNC_PERIOD,
            Self::Proxy(_) => PROXY_SYNC_PERIOD,
            // Names are answered from the caches themselves; what clients keep of them is theirs.
            Self::Dns(_) => Duration::ZERO,
        }
    }
}

struct Listers {
    services: Lister,
    slices: Lister,
    /// Ingresses, their classes, and certificates.
    ingress: Option<[Lister; 3]>,
}

impl Listers {
    fn all(&self) -> impl Iterator<Item = &Lister> {
        [&self.services, &self.slices].into_iter().chain(self.ingress.iter().flatten())
    }

    fn table(&self) -> Table {
        let mut table =
            Table { services: self.services.objects(), slices: self.slices.objects(), ..Table::default() };
        if let Some([ingresses, classes, secrets]) = &self.ingress {
            table.ingresses = ingresses.objects();
            table.classes = classes.objects();
            table.secrets = secrets.objects();
        }
        table
    }
}

/// Runs an agent in its process.
pub(crate) async fn run(ctx: Ctx, world: Rc<World>, transport: Rc<Transport>, role: Role) {
    let process = role.process();
    let client = Client::new(&ctx, &transport, &process, NODE_QPS, NODE_BURST);
    let watch = |resource: &GroupVersionResource| {
        Informer::start(&ctx, &client, resource, ListScope::default()).lister()
    };
    let listers = Listers {
        services: watch(&SERVICES),
        slices: watch(&ENDPOINTSLICES),
        ingress: matches!(role, Role::Ingress(_))
            .then(|| [watch(&INGRESSES), watch(&INGRESSCLASSES), watch(&SECRETS)]),
    };
    let changed = Notify::named("data-plane");
    for lister in listers.all() {
        let changed = changed.clone();
        lister.informer().handle(move |_| changed.notify_one());
    }
    for lister in listers.all() {
        lister.informer().wait_for_sync().await;
    }
    loop {
        let began = ctx.now();
        let table = listers.table();
        // Writing rules, or reloading, takes a moment in which the old ones still hold.
        ctx.sleep(ctx.choose_duration("program", &process, DATA_PLANE_PROGRAM_MIN, DATA_PLANE_PROGRAM_MAX))
            .await;
        world.data_plane.borrow_mut().tables.insert(process.as_str().into(), table);
        changed.notified().await;
        ctx.sleep_until(began + role.period()).await;
    }
}
