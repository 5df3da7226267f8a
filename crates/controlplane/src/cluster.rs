//! A whole cluster: which processes there are, how they start, and the handle a scenario or a test holds.

use crate::attacher;
use crate::constants::{KCM_BURST, KCM_QPS, RENEW_DEADLINE, SERVER_POLL};
use crate::controllers::{CONTROLLERS, ControllerContext};
use crate::dataplane::{self, DataPlaneConfig, Role};
use crate::etcd::{self, EtcdTimes};
use crate::faults::{Fault, FaultId};
use crate::gates::Gates;
use crate::kinds::NAMESPACES;
use crate::kubelet::{self, NodeConfig};
use crate::machinery::{Client, Election, LeaderElector, Transport};
use crate::provisioner::{self, StorageConfig};
use crate::scheduler;
use crate::server::{self, ServerConfig};
use crate::world::World;
use object::{GroupResource, GroupVersionKind, ObjectExt, Time, Value, value};
use schema::KubernetesVersion;
use sim::{Ctx, Sim};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Changes to the models that make them wrong on purpose: what a test must notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mutants {
    /// Expectations are held for ever, so that a controller that misses an event never acts again.
    pub expectations_never_expire: bool,
    /// A fault on one watch of a client holds back all its watches, as if informers shared one stream.
    pub one_lag_for_all_informers: bool,
    /// The Job controller counts an end when it sees it, not once the pod has lost its finalizer.
    pub jobs_count_at_once: bool,
    /// The Deployment controller names ReplicaSets by chance, not by their template.
    pub deployments_name_at_random: bool,
}

/// How a cluster is made.
#[derive(Clone)]
pub struct ClusterConfig {
    /// The kernel's settings; the seed is among them.
    pub sim: sim::Config,
    /// The Kubernetes version of all components.
    pub version: KubernetesVersion,
    /// Feature gates that differ from the version's defaults.
    pub gates: BTreeMap<String, bool>,
    /// API servers.
    pub apiservers: usize,
    /// Controller managers; with more than one, or when it is set, they elect a leader.
    pub controller_managers: usize,
    /// Schedulers; with more than one they elect a leader.
    pub schedulers: usize,
    /// Whether a lone controller manager takes part in an election all the same.
    pub leader_elect: bool,
    /// Controllers that do not run, by name.
    pub without_controllers: Vec<String>,
    /// Nodes to be made, each with its kubelet.
    pub nodes: Vec<NodeConfig>,
    /// Whether the Nodes among the objects, and those to be made, get kubelets.
    pub kubelets: bool,
    /// Whether claims get volumes made for them.
    pub provisioner: bool,
    /// Whether volumes that have to be attached are: whether the drivers' attachers run.
    pub attacher: bool,
    /// How volumes are made and attached.
    pub storage: StorageConfig,
    /// Whether a volume is taken from an unready node that still uses it after six minutes
    /// (`--disable-force-detach-on-timeout` turns it off).
    pub force_detach: bool,
    /// How long etcd takes.
    pub etcd: EtcdTimes,
    /// Objects that are there from the beginning, as after a restore.
    pub objects: Vec<Value>,
    /// Which parts of the data plane there are.
    pub data_plane: DataPlaneConfig,
    /// Deliberate errors of the models.
    pub mutants: Mutants,
}

impl ClusterConfig {
    /// Gives a cluster of one of everything with the defaults of a version.
    pub fn new(version: KubernetesVersion, sim: sim::Config) -> Self {
        Self {
            sim,
            version,
            gates: BTreeMap::new(),
            apiservers: 1,
            controller_managers: 1,
            schedulers: 1,
            leader_elect: false,
            without_controllers: Vec::new(),
            nodes: Vec::new(),
            kubelets: true,
            provisioner: true,
            attacher: true,
            storage: StorageConfig::default(),
            force_detach: true,
            etcd: EtcdTimes::default(),
            objects: Vec::new(),
            data_plane: DataPlaneConfig::default(),
            mutants: Mutants::default(),
        }
    }
}

