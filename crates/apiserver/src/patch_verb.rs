//! The verb patch: a change computed by the server from what is stored.

use crate::call::Call;
use crate::driver::Driver;
use crate::request::PatchType;
use crate::response::Response;
use crate::status::Refusal;
use crate::update::Half;
use object::{Value, value};
use patch::JsonPatchError;

impl<D: Driver> Call<'_, D> {
    /// Answers with the object as it is after the patch.
    pub async fn patch(&self, half: Half) -> Result<Response, Refusal> {
        let ranges = if half == Half::Main { self.ranges().await? } else { None };
        let patched = self.change(None, |old| {
            let object = self.apply_patch(&self.shown(old.clone()))?;
            self.check_name(&object)?;
            let mut new = self.decoded_patch(&object, old)?;
            self.place(&mut new)?;
            let mut new = self.prepared(new, old, half)?;
            self.allocate(ranges.as_ref(), &mut new)?;
            Ok(new)
        });
        Ok(Response::object(200, self.shown(patched.await?)))
    }

    /// Applies the request's patch to an object.
    pub fn apply_patch(&self, object: &Value) -> Result<Value, Refusal> {
        let body = self.request.body.as_ref().unwrap_or(&Value::Null);
        match self.request.patch_type {
            Some(PatchType::Json) => apply_json(object, body),
            Some(PatchType::Merge) if body.as_map().is_none() => {
                Err(Refusal::bad_request("json: cannot unmarshal into a JSON object"))
            }
            Some(PatchType::Merge) => Ok(patch::merge(object, body)),
            _ => Err(Refusal::unsupported_patch_type()),
        }
    }
}

fn apply_json(object: &Value, body: &Value) -> Result<Value, Refusal> {
    // The library behind the real server cannot address the whole document.
    if body.items().iter().any(|operation| operation["path"].is_empty()) {
        return Err(Refusal::patch_does_not_apply());
    }
    patch::json(object, body).map_err(|error| match error {
        JsonPatchError::NoList(found) => Refusal::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp"
        )),
        JsonPatchError::TooManyOperations(found) => {
            let limit = patch::MAX_OPERATIONS;
            let message = format!("The allowed maximum operations in a JSON patch is {limit}, got {found}");
            Refusal::new(413, "RequestEntityTooLarge", message).with_details(value!({}))
        }
        _ => Refusal::patch_does_not_apply(),
    })
}
