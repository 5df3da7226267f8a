//! What is known of kinds: their resources, and whether their objects lie in namespaces.

use super::batch::{FileName, SeenList};
use object::{GroupResource, GroupVersion, ObjectExt, Text, Value, value};
use schema::{KubernetesVersion, Schema, Verb};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use view::Plurals;

/// Every built-in resource that can be listed, of every release known.
static BUILT_IN: LazyLock<BTreeSet<GroupResource>> = LazyLock::new(|| {
    let listed = |version: &KubernetesVersion| {
        let resources = Schema::for_version(*version).resources_by_default();
        resources.filter(|resource| resource.verbs.contains(Verb::List)).map(schema::Resource::group_resource)
    };
    KubernetesVersion::ALL.iter().flat_map(listed).collect()
});

/// Whether the objects of a built-in kind lie in namespaces, by group and kind.
static SCOPES: LazyLock<BTreeMap<(Text, Text), bool>> = LazyLock::new(|| {
    let resources =
        KubernetesVersion::ALL.iter().flat_map(|version| Schema::for_version(*version).resources());
    resources.map(|resource| ((resource.group.clone(), resource.kind.clone()), resource.namespaced)).collect()
});

/// Resources of which every cluster has objects from its first minute on: the API server, the controllers and the
/// kubelets make them.
const NEVER_EMPTY: [(&str, &str); 14] = [
    ("", "configmaps"),
    ("", "namespaces"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apiregistration.k8s.io", "apiservices"),
    ("coordination.k8s.io", "leases"),
    ("discovery.k8s.io", "endpointslices"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("scheduling.k8s.io", "priorityclasses"),
];

/// Resources that are often left out on purpose, being secret or many.
const OFTEN_LEFT_OUT: [(&str, &str); 3] = [("", "secrets"), ("", "events"), ("events.k8s.io", "events")];

/// Tells whether files that hold these resources were made by exporting everything a cluster has.
pub(super) fn is_whole_cluster(read: &BTreeSet<GroupResource>) -> bool {
    NEVER_EMPTY.iter().all(|(group, resource)| read.contains(&GroupResource::new(group, resource)))
}

/// Tells whether a resource may be missing even from an export of everything.
pub(super) fn is_often_left_out(resource: &GroupResource) -> bool {
    OFTEN_LEFT_OUT.iter().any(|(group, name)| *resource.group == **group && *resource.resource == **name)
}

/// Gives every built-in resource that can be listed.
pub(crate) fn built_in() -> impl Iterator<Item = GroupResource> {
    BUILT_IN.iter().cloned()
}

/// Gives the head of the List that a file named after a built-in resource would hold.
pub(super) fn list_named(stem: &str) -> Option<Value> {
    let resource = newest().find(stem)?;
    Some(value!({"apiVersion": resource.api_version(), "kind": format!("{}List", resource.kind)}))
}

fn newest() -> &'static Schema {
    let [.., newest] = KubernetesVersion::ALL;
    Schema::for_version(newest)
}

/// What is known of the kinds of some objects.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    pub plurals: Plurals,
    /// Whether the objects of a kind lie in namespaces, by group and kind; of definitions that were given.
    defined: BTreeMap<(Text, Text), bool>,
    /// The resources that were defined.
    resources: BTreeSet<GroupResource>,
}

impl Kinds {
    /// Learns from the definitions among some objects.
    pub(super) fn of<'a>(objects: impl Iterator<Item = &'a Value>) -> Self {
        let mut kinds = Self::default();
        for object in objects.filter(|object| object.kind() == "CustomResourceDefinition") {
            kinds.plurals.learn(object);
            let spec = &object["spec"];
            let key = (spec["group"].str().into(), spec["names"]["kind"].str().into());
            kinds.resources.insert(GroupResource::new(spec["group"].str(), spec["names"]["plural"].str()));
            kinds.defined.insert(key, spec["scope"] == "Namespaced");
        }
        kinds
    }

    /// Tells whether the objects of a kind lie in namespaces; of an unknown kind nobody knows.
    pub(super) fn is_namespaced(&self, group: &str, kind: &str) -> bool {
        let key = (group.into(), kind.into());
        self.defined.get(&key).or_else(|| SCOPES.get(&key)).copied().unwrap_or(false)
    }

    /// Gives the resource of an object that has a kind.
    pub(super) fn resource(&self, object: &Value) -> GroupResource {
        let group = GroupVersion::parse(object.api_version()).map(|version| version.group);
        self.plurals.resource(&group.unwrap_or_default(), object.kind())
    }

    /// Gives the resource of an `apiVersion` and a kind; none if they are not ones.
    pub(super) fn resource_named(&self, api_version: &str, kind: &str) -> Option<GroupResource> {
        let is_kind = kind.starts_with(|first: char| first.is_ascii_uppercase())
            && kind.chars().all(|letter| letter.is_ascii_alphanumeric());
        let version =
            GroupVersion::parse(api_version).ok().filter(|version| is_kind && !version.version.is_empty())?;
        Some(self.plurals.resource(&version.group, kind))
    }

    /// Gives the resource of which a typed or empty List is; none if it does not say.
    ///
    /// `kubectl get -o json` writes an untyped List also when there is nothing; then the file's name may tell of what.
    pub(super) fn of_list(&self, list: &SeenList, files: &[FileName]) -> Option<GroupResource> {
        let kind = list.kind.strip_suffix("List").unwrap_or_default();
        if !kind.is_empty() {
            return self.resource_named(&list.api_version, kind);
        }
        let stem = &files[list.file].stem;
        let (resource, group) = stem.split_once('.').unwrap_or((stem, ""));
        let named = GroupResource::new(group, resource);
        if self.resources.contains(&named) || BUILT_IN.contains(&named) {
            return Some(named);
        }
        newest().find(stem).map(schema::Resource::group_resource)
    }
}
