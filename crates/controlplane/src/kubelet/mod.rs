//! The kubelet of one node: its Node and lease, and a worker for each pod bound to it (`pkg/kubelet`).
//!
//! It knows the pods that its watch shows, and what containers do; it tells the API server what became of them.

mod container;
mod evicted;
mod eviction;
mod node;
mod status;
mod volumes;
mod worker;

use crate::constants::{NODE_BURST, NODE_QPS};
use crate::kinds::PODS;
use crate::machinery::{Client, Informer, ListScope, Lister, Notification, Transport};
use crate::world::World;
use eviction::{EVICTED, Pressure};
use object::{ObjectExt, Quantity, Text, Value};
use sim::Ctx;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;
use volumes::Volumes;
use worker::{Refusal, Worker};

/// How a node is made.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeConfig {
    /// The node's name.
    pub name: Text,
    /// Its capacity, all of which is allocatable.
    pub capacity: Value,
    /// Its labels, beside the ones that every node has.
    pub labels: Value,
    /// The kubelet's version, such as `v1.36.3`.
    pub version: Text,
    /// The longest pause before a container that ends is started again (`crashLoopBackOff.maxContainerRestartPeriod`).
    pub restart_pause_max: Duration,
    /// Conditions that hold for reasons that are not simulated, such as `DiskPressure` of a node in a dump.
    pub conditions: Vec<Text>,
}

impl NodeConfig {
    /// Gives a node of 4 CPUs, 16Gi and 110 pods.
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            capacity: object::value!({"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "100Gi"}),
            labels: Value::map(),
            version: version.into(),
            restart_pause_max: crate::constants::CONTAINER_BACKOFF_MAX,
            conditions: Vec::new(),
        }
    }
}

/// Shared by the tasks of the process.
pub(crate) struct Kubelet {
    ctx: Ctx,
    world: Rc<World>,
    client: Rc<Client>,
    config: NodeConfig,
    pods: Lister,
    workers: RefCell<BTreeMap<Text, Rc<Worker>>>,
    images: RefCell<BTreeSet<Text>>,
    volumes: Volumes,
    pressure: Pressure,
    addresses: Cell<u32>,
    /// The number of the node, from which its pods' addresses follow.
    number: u32,
}

/// Runs the kubelet in its process.
pub async fn run(ctx: Ctx, world: Rc<World>, transport: Rc<Transport>, config: NodeConfig, number: u32) {
    let agent = format!("kubelet/{}", config.name);
    let client = Client::new(&ctx, &transport, &agent, NODE_QPS, NODE_BURST);
    let pressure = Pressure::new(&config.conditions);
    node::register(&ctx, &client, &config, &pressure).await;
    ctx.spawn("lease", node::renew_lease(ctx.clone(), client.clone(), config.clone()));
    let scope =
        ListScope { field_selector: format!("spec.nodeName={}", config.name).into(), ..ListScope::default() };
    let pods = Informer::start(&ctx, &client, &PODS, scope).lister();
    let kubelet = Rc::new(Kubelet {
        ctx: ctx.clone(),
        world,
        client,
        config,
        pods,
        workers: RefCell::default(),
        images: RefCell::default(),
        volumes: Volumes::default(),
        pressure,
        addresses: Cell::new(0),
        number,
    });
    let handler = kubelet.clone();
    kubelet.pods.informer().handle(move |notification| handler.pod_changed(notification));
    ctx.spawn("node-status", node::report_status(kubelet.clone()));
    ctx.spawn("eviction", eviction::manage(kubelet.clone()));
    kubelet.pods.informer().wait_for_sync().await;
    kubelet.volumes.listed();
    std::future::pending::<()>().await;
}

impl Kubelet {
    fn pod_changed(self: &Rc<Self>, notification: &Notification) {
        let pod = notification.object();
        let uid: Text = pod.uid().into();
        if matches!(notification, Notification::Delete(_)) {
            // Whatever still ran of it is stopped at once.
            if let Some(worker) = self.workers.borrow_mut().remove(&uid) {
                worker.forget();
            }
            return;
        }
        let known = self.workers.borrow().get(&uid).cloned();
        match known {
            Some(worker) => worker.update(pod),
            None => {
                let worker = Worker::new(self, pod);
                self.workers.borrow_mut().insert(uid, worker.clone());
                self.ctx.spawn("pod", worker.run());
            }
        }
    }

    /// Gives an address that no other pod of this node has had.
    fn address(&self) -> String {
        let next = self.addresses.get() + 1;
        self.addresses.set(next);
        format!("10.{}.{}.{}", 128 + self.number / 250, self.number % 250, next % 250 + 1)
    }

    /// Gives why the node does not take a pod, if it does not.
    fn refusal(&self, pod: &Value) -> Option<Refusal> {
        let pressed = self.pressure.refuses(pod).map(|why| (EVICTED.to_owned(), why));
        let full = || {
            let reason = self.overflow(pod)?;
            let why = format!("Node didn't have enough resource: {}", &reason["OutOf".len()..]);
            Some((reason, why))
        };
        let (reason, why) = pressed.or_else(full)?;
        Some(Refusal { reason, message: format!("Pod was rejected: {why}") })
    }

    /// Tells whether a pod's requests do not fit beside those that run (`OutOfcpu` and its like).
    fn overflow(&self, pod: &Value) -> Option<String> {
        let asked = |pod: &Value, name: &str| -> i64 {
            let containers = pod["spec"]["containers"].items().iter();
            let amount =
                |c: &Value| Quantity::of(&c["resources"]["requests"][name]).unwrap_or_default().milli_value();
            containers.map(amount).sum()
        };
        let others = self.pods.list();
        let running = || {
            others.iter().filter(|other| {
                other.uid() != pod.uid()
                    && !crate::machinery::is_pod_terminal(other)
                    && !other["status"]["startTime"].is_null()
            })
        };
        for (name, _) in self.config.capacity.entries().filter(|(name, _)| name.as_str() != "pods") {
            let capacity =
                Quantity::of(&self.config.capacity[name.as_str()]).unwrap_or_default().milli_value();
            let wanted = asked(pod, name.as_str());
            if wanted > 0
                && running().map(|other| asked(other, name.as_str())).sum::<i64>() + wanted > capacity
            {
                return Some(format!("OutOf{name}"));
            }
        }
        let most = Quantity::of(&self.config.capacity["pods"]).unwrap_or_default().value();
        (running().count() as i64 >= most).then(|| "OutOfpods".to_owned())
    }
}
