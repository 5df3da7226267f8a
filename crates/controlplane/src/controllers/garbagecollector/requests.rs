//! The requests of the garbage collector (`pkg/controller/garbagecollector/operations.go`, `patch.go`).

use super::graph::{Identity, Node};
use super::{GarbageCollector, GcError};
use crate::constants::{RETRY_BACKOFF_FACTOR, RETRY_BACKOFF_PAUSE, RETRY_BACKOFF_TRIES};
use crate::controllers::discovery;
use crate::machinery::DeleteOptions;
use apiserver::{PatchType, Request};
use object::{GroupVersionResource, ObjectExt, Value, value};

impl GarbageCollector {
    /// Finds the resource of a kind, and whether it is namespaced.
    pub(super) fn resource_of(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<(GroupVersionResource, bool), GcError> {
        discovery::mapping(self.context.schema, api_version, kind)
            .ok_or_else(|| GcError::Mapping { api_version: api_version.into(), kind: kind.into() })
    }

    /// Gives the place of an object: its resource, and its namespace if the resource has any.
    fn place_of<'a>(&self, identity: &'a Identity) -> Result<(GroupVersionResource, &'a str), GcError> {
        let (resource, namespaced) = self.resource_of(&identity.api_version, &identity.kind)?;
        Ok((resource, if namespaced { &*identity.namespace } else { "" }))
    }

    /// Gives the object of a name as it is now, whatever its uid.
    pub(super) async fn get_object(&self, identity: &Identity) -> Result<Value, GcError> {
        let (resource, namespaced) = self.resource_of(&identity.api_version, &identity.kind)?;
        if namespaced && identity.namespace.is_empty() {
            // A cluster-scoped object named this kind as its owner.
            return Err(GcError::NamespacedOwner);
        }
        let namespace = if namespaced { &*identity.namespace } else { "" };
        Ok(self.client.get(&resource, namespace, &identity.name).await?)
    }

    /// Deletes an object that still has this uid and is as `latest` shows it; if only something other than its owners
    /// changed meanwhile, it is deleted all the same.
    pub(super) async fn delete_object(
        &self,
        identity: &Identity,
        latest: &Value,
        propagation: &'static str,
    ) -> Result<(), GcError> {
        let (resource, namespace) = self.place_of(identity)?;
        let mut options = DeleteOptions {
            uid: Some(identity.uid.clone()),
            resource_version: latest["metadata"]["resourceVersion"].as_text().cloned(),
            propagation: Some(propagation),
            ..DeleteOptions::default()
        };
        let refused = match self.client.delete(&resource, namespace, &identity.name, &options).await {
            Err(error) if error.is_conflict() && options.resource_version.is_some() => error,
            other => return Ok(other.map(|_| ())?),
        };
        match self.client.get(&resource, namespace, &identity.name).await {
            Err(error) if error.is_not_found() => return Err(error.into()),
            Ok(live)
                if live.uid() == &*identity.uid
                    && live.revision() != latest.revision()
                    && live["metadata"]["ownerReferences"] == latest["metadata"]["ownerReferences"] => {}
            _ => return Err(refused.into()),
        }
        // Rapid changes that have nothing to do with owners must not hold the collection up.
        options.resource_version = None;
        Ok(self.client.delete(&resource, namespace, &identity.name, &options).await.map(|_| ())?)
    }

    async fn patch_object(
        &self,
        identity: &Identity,
        patch_type: PatchType,
        patch: Value,
    ) -> Result<Value, GcError> {
        let (resource, namespace) = self.place_of(identity)?;
        Ok(self
            .client
            .request(Request::patch(&resource, namespace, &identity.name, patch_type, patch))
            .await?)
    }

    /// Patches by a strategic merge where the server can, else by a merge patch of what our cache shows.
    async fn patch(
        &self,
        node: &Node,
        strategic: Value,
        owners: impl Fn(&Value) -> Vec<Value>,
    ) -> Result<(), GcError> {
        match self.patch_object(node.identity(), PatchType::StrategicMerge, strategic).await {
            Err(GcError::Api(error)) if error.code() == 415 => {}
            other => return other.map(|_| ()),
        }
        let present = self.metadata_of(node.identity()).await?;
        let patch = value!({"metadata": {
            "resourceVersion": &present["metadata"]["resourceVersion"], "ownerReferences": owners(&present),
        }});
        self.patch_object(node.identity(), PatchType::Merge, patch).await.map(|_| ())
    }

    /// Gives an object as our cache shows it, or as the server does when it is not there.
    async fn metadata_of(&self, identity: &Identity) -> Result<Value, GcError> {
        let (resource, _) = self.resource_of(&identity.api_version, &identity.kind)?;
        let cached = self.monitors.get(&resource).and_then(|m| m.get(&identity.namespace, &identity.name));
        match cached {
            Some(object) => Ok(object),
            None => Ok(self.client.get(&resource, &identity.namespace, &identity.name).await?),
        }
    }

    /// Takes owners off an object.
    pub(super) async fn remove_owners(&self, node: &Node, uids: &[&str]) -> Result<(), GcError> {
        let removals: Vec<Value> = uids.iter().map(|uid| value!({"$patch": "delete", "uid": *uid})).collect();
        let strategic = value!({"metadata": {"uid": &node.identity().uid, "ownerReferences": removals}});
        let kept = |object: &Value| {
            let references = object["metadata"]["ownerReferences"].items().iter();
            references.filter(|reference| !uids.contains(&reference["uid"].str())).cloned().collect()
        };
        self.patch(node, strategic, kept).await
    }

    /// Lets an object no longer block the deletion of its owners.
    pub(super) async fn unblock_owners(&self, node: &Node) -> Result<(), GcError> {
        let owners = node.owners();
        let references = owners["metadata"]["ownerReferences"].items().to_vec();
        let unblocked = |reference: &Value| reference.clone().with(&["blockOwnerDeletion"], false);
        let blocking = references.iter().filter(|reference| reference["blockOwnerDeletion"].bool());
        let changed: Vec<Value> = blocking.map(unblocked).collect();
        let strategic = value!({"metadata": {"uid": &node.identity().uid, "ownerReferences": changed}});
        self.patch(node, strategic, |_| references.iter().map(unblocked).collect()).await
    }

    /// Takes a finalizer off an object, if it is still there and has it.
    pub(super) async fn remove_finalizer(&self, node: &Node, finalizer: &str) -> Result<(), GcError> {
        let mut pause = RETRY_BACKOFF_PAUSE;
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_to_remove_finalizer(node, finalizer).await {
                Err(GcError::Api(error)) if error.is_conflict() && tries < RETRY_BACKOFF_TRIES => {
                    self.context.sim().sleep(pause).await;
                    pause *= RETRY_BACKOFF_FACTOR;
                }
                other => return other,
            }
        }
    }

    async fn try_to_remove_finalizer(&self, node: &Node, finalizer: &str) -> Result<(), GcError> {
        let object = match self.get_object(node.identity()).await {
            Err(GcError::Api(error)) if error.is_not_found() => return Ok(()),
            other => other?,
        };
        let present = object["metadata"]["finalizers"].items();
        if !present.iter().any(|one| *one == finalizer) {
            return Ok(());
        }
        let kept: Vec<Value> = present.iter().filter(|one| **one != finalizer).cloned().collect();
        let kept = if kept.is_empty() { Value::Null } else { kept.into() };
        let patch = value!({"metadata": {
            "resourceVersion": &object["metadata"]["resourceVersion"], "finalizers": kept,
        }});
        self.patch_object(node.identity(), PatchType::Merge, patch).await.map(|_| ())
    }
}
