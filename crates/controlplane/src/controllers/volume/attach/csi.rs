//! Attaching and detaching by VolumeAttachments, which a driver's attacher carries out (`pkg/volume/csi/csi_attacher.go`).

use super::Controller;
use super::actual::State;
use crate::constants::{CSI_POLL_FACTOR, CSI_POLL_JITTER, CSI_POLL_MAX, CSI_POLL_MIN, CSI_TIMEOUT};
use crate::kinds::{ATTACHMENTS, NODES};
use crate::machinery::DeleteOptions;
use crate::volumes::{attachment_name, needs_attach, split_unique_name};
use object::{ObjectExt, Text, Value, value};
use std::rc::Rc;

/// Tells whether a volume is attached; an error ends the wait (`verifyAttachmentStatus`).
fn is_attached(attachment: Option<&Value>) -> Result<bool, String> {
    // One that was just made may not be in the cache yet.
    let Some(attachment) = attachment else { return Ok(false) };
    if attachment.is_deleting() {
        return Err("volume attachment is being deleted".to_owned());
    }
    let status = &attachment["status"];
    match (status["attached"].bool(), status["attachError"]["message"].as_str()) {
        (true, _) => Ok(true),
        (false, Some(message)) => Err(message.to_owned()),
        (false, None) => Ok(false),
    }
}

/// Tells whether a volume is detached, which it is once its attachment is gone (`verifyDetachmentStatus`).
fn is_detached(attachment: Option<&Value>) -> Result<bool, String> {
    let Some(attachment) = attachment else { return Ok(true) };
    attachment["status"]["detachError"]["message"]
        .as_str()
        .map_or(Ok(false), |message| Err(message.to_owned()))
}

impl Controller {
    /// Gives the CSIDriver of a volume by the volume's unique name.
    pub(super) fn driver_of(&self, volume: &str) -> Option<Value> {
        self.drivers.get("", split_unique_name(volume)?.0)
    }

    /// Attaches a volume to a node.
    pub(super) async fn attach(self: Rc<Self>, volume: Text, spec: Value, node: Text) -> Result<(), String> {
        let outcome = self.try_attach(&spec, &node).await;
        // After an error nobody knows whether it is attached.
        self.actual.borrow_mut().mark(&volume, &spec, &node, outcome.is_ok());
        self.changed.notify_one();
        outcome
    }

    async fn try_attach(&self, spec: &Value, node: &str) -> Result<(), String> {
        let source = &spec["spec"]["csi"];
        let driver = source["driver"].str();
        let name = attachment_name(driver, source["volumeHandle"].str(), node);
        if self.attachments.get("", &name).is_none() {
            let attachment = value!({
                "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", "metadata": {"name": name.as_str()},
                "spec": {"attacher": driver, "nodeName": node, "source": {"persistentVolumeName": spec.name()}},
            });
            match self.client.create(&ATTACHMENTS, &attachment).await {
                Err(error) if !error.is_already_exists() => return Err(error.to_string()),
                _ => {}
            }
        }
        self.wait_for(&name, is_attached, "attach").await
    }

    /// Detaches a volume from a node, unless the node's newest status says that it uses it and that is to be verified.
    pub(super) async fn detach(
        self: Rc<Self>,
        volume: Text,
        spec: Value,
        node: Text,
        is_to_be_verified: bool,
    ) -> Result<(), String> {
        let outcome = self.try_detach(&volume, &node, is_to_be_verified).await;
        if outcome.is_ok() {
            self.actual.borrow_mut().remove(&volume, &node);
        } else {
            self.actual.borrow_mut().mark(&volume, &spec, &node, false);
        }
        self.changed.notify_one();
        outcome
    }

    async fn try_detach(&self, volume: &str, node: &str, is_to_be_verified: bool) -> Result<(), String> {
        if is_to_be_verified {
            match self.client.get(&NODES, "", node).await {
                Ok(live) if live["status"]["volumesInUse"].items().iter().any(|used| *used == volume) => {
                    return Err("volume is still in use by node, according to Node status".to_owned());
                }
                // A node that is gone uses nothing.
                Err(error) if !error.is_not_found() => return Err(error.to_string()),
                _ => {}
            }
        }
        let Some((driver, handle)) = split_unique_name(volume) else {
            return Err("volumeName missing expected data".to_owned());
        };
        let name = attachment_name(driver, handle, node);
        match self.client.delete(&ATTACHMENTS, "", &name, &DeleteOptions::default()).await {
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error.to_string()),
            Ok(_) => {}
        }
        self.wait_for(&name, is_detached, "detach").await
    }

    async fn wait_for(
        &self,
        name: &str,
        verify: fn(Option<&Value>) -> Result<bool, String>,
        what: &str,
    ) -> Result<(), String> {
        let ctx = self.context.sim();
        let deadline = ctx.now() + CSI_TIMEOUT;
        let mut pause = CSI_POLL_MIN;
        loop {
            let wait = ctx.choose_duration("csi-poll", name, pause, pause.mul_f64(1.0 + CSI_POLL_JITTER));
            if ctx.now() + wait > deadline {
                ctx.sleep_until(deadline).await;
                return Err(format!(
                    "timed out waiting for external-attacher of CSI driver to {what} volume"
                ));
            }
            ctx.sleep(wait).await;
            pause = pause.mul_f64(CSI_POLL_FACTOR).min(CSI_POLL_MAX);
            if verify(self.attachments.get("", name).as_ref())? {
                return Ok(());
            }
        }
    }

    /// Forgets volumes whose attachments no longer say that they are attached (`GenerateVolumesAreAttachedFunc`).
    pub(super) async fn verify_attachments(self: Rc<Self>) {
        let held = self.actual.borrow().all();
        for attached in held.iter().filter(|a| a.is_confirmed && !a.spec.is_null()) {
            let Some((driver, handle)) = split_unique_name(&attached.volume) else { continue };
            if !needs_attach(self.drivers.get("", driver).as_ref()) {
                continue;
            }
            let name = attachment_name(driver, handle, &attached.node);
            let attachment = match self.attachments.get("", &name) {
                Some(attachment) => Some(attachment),
                None => self.client.get(&ATTACHMENTS, "", &name).await.ok(),
            };
            let is_attached = attachment.is_some_and(|attachment| attachment["status"]["attached"].bool());
            let is_held = self.actual.borrow().state(&attached.volume, &attached.node) != State::Detached;
            if !is_attached && is_held {
                self.actual.borrow_mut().remove(&attached.volume, &attached.node);
                self.changed.notify_one();
            }
        }
    }
}
