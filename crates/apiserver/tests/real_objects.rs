//! What a real server stored is in form for ours: writing it back changes nothing and breaks no rule.
//!
//! The objects are those of a recorded cluster of 711 objects, which passed the defaults and the validation of
//! upstream Kubernetes 1.36.

use apiserver::{MemoryDriver, Request, Server};
use object::{GroupVersionResource, ObjectExt, Time, Value, diff};
use schema::{KubernetesVersion, Resource, Schema, Verb};
use std::fs;
use store::{Indexes, Limits, Snapshot, Store};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../checks/tests/fixtures/harbor");

/// Gives the objects of a resource, with their kind and version.
#[expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]
fn objects(resource: &Resource) -> Vec<Value> {
    let dot = if resource.group.is_empty() { "" } else { "." };
    let path = format!("{FOLDER}/{}{dot}{}.json", resource.plural, resource.group);
    let Ok(text) = fs::read(path) else { return Vec::new() };
    let list = object::json::parse(&text).expect("the fixture is JSON");
    let items = list["items"].items().iter().cloned();
    let named = items.map(|item| {
        let item = item.with(&["apiVersion"], resource.api_version());
        item.with(&["kind"], &resource.kind)
    });
    let of_version = |item: &Value| list["apiVersion"] == item.api_version();
    named.filter(of_version).collect()
}

fn check(resource: &Resource, object: &Value, subresource: &str) -> Result<(), String> {
    let gvr = GroupVersionResource::new(&resource.group, &resource.version, &resource.plural);
    let mut snapshot = Snapshot::empty();
    snapshot
        .insert(&gvr.group_resource(), object.clone(), &Indexes::kubernetes())
        .map_err(|error| error.to_string())?;
    let store = Store::from_snapshot(snapshot, Indexes::kubernetes(), Limits::default());
    let driver = MemoryDriver::over(store, Time::from_unix_seconds(1_800_000_000));
    let server = Server::new(KubernetesVersion::V1_36);
    // A copy that shares no memory with the original, or the server would see at a glance that nothing changed.
    let copy = object::json::parse(&object::json::to_vec(object)).map_err(|error| error.to_string())?;
    let request = Request::update(&gvr, copy).with_subresource(subresource);
    let response = driver.handle(&server, request);
    if response.code != 200 {
        return Err(format!("{} {}", response.code, response.value()["message"].str()));
    }
    if response.value() != object {
        let patch = diff::json_patch(object, response.value());
        return Err(object::json::to_string(&patch));
    }
    Ok(())
}

#[test]
fn writing_back_what_a_real_server_stored_changes_nothing() {
    let (mut checked, mut faults) = (0, Vec::new());
    for resource in Schema::for_version(KubernetesVersion::V1_36).resources_by_default() {
        if !resource.verbs.contains(Verb::Update) {
            continue;
        }
        for object in objects(resource) {
            for subresource in ["", "status"] {
                if subresource == "status" && resource.subresource("status").is_none() {
                    continue;
                }
                checked += 1;
                if let Err(fault) = check(resource, &object, subresource) {
                    faults.push(format!("{} {} {subresource}: {fault}", resource.plural, object.full_name()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {checked}:\n{}", faults.len(), faults.join("\n"));
    assert!(checked > 800, "only {checked} objects were found");
}
