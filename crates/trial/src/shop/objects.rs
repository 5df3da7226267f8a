//! Manifests of the shop's objects, as a person would write them.

use controlplane::behaviour::Target;
use object::{Value, value};

/// The driver whose volumes lie on the disks of nodes.
pub(crate) const DISK_DRIVER: &str = "disk.csi.example";
/// The driver of the archive.
pub(crate) const ARCHIVE_DRIVER: &str = "archive.csi.example";
/// The class of volumes on the disks of nodes.
pub(crate) const DISK_CLASS: &str = "node-disk";
/// The class of the archive's volumes.
pub(crate) const ARCHIVE_CLASS: &str = "archive";
/// The label by which nodes are told apart.
const POOL: &str = "pool";

/// Where pods may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pool {
    /// Nodes for what keeps no data.
    General,
    /// Nodes for the database, one replica each.
    Data,
    /// Nodes for everything else that keeps data or a record.
    Files,
}

impl Pool {
    /// Gives the value of the label.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Data => "data",
            Self::Files => "files",
        }
    }

    /// Gives the labels of its nodes.
    pub(crate) fn labels(self) -> Value {
        value!({POOL: self.name()})
    }
}

/// Gives a namespace.
pub(crate) fn namespace(name: &str) -> Value {
    value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// Gives the first version of a workload's image.
pub(crate) fn image(name: &str, version: &str) -> String {
    format!("registry.example/{name}:{version}")
}

/// Gives the container of a workload's template under another version: merge patches replace lists whole.
pub(crate) fn container(name: &str, version: &str) -> Value {
    let template = template(name, Pool::General);
    template["spec"]["containers"].items()[0].clone().with(&["image"], image(name, version))
}

/// Names the containers of an app, whatever their version.
pub(crate) fn of_app(name: &str) -> Target {
    Target { label: Some(("app".into(), name.into())), ..Target::default() }
}

/// Gives a pod template with one container that is probed.
pub(crate) fn template(name: &str, pool: Pool) -> Value {
    value!({
        "metadata": {"labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 10,
            "nodeSelector": pool.labels(),
            "tolerations": patience(),
            "containers": [{
                "name": "app", "image": image(name, "1.0.0"),
                "ports": [{"name": "http", "containerPort": 8080}],
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
                "resources": {
                    "requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "256Mi"},
                },
            }],
        },
    })
}

/// Gives the tolerations that the API server's admission adds to every pod (`DefaultTolerationSeconds`).
fn patience() -> Value {
    ["not-ready", "unreachable"]
        .iter()
        .map(|what| {
            value!({"key": format!("node.kubernetes.io/{what}"), "operator": "Exists", "effect": "NoExecute",
                "tolerationSeconds": 300})
        })
        .collect()
}

/// Gives a Deployment.
pub(crate) fn deployment(namespace: &str, name: &str, replicas: i64, template: Value) -> Value {
    value!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template},
    })
}

/// Gives a StatefulSet with a claim for each replica, no two replicas on one node.
pub(crate) fn stateful_set(namespace: &str, name: &str, replicas: i64, pool: Pool) -> Value {
    let apart = value!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": "kubernetes.io/hostname"},
    ]}});
    let template = template(name, pool).with(&["spec", "affinity"], apart);
    let wanted = claim(namespace, "data", DISK_CLASS);
    value!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": template,
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": &wanted["spec"]}],
        },
    })
}

/// Gives a claim.
pub(crate) fn claim(namespace: &str, name: &str, class: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class,
            "resources": {"requests": {"storage": "10Gi"}},
        },
    })
}

/// Lets a template mount a claim.
pub(crate) fn mounting(template: Value, claim: &str) -> Value {
    template
        .with(&["spec", "volumes"], value!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]))
}

/// Gives a Service for the pods of a workload; `http` leads to the container's port.
pub(crate) fn service(namespace: &str, name: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    })
}

/// Gives a Service that only stands for a name elsewhere.
pub(crate) fn elsewhere(namespace: &str, name: &str, host: &str) -> Value {
    value!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": namespace},
        "spec": {"type": "ExternalName", "externalName": host, "ports": [{"name": "http", "port": 80}]},
    })
}

/// Gives an Ingress with one path for each Service.
pub(crate) fn ingress(namespace: &str, host: &str, paths: &[(String, String)]) -> Value {
    let paths: Value = paths
        .iter()
        .map(|(path, service)| {
            value!({"path": path.as_str(), "pathType": "Prefix",
                "backend": {"service": {"name": service.as_str(), "port": {"name": "http"}}}})
        })
        .collect();
    value!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress",
        "metadata": {"name": "front", "namespace": namespace},
        "spec": {"ingressClassName": "public", "rules": [{"host": host, "http": {"paths": paths}}]},
    })
}

/// Gives a Job of one pod.
pub(crate) fn job(namespace: &str, name: &str, retries: i64, mut template: Value) -> Value {
    template.set(&["spec", "restartPolicy"], "Never");
    value!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": namespace},
        "spec": {"backoffLimit": retries, "template": template},
    })
}

/// Gives an agent for every node.
pub(crate) fn agent(namespace: &str, name: &str) -> Value {
    let mut template = template(name, Pool::General);
    template.remove(&["spec", "nodeSelector"]);
    value!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": name, "namespace": namespace},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template},
    })
}

/// Gives a budget for the pods of a workload.
pub(crate) fn budget(namespace: &str, name: &str, available_min: i64) -> Value {
    value!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name, "namespace": namespace},
        "spec": {"minAvailable": available_min, "selector": {"matchLabels": {"app": name}}},
    })
}

/// Gives the objects that make volumes and routes possible.
pub(crate) fn classes() -> Vec<Value> {
    let class = |name: &str, driver: &str| {
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name},
            "provisioner": driver, "reclaimPolicy": "Delete", "volumeBindingMode": "WaitForFirstConsumer",
        })
    };
    let driver = |name: &str| {
        value!({
            "apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": name},
            "spec": {"attachRequired": false},
        })
    };
    vec![
        driver(DISK_DRIVER),
        driver(ARCHIVE_DRIVER),
        class(DISK_CLASS, DISK_DRIVER),
        class(ARCHIVE_CLASS, ARCHIVE_DRIVER),
        value!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": "public"},
            "spec": {"controller": "example.com/ingress"},
        }),
    ]
}
