//! The revisions of a StatefulSet (`pkg/controller/statefulset/stateful_set_control.go`).

use super::StatefulSetController;
use super::identity::revision_of;
use crate::controllers::{controller_reference, hash, revisions};
use crate::kinds::{REVISIONS, STATEFULSETS};
use crate::machinery::ApiError;
use object::{ObjectExt, Selector, Value, value};

const HASH: &str = "controller.kubernetes.io/hash";
/// The longest part of a set's name that stands in the names of its revisions.
const NAME_MAX: usize = 223;

/// The revisions that matter to one sync.
pub(super) struct Revisions {
    /// The one that the pods had before the update that is under way.
    pub(super) current: Value,
    /// The one that the template asks for now.
    pub(super) update: Value,
    /// How often the name of a revision was taken.
    pub(super) collisions: i64,
}

fn name(set: &Value, hash: &str) -> String {
    let end = set.name().floor_char_boundary(NAME_MAX);
    format!("{}-{hash}", &set.name()[..end])
}

/// Makes the revision of the present template.
fn new_revision(set: &Value, number: i64, collisions: i64) -> Value {
    let data = revisions::data_of(set);
    let hash = hash::of_revision(&data, collisions);
    let mut revision = value!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": name(set, &hash), "namespace": set.namespace(),
            "ownerReferences": [controller_reference(set)],
            "labels": &set["spec"]["template"]["metadata"]["labels"],
        },
        "revision": number,
    });
    revision.set(&["metadata", "labels", HASH], hash);
    revision.set_or_omit(&["metadata", "annotations"], &set["metadata"]["annotations"]);
    revision.set(&["data"], data);
    revision
}

impl StatefulSetController {
    /// Gives the revisions that are the set's own or nobody's, by number.
    pub(super) fn revisions_of(&self, set: &Value, selector: &Selector) -> Vec<Value> {
        let mut found = self.revisions.owned_or_orphaned(set);
        found.retain(|revision| selector.matches(revision.labels()));
        revisions::sort(&mut found);
        found
    }

    /// Takes over revisions that nobody owns.
    pub(super) async fn adopt_revisions(&self, set: &Value, selector: &Selector) -> Result<(), ApiError> {
        let mut orphans = self.revisions_of(set, selector);
        orphans.retain(|revision| revision.controller_of().is_none());
        if orphans.is_empty() {
            return Ok(());
        }
        let refs = crate::controllers::RefManager::new(&self.client, &REVISIONS, &STATEFULSETS, |_, _| {});
        refs.claim(orphans, set, selector).await.map(|_| ())
    }

    /// Finds the current and the new revision among those there are, making or renumbering the new one if it must be.
    pub(super) async fn find_revisions(&self, set: &Value, known: &[Value]) -> Result<Revisions, ApiError> {
        let mut collisions = set["status"]["collisionCount"].int();
        let next = known.last().map_or(0, revisions::number_of) + 1;
        let wanted = new_revision(set, next, collisions);
        let equal = known.iter().rfind(|revision| revision["data"] == wanted["data"]);
        let update = match (equal, known.last()) {
            (Some(equal), Some(last)) if equal["data"] == last["data"] => last.clone(),
            // The template went back to what it was: that revision becomes the newest.
            (Some(equal), _) => revisions::renumber(&self.client, equal, next).await?,
            (None, _) => {
                let (created, count) = self.create_revision(set, wanted, collisions).await?;
                collisions = count;
                created
            }
        };
        let shown = set["status"]["currentRevision"].str();
        let current = known.iter().find(|revision| revision.name() == shown).unwrap_or(&update).clone();
        Ok(Revisions { current, update, collisions })
    }

    /// Creates a revision under a name that no other has.
    async fn create_revision(
        &self,
        set: &Value,
        mut revision: Value,
        mut collisions: i64,
    ) -> Result<(Value, i64), ApiError> {
        loop {
            revision.set(&["metadata", "name"], name(set, &hash::of_revision(&revision["data"], collisions)));
            match self.client.create(&REVISIONS, &revision).await {
                Err(error) if error.is_already_exists() => {
                    let present = self.client.get(&REVISIONS, set.namespace(), revision.name()).await?;
                    if present["data"] == revision["data"] {
                        return Ok((present, collisions));
                    }
                    collisions += 1;
                }
                other => return Ok((other?, collisions)),
            }
        }
    }

    /// Deletes the oldest revisions beyond the limit that nothing uses.
    pub(super) async fn truncate_history(
        &self,
        set: &Value,
        pods: &[Value],
        known: &[Value],
        used: Option<&Revisions>,
    ) -> Result<(), ApiError> {
        let Some(limit) = set["spec"]["revisionHistoryLimit"].as_i64().and_then(|n| usize::try_from(n).ok())
        else {
            return Ok(());
        };
        let is_live = |revision: &Value| {
            let name = revision.name();
            used.is_some_and(|used| used.current.name() == name || used.update.name() == name)
                || pods.iter().any(|pod| revision_of(pod) == name)
        };
        let spent: Vec<&Value> = known.iter().filter(|revision| !is_live(revision)).collect();
        for revision in spent.iter().take(spent.len().saturating_sub(limit)) {
            revisions::delete(&self.client, revision).await?;
        }
        Ok(())
    }
}
