//! The shakedown: a shop is run in the simulator until it is sick in known ways.

use crate::act::{Act, Stagehand};
use crate::shop::{Defect, LOOK, Lookalike, Shop};
use controlplane::dataplane::{Answer, DataPlaneConfig};
use controlplane::{Cluster, ClusterConfig, ClusterError};
use object::{ObjectExt, Time, Value};
use schema::{KubernetesVersion, Schema};
use sim::Instant;
use std::collections::BTreeSet;
use std::time::Duration;
use view::View;

/// The version that the shop runs.
const VERSION: KubernetesVersion = KubernetesVersion::V1_36;
/// The kubelets' version.
const PATCH_RELEASE: &str = "v1.36.3";
/// How long the look may be put off until the leaking container shows what it is to show.
const PATIENCE: Duration = Duration::from_secs(3600);
/// How young the leaking container is at the look: long before it is killed again.
const YOUNG: Duration = Duration::from_secs(60);
/// From the last act to the look.
const GLANCE: Duration = Duration::from_secs(3);

/// What a request to a route of the shop was answered.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Host and path.
    pub url: String,
    /// The Service that the route leads to.
    pub service: String,
    /// The answer.
    pub answer: Answer,
}

/// A cluster that came to be sick in known ways.
pub struct Shakedown {
    /// The cluster at the moment of the look.
    pub view: View,
    /// What went wrong, with what must be found.
    pub defects: Vec<Defect>,
    /// What only looks sick.
    pub lookalikes: Vec<Lookalike>,
    /// What requests to the shop were answered at that moment.
    pub asked: Vec<Asked>,
    /// How long the cluster had run.
    pub virtual_time: Duration,
    /// The hash over everything that happened in it.
    pub trace_hash: u64,
}

/// Why there is no shakedown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShakedownError {
    /// A fault that is to be left out is not among the seed's.
    #[error("seed {seed} has no fault {name:?}; it has {}", known.join(", "))]
    Without {
        /// The seed.
        seed: u64,
        /// The name that was given.
        name: String,
        /// The names that exist.
        known: Vec<&'static str>,
    },
    /// The cluster could not be made.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The simulation did not come to its end.
    #[error("the simulation was broken off: {0}")]
    BrokenOff(String),
    /// Something that was to be done to the cluster could not be done.
    #[error("the shop could not be played: {0}")]
    Played(String),
}

/// Runs the shop of a seed, leaving out the faults that are named.
///
/// # Errors
/// [`ShakedownError`] when a fault to be left out is unknown, or the simulation fails, which is a fault of ours.
pub fn shakedown(seed: u64, without: &BTreeSet<String>) -> Result<Shakedown, ShakedownError> {
    let mut shop = Shop::draw(seed, PATCH_RELEASE);
    let known: Vec<&'static str> = shop.defects.iter().map(|defect| defect.name).collect();
    if let Some(name) = without.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(ShakedownError::Without { seed, name: name.clone(), known });
    }
    shop.defects.retain(|defect| !without.contains(defect.name));
    let mut config = ClusterConfig::new(VERSION, sim::Config::with_seed(seed));
    config.nodes = shop.machines();
    config.storage.reach = controlplane::Reach::Node;
    config.data_plane = DataPlaneConfig { ingress_controllers: 1, ..DataPlaneConfig::default() };
    let epoch = Time::from_nanos(config.sim.epoch_unix_ns);
    let mut stage = Stage {
        epoch,
        cluster: Cluster::new(config)?,
        hand: Stagehand::new(),
        schema: Schema::for_version(VERSION),
    };
    stage.play(&shop)?;
    let cluster = &stage.cluster;
    let ask = |(path, service): (String, String)| Asked {
        url: format!("{}{path}", shop.host),
        service,
        answer: cluster.get(&shop.host, &path),
    };
    Ok(Shakedown {
        view: View::new(cluster.world.snapshot(), stage.now()).with_kubernetes_version(PATCH_RELEASE),
        asked: shop.routes().into_iter().map(ask).collect(),
        virtual_time: cluster.sim.now().elapsed(),
        trace_hash: cluster.sim.control().trace_hash(),
        defects: shop.defects,
        lookalikes: shop.lookalikes,
    })
}

struct Stage {
    /// The time of day at which the cluster began.
    epoch: Time,
    cluster: Cluster,
    hand: Stagehand,
    schema: &'static Schema,
}

impl Stage {
    /// Does everything in its order, and waits for the moment of the look.
    fn play(&mut self, shop: &Shop) -> Result<(), ShakedownError> {
        let of_defects = shop.defects.iter().flat_map(|defect| defect.acts.clone());
        let of_lookalikes = shop.lookalikes.iter().flat_map(|lookalike| lookalike.acts.clone());
        let mut acts: Vec<Act> = shop.acts().into_iter().chain(of_lookalikes).chain(of_defects).collect();
        acts.sort_by_key(|act| act.at);
        let (before, last): (Vec<Act>, Vec<Act>) = acts.into_iter().partition(|act| act.at < LOOK);
        for act in &before {
            self.advance(Instant::START + act.at)?;
            self.hand.act(&mut self.cluster, self.schema, &act.deed);
        }
        self.advance(Instant::START + LOOK)?;
        self.wait_for_the_moment(shop)?;
        for act in &last {
            self.hand.act(&mut self.cluster, self.schema, &act.deed);
        }
        self.advance(self.cluster.sim.now() + GLANCE)?;
        match self.hand.failures() {
            failures if failures.is_empty() => Ok(()),
            failures => Err(ShakedownError::Played(failures.join("; "))),
        }
    }

    fn now(&self) -> Time {
        self.epoch + self.cluster.sim.now().elapsed()
    }

    fn advance(&mut self, until: Instant) -> Result<(), ShakedownError> {
        match self.cluster.sim.run_until(until) {
            sim::Outcome::TimeReached => Ok(()),
            other => Err(ShakedownError::BrokenOff(other.to_string())),
        }
    }

    /// A leak shows itself to who looks while the container runs: the moment at which people look, and see nothing.
    fn wait_for_the_moment(&mut self, shop: &Shop) -> Result<(), ShakedownError> {
        let leaks = shop.defects.iter().any(|defect| defect.name == "memory-leak");
        let end = self.cluster.sim.now() + PATIENCE;
        while leaks && !self.is_the_moment(shop) && self.cluster.sim.now() < end {
            self.advance(self.cluster.sim.now() + Duration::from_secs(5))?;
        }
        Ok(())
    }

    fn is_the_moment(&self, shop: &Shop) -> bool {
        let state = self.cluster.world.snapshot();
        let now = self.now();
        let mut pods =
            state.list("pods", Some(shop.namespace)).filter(|pod| pod.label("app") == Some(shop.cart()));
        let looks_well = |pod: &Value| {
            let container = &pod["status"]["containerStatuses"].items()[0];
            let since = container["state"]["running"]["startedAt"].as_time();
            container["ready"].bool()
                && container["restartCount"].int() >= shop.kills
                && since.is_some_and(|since| now - since < YOUNG)
        };
        pods.any(looks_well)
    }
}
