//! Claiming the objects that match an owner's selector (`pkg/controller/controller_ref_manager.go`).

use super::{OnWrite, controller_reference};
use crate::machinery::{ApiError, Client, is_pod_active};
use object::{GroupVersionResource, ObjectExt, Selector, Value, value};
use std::rc::Rc;

/// Adopts and releases objects of one resource for owners of another.
pub struct RefManager {
    client: Rc<Client>,
    resource: GroupVersionResource,
    owner_resource: GroupVersionResource,
    finalizer: Option<&'static str>,
    on_write: OnWrite,
}

impl RefManager {
    /// Makes the manager; `on_write` gets the owner and the revision of each successful write.
    pub fn new(
        client: &Rc<Client>,
        resource: &GroupVersionResource,
        owner_resource: &GroupVersionResource,
        on_write: impl Fn(&Value, u64) + 'static,
    ) -> Self {
        Self {
            client: client.clone(),
            resource: resource.clone(),
            owner_resource: owner_resource.clone(),
            finalizer: None,
            on_write: Box::new(on_write),
        }
    }

    /// Makes an adoption add a finalizer, and a release remove it.
    #[must_use]
    pub fn with_finalizer(mut self, finalizer: &'static str) -> Self {
        self.finalizer = Some(finalizer);
        self
    }

    /// Gives the objects that belong to an owner: owned ones that match, and matching orphans, which it adopts; owned
    /// ones that no longer match are released.
    ///
    /// # Errors
    /// The first [`ApiError`] of an adoption or a release; an object that is gone or changed hands is no error.
    pub async fn claim(
        &self,
        candidates: Vec<Value>,
        owner: &Value,
        selector: &Selector,
    ) -> Result<Vec<Value>, ApiError> {
        self.claim_if(candidates, owner, |object| selector.matches(object.labels())).await
    }

    /// Gives the objects that belong to an owner, which are its own if `is_member` says so of them.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn claim_if(
        &self,
        candidates: Vec<Value>,
        owner: &Value,
        is_member: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>, ApiError> {
        let mut claimed = Vec::new();
        let mut may_adopt: Option<bool> = None;
        let mut first_error = None;
        for object in candidates {
            let matches = is_member(&object);
            match object.controller_of() {
                Some(reference) if reference.uid != owner.uid() => {}
                Some(_) if matches => claimed.push(object),
                Some(_) => {
                    if owner.is_deleting() {
                        continue;
                    }
                    if let Err(error) = self.release(&object, owner).await {
                        first_error.get_or_insert(error);
                    }
                }
                None => {
                    if owner.is_deleting() || !matches || object.is_deleting() {
                        continue;
                    }
                    // The owner may be gone, or be another of the same name: only a live read tells (`canAdopt`).
                    let may = match may_adopt {
                        Some(may) => may,
                        None => self.may_adopt(owner).await?,
                    };
                    may_adopt = Some(may);
                    if !may {
                        continue;
                    }
                    match self.adopt(&object, owner).await {
                        Ok(()) => claimed.push(object),
                        Err(error) if error.is_not_found() => {}
                        Err(error) => {
                            first_error.get_or_insert(error);
                        }
                    }
                }
            }
        }
        first_error.map_or(Ok(claimed), Err)
    }

    /// Gives the pods among the candidates that are active and belong to an owner.
    ///
    /// # Errors
    /// As [`Self::claim`].
    pub async fn claim_active_pods(
        &self,
        mut candidates: Vec<Value>,
        owner: &Value,
        selector: &Selector,
    ) -> Result<Vec<Value>, ApiError> {
        candidates.retain(is_pod_active);
        self.claim(candidates, owner, selector).await
    }

    async fn adopt(&self, object: &Value, owner: &Value) -> Result<(), ApiError> {
        let mut owners: Vec<Value> = object["metadata"]["ownerReferences"].items().to_vec();
        owners.push(controller_reference(owner));
        let mut change = value!({"ownerReferences": owners});
        if let Some(finalizer) = self.finalizer.filter(|finalizer| !object.has_finalizer(finalizer)) {
            let mut finalizers = object["metadata"]["finalizers"].items().to_vec();
            finalizers.push(finalizer.into());
            change.set(&["finalizers"], finalizers);
        }
        self.patch(object, change, owner).await
    }

    /// Changes the metadata of an object, if it still has the uid that we know.
    async fn patch(&self, object: &Value, change: Value, owner: &Value) -> Result<(), ApiError> {
        let patch = value!({"metadata": change.with(&["uid"], object.uid())});
        let patched =
            self.client.merge_patch(&self.resource, object.namespace(), object.name(), "", patch).await?;
        (self.on_write)(owner, patched.revision());
        Ok(())
    }

    async fn may_adopt(&self, owner: &Value) -> Result<bool, ApiError> {
        let fresh = self.client.get(&self.owner_resource, owner.namespace(), owner.name()).await?;
        Ok(fresh.uid() == owner.uid() && !fresh.is_deleting())
    }

    async fn release(&self, object: &Value, owner: &Value) -> Result<(), ApiError> {
        let metadata = &object["metadata"];
        let owners = without(&metadata["ownerReferences"], |reference| reference["uid"] == owner.uid());
        let mut change = value!({"ownerReferences": owners});
        if let Some(finalizer) = self.finalizer.filter(|finalizer| object.has_finalizer(finalizer)) {
            change.set(&["finalizers"], without(&metadata["finalizers"], |present| *present == finalizer));
        }
        match self.patch(object, change, owner).await {
            // Gone, or somebody else's already: nothing is left to release.
            Err(error) if error.is_not_found() || error.is_invalid() => Ok(()),
            other => other,
        }
    }
}

/// Gives a list without some of its items, null when nothing is left, as a merge patch wants it.
fn without(list: &Value, is_dropped: impl Fn(&Value) -> bool) -> Value {
    let kept: Vec<Value> = list.items().iter().filter(|item| !is_dropped(item)).cloned().collect();
    if kept.is_empty() { Value::Null } else { kept.into() }
}
