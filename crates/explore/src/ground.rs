//! A cluster that is there, as the ground a scenario is played on.

use crate::scenario::Maker;
use object::{GroupVersionKind, ObjectExt, OwnerReference, Time, Value, value};
use schema::{KubernetesVersion, Schema};
use std::collections::{BTreeMap, BTreeSet};
use view::{Plurals, View};

/// The objects of a cluster, its moment and its version.
#[derive(Clone, Debug)]
pub struct Ground {
    objects: Vec<Value>,
    now: Time,
    version: KubernetesVersion,
    without: Vec<&'static str>,
}

/// Objects that could not be taken along.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// What they are, as in `BGPPeer (crd.projectcalico.org/v1)`.
    pub what: String,
    /// Why they were left out.
    pub why: String,
    /// How many.
    pub count: usize,
}

impl Ground {
    /// Takes what a view holds, and says what of it no API server of this version would store.
    ///
    /// Objects that never were in a cluster, such as manifests, are completed as if they were created now; all others
    /// stay as they are. Namespaces that objects lie in and the view does not hold are made.
    pub fn of(view: &View, version: KubernetesVersion) -> (Self, Vec<LeftOut>) {
        let schema = Schema::for_version(version);
        let mut maker = Maker::new(version, view.now());
        let mut left: BTreeMap<(String, String), usize> = BTreeMap::new();
        let mut objects = Vec::new();
        for (_, object) in view.snapshot().iter() {
            let completed = if is_served(schema, object) {
                maker.complete(object.clone())
            } else {
                Err(format!("Kubernetes {version} does not serve this kind itself"))
            };
            match completed {
                Ok(object) => objects.push(object),
                Err(why) => {
                    let what = format!("{} ({})", object.kind(), object.api_version());
                    *left.entry((what, why)).or_default() += 1;
                }
            }
        }
        objects.extend(missing_namespaces(&objects).into_iter().filter_map(|name| {
            let made = value!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            maker.complete(made).ok()
        }));
        let left = left.into_iter().map(|((what, why), count)| LeftOut { what, why, count });
        let without = blind(view, &objects);
        (Self { objects, now: view.now(), version, without }, left.collect())
    }

    /// Gives the controllers that must not run, for they would take what was not read for what is not there.
    pub fn without_controllers(&self) -> &[&'static str] {
        &self.without
    }

    /// Gives the objects.
    pub fn objects(&self) -> &[Value] {
        &self.objects
    }

    /// Gives the moment at which its clock stands.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Gives the Kubernetes version.
    pub fn version(&self) -> KubernetesVersion {
        self.version
    }
}

/// Finds the controllers that delete what belongs to something that is gone, where it may only not have been read.
fn blind(view: &View, objects: &[Value]) -> Vec<&'static str> {
    let known: BTreeSet<&str> = objects.iter().map(ObjectExt::uid).collect();
    let is_unread = |owner: OwnerReference<'_>| {
        let (group, _) = schema::split_api_version(owner.api_version);
        let resource = Plurals::new().resource(group, owner.kind);
        !known.contains(owner.uid) && view.readable(&resource).is_err()
    };
    let mut blind = Vec::new();
    if objects.iter().any(|object| object.owners().any(is_unread)) {
        blind.push("garbage-collector-controller");
    }
    if view.readable("nodes").is_err() {
        blind.push("pod-garbage-collector-controller");
    }
    blind
}

fn missing_namespaces(objects: &[Value]) -> BTreeSet<String> {
    let given: BTreeSet<&str> =
        objects.iter().filter(|object| object.kind() == "Namespace").map(ObjectExt::name).collect();
    let used = objects.iter().map(ObjectExt::namespace).filter(|name| !name.is_empty());
    used.filter(|name| !given.contains(name) && !controlplane::SYSTEM_NAMESPACES.contains(name))
        .map(str::to_owned)
        .collect()
}

fn is_served(schema: &Schema, object: &Value) -> bool {
    GroupVersionKind::of(object)
        .is_ok_and(|kind| schema.resource_for_kind(&kind.group, &kind.version, &kind.kind).is_some())
}
