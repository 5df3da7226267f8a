//! The claims of a StatefulSet's pods, and who owns them under `persistentVolumeClaimRetentionPolicy`
//! (`pkg/controller/statefulset/stateful_set_utils.go`).

use super::identity::{is_wanted, ordinal};
use crate::controllers::controller_reference;
use object::{ObjectExt, Value};

/// Gives the templates of the claims that each pod gets.
pub(super) fn templates(set: &Value) -> &[Value] {
    set["spec"]["volumeClaimTemplates"].items()
}

/// Gives the name of the claim that a template makes for an ordinal.
pub(super) fn name(set: &Value, template: &Value, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", template.name(), set.name())
}

/// Gives the claims that a pod needs.
pub(super) fn of_pod(set: &Value, pod: &Value) -> Vec<Value> {
    let claim = |template: &Value| {
        let mut claim = template.clone();
        claim.set(&["metadata", "name"], name(set, template, ordinal(pod)));
        claim.set(&["metadata", "namespace"], set.namespace());
        for (key, text) in set["spec"]["selector"]["matchLabels"].entries() {
            claim.set(&["metadata", "labels", key.as_str()], text);
        }
        claim
    };
    templates(set).iter().map(claim).collect()
}

/// What a set does with claims; anything unknown retains them.
struct Policy {
    deletes_when_scaled: bool,
    deletes_when_deleted: bool,
}

impl Policy {
    fn of(set: &Value) -> Self {
        let policy = &set["spec"]["persistentVolumeClaimRetentionPolicy"];
        Self {
            deletes_when_scaled: policy["whenScaled"] == "Delete",
            deletes_when_deleted: policy["whenDeleted"] == "Delete",
        }
    }

    fn retains_always(&self) -> bool {
        !self.deletes_when_scaled && !self.deletes_when_deleted
    }
}

/// Who is to own a claim, so that the garbage collector deletes it when it should.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WantedOwner {
    Nobody,
    Set,
    Pod,
}

fn wanted_owner(set: &Value, pod: &Value) -> WantedOwner {
    let policy = Policy::of(set);
    if policy.deletes_when_scaled && !is_wanted(set, pod) {
        WantedOwner::Pod
    } else if policy.deletes_when_deleted {
        WantedOwner::Set
    } else {
        WantedOwner::Nobody
    }
}

fn names(reference: &Value, owner: &Value, kind: (&str, &str)) -> bool {
    reference["apiVersion"] == kind.0 && reference["kind"] == kind.1 && reference["name"] == owner.name()
}

const SET: (&str, &str) = ("apps/v1", "StatefulSet");
const POD: (&str, &str) = ("v1", "Pod");

fn references(claim: &Value) -> &[Value] {
    claim["metadata"]["ownerReferences"].items()
}

/// Tells whether a claim is owned by an object of this name that is gone.
fn has_stale_owner(claim: &Value, owner: &Value, kind: (&str, &str)) -> bool {
    references(claim)
        .iter()
        .find(|reference| names(reference, owner, kind))
        .is_some_and(|reference| reference["uid"] != owner.uid())
}

/// Tells whether a pod is not to be made yet, since a claim of its name still belongs to its predecessor and will be
/// deleted with it.
pub(super) fn is_stale(set: &Value, pod: &Value, claim: &Value) -> bool {
    Policy::of(set).deletes_when_scaled && has_stale_owner(claim, pod, POD)
}

/// Tells whether somebody else manages a claim that the set's policy would have it manage.
fn has_other_controller(claim: &Value, set: &Value, pod: &Value) -> bool {
    if Policy::of(set).retains_always() {
        return false;
    }
    references(claim).iter().any(|reference| {
        if names(reference, set, SET) {
            reference["uid"] != set.uid()
        } else if names(reference, pod, POD) {
            reference["uid"] != pod.uid()
        } else {
            reference["controller"].bool()
        }
    })
}

