//! What a scenario says, read and checked.

use super::expression::Scalar;
use super::fault::FaultPlan;
use controlplane::NodeConfig;
use object::{GroupVersionResource, Value};
use property::{Outcome, Property};
use schema::KubernetesVersion;
use std::collections::BTreeMap;
use std::time::Duration;

/// A scenario with the values of its parameters put in: everything a run needs but the seed.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The name, by which replay keys call it.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The upstream issue that it reproduces, if any.
    pub issue: String,
    /// What happens, and what is to be learnt from it.
    pub description: String,
    /// The values of the parameters.
    pub parameters: BTreeMap<String, Scalar>,
    /// The Kubernetes version of all components.
    pub version: KubernetesVersion,
    /// Feature gates that differ from the version's defaults.
    pub gates: BTreeMap<String, bool>,
    /// Which processes there are.
    pub topology: Topology,
    /// Objects that are there from the beginning.
    pub objects: Vec<Value>,
    /// What the programs in containers do.
    pub behaviours: Vec<BehaviourRule>,
    /// What users do.
    pub steps: Vec<Step>,
    /// What goes wrong.
    pub faults: Vec<FaultPlan>,
    /// What must hold.
    pub properties: Vec<PropertySpec>,
    /// How long everything takes.
    pub deadlines: Deadlines,
    /// What is measured.
    pub figures: Vec<FigureSpec>,
    /// What is known to come out.
    pub expectations: Vec<Expectation>,
}

/// Which processes a cluster has.
#[derive(Clone, Debug)]
pub struct Topology {
    /// API servers.
    pub apiservers: usize,
    /// Controller managers.
    pub controller_managers: usize,
    /// Whether a lone controller manager takes part in an election all the same.
    pub leader_elect: bool,
    /// The controllers that run; nothing means all.
    pub controllers: Option<Vec<String>>,
    /// Schedulers.
    pub schedulers: usize,
    /// Nodes that kubelets register.
    pub nodes: Vec<NodeConfig>,
    /// Whether each Node gets a kubelet.
    pub kubelets: bool,
    /// Whether claims get volumes made for them.
    pub provisioner: bool,
    /// Whether volumes that have to be attached are.
    pub attacher: bool,
    /// Whether a volume is taken from an unready node that still uses it after six minutes.
    pub force_detach: bool,
    /// The least and the most time a write of etcd takes.
    pub etcd_write: (Duration, Duration),
    /// How events of the same instant are ordered.
    pub strategy: sim::Strategy,
    /// Deliberate errors of the models.
    pub mutants: controlplane::Mutants,
}

/// What the programs in some containers do from a time on.
#[derive(Clone, Debug, PartialEq)]
pub struct BehaviourRule {
    /// From when on.
    pub at: Duration,
    /// Which containers.
    pub target: controlplane::behaviour::Target,
    /// What they do.
    pub behaviour: controlplane::behaviour::Behaviour,
}

/// How long everything takes, from the beginning of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// When every fault ends and the time of what must come eventually begins.
    pub faults_stop: Duration,
    /// When the run ends.
    pub run_length: Duration,
}

/// What one user does at one time.
#[derive(Clone, Debug)]
pub struct Step {
    /// What to call it in messages.
    pub name: String,
    /// The process that does it; the steps of one process come one after the other.
    pub actor: String,
    /// Not before this time.
    pub at: Option<Duration>,
    /// How often it is done; nothing means once.
    pub repeat: Option<Repeat>,
    /// How long it is tried again when the API cannot be reached or is too busy.
    pub patience: Duration,
    /// What is done.
    pub action: Action,
}

/// How often a step is done. The next step of the process does not wait for the repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// The pause between two times.
    pub every: Duration,
    /// Not after this time.
    pub until: Duration,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Creates objects.
    Create(Vec<(GroupVersionResource, Value)>),
    /// Changes an object by a merge patch. `$(count)` in a text of the patch stands for the number of the repetition.
    Patch {
        /// The object.
        target: Target,
        /// The sub-resource; mostly empty.
        subresource: String,
        /// The patch.
        merge: Value,
    },
    /// Sets the number of replicas.
    Scale {
        /// The object.
        target: Target,
        /// The number.
        replicas: i64,
    },
    /// Deletes an object; one that is gone is no failure.
    Delete {
        /// The object.
        target: Target,
        /// `Orphan`, `Background` or `Foreground`; nothing for the kind's default.
        propagation: Option<&'static str>,
        /// Seconds of grace; nothing for the object's own.
        grace_s: Option<i64>,
    },
    /// Deletes all objects that a selector matches.
    DeleteAll {
        /// The resource and namespace; the name is empty.
        target: Target,
        /// A label selector.
        selector: String,
    },
    /// Waits until an object is as described.
    WaitFor {
        /// The object.
        target: Target,
        /// What is waited for.
        condition: Condition,
        /// How long at most.
        timeout: Duration,
    },
    /// Waits for a while.
    Sleep(Duration),
}

/// Names an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The resource.
    pub resource: GroupVersionResource,
    /// The namespace; empty for a cluster-scoped one.
    pub namespace: String,
    /// The name.
    pub name: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} ", self.resource.resource)?;
        match (&*self.namespace, &*self.name) {
            ("", name) => out.write_str(name),
            (namespace, "") => write!(out, "in {namespace}"),
            (namespace, name) => write!(out, "{namespace}/{name}"),
        }
    }
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The object exists.
    Exists,
    /// The object is gone.
    Gone,
    /// A condition of its status is True.
    True(String),
    /// The value at a path of fields is this.
    Field(Vec<String>, Value),
}

/// What must hold.
#[derive(Clone, Debug)]
pub struct PropertySpec {
    /// The name.
    pub name: String,
    /// The rule.
    pub rule: String,
    /// Its parameters.
    pub parameters: Value,
    /// When it must hold.
    pub kind: property::Kind,
}

impl PropertySpec {
    /// Makes the property.
    ///
    /// # Panics
    /// When the rule or its parameters are wrong, which reading the file has checked.
    pub fn make(&self) -> Property {
        let property = Property::new(&self.rule, &self.parameters).expect("checked when the file was read");
        property.named(&self.name).must_hold(self.kind)
    }
}

/// Something to measure.
#[derive(Clone, Debug, PartialEq)]
pub struct FigureSpec {
    /// The name.
    pub name: String,
    /// What it is.
    pub of: FigureKind,
}

/// What a figure measures.
#[derive(Clone, Debug, PartialEq)]
pub enum FigureKind {
    /// The most live pods at one time of the owners that match.
    MaxLivePods(Owner),
    /// The live pods at the end of the owners that match.
    LivePods(Owner),
    /// Committed writes.
    Writes {
        /// Only of this resource; empty for all.
        resource: String,
        /// Only by user agents that begin like this.
        writer: String,
        /// Only of this kind; nothing for all.
        kind: Option<store::EventKind>,
    },
    /// Writes of controllers to the pods and the objects of the owners that match, per change and replica.
    Amplification(Owner),
    /// Seconds from the end of the faults until a property held for good.
    TimeToRecover(String),
    /// The sum of the counters whose names end like this.
    Counter(String),
}

/// Which controllers' pods count; empty texts match all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// The kind.
    pub kind: String,
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
}

/// What is known to come out under certain settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The gates that must be set so.
    pub gates: BTreeMap<String, bool>,
    /// Bounds of figures, both included.
    pub figures: BTreeMap<String, (f64, f64)>,
    /// How properties come out.
    pub properties: BTreeMap<String, Outcome>,
}
