//! The rules of each built-in kind: defaults, what create and update keep or drop, and what is refused.
//!
//! Upstream: `pkg/apis/*/v1/defaults.go`, `pkg/registry/*/*/strategy.go`, `pkg/apis/*/validation`. These are pure
//! functions of objects; what needs a look at other objects is admission's.

mod batch;
mod cluster;
mod config;
mod container;
mod network;
mod pod;
mod pod_spec;
mod policy;
mod service;
mod storage;
mod template;
mod volume;
mod workload;

use crate::field::FieldError;
use object::{GroupResource, Time, Value};

pub(crate) use pod::{
    is_finished as pod_is_finished, is_ready as pod_is_ready, set_condition as set_pod_condition,
};

/// Says why a body cannot be an object of its kind, in the words that follow `… cannot be handled as a X: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DecodeError(pub String);

impl From<object::QuantityError> for DecodeError {
    fn from(error: object::QuantityError) -> Self {
        Self(error.to_string())
    }
}

/// What a kind does to its objects on their way in.
pub(crate) trait Strategy: Sync {
    /// Sets the defaults of what is wanted.
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        let _ = object;
        Ok(())
    }

    /// Brings a status into the form in which Go writes it.
    fn shape_status(&self, object: &mut Value) -> Result<(), DecodeError> {
        let _ = object;
        Ok(())
    }

    /// Drops and sets what a client may not set when creating. The status is already dropped where it is split off.
    fn prepare_create(&self, object: &mut Value, now: Time) {
        let _ = (object, now);
    }

    /// Drops and sets what a client may not change in an update. Status and generation are already those of `old`.
    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let _ = (new, old);
    }

    /// Tells whether an update changes what is wanted, so that the generation rises.
    fn changes_intent(&self, new: &Value, old: &Value) -> bool {
        differs_beside_metadata(new, old)
    }

    /// Keeps in a write to the status what such a write may not change.
    fn prepare_status(&self, new: &mut Value, old: &Value, now: Time) {
        let _ = now;
        crate::edit::keep(new, old, &["spec"]);
    }

    /// Finds what is wrong with a new object; metadata is checked for all kinds alike.
    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        let _ = (object, errors);
    }

    /// Finds what is wrong with a change, beside what is wrong with the object.
    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        let _ = (new, old, errors);
    }
}

/// Compares all fields except metadata, status and the type's name.
fn differs_beside_metadata(new: &Value, old: &Value) -> bool {
    let counts = |key: &str| !matches!(key, "metadata" | "status" | "kind" | "apiVersion");
    let gone = old.entries().any(|(key, _)| counts(key.as_str()) && new.get(key.as_str()).is_none());
    gone || new.entries().any(|(key, field)| counts(key.as_str()) && old[key.as_str()] != *field)
}

/// A kind without rules of its own.
struct Plain;

impl Strategy for Plain {}

/// Finds the rules of a resource.
pub(crate) fn strategy(resource: &GroupResource) -> &'static dyn Strategy {
    match (&*resource.group, &*resource.resource) {
        ("", "pods") => &pod::Pod,
        ("", "podtemplates") => &template::PodTemplate,
        ("", "replicationcontrollers") => &workload::ReplicationController,
        ("", "services") => &service::Service,
        ("", "endpoints") => &network::Endpoints,
        ("", "nodes") => &cluster::Node,
        ("", "namespaces") => &cluster::Namespace,
        ("", "configmaps") => &config::ConfigMap,
        ("", "secrets") => &config::Secret,
        ("", "resourcequotas") => &policy::ResourceQuota,
        ("", "persistentvolumes") => &storage::PersistentVolume,
        ("", "persistentvolumeclaims") => &storage::PersistentVolumeClaim,
        ("apps", "deployments") => &workload::Deployment,
        ("apps", "replicasets") => &workload::ReplicaSet,
        ("apps", "statefulsets") => &workload::StatefulSet,
        ("apps", "daemonsets") => &workload::DaemonSet,
        ("batch", "jobs") => &batch::Job,
        ("batch", "cronjobs") => &batch::CronJob,
        ("autoscaling", "horizontalpodautoscalers") => &policy::HorizontalPodAutoscaler,
        ("policy", "poddisruptionbudgets") => &policy::PodDisruptionBudget,
        ("scheduling.k8s.io", "priorityclasses") => &policy::PriorityClass,
        ("discovery.k8s.io", "endpointslices") => &network::EndpointSlice,
        ("networking.k8s.io", "ingresses") => &network::Ingress,
        ("networking.k8s.io", "networkpolicies") => &network::NetworkPolicy,
        ("storage.k8s.io", "storageclasses") => &storage::StorageClass,
        ("storage.k8s.io", "csidrivers") => &storage::CsiDriver,
        ("storage.k8s.io", "volumeattachments") => &storage::VolumeAttachment,
        _ => &Plain,
    }
}
