//! What users of the tree rely on, as tables of text in and text out.

mod convert;
mod diff;
mod json;
mod numbers;
mod properties;
mod quantity;
mod selector;
mod time;
mod upstream;
mod yaml;

use object::{Pointer, Value};

/// Writes a result as its text, an error as `error: …`.
fn outcome<T: std::fmt::Display, E: std::fmt::Display>(result: Result<T, E>) -> String {
    result.map_or_else(|error| format!("error: {error}"), |text| text.to_string())
}

/// Applies an RFC 6902 patch in the plainest way there is.
fn apply(target: &Value, patch: &Value) -> Value {
    patch.items().iter().fold(target.clone(), |target, operation| {
        let pointer = Pointer::parse(operation["path"].str()).expect("a pointer");
        applied(&target, pointer.tokens(), operation)
    })
}

fn applied(node: &Value, path: &[String], operation: &Value) -> Value {
    let Some((step, rest)) = path.split_first() else { return operation["value"].clone() };
    let op = operation["op"].str();
    match node {
        Value::Map(map) => {
            let mut map = map.clone();
            match (op, rest) {
                ("remove", []) => assert!(map.remove(step).is_some(), "nothing to remove at {step}"),
                ("add", []) => map.insert(step, operation["value"].clone()),
                _ => {
                    let inner = applied(map.get(step).expect("a field"), rest, operation);
                    map.insert(step, inner);
                }
            }
            map.into()
        }
        Value::List(list) => {
            let (mut items, at) = (list.as_slice().to_vec(), step.parse::<usize>().expect("an index"));
            match (op, rest) {
                ("remove", []) => drop(items.remove(at)),
                ("add", []) => items.insert(at, operation["value"].clone()),
                _ => items[at] = applied(&items[at], rest, operation),
            }
            items.into()
        }
        other => panic!("{other:?} has no {step}"),
    }
}
