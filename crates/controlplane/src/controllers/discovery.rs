//! Which resources there are, as a controller learns it from discovery.
//!
//! A controller manager knows the resources of its own release: it does not ask the API server
//! (`controllers-discovery` in `docs/DIVERGENCE.md`).

use object::GroupVersionResource;
use schema::{Resource, Schema, Verb};
use std::collections::BTreeSet;

/// Lists each resource once, in the version that clients prefer (`ServerPreferredResources`), if it knows all these
/// verbs.
pub(super) fn preferred(schema: &'static Schema, verbs: &[Verb]) -> Vec<&'static Resource> {
    let mut seen = BTreeSet::new();
    let mut found: Vec<&'static Resource> =
        schema.resources_by_default().filter(|r| seen.insert(r.group_resource())).collect();
    found.retain(|resource| verbs.iter().all(|verb| resource.verbs.contains(*verb)));
    found
}

/// Finds the resource of a kind in exactly this version, with whether it is namespaced (`RESTMapping`).
pub(super) fn mapping(
    schema: &'static Schema,
    api_version: &str,
    kind: &str,
) -> Option<(GroupVersionResource, bool)> {
    let (group, version) = schema::split_api_version(api_version);
    let found = schema.resource_for_kind(group, version, kind)?;
    schema.served_by_default(group, version).then(|| (found.group_version_resource(), found.namespaced))
}

#[cfg(test)]
mod tests {
    use super::*;
    use schema::KubernetesVersion;

    #[test]
    fn each_resource_is_found_once_in_its_preferred_version() {
        let schema = Schema::for_version(KubernetesVersion::V1_36);
        let found = preferred(schema, &[Verb::Delete, Verb::List, Verb::Watch]);
        let named = |plural: &str| found.iter().filter(|r| &*r.plural == plural).collect::<Vec<_>>();
        assert_eq!(named("horizontalpodautoscalers").len(), 1);
        assert_eq!(&*named("horizontalpodautoscalers")[0].version, "v2");
        assert_eq!(named("pods").len(), 1);
        assert!(
            named("bindings").is_empty() && named("componentstatuses").is_empty(),
            "nobody deletes those"
        );
    }

    #[test]
    fn a_kind_is_mapped_in_the_version_that_is_named() {
        let schema = Schema::for_version(KubernetesVersion::V1_36);
        let (pods, namespaced) = mapping(schema, "v1", "Pod").expect("it is served");
        assert_eq!((&*pods.resource, namespaced), ("pods", true));
        assert!(!mapping(schema, "v1", "Node").expect("it is served").1);
        assert_eq!(mapping(schema, "extensions/v1beta1", "Deployment"), None);
        assert_eq!(mapping(schema, "example.io/v1", "Ship"), None);
    }
}
