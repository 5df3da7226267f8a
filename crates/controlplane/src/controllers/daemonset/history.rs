//! The revisions of a DaemonSet (`pkg/controller/daemon/update.go`).

use super::place::HASH;
use super::{DaemonSetController, SyncError};
use crate::controllers::{controller_reference, hash, revisions};
use crate::kinds::{DAEMONSETS, PODS, REVISIONS};
use crate::machinery::ApiError;
use object::{ObjectExt, Selector, Value, value};
use std::collections::BTreeSet;

/// The revision of the present template, and the others.
pub(super) struct History {
    pub(super) current: Value,
    old: Vec<Value>,
}

impl History {
    /// Gives the hash that pods of the present template are labelled with.
    pub(super) fn hash(&self) -> String {
        self.current.label(HASH).unwrap_or("").to_owned()
    }
}

fn matches(ds: &Value, revision: &Value) -> bool {
    revisions::data_of(ds) == revision["data"]
}

impl DaemonSetController {
    /// Finds the revision of the present template, making or renumbering it if it must be.
    pub(super) async fn history(&self, ds: &Value, selector: &Selector) -> Result<History, SyncError> {
        let mut found = self.revision_refs.claim(self.revisions.owned_or_orphaned(ds), ds, selector).await?;
        for revision in &mut found {
            if revision.label(HASH).is_none() {
                // The name does as well as the hash: no other revision has it.
                let labelled = revision.clone().with(&["metadata", "labels", HASH], revision.name());
                *revision = self.client.update(&REVISIONS, &labelled).await?;
            }
        }
        let (present, old): (Vec<Value>, Vec<Value>) =
            found.into_iter().partition(|revision| matches(ds, revision));
        let next = old.iter().map(revisions::number_of).max().unwrap_or(0) + 1;
        let current = match present.as_slice() {
            [] => self.create_revision(ds, next).await?,
            _ => {
                let kept = self.keep_one(ds, selector, present).await?;
                if revisions::number_of(&kept) < next {
                    revisions::renumber(&self.client, &kept, next).await?;
                }
                kept
            }
        };
        Ok(History { current, old })
    }

    async fn create_revision(&self, ds: &Value, number: i64) -> Result<Value, SyncError> {
        let collisions = ds["status"]["collisionCount"].as_i64();
        let hash = hash::of_template(&ds["spec"]["template"], collisions);
        let mut revision = value!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": format!("{}-{hash}", ds.name()), "namespace": ds.namespace(),
                "labels": &ds["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [controller_reference(ds)],
            },
            "data": revisions::data_of(ds), "revision": number,
        });
        revision.set(&["metadata", "labels", HASH], hash);
        revision.set_or_omit(&["metadata", "annotations"], &ds["metadata"]["annotations"]);
        match self.client.create(&REVISIONS, &revision).await {
            Err(error) if error.is_already_exists() => self.resolve_collision(ds, &revision, error).await,
            other => Ok(other?),
        }
    }

    /// Looks at the revision that has our name: if it is ours it will do, else the hash collided and the next sync
    /// tries another.
    async fn resolve_collision(
        &self,
        ds: &Value,
        revision: &Value,
        error: ApiError,
    ) -> Result<Value, SyncError> {
        let present = self.client.get(&REVISIONS, ds.namespace(), revision.name()).await?;
        if matches(ds, &present) {
            return Ok(present);
        }
        let fresh = self.client.get(&DAEMONSETS, ds.namespace(), ds.name()).await?;
        let count = &fresh["status"]["collisionCount"];
        if *count != ds["status"]["collisionCount"] {
            return Err(SyncError::StaleCollisionCount);
        }
        let count = count.int() + 1;
        self.client.update_status(&DAEMONSETS, &fresh.with(&["status", "collisionCount"], count)).await?;
        Err(error.into())
    }

    /// Keeps the newest of several revisions of the same template, and gives its hash to all pods.
    async fn keep_one(
        &self,
        ds: &Value,
        selector: &Selector,
        mut present: Vec<Value>,
    ) -> Result<Value, SyncError> {
        revisions::sort(&mut present);
        let kept = present.pop().expect("there is at least one");
        if present.is_empty() {
            return Ok(kept);
        }
        let hash = kept.label(HASH);
        for pod in self.pods_of(ds, selector).await? {
            if pod.label(HASH) != hash {
                let patch = value!({"metadata": {"labels": {HASH: hash}}});
                self.client.merge_patch(&PODS, pod.namespace(), pod.name(), "", patch).await?;
            }
        }
        for revision in &present {
            revisions::delete(&self.client, revision).await?;
        }
        Ok(kept)
    }

    /// Deletes the oldest revisions beyond the limit that no pod was made of.
    pub(super) async fn truncate_history(
        &self,
        ds: &Value,
        selector: &Selector,
        history: &History,
    ) -> Result<(), SyncError> {
        let pods = self.pods_of(ds, selector).await?;
        let limit = usize::try_from(ds["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(0);
        let surplus = history.old.len().saturating_sub(limit);
        let live: BTreeSet<&str> = pods.iter().filter_map(|pod| pod.label(HASH)).collect();
        let mut old = history.old.clone();
        revisions::sort(&mut old);
        let spent = old.iter().filter(|revision| !live.contains(revision.label(HASH).unwrap_or("")));
        for revision in spent.take(surplus) {
            revisions::delete(&self.client, revision).await?;
        }
        Ok(())
    }
}
