//! Small edits that the rules of kinds are made of.

use object::{Key, Quantity, QuantityError, Value};

/// Sets `path` where it is absent.
pub fn default_to(value: &mut Value, path: &[&str], default: impl Into<Value>) {
    if value.at(path).is_null() {
        value.set(path, default);
    }
}

/// Changes every item of the list at `path`, if there is one.
pub fn each(value: &mut Value, path: &[&str], mut change: impl FnMut(&mut Value)) {
    if value.at(path).items().is_empty() {
        return;
    }
    if let Some(items) = value.slot(path).items_mut() {
        items.iter_mut().for_each(&mut change);
    }
}

/// Changes every item of the list at `path`, if there is one, until a change fails.
pub fn try_each<E>(
    value: &mut Value,
    path: &[&str],
    mut change: impl FnMut(&mut Value) -> Result<(), E>,
) -> Result<(), E> {
    let mut outcome = Ok(());
    each(value, path, |item| {
        if outcome.is_ok() {
            outcome = change(item);
        }
    });
    outcome
}

/// Changes what stands at `path`, if it is a map.
pub fn inside(value: &mut Value, path: &[&str], change: impl FnOnce(&mut Value)) {
    if value.at(path).as_map().is_some() {
        change(value.slot(path));
    }
}

/// Removes the fields that are zero, false or empty, as Go's `omitempty` does when it writes them.
pub fn omit_zeros(value: &mut Value, fields: &[&str]) {
    for field in fields {
        let found = &value[*field];
        let zero =
            matches!(found, Value::Bool(false) | Value::Int(0)) || (!found.is_null() && found.is_empty());
        if zero {
            value.remove(&[field]);
        }
    }
}

/// Makes `new` have at `path` what `old` has there, be it nothing.
pub fn keep(new: &mut Value, old: &Value, path: &[&str]) {
    let found = old.at(path);
    if new.at(path).same(found) {
        return;
    }
    if found.is_null() {
        new.remove(path);
    } else {
        new.set(path, found);
    }
}

/// Writes every quantity of the map at `path` in its canonical form.
///
/// # Errors
/// When a value is no quantity; the text is the API server's.
pub fn canonical_quantities(value: &mut Value, path: &[&str]) -> Result<(), QuantityError> {
    let mut changed: Vec<(Key, String)> = Vec::new();
    for (key, found) in value.at(path).entries() {
        let text = match found {
            Value::Str(text) => text.to_string(),
            other => object::json::to_string(other),
        };
        let stored = Quantity::stored_form(&text)?;
        if *found != stored.as_str() {
            changed.push((key.clone(), stored));
        }
    }
    if !changed.is_empty() {
        let map = value.slot(path);
        for (key, stored) in changed {
            map.set(&[key.as_str()], stored);
        }
    }
    Ok(())
}
