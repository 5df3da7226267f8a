//! The resources that controllers read and write, by name.

use object::{GroupResource, GroupVersionResource};
use std::sync::LazyLock;

/// Reads a resource's name with its group, such as `pods` or `replicasets.apps`.
pub fn group_resource(name: &str) -> GroupResource {
    let (resource, group) = name.split_once('.').unwrap_or((name, ""));
    GroupResource::new(group, resource)
}

macro_rules! resources {
    ($($(#[$doc:meta])* $name:ident = $group:literal, $version:literal, $resource:literal;)*) => {
        $($(#[$doc])* pub static $name: LazyLock<GroupVersionResource> =
            LazyLock::new(|| GroupVersionResource::new($group, $version, $resource));)*
    };
}

resources! {
    /// `pods`
    PODS = "", "v1", "pods";
    /// `nodes`
    NODES = "", "v1", "nodes";
    /// `namespaces`
    NAMESPACES = "", "v1", "namespaces";
    /// `services`
    SERVICES = "", "v1", "services";
    /// `endpoints`
    ENDPOINTS = "", "v1", "endpoints";
    /// `events`
    EVENTS = "", "v1", "events";
    /// `configmaps`
    CONFIGMAPS = "", "v1", "configmaps";
    /// `secrets`
    SECRETS = "", "v1", "secrets";
    /// `serviceaccounts`
    SERVICEACCOUNTS = "", "v1", "serviceaccounts";
    /// `persistentvolumeclaims`
    CLAIMS = "", "v1", "persistentvolumeclaims";
    /// `persistentvolumes`
    VOLUMES = "", "v1", "persistentvolumes";
    /// `resourcequotas`
    QUOTAS = "", "v1", "resourcequotas";
    /// `replicasets.apps`
    REPLICASETS = "apps", "v1", "replicasets";
    /// `deployments.apps`
    DEPLOYMENTS = "apps", "v1", "deployments";
    /// `statefulsets.apps`
    STATEFULSETS = "apps", "v1", "statefulsets";
    /// `daemonsets.apps`
    DAEMONSETS = "apps", "v1", "daemonsets";
    /// `controllerrevisions.apps`
    REVISIONS = "apps", "v1", "controllerrevisions";
    /// `jobs.batch`
    JOBS = "batch", "v1", "jobs";
    /// `cronjobs.batch`
    CRONJOBS = "batch", "v1", "cronjobs";
    /// `endpointslices.discovery.k8s.io`
    ENDPOINTSLICES = "discovery.k8s.io", "v1", "endpointslices";
    /// `poddisruptionbudgets.policy`
    BUDGETS = "policy", "v1", "poddisruptionbudgets";
    /// `leases.coordination.k8s.io`
    LEASES = "coordination.k8s.io", "v1", "leases";
    /// `storageclasses.storage.k8s.io`
    STORAGECLASSES = "storage.k8s.io", "v1", "storageclasses";
    /// `volumeattachments.storage.k8s.io`
    ATTACHMENTS = "storage.k8s.io", "v1", "volumeattachments";
    /// `csinodes.storage.k8s.io`
    CSINODES = "storage.k8s.io", "v1", "csinodes";
    /// `csidrivers.storage.k8s.io`
    CSIDRIVERS = "storage.k8s.io", "v1", "csidrivers";
    /// `priorityclasses.scheduling.k8s.io`
    PRIORITYCLASSES = "scheduling.k8s.io", "v1", "priorityclasses";
    /// `ingresses.networking.k8s.io`
    INGRESSES = "networking.k8s.io", "v1", "ingresses";
    /// `ingressclasses.networking.k8s.io`
    INGRESSCLASSES = "networking.k8s.io", "v1", "ingressclasses";
}
