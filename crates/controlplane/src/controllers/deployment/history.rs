//! Which ReplicaSet belongs to the present template, and the numbering of revisions (`sync.go`,
//! `util/deployment_util.go`).

use super::{DeploymentController, Rollout, by_age, progress, scale};
use crate::controllers::{controller_reference, hash};
use crate::kinds::{DEPLOYMENTS, REPLICASETS};
use crate::machinery::ApiError;
use object::{ObjectExt, Value, value};

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const HASH: &str = "pod-template-hash";
/// Annotations of a Deployment that its ReplicaSets do not get.
const NOT_COPIED: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    scale::DESIRED,
    scale::MAX,
    "deprecated.deployment.rollback.to",
];

/// Gives the revision that a ReplicaSet is annotated with.
pub(super) fn revision_of(rs: &Value) -> i64 {
    rs.annotation(REVISION).and_then(|text| text.parse().ok()).unwrap_or(0)
}

fn without_hash(template: &Value) -> Value {
    let mut template = template.clone();
    template.remove(&["metadata", "labels", HASH]);
    if template["metadata"]["labels"].is_empty() {
        template.remove(&["metadata", "labels"]);
    }
    template
}

/// Copies annotations and sets the revision; tells whether that changed the ReplicaSet.
fn annotate(rs: &mut Value, deployment: &Value, revision: i64) -> bool {
    let before = rs["metadata"]["annotations"].clone();
    for (key, text) in deployment["metadata"]["annotations"].entries() {
        if !NOT_COPIED.contains(&key.as_str()) {
            rs.set(&["metadata", "annotations", key.as_str()], text);
        }
    }
    let present = rs.annotation(REVISION).map(str::to_owned);
    if revision_of(rs) < revision {
        rs.set(&["metadata", "annotations", REVISION], revision.to_string());
        if let Some(present) = present {
            // A ReplicaSet that comes back keeps the list of the revisions it has had.
            let history =
                rs.annotation(HISTORY).map_or_else(|| present.clone(), |h| format!("{h},{present}"));
            rs.set(&["metadata", "annotations", HISTORY], history);
        }
    }
    rs["metadata"]["annotations"] != before
}

impl DeploymentController {
    /// Tells the new ReplicaSet from the old ones and numbers it, making it if it is missing and `create` is set.
    pub(super) async fn split(
        &self,
        deployment: Value,
        sets: &[Value],
        create: bool,
    ) -> Result<Rollout, ApiError> {
        let wanted = without_hash(&deployment["spec"]["template"]);
        let mut sets = sets.to_vec();
        by_age(&mut sets);
        let at = sets.iter().position(|rs| without_hash(&rs["spec"]["template"]) == wanted);
        let new = at.map(|at| sets.remove(at));
        let mut rollout = Rollout { deployment, new, old: sets };
        let revision = rollout.old.iter().map(revision_of).max().unwrap_or(0) + 1;
        match rollout.new.clone() {
            Some(new) => self.refresh_new(&mut rollout, new, revision).await?,
            None if create => self.create_new(&mut rollout, revision).await?,
            None => {}
        }
        Ok(rollout)
    }

    async fn refresh_new(&self, rollout: &mut Rollout, new: Value, revision: i64) -> Result<(), ApiError> {
        let mut next = new.clone();
        let annotated = annotate(&mut next, &rollout.deployment, revision);
        let min_ready = &rollout.deployment["spec"]["minReadySeconds"];
        if annotated || next["spec"]["minReadySeconds"].int() != min_ready.int() {
            next.set_or_omit(&["spec", "minReadySeconds"], min_ready);
            rollout.new = Some(self.client.update(&REPLICASETS, &next).await?);
            return Ok(());
        }
        let mut changed = self.set_revision(rollout, revision_of(&new));
        let is_watched = progress::has_deadline(&rollout.deployment);
        if is_watched && rollout.deployment.condition("Progressing").is_null() {
            let message = format!("Found new replica set {:?}", new.name());
            let now = self.context.now();
            let condition = progress::condition("Progressing", "True", "FoundNewReplicaSet", &message, now);
            progress::set_condition(rollout.deployment.slot(&["status"]), condition);
            changed = true;
        }
        if changed {
            rollout.deployment = self.client.update_status(&DEPLOYMENTS, &rollout.deployment).await?;
        }
        Ok(())
    }

