//! From a body to an object of the kind that the request is about.

use crate::call::Call;
use crate::driver::Driver;
use crate::field::{FieldError, FieldPath};
use crate::normal::normal;
use crate::status::Refusal;
use object::{GroupKind, ObjectExt, Value, value};
use schema::split_api_version;

impl<D: Driver> Call<'_, D> {
    /// Gives the body as an object of the resource's kind, with its defaults; `old` is what is stored.
    ///
    /// # Errors
    /// With status 400 when the body is something else; [`Call::decoded_patch`] has other words for that.
    pub fn decoded(&self, body: &Value, old: Option<&Value>) -> Result<Value, Refusal> {
        self.check_type(body)?;
        let mut object = self.shown(body.clone());
        if let Some(why) = crate::types::fault(&object) {
            return Err(self.cannot_be_handled(&object, &why));
        }
        if object["metadata"].as_map().is_none() {
            object.set(&["metadata"], value!({}));
        }
        let mut object = normal(object, old);
        let known =
            |field: &str| old.is_some_and(|old| old[field].same(&object[field]) && !old[field].is_null());
        let (spec_known, status_known) = (known("spec"), known("status"));
        let strategy = self.strategy;
        // Defaults are those of the spec; only a namespace's label is not, and that follows its metadata.
        let has_defaults = spec_known && (known("metadata") || &*self.resource.plural != "namespaces");
        let outcome = if has_defaults { Ok(()) } else { strategy.default(&mut object) };
        let outcome =
            outcome.and_then(|()| if status_known { Ok(()) } else { strategy.shape_status(&mut object) });
        outcome.map_err(|error| self.cannot_be_handled(&object, &error.to_string()))?;
        Ok(object)
    }

    /// Gives a patched object with its defaults.
    ///
    /// # Errors
    /// With status 422 when the patch made something else of it.
    pub fn decoded_patch(&self, patched: &Value, old: &Value) -> Result<Value, Refusal> {
        self.decoded(patched, Some(old)).map_err(|refusal| {
            let status = refusal.to_status();
            let message = status["message"].str();
            let why =
                message.split_once(" cannot be handled as ").and_then(|(_, rest)| rest.split_once(": "));
            let Some((_, why)) = why else { return refusal };
            let shown = value!(object::json::to_string(patched));
            let error = FieldError::invalid(&FieldPath::new("patch"), &shown, why);
            // The server knows neither kind nor name of what it cannot read.
            Refusal::invalid(&GroupKind::new("", ""), "", &[error])
        })
    }

    /// Checks that the body says it is of the kind asked for, if it says anything.
    fn check_type(&self, body: &Value) -> Result<(), Refusal> {
        let resource = self.resource;
        if body.as_map().is_none() {
            let message = format!("the object provided is unrecognized (must be of type {})", resource.kind);
            return Err(Refusal::bad_request(message));
        }
        let (kind, api_version) = (body.kind(), body.api_version());
        let same_kind = kind.is_empty() || kind == &*resource.kind;
        let same_version = api_version.is_empty() || api_version == &*self.api_version;
        if same_kind && same_version {
            return Ok(());
        }
        let (group, version) =
            split_api_version(if api_version.is_empty() { &self.api_version } else { api_version });
        let kind = if kind.is_empty() { &*resource.kind } else { kind };
        if self.server.schema().resource_for_kind(group, version, kind).is_none() {
            let place = "in scheme \"pkg/runtime/scheme.go:111\"";
            let named = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
            let why = format!("no kind {kind:?} is registered for version {named:?} {place}");
            return Err(self.cannot_be_handled(body, &why));
        }
        if same_kind && group == &*resource.group {
            // Another version of the same kind is converted, which here means renamed.
            return Ok(());
        }
        let package = |group: &str| {
            group.split('.').next().filter(|name| !name.is_empty()).unwrap_or("core").to_owned()
        };
        let why = format!(
            "converting ({version}.{kind}) to ({}.{}): unknown conversion",
            package(&resource.group),
            resource.kind
        );
        Err(self.cannot_be_handled(body, &why))
    }

    fn cannot_be_handled(&self, body: &Value, why: &str) -> Refusal {
        let kind = if body.kind().is_empty() { &*self.resource.kind } else { body.kind() };
        let api_version = if body.api_version().is_empty() { &*self.api_version } else { body.api_version() };
        let wanted = &self.resource.kind;
        Refusal::bad_request(format!(
            "{kind} in version {api_version:?} cannot be handled as a {wanted}: {why}"
        ))
    }

    /// Gives the request's body.
    pub fn body(&self) -> Result<&Value, Refusal> {
        self.request.body.as_ref().ok_or_else(|| {
            Refusal::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): couldn't get version/kind; json parse \
                 error: unexpected end of JSON input (<empty>)",
                self.resource.kind
            ))
        })
    }

    /// Makes the object lie in the namespace of the request.
    ///
    /// # Errors
    /// With status 400 when it says that it lies elsewhere.
    pub fn place(&self, object: &mut Value) -> Result<(), Refusal> {
        let asked = &self.request.namespace;
        if !self.resource.namespaced {
            object.remove(&["metadata", "namespace"]);
        } else if object.namespace().is_empty() {
            object.set(&["metadata", "namespace"], asked);
        } else if object.namespace() != &**asked {
            let message =
                "the namespace of the provided object does not match the namespace sent on the request";
            return Err(Refusal::bad_request(message));
        }
        Ok(())
    }
}