/// A running cluster.
pub struct Cluster {
    /// The kernel.
    pub sim: Sim,
    /// What lies outside the processes.
    pub world: Rc<World>,
    servers: Rc<[String]>,
    has_node_proxies: bool,
    /// The number of the next node, from which its pods' addresses follow.
    next_node: u32,
}

/// A cluster could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// A feature gate does not exist.
    #[error(transparent)]
    Gate(#[from] crate::gates::UnknownGate),
    /// A controller does not exist.
    #[error("there is no controller {name:?}; known are {}", known.join(", "))]
    Controller {
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<&'static str>,
    },
    /// An initial object cannot be stored.
    #[error("{object} cannot be loaded: {why}")]
    Object {
        /// The object.
        object: String,
        /// What is wrong with it.
        why: String,
    },
}

/// How often a user looks whether the API answers.
const READY_POLL: Duration = Duration::from_millis(100);
/// The namespaces that a real API server makes at its start.
pub const SYSTEM_NAMESPACES: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];

impl Cluster {
    /// Makes the processes; nothing runs until the kernel does.
    ///
    /// # Errors
    /// [`ClusterError`] when the configuration names what does not exist.
    pub fn new(config: ClusterConfig) -> Result<Self, ClusterError> {
        let mut gates = Gates::of(config.version);
        for (name, on) in &config.gates {
            gates.set(name, *on)?;
        }
        for name in &config.without_controllers {
            if !CONTROLLERS.iter().any(|controller| controller.name == name) {
                let known = CONTROLLERS.iter().map(|controller| controller.name).collect();
                return Err(ClusterError::Controller { name: name.clone(), known });
            }
        }
        let world = World::new();
        world.faults.borrow_mut().one_lag_for_all = config.mutants.one_lag_for_all_informers;
        let sim = Sim::new(config.sim.clone());
        sim.set_world(world.clone());
        let start = Time::from_nanos(config.sim.epoch_unix_ns);
        let api = Rc::new(apiserver::Server::new(config.version));
        load(&world, &api, &config.objects, start)?;
        let (disk, times) = (world.clone(), config.etcd);
        sim.spawn_process(etcd::NAME, move |ctx| etcd::run(ctx, disk.clone(), times));
        let servers: Rc<[String]> =
            (0..config.apiservers.max(1)).map(|i| format!("kube-apiserver-{i}")).collect();
        for name in servers.iter() {
            let (world, config) = (world.clone(), ServerConfig { api: api.clone(), in_flight_max: 600 });
            sim.spawn_process(name, move |ctx| server::run(ctx, world.clone(), config.clone()));
        }
        let gates = Rc::new(gates);
        let given = config.objects.iter().filter(|o| o.kind() == "Node");
        // A node that had fallen silent in a dump stays silent.
        let living = given.filter(|node| node.condition("Ready")["status"] == "True").map(adopt_node);
        let nodes: Vec<NodeConfig> =
            if config.kubelets { living.chain(config.nodes).collect() } else { Vec::new() };
        let plane = &config.data_plane;
        let ingress = (0..plane.ingress_controllers).map(Role::Ingress);
        for role in ingress.chain((0..plane.dns_servers).map(Role::Dns)) {
            spawn_agent(&sim, &world, &servers, role);
        }
        if config.provisioner {
            let (servers, storage) = (servers.clone(), config.storage.clone());
            sim.spawn_process(provisioner::NAME, move |ctx| {
                let transport = Transport::new(&ctx, &servers);
                provisioner::run(ctx, transport, storage.clone())
            });
        }
        if config.attacher {
            let (servers, storage) = (servers.clone(), config.storage);
            sim.spawn_process(attacher::NAME, move |ctx| {
                let transport = Transport::new(&ctx, &servers);
                attacher::run(ctx, transport, storage.clone())
            });
        }
        let has_node_proxies = plane.node_proxies;
        let mut cluster = Self { sim, world, servers, has_node_proxies, next_node: 0 };
        for node in nodes {
            cluster.add_node(node);
        }
        for i in 0..config.controller_managers {
            let manager = ControllerManager {
                world: cluster.world.clone(),
                servers: cluster.servers.clone(),
                version: config.version,
                gates: gates.clone(),
                without: config.without_controllers.clone(),
                elect: config.leader_elect || config.controller_managers > 1,
                mutants: config.mutants,
                force_detach: config.force_detach,
            };
            cluster
                .sim
                .spawn_process(&format!("kube-controller-manager-{i}"), move |ctx| manager.clone().run(ctx));
        }
        for i in 0..config.schedulers {
            let (servers, elect) = (cluster.servers.clone(), config.schedulers > 1);
            let (version, gates) = (config.version, gates.clone());
            cluster.sim.spawn_process(&format!("kube-scheduler-{i}"), move |ctx| {
                run_scheduler(ctx, servers.clone(), (version, gates.clone()), elect)
            });
        }
        Ok(cluster)
    }

