//! What the programs inside containers do: how long they take, when they are ready, how they end.
//!
//! This is given by the scenario, as the weather is: kubelets ask it, nobody else does.

use object::{ObjectExt, Text, Value};
use std::time::Duration;

/// A span of time that is drawn anew for each occurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The least.
    pub min: Duration,
    /// The most.
    pub max: Duration,
}

impl Span {
    /// Makes a span.
    pub const fn new(min: Duration, max: Duration) -> Self {
        Self { min, max }
    }

    /// Makes a span in milliseconds.
    pub const fn millis(min: u64, max: u64) -> Self {
        Self::new(Duration::from_millis(min), Duration::from_millis(max))
    }

    /// Makes a span in seconds.
    pub const fn secs(min: u64, max: u64) -> Self {
        Self::new(Duration::from_secs(min), Duration::from_secs(max))
    }
}

/// How a container's program runs once it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It runs until it is stopped.
    Forever,
    /// It ends by itself.
    Exits {
        /// After this long.
        after: Span,
        /// With this exit code.
        code: i32,
    },
    /// It grows until the kernel kills it.
    OomKilled {
        /// After this long.
        after: Span,
    },
    /// It stops answering; a liveness probe finds out, if there is one.
    Hangs {
        /// After this long.
        after: Span,
    },
}

/// What containers do that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behaviour {
    /// Whether the image does not exist.
    pub image_missing: bool,
    /// From start to the first successful readiness probe; none if it never succeeds.
    pub ready_after: Option<Span>,
    /// How it runs.
    pub course: Course,
    /// From the order to stop to the end.
    pub stop: Span,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            image_missing: false,
            ready_after: Some(Span::millis(500, 2000)),
            course: Course::Forever,
            stop: Span::millis(100, 1500),
        }
    }
}

/// Which containers a rule is about; what is empty matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The namespace.
    pub namespace: Text,
    /// A label that the pod must have, as key and value.
    pub label: Option<(Text, Text)>,
    /// What the pod's name must begin with.
    pub name_prefix: Text,
    /// What the image must be.
    pub image: Text,
}

impl Target {
    fn covers(&self, pod: &Value, container: &Value) -> bool {
        (self.namespace.is_empty() || *self.namespace == *pod.namespace())
            && self.label.as_ref().is_none_or(|(key, value)| pod.label(key) == Some(value))
            && pod.name().starts_with(&*self.name_prefix)
            && (self.image.is_empty() || container["image"] == *self.image)
    }
}

/// The rules in force; the last that matches holds.
#[derive(Clone, Debug, Default)]
pub struct Behaviours(Vec<(Target, Behaviour)>);

/// The most rules.
pub const RULES_MAX: usize = 10_000;

impl Behaviours {
    /// Adds a rule, before which older ones give way.
    pub fn add(&mut self, target: Target, behaviour: Behaviour) {
        assert!(self.0.len() < RULES_MAX, "more than {RULES_MAX} rules of behaviour");
        self.0.push((target, behaviour));
    }

    /// Gives what a container does. Without a rule, a container of a pod that is to end (`restartPolicy` other than
    /// Always) ends well after a few seconds, and any other runs for ever.
    pub fn of(&self, pod: &Value, container: &Value, is_init: bool) -> Behaviour {
        let found = self.0.iter().rev().find(|(target, _)| target.covers(pod, container));
        if let Some((_, behaviour)) = found {
            return behaviour.clone();
        }
        let ends =
            (is_init && container["restartPolicy"] != "Always") || pod["spec"]["restartPolicy"] != "Always";
        let course = if ends { Course::Exits { after: Span::secs(1, 5), code: 0 } } else { Course::Forever };
        Behaviour { course, ..Behaviour::default() }
    }
}
