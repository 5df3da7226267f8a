//! Refusals: every `Status` body with which the server says no.
//!
//! Upstream: `k8s.io/apimachinery/pkg/api/errors`. `details.kind` holds the resource of what was not found, was there
//! already, conflicts or is forbidden, but the kind of what is invalid: so does the real server.

use crate::field::{FieldError, aggregate};
use crate::response::{Body, Response};
use object::{GroupKind, GroupResource, Value, value};

/// The message of a write whose `resourceVersion` is no longer current.
pub const OPTIMISTIC_LOCK: &str =
    "the object has been modified; please apply your changes to the latest version and try again";

/// What the server answers instead of doing what was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    code: u16,
    reason: &'static str,
    message: String,
    details: Option<Value>,
    continue_token: Option<String>,
    retry_after_s: Option<u32>,
}

fn details(name: &str, group: &str, kind: &str) -> Value {
    let mut details = Value::map();
    details.set_or_omit(&["name"], name);
    details.set_or_omit(&["group"], group);
    details.set_or_omit(&["kind"], kind);
    details
}

impl Refusal {
    /// Makes a refusal without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: None,
            continue_token: None,
            retry_after_s: None,
        }
    }

    fn about(self, resource: &GroupResource, name: &str) -> Self {
        self.with_details(details(name, &resource.group, &resource.resource))
    }

    /// Replaces the details.
    #[must_use]
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// Says that an object does not exist.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{resource} {name:?} not found")).about(resource, name)
    }

    /// Says that the server has no such resource or sub-resource.
    pub fn no_such_resource() -> Self {
        let message = "the server could not find the requested resource";
        Self::new(404, "NotFound", message).with_details(Value::map())
    }

    /// Says that the resource does not know the method.
    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, "MethodNotAllowed", message).with_details(Value::map())
    }

    /// Says that the kind of patch is not understood.
    pub fn unsupported_patch_type() -> Self {
        let message = "415: Unsupported Media Type";
        Self::new(415, "UnsupportedMediaType", message).with_details(Value::map())
    }

    /// Says that an object exists already.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::new(409, "AlreadyExists", format!("{resource} {name:?} already exists")).about(resource, name)
    }

    /// Says that no free name was found for a `generateName`.
    pub fn name_not_generated(resource: &GroupResource, name: &str) -> Self {
        let message = format!(
            "{resource} {name:?} already exists, the server was not able to generate a unique name for the object"
        );
        Self::new(409, "AlreadyExists", message).about(resource, name)
    }

    /// Says that a write lost against another one.
    pub fn conflict(resource: &GroupResource, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {name:?}: {why}");
        Self::new(409, "Conflict", message).about(resource, name)
    }

    /// Says that something may not be done.
    pub fn forbidden(resource: &GroupResource, name: &str, why: &str) -> Self {
        let what = if name.is_empty() { format!("{resource}") } else { format!("{resource} {name:?}") };
        Self::new(403, "Forbidden", format!("{what} is forbidden: {why}")).about(resource, name)
    }

    /// Says that an object breaks the rules of its kind.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &[FieldError]) -> Self {
        let message = format!("{kind} {name:?} is invalid: {}", aggregate(errors));
        let mut details = details(name, &kind.group, &kind.kind);
        details.set(&["causes"], errors.iter().map(FieldError::cause).collect::<Value>());
        Self::new(422, "Invalid", message).with_details(details)
    }

    /// Says that a request's options break their rules; `kind` is such as `ListOptions`.
    pub fn invalid_options(kind: &str, errors: &[FieldError]) -> Self {
        Self::invalid(&GroupKind::new("meta.k8s.io", kind), "", errors)
    }

    /// Says that a JSON patch does not apply; the server tells no more.
    pub fn patch_does_not_apply() -> Self {
        let message = "the server rejected our request due to an error in our request";
        Self::new(422, "Invalid", message).with_details(Value::map())
    }

    /// Says that a request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// Says that the server failed; such a Status has no reason.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    /// Says that the server failed, in the frame of `InternalError`.
    pub fn internal_error(message: impl std::fmt::Display) -> Self {
        let message = format!("Internal error occurred: {message}");
        let causes = value!({"causes": [{"message": &message["Internal error occurred: ".len()..]}]});
        Self::new(500, "InternalError", message).with_details(causes)
    }

    /// Says that a revision is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    /// Says that the server took too long; `seconds` is when to try again.
    pub fn timeout(message: &str, seconds: u32) -> Self {
        let details = if seconds > 0 { value!({"retryAfterSeconds": seconds}) } else { Value::map() };
        Self::new(504, "Timeout", format!("Timeout: {message}")).with_details(details).retry_after(seconds)
    }

    /// Says that a revision lies in the future.
    pub fn future_revision(asked: u64, current: u64) -> Self {
        let message = format!("Too large resource version: {asked}, current: {current}");
        let cause = value!([{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]);
        let refusal = Self::timeout(&message, 1);
        let details = refusal.details.clone().unwrap_or_default().with(&["causes"], cause);
        refusal.with_details(details)
    }

    /// Says that a disruption budget does not allow an eviction, and why; `seconds` is when to try again, 0 if the
    /// server does not know.
    pub fn budget_exhausted(why: &str, seconds: u32) -> Self {
        let mut details = value!({"causes": [{"reason": "DisruptionBudget", "message": why}]});
        details.set_or_omit(&["retryAfterSeconds"], seconds);
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Self::new(429, "TooManyRequests", message).with_details(details).retry_after(seconds)
    }

    /// Says that the server cannot reach its storage.
    pub fn unavailable(message: &str) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: (seconds > 0).then_some(seconds), ..self }
    }

    /// Adds a continue token to the Status's metadata, with which a list can go on inconsistently.
    #[must_use]
    pub fn with_continue(self, token: String) -> Self {
        Self { continue_token: Some(token), ..self }
    }

    /// Adds a cause to the details.
    #[must_use]
    pub fn with_cause(mut self, cause: Value) -> Self {
        let mut details = self.details.take().unwrap_or_else(Value::map);
        details.push(&["causes"], cause);
        self.with_details(details)
    }

    /// Gives the HTTP status.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Gives the machine-readable reason.
    pub fn reason(&self) -> &str {
        self.reason
    }

    /// Tells whether a write lost against another one, and trying anew may help.
    pub fn is_conflict(&self) -> bool {
        self.reason == "Conflict"
    }

    /// Gives the `Status` object.
    pub fn to_status(&self) -> Value {
        let mut status = value!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": &self.message, "code": u32::from(self.code),
        });
        status.set_or_omit(&["reason"], self.reason);
        if let Some(token) = &self.continue_token {
            status.set(&["metadata", "continue"], token);
        }
        if let Some(details) = &self.details {
            status.set(&["details"], details);
        }
        status
    }
}

