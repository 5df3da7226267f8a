//! The types of the fields whose wrong type would do the most harm: numbers of replicas, and maps of texts.
//!
//! A field of the wrong type reads as if it were absent, so a Deployment of "three" replicas would scale to zero.
//! Checking every field needs the schema's types, which this does not know.

use object::{ObjectExt, Value};

/// The integers of specs.
const INTEGERS: &[&str] = &[
    "activeDeadlineSeconds",
    "backoffLimit",
    "completions",
    "minReadySeconds",
    "parallelism",
    "priority",
    "progressDeadlineSeconds",
    "replicas",
    "revisionHistoryLimit",
    "terminationGracePeriodSeconds",
    "ttlSecondsAfterFinished",
];

/// Says which field has the wrong type, in the words of Go's decoder; nothing if all is well.
pub fn fault(object: &Value) -> Option<String> {
    let kind = object.kind();
    let metadata = &object["metadata"];
    let maps = [
        ("ObjectMeta.metadata.labels".to_owned(), &metadata["labels"]),
        ("ObjectMeta.metadata.annotations".to_owned(), &metadata["annotations"]),
        (format!("{kind}.data"), if kind == "ConfigMap" { &object["data"] } else { &Value::Null }),
        (format!("{kind}.stringData"), if kind == "Secret" { &object["stringData"] } else { &Value::Null }),
    ];
    for (path, map) in &maps {
        if map.as_map().is_none() && !map.is_null() {
            return Some(wrong(map, path, "map[string]string"));
        }
        // Go's decoder takes a null for an empty text.
        let entry = map.entries().find(|(_, text)| text.as_str().is_none() && !text.is_null());
        if let Some((_, found)) = entry {
            return Some(wrong(found, path, "string"));
        }
    }
    let spec = &object["spec"];
    let integers = INTEGERS.iter().map(|field| (*field, &spec[*field]));
    let found =
        integers.filter(|(_, number)| !number.is_null()).find(|(_, number)| number.as_i64().is_none())?;
    let size = if found.0.ends_with("Seconds") && found.0 != "minReadySeconds" { "int64" } else { "int32" };
    Some(wrong(found.1, &format!("{kind}Spec.spec.{}", found.0), size))
}

fn wrong(found: &Value, path: &str, expected: &str) -> String {
    let name = match found {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    };
    format!("json: cannot unmarshal {name} into Go struct field {path} of type {expected}")
}

#[cfg(test)]
mod tests {
    use super::fault;
    use object::{Value, value};

    fn check(object: Value, expected: Option<&str>) {
        assert_eq!(fault(&object).as_deref(), expected, "{object:?}");
    }

    #[test]
    fn wrong_types_are_named_as_go_names_them() {
        check(value!({"kind": "ConfigMap", "data": {"k": "v"}, "metadata": {"labels": {"a": "b"}}}), None);
        check(
            value!({"kind": "ConfigMap", "data": {"k": 1}}),
            Some("json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        );
        check(
            value!({"kind": "Pod", "metadata": {"labels": {"a": true}}}),
            Some(
                "json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string",
            ),
        );
        check(
            value!({"kind": "Deployment", "spec": {"replicas": "three"}}),
            Some(
                "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
            ),
        );
    }
}
