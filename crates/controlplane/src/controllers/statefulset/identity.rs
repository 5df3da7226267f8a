//! What makes a pod one of a StatefulSet's: its ordinal, its name, its labels, its claims
//! (`pkg/controller/statefulset/stateful_set_utils.go`).

use super::claims;
use crate::controllers::pod_from_template;
use object::{ObjectExt, Value, value};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
const REVISION: &str = "controller-revision-hash";

/// Splits a pod's name into the name of its set and its ordinal, -1 when there is none.
fn parent_and_ordinal(pod: &Value) -> (&str, i64) {
    match pod.name().rsplit_once('-') {
        Some((parent, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            (parent, digits.parse::<i32>().map_or(-1, i64::from))
        }
        _ => ("", -1),
    }
}

/// Gives a pod's ordinal, -1 when it has none.
pub(super) fn ordinal(pod: &Value) -> i64 {
    parent_and_ordinal(pod).1
}

/// Tells whether a pod's name is one that this set gives.
pub(super) fn is_member(set: &Value, pod: &Value) -> bool {
    parent_and_ordinal(pod).0 == set.name()
}

/// Gives how many replicas a set wants.
pub(super) fn replicas(set: &Value) -> i64 {
    set["spec"]["replicas"].as_i64().unwrap_or(1)
}

/// Gives the first ordinal of a set.
pub(super) fn first_ordinal(set: &Value) -> i64 {
    set["spec"]["ordinals"]["start"].int()
}

/// Tells whether the set, as it is sized now, wants this pod.
pub(super) fn is_wanted(set: &Value, pod: &Value) -> bool {
    let first = first_ordinal(set);
    (first..first + replicas(set)).contains(&ordinal(pod))
}

/// Gives the name of the revision that a pod was made of.
pub(super) fn revision_of(pod: &Value) -> &str {
    pod.label(REVISION).unwrap_or("")
}

/// Tells whether the API server knows the pod.
pub(super) fn is_created(pod: &Value) -> bool {
    !pod["status"]["phase"].str().is_empty()
}

/// Tells whether a pod has the name and the label of a member.
pub(super) fn identity_matches(set: &Value, pod: &Value) -> bool {
    ordinal(pod) >= 0 && is_member(set, pod) && pod.label(POD_NAME) == Some(pod.name())
}

/// Tells whether a pod's volumes are the claims of its ordinal.
pub(super) fn storage_matches(set: &Value, pod: &Value) -> bool {
    let volumes = pod["spec"]["volumes"].items();
    claims::templates(set).iter().all(|template| {
        let wanted = claims::name(set, template, ordinal(pod));
        volumes.iter().any(|volume| {
            volume["name"] == template.name() && volume["persistentVolumeClaim"]["claimName"] == *wanted
        })
    })
}

/// Gives a pod the labels of its ordinal.
pub(super) fn set_identity(set: &Value, pod: &mut Value) {
    let ordinal = ordinal(pod);
    let name = format!("{}-{ordinal}", set.name());
    pod.set(&["metadata", "name"], &name);
    pod.set(&["metadata", "namespace"], set.namespace());
    pod.set(&["metadata", "labels", POD_NAME], &name);
    pod.set(&["metadata", "labels", POD_INDEX], ordinal.to_string());
}

/// Gives a pod the claims of its ordinal as volumes; they replace volumes of the same names.
pub(super) fn set_storage(set: &Value, pod: &mut Value) {
    let templates = claims::templates(set);
    let mut volumes: Vec<Value> = templates
        .iter()
        .map(|template| {
            let claim = claims::name(set, template, ordinal(pod));
            value!({"name": template.name(), "persistentVolumeClaim": {"claimName": claim}})
        })
        .collect();
    let is_claim = |volume: &&Value| templates.iter().any(|template| volume["name"] == template.name());
    volumes.extend(pod["spec"]["volumes"].items().iter().filter(|volume| !is_claim(volume)).cloned());
    pod.set_or_omit(&["spec", "volumes"], volumes);
}

/// Makes the pod of an ordinal.
fn new_pod(set: &Value, ordinal: i64, revision: &str) -> Value {
    let name = format!("{}-{ordinal}", set.name());
    let mut pod = pod_from_template(&set["spec"]["template"], set);
    pod.set(&["metadata", "name"], &name);
    set_identity(set, &mut pod);
    set_storage(set, &mut pod);
    pod.set(&["spec", "hostname"], &name);
    pod.set_or_omit(&["spec", "subdomain"], &set["spec"]["serviceName"]);
    pod.set(&["metadata", "labels", REVISION], revision);
    pod
}

/// A set at one of its revisions, and that revision's name.
pub(super) struct SetAt {
    pub(super) set: Value,
    pub(super) revision: String,
}

/// Makes the pod of an ordinal, at the current revision where the update does not reach it, else at the new one.
pub(super) fn new_versioned_pod(current: &SetAt, update: &SetAt, ordinal: i64) -> Value {
    let strategy = &current.set["spec"]["updateStrategy"];
    let kept = match &strategy["rollingUpdate"] {
        Value::Null if strategy["type"] == "RollingUpdate" => current.set["status"]["currentReplicas"].int(),
        Value::Null => 0,
        rolling => rolling["partition"].int(),
    };
    let at = if ordinal < first_ordinal(&current.set) + kept { current } else { update };
    new_pod(&at.set, ordinal, &at.revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Value {
        value!({"metadata": {"name": name}})
    }

    #[test]
    fn the_ordinal_is_what_follows_the_last_dash() {
        for (name, expected) in [
            ("db-0", ("db", 0)),
            ("my-db-12", ("my-db", 12)),
            ("db", ("", -1)),
            ("db-", ("", -1)),
            ("db-x1", ("", -1)),
            ("db-99999999999", ("db", -1)),
        ] {
            assert_eq!(parent_and_ordinal(&named(name)), expected, "{name}");
        }
        assert!(!is_member(&named("db"), &named("other-0")));
    }

    #[test]
    fn a_pod_below_the_partition_is_made_of_the_current_revision() {
        let set = |image: &str| {
            value!({
                "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "n", "uid": "u"},
                "spec": {
                    "replicas": 4, "serviceName": "db",
                    "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
                    "template": {"metadata": {"labels": {"app": "db"}}, "spec": {"containers": [{"image": image}]}},
                    "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
                },
            })
        };
        let current = SetAt { set: set("app:1"), revision: "db-old".to_owned() };
        let update = SetAt { set: set("app:2"), revision: "db-new".to_owned() };
        let image = |pod: &Value| pod["spec"]["containers"][0]["image"].str().to_owned();
        let old = new_versioned_pod(&current, &update, 1);
        let new = new_versioned_pod(&current, &update, 2);
        assert_eq!((image(&old).as_str(), revision_of(&old)), ("app:1", "db-old"));
        assert_eq!((image(&new).as_str(), revision_of(&new)), ("app:2", "db-new"));
        assert_eq!(new["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"], "data-db-2");
        assert!(identity_matches(&update.set, &new) && storage_matches(&update.set, &new));
    }
}