    fn set_revision(&self, rollout: &mut Rollout, revision: i64) -> bool {
        let text = revision.to_string();
        let changed = rollout.deployment.annotation(REVISION) != Some(&text);
        if changed {
            rollout.deployment.set(&["metadata", "annotations", REVISION], text);
        }
        changed
    }

    async fn create_new(&self, rollout: &mut Rollout, revision: i64) -> Result<(), ApiError> {
        let deployment = rollout.deployment.clone();
        let hash = hash::of_template(
            &deployment["spec"]["template"],
            deployment["status"]["collisionCount"].as_i64(),
        );
        let mut template = deployment["spec"]["template"].clone();
        template.set(&["metadata", "labels", HASH], hash.as_str());
        let mut selector = deployment["spec"]["selector"].clone();
        selector.set(&["matchLabels", HASH], hash.as_str());
        let size = Self::new_size(rollout, 0);
        let mut name = format!("{}-{hash}", deployment.name());
        if self.context.mutants().deployments_name_at_random {
            let number = self.context.sim().choose("mutant-name", deployment.name(), 1 << 32);
            name = format!("{name}-{number}");
        }
        let mut rs = value!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {
                "name": name, "namespace": deployment.namespace(),
                "ownerReferences": [controller_reference(&deployment)], "labels": &template["metadata"]["labels"],
            },
            "spec": {"replicas": size, "selector": selector, "template": template},
        });
        rs.set_or_omit(&["spec", "minReadySeconds"], &deployment["spec"]["minReadySeconds"]);
        annotate(&mut rs, &deployment, revision);
        scale::set_replicas_annotations(&mut rs, &deployment);
        let (created, existed) = match self.client.create(&REPLICASETS, &rs).await {
            Ok(created) => (created, false),
            Err(error) if error.is_already_exists() => {
                (self.resolve_collision(&deployment, &rs, error).await?, true)
            }
            Err(error) => return Err(self.note_failure(rollout, &rs, error).await),
        };
        let mut changed = self.set_revision(rollout, revision);
        if !existed && progress::has_deadline(&deployment) {
            let message = format!("Created new replica set {:?}", created.name());
            let now = self.context.now();
            let condition = progress::condition("Progressing", "True", "NewReplicaSetCreated", &message, now);
            progress::set_condition(rollout.deployment.slot(&["status"]), condition);
            changed = true;
        }
        rollout.new = Some(created);
        if changed {
            rollout.deployment = self.client.update_status(&DEPLOYMENTS, &rollout.deployment).await?;
        }
        Ok(())
    }

    /// Looks at the ReplicaSet that has our name: if it is ours it will do, else the hash collided and the next sync
    /// tries another (kubernetes#29735).
    async fn resolve_collision(
        &self,
        deployment: &Value,
        rs: &Value,
        error: ApiError,
    ) -> Result<Value, ApiError> {
        let present = self.client.get(&REPLICASETS, rs.namespace(), rs.name()).await?;
        let is_ours = present.controller_of().is_some_and(|owner| owner.uid == deployment.uid())
            && without_hash(&present["spec"]["template"]) == without_hash(&deployment["spec"]["template"]);
        if is_ours {
            return Ok(present);
        }
        let count = deployment["status"]["collisionCount"].int() + 1;
        let next = deployment.clone().with(&["status", "collisionCount"], count);
        self.client.update_status(&DEPLOYMENTS, &next).await?;
        Err(error)
    }

    /// Notes in the conditions why the ReplicaSet could not be made, and gives the error back.
    async fn note_failure(&self, rollout: &mut Rollout, rs: &Value, error: ApiError) -> ApiError {
        if progress::has_deadline(&rollout.deployment) && !error.is_namespace_terminating() {
            let message = format!("Failed to create new replica set {:?}: {error}", rs.name());
            let now = self.context.now();
            let condition =
                progress::condition("Progressing", "False", "ReplicaSetCreateError", &message, now);
            progress::set_condition(rollout.deployment.slot(&["status"]), condition);
            // The failure that matters is the first one; this write only tells of it.
            let _ = self.client.update_status(&DEPLOYMENTS, &rollout.deployment).await;
        }
        error
    }
}
