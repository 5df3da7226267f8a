//! The attacher of volumes, a process of its own, as the external attachers of CSI drivers are
//! (`kubernetes-csi/external-attacher`, `pkg/controller/csi_handler.go`).
//!
//! It knows the attachments, volumes and drivers that its watches show; how long the storage behind it takes, and
//! whether it fails, is drawn.

use crate::behaviour::Span;
use crate::constants::{
    ATTACHER_BURST, ATTACHER_QPS, ATTACHER_RETRY_MAX, ATTACHER_RETRY_MIN, ATTACHER_TIMEOUT,
};
use crate::kinds::{ATTACHMENTS, CSIDRIVERS, VOLUMES};
use crate::machinery::{
    ApiError, Client, Informer, ListScope, Lister, Notification, Transport, WorkQueue, run_workers,
};
use crate::provisioner::StorageConfig;
use object::{ObjectExt, Time, Value, value};
use sim::Ctx;
use std::rc::Rc;

/// The name of the process.
pub(crate) const NAME: &str = "csi-attacher";
/// On an attachment: by what name the driver knows the node.
const NODE_ID: &str = "csi.alpha.kubernetes.io/node-id";
const WORKERS: usize = 10;
const PPM: u64 = 1_000_000;

/// Why a volume could not be attached or detached.
#[derive(Debug, thiserror::Error)]
enum AttachError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("persistentvolume \"{0}\" not found")]
    NoVolume(String),
    #[error("PersistentVolume \"{0}\" is marked for deletion")]
    VolumeDeleting(String),
    #[error("rpc error: code = DeadlineExceeded desc = context deadline exceeded")]
    TooSlow,
    #[error("rpc error: code = Internal desc = the storage failed to {0} the volume")]
    Storage(&'static str),
}

struct Attacher {
    ctx: Ctx,
    client: Rc<Client>,
    config: StorageConfig,
    attachments: Lister,
    volumes: Lister,
    drivers: Lister,
}

/// Runs the attacher in its process.
pub(crate) async fn run(ctx: Ctx, transport: Rc<Transport>, config: StorageConfig) {
    let client = Client::new(&ctx, &transport, NAME, ATTACHER_QPS, ATTACHER_BURST);
    let lister = |resource| Informer::start(&ctx, &client, resource, ListScope::default()).lister();
    let attacher = Rc::new(Attacher {
        ctx: ctx.clone(),
        config,
        attachments: lister(&ATTACHMENTS),
        volumes: lister(&VOLUMES),
        drivers: lister(&CSIDRIVERS),
        client: client.clone(),
    });
    let queue = |name| WorkQueue::with_backoff(&ctx, name, ATTACHER_RETRY_MIN, ATTACHER_RETRY_MAX);
    let (attachments, volumes) = (queue("attachments"), queue("volumes"));
    attacher.watch(&attachments, &volumes);
    for lister in [&attacher.attachments, &attacher.volumes, &attacher.drivers] {
        lister.informer().wait_for_sync().await;
    }
    let syncing = attacher.clone();
    run_workers(&ctx, &attachments, WORKERS, move |name: String| {
        let attacher = syncing.clone();
        async move { attacher.sync(&name).await }
    });
    let freeing = attacher.clone();
    run_workers(&ctx, &volumes, WORKERS, move |name: String| {
        let attacher = freeing.clone();
        async move { attacher.free(&name).await }
    });
    std::future::pending::<()>().await;
}

fn volume_of(attachment: &Value) -> &str {
    attachment["spec"]["source"]["persistentVolumeName"].str()
}

/// Gives the finalizer by which a driver's attacher holds attachments and volumes.
fn finalizer(driver: &str) -> String {
    format!("external-attacher/{}", driver.replace('/', "-"))
}

/// Tells whether anything but the attacher's own note of an error changed (`shouldEnqueueVAChange`).
fn is_news(old: &Value, new: &Value) -> bool {
    let without = |attachment: &Value| {
        let mut rest = attachment.clone();
        rest.remove(&["metadata", "resourceVersion"]);
        rest.remove(&["status", "attachError"]);
        rest.remove(&["status", "detachError"]);
        rest
    };
    old.revision() == new.revision() || without(old) != without(new)
}

impl Attacher {
    fn watch(&self, attachments: &Rc<WorkQueue<String>>, volumes: &Rc<WorkQueue<String>>) {
        let (adding, freeing) = (attachments.clone(), volumes.clone());
        self.attachments.informer().handle(move |notification| match notification {
            Notification::Update(old, new) if !is_news(old, new) => {}
            Notification::Delete(gone) => freeing.add(volume_of(gone).to_owned()),
            other => adding.add(other.object().name().to_owned()),
        });
        let freeing = volumes.clone();
        self.volumes.informer().handle(move |notification| {
            if !matches!(notification, Notification::Delete(_)) {
                freeing.add(notification.object().name().to_owned());
            }
        });
        let (adding, known) = (attachments.clone(), self.attachments.clone());
        self.drivers.informer().handle(move |notification| {
            if matches!(notification, Notification::Add(_)) {
                known.list().iter().for_each(|attachment| adding.add(attachment.name().to_owned()));
            }
        });
    }

