//! The rules there are, by name, and how a property is made of one.

use crate::kind::{Kind, KindName};
use crate::parameters::{Arguments, Parameter, ParameterError, ParameterType};
use crate::rule::Rule;
use crate::rules;
use object::Value;
use std::time::Duration;

/// The most a count may be.
const COUNT_MAX: i64 = 1_000_000;
/// How long an `eventually` may take when nobody says.
const WITHIN: Duration = Duration::from_secs(600);

/// A rule that can be named in a scenario file.
#[derive(Clone, Copy)]
pub struct Definition {
    /// The name.
    pub name: &'static str,
    /// What it demands, in one sentence.
    pub summary: &'static str,
    /// When it must hold unless a scenario says otherwise.
    pub kind: KindName,
    /// Its parameters.
    pub parameters: &'static [Parameter],
    make: fn(&Arguments) -> Box<dyn Rule>,
}

impl std::fmt::Debug for Definition {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Definition({})", self.name)
    }
}

const NAMESPACE: Parameter = Parameter {
    name: "namespace",
    of: ParameterType::Text,
    default: "",
    meaning: "Only what is in this namespace is judged.",
};
const NAME: Parameter = Parameter {
    name: "name",
    of: ParameterType::Text,
    default: "",
    meaning: "Only what has this name is judged.",
};
const COUNT_DELETING: Parameter = Parameter {
    name: "countDeleting",
    of: ParameterType::Bool,
    default: "false",
    meaning: "Pods that are being deleted count as live until they are gone.",
};
const COUNT: ParameterType = ParameterType::Int { min: 0, max: COUNT_MAX };

/// All rules, by name.
pub const LIBRARY: &[Definition] = &[
    Definition {
        name: "no-orphans",
        summary: "every owner that an object names exists",
        kind: KindName::Eventually,
        parameters: &[NAMESPACE],
        make: |arguments| Box::new(rules::NoOrphans::new(arguments)),
    },
    Definition {
        name: "one-daemon-pod-per-node",
        summary: "a DaemonSet has no more than one live pod on a node, two while it surges",
        kind: KindName::Always,
        parameters: &[NAMESPACE, NAME, COUNT_DELETING],
        make: |arguments| Box::new(rules::OneDaemonPodPerNode::new(arguments)),
    },
    Definition {
        name: "one-node-per-volume",
        summary: "a ReadWriteOnce volume is not given to a node while another may still write to it",
        kind: KindName::Always,
        parameters: &[NAME],
        make: |arguments| Box::new(rules::OneNodePerVolume::new(arguments)),
    },
    Definition {
        name: "one-pod-per-statefulset-identity",
        summary: "a StatefulSet's pod is not replaced before the old one is known to have stopped",
        kind: KindName::Always,
        parameters: &[NAMESPACE, NAME],
        make: |arguments| Box::new(rules::OnePodPerIdentity::new(arguments)),
    },
    Definition {
        name: "pod-count",
        summary: "the number of live pods lies within bounds",
        kind: KindName::Always,
        parameters: &[
            NAMESPACE,
            Parameter {
                name: "ownerKind",
                of: ParameterType::Text,
                default: "",
                meaning: "Only pods managed by an object of this kind count.",
            },
            Parameter {
                name: "ownerName",
                of: ParameterType::Text,
                default: "",
                meaning: "Only pods managed by an object of this name count.",
            },
            Parameter { name: "atLeast", of: COUNT, default: "0", meaning: "The least." },
            Parameter { name: "atMost", of: COUNT, default: "1000000", meaning: "The most." },
            COUNT_DELETING,
        ],
        make: |arguments| Box::new(rules::PodCount::new(arguments)),
    },
    Definition {
        name: "quiescent",
        summary: "nothing is written any more but heartbeats",
        kind: KindName::Eventually,
        parameters: &[
            Parameter {
                name: "for",
                of: ParameterType::Duration,
                default: "60s",
                meaning: "How long nothing must have been written.",
            },
            Parameter {
                name: "ignore",
                of: ParameterType::Texts,
                default: "",
                meaning: "Resources that do not count, beside leases and events.",
            },
        ],
        make: |arguments| Box::new(rules::Quiescent::new(arguments)),
    },
    Definition {
        name: "replicas-converge",
        summary: "every workload has the pods it was asked to have, and its status says so",
        kind: KindName::Eventually,
        parameters: &[
            NAMESPACE,
            NAME,
            Parameter {
                name: "kinds",
                of: ParameterType::Texts,
                default: "DaemonSet, Deployment, Job, ReplicaSet, StatefulSet",
                meaning: "The kinds that are judged.",
            },
            Parameter {
                name: "ready",
                of: ParameterType::Bool,
                default: "false",
                meaning: "The pods must be ready, too.",
            },
        ],
        make: |arguments| Box::new(rules::ReplicasConverge::new(arguments)),
    },
    Definition {
        name: "replicaset-pods-bounded",
        summary: "a ReplicaSet has no more live pods than replicas, and than creates of which nobody knows the outcome",
        kind: KindName::Always,
        parameters: &[
            NAMESPACE,
            NAME,
            Parameter {
                name: "slack",
                of: COUNT,
                default: "0",
                meaning: "How many more pods are tolerated.",
            },
            COUNT_DELETING,
        ],
        make: |arguments| Box::new(rules::PodsBounded::new(arguments)),
    },
    Definition {
        name: "silent-nodes-have-old-leases",
        summary: "a node is called silent only when its lease has not been renewed for a while",
        kind: KindName::Always,
        parameters: &[
            NAME,
            Parameter {
                name: "grace",
                of: ParameterType::Duration,
                default: "40s",
                meaning: "How old the lease must be.",
            },
        ],
        make: |arguments| Box::new(rules::SilentNodes::new(arguments)),
    },
    Definition {
        name: "writes-per-change-bounded",
        summary: "controllers write no more than a multiple of its size for each change of a workload",
        kind: KindName::Always,
        parameters: &[
            NAMESPACE,
            NAME,
            Parameter {
                name: "factor",
                of: ParameterType::Number,
                default: "3",
                meaning: "Writes per replica and change.",
            },
            Parameter {
                name: "base",
                of: COUNT,
                default: "10",
                meaning: "Writes per change, whatever the size.",
            },
            Parameter {
                name: "writer",
                of: ParameterType::Text,
                default: "kube-controller-manager",
                meaning: "Only writers whose user agent begins like this count.",
            },
        ],
        make: |arguments| Box::new(rules::WritesBounded::new(arguments)),
    },
];

