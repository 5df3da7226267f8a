//! The final state with interchangeable things made equal: where a pod landed, which of several like pods survived,
//! and in which order endpoints stand.

use object::{Key, Value};
use regex::{Captures, Regex};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Objects by resource and name.
pub type Final = BTreeMap<String, BTreeMap<String, Value>>;

static INVENTED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"[a-z0-9-]+(#\d+)+").expect("a valid pattern"));

pub fn canonical(state: Final, nodes: &BTreeSet<String>) -> Final {
    let is_invented = |name: &str| name.contains('#');
    let pods: BTreeSet<String> =
        state.get("pods").into_iter().flat_map(|of| of.keys()).filter(|n| is_invented(n)).cloned().collect();
    let strip = |value: &Value| strip(value, "", nodes, &pods);
    let mut out = Final::new();
    let mut groups: BTreeMap<String, Vec<(bool, Value)>> = BTreeMap::new();
    for (resource, objects) in &state {
        for (name, object) in objects {
            match resource.as_str() {
                "nodes" => {
                    out.entry(resource.clone()).or_default().insert(name.clone(), object.clone());
                }
                "pods" => {
                    let invented = pods.contains(name);
                    let base = if invented { name.rsplit_once('#').expect("invented").0 } else { name };
                    groups.entry(base.to_owned()).or_default().push((invented, strip(object)));
                }
                _ => {
                    out.entry(resource.clone()).or_default().insert(name.clone(), strip(object));
                }
            }
        }
    }
    let numbered = out.entry("pods".to_owned()).or_default();
    for (base, mut members) in groups {
        members.sort_by_cached_key(|(_, object)| text(object));
        for (i, (invented, object)) in members.into_iter().enumerate() {
            let name = if invented { format!("{base}#{}", i + 1) } else { base.clone() };
            numbered.insert(name, object);
        }
    }
    out
}

fn strip(value: &Value, key: &str, nodes: &BTreeSet<String>, pods: &BTreeSet<String>) -> Value {
    match value {
        Value::Map(map) => {
            map.iter().map(|(k, v)| (Key::from(k.as_str()), strip(v, k.as_str(), nodes, pods))).collect()
        }
        Value::List(list) => {
            let mut items: Vec<Value> = list.iter().map(|item| strip(item, key, nodes, pods)).collect();
            if key == "endpoints" {
                items.sort_by_cached_key(text);
            }
            items.into()
        }
        Value::Str(found) if nodes.contains(&**found) => "<node>".into(),
        Value::Str(_) if matches!(key, "zone" | "topology.kubernetes.io/zone") => "<zone>".into(),
        Value::Str(found) => {
            let replace =
                |c: &Captures<'_>| if pods.contains(&c[0]) { "<pod>".to_owned() } else { c[0].to_owned() };
            INVENTED.replace_all(found, replace).into_owned().into()
        }
        other => other.clone(),
    }
}

/// Writes a value as the recordings' sorting did: keys sorted, with spaces after commas and colons.
fn text(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(k, v)| format!("{}: {}", text(&Value::from(k.as_str())), text(v))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(text).collect();
            format!("[{}]", items.join(", "))
        }
        other => object::json::to_string(other),
    }
}
