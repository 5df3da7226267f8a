//! ConfigMaps and Secrets that a pod reads: they must exist and hold the keys, or the pod does not start (again).

use object::{ObjectExt, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::START_GRACE;
use super::container;
use super::symptom::Symptom;
use crate::look::{Look, Lookup};
use crate::words::listed;

/// One ConfigMap or Secret the pod cannot do without.
struct Reference<'a> {
    is_secret: bool,
    name: &'a str,
    /// The keys it needs; none for the object as a whole.
    keys: Vec<&'a str>,
    pointer: String,
}

impl Reference<'_> {
    fn kind(&self) -> &'static str {
        if self.is_secret { "Secret" } else { "ConfigMap" }
    }

    fn resource(&self) -> &'static str {
        if self.is_secret { "secrets" } else { "configmaps" }
    }
}

/// Judges what the pod reads. A pod that is still young may be waiting for what comes right after it.
pub(super) fn judge<'a>(look: &mut Look<'a>, pod: &'a Value, owner: &ObjectRef) -> Vec<Symptom<'a>> {
    let age = look.view().age(pod);
    if age < look.duration(&START_GRACE) {
        return Vec::new();
    }
    let mut symptoms: Vec<Symptom<'a>> = Vec::new();
    for reference in references(pod) {
        let so = || format!("whether what Pod {} reads exists is unknown", pod.full_name());
        let absent = match look.get(reference.resource(), pod.namespace(), reference.name, so) {
            Lookup::Unknown => continue,
            Lookup::Absent => Vec::new(),
            Lookup::Found(object) => match absent_keys(object, &reference.keys) {
                keys if keys.is_empty() => continue,
                keys => keys,
            },
        };
        let symptom = symptom(pod, owner, &reference, &absent);
        if !symptoms.iter().any(|known| known.subject == symptom.subject) {
            symptoms.push(symptom);
        }
    }
    symptoms
}

fn absent_keys<'k>(object: &Value, keys: &[&'k str]) -> Vec<&'k str> {
    let holds = |key: &&&str| {
        ["data", "binaryData", "stringData"].iter().any(|field| object[*field].get(key).is_some())
    };
    keys.iter().filter(|key| !holds(key)).copied().collect()
}

/// Tells of a reference whose object is absent, or only the keys of it that are given.
fn symptom<'a>(
    pod: &'a Value,
    owner: &ObjectRef,
    reference: &Reference<'_>,
    absent_keys: &[&str],
) -> Symptom<'a> {
    let missing = match absent_keys {
        [] => "which does not exist".to_owned(),
        keys => format!("which has no key {}", listed(keys)),
    };
    let pointer = absent_keys.first().map_or(String::new(), |key| format!("/data/{key}"));
    let object = ObjectRef::new("v1", reference.kind(), pod.namespace(), reference.name);
    let is_up = container::containers(pod).iter().all(container::Container::is_running);
    let consequence = if is_up { "; it runs only until it must start again" } else { "" };
    let what = match reference.keys.as_slice() {
        [] => object.kind.clone(),
        keys => format!("key {} of {}", listed(keys), object.kind),
    };
    let title = format!("reads {what} {}, {missing}{consequence}", reference.name);
    let why = if is_up {
        "a restart, a drain or a roll-out brings it down, at a moment nobody connects with the cause"
    } else {
        "its containers cannot be created without it"
    };
    let mut symptom = Symptom::new(pod, "POD_CONFIG_MISSING", Outcome::Fail, owner, title)
        .subject(format!("{} {}", reference.kind(), reference.name))
        .because(why)
        .evidence(Evidence::new(reference.pointer.clone(), reference.name))
        .evidence(Evidence::new(pointer, "absent").expected("present").on(object));
    for container in container::containers(pod) {
        let reason = container.waiting_reason();
        if !reason.is_empty() {
            symptom = symptom.evidence(Evidence::new(container.pointer("state/waiting/reason"), reason));
        }
    }
    let (namespace, name) = (pod.namespace(), reference.name);
    symptom
        .remedy(format!("kubectl -n {namespace} get {} {name} -o yaml", reference.kind().to_lowercase()))
        .remedy(
            "create it with the keys the pod reads, or mark the reference optional if the pod can do without",
        )
}

fn references(pod: &Value) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for list in ["initContainers", "containers"] {
        for (index, container) in pod["spec"][list].items().iter().enumerate() {
            of_container(container, &format!("/spec/{list}/{index}"), &mut found);
        }
    }
    for (index, volume) in pod["spec"]["volumes"].items().iter().enumerate() {
        // The API server adds this volume itself, and the controller manager what it reads.
        if !volume["name"].str().starts_with("kube-api-access-") {
            of_volume(volume, &format!("/spec/volumes/{index}"), &mut found);
        }
    }
    found
}

fn of_container<'a>(container: &'a Value, place: &str, found: &mut Vec<Reference<'a>>) {
    for (index, variable) in container["env"].items().iter().enumerate() {
        for (field, is_secret) in [("configMapKeyRef", false), ("secretKeyRef", true)] {
            let reference = &variable["valueFrom"][field];
            if !reference.is_null() && !reference["optional"].bool() {
                found.push(Reference {
                    is_secret,
                    name: reference["name"].str(),
                    keys: vec![reference["key"].str()],
                    pointer: format!("{place}/env/{index}/valueFrom/{field}/name"),
                });
            }
        }
    }
    for (index, source) in container["envFrom"].items().iter().enumerate() {
        for (field, is_secret) in [("configMapRef", false), ("secretRef", true)] {
            add(&source[field], "name", is_secret, format!("{place}/envFrom/{index}/{field}"), found);
        }
    }
}

fn of_volume<'a>(volume: &'a Value, place: &str, found: &mut Vec<Reference<'a>>) {
    add(&volume["configMap"], "name", false, format!("{place}/configMap"), found);
    add(&volume["secret"], "secretName", true, format!("{place}/secret"), found);
    for (index, source) in volume["projected"]["sources"].items().iter().enumerate() {
        for (field, is_secret) in [("configMap", false), ("secret", true)] {
            let pointer = format!("{place}/projected/sources/{index}/{field}");
            add(&source[field], "name", is_secret, pointer, found);
        }
    }
}

/// Adds a source of a volume or environment, with the keys that its items name.
fn add<'a>(source: &'a Value, name: &str, is_secret: bool, pointer: String, found: &mut Vec<Reference<'a>>) {
    if source.is_null() || source["optional"].bool() {
        return;
    }
    let keys = source["items"].items().iter().map(|item| item["key"].str()).collect();
    found.push(Reference { is_secret, name: source[name].str(), keys, pointer: format!("{pointer}/{name}") });
}
