//! The writes of the binder, in the order in which they must happen: the volume first, then the claim, each with its
//! status after it. A crash between two of them is healed by the next sync.

use super::Binder;
use crate::kinds::{CLAIMS, VOLUMES};
use crate::machinery::ApiError;
use crate::volumes::{BIND_COMPLETED, BOUND_BY_CONTROLLER, is_bound_to};
use object::{ObjectExt, Value, value};

impl Binder {
    /// Binds a volume and a claim to each other; what is done already is not written again.
    pub(super) async fn bind(&self, volume: &Value, claim: &Value) -> Result<(), ApiError> {
        let volume = self.bind_volume_to_claim(volume, claim).await?;
        let volume = self.update_volume_phase(&volume, "Bound", "").await?;
        let claim = self.bind_claim_to_volume(claim, &volume).await?;
        self.update_claim_status(&claim, "Bound", Some(&volume)).await?;
        Ok(())
    }

    async fn bind_volume_to_claim(&self, volume: &Value, claim: &Value) -> Result<Value, ApiError> {
        let holder = &volume["spec"]["claimRef"];
        if is_bound_to(volume, claim) && holder["uid"] == claim.uid() {
            return Ok(volume.clone());
        }
        let mut next = volume.clone();
        next.set(
            &["spec", "claimRef"],
            value!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace(),
                "name": claim.name(), "uid": claim.uid(),
                "resourceVersion": &claim["metadata"]["resourceVersion"],
            }),
        );
        if !is_bound_to(volume, claim) {
            next.set(&["metadata", "annotations", BOUND_BY_CONTROLLER], "yes");
        }
        self.save_volume(&next).await
    }

    async fn bind_claim_to_volume(&self, claim: &Value, volume: &Value) -> Result<Value, ApiError> {
        let mut next = claim.clone();
        if claim["spec"]["volumeName"] != volume.name() {
            next.set(&["spec", "volumeName"], volume.name());
            next.set(&["metadata", "annotations", BOUND_BY_CONTROLLER], "yes");
        }
        if claim.annotation(BIND_COMPLETED).is_none() {
            next.set(&["metadata", "annotations", BIND_COMPLETED], "yes");
        }
        if next == *claim { Ok(next) } else { self.save_claim(&next).await }
    }

    /// Rolls a binding back: what a controller bound is free again, what a user bound stays held for its claim's name.
    pub(super) async fn unbind(&self, volume: &Value) -> Result<(), ApiError> {
        let mut next = volume.clone();
        if volume.annotation(BOUND_BY_CONTROLLER).is_some() {
            next.remove(&["spec", "claimRef"]);
            next.remove(&["metadata", "annotations", BOUND_BY_CONTROLLER]);
            if next["metadata"]["annotations"].is_empty() {
                next.remove(&["metadata", "annotations"]);
            }
        } else {
            next.remove(&["spec", "claimRef", "uid"]);
        }
        let updated = self.save_volume(&next).await?;
        self.update_volume_phase(&updated, "Available", "").await.map(|_| ())
    }

    /// Sets a volume's phase, once.
    pub(super) async fn update_volume_phase(
        &self,
        volume: &Value,
        phase: &str,
        message: &str,
    ) -> Result<Value, ApiError> {
        if volume["status"]["phase"] == phase {
            return Ok(volume.clone());
        }
        let mut next = volume.clone();
        next.set(&["status", "phase"], phase);
        next.set_or_omit(&["status", "message"], message);
        let updated = self.client.update_status(&VOLUMES, &next).await?;
        self.known_volumes.put(&updated);
        Ok(updated)
    }

    /// Sets a claim's phase and, from the volume, its size and access modes.
    pub(super) async fn update_claim_status(
        &self,
        claim: &Value,
        phase: &str,
        volume: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let mut next = claim.clone();
        next.set(&["status", "phase"], phase);
        match volume {
            Some(volume) => {
                next.set(&["status", "accessModes"], &volume["spec"]["accessModes"]);
                // A size that differs later is a resize that is not finished, and is left alone.
                if claim["status"]["phase"] != phase {
                    next.set(&["status", "capacity"], &volume["spec"]["capacity"]);
                }
            }
            None => {
                next.remove(&["status", "accessModes"]);
                next.remove(&["status", "capacity"]);
            }
        }
        if next == *claim {
            return Ok(next);
        }
        let updated = self.client.update_status(&CLAIMS, &next).await?;
        self.known_claims.put(&updated);
        Ok(updated)
    }

    pub(super) async fn save_claim(&self, claim: &Value) -> Result<Value, ApiError> {
        let updated = self.client.update(&CLAIMS, claim).await?;
        self.known_claims.put(&updated);
        Ok(updated)
    }

    async fn save_volume(&self, volume: &Value) -> Result<Value, ApiError> {
        let updated = self.client.update(&VOLUMES, volume).await?;
        self.known_volumes.put(&updated);
        Ok(updated)
    }
}
