//! The table of types, from `api/openapi-spec/v3` and the declared values of fields (see [`super::enums`]).
//!
//! Lines, words parted by spaces:
//! - `type RELEASES NAME [atomic] [gvk=GV/KIND,…]`: an object type; `gvk=*` stands for every group-version.
//! - ` FIELD SHAPE OPTION…`, below its type and indented by one space; `@RELEASES ` before it when not all releases of
//!   the type have it so.
//!
//! A shape is a scalar's name, a type's short name (which holds a dot), `[ITEMS]` or `{VALUES}`. Options:
//! `required`, `atomic`, `list=set|map`, `keys=A,B`, `patch=merge,retainKeys`, `key=K` (the merge key),
//! `default=JSON`, `zero` (the default is the type's zero value, as for every field that Go's encoder never omits),
//! `enum=A|B` (last, because values may hold spaces). A list without `list=` is atomic.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::enums::{self, Enums};
use super::releases::{Release, Variants};
use super::{Outcome, table};

const FOLDER: &str = "api/openapi-spec/v3";

/// One type over all releases: its own line, and one line for each field.
#[derive(Default)]
struct Rows {
    own: Variants,
    fields: BTreeMap<String, Variants>,
}

/// Makes the table.
pub fn table(releases: &[Release]) -> Outcome<String> {
    let mut rows: BTreeMap<String, Rows> = BTreeMap::new();
    for release in releases {
        let enums = enums::read(release)?;
        for (name, schema) in schemas(release)? {
            if scalar_of(&name).is_none() && !is_untyped(&schema) {
                note_type(release, &short(&name)?, &schema, &enums, &mut rows)
                    .map_err(|fault| format!("1.{} {name}: {fault}", release.minor))?;
            }
        }
    }
    let mut content = String::new();
    for (name, rows) in &rows {
        let all = rows.own.releases();
        for (line, releases) in rows.own.iter() {
            content.push_str(&format!("type {releases} {name}{line}\n"));
            for (line, having) in rows.fields.values().flat_map(Variants::iter) {
                match releases.and(having) {
                    Some(both) if both == releases => content.push_str(&format!(" {line}\n")),
                    Some(both) => content.push_str(&format!(" @{both} {line}\n")),
                    None => {}
                }
            }
        }
        debug_assert!(rows.fields.values().all(|field| field.releases().and(all) == Some(field.releases())));
    }
    let title = "The types of the Kubernetes API.";
    Ok(table::with_head(title, &[FOLDER, "pkg/generated/openapi/zz_generated.openapi.go"], &content))
}

/// Gathers the schemas of all the release's documents. A type has the same schema in each, but for the list of
/// group-versions that `DeleteOptions` and `WatchEvent` carry.
fn schemas(release: &Release) -> Outcome<BTreeMap<String, Value>> {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for file in release.files(FOLDER)? {
        let mut document = release.json(&format!("{FOLDER}/{file}"))?;
        let Value::Object(schemas) = document["components"]["schemas"].take() else { continue };
        for (name, mut schema) in schemas {
            if matches!(kind_of(&name), "DeleteOptions" | "WatchEvent") {
                schema["x-kubernetes-group-version-kind"] = Value::String("*".to_owned());
            }
            if all.insert(name.clone(), schema.clone()).is_some_and(|other| other != schema) {
                return Err(format!("1.{} {file}: {name} differs between documents", release.minor));
            }
        }
    }
    Ok(all)
}

fn note_type(
    release: &Release,
    name: &str,
    schema: &Value,
    enums: &Enums,
    rows: &mut BTreeMap<String, Rows>,
) -> Outcome<()> {
    let row = rows.entry(name.to_owned()).or_default();
    let mut line = atomic(schema)?.to_owned();
    match &schema["x-kubernetes-group-version-kind"] {
        Value::Null => {}
        Value::String(any) => line.push_str(&format!(" gvk={any}")),
        list => line.push_str(&format!(" gvk={}", group_version_kinds(list)?)),
    }
    row.own.note(release.minor, line);
    let none = Map::new();
    let required = words(&schema["required"]);
    for (field, property) in schema["properties"].as_object().unwrap_or(&none) {
        let mut line = format!("{field} {}", shape(property)?);
        if required.contains(&field.as_str()) {
            line.push_str(" required");
        }
        line.push_str(&options(property)?);
        if let Some(values) = enums.get(&(name.to_owned(), field.clone())) {
            line.push_str(&format!(" enum={}", values.join("|")));
        }
        row.fields.entry(field.clone()).or_default().note(release.minor, line);
    }
    Ok(())
}

