//! The form in which objects of built-in kinds are kept: what Go would not write is not there.
//!
//! The real server decodes every body into a struct and writes that out again, which drops nulls, empty lists and
//! empty maps of texts. Two bodies that mean the same thing must be equal here, too, or a write that changes nothing
//! would look like a change.

use object::{Key, Value};

/// The maps that are dropped when they are empty; other maps are structs, whose presence can mean something.
const MAPS_OF_TEXTS: &[&str] = &[
    "annotations",
    "binaryData",
    "data",
    "disruptedPods",
    "labels",
    "limits",
    "matchLabels",
    "nodeSelector",
    "overhead",
    "parameters",
    "requests",
    "stringData",
];

/// Gives the object without what Go would not write; what `old` has already, in the same memory, is not looked at.
pub fn normal(object: Value, old: Option<&Value>) -> Value {
    let Value::Map(map) = &object else { return object };
    let mut changed: Vec<(Key, Option<Value>)> = Vec::new();
    for (key, field) in map.iter() {
        if old.is_some_and(|old| old[key.as_str()].same(field)) {
            continue;
        }
        if is_omitted(key.as_str(), field) {
            changed.push((key.clone(), None));
        } else if let Some(field) = pruned(field) {
            changed.push((key.clone(), Some(field)));
        }
    }
    let mut object = object;
    for (key, field) in changed {
        match field {
            Some(field) => object.set(&[key.as_str()], field),
            None => drop(object.remove(&[key.as_str()])),
        }
    }
    object
}

fn is_omitted(key: &str, field: &Value) -> bool {
    match field {
        Value::Null => true,
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty() && MAPS_OF_TEXTS.contains(&key),
        _ => false,
    }
}

/// Gives the value without what is omitted, `None` if nothing is: most trees are left as they are.
fn pruned(value: &Value) -> Option<Value> {
    match value {
        Value::Map(map) => {
            let mut changed = false;
            let mut kept: Vec<(Key, Value)> = Vec::new();
            for (at, (key, field)) in map.iter().enumerate() {
                let omitted = is_omitted(key.as_str(), field);
                let new = if omitted { None } else { pruned(field) };
                if !changed && (omitted || new.is_some()) {
                    changed = true;
                    kept.extend(map.iter().take(at).map(|(key, field)| (key.clone(), field.clone())));
                }
                if changed && !omitted {
                    kept.push((key.clone(), new.unwrap_or_else(|| field.clone())));
                }
            }
            changed.then(|| kept.into_iter().collect())
        }
        Value::List(list) => {
            let new: Vec<Option<Value>> = list.iter().map(pruned).collect();
            let changed = new.iter().any(Option::is_some);
            let both = new.into_iter().zip(list.iter());
            changed.then(|| both.map(|(new, item)| new.unwrap_or_else(|| item.clone())).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::normal;
    use object::value;

    #[test]
    fn what_go_would_not_write_is_dropped() {
        let object = value!({
            "metadata": {"name": "a", "creationTimestamp": null, "labels": {}, "finalizers": []},
            "spec": {"selector": {}, "containers": [{"name": "c", "resources": {"limits": {}}, "args": []}]},
        });
        let expected = value!({
            "metadata": {"name": "a"},
            "spec": {"selector": {}, "containers": [{"name": "c", "resources": {}}]},
        });
        assert_eq!(normal(object, None), expected);
    }

    #[test]
    fn what_is_in_form_is_shared() {
        let object = value!({"metadata": {"name": "a"}, "spec": {"list": [{"a": 1}]}});
        assert!(normal(object.clone(), None).same(&object));
        let changed = object.clone().with(&["metadata", "labels"], value!({}));
        assert!(normal(changed, Some(&object))["spec"].same(&object["spec"]));
    }
}
