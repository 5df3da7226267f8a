//! One release's schema, and what changes between releases.

use std::cmp::Ordering;
use std::sync::{LazyLock, OnceLock};

use object::{GroupVersionKind, GroupVersionResource};

use crate::resource::Resource;
use crate::table::{self, Served};
use crate::type_table;
use crate::types::{TypeGraph, TypeRef};
use crate::version::KubernetesVersion;

const RESOURCES: &str = include_str!("../tables/resources.txt");
const TYPES: &str = include_str!("../tables/types.txt");

/// What one Kubernetes release serves. Immutable, and the same for the whole process.
#[derive(Debug)]
pub struct Schema {
    version: KubernetesVersion,
    served: Vec<Served>,
    /// In the order of `/apis`, then by plural.
    resources: Vec<Resource>,
    /// Indexes into `resources`, by group, version and plural.
    by_plural: Vec<usize>,
    /// Indexes into `resources`, by group, version and kind.
    by_kind: Vec<usize>,
    /// Read at first use: who only asks for resources does not pay for it.
    types: OnceLock<TypeGraph>,
}

static SCHEMAS: [LazyLock<Schema>; KubernetesVersion::ALL.len()] = [
    LazyLock::new(|| Schema::load(KubernetesVersion::V1_33)),
    LazyLock::new(|| Schema::load(KubernetesVersion::V1_34)),
    LazyLock::new(|| Schema::load(KubernetesVersion::V1_35)),
    LazyLock::new(|| Schema::load(KubernetesVersion::V1_36)),
    LazyLock::new(|| Schema::load(KubernetesVersion::V1_37)),
];

impl Schema {
    /// Gives a release's schema, read from the tables at its first use.
    pub fn for_version(version: KubernetesVersion) -> &'static Self {
        &SCHEMAS[usize::from(version.minor() - KubernetesVersion::OLDEST.minor())]
    }

    fn load(version: KubernetesVersion) -> Self {
        let table = committed(table::read_resources(RESOURCES, version));
        let mut resources = table.resources;
        let place = |resource: &Resource| {
            table.served.iter().position(|gv| gv.group == resource.group && gv.version == resource.version)
        };
        resources.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| a.plural.cmp(&b.plural)));
        let sorted_by = |key: fn(&Resource) -> [&str; 3]| {
            let mut order: Vec<usize> = (0..resources.len()).collect();
            order.sort_by(|a, b| key(&resources[*a]).cmp(&key(&resources[*b])));
            order
        };
        let (by_plural, by_kind) = (sorted_by(plural_key), sorted_by(kind_key));
        Self { version, served: table.served, resources, by_plural, by_kind, types: OnceLock::new() }
    }

    /// Gives the release.
    pub fn version(&self) -> KubernetesVersion {
        self.version
    }

    /// Lists every resource the release knows, also of group-versions that are off by default, in the order of
    /// `/apis` (core group first, preferred version first), then by plural.
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }

    /// Lists the resources of the group-versions that are on by default, in the same order.
    pub fn resources_by_default(&self) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(|resource| self.served_by_default(&resource.group, &resource.version))
    }

    /// Finds a resource by group, version and plural.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<&Resource> {
        self.search(&self.by_plural, plural_key, [group, version, plural])
    }

    /// Finds a resource by its full name.
    pub fn resource_of(&self, name: &GroupVersionResource) -> Option<&Resource> {
        self.resource(&name.group, &name.version, &name.resource)
    }

    /// Finds the resource whose objects are of a kind; kinds that only sub-resources have, such as `Scale`, and
    /// lists have none.
    pub fn resource_for_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Resource> {
        self.search(&self.by_kind, kind_key, [group, version, kind])
    }

    fn search(
        &self,
        order: &[usize],
        key: fn(&Resource) -> [&str; 3],
        wanted: [&str; 3],
    ) -> Option<&Resource> {
        let compare = |index: &usize| -> Ordering { key(&self.resources[*index]).cmp(&wanted) };
        order.binary_search_by(compare).ok().map(|found| &self.resources[order[found]])
    }

    /// Finds a resource as `kubectl` does, by plural, singular, short name or kind, optionally followed by `.GROUP`
    /// or `.VERSION.GROUP`: `po`, `Deployment`, `events.events.k8s.io`, `deployments.v1.apps`.
    ///
    /// Group-versions that are off by default are found only where nothing that is on is called so.
    pub fn find(&self, name: &str) -> Option<&Resource> {
        let (word, qualifier) = name.split_once('.').map_or((name, None), |(word, rest)| (word, Some(rest)));
        let fits = |resource: &&Resource| {
            resource.is_called(word)
                && qualifier.is_none_or(|qualifier| {
                    let versioned = qualifier.strip_prefix(&*resource.version);
                    *resource.group == *qualifier
                        || versioned
                            .is_some_and(|rest| rest.strip_prefix('.').unwrap_or(rest) == &*resource.group)
                })
        };
        self.resources_by_default().find(fits).or_else(|| self.resources.iter().find(fits))
    }

    /// Gives the type of a kind, also of lists (`PodList`), of bodies of sub-resources (`Scale`) and of the options
    /// and events that every group-version has (`DeleteOptions`, `WatchEvent`).
    pub fn type_for_kind(&self, group: &str, version: &str, kind: &str) -> Option<TypeRef<'_>> {
        self.types().kind([group, version, kind])
    }

    /// Gives the type of a kind by the kind's full name.
    pub fn type_of(&self, kind: &GroupVersionKind) -> Option<TypeRef<'_>> {
        self.type_for_kind(&kind.group, &kind.version, &kind.kind)
    }

    /// Gives a type by its name without what precedes its group, such as `core.v1.PodSpec` or `meta.v1.ObjectMeta`.
    pub fn type_named(&self, name: &str) -> Option<TypeRef<'_>> {
        self.types().named(name)
    }

    fn types(&self) -> &TypeGraph {
        self.types.get_or_init(|| committed(type_table::read_types(TYPES, self.version)))
    }

    /// Lists the group-versions the release knows, in the order of `/apis` (core group first, preferred version
    /// first), each with whether it is on by default.
    pub fn group_versions(&self) -> impl Iterator<Item = (&str, &str, bool)> {
        self.served.iter().map(|gv| (&*gv.group, &*gv.version, gv.by_default))
    }

    /// Tells whether the release serves a group-version unless told otherwise.
    ///
    /// Read from `DefaultAPIResourceConfigSource` in upstream's `pkg/controlplane/instance.go`: stable versions are
    /// on, since 1.24 (KEP-3136) new beta versions are off, alpha versions always were. No resource of a stable
    /// version of these releases hangs on a feature gate that is off by default.
    pub fn served_by_default(&self, group: &str, version: &str) -> bool {
        self.group_versions().any(|listed| listed == (group, version, true))
    }

    /// Gives the version of a group that clients prefer: the first that is on by default; none when the whole group
    /// is off or unknown.
    pub fn preferred_version(&self, group: &str) -> Option<&str> {
        self.group_versions().find(|(named, _, on)| *named == group && *on).map(|(_, version, _)| version)
    }
}

