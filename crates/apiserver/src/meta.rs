//! Metadata: what the server sets, what it keeps, and what it refuses, for all kinds alike.
//!
//! Upstream: `rest.BeforeCreate`, `rest.BeforeUpdate`, `ValidateObjectMeta` and `ValidateObjectMetaUpdate`.

use crate::edit::keep;
use crate::field::{FieldError, FieldPath};
use crate::traits::NameRule;
use object::{GroupVersion, Value, names, value};

/// The most bytes that all annotations of an object may have.
const ANNOTATION_BYTES_MAX: usize = 256 * 1024;

/// The finalizer with which dependents are left behind.
pub const ORPHAN: &str = "orphan";
/// The finalizer with which dependents are deleted first.
pub const FOREGROUND: &str = "foregroundDeletion";

/// Finds what is wrong with the metadata of a new object.
pub fn validate(object: &Value, rule: NameRule, errors: &mut Vec<FieldError>) {
    let path = FieldPath::new("metadata");
    let metadata = &object["metadata"];
    let base = &metadata["generateName"];
    if !base.is_empty() {
        for fault in rule.prefix_faults(base.str()) {
            errors.push(FieldError::invalid(&path.child("generateName"), base, &fault));
        }
    }
    let name = &metadata["name"];
    if name.is_empty() {
        errors.push(FieldError::required(&path.child("name"), "name or generateName is required"));
    } else {
        for fault in rule.faults(name.str()) {
            errors.push(FieldError::invalid(&path.child("name"), name, &fault));
        }
    }
    validate_maps(metadata, &Value::Null, &path, errors);
}

/// Finds what is wrong with labels, annotations, owners and finalizers; what `old` has, too, is not looked at.
fn validate_maps(new: &Value, old: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let is_new = |field: &str| !new[field].is_null() && !new[field].same(&old[field]);
    if is_new("labels") {
        validate_labels(&new["labels"], &path.child("labels"), errors);
    }
    if is_new("annotations") {
        validate_annotations(&new["annotations"], &path.child("annotations"), errors);
    }
    if is_new("ownerReferences") {
        validate_owners(&new["ownerReferences"], &path.child("ownerReferences"), errors);
    }
    if is_new("finalizers") {
        validate_finalizers(&new["finalizers"], &path.child("finalizers"), errors);
    }
}

fn validate_labels(labels: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    for (key, text) in labels.entries() {
        for fault in names::qualified_name_errors(key.as_str()) {
            errors.push(FieldError::invalid(path, &key.as_str().into(), &fault));
        }
        for fault in names::label_value_errors(text.str()) {
            errors.push(FieldError::invalid(path, text, &fault));
        }
    }
}

fn validate_annotations(annotations: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let mut bytes = 0;
    for (key, text) in annotations.entries() {
        bytes += key.as_str().len() + text.str().len();
        for fault in names::qualified_name_errors(&key.as_str().to_lowercase()) {
            errors.push(FieldError::invalid(path, &key.as_str().into(), &fault));
        }
    }
    if bytes > ANNOTATION_BYTES_MAX {
        errors.push(FieldError::too_long(path, ANNOTATION_BYTES_MAX));
    }
}

fn validate_owners(owners: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let mut controller: Option<&Value> = None;
    for owner in owners.items() {
        let version = GroupVersion::parse(owner["apiVersion"].str()).ok();
        if version.is_none_or(|version| version.version.is_empty()) {
            let path = path.child("apiVersion");
            errors.push(FieldError::invalid(&path, &text(&owner["apiVersion"]), "version must not be empty"));
        }
        for (field, detail) in
            [("kind", "must not be empty"), ("name", "must not be empty"), ("uid", "must not be empty")]
        {
            if owner[field].is_empty() {
                errors.push(FieldError::invalid(&path.child(field), &text(&owner[field]), detail));
            }
        }
        if !owner["controller"].bool() {
            continue;
        }
        if let Some(first) = controller {
            let detail = format!(
                "Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
                first["name"].str(),
                owner["name"].str()
            );
            errors.push(FieldError::invalid(path, owners, &detail));
        }
        controller = Some(owner);
    }
}

/// Shows an absent text as an empty one.
fn text(value: &Value) -> Value {
    value!(value.str())
}

fn validate_finalizers(finalizers: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let has = |name: &str| finalizers.items().iter().any(|finalizer| *finalizer == name);
    for finalizer in finalizers.items() {
        for fault in names::qualified_name_errors(finalizer.str()) {
            errors.push(FieldError::invalid(path, finalizer, &fault));
        }
        let standard = matches!(finalizer.str(), ORPHAN | FOREGROUND | "kubernetes");
        if !finalizer.str().contains('/') && !standard {
            let detail = "name is neither a standard finalizer name nor is it fully qualified";
            errors.push(FieldError::invalid(path, finalizer, detail));
        }
    }
    if has(ORPHAN) && has(FOREGROUND) {
        let detail = format!("finalizer {ORPHAN} and {FOREGROUND} cannot be both set");
        errors.push(FieldError::invalid(path, finalizers, &detail));
    }
}

