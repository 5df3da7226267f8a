//! What becomes of a volume whose claim is gone (`reclaimVolume`).

use super::Binder;
use crate::kinds::VOLUMES;
use crate::machinery::ApiError;
use crate::volumes::PROVISIONED_BY;
use object::{ObjectExt, Value};
use std::rc::Rc;

impl Binder {
    pub(super) async fn reclaim(self: &Rc<Self>, volume: &Value) -> Result<(), ApiError> {
        match volume["spec"]["persistentVolumeReclaimPolicy"].str() {
            "Retain" => {}
            "Delete" => {
                let (binder, name) = (self.clone(), volume.name().to_owned());
                let operation = format!("delete-{name}[{}]", volume.uid());
                self.operations.start(operation, async move { binder.delete_volume(&name).await });
            }
            "Recycle" => {
                self.fail(volume, "No recycler plugin found for the volume!").await?;
            }
            _ => {
                self.fail(volume, "Volume has unrecognized PersistentVolumeReclaimPolicy").await?;
            }
        }
        Ok(())
    }

    /// Leaves a volume to the provisioner that made it; what nobody is said to have made cannot be deleted.
    async fn delete_volume(&self, name: &str) -> Result<(), ApiError> {
        // It may be gone; after an error the next sync tries again.
        let Ok(volume) = self.client.get(&VOLUMES, "", name).await else { return Ok(()) };
        if !self.is_released(&volume) || volume.annotation(PROVISIONED_BY).is_some() {
            return Ok(());
        }
        let message =
            format!("error getting deleter volume plugin for volume {name:?}: no volume plugin matched");
        self.fail(&volume, &message).await
    }

    /// Tells whether the claim that held a volume is gone or has another one.
    fn is_released(&self, volume: &Value) -> bool {
        let holder = &volume["spec"]["claimRef"];
        if holder["uid"].str().is_empty() {
            return false;
        }
        let claim = self.known_claims.get(holder["namespace"].str(), holder["name"].str());
        !claim
            .is_some_and(|claim| holder["uid"] == claim.uid() && claim["spec"]["volumeName"] == volume.name())
    }

    async fn fail(&self, volume: &Value, message: &str) -> Result<(), ApiError> {
        self.update_volume_phase(volume, "Failed", message).await.map(|_| ())
    }
}
