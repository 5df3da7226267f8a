//! A resource as discovery describes it.

use object::{GroupResource, GroupVersionKind, GroupVersionResource, Text};

/// A resource of the API: its names, scope, verbs and sub-resources, built in or from a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The API group, empty for the core group.
    pub group: Text,
    /// The version within the group.
    pub version: Text,
    /// The kind of its objects.
    pub kind: Text,
    /// The name in paths.
    pub plural: Text,
    /// The name of one object.
    pub singular: Text,
    /// The abbreviations that `kubectl` takes.
    pub short_names: Vec<Text>,
    /// The groups of resources, such as `all`, that `kubectl` takes.
    pub categories: Vec<Text>,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
    /// What may be done with it.
    pub verbs: Verbs,
    /// Its sub-resources, by name.
    pub subresources: Vec<Subresource>,
}

/// A sub-resource, such as `status`, `scale` or `eviction`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subresource {
    /// The last part of the path.
    pub name: Text,
    /// The group of its body's kind, `autoscaling` for `scale`.
    pub group: Text,
    /// The version of its body's kind.
    pub version: Text,
    /// The kind of its body.
    pub kind: Text,
    /// What may be done with it.
    pub verbs: Verbs,
}

impl Resource {
    /// Gives the group and version as `apiVersion` holds them: `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }

    /// Gives the full name of its kind.
    pub fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: self.kind.clone() }
    }

    /// Gives its full name.
    pub fn group_version_resource(&self) -> GroupVersionResource {
        let (group, version) = (self.group.clone(), self.version.clone());
        GroupVersionResource { group, version, resource: self.plural.clone() }
    }

    /// Gives its name whatever the version, as messages hold it.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.plural.clone() }
    }

    /// Finds a sub-resource by its name.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| &*sub.name == name)
    }

    /// Tells whether a name is the plural, the singular or a short name, or the kind in any case of letters.
    pub fn is_called(&self, name: &str) -> bool {
        *self.plural == *name
            || *self.singular == *name
            || self.short_names.iter().any(|short| **short == *name)
            || self.kind.eq_ignore_ascii_case(name)
    }
}

impl Subresource {
    /// Gives its body's group and version as `apiVersion` holds them.
    pub fn api_version(&self) -> String {
        api_version(&self.group, &self.version)
    }
}

/// Joins a group and a version as `apiVersion` holds them.
pub fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// Splits an `apiVersion` into group and version; the core group is empty.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Something that may be done with a resource, in discovery's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each verb is its own name")]
pub enum Verb {
    Create,
    Delete,
    DeleteCollection,
    Get,
    List,
    Patch,
    Update,
    Watch,
}

impl Verb {
    /// Every verb of a resource, in discovery's order.
    pub const ALL: [Self; 8] = [
        Self::Create,
        Self::Delete,
        Self::DeleteCollection,
        Self::Get,
        Self::List,
        Self::Patch,
        Self::Update,
        Self::Watch,
    ];

    /// Gives the verb as discovery writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
            Self::Get => "get",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Update => "update",
            Self::Watch => "watch",
        }
    }
}

/// A set of verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs(u8);

impl Verbs {
    /// All eight verbs, what most resources have.
    pub const ALL: Self = Self(u8::MAX);

    /// Tells whether the verb is in the set.
    pub fn contains(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u8) != 0
    }

    /// Lists the verbs in discovery's order.
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.into_iter().filter(move |verb| self.contains(*verb))
    }
}

impl FromIterator<Verb> for Verbs {
    fn from_iter<I: IntoIterator<Item = Verb>>(verbs: I) -> Self {
        Self(verbs.into_iter().fold(0, |set, verb| set | 1 << verb as u8))
    }
}
