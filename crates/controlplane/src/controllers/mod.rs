//! The controllers of kube-controller-manager, written to read like the upstream ones.
//!
//! Each is an `async fn run(context)` that lives in one process and dies with it. It knows what its informers show and
//! what its client is answered, and nothing else.

mod claim;
mod context;
mod cronjob;
mod daemonset;
mod deployment;
mod discovery;
mod disruption;
mod endpointslice;
mod garbagecollector;
mod hash;
mod job;
mod namespace;
mod node;
mod pod_control;
mod replicaset;
mod resourcequota;
mod revisions;
mod statefulset;
mod ttlafterfinished;
mod volume;

pub use claim::RefManager;
pub use context::ControllerContext;
pub use pod_control::{PodControl, controller_reference, pod_from_template};

pub(crate) use volume::MANAGED_ATTACH;

use pod_control::OnWrite;
use std::pin::Pin;

type Running = Pin<Box<dyn Future<Output = ()>>>;

/// One controller: its name as `--controllers` spells it, and how it is started.
pub struct Controller {
    /// The name.
    pub name: &'static str,
    /// Starts it.
    pub run: fn(ControllerContext) -> Running,
}

/// All controllers, in the order in which they start.
pub const CONTROLLERS: &[Controller] = &[
    Controller { name: "cronjob-controller", run: |context| Box::pin(cronjob::run(context)) },
    Controller { name: "daemonset-controller", run: |context| Box::pin(daemonset::run(context)) },
    Controller { name: "deployment-controller", run: |context| Box::pin(deployment::run(context)) },
    Controller { name: "endpointslice-controller", run: |context| Box::pin(endpointslice::run(context)) },
    Controller { name: "disruption-controller", run: |context| Box::pin(disruption::run(context)) },
    Controller { name: "job-controller", run: |context| Box::pin(job::run(context)) },
    Controller { name: "namespace-controller", run: |context| Box::pin(namespace::run(context)) },
    Controller { name: "node-lifecycle-controller", run: |context| Box::pin(node::run_lifecycle(context)) },
    Controller {
        name: "persistentvolume-attach-detach-controller",
        run: |context| Box::pin(volume::run_attach_detach(context)),
    },
    Controller {
        name: "persistentvolume-binder-controller",
        run: |context| Box::pin(volume::run_binder(context)),
    },
    Controller {
        name: "persistentvolume-protection-controller",
        run: |context| Box::pin(volume::run_volume_protection(context)),
    },
    Controller {
        name: "persistentvolumeclaim-protection-controller",
        run: |context| Box::pin(volume::run_claim_protection(context)),
    },
    Controller {
        name: "pod-garbage-collector-controller",
        run: |context| Box::pin(node::run_pod_garbage(context)),
    },
    Controller {
        name: "taint-eviction-controller",
        run: |context| Box::pin(node::run_taint_eviction(context)),
    },
    Controller {
        name: "ttl-after-finished-controller",
        run: |context| Box::pin(ttlafterfinished::run(context)),
    },
    Controller { name: "ttl-controller", run: |context| Box::pin(node::run_ttl(context)) },
    Controller { name: "resourcequota-controller", run: |context| Box::pin(resourcequota::run(context)) },
    Controller { name: "replicaset-controller", run: |context| Box::pin(replicaset::run(context)) },
    Controller { name: "statefulset-controller", run: |context| Box::pin(statefulset::run(context)) },
    Controller {
        name: "garbage-collector-controller",
        run: |context| Box::pin(garbagecollector::run(context)),
    },
];