fn is_owned_by(claim: &Value, owner: &Value) -> bool {
    references(claim).iter().any(|reference| reference["uid"] == owner.uid())
}

/// Tells whether a claim's owners are those that the set's policy wants; claims in an unknown state are left alone.
pub(super) fn matches_policy(claim: &Value, set: &Value, pod: &Value) -> bool {
    if has_stale_owner(claim, set, SET) || has_stale_owner(claim, pod, POD) {
        return true;
    }
    let (by_set, by_pod) = (is_owned_by(claim, set), is_owned_by(claim, pod));
    if has_other_controller(claim, set, pod) {
        return !by_set && !by_pod;
    }
    let is_ours = |reference: &&Value| reference["uid"] == set.uid() || reference["uid"] == pod.uid();
    if references(claim).iter().filter(is_ours).any(|reference| !reference["controller"].bool()) {
        return false;
    }
    let wanted = wanted_owner(set, pod);
    by_set == (wanted == WantedOwner::Set) && by_pod == (wanted == WantedOwner::Pod)
}

/// Gives a claim with the owners that the set's policy wants.
pub(super) fn with_policy(claim: &Value, set: &Value, pod: &Value) -> Value {
    let has_other = has_other_controller(claim, set, pod);
    let is_other = |reference: &&Value| !names(reference, set, SET) && !names(reference, pod, POD);
    let mut owners: Vec<Value> = references(claim).iter().filter(is_other).cloned().collect();
    if !has_other {
        match wanted_owner(set, pod) {
            WantedOwner::Nobody => {}
            WantedOwner::Set => owners.push(controller_reference(set)),
            WantedOwner::Pod => owners.push(controller_reference(pod)),
        }
    }
    let mut claim = claim.clone();
    claim.set_or_omit(&["metadata", "ownerReferences"], owners);
    claim
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn set(when_scaled: &str, when_deleted: &str) -> Value {
        value!({
            "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "n", "uid": "set"},
            "spec": {
                "replicas": 1, "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
                "persistentVolumeClaimRetentionPolicy": {"whenScaled": when_scaled, "whenDeleted": when_deleted},
            },
        })
    }

    fn pod(ordinal: i64) -> Value {
        let name = format!("db-{ordinal}");
        value!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": &name, "namespace": "n", "uid": &name}})
    }

    fn check(policy: (&str, &str), ordinal: i64, expected: &[&str]) {
        let (set, pod) = (set(policy.0, policy.1), pod(ordinal));
        let claim = of_pod(&set, &pod).remove(0);
        let changed = with_policy(&claim, &set, &pod);
        let owners: Vec<&str> = changed.owners().map(|owner| owner.uid).collect();
        assert_eq!(owners, expected, "{policy:?} for ordinal {ordinal}");
        assert!(matches_policy(&changed, &set, &pod));
        assert_eq!(matches_policy(&claim, &set, &pod), expected.is_empty());
    }

    #[test]
    fn a_claim_belongs_to_whoever_it_is_deleted_with() {
        check(("Retain", "Retain"), 0, &[]);
        check(("Retain", "Delete"), 0, &["set"]);
        check(("Retain", "Delete"), 1, &["set"]);
        check(("Delete", "Retain"), 0, &[]);
        check(("Delete", "Retain"), 1, &["db-1"]);
        check(("Delete", "Delete"), 0, &["set"]);
        check(("Delete", "Delete"), 1, &["db-1"]);
    }

    #[test]
    fn a_claim_that_somebody_else_manages_is_left_to_them() {
        let (set, pod) = (set("Delete", "Delete"), pod(0));
        let other =
            value!({"apiVersion": "v1", "kind": "Thing", "name": "t", "uid": "t", "controller": true});
        let claim = of_pod(&set, &pod).remove(0).with(&["metadata", "ownerReferences"], vec![other]);
        assert!(matches_policy(&claim, &set, &pod));
        assert_eq!(with_policy(&claim, &set, &pod), claim);
    }
}
