//! The values that fields are declared to take.
//!
//! `api/openapi-spec` is recorded with the gate `OpenAPIEnums` off, so the values are read from the Go source that the
//! server itself publishes them from. It is generated, one function a type, so that reading it by lines is safe.

use std::collections::BTreeMap;

use super::Outcome;
use super::gotext::quoted;
use super::releases::Release;

const SOURCE: &str = "pkg/generated/openapi/zz_generated.openapi.go";

/// How far a field's name, and what is said of the field, are indented.
const FIELD_INDENT: usize = 5;

/// The values of fields, by the type's short name and the field's name; of a list or a map, those of its items.
pub type Enums = BTreeMap<(String, String), Vec<String>>;

/// Reads the values that a release declares.
pub fn read(release: &Release) -> Outcome<Enums> {
    let source = release.text(SOURCE)?;
    let mut enums = Enums::new();
    let (mut owner, mut field) = (None, None);
    for line in source.lines() {
        let indent = line.len() - line.trim_start_matches('\t').len();
        let code = line.trim_start_matches('\t');
        if let Some(rest) = line.strip_prefix("func schema_") {
            owner = rest.split_once('(').and_then(|(function, _)| short_name(function));
            field = None;
        } else if indent == FIELD_INDENT && code.starts_with('"') && code.ends_with(": {") {
            field = quoted(code).map(str::to_owned);
        } else if let Some(list) = code.strip_prefix("Enum:") {
            let values = strings(list).ok_or_else(|| format!("1.{} {SOURCE}: {code}", release.minor))?;
            if let (Some(owner), Some(field)) = (&owner, &field) {
                enums.insert((owner.clone(), field.clone()), values);
            }
        }
    }
    Ok(enums)
}

/// Turns `k8sio_api_core_v1_Container` into `core.v1.Container`.
fn short_name(function: &str) -> Option<String> {
    let path = function.strip_prefix("k8sio_api_").or_else(|| function.strip_prefix("pkg_apis_"))?;
    Some(path.replace('_', "."))
}

/// Reads `[]interface{}{"A", "B"},`; values hold neither quotes nor commas.
fn strings(list: &str) -> Option<Vec<String>> {
    let list = list.trim().strip_prefix("[]interface{}{")?.strip_suffix("},")?;
    let plain = |text: &&str| !text.contains(['|', '\\']);
    list.split(", ").map(|word| quoted(word).filter(plain).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_whole_or_not_at_all() {
        let check = |list: &str, expected: Option<&[&str]>| {
            let read = strings(list);
            assert_eq!(
                read.as_ref().map(|read| read.iter().map(String::as_str).collect()),
                expected.map(Vec::from)
            );
        };
        check(r#" []interface{}{"Always", "Never"},"#, Some(&["Always", "Never"]));
        check(r#" []interface{}{""},"#, Some(&[""]));
        check(r#" []interface{}{"cert sign", "s/mime"},"#, Some(&["cert sign", "s/mime"]));
        check(r#" []interface{}{"A|B"},"#, None);
        check(r" []interface{}{1, 2},", None);
        assert_eq!(short_name("pkg_apis_meta_v1_Status").as_deref(), Some("meta.v1.Status"));
    }
}