    async fn sync(&self, name: &str) -> Result<(), AttachError> {
        let Some(attachment) = self.attachments.get("", name) else { return Ok(()) };
        if !self.config.serves(attachment["spec"]["attacher"].str(), &self.drivers) {
            return Ok(());
        }
        let is_leaving = attachment.is_deleting();
        let outcome = match is_leaving {
            true if !attachment.has_finalizer(&finalizer(attachment["spec"]["attacher"].str())) => {
                return Ok(());
            }
            true => self.detach(&attachment).await,
            false if attachment["status"]["attached"].bool() => return Ok(()),
            false => self.attach(&attachment).await,
        };
        let Err(error) = outcome else { return Ok(()) };
        let field = if is_leaving { "detachError" } else { "attachError" };
        let note = value!({"message": error.to_string(), "time": Time::from_nanos(self.ctx.wall())});
        let patch = value!({"status": {field: note}});
        if let Err(unsaved) = self.client.merge_patch(&ATTACHMENTS, "", name, "status", patch).await {
            self.ctx.trace("attach-error-unsaved", name, || unsaved.to_string());
        }
        Err(error)
    }

    async fn attach(&self, attachment: &Value) -> Result<(), AttachError> {
        let name = attachment.name();
        let finalizer = finalizer(attachment["spec"]["attacher"].str());
        let volume = self.volume(attachment)?;
        if volume.is_deleting() {
            return Err(AttachError::VolumeDeleting(volume.name().to_owned()));
        }
        if !volume.has_finalizer(&finalizer) {
            let patch = value!({"metadata": {"finalizers": with(&volume, &finalizer)}});
            self.client.merge_patch(&VOLUMES, "", volume.name(), "", patch).await?;
        }
        if !attachment.has_finalizer(&finalizer) {
            let patch = value!({"metadata": {
                "finalizers": with(attachment, &finalizer),
                "annotations": {NODE_ID: &attachment["spec"]["nodeName"]},
            }});
            self.client.merge_patch(&ATTACHMENTS, "", name, "", patch).await?;
        }
        self.ask("attach", name, self.config.attach, self.config.attach_failure_ppm).await?;
        let patch = value!({"status": {"attached": true, "attachError": null}});
        self.client.merge_patch(&ATTACHMENTS, "", name, "status", patch).await?;
        Ok(())
    }

    async fn detach(&self, attachment: &Value) -> Result<(), AttachError> {
        let name = attachment.name();
        self.volume(attachment)?;
        self.ask("detach", name, self.config.detach, self.config.detach_failure_ppm).await?;
        let patch = value!({"status": {"attached": false, "detachError": null}});
        self.client.merge_patch(&ATTACHMENTS, "", name, "status", patch).await?;
        let finalizer = finalizer(attachment["spec"]["attacher"].str());
        let patch = value!({"metadata": {"finalizers": without(attachment, &finalizer)}});
        match self.client.merge_patch(&ATTACHMENTS, "", name, "", patch).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Lets go of a volume that is being deleted once no attachment names it (`SyncNewOrUpdatedPersistentVolume`).
    async fn free(&self, name: &str) -> Result<(), ApiError> {
        let Some(volume) = self.volumes.get("", name).filter(ObjectExt::is_deleting) else { return Ok(()) };
        let finalizer = finalizer(volume["spec"]["csi"]["driver"].str());
        let is_needed = self.attachments.list().iter().any(|attachment| volume_of(attachment) == name);
        if !volume.has_finalizer(&finalizer) || is_needed {
            return Ok(());
        }
        let patch = value!({"metadata": {"finalizers": without(&volume, &finalizer)}});
        match self.client.merge_patch(&VOLUMES, "", name, "", patch).await {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    fn volume(&self, attachment: &Value) -> Result<Value, AttachError> {
        let name = volume_of(attachment);
        self.volumes.get("", name).ok_or_else(|| AttachError::NoVolume(name.to_owned()))
    }

    /// Asks the storage, which takes its time and may fail.
    async fn ask(
        &self,
        what: &'static str,
        attachment: &str,
        span: Span,
        failure_ppm: u64,
    ) -> Result<(), AttachError> {
        let (time, chance) = if what == "attach" {
            ("volume-attach", "attach-fails")
        } else {
            ("volume-detach", "detach-fails")
        };
        let takes = self.ctx.choose_duration(time, attachment, span.min, span.max);
        let fails = failure_ppm > 0 && self.ctx.choose(chance, attachment, PPM) < failure_ppm;
        self.ctx.sleep(takes.min(ATTACHER_TIMEOUT)).await;
        match () {
            () if takes > ATTACHER_TIMEOUT => Err(AttachError::TooSlow),
            () if fails => Err(AttachError::Storage(what)),
            () => Ok(()),
        }
    }
}

fn with(object: &Value, finalizer: &str) -> Value {
    let present = object["metadata"]["finalizers"].items().iter().cloned();
    present.chain([Value::from(finalizer)]).collect()
}

fn without(object: &Value, finalizer: &str) -> Value {
    let kept: Value =
        object["metadata"]["finalizers"].items().iter().filter(|f| **f != finalizer).cloned().collect();
    if kept.is_empty() { Value::Null } else { kept }
}
