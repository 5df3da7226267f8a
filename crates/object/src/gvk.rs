//! Names of API types: group, version, and kind or resource.

use crate::{ObjectExt, Text, Value};
use std::fmt;

/// A group and a version, written `apps/v1`, or `v1` in the core group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersion {
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The version within the group.
    pub version: Text,
}

/// A group, a version and a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionKind {
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The version within the group.
    pub version: Text,
    /// The kind, such as `Deployment`.
    pub kind: Text,
}

/// A group, a version and a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupVersionResource {
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The version within the group.
    pub version: Text,
    /// The resource, such as `deployments`.
    pub resource: Text,
}

/// A group and a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKind {
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The kind, such as `Deployment`.
    pub kind: Text,
}

/// A group and a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource {
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The resource, such as `deployments`.
    pub resource: Text,
}

/// Says that a text is no `apiVersion`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unexpected GroupVersion string: {0}")]
pub struct GroupVersionError(String);

impl GroupVersion {
    /// Makes a group and version.
    pub fn new(group: &str, version: &str) -> Self {
        Self { group: group.into(), version: version.into() }
    }

    /// Parses an `apiVersion`: `v1`, `apps/v1`.
    ///
    /// # Errors
    /// When there is more than one slash; the text is the API server's.
    pub fn parse(api_version: &str) -> Result<Self, GroupVersionError> {
        match api_version.split_once('/') {
            None => Ok(Self::new("", api_version)),
            Some((group, version)) if !version.contains('/') => Ok(Self::new(group, version)),
            Some(_) => Err(GroupVersionError(api_version.to_owned())),
        }
    }

    /// Adds a kind.
    pub fn with_kind(&self, kind: &str) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: kind.into() }
    }

    /// Adds a resource.
    pub fn with_resource(&self, resource: &str) -> GroupVersionResource {
        GroupVersionResource {
            group: self.group.clone(),
            version: self.version.clone(),
            resource: resource.into(),
        }
    }
}

impl GroupVersionKind {
    /// Makes a group, version and kind.
    pub fn new(group: &str, version: &str, kind: &str) -> Self {
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Makes one from an `apiVersion` and a kind.
    ///
    /// # Errors
    /// When `api_version` has more than one slash.
    pub fn parse(api_version: &str, kind: &str) -> Result<Self, GroupVersionError> {
        Ok(GroupVersion::parse(api_version)?.with_kind(kind))
    }

    /// Reads `apiVersion` and `kind` of an object.
    ///
    /// # Errors
    /// When `apiVersion` has more than one slash.
    pub fn of(object: &Value) -> Result<Self, GroupVersionError> {
        Self::parse(object.api_version(), object.kind())
    }

    /// Gives `apiVersion` as objects carry it.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }

    /// Drops the kind.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion { group: self.group.clone(), version: self.version.clone() }
    }

    /// Drops the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }
}

impl GroupVersionResource {
    /// Makes a group, version and resource.
    pub fn new(group: &str, version: &str, resource: &str) -> Self {
        Self { group: group.into(), version: version.into(), resource: resource.into() }
    }

    /// Makes one from an `apiVersion` and a resource.
    ///
    /// # Errors
    /// When `api_version` has more than one slash.
    pub fn parse(api_version: &str, resource: &str) -> Result<Self, GroupVersionError> {
        Ok(GroupVersion::parse(api_version)?.with_resource(resource))
    }

    /// Gives `apiVersion` as objects carry it.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }

    /// Drops the resource.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion { group: self.group.clone(), version: self.version.clone() }
    }

    /// Drops the version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }
}

impl GroupKind {
    /// Makes a group and kind.
    pub fn new(group: &str, kind: &str) -> Self {
        Self { group: group.into(), kind: kind.into() }
    }

    /// Adds a version.
    pub fn with_version(&self, version: &str) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: version.into(), kind: self.kind.clone() }
    }
}

impl GroupResource {
    /// Makes a group and resource.
    pub fn new(group: &str, resource: &str) -> Self {
        Self { group: group.into(), resource: resource.into() }
    }

    /// Adds a version.
    pub fn with_version(&self, version: &str) -> GroupVersionResource {
        GroupVersionResource {
            group: self.group.clone(),
            version: version.into(),
            resource: self.resource.clone(),
        }
    }
}

fn dotted(f: &mut fmt::Formatter<'_>, name: &str, group: &str) -> fmt::Result {
    if group.is_empty() { f.write_str(name) } else { write!(f, "{name}.{group}") }
}

/// Writes `apps/v1`, or `v1` in the core group.
impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.group.is_empty() {
            f.write_str(&self.version)
        } else {
            write!(f, "{}/{}", self.group, self.version)
        }
    }
}

/// Writes `apps/v1, Kind=Deployment`, as the API server's messages do.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Kind={}", self.group, self.version, self.kind)
    }
}

/// Writes `apps/v1, Resource=deployments`, as the API server's messages do.
impl fmt::Display for GroupVersionResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}, Resource={}", self.group, self.version, self.resource)
    }
}

/// Writes `Deployment.apps`, or `Pod` in the core group.
impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(f, &self.kind, &self.group)
    }
}

/// Writes `deployments.apps`, or `pods` in the core group.
impl fmt::Display for GroupResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        dotted(f, &self.resource, &self.group)
    }
}
