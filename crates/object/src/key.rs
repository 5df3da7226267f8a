//! Map keys: shared strings, compared by pointer first.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// The field names that occur in nearly every object; keys made from them share one allocation.
const COMMON: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "generateName",
    "managedFields",
    "controller",
    "blockOwnerDeletion",
    "replicas",
    "selector",
    "matchLabels",
    "matchExpressions",
    "template",
    "containers",
    "initContainers",
    "image",
    "imagePullPolicy",
    "ports",
    "containerPort",
    "protocol",
    "resources",
    "limits",
    "requests",
    "cpu",
    "memory",
    "storage",
    "env",
    "value",
    "valueFrom",
    "volumeMounts",
    "mountPath",
    "volumes",
    "readinessProbe",
    "livenessProbe",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "restartPolicy",
    "terminationGracePeriodSeconds",
    "dnsPolicy",
    "securityContext",
    "schedulerName",
    "nodeName",
    "nodeSelector",
    "tolerations",
    "effect",
    "key",
    "operator",
    "tolerationSeconds",
    "serviceAccountName",
    "serviceAccount",
    "priority",
    "preemptionPolicy",
    "enableServiceLinks",
    "phase",
    "conditions",
    "type",
    "reason",
    "message",
    "lastTransitionTime",
    "lastProbeTime",
    "lastUpdateTime",
    "lastHeartbeatTime",
    "observedGeneration",
    "containerStatuses",
    "initContainerStatuses",
    "ready",
    "started",
    "restartCount",
    "state",
    "lastState",
    "running",
    "waiting",
    "terminated",
    "startedAt",
    "finishedAt",
    "exitCode",
    "imageID",
    "containerID",
    "hostIP",
    "hostIPs",
    "podIP",
    "podIPs",
    "ip",
    "qosClass",
    "startTime",
    "readyReplicas",
    "availableReplicas",
    "updatedReplicas",
    "unavailableReplicas",
    "fullyLabeledReplicas",
    "terminatingReplicas",
    "holderIdentity",
    "renewTime",
    "leaseDurationSeconds",
    "fieldsV1",
    "fieldsType",
    "manager",
    "operation",
    "time",
    "subresource",
];

static COMMON_KEYS: LazyLock<BTreeMap<&'static str, Key>> =
    LazyLock::new(|| COMMON.iter().map(|name| (*name, Key::unshared(name))).collect());

/// A key of a map in a [`crate::Value`].
///
/// Cloning costs one reference count. Keys are ordered and compared by their text, never by where they live, so
/// that nothing depends on the order in which they were made.
#[derive(Clone)]
pub struct Key(Arc<Box<str>>);

impl Key {
    /// Makes a key; common Kubernetes field names share one allocation for the whole process.
    pub fn new(text: &str) -> Self {
        COMMON_KEYS.get(text).cloned().unwrap_or_else(|| Self::unshared(text))
    }

    fn unshared(text: &str) -> Self {
        Self(Arc::new(Box::from(text)))
    }

    /// Tells whether both are one key in memory.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Gives the key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

impl std::hash::Hash for Key {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
