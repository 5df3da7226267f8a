//! Field errors: what is wrong with which field of an object, in the words of the API server.
//!
//! Upstream: `k8s.io/apimachinery/pkg/util/validation/field`. Nothing here knows a kind.

use object::{Value, value};
use std::fmt::{self, Display};

/// The path of a field, such as `spec.containers[0].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldPath(String);

impl FieldPath {
    /// Begins at a field of the object.
    pub fn new(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// Goes on to a field.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        if self.0.is_empty() { Self::new(name) } else { Self(format!("{}.{name}", self.0)) }
    }

    /// Goes on to an item of a list.
    #[must_use]
    pub fn index(&self, at: usize) -> Self {
        Self(format!("{}[{at}]", self.0))
    }

    /// Goes on to an entry of a map.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        Self(format!("{}[{key}]", self.0))
    }
}

impl Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that is wrong with one field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    reason: &'static str,
    field: String,
    message: String,
}

impl FieldError {
    /// Says that a field must be given.
    pub fn required(field: &FieldPath, detail: &str) -> Self {
        Self::make("FieldValueRequired", field, "Required value".to_owned(), detail)
    }

    /// Says that a field has a value that it may not have.
    pub fn invalid(field: &FieldPath, found: &Value, detail: &str) -> Self {
        Self::make("FieldValueInvalid", field, format!("Invalid value: {}", shown(found)), detail)
    }

    /// Says that a field has a value that it may not have, which is shown in the words given.
    pub fn invalid_shown(field: &FieldPath, found: &str, detail: &str) -> Self {
        Self::make("FieldValueInvalid", field, format!("Invalid value: {found}"), detail)
    }

    /// Says that a field may not be given, or not be changed.
    pub fn forbidden(field: &FieldPath, detail: &str) -> Self {
        Self::make("FieldValueForbidden", field, "Forbidden".to_owned(), detail)
    }

    /// Says that a value occurs twice.
    pub fn duplicate(field: &FieldPath, found: &Value) -> Self {
        Self::make("FieldValueDuplicate", field, format!("Duplicate value: {}", shown(found)), "")
    }

    /// Says that a field refers to nothing.
    pub fn not_found(field: &FieldPath, found: &Value) -> Self {
        Self::make("FieldValueNotFound", field, format!("Not found: {}", shown(found)), "")
    }

    /// Says that a value is none of those that are supported.
    pub fn not_supported(field: &FieldPath, found: &Value, supported: &[&str]) -> Self {
        let list = supported.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>().join(", ");
        let detail = format!("supported values: {list}");
        Self::make("FieldValueNotSupported", field, format!("Unsupported value: {}", shown(found)), &detail)
    }

    /// Says that a field is longer than so many bytes.
    pub fn too_long(field: &FieldPath, bytes_max: usize) -> Self {
        let detail = format!("may not be more than {bytes_max} bytes");
        Self::make("FieldValueTooLong", field, "Too long".to_owned(), &detail)
    }

    fn make(reason: &'static str, field: &FieldPath, head: String, detail: &str) -> Self {
        let message = if detail.is_empty() { head } else { format!("{head}: {detail}") };
        Self { reason, field: field.0.clone(), message }
    }

    /// Gives the entry for `details.causes` of a Status.
    pub fn cause(&self) -> Value {
        let mut cause = value!({"reason": self.reason, "message": &self.message});
        cause.set_or_omit(&["field"], &self.field);
        cause
    }
}

/// Writes `field: message`.
impl Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Shows a value in a message: texts quoted, everything else as JSON.
fn shown(value: &Value) -> String {
    object::json::to_string(value)
}

/// Joins errors as upstream's aggregate does: equal ones once, several in brackets.
pub fn aggregate(errors: &[FieldError]) -> String {
    let mut texts: Vec<String> = Vec::new();
    for error in errors {
        let text = error.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    if texts.len() == 1 { texts.remove(0) } else { format!("[{}]", texts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_the_api_server_writes_them() {
        let ports = FieldPath::new("spec").child("ports").index(1);
        let all = [
            FieldError::required(&ports.child("name"), ""),
            FieldError::invalid(&ports.child("port"), &value!(0), "must be between 1 and 65535, inclusive"),
            FieldError::not_supported(&FieldPath::new("dryRun"), &value!(["Yes"]), &["All"]),
            FieldError::invalid(&FieldPath::new("data").key("a/b"), &value!("a/b"), "no"),
            FieldError::required(&ports.child("name"), ""),
        ];
        assert_eq!(
            aggregate(&all),
            "[spec.ports[1].name: Required value, spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, \
             inclusive, dryRun: Unsupported value: [\"Yes\"]: supported values: \"All\", data[a/b]: Invalid value: \
             \"a/b\": no]"
        );
        assert_eq!(aggregate(&all[..1]), "spec.ports[1].name: Required value");
        assert_eq!(
            all[0].cause(),
            value!({"reason": "FieldValueRequired", "message": "Required value", "field": "spec.ports[1].name"})
        );
    }
}
