//! A cluster that is there, as the ground a scenario is played on.

use crate::scenario::Maker;
use object::{GroupVersionKind, ObjectExt, Time, Value, value};
use schema::{KubernetesVersion, Schema};
use std::collections::{BTreeMap, BTreeSet};
use view::View;

/// The objects of a cluster, its moment and its version.
#[derive(Clone, Debug)]
pub struct Ground {
    objects: Vec<Value>,
    now: Time,
    version: KubernetesVersion,
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
        (Self { objects, now: view.now(), version }, left.collect())
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
