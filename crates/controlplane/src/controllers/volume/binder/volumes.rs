//! What to do with a volume (`syncVolume`).

use super::{Binder, SyncError};
use crate::kinds::CLAIMS;
use crate::machinery::{ApiError, ObjectKey};
use crate::volumes::{PROVISIONED_BY, is_let_go};
use object::{ObjectExt, Value};
use std::rc::Rc;

impl Binder {
    pub(super) async fn sync_volume(self: &Rc<Self>, volume: Value) -> Result<(), SyncError> {
        let holder = &volume["spec"]["claimRef"];
        if holder["uid"].str().is_empty() {
            // Nobody's, or held by a user for a claim that has not taken it yet.
            self.update_volume_phase(&volume, "Available", "").await?;
            return Ok(());
        }
        let Some(claim) = self.holder_of(&volume).await? else {
            return Ok(self.let_go(volume).await?);
        };
        let bound = claim["spec"]["volumeName"].str();
        if bound.is_empty() {
            // The claim's worker completes the binding. A provisioner relies on it: it only makes the volume.
            self.claim_queue.add(ObjectKey::of(&claim));
        } else if bound == volume.name() {
            self.update_volume_phase(&volume, "Bound", "").await?;
        } else if is_surplus(&volume) {
            self.let_go(volume).await?;
        } else {
            self.unbind(&volume).await?;
        }
        Ok(())
    }

    /// Looks again at the claim of a volume that is gone.
    pub(super) fn volume_deleted(&self, volume: &Value) {
        let holder = &volume["spec"]["claimRef"];
        if !holder.is_null() {
            self.claim_queue.add(ObjectKey::new(holder["namespace"].str(), holder["name"].str()));
        }
    }

    /// Gives the claim that holds a volume; none when it is gone. Our caches may not have it yet, and a volume must not
    /// be reclaimed by mistake: the API has the last word.
    async fn holder_of(&self, volume: &Value) -> Result<Option<Value>, ApiError> {
        let holder = &volume["spec"]["claimRef"];
        let (namespace, name) = (holder["namespace"].str(), holder["name"].str());
        let is_it = |claim: &Value| holder["uid"] == claim.uid();
        let mut claim = self.known_claims.get(namespace, name);
        if claim.is_none() && is_let_go(volume) {
            return Ok(None);
        }
        if claim.is_none() {
            claim = self.claims.get(namespace, name);
        }
        if !claim.as_ref().is_some_and(is_it) {
            claim = match self.client.get(&CLAIMS, namespace, name).await {
                Ok(live) => Some(live),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error),
            };
        }
        Ok(claim.filter(is_it))
    }

    /// Marks a volume as released and does what its policy says.
    async fn let_go(self: &Rc<Self>, volume: Value) -> Result<(), ApiError> {
        // A failure stays visible, although the reclaim is tried again.
        let released = if is_let_go(&volume) {
            volume
        } else {
            self.update_volume_phase(&volume, "Released", "").await?
        };
        self.reclaim(&released).await
    }
}

/// Tells whether a volume was made for a claim that took another one meanwhile, so that nobody wants it.
fn is_surplus(volume: &Value) -> bool {
    volume.annotation(PROVISIONED_BY).is_some() && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
}