/// Gives the rule of a name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    LIBRARY.iter().find(|definition| definition.name == name)
}

/// Why a property cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// There is no such rule.
    #[error("there is no rule {name:?}; there are {}", known.join(", "))]
    UnknownRule {
        /// The name that was given.
        name: String,
        /// The names there are.
        known: Vec<&'static str>,
    },
    /// A parameter does not fit.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

/// A rule with its parameters, and when it must hold.
pub struct Property {
    name: String,
    kind: Kind,
    definition: &'static Definition,
    rule: Box<dyn Rule>,
}

impl std::fmt::Debug for Property {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Property({} {} {})", self.name, self.kind.name(), self.definition.name)
    }
}

impl Property {
    /// Makes a property of a rule, with the rule's name and kind; null parameters are all defaults.
    ///
    /// # Errors
    /// [`PropertyError`] when the rule does not exist or a parameter does not fit.
    pub fn new(rule: &str, parameters: &Value) -> Result<Self, PropertyError> {
        let known = || LIBRARY.iter().map(|definition| definition.name).collect();
        let definition = definition(rule)
            .ok_or_else(|| PropertyError::UnknownRule { name: rule.to_owned(), known: known() })?;
        let arguments = Arguments::check(rule, definition.parameters, parameters)?;
        let rule = (definition.make)(&arguments);
        Ok(Self { name: definition.name.to_owned(), kind: definition.kind.with(WITHIN), definition, rule })
    }

    /// Gives it a name of its own, for a rule that is used more than once.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Says when it must hold.
    #[must_use]
    pub fn must_hold(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives when it must hold.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Gives the declaration of its rule.
    pub fn definition(&self) -> &'static Definition {
        self.definition
    }

    /// Gives the rule.
    pub fn rule(&self) -> &dyn Rule {
        &*self.rule
    }

    /// Gives the rule to judge with.
    pub fn rule_mut(&mut self) -> &mut dyn Rule {
        &mut *self.rule
    }
}
