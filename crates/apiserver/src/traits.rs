//! What distinguishes the kinds for the server, as plain facts.
//!
//! Upstream: the strategies in `pkg/registry/*/*/strategy.go`. What kinds do, rather than are, is in
//! [`crate::kinds`].

use object::names;
use schema::Resource;

/// What becomes of an object's dependents if its deletion does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependents {
    /// They are deleted.
    Delete,
    /// They are left.
    Orphan,
    /// There cannot be any.
    None,
}

/// Which names a kind allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameRule {
    /// A DNS subdomain, as most kinds.
    Subdomain,
    /// A DNS label of RFC 1123.
    Label,
    /// A DNS label of RFC 1035, which begins with a letter.
    Rfc1035Label,
    /// Whatever can stand in a path.
    PathSegment,
}

/// The facts about one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traits {
    /// Whether `metadata.generation` counts the changes of what is wanted.
    pub tracks_generation: bool,
    /// Whether the status has its own sub-resource, and the two halves ignore each other.
    pub splits_status: bool,
    /// Whether an update may leave out the resourceVersion.
    pub unconditional_update: bool,
    /// Whether an update of what is not there creates it.
    pub create_on_update: bool,
    /// Whether a deletion answers with the object rather than a Status.
    pub returns_deleted: bool,
    /// What becomes of dependents by default.
    pub dependents: Dependents,
    /// Which names are allowed.
    pub name: NameRule,
}

const WITH_GENERATION: &[&str] = &[
    "apiextensions.k8s.io/customresourcedefinitions",
    "apps/daemonsets",
    "apps/deployments",
    "apps/replicasets",
    "apps/statefulsets",
    "batch/cronjobs",
    "batch/jobs",
    "discovery.k8s.io/endpointslices",
    "flowcontrol.apiserver.k8s.io/flowschemas",
    "flowcontrol.apiserver.k8s.io/prioritylevelconfigurations",
    "networking.k8s.io/ingressclasses",
    "networking.k8s.io/ingresses",
    "networking.k8s.io/networkpolicies",
    "pods",
    "podtemplates",
    "policy/poddisruptionbudgets",
    "replicationcontrollers",
    "resource.k8s.io/deviceclasses",
    "resource.k8s.io/resourceslices",
    "scheduling.k8s.io/priorityclasses",
];

const CONDITIONAL_UPDATE: &[&str] = &[
    "coordination.k8s.io/leasecandidates",
    "coordination.k8s.io/leases",
    "node.k8s.io/runtimeclasses",
    "policy/poddisruptionbudgets",
    "storage.k8s.io/csidrivers",
    "storage.k8s.io/csinodes",
    "storage.k8s.io/csistoragecapacities",
    "storage.k8s.io/volumeattachments",
];

const CREATE_ON_UPDATE: &[&str] = &[
    "coordination.k8s.io/leasecandidates",
    "coordination.k8s.io/leases",
    "endpoints",
    "events",
    "events.k8s.io/events",
    "limitranges",
    "node.k8s.io/runtimeclasses",
    "rbac.authorization.k8s.io/clusterrolebindings",
    "rbac.authorization.k8s.io/clusterroles",
    "rbac.authorization.k8s.io/rolebindings",
    "rbac.authorization.k8s.io/roles",
    "services",
];

const RETURNS_DELETED: &[&str] = &[
    "namespaces",
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
    "storage.k8s.io/csidrivers",
    "storage.k8s.io/csinodes",
    "storage.k8s.io/csistoragecapacities",
    "storage.k8s.io/storageclasses",
    "storage.k8s.io/volumeattachments",
];

impl Traits {
    /// Gives the facts about a resource.
    pub fn of(resource: &Resource) -> Self {
        let name = if resource.group.is_empty() {
            resource.plural.to_string()
        } else {
            format!("{}/{}", resource.group, resource.plural)
        };
        let is_in = |list: &[&str]| list.contains(&name.as_str());
        Self {
            tracks_generation: is_in(WITH_GENERATION) || &*resource.group == "admissionregistration.k8s.io",
            splits_status: resource.subresource("status").is_some(),
            unconditional_update: !is_in(CONDITIONAL_UPDATE)
                && &*resource.group != "admissionregistration.k8s.io",
            create_on_update: is_in(CREATE_ON_UPDATE),
            returns_deleted: is_in(RETURNS_DELETED) || &*resource.group == "resource.k8s.io",
            dependents: match name.as_str() {
                "batch/jobs" | "replicationcontrollers" => Dependents::Orphan,
                "events" | "events.k8s.io/events" => Dependents::None,
                _ => Dependents::Delete,
            },
            name: match (&*resource.group, &*resource.plural) {
                ("", "namespaces") => NameRule::Label,
                ("", "services") => NameRule::Rfc1035Label,
                ("rbac.authorization.k8s.io", _) => NameRule::PathSegment,
                _ => NameRule::Subdomain,
            },
        }
    }
}

impl NameRule {
    /// Says what is wrong with a name; nothing for a good one.
    pub fn faults(self, name: &str) -> Vec<String> {
        match self {
            Self::Subdomain => names::dns1123_subdomain_errors(name),
            Self::Label => names::dns1123_label_errors(name),
            Self::Rfc1035Label => rfc1035_label_faults(name),
            Self::PathSegment => path_segment_faults(name),
        }
    }

    /// Says what is wrong with the beginning of a name, to which a suffix is still to be added.
    pub fn prefix_faults(self, prefix: &str) -> Vec<String> {
        match (self, prefix.strip_suffix('-')) {
            (Self::PathSegment, _) => Vec::new(),
            // A dash may stand at the end, because more follows it.
            (_, Some(stem)) => self.faults(&format!("{stem}a")),
            (_, None) => self.faults(prefix),
        }
    }
}

fn rfc1035_label_faults(name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if name.len() > 63 {
        faults.push("must be no more than 63 characters".to_owned());
    }
    let is_label = names::dns1123_label_errors(&name[..name.len().min(63)]).is_empty();
    if !is_label || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        faults.push(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic \
             character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
             validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                .to_owned(),
        );
    }
    faults
}

fn path_segment_faults(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    let found = ['/', '%'].into_iter().filter(|letter| name.contains(*letter));
    found.map(|letter| format!("may not contain '{letter}'")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: NameRule, name: &str, good: bool) {
        assert_eq!(rule.faults(name).is_empty(), good, "{rule:?} {name:?}: {:?}", rule.faults(name));
    }

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        check(NameRule::Subdomain, "a.b-c.1", true);
        check(NameRule::Subdomain, "A", false);
        check(NameRule::Label, "1a", true);
        check(NameRule::Label, "a.b", false);
        check(NameRule::Rfc1035Label, "a-1", true);
        check(NameRule::Rfc1035Label, "1a", false);
        check(NameRule::Rfc1035Label, &"a".repeat(64), false);
        check(NameRule::PathSegment, "system:node", true);
        check(NameRule::PathSegment, "a/b", false);
        assert!(NameRule::Subdomain.prefix_faults("web-").is_empty());
        assert!(!NameRule::Subdomain.prefix_faults("Web-").is_empty());
    }
}
