//! Admission: what a new object needs of other objects, and gets from them.
//!
//! Upstream: the plugins NamespaceLifecycle, Priority, StorageObjectInUseProtection, DefaultStorageClass,
//! TaintNodesByCondition and PodTopologyLabels. Quotas come last and are in [`crate::quota`].

use crate::call::Call;
use crate::driver::{Driver, ReadAt};
use crate::edit::default_to;
use crate::status::Refusal;
use object::{GroupResource, ObjectExt, Value, value};
use schema::KubernetesVersion;

/// The first release that labels pods with the topology of their nodes by default.
const TOPOLOGY_LABELS_SINCE: KubernetesVersion = KubernetesVersion::V1_35;

/// The labels of nodes that pods inherit.
const TOPOLOGY_LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"];

const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

impl<D: Driver> Call<'_, D> {
    /// Changes or refuses a new object before the rules of its kind are asked.
    pub async fn admit(&self, object: &mut Value) -> Result<(), Refusal> {
        if self.resource.namespaced {
            self.check_namespace(object.name(), &self.storage).await?;
        }
        match (&*self.storage.group, &*self.storage.resource) {
            ("", "pods") => {
                self.set_priority(object).await?;
                let node = object["spec"]["nodeName"].str().to_owned();
                if !node.is_empty() {
                    for (key, text) in self.topology_labels(&node).await? {
                        default_to(object, &["metadata", "labels", key], text);
                    }
                }
            }
            ("", "persistentvolumeclaims") => {
                add_finalizer(object, "kubernetes.io/pvc-protection");
                self.set_storage_class(object).await?;
            }
            ("", "persistentvolumes") => add_finalizer(object, "kubernetes.io/pv-protection"),
            ("", "nodes") => taint_until_ready(object),
            _ => {}
        }
        Ok(())
    }

    /// Checks that the request's namespace exists and stays; `name` and `resource` are for the refusal.
    pub async fn check_namespace(&self, name: &str, resource: &GroupResource) -> Result<(), Refusal> {
        let namespaces = GroupResource::new("", "namespaces");
        let asked = &*self.request.namespace;
        let held = self.read_other(&namespaces, "", asked, ReadAt::Any).await?;
        let found = match held {
            Some(found) => found,
            None => {
                let read = self.read_other(&namespaces, "", asked, ReadAt::Latest).await?;
                read.ok_or_else(|| Refusal::not_found(&namespaces, asked))?
            }
        };
        if !found.is_deleting() && found["status"]["phase"] != "Terminating" {
            return Ok(());
        }
        let why = format!("unable to create new content in namespace {asked} because it is being terminated");
        Err(Refusal::forbidden(resource, name, &why).with_cause(value!({
            "reason": "NamespaceTerminating", "message": format!("namespace {asked} is being terminated"),
            "field": "metadata.namespace",
        })))
    }

    /// Gives a pod the number that its priority class stands for.
    async fn set_priority(&self, pod: &mut Value) -> Result<(), Refusal> {
        let classes = GroupResource::new("scheduling.k8s.io", "priorityclasses");
        let name = pod["spec"]["priorityClassName"].str().to_owned();
        let class = if name.is_empty() {
            let snapshot = self.list_other(&classes, ReadAt::Any).await?;
            let defaults = snapshot.list(&classes, None).filter(|class| class["globalDefault"].bool());
            // Of several the lowest wins.
            defaults.min_by_key(|class| class["value"].int()).cloned()
        } else {
            let found =
                self.read_other(&classes, "", &name, ReadAt::Any).await?.or_else(|| system_class(&name));
            let why = format!("no PriorityClass with name {name} was found");
            Some(found.ok_or_else(|| Refusal::forbidden(&self.storage, pod.name(), &why))?)
        };
        let (priority, policy) = match &class {
            Some(class) => (class["value"].int(), class["preemptionPolicy"].str()),
            None => (0, ""),
        };
        let policy = if policy.is_empty() { "PreemptLowerPriority" } else { policy };
        self.check_priority(pod, priority, policy)?;
        if let (true, Some(class)) = (name.is_empty(), &class) {
            pod.set(&["spec", "priorityClassName"], class.name());
        }
        pod.set(&["spec", "priority"], priority);
        pod.set(&["spec", "preemptionPolicy"], policy);
        Ok(())
    }

    fn check_priority(&self, pod: &Value, priority: i64, policy: &str) -> Result<(), Refusal> {
        let spec = &pod["spec"];
        let refuse = |why: String| Err(Refusal::forbidden(&self.storage, pod.name(), &why));
        if spec["priority"].as_i64().is_some_and(|asked| asked != priority) {
            return refuse(format!(
                "the integer value of priority ({}) must not be provided in pod spec; priority admission controller \
                 computed {priority} from the given PriorityClass name",
                spec["priority"].int()
            ));
        }
        if spec["preemptionPolicy"].as_str().is_some_and(|asked| asked != policy) {
            return refuse(format!(
                "the string value of PreemptionPolicy ({}) must not be provided in pod spec; priority admission \
                 controller computed {policy} from the given PriorityClass name",
                spec["preemptionPolicy"].str()
            ));
        }
        Ok(())
    }

    /// Gives a claim that names no class the default one, if there is one.
    async fn set_storage_class(&self, claim: &mut Value) -> Result<(), Refusal> {
        let old_form = claim.annotation("volume.beta.kubernetes.io/storage-class").is_some();
        if !claim["spec"]["storageClassName"].is_null() || old_form {
            return Ok(());
        }
        let classes = GroupResource::new("storage.k8s.io", "storageclasses");
        let snapshot = self.list_other(&classes, ReadAt::Any).await?;
        let defaults =
            snapshot.list(&classes, None).filter(|class| class.annotation(DEFAULT_CLASS) == Some("true"));
        // Of several the newest wins, and of equally new ones the first by name.
        let created = |class: &Value| class["metadata"]["creationTimestamp"].str().to_owned();
        let best = defaults.reduce(|best, next| if created(next) > created(best) { next } else { best });
        if let Some(class) = best {
            claim.set(&["spec", "storageClassName"], class.name());
        }
        Ok(())
    }

    /// Gives the labels that pods on a node inherit; none if the node is not there.
    pub async fn topology_labels(&self, node: &str) -> Result<Vec<(&'static str, Value)>, Refusal> {
        if self.server.version() < TOPOLOGY_LABELS_SINCE {
            return Ok(Vec::new());
        }
        let nodes = GroupResource::new("", "nodes");
        let found = self.read_other(&nodes, "", node, ReadAt::Any).await?.unwrap_or_default();
        let labels = TOPOLOGY_LABELS.into_iter().map(|key| (key, found.labels()[key].clone()));
        Ok(labels.filter(|(_, text)| !text.is_null()).collect())
    }
}

/// The two classes that every cluster has; a real server creates them when it starts.
fn system_class(name: &str) -> Option<Value> {
    let number: i64 = match name {
        "system-node-critical" => 2_000_001_000,
        "system-cluster-critical" => 2_000_000_000,
        _ => return None,
    };
    Some(value!({"metadata": {"name": name}, "value": number}))
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    if !object.has_finalizer(finalizer) {
        object.push(&["metadata", "finalizers"], finalizer);
    }
}

/// Nothing is scheduled to a node before its controller has seen that it is ready.
fn taint_until_ready(node: &mut Value) {
    let taint = value!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"});
    let same = |found: &Value| found["key"] == taint["key"] && found["effect"] == taint["effect"];
    if !node["spec"]["taints"].items().iter().any(same) {
        node.push(&["spec", "taints"], taint);
    }
}
