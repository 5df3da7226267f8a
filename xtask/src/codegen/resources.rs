//! The table of resources, from `api/discovery` (recorded upstream with every version and every gate on).
//!
//! Lines, fields parted by spaces:
//! - `serve MINOR GV…`: the group-versions of a release in the order of `/apis`, most preferred version first;
//!   `+` before one that is on by default, `-` before one that is off.
//! - `resource RELEASES GV PLURAL KIND SCOPE VERBS [singular=…] [short=…] [categories=…]`
//! - `sub RELEASES NAME VERBS GV KIND`: a sub-resource of the resource above; its kind is that of its body.

use std::collections::BTreeMap;

use serde_json::Value;

use super::releases::{Release, Variants};
use super::{Outcome, served, table};

const ALL_VERBS: &str = "create,delete,deletecollection,get,list,patch,update,watch";

/// One resource over all releases: its own line, and one line for each sub-resource.
#[derive(Default)]
struct Rows {
    resource: Variants,
    subresources: BTreeMap<String, Variants>,
}

/// Makes the table.
pub fn table(releases: &[Release]) -> Outcome<String> {
    let mut content = String::new();
    let mut rows: BTreeMap<(String, String), Rows> = BTreeMap::new();
    for release in releases {
        let listed = group_versions(release)?;
        let on = served::by_default(release, &listed)?;
        content.push_str(&format!("serve {}", release.minor));
        for (group, version) in &listed {
            let sign = if on.contains(&(group.clone(), version.clone())) { '+' } else { '-' };
            content.push_str(&format!(" {sign}{}", api_version(group, version)));
            note_resources(release, group, version, &mut rows)?;
        }
        content.push('\n');
    }
    for rows in rows.values() {
        for (line, releases) in rows.resource.iter() {
            content.push_str(&format!("resource {releases} {line}\n"));
            for (line, having) in rows.subresources.values().flat_map(Variants::iter) {
                if let Some(both) = releases.and(having) {
                    content.push_str(&format!("sub {both} {line}\n"));
                }
            }
        }
    }
    let title = "The resources of the Kubernetes API.";
    Ok(table::with_head(title, &["api/discovery", "pkg/controlplane/instance.go"], &content))
}

/// Lists a release's group-versions: the core group first, then in the order of `/apis`.
fn group_versions(release: &Release) -> Outcome<Vec<(String, String)>> {
    let mut listed = vec![(String::new(), "v1".to_owned())];
    for group in items(&release.json("api/discovery/apis.json")?["groups"])? {
        for version in items(&group["versions"])? {
            listed.push((text(&group["name"])?.to_owned(), text(&version["version"])?.to_owned()));
        }
    }
    Ok(listed)
}

fn note_resources(
    release: &Release,
    group: &str,
    version: &str,
    rows: &mut BTreeMap<(String, String), Rows>,
) -> Outcome<()> {
    let file = if group.is_empty() { format!("api__{version}") } else { format!("apis__{group}__{version}") };
    let own = api_version(group, version);
    for entry in items(&release.json(&format!("api/discovery/{file}.json"))?["resources"])? {
        let name = text(&entry["name"])?;
        let verbs = words(&entry["verbs"])?;
        let (plural, sub) = name.split_once('/').map_or((name, None), |(plural, sub)| (plural, Some(sub)));
        let row = rows.entry((own.clone(), plural.to_owned())).or_default();
        match sub {
            None => row.resource.note(release.minor, resource_line(entry, &own, name, &verbs)?),
            Some(sub) => {
                let body = match entry["version"].as_str() {
                    Some(version) => api_version(entry["group"].as_str().unwrap_or(""), version),
                    None => own.clone(),
                };
                let line = format!("{sub} {verbs} {body} {}", text(&entry["kind"])?);
                row.subresources.entry(sub.to_owned()).or_default().note(release.minor, line);
            }
        }
    }
    Ok(())
}

fn resource_line(entry: &Value, own: &str, name: &str, verbs: &str) -> Outcome<String> {
    let kind = text(&entry["kind"])?;
    let scope = if entry["namespaced"] == true { "namespaced" } else { "cluster" };
    let verbs = if verbs == ALL_VERBS { "all" } else { verbs };
    let mut line = format!("{own} {name} {kind} {scope} {verbs}");
    let singular = text(&entry["singularName"])?;
    if singular != kind.to_lowercase() {
        line.push_str(&format!(" singular={singular}"));
    }
    for (field, option) in [("shortNames", "short"), ("categories", "categories")] {
        if entry.get(field).is_some() {
            line.push_str(&format!(" {option}={}", words(&entry[field])?));
        }
    }
    Ok(line)
}

fn api_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

fn items(value: &Value) -> Outcome<&Vec<Value>> {
    value.as_array().ok_or_else(|| format!("discovery: not a list: {value}"))
}

fn text(value: &Value) -> Outcome<&str> {
    value.as_str().ok_or_else(|| format!("discovery: not a text: {value}"))
}

fn words(value: &Value) -> Outcome<String> {
    Ok(items(value)?.iter().map(text).collect::<Outcome<Vec<_>>>()?.join(","))
}
