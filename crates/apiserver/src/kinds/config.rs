//! ConfigMaps and Secrets.

use super::{DecodeError, Strategy};
use crate::edit::default_to;
use crate::field::{FieldError, FieldPath};
use object::Value;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(super) struct ConfigMap;

impl Strategy for ConfigMap {
    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        validate_keys(object, &["data", "binaryData"], errors);
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        validate_immutable(new, old, &["data", "binaryData"], errors);
    }
}

pub(super) struct Secret;

impl Strategy for Secret {
    fn default(&self, object: &mut Value) -> Result<(), DecodeError> {
        default_to(object, &["type"], "Opaque");
        if let Some(texts) = object.remove(&["stringData"]) {
            for (key, text) in texts.entries() {
                object.set(&["data", key.as_str()], base64(text.str().as_bytes()));
            }
        }
        Ok(())
    }

    fn validate(&self, object: &Value, errors: &mut Vec<FieldError>) {
        validate_keys(object, &["data"], errors);
    }

    fn validate_update(&self, new: &Value, old: &Value, errors: &mut Vec<FieldError>) {
        if new["type"] != old["type"] {
            errors.push(FieldError::invalid(&FieldPath::new("type"), &new["type"], "field is immutable"));
        }
        validate_immutable(new, old, &["data"], errors);
    }
}

fn validate_keys(object: &Value, maps: &[&str], errors: &mut Vec<FieldError>) {
    for map in maps {
        for (key, _) in object[*map].entries() {
            let key = key.as_str();
            let good =
                !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
            if !good {
                let detail = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. \
                              'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is \
                              '[-._a-zA-Z0-9]+')";
                errors.push(FieldError::invalid(&FieldPath::new(map).key(key), &key.into(), detail));
            }
        }
    }
}

fn validate_immutable(new: &Value, old: &Value, maps: &[&str], errors: &mut Vec<FieldError>) {
    if !old["immutable"].bool() {
        return;
    }
    let detail = "field is immutable when `immutable` is set";
    if !new["immutable"].bool() {
        errors.push(FieldError::forbidden(&FieldPath::new("immutable"), detail));
    }
    for map in maps {
        if new[*map] != old[*map] {
            errors.push(FieldError::forbidden(&FieldPath::new(map), detail));
        }
    }
}

/// Writes bytes as padded Base64, the form of a Secret's data.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = STANDARD[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn bytes_are_padded() {
        for (text, expected) in
            [("", ""), ("q", "cQ=="), ("qq", "cXE="), ("qqq", "cXFx"), ("\u{fb}\u{ff}", "w7vDvw==")]
        {
            assert_eq!(base64(text.as_bytes()), expected, "{text:?}");
        }
    }
}
