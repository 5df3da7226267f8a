//! One request being handled: what it is about, and the reads that all verbs share.

use crate::driver::{Driver, ReadAt, ReadError};
use crate::request::Request;
use crate::server::storage_of;
use crate::status::Refusal;
use crate::watch::in_version;
use object::{GroupResource, Text, Value};
use schema::Resource;

/// A request with all that its verb needs.
pub(crate) struct Call<'a, D> {
    pub driver: &'a D,
    pub request: &'a Request,
    pub resource: &'static Resource,
    /// Where the objects are stored, and what messages call them.
    pub storage: GroupResource,
    /// The `apiVersion` asked for.
    pub api_version: Text,
}

impl<'a, D: Driver> Call<'a, D> {
    pub fn new(driver: &'a D, request: &'a Request, resource: &'static Resource) -> Self {
        let (storage, api_version) = (storage_of(resource), resource.api_version().into());
        Self { driver, request, resource, storage, api_version }
    }

    /// Gives an object in the version asked for.
    pub fn shown(&self, object: Value) -> Value {
        in_version(object, &self.api_version, &self.resource.kind)
    }

    /// Says that the object asked for is not there.
    pub fn not_found(&self) -> Refusal {
        Refusal::not_found(&self.storage, &self.request.name)
    }

    /// Reads the object that the request names.
    pub async fn read(&self, at: ReadAt) -> Result<Option<Value>, Refusal> {
        let (namespace, name) = (&self.request.namespace, &self.request.name);
        self.driver.get(&self.storage, namespace, name, at).await.map_err(|error| read_refusal(error, at))
    }

    /// Reads the object that the request names, which must be there.
    pub async fn read_present(&self, at: ReadAt) -> Result<Value, Refusal> {
        self.read(at).await?.ok_or_else(|| self.not_found())
    }
}

/// Words a failed read.
pub(crate) fn read_refusal(error: ReadError, at: ReadAt) -> Refusal {
    match (error, at) {
        (ReadError::Future { current }, ReadAt::NotOlderThan(asked) | ReadAt::Exact(asked)) => {
            Refusal::future_revision(asked, current)
        }
        (ReadError::Future { current }, _) => Refusal::future_revision(current, current),
        (ReadError::Compacted { .. }, _) => {
            Refusal::expired("The resourceVersion for the provided list is too old.")
        }
        (ReadError::Unavailable(message), _) => Refusal::internal(message),
    }
}