impl From<Refusal> for Response {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code,
            body: Body::Object(refusal.to_status()),
            warnings: Vec::new(),
            retry_after_s: refusal.retry_after_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::FieldPath;

    fn check(refusal: Refusal, expected: Value) {
        assert_eq!(refusal.to_status(), expected);
    }

    /// The bodies of the rows `sub/scale-missing`, `list/rv-future` and `crud/no-name` of the recorded answers.
    #[test]
    fn bodies_are_those_of_the_real_server() {
        check(
            Refusal::not_found(&GroupResource::new("apps", "deployments"), "nope"),
            value!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "deployments.apps \"nope\" not found", "reason": "NotFound",
                "details": {"name": "nope", "group": "apps", "kind": "deployments"}, "code": 404,
            }),
        );
        check(
            Refusal::future_revision(99_999_999, 7),
            value!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "Timeout: Too large resource version: 99999999, current: 7", "reason": "Timeout",
                "details": {
                    "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                    "retryAfterSeconds": 1,
                },
                "code": 504,
            }),
        );
        let error = FieldError::required(
            &FieldPath::new("metadata").child("name"),
            "name or generateName is required",
        );
        check(
            Refusal::invalid(&GroupKind::new("", "ConfigMap"), "", &[error]),
            value!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
                "reason": "Invalid",
                "details": {"kind": "ConfigMap", "causes": [{
                    "reason": "FieldValueRequired",
                    "message": "Required value: name or generateName is required",
                    "field": "metadata.name",
                }]},
                "code": 422,
            }),
        );
    }
}
