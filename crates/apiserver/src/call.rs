//! One request being handled: what it is about, and the reads that all verbs share.

use crate::driver::{CommitError, Driver, ReadAt, ReadError};
use crate::kinds::{Strategy, strategy};
use crate::request::Request;
use crate::server::Server;
use crate::status::Refusal;
use crate::traits::Traits;
use crate::watch::in_version;
use object::{GroupKind, GroupResource, Text, Value};
use schema::Resource;
use store::Snapshot;

/// A request with all that its verb needs.
pub(crate) struct Call<'a, D> {
    pub server: &'a Server,
    pub driver: &'a D,
    pub request: &'a Request,
    pub resource: &'static Resource,
    /// Where the objects are stored, and what messages call them.
    pub storage: GroupResource,
    /// The `apiVersion` asked for.
    pub api_version: Text,
    pub traits: Traits,
    pub strategy: &'static dyn Strategy,
}

impl<'a, D: Driver> Call<'a, D> {
    pub fn new(server: &'a Server, driver: &'a D, request: &'a Request, resource: &'static Resource) -> Self {
        let storage = GroupResource { group: resource.group.clone(), resource: resource.plural.clone() };
        let strategy = strategy(&storage);
        let api_version = resource.api_version().into();
        Self {
            server,
            driver,
            request,
            resource,
            storage,
            api_version,
            traits: Traits::of(resource),
            strategy,
        }
    }

    /// Gives the kind as messages about invalid objects name it.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.resource.group.clone(), kind: self.resource.kind.clone() }
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
        self.read_named(&self.request.name, at).await
    }

    /// Reads the object that the request names, which must be there.
    pub async fn read_present(&self, at: ReadAt) -> Result<Value, Refusal> {
        self.read(at).await?.ok_or_else(|| self.not_found())
    }

    /// Reads the object of a name in the request's namespace.
    pub async fn read_named(&self, name: &str, at: ReadAt) -> Result<Option<Value>, Refusal> {
        let found = self.driver.get(&self.storage, &self.request.namespace, name, at).await;
        found.map_err(|error| read_refusal(error, at))
    }

    /// Reads an object of another resource.
    pub async fn read_other(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
        at: ReadAt,
    ) -> Result<Option<Value>, Refusal> {
        self.driver.get(resource, namespace, name, at).await.map_err(|error| read_refusal(error, at))
    }

    /// Reads all objects of another resource.
    pub async fn list_other(&self, resource: &GroupResource, at: ReadAt) -> Result<Snapshot, Refusal> {
        self.driver.list(resource, at).await.map_err(|error| read_refusal(error, at))
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

/// Words a failed write; a conflict is for the verb to word, this is for where none can be.
pub(crate) fn commit_refusal(error: CommitError) -> Refusal {
    match error {
        CommitError::Conflict(conflict) => {
            Refusal::conflict(&conflict.resource, &conflict.name, &conflict.unmet.to_string())
        }
        CommitError::TooLarge { .. } => Refusal::internal("etcdserver: request is too large"),
        CommitError::Unavailable(message) => Refusal::internal(message),
        CommitError::UnknownOutcome => Refusal::timeout(
            "request did not complete within requested timeout - context deadline exceeded",
            0,
        ),
    }
}

/// Gives the key under which the real server keeps an object in etcd: some of its messages show it.
///
/// Upstream: `SpecialDefaultResourcePrefixes` in `pkg/kubeapiserver/default_storage_factory_builder.go`.
pub(crate) fn etcd_key(resource: &GroupResource, namespace: &str, name: &str) -> String {
    let prefix = match &*resource.resource {
        "nodes" => "minions",
        "services" => "services/specs",
        "endpoints" => "services/endpoints",
        "replicationcontrollers" => "controllers",
        "ingresses" => "ingress",
        other => other,
    };
    let slash = if namespace.is_empty() { "" } else { "/" };
    format!("/registry/{prefix}/{namespace}{slash}{name}")
}
