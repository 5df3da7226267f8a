//! The provisioner of volumes, a process of its own, as the external provisioners of CSI drivers are
//! (`sigs.k8s.io/sig-storage-lib-external-provisioner`).
//!
//! It knows the claims, volumes and drivers that its watches show; how long the storage behind it takes is drawn. It
//! makes a volume under a name that follows from the claim's uid, so that a crash between two steps makes no second one.

use crate::behaviour::Span;
use crate::constants::{PROVISIONER_BURST, PROVISIONER_QPS, PROVISIONER_RETRY_MAX, PROVISIONER_RETRY_MIN};
use crate::kinds::{ATTACHMENTS, CLAIMS, CSIDRIVERS, NODES, STORAGECLASSES, VOLUMES};
use crate::machinery::{
    ApiError, Client, DeleteOptions, Informer, ListScope, Lister, ObjectKey, Transport, WorkQueue,
    run_workers,
};
use crate::volumes::{PROVISIONED_BY, PROVISIONER, PROVISIONER_BETA, SELECTED_NODE, class_of, mode_of};
use object::{ObjectExt, Value, value};
use sim::Ctx;
use std::rc::Rc;

/// The name of the process.
pub(crate) const NAME: &str = "csi-provisioner";
/// Keeps a volume that is to be deleted until the storage behind it is gone (KEP-2644).
const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
const WORKERS: usize = 10;

/// From where volumes can be reached that are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// From every node.
    #[default]
    Anywhere,
    /// From the nodes of the selected node's zone.
    Zone,
    /// From the selected node alone, as local volumes are.
    Node,
}

/// How volumes are made and attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageConfig {
    /// Drivers that are installed although no CSIDriver object says so.
    pub installed: Vec<String>,
    /// From where the volumes can be reached.
    pub reach: Reach,
    /// How long the making of a volume takes.
    pub create: Span,
    /// How long the deletion of a volume takes.
    pub delete: Span,
    /// How long a volume's attachment to a node takes; what takes over 15 s fails.
    pub attach: Span,
    /// How long a volume's detachment from a node takes; what takes over 15 s fails.
    pub detach: Span,
    /// How many attachments fail, out of a million.
    pub attach_failure_ppm: u64,
    /// How many detachments fail, out of a million.
    pub detach_failure_ppm: u64,
}

impl StorageConfig {
    /// Tells whether a driver's provisioner and attacher run, given the CSIDriver objects that they see.
    pub(crate) fn serves(&self, driver: &str, drivers: &Lister) -> bool {
        self.installed.iter().any(|name| name == driver) || drivers.get("", driver).is_some()
    }
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            installed: Vec::new(),
            reach: Reach::Anywhere,
            create: Span::secs(1, 5),
            delete: Span::secs(1, 5),
            attach: Span::secs(1, 5),
            detach: Span::secs(1, 5),
            attach_failure_ppm: 0,
            detach_failure_ppm: 0,
        }
    }
}

struct Provisioner {
    ctx: Ctx,
    client: Rc<Client>,
    config: StorageConfig,
    claims: Lister,
    volumes: Lister,
    classes: Lister,
    drivers: Lister,
    nodes: Lister,
    attachments: Lister,
}

/// Why a volume is not deleted yet.
#[derive(Debug, thiserror::Error)]
enum DeleteError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("persistentvolume {volume} is still attached to node {node}")]
    Attached { volume: String, node: String },
}

/// Runs the provisioner in its process.
pub(crate) async fn run(ctx: Ctx, transport: Rc<Transport>, config: StorageConfig) {
    let client = Client::new(&ctx, &transport, NAME, PROVISIONER_QPS, PROVISIONER_BURST);
    let lister = |resource| Informer::start(&ctx, &client, resource, ListScope::default()).lister();
    let provisioner = Rc::new(Provisioner {
        ctx: ctx.clone(),
        config,
        claims: lister(&CLAIMS),
        volumes: lister(&VOLUMES),
        classes: lister(&STORAGECLASSES),
        drivers: lister(&CSIDRIVERS),
        nodes: lister(&NODES),
        attachments: lister(&ATTACHMENTS),
        client: client.clone(),
    });
    let queue = |name| WorkQueue::with_backoff(&ctx, name, PROVISIONER_RETRY_MIN, PROVISIONER_RETRY_MAX);
    let (claims, volumes) = (queue("claims"), queue("volumes"));
    let adding = claims.clone();
    provisioner.claims.informer().handle(move |n| adding.add(ObjectKey::of(n.object())));
    let adding = volumes.clone();
    provisioner.volumes.informer().handle(move |n| adding.add(ObjectKey::of(n.object())));
    let (adding, known) = (claims.clone(), provisioner.claims.clone());
    provisioner.drivers.informer().handle(move |_| {
        known.list().iter().for_each(|claim| adding.add(ObjectKey::of(claim)));
    });
    let all = [
        &provisioner.claims,
        &provisioner.volumes,
        &provisioner.classes,
        &provisioner.drivers,
        &provisioner.nodes,
        &provisioner.attachments,
    ];
    for lister in all {
        lister.informer().wait_for_sync().await;
    }
    let making = provisioner.clone();
    run_workers(&ctx, &claims, WORKERS, move |key| {
        let provisioner = making.clone();
        async move { provisioner.provision(&key).await }
    });
    let deleting = provisioner.clone();
    run_workers(&ctx, &volumes, WORKERS, move |key: ObjectKey| {
        let provisioner = deleting.clone();
        async move { provisioner.delete(&key.name).await }
    });
    std::future::pending::<()>().await;
}

impl Provisioner {
    fn is_installed(&self, driver: &str) -> bool {
        self.config.serves(driver, &self.drivers)
    }

