//! Feature gates: which are known, what they default to per Kubernetes version, and what a scenario sets.

use schema::KubernetesVersion;
use std::collections::BTreeMap;

/// One gate: its name, and the minor version since which it is on by default.
struct Gate {
    name: &'static str,
    default_since: Option<u32>,
}

/// The gates that the models look at (KEP-5647 and client-go's `features/known_features.go`).
const GATES: &[Gate] = &[
    Gate { name: "StaleControllerConsistencyDaemonSet", default_since: Some(36) },
    Gate { name: "StaleControllerConsistencyJob", default_since: Some(36) },
    Gate { name: "StaleControllerConsistencyReplicaSet", default_since: Some(36) },
    Gate { name: "StaleControllerConsistencyStatefulSet", default_since: Some(36) },
    Gate { name: "DeploymentReplicaSetTerminatingReplicas", default_since: Some(35) },
    Gate { name: "MaxUnavailableStatefulSet", default_since: Some(37) },
    Gate { name: "MutableSchedulingDirectivesForSuspendedJobs", default_since: Some(36) },
    Gate { name: "OrderedNamespaceDeletion", default_since: Some(33) },
    Gate { name: "NodeControllerLeaseCircuitBreaker", default_since: Some(37) },
    Gate { name: "AtomicFIFO", default_since: Some(36) },
    Gate { name: "WatchListClient", default_since: Some(35) },
];

/// A gate that does not exist was set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no feature gate {name:?}; known are {}", known.join(", "))]
pub struct UnknownGate {
    /// The name that was given.
    pub name: String,
    /// The names that exist.
    pub known: Vec<&'static str>,
}

/// The settings of all gates of one component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates(BTreeMap<&'static str, bool>);

impl Gates {
    /// Gives the defaults of a Kubernetes version.
    pub fn of(version: KubernetesVersion) -> Self {
        let on = |gate: &Gate| gate.default_since.is_some_and(|since| u32::from(version.minor()) >= since);
        Self(GATES.iter().map(|gate| (gate.name, on(gate))).collect())
    }

    /// Sets one gate.
    ///
    /// # Errors
    /// [`UnknownGate`] when there is none of that name.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), UnknownGate> {
        match self.0.iter_mut().find(|(known, _)| **known == name) {
            Some((_, value)) => {
                *value = on;
                Ok(())
            }
            None => Err(UnknownGate {
                name: name.to_owned(),
                known: GATES.iter().map(|gate| gate.name).collect(),
            }),
        }
    }

    /// Tells whether a gate is on.
    ///
    /// # Panics
    /// When the gate is not in the table: a model asked for something that nobody can set.
    pub fn enabled(&self, name: &str) -> bool {
        *self.0.get(name).unwrap_or_else(|| panic!("the models know no gate {name}"))
    }
}
