//! Objects that are there from the beginning: completed as the API server would have done when they were created.

use apiserver::{Body, MemoryDriver, Request, Server};
use object::{ObjectExt, Time, Value, value};
use schema::KubernetesVersion;
use std::collections::BTreeSet;

/// When a scenario's own objects were created: the moment at which the clock of a run begins.
const CREATED: i64 = 1_767_225_600;

/// Creates objects on an API server in memory and gives what it made of them; an object with a uid stays as it is.
///
/// # Errors
/// What the API server refused.
pub(crate) fn complete(
    version: KubernetesVersion,
    objects: impl Iterator<Item = Value>,
) -> Result<Vec<Value>, String> {
    let mut maker = Maker::new(version, Time::from_unix_seconds(CREATED));
    objects.map(|object| maker.complete(object)).collect()
}

/// An API server in memory that completes objects.
pub(crate) struct Maker {
    server: Server,
    driver: MemoryDriver,
    namespaces: BTreeSet<String>,
}

impl Maker {
    pub(crate) fn new(version: KubernetesVersion, now: Time) -> Self {
        Self { server: Server::new(version), driver: MemoryDriver::new(now), namespaces: BTreeSet::new() }
    }

    /// Completes one object; one with a uid is complete.
    pub(crate) fn complete(&mut self, object: Value) -> Result<Value, String> {
        if !object.uid().is_empty() {
            return Ok(object);
        }
        let namespace = object.namespace().to_owned();
        if !namespace.is_empty() && self.namespaces.insert(namespace.clone()) {
            let namespace =
                value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            // One that was made before exists already.
            let _ = create(&self.server, &self.driver, namespace);
        }
        let status = object["status"].clone();
        if object.kind() == "Namespace" {
            self.namespaces.insert(object.name().to_owned());
        }
        let mut created = create(&self.server, &self.driver, object)?;
        created.remove(&["metadata", "resourceVersion"]);
        if !status.is_null() {
            created.set(&["status"], status);
        }
        Ok(created)
    }
}

fn create(server: &Server, driver: &MemoryDriver, object: Value) -> Result<Value, String> {
    let (group, version) = schema::split_api_version(object.api_version());
    let resource = server.schema().resource_for_kind(group, version, object.kind());
    let resource =
        resource.ok_or_else(|| format!("there is no kind {}", object.kind()))?.group_version_resource();
    let what = format!("{} {}", object.kind(), object.full_name());
    let response = driver.handle(server, Request::create(&resource, object));
    match response.body {
        Body::Object(object) if response.code < 400 => Ok(object),
        Body::Object(status) => Err(format!("{what}: {}", status["message"].str())),
        Body::List(_) | Body::Text(_) | Body::Watch(_) => Err(format!("{what}: an unexpected answer")),
    }
}