    /// Adds a machine, whose kubelet registers its Node.
    ///
    /// # Panics
    /// If there is, or was, a machine of that name.
    pub fn add_node(&mut self, node: NodeConfig) {
        let (world, servers, number) = (self.world.clone(), self.servers.clone(), self.next_node);
        self.next_node += 1;
        if self.has_node_proxies {
            spawn_agent(&self.sim, &world, &servers, Role::Proxy(node.name.clone()));
        }
        self.sim.spawn_process(&format!("kubelet-{}", node.name), move |ctx| {
            let transport = Transport::new(&ctx, &servers);
            kubelet::run(ctx, world.clone(), transport, node.clone(), number)
        });
    }

    /// Puts a fault at the API in force.
    pub fn fault(&self, fault: Fault) -> FaultId {
        let state = self.world.snapshot();
        self.world.faults.borrow_mut().add(fault, state)
    }

    /// Starts a process that talks to the API as a user does.
    pub fn user<F, Fut>(&mut self, name: &str, script: F)
    where
        F: Fn(Ctx, Rc<Client>) -> Fut + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let servers = self.servers.clone();
        let agent = name.to_owned();
        let script = Rc::new(script);
        self.sim.spawn_process(name, move |ctx| {
            let transport = Transport::new(&ctx, &servers);
            let client = Client::new(&ctx, &transport, &agent, 50.0, 300.0);
            let script = script.clone();
            async move {
                // A user waits for the cluster to be up before the first command.
                while client.get(&NAMESPACES, "", "default").await.is_err() {
                    ctx.sleep(READY_POLL).await;
                }
                script(ctx, client).await;
            }
        });
    }

    /// Gives the names of the API servers' processes.
    pub fn servers(&self) -> &[String] {
        &self.servers
    }
}

fn spawn_agent(sim: &Sim, world: &Rc<World>, servers: &Rc<[String]>, role: Role) {
    let (world, servers) = (world.clone(), servers.clone());
    sim.spawn_process(&role.process(), move |ctx| {
        let transport = Transport::new(&ctx, &servers);
        dataplane::run(ctx, world.clone(), transport, role.clone())
    });
}

/// Gives the kubelet of a Node that is there.
fn adopt_node(node: &Value) -> NodeConfig {
    let version = node["status"]["nodeInfo"]["kubeletVersion"].str();
    // Why it is short of something is not known, so it stays so.
    let pressures = ["MemoryPressure", "DiskPressure", "PIDPressure"];
    let pressures = pressures.into_iter().filter(|kind| node.condition(kind)["status"] == "True");
    NodeConfig {
        capacity: node["status"]["allocatable"].clone(),
        labels: node.labels().clone(),
        conditions: pressures.map(Into::into).collect(),
        ..NodeConfig::new(node.name(), version)
    }
}

