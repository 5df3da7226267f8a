//! Map keys: shared strings, compared by pointer and by their first letters before anything else.

use std::cmp::Ordering;
use std::sync::{Arc, LazyLock};

/// The field names that occur in nearly every object; keys made from them share one allocation for the whole process,
/// and so do keys of managed fields (`f:name`) made from them.
const COMMON: &str = "
    apiVersion kind metadata spec status name namespace uid resourceVersion generation creationTimestamp
    deletionTimestamp deletionGracePeriodSeconds labels annotations ownerReferences finalizers generateName
    managedFields controller blockOwnerDeletion replicas selector matchLabels matchExpressions template
    containers initContainers image imagePullPolicy ports containerPort protocol resources limits requests
    cpu memory storage env value valueFrom volumeMounts mountPath volumes readinessProbe livenessProbe
    startupProbe terminationMessagePath terminationMessagePolicy restartPolicy terminationGracePeriodSeconds
    dnsPolicy securityContext schedulerName nodeName nodeSelector tolerations effect key operator values
    tolerationSeconds serviceAccountName serviceAccount priority priorityClassName preemptionPolicy
    enableServiceLinks hostname subdomain affinity topologySpreadConstraints phase conditions type reason
    message lastTransitionTime lastProbeTime lastUpdateTime lastHeartbeatTime observedGeneration
    containerStatuses initContainerStatuses ready started restartCount state lastState running waiting
    terminated startedAt finishedAt exitCode imageID containerID hostIP hostIPs podIP podIPs ip qosClass
    startTime readyReplicas availableReplicas updatedReplicas unavailableReplicas fullyLabeledReplicas
    terminatingReplicas currentReplicas holderIdentity acquireTime renewTime leaseDurationSeconds
    leaseTransitions fieldsV1 fieldsType manager operation time subresource command args workingDir
    configMap secret projected sources items path mode defaultMode serviceAccountToken expirationSeconds
    downwardAPI fieldRef fieldPath emptyDir hostPath persistentVolumeClaim claimName readOnly httpGet
    tcpSocket exec port scheme timeoutSeconds periodSeconds successThreshold failureThreshold
    initialDelaySeconds secretName data targetPort clusterIP clusterIPs addresses endpoints serving
    terminating targetRef capacity allocatable nodeInfo images accessModes volumeName storageClassName
    volumeMode strategy rollingUpdate maxSurge maxUnavailable revisionHistoryLimit progressDeadlineSeconds
    involvedObject source component firstTimestamp lastTimestamp eventTime count reportingComponent
    reportingInstance regarding note app pod-template-hash .
";

/// A key of a map in a [`crate::Value`].
///
/// Cloning costs one reference count. Keys are ordered and compared by their text, never by where they live, so
/// that nothing depends on the order in which they were made.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    prefix: Prefix,
    text: Box<str>,
}

/// The first eight bytes of a key, which compare as numbers the way the text compares, and most often decide.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Prefix(u64);

impl Prefix {
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        Self(match bytes.first_chunk::<8>() {
            Some(chunk) => u64::from_be_bytes(*chunk),
            None => bytes.iter().rev().fold(0, |number, byte| (number >> 8) | (u64::from(*byte) << 56)),
        })
    }
}

/// The common keys by hash: open addressing, so that a miss costs about as little as a hit.
struct Common {
    slots: Vec<Option<Key>>,
}

static COMMON_KEYS: LazyLock<Common> = LazyLock::new(|| {
    let mut common = Common { slots: vec![None; Common::SLOTS] };
    for name in COMMON.split_whitespace() {
        common.add(name);
        common.add(&format!("f:{name}"));
    }
    common
});

impl Common {
    /// A power of two, more than twice the number of keys.
    const SLOTS: usize = 2048;

    fn slot(prefix: Prefix, text: &str) -> usize {
        let last = text.as_bytes().last_chunk::<8>().map_or(0, |chunk| u64::from_le_bytes(*chunk));
        let mixed = (prefix.0 ^ last.rotate_left(29) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (64 - Self::SLOTS.ilog2())) as usize
    }

    fn add(&mut self, text: &str) {
        let key = Key::unshared(Prefix::of(text), text);
        let mut slot = Self::slot(key.0.prefix, text);
        while self.slots[slot].is_some() {
            slot = (slot + 1) % Self::SLOTS;
        }
        self.slots[slot] = Some(key);
    }

    fn get(&self, prefix: Prefix, text: &str) -> Option<Key> {
        let mut slot = Self::slot(prefix, text);
        loop {
            let key = self.slots[slot].as_ref()?;
            if key.0.prefix == prefix && &*key.0.text == text {
                return Some(key.clone());
            }
            slot = (slot + 1) % Self::SLOTS;
        }
    }
}

impl Key {
    /// Makes a key; common Kubernetes field names share one allocation for the whole process.
    pub fn new(text: &str) -> Self {
        let prefix = Prefix::of(text);
        COMMON_KEYS.get(prefix, text).unwrap_or_else(|| Self::unshared(prefix, text))
    }

    fn unshared(prefix: Prefix, text: &str) -> Self {
        Self(Arc::new(Inner { prefix, text: Box::from(text) }))
    }

    /// Tells whether both are one key in memory.
    pub(crate) fn is_identical(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Compares with a text whose prefix is known.
    pub(crate) fn compare(&self, prefix: Prefix, text: &str) -> Ordering {
        // The prefixes of "a" and "a\0" are equal; then the texts decide.
        self.0.prefix.cmp(&prefix).then_with(|| self.as_str().cmp(text))
    }

    /// Gives the key's text.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.is_identical(other) || (self.0.prefix == other.0.prefix && self.0.text == other.0.text)
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
        if self.is_identical(other) { Ordering::Equal } else { self.compare(other.0.prefix, other.as_str()) }
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