/// Writes the shape of a property, of a list's items or of a map's values.
fn shape(schema: &Value) -> Outcome<String> {
    let target = schema["$ref"].as_str().or_else(|| match schema["allOf"].as_array().map(Vec::as_slice) {
        Some([only]) => only["$ref"].as_str(),
        _ => None,
    });
    if let Some(target) = target {
        let name = target.trim_start_matches("#/components/schemas/");
        return scalar_of(name).map_or_else(|| short(name), |scalar| Ok(scalar.to_owned()));
    }
    let scalar = match (schema["type"].as_str(), schema["format"].as_str()) {
        (Some("array"), _) => return Ok(format!("[{}]", shape(&schema["items"])?)),
        (Some("object"), _) if schema["additionalProperties"].is_object() => {
            return Ok(format!("{{{}}}", shape(&schema["additionalProperties"])?));
        }
        (Some("object"), _) if schema.get("properties").is_none() => "raw",
        (Some("string"), None) => "string",
        (Some("string"), Some("byte")) => "byte",
        (Some("integer"), Some("int32")) => "int32",
        (Some("integer"), Some("int64")) => "int64",
        (Some("number"), Some("double")) => "double",
        (Some("boolean"), None) => "boolean",
        _ => return Err(format!("a shape that the tables cannot say: {schema}")),
    };
    Ok(scalar.to_owned())
}

/// The types that are written as scalars, by their full names.
fn scalar_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "io.k8s.apimachinery.pkg.api.resource.Quantity" => "quantity",
        "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => "int-or-string",
        "io.k8s.apimachinery.pkg.apis.meta.v1.Time" => "time",
        "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime" => "micro-time",
        "io.k8s.apimachinery.pkg.runtime.RawExtension"
        | "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1"
        | "io.k8s.apimachinery.pkg.apis.meta.v1.Patch" => "raw",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON"
        | "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray"
        | "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool"
        | "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray" => "any",
        _ => return None,
    })
}

/// Whether a schema says nothing: then its type must be one of [`scalar_of`].
fn is_untyped(schema: &Value) -> bool {
    schema.get("type").is_none()
}

/// Writes what is said of a property beside its shape.
fn options(property: &Value) -> Outcome<String> {
    let mut said = atomic(property)?.to_owned();
    match property["x-kubernetes-list-type"].as_str() {
        None | Some("atomic") => {}
        Some(kind @ ("set" | "map")) => said.push_str(&format!(" list={kind}")),
        Some(other) => return Err(format!("list type {other}")),
    }
    if property["x-kubernetes-list-type"] == "map" {
        said.push_str(&format!(" keys={}", words(&property["x-kubernetes-list-map-keys"]).join(",")));
    }
    for (key, option) in [("x-kubernetes-patch-strategy", "patch"), ("x-kubernetes-patch-merge-key", "key")] {
        if let Some(value) = property[key].as_str() {
            said.push_str(&format!(" {option}={value}"));
        }
    }
    match &property["default"] {
        Value::Null => {}
        Value::Object(empty) if empty.is_empty() => {}
        zero if *zero == "" || *zero == 0 || *zero == false => said.push_str(" zero"),
        value if value.to_string().contains(' ') => return Err(format!("default {value}")),
        value => said.push_str(&format!(" default={value}")),
    }
    Ok(said)
}

fn atomic(schema: &Value) -> Outcome<&'static str> {
    match schema["x-kubernetes-map-type"].as_str() {
        None | Some("granular") => Ok(""),
        Some("atomic") => Ok(" atomic"),
        Some(other) => Err(format!("map type {other}")),
    }
}

fn group_version_kinds(list: &Value) -> Outcome<String> {
    let one = |entry: &Value| -> Option<String> {
        let (group, version, kind) =
            (entry["group"].as_str()?, entry["version"].as_str()?, entry["kind"].as_str()?);
        Some(if group.is_empty() { format!("{version}/{kind}") } else { format!("{group}/{version}/{kind}") })
    };
    let kinds: Option<Vec<String>> = list.as_array().and_then(|list| list.iter().map(one).collect());
    kinds.map(|kinds| kinds.join(",")).ok_or_else(|| format!("group-version-kinds {list}"))
}

/// Cuts what precedes group and version off a type's name: `io.k8s.api.core.v1.Pod` becomes `core.v1.Pod`.
fn short(name: &str) -> Outcome<String> {
    let prefixes = [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.apimachinery.pkg.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
        "io.k8s.kube-aggregator.pkg.apis.",
    ];
    let cut = prefixes.into_iter().find_map(|prefix| name.strip_prefix(prefix));
    cut.map(str::to_owned).ok_or_else(|| format!("{name} lies in no known package"))
}

fn kind_of(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}
