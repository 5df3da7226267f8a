//! JSON patch (RFC 6902) as the API server applies it.
//!
//! Where the library behind the API server (github.com/evanphx/json-patch, fourth line) is laxer than the RFC, this
//! is too: a negative index counts from the end, and `test` with `null` succeeds on an absent field.

use crate::pointer::{Pointer, PointerError};
use object::{List, Value};
use thiserror::Error;

/// The most operations one patch may have, as in upstream `apiserver/pkg/endpoints/handlers/patch.go`.
pub const MAX_OPERATIONS: usize = 10_000;

/// The most bytes that the `copy` operations of one patch may copy, as the API server's default configuration.
pub const MAX_COPIED_BYTES: usize = 3 * 1024 * 1024;

/// Why a JSON patch was not applied.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonPatchError {
    /// The patch is no list of operations.
    #[error("patch is {0}, not a list of operations")]
    NoList(&'static str),
    /// The patch has too many operations.
    #[error("patch has {0} operations, more than the {MAX_OPERATIONS} allowed")]
    TooManyOperations(usize),
    /// The `copy` operations copy too much.
    #[error("copy operations exceed {MAX_COPIED_BYTES} bytes in all")]
    CopiesTooMuch,
    /// An operation lacks a member or has one of the wrong type.
    #[error("operation {at}: {member} is missing or no string")]
    Malformed {
        /// The position of the operation in the patch.
        at: usize,
        /// The member: `op`, `path`, `from` or `value`.
        member: &'static str,
    },
    /// A path is no JSON pointer.
    #[error("operation {at}: {error}")]
    Pointer {
        /// The position of the operation in the patch.
        at: usize,
        /// What is wrong with the path.
        error: PointerError,
    },
    /// The operation is none of the six.
    #[error("operation {at}: unknown operation {op:?}")]
    UnknownOperation {
        /// The position of the operation in the patch.
        at: usize,
        /// The operation asked for.
        op: String,
    },
    /// The path leads nowhere, or to no possible place.
    #[error("operation {at}: nothing to {op} at {path:?}")]
    NoSuchPath {
        /// The position of the operation in the patch.
        at: usize,
        /// What was to be done there.
        op: &'static str,
        /// The path.
        path: String,
    },
    /// A `test` operation found something else.
    #[error("operation {at}: test at {path:?} failed")]
    TestFailed {
        /// The position of the operation in the patch.
        at: usize,
        /// The path.
        path: String,
    },
}

/// Applies a JSON patch; the target itself is untouched, so a patch holds as a whole or not at all.
///
/// # Errors
/// See [`JsonPatchError`]: the first operation that cannot be done ends the patch.
pub fn json(target: &Value, patch: &Value) -> Result<Value, JsonPatchError> {
    let Some(operations) = patch.as_list() else { return Err(JsonPatchError::NoList(type_name(patch))) };
    if operations.len() > MAX_OPERATIONS {
        return Err(JsonPatchError::TooManyOperations(operations.len()));
    }
    let mut result = target.clone();
    let mut copied_bytes = 0;
    for (at, operation) in operations.iter().enumerate() {
        Operation { at, members: operation }.apply(&mut result, &mut copied_bytes)?;
    }
    Ok(result)
}

struct Operation<'a> {
    at: usize,
    members: &'a Value,
}

