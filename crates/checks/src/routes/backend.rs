//! The routes of an Ingress and what each leads to.

use object::{GroupResource, ObjectExt, Value, value};
use report::{Evidence, ObjectRef, Outcome};
use view::Plurals;

use super::service::Services;
use super::{Place, Problem, Problems};
use crate::look::{Look, Lookup};

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

/// One route: a host and path, or what is left when none matches.
pub(super) struct Route<'a> {
    ingress: &'a Value,
    name: String,
    backend: &'a Value,
    pointer: String,
}

/// Gives every route of an Ingress, each path its own, the default backend too.
pub(super) fn routes(ingress: &Value) -> Vec<Route<'_>> {
    let mut routes = Vec::new();
    // Until v1beta1, as old dumps and manifests hold it, the default stood in `backend`.
    for field in ["defaultBackend", "backend"] {
        let default = &ingress["spec"][field];
        if !default.is_null() {
            let (name, pointer) = ("default backend".to_owned(), format!("/spec/{field}"));
            routes.push(Route { ingress, name, backend: default, pointer });
        }
    }
    for (at, rule) in ingress["spec"]["rules"].items().iter().enumerate() {
        let host = rule["host"].as_str().unwrap_or("*");
        for (index, path) in rule["http"]["paths"].items().iter().enumerate() {
            routes.push(Route {
                ingress,
                name: format!("{host}{}", path["path"].as_str().unwrap_or("/")),
                backend: &path["backend"],
                pointer: format!("/spec/rules/{at}/http/paths/{index}/backend"),
            });
        }
    }
    routes
}

/// Follows a route to its end.
pub(super) fn judge<'a>(
    look: &mut Look<'a>,
    route: Route<'a>,
    services: &mut Services,
    problems: &mut Problems<'a>,
) {
    let namespace = route.ingress.namespace();
    let (problem, evidence) = if route.backend["resource"].is_null() {
        let (name, port, field) = service_of(route.backend);
        let port_text = port["name"].as_str().map_or_else(|| port["number"].int().to_string(), str::to_owned);
        let evidence = Evidence::new(format!("{}/{field}", route.pointer), format!("{name}:{port_text}"));
        (services.judge(look, namespace, name, &port), evidence)
    } else {
        let resource = &route.backend["resource"];
        let pointer = format!("{}/resource", route.pointer);
        let observed = format!("{} {}", resource["kind"].str(), resource["name"].str());
        (resource_backend(look, namespace, resource), Evidence::new(pointer, observed))
    };
    if let Some(problem) = problem {
        problems.add(problem, Place { ingress: route.ingress, route: route.name, evidence });
    }
}

/// Gives a backend's Service, its port by number or name, and where it stands; also in the form of v1beta1.
fn service_of(backend: &Value) -> (&str, Value, &'static str) {
    let old = &backend["servicePort"];
    match backend["serviceName"].as_str() {
        Some(name) => {
            let by_name = old.as_str().filter(|text| text.parse::<i64>().is_err());
            let number = old.as_i64().or_else(|| old.as_str()?.parse().ok()).unwrap_or_default();
            let port = by_name.map_or_else(|| value!({"number": number}), |name| value!({"name": name}));
            (name, port, "serviceName")
        }
        None => (backend["service"]["name"].str(), backend["service"]["port"].clone(), "service"),
    }
}

/// Judges a backend that is an object of the Ingress controller's own, such as a bucket: it must exist.
fn resource_backend(look: &mut Look<'_>, namespace: &str, backend: &Value) -> Option<Problem> {
    let (group, kind, name) = (backend["apiGroup"].str(), backend["kind"].str(), backend["name"].str());
    let resource = resource_of(look, group, kind);
    let so = || format!("whether backend {kind} {namespace}/{name} exists is unknown");
    let text = resource.to_string();
    if !matches!(look.get(&text, namespace, name, so), Lookup::Absent) {
        return None;
    }
    // Of a kind that is none of Kubernetes' own, nothing given may mean that nothing was exported.
    if look.view().count(&*text) == 0 && !look.knows(DEFINITIONS, "", so) {
        return None;
    }
    let object = ObjectRef::new("", kind, namespace, name);
    let title = format!("{kind} {name} does not exist");
    Some(
        Problem::new("ROUTE_RESOURCE_MISSING", Outcome::Fail, object.to_string(), title)
            .evidence(Evidence::new("", "absent").expected("present").on(object.clone()))
            .because("the route has nothing to answer from")
            .remedy(format!("kubectl -n {namespace} get {text} {name}"))
            .behind(object),
    )
}

/// Gives the resource of a kind, by the cluster's own definitions where it has them.
fn resource_of(look: &Look<'_>, group: &str, kind: &str) -> GroupResource {
    let mut plurals = Plurals::new();
    for definition in look.view().list(DEFINITIONS) {
        plurals.learn(definition);
    }
    plurals.resource(group, kind)
}
