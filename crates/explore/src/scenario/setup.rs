//! Objects that are there from the beginning: completed as the API server would have done when they were created.

use apiserver::{Body, MemoryDriver, Request, Server};
use object::{ObjectExt, Time, Value, value};
use schema::KubernetesVersion;
use std::collections::BTreeSet;

/// When the objects were created: the moment at which the clock of a run begins.
const CREATED: i64 = 1_767_225_600;

/// Creates objects on an API server in memory and gives what it made of them; an object with a uid stays as it is.
///
/// # Errors
/// What the API server refused.
pub(crate) fn complete(
    version: KubernetesVersion,
    objects: impl Iterator<Item = Value>,
) -> Result<Vec<Value>, String> {
    let server = Server::new(version);
    let driver = MemoryDriver::new(Time::from_unix_seconds(CREATED));
    let mut namespaces: BTreeSet<String> = BTreeSet::new();
    let mut completed = Vec::new();
    for object in objects {
        if !object.uid().is_empty() {
            completed.push(object);
            continue;
        }
        let namespace = object.namespace().to_owned();
        if !namespace.is_empty() && namespaces.insert(namespace.clone()) {
            let namespace =
                value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
            // One that the scenario made itself exists already.
            let _ = create(&server, &driver, namespace);
        }
        let status = object["status"].clone();
        if object.kind() == "Namespace" {
            namespaces.insert(object.name().to_owned());
        }
        let mut created = create(&server, &driver, object)?;
        created.remove(&["metadata", "resourceVersion"]);
        if !status.is_null() {
            created.set(&["status"], status);
        }
        completed.push(created);
    }
    Ok(completed)
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
