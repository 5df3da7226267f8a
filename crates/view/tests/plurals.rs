//! The rule of plurals against every kind that Kubernetes has built in.

use object::GroupResource;
use schema::{KubernetesVersion, Schema};
use view::Plurals;

#[test]
fn the_rule_holds_for_every_built_in_kind_of_every_release() {
    let plurals = Plurals::new();
    for version in KubernetesVersion::ALL {
        let resources = Schema::for_version(version).resources();
        assert!(resources.len() > 50, "{version} has its resources");
        for resource in resources {
            let served = GroupResource::new(&resource.group, &resource.plural);
            assert_eq!(
                plurals.resource(&resource.group, &resource.kind),
                served,
                "{} in {version}",
                resource.kind
            );
        }
    }
}