/// Unwraps what was read from a committed table, which only a broken build could have spoilt.
fn committed<T>(read: Result<T, String>) -> T {
    read.unwrap_or_else(|fault| panic!("a committed table is broken: {fault}"))
}

fn plural_key(resource: &Resource) -> [&str; 3] {
    [&resource.group, &resource.version, &resource.plural]
}

fn kind_key(resource: &Resource) -> [&str; 3] {
    [&resource.group, &resource.version, &resource.kind]
}

/// In which of the known releases a kind exists and is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// The releases that know the kind, oldest first, be its group-version on by default or off; never empty.
    pub known: Vec<KubernetesVersion>,
    /// Those of them that serve it by default.
    pub by_default: Vec<KubernetesVersion>,
}

impl Lifecycle {
    /// Gives the first known release; the oldest of the tables may not be the first of all.
    pub fn first(&self) -> KubernetesVersion {
        self.known[0]
    }

    /// Gives the last known release; the newest of the tables says nothing of later ones.
    pub fn last(&self) -> KubernetesVersion {
        self.known[self.known.len() - 1]
    }

    /// Gives the release in which the kind is gone, unless the newest still has it.
    pub fn removed_in(&self) -> Option<KubernetesVersion> {
        self.last().next()
    }
}

/// Gives the life of a kind within the known releases, or nothing if none of them has a resource of that kind.
pub fn lifecycle(group: &str, version: &str, kind: &str) -> Option<Lifecycle> {
    let having = |default_only: bool| {
        let has = |release: &KubernetesVersion| {
            let schema = Schema::for_version(*release);
            schema.resource_for_kind(group, version, kind).is_some()
                && (!default_only || schema.served_by_default(group, version))
        };
        KubernetesVersion::ALL.into_iter().filter(has).collect::<Vec<_>>()
    };
    let known = having(false);
    (!known.is_empty()).then(|| Lifecycle { known, by_default: having(true) })
}