    async fn draw(&self, site: &'static str, entity: &str, span: Span) {
        self.ctx.sleep(self.ctx.choose_duration(site, entity, span.min, span.max)).await;
    }

    // ----- making -----

    /// Makes the volume of a claim that asks one of the installed drivers for it.
    async fn provision(&self, key: &ObjectKey) -> Result<(), ApiError> {
        let Some(claim) = self.claims.get_key(key) else { return Ok(()) };
        let asked = claim.annotation(PROVISIONER).or_else(|| claim.annotation(PROVISIONER_BETA));
        let Some(driver) = asked.filter(|driver| self.is_installed(driver)) else { return Ok(()) };
        let Some(class) = self.classes.get("", class_of(&claim)) else { return Ok(()) };
        let selected = claim.annotation(SELECTED_NODE).filter(|node| !node.is_empty());
        let waits = class["volumeBindingMode"] == "WaitForFirstConsumer" && selected.is_none();
        let name = format!("pvc-{}", claim.uid());
        let is_made = self.volumes.get("", &name).is_some();
        if !claim["spec"]["volumeName"].str().is_empty() || claim.is_deleting() || waits || is_made {
            return Ok(());
        }
        let node = match selected {
            Some(selected) => match self.nodes.get("", selected) {
                Some(node) => Some(node),
                None => return self.ask_for_another_node(&claim).await,
            },
            None => self.any_node(&name),
        };
        self.draw("volume-create", &claim.full_name(), self.config.create).await;
        let volume = self.volume_for(&claim, &class, driver, node.as_ref());
        match self.client.create(&VOLUMES, &volume).await {
            Err(error) if error.is_already_exists() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Gives a node for a volume that is bound before any pod has one.
    fn any_node(&self, volume: &str) -> Option<Value> {
        let nodes = self.nodes.list();
        if nodes.is_empty() {
            return None;
        }
        let at = self.ctx.choose("volume-place", volume, nodes.len() as u64);
        usize::try_from(at).ok().and_then(|at| nodes.get(at).cloned())
    }

    /// Lets the scheduler choose anew when the node it chose is gone.
    async fn ask_for_another_node(&self, claim: &Value) -> Result<(), ApiError> {
        let mut next = claim.clone();
        next.remove(&["metadata", "annotations", SELECTED_NODE]);
        self.client.update(&CLAIMS, &next).await.map(|_| ())
    }

    fn volume_for(&self, claim: &Value, class: &Value, driver: &str, node: Option<&Value>) -> Value {
        let name = format!("pvc-{}", claim.uid());
        let policy = class["reclaimPolicy"].as_str().unwrap_or("Delete");
        let mut volume = value!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": {"name": name.as_str(), "annotations": {PROVISIONED_BY: driver}},
            "spec": {
                "capacity": {"storage": &claim["spec"]["resources"]["requests"]["storage"]},
                "accessModes": &claim["spec"]["accessModes"], "persistentVolumeReclaimPolicy": policy,
                "storageClassName": class.name(), "volumeMode": mode_of(claim),
                "csi": {"driver": driver, "volumeHandle": name.as_str()},
                "claimRef": {
                    "kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": claim.namespace(),
                    "name": claim.name(), "uid": claim.uid(),
                    "resourceVersion": &claim["metadata"]["resourceVersion"],
                },
            },
        });
        volume.set_or_omit(&["spec", "mountOptions"], &class["mountOptions"]);
        if policy == "Delete" {
            volume.push(&["metadata", "finalizers"], FINALIZER);
        }
        let label = match self.config.reach {
            Reach::Anywhere => return volume,
            Reach::Zone => "topology.kubernetes.io/zone",
            Reach::Node => "kubernetes.io/hostname",
        };
        if let Some(place) = node.and_then(|node| node.label(label)) {
            let term = value!({"matchExpressions": [{"key": label, "operator": "In", "values": [place]}]});
            volume.set(&["spec", "nodeAffinity", "required", "nodeSelectorTerms"], vec![term]);
        }
        volume
    }

    // ----- deleting -----

    /// Deletes a volume that its claim has left, if that is its policy and one of our drivers made it.
    async fn delete(&self, name: &str) -> Result<(), DeleteError> {
        let Some(volume) = self.volumes.get("", name) else { return Ok(()) };
        let is_ours = volume.annotation(PROVISIONED_BY).is_some_and(|driver| self.is_installed(driver));
        let is_wanted_gone = volume["status"]["phase"] == "Released"
            && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete";
        if !is_ours || !is_wanted_gone || (volume.is_deleting() && !volume.has_finalizer(FINALIZER)) {
            return Ok(());
        }
        let attachments = self.attachments.list();
        let is_its = |a: &&Value| a["spec"]["source"]["persistentVolumeName"] == name;
        if let Some(attachment) = attachments.iter().find(is_its) {
            let node = attachment["spec"]["nodeName"].str().to_owned();
            return Err(DeleteError::Attached { volume: name.to_owned(), node });
        }
        self.draw("volume-delete", name, self.config.delete).await;
        let options = DeleteOptions { uid: Some(volume.uid().into()), ..DeleteOptions::default() };
        let marked = match self.client.delete(&VOLUMES, "", name, &options).await {
            Ok(marked) => marked,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let finalizers = marked["metadata"]["finalizers"].items();
        if !finalizers.iter().any(|finalizer| *finalizer == FINALIZER) {
            return Ok(());
        }
        let kept: Vec<Value> = finalizers.iter().filter(|f| **f != FINALIZER).cloned().collect();
        let mut next = marked.clone();
        next.set_or_omit(&["metadata", "finalizers"], Value::from(kept));
        match self.client.update(&VOLUMES, &next).await {
            Err(error) if error.is_not_found() => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }
}
