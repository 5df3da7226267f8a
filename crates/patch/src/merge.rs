//! JSON merge patch (RFC 7386).

use object::{Map, Value};

/// Applies a merge patch: maps are merged, `null` removes, and anything else replaces.
///
/// A patch that is no map replaces the whole target, as the RFC says; whether the result is an object at all is for
/// the caller to judge. A patch that changes nothing gives back the very same tree.
pub fn merge(target: &Value, patch: &Value) -> Value {
    let Value::Map(changes) = patch else { return patch.clone() };
    let mut merged = match target {
        Value::Map(map) => map.clone(),
        _ => Map::from_pairs(Vec::new()),
    };
    for (key, change) in changes.iter() {
        if change.is_null() {
            merged.remove(key.as_str());
            continue;
        }
        let before = merged.get(key.as_str());
        let after = merge(before.unwrap_or(&Value::Null), change);
        // An equal value is not written, so that what did not change stays shared.
        if before.is_none_or(|before| *before != after) {
            merged.insert(key.as_str(), after);
        }
    }
    Value::Map(merged)
}

#[cfg(test)]
mod tests {
    use super::merge;
    use object::{Value, value};

    fn check(target: Value, patch: Value, expected: Value) {
        assert_eq!(merge(&target, &patch), expected, "{target:?} merged with {patch:?}");
    }

    /// The examples of RFC 7386, appendix A.
    #[test]
    fn the_examples_of_the_rfc_hold() {
        check(value!({"a": "b"}), value!({"a": "c"}), value!({"a": "c"}));
        check(value!({"a": "b"}), value!({"b": "c"}), value!({"a": "b", "b": "c"}));
        check(value!({"a": "b"}), value!({"a": null}), value!({}));
        check(value!({"a": "b", "b": "c"}), value!({"a": null}), value!({"b": "c"}));
        check(value!({"a": ["b"]}), value!({"a": "c"}), value!({"a": "c"}));
        check(value!({"a": "c"}), value!({"a": ["b"]}), value!({"a": ["b"]}));
        check(value!({"a": {"b": "c"}}), value!({"a": {"b": "d", "c": null}}), value!({"a": {"b": "d"}}));
        check(value!({"a": [{"b": "c"}]}), value!({"a": [1]}), value!({"a": [1]}));
        check(value!(["a", "b"]), value!(["c", "d"]), value!(["c", "d"]));
        check(value!({"a": "b"}), value!(["c"]), value!(["c"]));
        check(value!({"a": "foo"}), Value::Null, Value::Null);
        check(value!({"a": "foo"}), value!("bar"), value!("bar"));
        check(value!({"e": null}), value!({"a": 1}), value!({"e": null, "a": 1}));
        check(value!([1, 2]), value!({"a": "b", "c": null}), value!({"a": "b"}));
        check(value!({}), value!({"a": {"bb": {"ccc": null}}}), value!({"a": {"bb": {}}}));
    }

    #[test]
    fn what_is_not_touched_is_shared() {
        let target = value!({"spec": {"a": {"x": 1}, "b": 2}, "status": {"c": 3}});
        let merged = merge(&target, &value!({"spec": {"b": 4}}));
        assert!(merged["status"].same(&target["status"]));
        assert!(merged["spec"]["a"].same(&target["spec"]["a"]));
        assert!(merge(&target, &value!({"spec": {"b": 2}})).same(&target), "nothing changed");
    }
}
