//! The attachable volumes that a node uses, and what its status says of them (`pkg/kubelet/volumemanager`).
//!
//! A volume is in use from when a pod that needs it is there until it is unmounted. Only what the status has shown as
//! in use may be waited for, so that nobody detaches it meanwhile.

use super::Kubelet;
use crate::kinds::{ATTACHMENTS, CLAIMS, CSIDRIVERS, NODES, VOLUMES};
use crate::machinery::ApiError;
use crate::scheduler::claim_names;
use crate::volumes::{attachment_name, needs_attach, unique_name};
use object::{ObjectExt, Text, Value};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Volumes {
    /// The uids of the pods that use each volume.
    users: RefCell<BTreeMap<Text, BTreeSet<Text>>>,
    /// What the node's status last said.
    reported: RefCell<BTreeSet<Text>>,
    /// Whether the pods that were there at the start are known.
    is_listed: Cell<bool>,
    /// How many of them have volumes that are not known yet.
    unknown: Cell<usize>,
}

impl Volumes {
    pub(super) fn take(&self, volume: &Text, pod_uid: &str) {
        self.users.borrow_mut().entry(volume.clone()).or_default().insert(pod_uid.into());
    }

    pub(super) fn release(&self, pod_uid: &str) {
        self.users.borrow_mut().retain(|_, pods| {
            pods.remove(pod_uid);
            !pods.is_empty()
        });
    }

    pub(super) fn are_used_by(&self, pod_uid: &str) -> bool {
        self.users.borrow().values().any(|pods| pods.contains(pod_uid))
    }

    // ----- what the status says -----

    pub(super) fn listed(&self) {
        self.is_listed.set(true);
    }

    pub(super) fn one_more_unknown(&self) {
        self.unknown.set(self.unknown.get() + 1);
    }

    pub(super) fn one_less_unknown(&self) {
        self.unknown.set(self.unknown.get() - 1);
    }

    /// Gives what is in use; none before that is known of every pod (`ReconcilerStatesHasBeenSynced`).
    pub(super) fn in_use(&self) -> Option<BTreeSet<Text>> {
        let is_known = self.is_listed.get() && self.unknown.get() == 0;
        is_known.then(|| self.users.borrow().keys().cloned().collect())
    }

    pub(super) fn were_reported(&self, volumes: BTreeSet<Text>) {
        *self.reported.borrow_mut() = volumes;
    }

    fn is_reported(&self, volume: &Text) -> bool {
        self.reported.borrow().contains(volume)
    }
}

impl Kubelet {
    /// Gives the volumes of a pod's claims; none while one of them is not bound or cannot be read.
    async fn volumes_of(&self, pod: &Value) -> Option<Vec<Value>> {
        let mut volumes = Vec::new();
        for name in claim_names(pod) {
            let claim = self.client.get(&CLAIMS, pod.namespace(), &name).await.ok()?;
            if claim["status"]["phase"] != "Bound" {
                return None;
            }
            volumes.push(self.client.get(&VOLUMES, "", claim["spec"]["volumeName"].str()).await.ok()?);
        }
        Some(volumes)
    }

    /// Gives the name of a volume that must be attached, if it must be.
    async fn attachable_name(&self, volume: &Value) -> Result<Option<Text>, ApiError> {
        let Some(name) = unique_name(volume) else { return Ok(None) };
        let driver = match self.client.get(&CSIDRIVERS, "", volume["spec"]["csi"]["driver"].str()).await {
            Err(error) if error.is_not_found() => None,
            other => Some(other?),
        };
        Ok(Some(name).filter(|_| needs_attach(driver.as_ref())))
    }

    /// Marks the volumes of a pod as used, and tells whether all of them can be mounted.
    pub(super) async fn prepare_volumes(&self, pod: &Value) -> bool {
        let Some(volumes) = self.volumes_of(pod).await else { return false };
        let mut are_ready = true;
        for volume in volumes {
            match self.attachable_name(&volume).await {
                Ok(None) => {}
                Ok(Some(name)) => {
                    self.volumes.take(&name, pod.uid());
                    are_ready = are_ready && self.is_attached(&volume, &name).await;
                }
                Err(_) => are_ready = false,
            }
        }
        are_ready
    }

    /// Marks the volumes of a pod that was there before this kubelet as used; false when they cannot be read.
    pub(super) async fn take_over_volumes(&self, pod: &Value) -> bool {
        let Some(volumes) = self.volumes_of(pod).await else { return false };
        for volume in volumes {
            match self.attachable_name(&volume).await {
                Ok(Some(name)) => self.volumes.take(&name, pod.uid()),
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Tells whether the node's status and the attachment both say that a volume is attached here
    /// (`GenerateVerifyControllerAttachedVolumeFunc`, `csiAttacher.WaitForAttach`).
    async fn is_attached(&self, volume: &Value, name: &Text) -> bool {
        if !self.volumes.is_reported(name) {
            return false;
        }
        let node = &self.config.name;
        let Ok(live) = self.client.get(&NODES, "", node).await else { return false };
        if !live["status"]["volumesAttached"].items().iter().any(|attached| attached["name"] == **name) {
            return false;
        }
        let source = &volume["spec"]["csi"];
        let attachment = attachment_name(source["driver"].str(), source["volumeHandle"].str(), node);
        let found = self.client.get(&ATTACHMENTS, "", &attachment).await;
        found.is_ok_and(|found| !found.is_deleting() && found["status"]["attached"].bool())
    }
}