/// Makes the metadata of an update keep what a client cannot change.
pub fn keep_system_fields(new: &mut Value, old: &Value) {
    if new["metadata"].same(&old["metadata"]) {
        return;
    }
    if new["metadata"]["uid"].is_empty() {
        keep(new, old, &["metadata", "uid"]);
    }
    for field in ["creationTimestamp", "generation", "managedFields", "selfLink"] {
        keep(new, old, &["metadata", field]);
    }
    // An object never comes back from its deletion.
    if !old["metadata"]["deletionTimestamp"].is_null() {
        keep(new, old, &["metadata", "deletionTimestamp"]);
    }
    if new["metadata"]["deletionGracePeriodSeconds"].is_null() {
        keep(new, old, &["metadata", "deletionGracePeriodSeconds"]);
    }
}

/// Finds what is wrong with a change of metadata.
pub fn validate_update(new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
    let (now, before) = (&new["metadata"], &old["metadata"]);
    if now.same(before) {
        return;
    }
    let path = FieldPath::new("metadata");
    for field in ["name", "namespace", "uid", "deletionTimestamp"] {
        if now[field] != before[field] {
            errors.push(FieldError::invalid(&path.child(field), &now[field], "field is immutable"));
        }
    }
    let grace = "deletionGracePeriodSeconds";
    if now[grace] != before[grace] {
        let detail = "field is immutable; may only be changed via deletion";
        errors.push(FieldError::invalid(&path.child(grace), &now[grace], detail));
    }
    if !before["deletionTimestamp"].is_null() {
        validate_no_new_finalizers(now, before, &path, errors);
    }
    validate_maps(now, before, &path, errors);
}

fn validate_no_new_finalizers(now: &Value, before: &Value, path: &FieldPath, errors: &mut Vec<FieldError>) {
    let known = before["finalizers"].items();
    let mut added: Vec<&str> = now["finalizers"]
        .items()
        .iter()
        .filter(|finalizer| !known.contains(finalizer))
        .map(Value::str)
        .collect();
    added.sort_unstable();
    if added.is_empty() {
        return;
    }
    let list = added.iter().map(|finalizer| format!("{finalizer:?}")).collect::<Vec<_>>().join(", ");
    let error = FieldError::forbidden(
        &path.child("finalizers"),
        &format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}"
        ),
    );
    // The real server checks this in two places, and says it twice.
    errors.extend([error.clone(), error]);
}

/// Cuts a `generateName` so that a suffix fits, and adds it.
pub fn generated_name(base: &str, suffix: &str) -> String {
    const BASE_BYTES_MAX: usize = 63 - 5;
    let end =
        base.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= BASE_BYTES_MAX).last();
    format!("{}{suffix}", &base[..end.unwrap_or(0)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_fit_into_a_label() {
        assert_eq!(generated_name("web-", "x2x2x"), "web-x2x2x");
        let long = generated_name(&"a".repeat(80), "x2x2x");
        assert_eq!((long.len(), long.ends_with("ax2x2x")), (63, true));
    }

    #[test]
    fn a_deleting_object_gets_no_new_finalizers() {
        let old = value!({"metadata": {"name": "a", "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x.io/a"]}});
        let mut errors = Vec::new();
        validate_update(&old.clone().with(&["metadata", "finalizers"], value!([])), &old, &mut errors);
        assert_eq!(errors, []);
        let new = old.clone().with(&["metadata", "finalizers"], value!(["x.io/a", "x.io/c", "x.io/b"]));
        validate_update(&new, &old, &mut errors);
        assert_eq!(errors.len(), 2);
        assert!(errors[0].to_string().ends_with("[]string{\"x.io/b\", \"x.io/c\"}"), "{}", errors[0]);
    }

    #[test]
    fn owners_and_finalizers_follow_their_rules() {
        let check = |metadata: Value, expected: &[&str]| {
            let mut errors = Vec::new();
            validate(&value!({"metadata": metadata}), NameRule::Subdomain, &mut errors);
            let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected);
        };
        let owner = |uid: &str| value!({"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": uid, "controller": true});
        check(
            value!({"name": "a", "ownerReferences": [owner("u")], "finalizers": ["x.io/y", "orphan"]}),
            &[],
        );
        check(
            value!({"name": "a", "finalizers": ["mine"]}),
            &[
                "metadata.finalizers: Invalid value: \"mine\": name is neither a standard finalizer name nor is it fully \
               qualified",
            ],
        );
        check(
            value!({"name": "a", "ownerReferences": [{"kind": "Pod", "name": "p", "uid": "u"}]}),
            &["metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty"],
        );
        check(value!({}), &["metadata.name: Required value: name or generateName is required"]);
    }
}
