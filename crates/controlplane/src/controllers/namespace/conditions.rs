//! What a namespace's status says about its deletion (`pkg/controller/namespace/deletion/status_condition_utils.go`).

use object::{GroupVersionResource, ObjectExt, Time, Value, value};
use std::collections::BTreeMap;

/// The conditions in the order in which they are written, each with the reason and the message when all is well.
const CONDITIONS: [(&str, &str, &str); 5] = [
    ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    ("NamespaceContentRemaining", "ContentRemoved", "All content successfully removed"),
    ("NamespaceFinalizersRemaining", "ContentHasNoFinalizers", "All content-preserving finalizers finished"),
];

/// What is left in a namespace.
#[derive(Debug, Default)]
pub(super) struct Remaining {
    pub(super) by_resource: BTreeMap<GroupVersionResource, usize>,
    pub(super) by_finalizer: BTreeMap<String, usize>,
}

/// What a round of deletion found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Why content could not be deleted.
    pub(super) errors: Vec<String>,
    /// What is left, if that was counted.
    pub(super) remaining: Option<Remaining>,
}

impl Findings {
    /// Gives reason and message of a condition that is not as it should be.
    fn fault(&self, condition: &str) -> Option<(&'static str, String)> {
        match condition {
            "NamespaceDeletionContentFailure" if !self.errors.is_empty() => {
                let mut errors = self.errors.clone();
                errors.sort();
                let message = format!(
                    "Failed to delete all resource types, {} remaining: {}",
                    errors.len(),
                    errors.join(", ")
                );
                Some(("ContentDeletionFailed", message))
            }
            "NamespaceContentRemaining" => {
                let left = &self.remaining.as_ref()?.by_resource;
                let of = |(r, n): (&GroupVersionResource, &usize)| {
                    format!("{}.{} has {n} resource instances", r.resource, r.group)
                };
                listed(left.iter().map(of))
                    .map(|list| ("SomeResourcesRemain", format!("Some resources are remaining: {list}")))
            }
            "NamespaceFinalizersRemaining" => {
                let left = &self.remaining.as_ref()?.by_finalizer;
                let of = |(name, n): (&String, &usize)| format!("{name} in {n} resource instances");
                listed(left.iter().map(of)).map(|list| {
                    let message = format!("Some content in the namespace has finalizers remaining: {list}");
                    ("SomeFinalizersRemain", message)
                })
            }
            _ => None,
        }
    }

    /// Brings the findings into a namespace's status; tells whether that changed it.
    pub(super) fn show_in(&self, namespace: &mut Value, now: Time) -> bool {
        let mut changed = false;
        for (kind, good_reason, good_message) in CONDITIONS {
            let (status, reason, message) = match self.fault(kind) {
                Some((reason, message)) => ("True", reason, message),
                None => ("False", good_reason, good_message.to_owned()),
            };
            let present = namespace.condition(kind).clone();
            if present["status"] == status && present["reason"] == reason && present["message"] == *message {
                continue;
            }
            changed = true;
            let since =
                if present["status"] == status { present["lastTransitionTime"].clone() } else { now.into() };
            let condition = value!({
                "type": kind, "status": status, "lastTransitionTime": since, "reason": reason, "message": message,
            });
            let mut conditions = namespace["status"]["conditions"].items().to_vec();
            match conditions.iter_mut().find(|one| one["type"] == kind) {
                Some(place) => *place = condition,
                None => conditions.push(condition),
            }
            namespace.set(&["status", "conditions"], conditions);
        }
        changed
    }
}

/// Joins the texts in order, none when there are none.
fn listed(texts: impl Iterator<Item = String>) -> Option<String> {
    let mut texts: Vec<String> = texts.collect();
    texts.sort();
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_unix_seconds(1_000);

    fn check(findings: &Findings, kind: &str, status: &str, message: &str) {
        let mut namespace = value!({"status": {"phase": "Terminating"}});
        assert!(findings.show_in(&mut namespace, NOW));
        let condition = namespace.condition(kind);
        assert_eq!((condition["status"].str(), condition["message"].str()), (status, message));
        assert!(!findings.show_in(&mut namespace, NOW), "the same findings change nothing");
    }

    #[test]
    fn conditions_say_what_is_left_and_why() {
        let mut remaining = Remaining::default();
        remaining.by_resource.insert(GroupVersionResource::new("", "v1", "configmaps"), 2);
        remaining.by_resource.insert(GroupVersionResource::new("apps", "v1", "deployments"), 1);
        remaining.by_finalizer.insert("x.io/hold".to_owned(), 2);
        let found = Findings { errors: vec!["b".into(), "a".into()], remaining: Some(remaining) };
        check(
            &found,
            "NamespaceContentRemaining",
            "True",
            "Some resources are remaining: configmaps. has 2 resource instances, deployments.apps has 1 resource \
             instances",
        );
        check(
            &found,
            "NamespaceFinalizersRemaining",
            "True",
            "Some content in the namespace has finalizers remaining: x.io/hold in 2 resource instances",
        );
        check(
            &found,
            "NamespaceDeletionContentFailure",
            "True",
            "Failed to delete all resource types, 2 remaining: a, b",
        );
        check(&Findings::default(), "NamespaceContentRemaining", "False", "All content successfully removed");
    }
}