impl Operation<'_> {
    fn apply(&self, root: &mut Value, copied_bytes: &mut usize) -> Result<(), JsonPatchError> {
        let path = self.pointer("path")?;
        match self.text("op")? {
            "add" => self.add(root, &path, self.value()?),
            "remove" => self.remove(root, &path, "remove").map(drop),
            "replace" => self.replace(root, &path, self.value()?),
            "test" => self.test(root, &path, &self.members["value"]),
            "move" => {
                let from = self.pointer("from")?;
                if from.is_above(&path) {
                    return Err(self.nowhere("move", "path"));
                }
                let moved = self.remove(root, &from, "move")?;
                self.add(root, &path, moved)
            }
            "copy" => {
                let from = self.pointer("from")?;
                let copied = find(root, from.parts()).cloned().ok_or_else(|| self.nowhere("copy", "from"))?;
                *copied_bytes += bytes_up_to(&copied, MAX_COPIED_BYTES);
                if *copied_bytes > MAX_COPIED_BYTES {
                    return Err(JsonPatchError::CopiesTooMuch);
                }
                self.add(root, &path, copied)
            }
            other => Err(JsonPatchError::UnknownOperation { at: self.at, op: other.to_owned() }),
        }
    }

    fn text(&self, member: &'static str) -> Result<&str, JsonPatchError> {
        self.members[member].as_str().ok_or(JsonPatchError::Malformed { at: self.at, member })
    }

    fn pointer(&self, member: &'static str) -> Result<Pointer, JsonPatchError> {
        Pointer::parse(self.text(member)?).map_err(|error| JsonPatchError::Pointer { at: self.at, error })
    }

    fn value(&self) -> Result<Value, JsonPatchError> {
        self.members.get("value").cloned().ok_or(JsonPatchError::Malformed { at: self.at, member: "value" })
    }

    fn nowhere(&self, op: &'static str, member: &str) -> JsonPatchError {
        JsonPatchError::NoSuchPath { at: self.at, op, path: self.members[member].str().to_owned() }
    }

    fn add(&self, root: &mut Value, path: &Pointer, value: Value) -> Result<(), JsonPatchError> {
        let Some((last, parents)) = path.parts().split_last() else {
            *root = value;
            return Ok(());
        };
        match find_mut(root, parents) {
            Some(Value::Map(map)) => {
                map.insert(last, value);
                Ok(())
            }
            Some(Value::List(list)) => {
                let place = if last == "-" { Some(list.len()) } else { index(last, list.len() + 1) };
                let place = place.ok_or_else(|| self.nowhere("add", "path"))?;
                let (head, tail) = list.as_slice().split_at(place);
                *list = head.iter().cloned().chain([value]).chain(tail.iter().cloned()).collect();
                Ok(())
            }
            _ => Err(self.nowhere("add", "path")),
        }
    }

    fn remove(&self, root: &mut Value, path: &Pointer, op: &'static str) -> Result<Value, JsonPatchError> {
        let member = if op == "move" { "from" } else { "path" };
        let absent = || self.nowhere(op, member);
        let (last, parents) = path.parts().split_last().ok_or_else(absent)?;
        match find_mut(root, parents) {
            Some(Value::Map(map)) => map.remove(last).ok_or_else(absent),
            Some(Value::List(list)) => {
                let place = index(last, list.len()).ok_or_else(absent)?;
                let removed = list.as_slice()[place].clone();
                *list = without(list, place);
                Ok(removed)
            }
            _ => Err(absent()),
        }
    }

    fn replace(&self, root: &mut Value, path: &Pointer, value: Value) -> Result<(), JsonPatchError> {
        let place = find_mut(root, path.parts()).ok_or_else(|| self.nowhere("replace", "path"))?;
        *place = value;
        Ok(())
    }

    fn test(&self, root: &Value, path: &Pointer, expected: &Value) -> Result<(), JsonPatchError> {
        let found = find(root, path.parts()).unwrap_or(&Value::Null);
        if alike(found, expected) {
            Ok(())
        } else {
            Err(JsonPatchError::TestFailed { at: self.at, path: self.members["path"].str().to_owned() })
        }
    }
}

/// Equality as RFC 6902 §4.6 wants it: numbers are equal when their values are.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| alike(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && alike(a, b))
        }
        (Value::Float(_), _) | (_, Value::Float(_)) => a.as_f64().is_some() && a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

/// Reads an index below `limit`; a negative one counts from the end, and leading zeros are refused.
fn index(text: &str, limit: usize) -> Option<usize> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let number: usize = digits.parse().ok()?;
    let at = if text.starts_with('-') { limit.checked_sub(number)? } else { number };
    (at < limit).then_some(at)
}

fn find<'a>(root: &'a Value, parts: &[String]) -> Option<&'a Value> {
    parts.iter().try_fold(root, |node, part| match node {
        Value::Map(map) => map.get(part),
        Value::List(list) => list.as_slice().get(index(part, list.len())?),
        _ => None,
    })
}

