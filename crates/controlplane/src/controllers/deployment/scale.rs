//! Sizes: surge and unavailability, scaling one ReplicaSet, and spreading a scaling over several (`sync.go`).

use super::{DeploymentController, Rollout, active, by_age, replicas};
use crate::kinds::REPLICASETS;
use crate::machinery::ApiError;
use object::{ObjectExt, Value, int_or_percent};

pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAX: &str = "deployment.kubernetes.io/max-replicas";

/// Gives surge and unavailability in pods; both zero would stand still, so then one may be unavailable.
fn fenceposts(deployment: &Value) -> (i64, i64) {
    let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
    let wanted = replicas(deployment);
    let surge = int_or_percent(&rolling["maxSurge"], wanted, true);
    let unavailable = int_or_percent(&rolling["maxUnavailable"], wanted, false);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

pub(super) fn is_rolling(deployment: &Value) -> bool {
    deployment["spec"]["strategy"]["type"] == "RollingUpdate"
}

pub(super) fn max_unavailable(deployment: &Value) -> i64 {
    let wanted = replicas(deployment);
    if is_rolling(deployment) && wanted > 0 { fenceposts(deployment).1.min(wanted) } else { 0 }
}

pub(super) fn max_surge(deployment: &Value) -> i64 {
    if is_rolling(deployment) { fenceposts(deployment).0 } else { 0 }
}

/// Writes how many replicas the Deployment wanted when the ReplicaSet was sized; tells whether that changed it.
pub(super) fn set_replicas_annotations(rs: &mut Value, deployment: &Value) -> bool {
    let wanted = replicas(deployment);
    let before = rs["metadata"]["annotations"].clone();
    rs.set(&["metadata", "annotations", DESIRED], wanted.to_string());
    rs.set(&["metadata", "annotations", MAX], (wanted + max_surge(deployment)).to_string());
    rs["metadata"]["annotations"] != before
}

fn annotated(rs: &Value, key: &str) -> Option<i64> {
    rs.annotation(key).and_then(|text| text.parse().ok())
}

/// Tells whether the Deployment was scaled since its ReplicaSets were sized.
pub(super) fn is_scaling_event(rollout: &Rollout) -> bool {
    let wanted = replicas(&rollout.deployment);
    active(&rollout.all()).iter().any(|rs| annotated(rs, DESIRED).is_some_and(|desired| desired != wanted))
}

/// Gives the only active ReplicaSet, or the latest when none is; none when several are.
fn active_or_latest(rollout: &Rollout) -> Option<Value> {
    match active(&rollout.all()).as_slice() {
        [] => rollout.new.clone().or_else(|| {
            let mut old = rollout.old.clone();
            by_age(&mut old);
            old.pop()
        }),
        [one] => Some(one.clone()),
        _ => None,
    }
}

/// Gives what a ReplicaSet gains or loses of a scaling of `to_add` pods, of which `added` are given out.
fn proportion(rs: &Value, deployment: &Value, to_add: i64, added: i64) -> i64 {
    if replicas(rs) == 0 || to_add == 0 || to_add == added {
        return 0;
    }
    let fraction = if replicas(deployment) == 0 {
        -replicas(rs)
    } else {
        let before =
            annotated(rs, MAX).filter(|n| *n != 0).unwrap_or_else(|| deployment["status"]["replicas"].int());
        let after = replicas(deployment) + max_surge(deployment);
        let size = (replicas(rs) * after) as f64 / before.max(1) as f64;
        size.round() as i64 - replicas(rs)
    };
    let allowed = to_add - added;
    if to_add > 0 { fraction.min(allowed) } else { fraction.max(allowed) }
}

impl DeploymentController {
    /// Spreads the Deployment's size over its ReplicaSets.
    pub(super) async fn scale(&self, rollout: &mut Rollout) -> Result<(), ApiError> {
        let wanted = replicas(&rollout.deployment);
        if let Some(rs) = active_or_latest(rollout) {
            if replicas(&rs) != wanted {
                self.resize(rollout, &rs, wanted).await?;
            }
            return Ok(());
        }
        let is_saturated = rollout.new.as_ref().is_some_and(|rs| {
            replicas(rs) == wanted
                && annotated(rs, DESIRED) == Some(wanted)
                && rs["status"]["availableReplicas"].int() == wanted
        });
        if is_saturated {
            for rs in active(&rollout.old) {
                self.resize(rollout, &rs, 0).await?;
            }
            return Ok(());
        }
        if !is_rolling(&rollout.deployment) {
            return Ok(());
        }
        let mut sets = active(&rollout.all());
        let allowed = if wanted > 0 { wanted + max_surge(&rollout.deployment) } else { 0 };
        let to_add = allowed - sets.iter().map(replicas).sum::<i64>();
        // When growing the larger and newer come first, when shrinking the larger and older.
        by_age(&mut sets);
        if to_add > 0 {
            sets.reverse();
        }
        sets.sort_by_key(|rs| std::cmp::Reverse(replicas(rs)));
        let mut sizes = Vec::new();
        let mut added = 0;
        for rs in &sets {
            let share = proportion(rs, &rollout.deployment, to_add, added);
            added += share;
            sizes.push(replicas(rs) + share);
        }
        if to_add != 0
            && let Some(first) = sizes.first_mut()
        {
            *first = (*first + to_add - added).max(0);
        }
        for (rs, size) in sets.iter().zip(sizes) {
            self.write_size(rollout, rs, size).await?;
        }
        Ok(())
    }

    /// Sizes a ReplicaSet if it has another size; tells whether it had.
    pub(super) async fn resize(
        &self,
        rollout: &mut Rollout,
        rs: &Value,
        size: i64,
    ) -> Result<bool, ApiError> {
        if replicas(rs) == size {
            return Ok(false);
        }
        self.write_size(rollout, rs, size).await
    }

    async fn write_size(&self, rollout: &mut Rollout, rs: &Value, size: i64) -> Result<bool, ApiError> {
        let mut next = rs.clone();
        let annotated = set_replicas_annotations(&mut next, &rollout.deployment);
        let resized = replicas(rs) != size;
        if !annotated && !resized {
            return Ok(false);
        }
        next.set(&["spec", "replicas"], size);
        let updated = self.client.update(&REPLICASETS, &next).await?;
        rollout.put(updated);
        Ok(resized)
    }

    /// Gives the size that the new ReplicaSet may have at once (`NewRSNewReplicas`).
    pub(super) fn new_size(rollout: &Rollout, present: i64) -> i64 {
        let wanted = replicas(&rollout.deployment);
        if !is_rolling(&rollout.deployment) {
            return wanted;
        }
        let total: i64 = rollout.all().iter().map(replicas).sum();
        let most = wanted + max_surge(&rollout.deployment);
        if total >= most { present } else { present + (most - total).min(wanted - present) }
    }
}
