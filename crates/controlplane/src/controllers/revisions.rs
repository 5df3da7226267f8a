//! ControllerRevisions: what a StatefulSet's or DaemonSet's template was (`pkg/controller/history/controller_history.go`).

use crate::kinds::REVISIONS;
use crate::machinery::{ApiError, Client, DeleteOptions};
use object::{ObjectExt, Value, value};

/// Gives what a revision keeps of its owner: a patch that puts the template back.
pub(super) fn data_of(owner: &Value) -> Value {
    value!({"spec": {"template": owner["spec"]["template"].clone().with(&["$patch"], "replace")}})
}

/// Gives an owner with the template that a revision kept.
pub(super) fn restored(owner: &Value, revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    template.remove(&["$patch"]);
    owner.clone().with(&["spec", "template"], template)
}

/// Gives the number of a revision.
pub(super) fn number_of(revision: &Value) -> i64 {
    revision["revision"].int()
}

/// Orders revisions by number, then by age, then by name.
pub(super) fn sort(revisions: &mut [Value]) {
    revisions.sort_by(|a, b| {
        let created = |revision: &Value| revision["metadata"]["creationTimestamp"].str().to_owned();
        number_of(a)
            .cmp(&number_of(b))
            .then_with(|| created(a).cmp(&created(b)))
            .then_with(|| a.name().cmp(b.name()))
    });
}

/// Gives a revision another number, once.
pub(super) async fn renumber(client: &Client, revision: &Value, number: i64) -> Result<Value, ApiError> {
    if number_of(revision) == number {
        return Ok(revision.clone());
    }
    client.update(&REVISIONS, &revision.clone().with(&["revision"], number)).await
}

/// Deletes a revision.
pub(super) async fn delete(client: &Client, revision: &Value) -> Result<(), ApiError> {
    let options = DeleteOptions::default();
    client.delete(&REVISIONS, revision.namespace(), revision.name(), &options).await.map(|_| ())
}