/// Finds a node to change. What is on the way is copied only once it is known to exist.
fn find_mut<'a>(root: &'a mut Value, parts: &[String]) -> Option<&'a mut Value> {
    find(root, parts)?;
    let mut node = root;
    for part in parts {
        node = match node {
            Value::Map(_) => node.slot(&[part.as_str()]),
            _ => {
                let items = node.items_mut()?;
                let at = index(part, items.len())?;
                &mut items[at]
            }
        };
    }
    Some(node)
}

fn without(list: &List, place: usize) -> List {
    list.iter().enumerate().filter(|(at, _)| *at != place).map(|(_, item)| item.clone()).collect()
}

/// Estimates how many bytes a value takes when written, stopping once `limit` is passed.
fn bytes_up_to(value: &Value, limit: usize) -> usize {
    let mut total = 0;
    let mut pending = vec![value];
    while let Some(node) = pending.pop() {
        total += match node {
            Value::Str(text) => text.len() + 2,
            Value::Map(map) => {
                pending.extend(map.iter().map(|(_, item)| item));
                2 + map.iter().map(|(key, _)| key.as_str().len() + 4).sum::<usize>()
            }
            Value::List(list) => {
                pending.extend(list.iter());
                2 + list.len()
            }
            _ => 5,
        };
        if total > limit {
            break;
        }
    }
    total
}

