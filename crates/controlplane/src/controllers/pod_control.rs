//! Creating and deleting pods on behalf of an owner (`pkg/controller/controller_utils.go`).

use crate::kinds::PODS;
use crate::machinery::{ApiError, Client, DeleteOptions};
use object::{ObjectExt, Value, value};
use std::rc::Rc;

/// Gives the reference by which an owner controls an object (`metav1.NewControllerRef`).
pub fn controller_reference(owner: &Value) -> Value {
    value!({
        "apiVersion": owner.api_version(), "kind": owner.kind(), "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// Makes a pod from a template, controlled by `owner` (`GetPodFromTemplate`).
pub fn pod_from_template(template: &Value, owner: &Value) -> Value {
    let mut pod = value!({"apiVersion": "v1", "kind": "Pod", "metadata": {
        "generateName": format!("{}-", owner.name()), "namespace": owner.namespace(),
        "ownerReferences": [controller_reference(owner)],
    }});
    for field in ["labels", "annotations", "finalizers"] {
        pod.set_or_omit(&["metadata", field], &template["metadata"][field]);
    }
    pod.set(&["spec"], &template["spec"]);
    pod
}

/// Is told the owner and the revision of each successful write (KEP-5647's `OnWrite`).
pub(super) type OnWrite = Box<dyn Fn(&Value, u64)>;

/// Writes pods for one controller, telling what each write's revision was.
pub struct PodControl {
    client: Rc<Client>,
    on_write: OnWrite,
}

impl PodControl {
    /// Makes the control; `on_write` gets the owner and the revision of each successful write (KEP-5647's `OnWrite`).
    pub fn new(client: &Rc<Client>, on_write: impl Fn(&Value, u64) + 'static) -> Self {
        Self { client: client.clone(), on_write: Box::new(on_write) }
    }

    /// Creates a pod.
    ///
    /// # Errors
    /// [`ApiError`] as the API answers.
    pub async fn create(&self, pod: &Value, owner: &Value) -> Result<Value, ApiError> {
        let created = self.client.create(&PODS, pod).await?;
        (self.on_write)(owner, created.revision());
        Ok(created)
    }

    /// Deletes a pod; one that is gone already is no error of the caller's concern but is told. Its revision is not
    /// noted, as upstream does not.
    ///
    /// # Errors
    /// [`ApiError`] as the API answers.
    pub async fn delete(&self, pod: &Value) -> Result<(), ApiError> {
        let options = DeleteOptions::default();
        self.client.delete(&PODS, pod.namespace(), pod.name(), &options).await.map(|_| ())
    }

    /// Replaces a pod.
    ///
    /// # Errors
    /// [`ApiError`] as the API answers.
    pub async fn update(&self, pod: &Value, owner: &Value) -> Result<Value, ApiError> {
        let updated = self.client.update(&PODS, pod).await?;
        (self.on_write)(owner, updated.revision());
        Ok(updated)
    }

    /// Removes a finalizer from a pod that has it, leaving those that others added meanwhile.
    ///
    /// # Errors
    /// [`ApiError`] as the API answers; invalid when the pod's finalizers are not those that we know.
    pub async fn remove_finalizer(
        &self,
        pod: &Value,
        owner: &Value,
        finalizer: &str,
    ) -> Result<(), ApiError> {
        let finalizers = pod["metadata"]["finalizers"].items();
        let Some(at) = finalizers.iter().position(|present| *present == finalizer) else { return Ok(()) };
        let path = format!("/metadata/finalizers/{at}");
        let patch = value!([
            {"op": "test", "path": &path, "value": finalizer},
            {"op": "remove", "path": &path},
        ]);
        let patched = self.client.json_patch(&PODS, pod.namespace(), pod.name(), patch).await?;
        (self.on_write)(owner, patched.revision());
        Ok(())
    }
}
