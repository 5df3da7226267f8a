//! Which group-versions a release serves unless it is told otherwise.
//!
//! Upstream states this in Go, in the lists that `DefaultAPIResourceConfigSource` of `pkg/controlplane/instance.go`
//! turns on and off: since 1.24 only stable versions are on (KEP-3136). The lists are read, not guessed, and must
//! account for every group-version of the release's discovery.

use std::collections::{BTreeMap, BTreeSet};

use super::Outcome;
use super::gotext::quoted;
use super::releases::Release;

const SOURCE: &str = "pkg/controlplane/instance.go";

/// Where upstream's API types and their registrations lie.
const FOLDERS: [&str; 2] = ["k8s.io/api/", "k8s.io/kubernetes/pkg/apis/"];

/// Groups that servers of their own add to the API server, each with its stable version on by default:
/// `apiextensions-apiserver` and `kube-aggregator` (`pkg/apiserver/apiserver.go` of both).
const DELEGATED: [&str; 2] = ["apiextensions.k8s.io", "apiregistration.k8s.io"];

/// Gives those of `listed` (group and version) that the release serves by default.
pub fn by_default(release: &Release, listed: &[(String, String)]) -> Outcome<BTreeSet<(String, String)>> {
    let source = release.text(SOURCE)?;
    let folders = import_folders(&source);
    let mut stated = BTreeMap::new();
    let mut on = None;
    for line in source.lines().map(str::trim) {
        if line.ends_with("EnabledByDefault = []schema.GroupVersion{") {
            on = Some(true);
        } else if line.ends_with("DisabledByDefault = []schema.GroupVersion{") {
            on = Some(false);
        } else if line == "}" {
            on = None;
        } else if let (Some(on), Some(alias)) = (on, line.strip_suffix(".SchemeGroupVersion,")) {
            let folder = folders.get(alias).ok_or_else(|| format!("{SOURCE}: no import named {alias}"))?;
            stated.insert(folder.clone(), on);
        } else if line.contains(".EnableResources(") {
            return Err(format!(
                "1.{} {SOURCE} turns single resources on, which the tables cannot say",
                release.minor
            ));
        }
    }
    let mut served = BTreeSet::new();
    for (group, version) in listed {
        let on = if DELEGATED.contains(&group.as_str()) {
            !version.contains("alpha") && !version.contains("beta")
        } else {
            let key = (folder_of(group).to_owned(), version.clone());
            *stated
                .get(&key)
                .ok_or_else(|| format!("1.{} {SOURCE} is silent on {group}/{version}", release.minor))?
        };
        if on {
            served.insert((group.clone(), version.clone()));
        }
    }
    Ok(served)
}

/// Maps the names under which `FOLDER/VERSION` of an API is imported to folder and version.
fn import_folders(source: &str) -> BTreeMap<String, (String, String)> {
    source
        .lines()
        .filter_map(|line| {
            let alias = line.split_whitespace().next()?;
            let path = quoted(line)?;
            let path = FOLDERS.iter().find_map(|folder| path.strip_prefix(folder))?;
            let (folder, version) = path.split_once('/')?;
            Some((alias.to_owned(), (folder.to_owned(), version.to_owned())))
        })
        .collect()
}

/// The folder of `k8s.io/api` that holds a group.
fn folder_of(group: &str) -> &str {
    match group {
        "" => "core",
        "internal.apiserver.k8s.io" => "apiserverinternal",
        _ => group.split('.').next().unwrap_or(group),
    }
}