/// Names a type as Go's JSON decoder does in its messages.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    fn check(target: Value, patch: Value, expected: Result<Value, &str>) {
        let result = json(&target, &patch).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{target:?} patched with {patch:?}");
    }

    #[test]
    fn the_examples_of_the_rfc_hold() {
        let foo = || value!({"foo": "bar"});
        check(
            foo(),
            value!([{"op": "add", "path": "/baz", "value": "qux"}]),
            Ok(value!({"baz": "qux", "foo": "bar"})),
        );
        check(
            value!({"foo": ["bar", "baz"]}),
            value!([{"op": "add", "path": "/foo/1", "value": "qux"}]),
            Ok(value!({"foo": ["bar", "qux", "baz"]})),
        );
        check(
            value!({"foo": ["bar", "qux", "baz"]}),
            value!([{"op": "remove", "path": "/foo/1"}]),
            Ok(value!({"foo": ["bar", "baz"]})),
        );
        check(foo(), value!([{"op": "replace", "path": "/foo", "value": "boo"}]), Ok(value!({"foo": "boo"})));
        check(
            value!({"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}}),
            value!([{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]),
            Ok(value!({"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}})),
        );
        check(
            value!({"foo": ["all", "grass", "cows", "eat"]}),
            value!([{"op": "move", "from": "/foo/1", "path": "/foo/3"}]),
            Ok(value!({"foo": ["all", "cows", "eat", "grass"]})),
        );
        check(
            value!({"baz": "qux", "foo": ["a", 2, "c"]}),
            value!([{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}]),
            Ok(value!({"baz": "qux", "foo": ["a", 2, "c"]})),
        );
        check(
            value!({"baz": "qux"}),
            value!([{"op": "test", "path": "/baz", "value": "bar"}]),
            Err("operation 0: test at \"/baz\" failed"),
        );
        check(
            foo(),
            value!([{"op": "add", "path": "/child", "value": {"grandchild": {}}}]),
            Ok(value!({"foo": "bar", "child": {"grandchild": {}}})),
        );
        check(
            foo(),
            value!([{"op": "add", "path": "/baz/bat", "value": "qux"}]),
            Err("operation 0: nothing to add at \"/baz/bat\""),
        );
        check(
            value!({"/": 9, "~1": 10}),
            value!([{"op": "test", "path": "/~01", "value": 10}]),
            Ok(value!({"/": 9, "~1": 10})),
        );
        check(
            value!({"foo": ["bar"]}),
            value!([{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}]),
            Ok(value!({"foo": ["bar", ["abc", "def"]]})),
        );
        check(
            value!({"foo": {"a": [1]}}),
            value!([{"op": "copy", "from": "/foo/a", "path": "/bar"}]),
            Ok(value!({"foo": {"a": [1]}, "bar": [1]})),
        );
    }

    #[test]
    fn what_is_not_there_cannot_be_changed() {
        let target = || value!({"data": {"a": "1"}, "list": [1, 2]});
        for (op, path) in
            [("remove", "/data/b"), ("replace", "/data/b"), ("remove", "/list/2"), ("replace", "/list/-")]
        {
            check(
                target(),
                value!([{"op": op, "path": path, "value": 1}]),
                Err(&format!("operation 0: nothing to {op} at {path:?}")),
            );
        }
        check(
            target(),
            value!([{"op": "add", "path": "/list/3", "value": 1}]),
            Err("operation 0: nothing to add at \"/list/3\""),
        );
        check(
            target(),
            value!([{"op": "add", "path": "/list/01", "value": 1}]),
            Err("operation 0: nothing to add at \"/list/01\""),
        );
        check(
            target(),
            value!([{"op": "move", "from": "/data", "path": "/data/a"}]),
            Err("operation 0: nothing to move at \"/data/a\""),
        );
        check(
            target(),
            value!([{"op": "jump", "path": "/a"}]),
            Err("operation 0: unknown operation \"jump\""),
        );
        check(
            target(),
            value!([{"op": "add", "path": "/a"}]),
            Err("operation 0: value is missing or no string"),
        );
        check(target(), value!({"op": "add"}), Err("patch is object, not a list of operations"));
    }

    #[test]
    fn numbers_are_tested_by_value_and_null_matches_absence() {
        check(value!({"a": 1}), value!([{"op": "test", "path": "/a", "value": 1.0}]), Ok(value!({"a": 1})));
        check(
            value!({"a": [1]}),
            value!([{"op": "test", "path": "/a", "value": [1.0]}]),
            Ok(value!({"a": [1]})),
        );
        check(value!({}), value!([{"op": "test", "path": "/a", "value": null}]), Ok(value!({})));
        check(
            value!({"a": 1}),
            value!([{"op": "test", "path": "/a", "value": "1"}]),
            Err("operation 0: test at \"/a\" failed"),
        );
    }

    #[test]
    fn negative_indexes_count_from_the_end() {
        let target = || value!({"l": [1, 2, 3]});
        check(target(), value!([{"op": "remove", "path": "/l/-1"}]), Ok(value!({"l": [1, 2]})));
        check(
            target(),
            value!([{"op": "add", "path": "/l/-1", "value": 4}]),
            Ok(value!({"l": [1, 2, 3, 4]})),
        );
        check(
            target(),
            value!([{"op": "remove", "path": "/l/-4"}]),
            Err("operation 0: nothing to remove at \"/l/-4\""),
        );
    }

    #[test]
    fn a_failed_patch_leaves_the_target_and_a_good_one_shares_with_it() {
        let target = value!({"a": {"x": 1}, "b": {"y": 2}});
        let failing = value!([{"op": "remove", "path": "/a"}, {"op": "remove", "path": "/c"}]);
        assert!(json(&target, &failing).is_err());
        assert_eq!(target, value!({"a": {"x": 1}, "b": {"y": 2}}));
        let patched =
            json(&target, &value!([{"op": "replace", "path": "/a/x", "value": 3}])).expect("applies");
        assert!(patched["b"].same(&target["b"]));
    }

    #[test]
    fn limits_hold() {
        let one = value!({"op": "test", "path": "/a", "value": null});
        let many = |n: usize| std::iter::repeat_n(one.clone(), n).collect::<Value>();
        assert_eq!(json(&value!({}), &many(MAX_OPERATIONS)), Ok(value!({})));
        assert_eq!(
            json(&value!({}), &many(MAX_OPERATIONS + 1)),
            Err(JsonPatchError::TooManyOperations(MAX_OPERATIONS + 1))
        );
        let double = |n| {
            std::iter::repeat_n(value!({"op": "copy", "from": "/a", "path": "/a/b"}), n).collect::<Value>()
        };
        let target = value!({"a": {"text": "x".repeat(1024)}});
        assert_eq!(json(&target, &double(10_000)), Err(JsonPatchError::CopiesTooMuch));
    }
}
