//! What to do with a claim (`syncClaim`).

use super::matching::{best_match, satisfies};
use super::{Binder, SyncError};
use crate::machinery::{ApiError, ObjectKey};
use crate::volumes::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, DEFAULT_CLASS, PROVISIONER, PROVISIONER_BETA, SELECTED_NODE,
    class_of, is_bound_to, names_no_class,
};
use object::{ObjectExt, Value};
use std::rc::Rc;

/// Provisioners of this prefix are built in; none is left that makes volumes.
const BUILT_IN: &str = "kubernetes.io/";

impl Binder {
    pub(super) async fn sync_claim(self: &Rc<Self>, claim: &Value) -> Result<(), SyncError> {
        if claim.annotation(BIND_COMPLETED).is_some() {
            return self.sync_bound(claim).await;
        }
        match claim["spec"]["volumeName"].str() {
            "" => self.sync_open(claim).await,
            name => self.sync_asking_for(name, claim).await,
        }
    }

    /// Releases what a claim that is gone was bound to.
    pub(super) fn claim_deleted(&self, claim: &Value) {
        let volume = claim["spec"]["volumeName"].str();
        if !volume.is_empty() {
            self.volume_queue.add(ObjectKey::new("", volume));
        }
    }

    /// A claim that takes any volume: one that is there, or one that is made for it.
    async fn sync_open(self: &Rc<Self>, claim: &Value) -> Result<(), SyncError> {
        let waits = self.waits_for_consumer(claim);
        if let Some(volume) = best_match(&self.known_volumes.list(), claim, waits) {
            return Ok(self.bind(&volume, claim).await?);
        }
        if self.assign_default_class(claim).await? {
            return Ok(());
        }
        if !waits && !class_of(claim).is_empty() {
            self.provision(claim);
            return Ok(());
        }
        self.update_claim_status(claim, "Pending", None).await?;
        Ok(())
    }

    /// A claim that asks for one volume by name.
    async fn sync_asking_for(&self, name: &str, claim: &Value) -> Result<(), SyncError> {
        let Some(volume) = self.known_volumes.get("", name) else {
            self.update_claim_status(claim, "Pending", None).await?;
            return Ok(());
        };
        let is_unclaimed = volume["spec"]["claimRef"].is_null();
        if is_bound_to(&volume, claim) || (is_unclaimed && satisfies(&volume, claim)) {
            return Ok(self.bind(&volume, claim).await?);
        }
        if !is_unclaimed && claim.annotation(BOUND_BY_CONTROLLER).is_some() {
            let holder = &volume["spec"]["claimRef"];
            return Err(SyncError::Misbound {
                claim: claim.full_name(),
                volume: name.to_owned(),
                holder: format!("{}/{}", holder["namespace"].str(), holder["name"].str()),
            });
        }
        self.update_claim_status(claim, "Pending", None).await?;
        Ok(())
    }

    /// A claim whose binding was completed before: its volume must still be there, and its own.
    async fn sync_bound(&self, claim: &Value) -> Result<(), SyncError> {
        let name = claim["spec"]["volumeName"].str();
        let volume = if name.is_empty() { None } else { self.known_volumes.get("", name) };
        let ours = volume.filter(|volume| {
            let holder = &volume["spec"]["claimRef"];
            holder.is_null() || holder["uid"] == claim.uid()
        });
        match ours {
            Some(volume) => self.bind(&volume, claim).await?,
            None if claim["status"]["phase"] == "Lost" => {}
            None => {
                self.update_claim_status(claim, "Lost", None).await?;
            }
        }
        Ok(())
    }

    /// Tells whether a claim is to stay open until a pod that uses it has a node (`shouldDelayBinding`).
    fn waits_for_consumer(&self, claim: &Value) -> bool {
        claim.annotation(SELECTED_NODE).is_none()
            && self
                .classes
                .get("", class_of(claim))
                .is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer")
    }

    /// Gives a claim that names no class the default one, which may have come after the claim (KEP-3333).
    async fn assign_default_class(&self, claim: &Value) -> Result<bool, ApiError> {
        if !names_no_class(claim) {
            return Ok(false);
        }
        let classes = self.classes.list();
        let defaults = classes.iter().filter(|class| class.annotation(DEFAULT_CLASS) == Some("true"));
        let created = |class: &Value| class["metadata"]["creationTimestamp"].str().to_owned();
        // Of several the newest wins, and of equally new ones the first by name.
        let best = defaults.reduce(|best, next| if created(next) > created(best) { next } else { best });
        let Some(class) = best else { return Ok(false) };
        let next = claim.clone().with(&["spec", "storageClassName"], class.name());
        self.save_claim(&next).await?;
        Ok(true)
    }

    /// Tells the class's provisioner, which is another process, that a volume is wanted (`provisionClaim`).
    fn provision(self: &Rc<Self>, claim: &Value) {
        let (binder, claim) = (self.clone(), claim.clone());
        let name = format!("provision-{}[{}]", claim.full_name(), claim.uid());
        self.operations.start(name, async move { binder.ask_provisioner(&claim).await });
    }

    async fn ask_provisioner(&self, claim: &Value) -> Result<(), ApiError> {
        let Some(class) = self.classes.get("", class_of(claim)) else { return Ok(()) };
        let provisioner = class["provisioner"].str();
        let is_told = |key| claim.annotation(key) == Some(provisioner);
        if provisioner.starts_with(BUILT_IN) || (is_told(PROVISIONER) && is_told(PROVISIONER_BETA)) {
            return Ok(());
        }
        let mut next = claim.clone();
        for key in [PROVISIONER_BETA, PROVISIONER] {
            next.set(&["metadata", "annotations", key], provisioner);
        }
        self.save_claim(&next).await.map(|_| ())
    }
}
