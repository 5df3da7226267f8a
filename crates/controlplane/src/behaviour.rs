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

/// How much of something a program uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// In bytes, when the program starts.
    pub start_bytes: i64,
    /// By how many bytes it grows in a second.
    pub growth_bytes_per_s: i64,
    /// How many bytes it grows to.
    pub bytes_max: i64,
}

impl Use {
    /// Gives an amount that does not change.
    pub const fn steady(bytes: i64) -> Self {
        Self { start_bytes: bytes, growth_bytes_per_s: 0, bytes_max: bytes }
    }

    /// Gives how many bytes are used so long after the start.
    pub fn after(&self, running: Duration) -> i64 {
        let seconds = i64::try_from(running.as_secs()).unwrap_or(i64::MAX);
        let grown = self.start_bytes.saturating_add(self.growth_bytes_per_s.saturating_mul(seconds));
        grown.min(self.bytes_max.max(self.start_bytes))
    }

    /// Gives how long after the start so many bytes are used, if ever.
    pub fn reaches(&self, bytes: i64) -> Option<Duration> {
        if self.start_bytes >= bytes {
            return Some(Duration::ZERO);
        }
        let grows = self.growth_bytes_per_s > 0 && self.bytes_max >= bytes;
        let seconds =
            (bytes - self.start_bytes).unsigned_abs().div_ceil(self.growth_bytes_per_s.max(1).unsigned_abs());
        grows.then(|| Duration::from_secs(seconds))
    }
}

/// What of its node a program uses; nothing unless a scenario says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Memory. A container that reaches its limit is killed.
    pub memory: Use,
    /// The node's disk: the container's own layer, its logs and its `emptyDir` volumes.
    pub disk: Use,
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
    /// What of its node it uses.
    pub usage: Usage,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            image_missing: false,
            ready_after: Some(Span::millis(500, 2000)),
            course: Course::Forever,
            stop: Span::millis(100, 1500),
            usage: Usage::default(),
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
pub struct Behaviours {
    rules: Vec<(Target, Behaviour)>,
    are_measured: bool,
}

/// The most rules.
pub const RULES_MAX: usize = 10_000;

impl Behaviours {
    /// Adds a rule, before which older ones give way.
    pub fn add(&mut self, target: Target, behaviour: Behaviour) {
        assert!(self.rules.len() < RULES_MAX, "more than {RULES_MAX} rules of behaviour");
        self.are_measured |= behaviour.usage != Usage::default();
        self.rules.push((target, behaviour));
    }

    /// Tells whether anything was said about what programs use.
    pub(crate) fn are_measured(&self) -> bool {
        self.are_measured
    }

    /// Gives what a container does. Without a rule, a container of a pod that is to end (`restartPolicy` other than
    /// Always) ends well after a few seconds, and any other runs for ever.
    pub fn of(&self, pod: &Value, container: &Value, is_init: bool) -> Behaviour {
        let found = self.rules.iter().rev().find(|(target, _)| target.covers(pod, container));
        if let Some((_, behaviour)) = found {
            return behaviour.clone();
        }
        let ends =
            (is_init && container["restartPolicy"] != "Always") || pod["spec"]["restartPolicy"] != "Always";
        let course = if ends { Course::Exits { after: Span::secs(1, 5), code: 0 } } else { Course::Forever };
        Behaviour { course, ..Behaviour::default() }
    }
}
