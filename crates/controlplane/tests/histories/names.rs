//! Invented names, in order of creation, become `<base>#<k>`; what differs from run to run is dropped or replaced.

use object::{ObjectExt, Value};
use regex::Regex;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use store::{Event, EventKind};

const DROPPED: &[&str] =
    &["uid", "resourceVersion", "managedFields", "creationTimestamp", "selfLink", "ownerReferences"];

static TIMES: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").expect("a valid pattern"));
static TOKEN_VOLUME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^kube-api-access-[a-z0-9]{5}$").expect("a valid pattern"));

/// The names of one run.
pub struct Names {
    map: BTreeMap<String, String>,
    longest_first: Vec<String>,
}

impl Names {
    pub fn of(events: &[Event]) -> Self {
        let mut map: BTreeMap<String, String> = BTreeMap::new();
        let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
        for event in events.iter().filter(|e| e.kind == EventKind::Created) {
            let object = &event.object;
            let resource = event.resource.resource.to_string();
            if map.contains_key(object.name()) {
                continue;
            }
            let owner = object.controller_of();
            let generated = object["metadata"]["generateName"].str();
            let is_stable = (owner.is_some_and(|o| o.kind == "StatefulSet") && resource == "pods")
                || resource == "persistentvolumeclaims";
            let is_invented = (owner.is_some() && matches!(resource.as_str(), "replicasets" | "jobs"))
                || (!generated.is_empty() && !is_stable)
                || resource == "controllerrevisions";
            if !is_invented {
                continue;
            }
            let base = match owner {
                Some(owner) => map.get(owner.name).cloned().unwrap_or_else(|| owner.name.to_owned()),
                None => generated.trim_end_matches('-').to_owned(),
            };
            let count = counts.entry((resource, base.clone())).or_default();
            *count += 1;
            map.insert(object.name().to_owned(), format!("{base}#{count}"));
        }
        let mut longest_first: Vec<String> = map.keys().cloned().collect();
        longest_first.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { map, longest_first }
    }

    pub fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for name in &self.longest_first {
            if text.contains(name.as_str()) {
                text = text.replace(name.as_str(), &self.map[name]);
            }
        }
        text
    }

    pub fn reduce(&self, value: &Value, key: &str) -> Value {
        match value {
            Value::Map(map) => map
                .iter()
                .filter(|(k, _)| !DROPPED.contains(&k.as_str()))
                .map(|(k, v)| (k.clone(), self.reduce(v, k.as_str())))
                .collect(),
            Value::List(list) => list.iter().map(|item| self.reduce(item, key)).collect(),
            Value::Str(text) => self.reduce_text(text, key).into(),
            other => other.clone(),
        }
    }

    fn reduce_text(&self, text: &str, key: &str) -> String {
        match key {
            "currentRevision" | "updateRevision" => return self.text(text),
            "pod-template-hash"
            | "controller-revision-hash"
            | "controller-uid"
            | "batch.kubernetes.io/controller-uid" => return format!("<{key}>"),
            "clusterIP" | "podIP" | "ip" | "hostIP" | "volumeHandle" | "clusterIPs" | "addresses"
                if text != "None" =>
            {
                return "<ip>".to_owned();
            }
            "name" if TOKEN_VOLUME.is_match(text) => return "kube-api-access-<rand>".to_owned(),
            _ => {}
        }
        self.text(&TIMES.replace_all(text, "<time>"))
    }
}
