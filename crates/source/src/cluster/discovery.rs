//! What an API server serves, in both forms in which it says so.

use super::server::{Refusal, Server};
use crate::SourceError;
use crate::gather::kinds::built_in;
use object::{GroupResource, Value};
use std::collections::BTreeMap;
use view::Unread;

/// Both forms, the aggregated one first: two requests instead of one per group and version (KEP-3352).
const ACCEPT: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// Groups whose kinds all moved elsewhere long ago and are the same objects there.
const FORMER_GROUP: &str = "extensions";

/// A resource that can be listed, in the version in which it is read.
#[derive(Clone, Debug)]
pub(super) struct Resource {
    pub group: String,
    pub version: String,
    pub plural: String,
    pub kind: String,
    pub namespaced: bool,
}

/// What a server serves.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    pub resources: Vec<Resource>,
    /// Groups that could not be looked into.
    pub unread: Vec<Unread>,
}

impl Resource {
    pub(super) fn name(&self) -> GroupResource {
        GroupResource::new(&self.group, &self.plural)
    }

    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// Asks the server what it serves.
pub(super) async fn discover(server: &Server) -> Result<Discovered, SourceError> {
    let mut found = Found::default();
    let core = server.get("/api", ACCEPT).await.map_err(|refusal| refused(server, refusal))?;
    match core["kind"].str() {
        "APIGroupDiscoveryList" => found.add_aggregated(&core),
        _ => {
            for version in core["versions"].items() {
                found.ask(server, "", version.str(), &format!("/api/{}", version.str())).await;
            }
        }
    }
    // Who may read the core group but none of the others still sees pods.
    match server.get("/apis", ACCEPT).await {
        Err(refusal) if refusal.code == 401 || refusal.code == 0 => return Err(refused(server, refusal)),
        Err(refusal) => found.lose(None, &refusal.reason),
        Ok(groups) if groups["kind"] == "APIGroupDiscoveryList" => found.add_aggregated(&groups),
        Ok(groups) => {
            for group in groups["groups"].items() {
                for version in versions(group) {
                    let (name, version) = (group["name"].str(), version.str());
                    found.ask(server, name, version, &format!("/apis/{name}/{version}")).await;
                }
            }
        }
    }
    Ok(found.finish())
}

fn refused(server: &Server, refusal: Refusal) -> SourceError {
    let (address, context) = (server.address.clone(), server.context.clone());
    let Refusal { code, reason } = refusal;
    SourceError::Refused { server: address, context, reason, code }
}

/// Gives the versions of a group in the older form, the preferred one first.
fn versions(group: &Value) -> Vec<&Value> {
    let preferred = group["preferredVersion"]["version"].str();
    let mut versions: Vec<&Value> =
        group["versions"].items().iter().map(|version| &version["version"]).collect();
    versions.sort_by_key(|version| version.str() != preferred);
    versions
}

/// What was found so far, in every version.
#[derive(Default)]
struct Found {
    resources: Vec<Resource>,
    unread: Vec<Unread>,
}

impl Found {
    /// Adds what the newer form says.
    fn add_aggregated(&mut self, list: &Value) {
        for group in list["items"].items() {
            let name = group["metadata"]["name"].str();
            for version in group["versions"].items() {
                let number = version["version"].str();
                if version["freshness"] == "Stale" {
                    // Of what the last good answer said, nobody knows whether it is still so.
                    let reason = format!("the server behind {name}/{number} does not answer");
                    self.lose(Some(name), &reason);
                }
                for resource in version["resources"].items() {
                    let namespaced = resource["scope"] == "Namespaced";
                    let kind = resource["responseKind"]["kind"].str();
                    self.add(name, number, resource["resource"].str(), kind, namespaced, &resource["verbs"]);
                }
            }
        }
    }

    /// Asks for one group and version in the older form.
    async fn ask(&mut self, server: &Server, group: &str, version: &str, path: &str) {
        match server.get(path, "application/json").await {
            Ok(list) => {
                for resource in list["resources"].items() {
                    let namespaced = resource["namespaced"].bool();
                    let (name, kind) = (resource["name"].str(), resource["kind"].str());
                    self.add(group, version, name, kind, namespaced, &resource["verbs"]);
                }
            }
            Err(refusal) => {
                let reason = format!("{path}: {}", refusal.reason);
                self.lose(Some(group), &reason);
            }
        }
    }

    /// Records a group, or every group but the core, as not looked into. Of what it is known to hold, that nothing was
    /// found means nothing.
    fn lose(&mut self, group: Option<&str>, reason: &str) {
        let whole =
            group.map_or_else(|| GroupResource::new("*", "*"), |group| GroupResource::new(group, "*"));
        let known = built_in()
            .filter(|resource| group.map_or(!resource.group.is_empty(), |group| *resource.group == *group));
        self.unread
            .extend([whole].into_iter().chain(known).map(|resource| Unread::new(&resource, None, reason)));
    }

    fn add(&mut self, group: &str, version: &str, plural: &str, kind: &str, namespaced: bool, verbs: &Value) {
        let can_be_listed = verbs.items().iter().any(|verb| *verb == "list");
        if can_be_listed && !plural.contains('/') && !kind.is_empty() {
            let (group, version) = (group.to_owned(), version.to_owned());
            let (plural, kind) = (plural.to_owned(), kind.to_owned());
            self.resources.push(Resource { group, version, plural, kind, namespaced });
        }
    }

    /// Keeps each resource once, in its most stable version, and leaves out groups that repeat others.
    fn finish(self) -> Discovered {
        let mut best: BTreeMap<(String, String), Resource> = BTreeMap::new();
        for resource in self.resources {
            let key = (resource.group.clone(), resource.plural.clone());
            match best.get(&key) {
                // Among equally stable versions, the one the server names first.
                Some(known) if stability(&known.version) <= stability(&resource.version) => {}
                _ => _ = best.insert(key, resource),
            }
        }
        let served = |group: &str, plural: &str| best.contains_key(&(group.to_owned(), plural.to_owned()));
        let repeats = |resource: &Resource| match resource.group.as_str() {
            "events.k8s.io" => resource.plural == "events" && served("", "events"),
            FORMER_GROUP => {
                ["apps", "networking.k8s.io", "policy"].iter().any(|group| served(group, &resource.plural))
            }
            _ => false,
        };
        let unread = self
            .unread
            .into_iter()
            .filter(|unread| !served(&unread.resource.group, &unread.resource.resource));
        let unread = unread.collect();
        let resources = best.values().filter(|resource| !repeats(resource)).cloned().collect();
        Discovered { resources, unread }
    }
}

/// Ranks versions: stable before beta before alpha, as the API's own order does.
fn stability(version: &str) -> u8 {
    if version.contains("alpha") { 2 } else { u8::from(version.contains("beta")) }
}
