//! From kinds to resources: objects name their kind, lists and rules name the plural.

use object::{GroupResource, ObjectExt, Text, Value};
use std::collections::BTreeMap;

/// Kinds whose resource does not follow the rule, by group.
///
/// `Endpoints` is a plural already; the metrics API serves its kinds under the names of what is measured
/// (`k8s.io/metrics/pkg/apis/metrics/v1beta1`).
const IRREGULAR: [(&str, &str, &str); 3] = [
    ("", "Endpoints", "endpoints"),
    ("metrics.k8s.io", "NodeMetrics", "nodes"),
    ("metrics.k8s.io", "PodMetrics", "pods"),
];

/// Knows the resource of each kind.
///
/// What is not told is guessed by the rule of English plurals that Kubernetes's kinds follow, all of its built-in ones
/// included. Unlike upstream's `meta.UnsafeGuessKindToResource`, it leaves a `y` after a vowel alone: `gateways`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plurals {
    known: BTreeMap<(Text, Text), Text>,
}

impl Plurals {
    /// Knows only the rule and its exceptions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what is known of one kind.
    #[must_use]
    pub fn with(mut self, group: &str, kind: &str, resource: &str) -> Self {
        self.known.insert((group.into(), kind.into()), resource.into());
        self
    }

    /// Adds what a CustomResourceDefinition says; any other object says nothing.
    pub fn learn(&mut self, object: &Value) {
        if object.kind() != "CustomResourceDefinition" {
            return;
        }
        let (spec, names) = (&object["spec"], &object["spec"]["names"]);
        if let (Some(group), Some(kind), Some(plural)) =
            (spec["group"].as_text(), names["kind"].as_text(), names["plural"].as_text())
        {
            self.known.insert((group.clone(), kind.clone()), plural.clone());
        }
    }

    /// Gives the resource of a kind.
    pub fn resource(&self, group: &str, kind: &str) -> GroupResource {
        let known = self.known.get(&(Text::from(group), Text::from(kind)));
        match known {
            Some(resource) => GroupResource { group: group.into(), resource: resource.clone() },
            None => GroupResource::new(group, &guess(group, kind)),
        }
    }
}

/// Gives the plural of a kind in lower case.
fn guess(group: &str, kind: &str) -> String {
    let irregular = IRREGULAR.iter().find(|(of, singular, _)| *of == group && *singular == kind);
    if let Some((_, _, plural)) = irregular {
        return (*plural).to_owned();
    }
    let lower = kind.to_lowercase();
    if let Some(stem) = lower.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        return format!("{stem}ies");
    }
    let hisses = ["s", "x", "z", "ch", "sh"].iter().any(|end| lower.ends_with(end));
    format!("{lower}{}", if hisses { "es" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    #[test]
    fn kinds_have_the_resources_kubernetes_serves_them_under() {
        let cases = [
            ("", "Pod", "pods"),
            ("", "Endpoints", "endpoints"),
            ("", "ComponentStatus", "componentstatuses"),
            ("networking.k8s.io", "NetworkPolicy", "networkpolicies"),
            ("networking.k8s.io", "Ingress", "ingresses"),
            ("networking.k8s.io", "IPAddress", "ipaddresses"),
            ("networking.k8s.io", "ServiceCIDR", "servicecidrs"),
            ("storage.k8s.io", "StorageClass", "storageclasses"),
            ("storage.k8s.io", "CSINode", "csinodes"),
            ("storage.k8s.io", "CSIStorageCapacity", "csistoragecapacities"),
            ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
            ("gateway.networking.k8s.io", "Gateway", "gateways"),
            ("metrics.k8s.io", "PodMetrics", "pods"),
            ("kuma.io", "Mesh", "meshes"),
        ];
        for (group, kind, resource) in cases {
            assert_eq!(Plurals::new().resource(group, kind), GroupResource::new(group, resource));
        }
    }

    #[test]
    fn a_definition_overrules_the_rule() {
        let mut plurals = Plurals::new().with("sea.example.com", "Mouse", "mice");
        plurals.learn(&value!({
            "kind": "CustomResourceDefinition",
            "spec": {"group": "sea.example.com", "names": {"kind": "Fish", "plural": "fish"}},
        }));
        assert_eq!(plurals.resource("sea.example.com", "Fish").to_string(), "fish.sea.example.com");
        assert_eq!(plurals.resource("sea.example.com", "Mouse").to_string(), "mice.sea.example.com");
        assert_eq!(plurals.resource("land.example.com", "Fish").to_string(), "fishes.land.example.com");
    }
}