/// Writes the initial objects to etcd's disk, as a restore does.
fn load(world: &World, api: &apiserver::Server, objects: &[Value], now: Time) -> Result<(), ClusterError> {
    let mut disk = world.disk.borrow_mut();
    let given = |name: &str| objects.iter().any(|o| o.kind() == "Namespace" && o.name() == name);
    let system = SYSTEM_NAMESPACES.iter().filter(|name| !given(name)).map(|name| {
        value!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": *name, "labels": {"kubernetes.io/metadata.name": *name}, "creationTimestamp": now,
                "uid": format!("00000000-0000-4000-8000-{:012x}", name.len())},
            "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"},
        })
    });
    for object in system.chain(objects.iter().cloned()) {
        let describe = || format!("{} {}", object.kind(), object.full_name());
        let refuse = |why: String| ClusterError::Object { object: describe(), why };
        let kind = GroupVersionKind::of(&object).map_err(|error| refuse(error.to_string()))?;
        let resource = api
            .schema()
            .resource_for_kind(&kind.group, &kind.version, &kind.kind)
            .ok_or_else(|| refuse(format!("no resource of {} has this kind", object.api_version())))?;
        let resource = GroupResource::new(&resource.group, &resource.plural);
        let transaction = store::Transaction::create(&resource, object.clone());
        disk.commit(transaction).map_err(|error| refuse(error.to_string()))?;
    }
    Ok(())
}

/// Waits until this process leads, if it is to take part in an election.
async fn lead(ctx: &Ctx, transport: &Rc<Transport>, lease: &str, elect: bool) -> Option<LeaderElector> {
    if !elect {
        return None;
    }
    let agent = format!("{}/leader-election", ctx.process_name());
    let client = Client::with_timeout(ctx, transport, &agent, (KCM_QPS, KCM_BURST), RENEW_DEADLINE / 2);
    let election = Election { lease: lease.into(), identity: (*ctx.process_name()).into() };
    let mut elector = LeaderElector::new(ctx, &client, election);
    elector.acquire().await;
    Some(elector)
}

async fn run_scheduler(
    ctx: Ctx,
    servers: Rc<[String]>,
    (version, gates): (KubernetesVersion, Rc<Gates>),
    elect: bool,
) {
    let transport = Transport::new(&ctx, &servers);
    let elector = lead(&ctx, &transport, "kube-scheduler", elect).await;
    let watch_list = gates.enabled("WatchListClient");
    ctx.spawn("scheduler", scheduler::run(ctx.clone(), transport, version, watch_list));
    match elector {
        // A leader that lost its lease ends its process at once, and whatever it was doing with it.
        Some(mut elector) => elector.renew().await,
        None => std::future::pending().await,
    }
}

/// Waits until the API answers (`app.WaitForAPIServer` of `k8s.io/controller-manager`): controllers that began before
/// would find their first lists refused and sit out a back-off.
async fn wait_for_server(ctx: &Ctx, transport: &Rc<Transport>) {
    let agent = format!("{}/shared-informers", ctx.process_name());
    let client = Client::new(ctx, transport, &agent, KCM_QPS, KCM_BURST);
    while client.get(&NAMESPACES, "", "default").await.is_err() {
        ctx.sleep(SERVER_POLL).await;
    }
}

#[derive(Clone)]
struct ControllerManager {
    world: Rc<World>,
    servers: Rc<[String]>,
    version: KubernetesVersion,
    gates: Rc<Gates>,
    without: Vec<String>,
    elect: bool,
    mutants: Mutants,
    force_detach: bool,
}

impl ControllerManager {
    async fn run(self, ctx: Ctx) {
        let transport = Transport::new(&ctx, &self.servers);
        let elector = lead(&ctx, &transport, "kube-controller-manager", self.elect).await;
        wait_for_server(&ctx, &transport).await;
        let context =
            ControllerContext::new(&ctx, &self.world, &transport, (self.version, &self.gates), self.mutants)
                .with_force_detach(self.force_detach);
        for controller in CONTROLLERS {
            if !self.without.iter().any(|name| name == controller.name) {
                ctx.spawn(controller.name, (controller.run)(context.clone()));
            }
        }
        context.start_informers().await;
        match elector {
            // A leader that lost its lease ends its process at once, and whatever it was doing with it.
            Some(mut elector) => elector.renew().await,
            None => std::future::pending().await,
        }
    }
}
