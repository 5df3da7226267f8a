//! Making, mending and deleting the pods of a StatefulSet and their claims
//! (`pkg/controller/statefulset/stateful_pod_control.go`).

use super::identity::{identity_matches, ordinal, set_identity, set_storage, storage_matches};
use super::{StatefulSetController, SyncError, claims};
use crate::kinds::CLAIMS;
use object::{ObjectExt, Value};
use std::time::Duration;

/// How often a pod's update is tried while it changes under our hands, and the first pause, which grows fivefold
/// (client-go `util/retry`, `DefaultBackoff`).
const UPDATE_TRIES: u32 = 4;
const UPDATE_PAUSE: Duration = Duration::from_millis(10);

impl StatefulSetController {
    /// Makes a pod, its claims first.
    pub(super) async fn create_pod(&self, set: &Value, pod: &Value) -> Result<(), SyncError> {
        self.create_claims(set, pod).await?;
        let created = self.control.create(pod, set).await;
        if let Err(error) = &created
            && error.is_already_exists()
        {
            return Err(error.clone().into());
        }
        self.update_claim_owners(set, pod).await?;
        created?;
        Ok(())
    }

    /// Makes the claims that a pod lacks, and gives all of them their owners.
    pub(super) async fn create_missing_claims(&self, set: &Value, pod: &Value) -> Result<(), SyncError> {
        self.create_claims(set, pod).await?;
        self.update_claim_owners(set, pod).await
    }

    async fn create_claims(&self, set: &Value, pod: &Value) -> Result<(), SyncError> {
        let mut first_error = None;
        for claim in claims::of_pod(set, pod) {
            match self.claims.get(claim.namespace(), claim.name()) {
                None => match self.client.create(&CLAIMS, &claim).await {
                    Ok(created) => self.note_claim(set, &created),
                    Err(error) => drop(first_error.get_or_insert(SyncError::Api(error))),
                },
                Some(present) if present.is_deleting() => {
                    first_error.get_or_insert(SyncError::ClaimDeleting(claim.name().to_owned()));
                }
                Some(_) => {}
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    fn note_claim(&self, set: &Value, claim: &Value) {
        let key = crate::machinery::ObjectKey::of(set);
        self.consistency.wrote_at(&key, set.uid(), &CLAIMS.group_resource(), claim.revision());
    }

    fn known_claims(&self, set: &Value, pod: &Value) -> Vec<Value> {
        let name = |template: &Value| claims::name(set, template, ordinal(pod));
        let templates = claims::templates(set).iter();
        templates.filter_map(|template| self.claims.get(set.namespace(), &name(template))).collect()
    }

    /// Tells whether the pod's claims still belong to its predecessor.
    pub(super) fn has_stale_claim(&self, set: &Value, pod: &Value) -> bool {
        self.known_claims(set, pod).iter().any(|claim| claims::is_stale(set, pod, claim))
    }

    /// Tells whether the pod's claims have the owners that the set's policy wants; claims not seen yet come later.
    pub(super) fn claims_match_policy(&self, set: &Value, pod: &Value) -> bool {
        self.known_claims(set, pod).iter().all(|claim| claims::matches_policy(claim, set, pod))
    }

    /// Gives the pod's claims the owners that the set's policy wants.
    pub(super) async fn update_claim_owners(&self, set: &Value, pod: &Value) -> Result<(), SyncError> {
        for claim in self.known_claims(set, pod) {
            if !claims::matches_policy(&claim, set, pod) {
                let changed = claims::with_policy(&claim, set, pod);
                let updated = self.client.update(&CLAIMS, &changed).await?;
                self.note_claim(set, &updated);
            }
        }
        Ok(())
    }

    /// Mends a pod's labels and volumes, and its claims.
    pub(super) async fn update_pod(&self, set: &Value, pod: &Value) -> Result<(), SyncError> {
        let mut pod = pod.clone();
        let mut pause = UPDATE_PAUSE;
        let mut tries = 0;
        loop {
            let mut is_consistent = identity_matches(set, &pod);
            if !is_consistent {
                set_identity(set, &mut pod);
            }
            if !storage_matches(set, &pod) {
                set_storage(set, &mut pod);
                is_consistent = false;
                self.create_claims(set, &pod).await?;
            }
            if !self.claims_match_policy(set, &pod) {
                self.update_claim_owners(set, &pod).await?;
                is_consistent = false;
            }
            if is_consistent {
                return Ok(());
            }
            tries += 1;
            match self.control.update(&pod, set).await {
                Err(error) if error.is_conflict() && tries < UPDATE_TRIES => {
                    pod = self.pods.get(set.namespace(), pod.name()).unwrap_or(pod);
                    self.context.sim().sleep(pause).await;
                    pause *= 5;
                }
                other => return Ok(other.map(|_| ())?),
            }
        }
    }

    /// Deletes a pod; one that is gone already is as good.
    pub(super) async fn delete_pod(&self, pod: &Value) -> Result<(), SyncError> {
        match self.control.delete(pod).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
