//! What pods ask for and nodes have (`pkg/scheduler/framework/types.go`, `k8s.io/component-helpers/resource`).

use object::{Quantity, Value};
use std::collections::BTreeMap;

/// What a pod without requests is counted with when nodes are compared (`pkg/scheduler/util/pod_resources.go`).
const DEFAULT_CPU_MILLI: i64 = 100;
const DEFAULT_MEMORY_BYTES: i64 = 200 * 1024 * 1024;

/// Amounts by resource name: CPU in thousandths, everything else in whole units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Resources(pub(super) BTreeMap<String, i64>);

fn amount(name: &str, quantity: &Value) -> i64 {
    let parsed = Quantity::of(quantity).unwrap_or_default();
    if name == "cpu" { parsed.milli_value() } else { parsed.value() }
}

impl Resources {
    /// Reads a resource list.
    pub(super) fn of(list: &Value) -> Self {
        Self(list.entries().map(|(name, q)| (name.to_string(), amount(name.as_str(), q))).collect())
    }

    pub(super) fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() += amount;
        }
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            *self.0.entry(name.clone()).or_default() -= amount;
        }
    }

    fn raise_to(&mut self, other: &Self) {
        for (name, amount) in &other.0 {
            let present = self.0.entry(name.clone()).or_default();
            *present = (*present).max(*amount);
        }
    }
}

/// Computes what a pod asks for: its containers together, or its largest init container with the sidecars started
/// before it, whichever is more, and its overhead.
pub(super) fn requests(pod: &Value) -> Resources {
    sum(pod, &|container| Resources::of(&container["resources"]["requests"]))
}

/// The same with defaults for what is not asked, for comparing nodes.
pub(super) fn non_zero_requests(pod: &Value) -> Resources {
    sum(pod, &|container| {
        let mut asked = Resources::of(&container["resources"]["requests"]);
        asked.0.entry("cpu".to_owned()).or_insert(DEFAULT_CPU_MILLI);
        asked.0.entry("memory".to_owned()).or_insert(DEFAULT_MEMORY_BYTES);
        asked
    })
}

fn sum(pod: &Value, of: &dyn Fn(&Value) -> Resources) -> Resources {
    let mut total = Resources::default();
    for container in pod["spec"]["containers"].items() {
        total.add(&of(container));
    }
    let (mut sidecars, mut most) = (Resources::default(), Resources::default());
    for container in pod["spec"]["initContainers"].items() {
        let mut asked = of(container);
        if container["restartPolicy"] == "Always" {
            total.add(&asked);
            sidecars.add(&asked);
            most.raise_to(&sidecars);
        } else {
            asked.add(&sidecars);
            most.raise_to(&asked);
        }
    }
    total.raise_to(&most);
    total.add(&Resources::of(&pod["spec"]["overhead"]));
    total
}
