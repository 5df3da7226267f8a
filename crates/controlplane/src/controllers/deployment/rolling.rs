//! A rolling update: the new ReplicaSet grows within the surge, the old ones shrink within the unavailability
//! (`rolling.go`).

use super::{DeploymentController, Rollout, active, by_age, replicas, scale};
use crate::machinery::ApiError;
use object::Value;

fn available(rs: &Value) -> i64 {
    rs["status"]["availableReplicas"].int()
}

impl DeploymentController {
    /// Sizes the new ReplicaSet as far as the surge allows; tells whether its size changed.
    pub(super) async fn grow_new(&self, rollout: &mut Rollout) -> Result<bool, ApiError> {
        let Some(new) = rollout.new.clone() else { return Ok(false) };
        let wanted = replicas(&rollout.deployment);
        if replicas(&new) == wanted {
            return Ok(false);
        }
        let size = if replicas(&new) > wanted { wanted } else { Self::new_size(rollout, replicas(&new)) };
        self.resize(rollout, &new, size).await
    }

    /// Shrinks the old ReplicaSets as far as availability allows, unhealthy pods first; tells whether any shrank.
    pub(super) async fn shrink_old(&self, rollout: &mut Rollout) -> Result<bool, ApiError> {
        let mut old = active(&rollout.old);
        if old.is_empty() {
            return Ok(false);
        }
        let least = replicas(&rollout.deployment) - scale::max_unavailable(&rollout.deployment);
        let total: i64 = rollout.all().iter().map(replicas).sum();
        let new_unavailable = rollout.new.as_ref().map_or(0, |rs| replicas(rs) - available(rs));
        let most = total - least - new_unavailable;
        if most <= 0 {
            return Ok(false);
        }
        by_age(&mut old);
        let mut cleaned = 0;
        for rs in &old {
            let unhealthy = replicas(rs) - available(rs);
            if cleaned >= most || replicas(rs) == 0 || unhealthy == 0 {
                continue;
            }
            let count = (most - cleaned).min(unhealthy);
            self.resize(rollout, rs, replicas(rs) - count).await?;
            cleaned += count;
        }
        let surplus = rollout.all().iter().map(available).sum::<i64>() - least;
        let mut shrunk = 0;
        let mut old = active(&rollout.old);
        by_age(&mut old);
        for rs in &old {
            if shrunk >= surplus {
                break;
            }
            let count = replicas(rs).min(surplus - shrunk);
            self.resize(rollout, rs, replicas(rs) - count).await?;
            shrunk += count;
        }
        Ok(cleaned + shrunk > 0)
    }
}
