//! Keys: where an object lies within its resource, and the name of the resource itself.

use equivalent::{Comparable, Equivalent};
use object::{GroupResource, Text};
use std::cmp::Ordering;

/// The place of an object within its resource: `namespace/name`, or `name` alone for one in no namespace.
///
/// Keys are ordered by their text, as etcd orders what Kubernetes stores, so `a-b/x` stands before `a/x`. That is
/// the order in which a real API server lists objects and continues a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey(Text);

impl ObjectKey {
    /// Makes a key; an empty namespace means none.
    pub fn new(namespace: &str, name: &str) -> Self {
        if namespace.is_empty() { Self(name.into()) } else { Self(format!("{namespace}/{name}").into()) }
    }

    /// Gives the namespace, `""` for an object in none.
    pub fn namespace(&self) -> &str {
        self.0.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// Gives the name.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or(&self.0, |(_, name)| name)
    }

    /// Gives the key as text, `namespace/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tells whether both can form a key: a name is needed, and a slash in either would make the key ambiguous.
pub(crate) fn can_form_key(namespace: &str, name: &str) -> bool {
    !name.is_empty() && !name.contains('/') && !namespace.contains('/')
}

/// A position among keys, compared without building the key's text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position<'a>([&'a str; 3]);

impl<'a> Position<'a> {
    /// The position of the key of this object.
    pub(crate) fn of(namespace: &'a str, name: &'a str) -> Self {
        if namespace.is_empty() { Self([name, "", ""]) } else { Self([namespace, "/", name]) }
    }

    /// The position of the key with this text.
    pub(crate) fn text(text: &'a str) -> Self {
        Self([text, "", ""])
    }

    /// The position just after the key with this text.
    pub(crate) fn after(text: &'a str) -> Self {
        Self([text, "\0", ""])
    }

    /// The position before every key.
    pub(crate) fn start() -> Self {
        Self(["", "", ""])
    }

    /// The position before the first key of a namespace.
    pub(crate) fn namespace_start(namespace: &'a str) -> Self {
        Self([namespace, "/", ""])
    }

    /// The position after the last key of a namespace: `0` is the character after `/`.
    pub(crate) fn namespace_end(namespace: &'a str) -> Self {
        Self([namespace, "0", ""])
    }
}

impl Equivalent<ObjectKey> for Position<'_> {
    fn equivalent(&self, key: &ObjectKey) -> bool {
        self.compare(key).is_eq()
    }
}

impl Comparable<ObjectKey> for Position<'_> {
    fn compare(&self, key: &ObjectKey) -> Ordering {
        let mut rest = key.0.as_bytes();
        for part in self.0 {
            let shared = part.len().min(rest.len());
            let (head, tail) = rest.split_at(shared);
            match part.as_bytes()[..shared].cmp(head) {
                Ordering::Equal if part.len() > shared => return Ordering::Greater,
                Ordering::Equal => rest = tail,
                unequal => return unequal,
            }
        }
        if rest.is_empty() { Ordering::Equal } else { Ordering::Less }
    }
}

/// The name of a resource, borrowed: `"pods"`, `"deployments.apps"` or a [`GroupResource`] converts into it.
///
/// ```
/// let name = store::ResourceName::from("ingresses.networking.k8s.io");
/// assert_eq!((name.resource, name.group), ("ingresses", "networking.k8s.io"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceName<'a> {
    /// The API group, `""` for the core group.
    pub group: &'a str,
    /// The resource: a kind's plural in lower case.
    pub resource: &'a str,
}

impl<'a> From<&'a str> for ResourceName<'a> {
    fn from(text: &'a str) -> Self {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        Self { group, resource }
    }
}

impl<'a> From<&'a String> for ResourceName<'a> {
    fn from(text: &'a String) -> Self {
        Self::from(text.as_str())
    }
}

impl<'a> From<&'a GroupResource> for ResourceName<'a> {
    fn from(resource: &'a GroupResource) -> Self {
        Self { group: &resource.group, resource: &resource.resource }
    }
}

impl From<ResourceName<'_>> for GroupResource {
    fn from(name: ResourceName<'_>) -> Self {
        GroupResource::new(name.group, name.resource)
    }
}

impl std::fmt::Display for ResourceName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dot = if self.group.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{}", self.resource, self.group)
    }
}

impl Equivalent<GroupResource> for ResourceName<'_> {
    fn equivalent(&self, other: &GroupResource) -> bool {
        self.compare(other).is_eq()
    }
}

/// Must order as [`GroupResource`] orders itself: by group, then by resource.
impl Comparable<GroupResource> for ResourceName<'_> {
    fn compare(&self, other: &GroupResource) -> Ordering {
        self.group.cmp(&other.group).then_with(|| self.resource.cmp(&other.resource))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_compares_like_the_key_it_stands_for() {
        let places = [
            ("", "a"),
            ("", "a-b"),
            ("a", "x"),
            ("a-b", "x"),
            ("a", ""),
            ("ab", "x"),
            ("a0", "x"),
            ("a", "xy"),
        ];
        for (namespace, name) in places {
            let key = ObjectKey::new(namespace, name);
            assert_eq!((key.namespace(), key.name()), (namespace, name));
            for (other_namespace, other_name) in places {
                let other = ObjectKey::new(other_namespace, other_name);
                assert_eq!(Position::of(namespace, name).compare(&other), key.cmp(&other), "{key} {other}");
            }
        }
    }

    #[test]
    fn a_namespace_spans_its_own_keys_only() {
        for (namespace, inside) in [("a", true), ("a-b", false), ("a.b", false), ("a0", false), ("ab", false)]
        {
            let key = ObjectKey::new(namespace, "x");
            let after_start = Position::namespace_start("a").compare(&key).is_le();
            let before_end = Position::namespace_end("a").compare(&key).is_gt();
            assert_eq!(after_start && before_end, inside, "{key}");
        }
    }

    #[test]
    fn resource_names_order_as_resources_do() {
        let all =
            ["pods", "events", "deployments.apps", "events.events.k8s.io", "jobs.batch", "replicasets.apps"];
        for a in all {
            for b in all {
                let right = GroupResource::from(ResourceName::from(b));
                let left = GroupResource::from(ResourceName::from(a));
                assert_eq!(ResourceName::from(a).compare(&right), left.cmp(&right), "{a} {b}");
            }
        }
    }
}
