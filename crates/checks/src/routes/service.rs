//! Services behind routes: they must exist, have the port, and somebody ready behind it.

use std::collections::BTreeMap;

use object::{ObjectExt, Selector, Time, Value};
use report::{Evidence, ObjectRef, Outcome};

use super::endpoints::{self, Behind};
use super::{ENDPOINT_GRACE, Problem};
use crate::look::{Look, Lookup};
use crate::words::{listed, plural, span};
use crate::workload::{self, WITH_TEMPLATES, Wants};

/// The Services judged so far: many routes lead to few Services.
#[derive(Default)]
pub(super) struct Services {
    judged: BTreeMap<(String, String, String), Option<Problem>>,
}

impl Services {
    /// Judges a Service and a port of it, given by number or name.
    pub(super) fn judge(
        &mut self,
        look: &mut Look<'_>,
        namespace: &str,
        name: &str,
        port: &Value,
    ) -> Option<Problem> {
        let key = (namespace.to_owned(), name.to_owned(), object::json::to_string(port));
        if let Some(known) = self.judged.get(&key) {
            return known.clone();
        }
        let problem = judge(look, namespace, name, port);
        self.judged.insert(key, problem.clone());
        problem
    }
}

fn judge(look: &mut Look<'_>, namespace: &str, name: &str, wanted: &Value) -> Option<Problem> {
    let so = || format!("whether Service {namespace}/{name} exists is unknown");
    let service = match look.get("services", namespace, name, so) {
        Lookup::Unknown => return None,
        Lookup::Absent => return Some(missing(namespace, name)),
        Lookup::Found(service) => service,
    };
    if service["spec"]["type"] == "ExternalName" {
        return external(look, service, wanted);
    }
    let ports = service["spec"]["ports"].items();
    let fits = |port: &&Value| match wanted["name"].as_str() {
        Some(name) => port["name"] == name,
        None => port["port"].int() == wanted["number"].int(),
    };
    match ports.iter().find(fits) {
        Some(port) => behind_port(look, service, port),
        None => Some(port_missing(service, wanted, ports)),
    }
}

fn command(service: &ObjectRef, verb: &str) -> String {
    format!("kubectl -n {} {verb} service {}", service.namespace, service.name)
}

fn missing(namespace: &str, name: &str) -> Problem {
    let service = ObjectRef::new("v1", "Service", namespace, name);
    Problem::new(
        "ROUTE_SERVICE_MISSING",
        Outcome::Fail,
        service.to_string(),
        format!("Service {name} does not exist"),
    )
    .evidence(Evidence::new("", "absent").expected("present").on(service.clone()))
    .because("the route answers with an error, always")
    .remedy(format!("kubectl -n {namespace} get services"))
    .remedy("correct the backend's name, bring the Service back, or take the route away")
    .behind(service)
}

/// An ExternalName has neither endpoints nor, often, ports: only a port's name cannot be resolved without them.
fn external(look: &mut Look<'_>, service: &Value, wanted: &Value) -> Option<Problem> {
    let ports = service["spec"]["ports"].items();
    let name = wanted["name"].as_str();
    if name.is_some_and(|name| !ports.iter().any(|port| port["name"] == name)) {
        return Some(port_missing(service, wanted, ports));
    }
    let target = service["spec"]["externalName"].str();
    look.note(format!(
        "Service {}: leads out of the cluster to {target}, without endpoints by design",
        service.full_name()
    ));
    None
}

fn port_missing(service: &Value, wanted: &Value, ports: &[Value]) -> Problem {
    let object = ObjectRef::of(service);
    let asked = wanted["name"]
        .as_str()
        .map_or_else(|| wanted["number"].int().to_string(), |name| format!("named {name}"));
    let has: Vec<String> = ports
        .iter()
        .map(|port| match port["name"].str() {
            "" => port["port"].int().to_string(),
            name => format!("{} ({name})", port["port"].int()),
        })
        .collect();
    let has = if has.is_empty() { "none".to_owned() } else { listed(&has) };
    let title = format!("Service {} has no port {asked}; it has {has}", object.name);
    Problem::new("ROUTE_PORT_MISSING", Outcome::Fail, format!("{object} port {asked}"), title)
        .evidence(Evidence::new("/spec/ports", has).expected(format!("port {asked}")).on(object.clone()))
        .because("the Ingress controller cannot build the route and answers with an error")
        .remedy(command(&object, "describe"))
        .remedy("correct the port in the Ingress, or add it to the Service")
        .behind(object)
}

fn behind_port(look: &mut Look<'_>, service: &Value, port: &Value) -> Option<Problem> {
    let object = ObjectRef::of(service);
    match endpoints::behind(look, service, port["name"].str())? {
        Behind::Ready => None,
        Behind::OtherPortsOnly => Some(unserved(&object, port)),
        Behind::Terminating(count) => Some(
            Problem::new(
                "ROUTE_NO_ENDPOINTS",
                Outcome::Warn,
                object.to_string(),
                format!(
                    "only {} of Service {} that are about to end",
                    plural(count, "endpoint"),
                    object.name
                ),
            )
            .because("when they are gone the route answers with an error")
            .remedy(command(&object, "describe"))
            .behind(object),
        ),
        Behind::Nothing { changed } => nobody(look, service, changed),
    }
}

fn unserved(object: &ObjectRef, port: &Value) -> Problem {
    let target = match &port["targetPort"] {
        Value::Str(name) => format!("named {name}"),
        other => other.int().to_string(),
    };
    let number = port["port"].int();
    let title = format!("pods behind Service {} are ready, but none has port {target}", object.name);
    Problem::new("ROUTE_PORT_UNSERVED", Outcome::Fail, format!("{object} port {number}"), title)
        .evidence(Evidence::new("/spec/ports", format!("{number} → {target}")).on(object.clone()))
        .because("the Service has endpoints, but not for this port")
        .remedy("name the port in the containers of the pods, or correct targetPort in the Service")
        .behind(object.clone())
}

/// Judges a Service without any ready endpoint by what stands behind it.
fn nobody(look: &mut Look<'_>, service: &Value, changed: Option<Time>) -> Option<Problem> {
    let object = ObjectRef::of(service);
    let namespace = service.namespace();
    let selector = &service["spec"]["selector"];
    let no_endpoints = |outcome, title: String| {
        Problem::new("ROUTE_NO_ENDPOINTS", outcome, object.to_string(), title)
            .because("there is nobody to answer; the Ingress controller answers with 503")
            .remedy(command(&object, "describe"))
            .behind(object.clone())
    };
    if selector.is_empty() {
        let title = format!("Service {} has no selector, and nobody gave it endpoints", object.name);
        return Some(no_endpoints(Outcome::Fail, title).remedy("give it an EndpointSlice, or a selector"));
    }
    let selector = Selector::from_map(selector);
    let so = || format!("why {object} has no ready endpoints is unknown");
    if !look.knows("pods", namespace, so) {
        return None;
    }
    let view = look.view();
    let is_live = |pod: &&Value| !matches!(pod["status"]["phase"].str(), "Succeeded" | "Failed");
    let pods: Vec<&Value> = view.pods_matching(namespace, &selector).filter(is_live).collect();
    if pods.is_empty() {
        return without_pods(look, service, &selector, changed, no_endpoints);
    }
    let since = pods.iter().filter_map(|pod| unready_since(pod)).max().max(changed);
    let is_settling = since.is_some_and(|since| look.since(since) < look.duration(&ENDPOINT_GRACE));
    let for_long = since.map_or(String::new(), |since| format!(", for {}", span(look.since(since))));
    let title = format!(
        "Service {} has no ready endpoint: {} not ready{for_long}",
        object.name,
        plural(pods.len() as u64, "pod")
    );
    let outcome = if is_settling { Outcome::Warn } else { Outcome::Fail };
    let mut problem = no_endpoints(outcome, title);
    for pod in pods.iter().take(3) {
        let at =
            pod["status"]["conditions"].items().iter().position(|condition| condition["type"] == "Ready");
        let pointer =
            at.map_or("/status/conditions".to_owned(), |at| format!("/status/conditions/{at}/status"));
        let observed = pod.condition("Ready")["status"].as_str().unwrap_or("absent");
        problem = problem.evidence(Evidence::new(pointer, observed).expected("True").on(ObjectRef::of(pod)));
    }
    Some(problem)
}

fn unready_since(pod: &Value) -> Option<Time> {
    let ready = pod.condition("Ready");
    let changed = ready["lastTransitionTime"].as_time().filter(|_| ready["status"] != "True");
    changed.max(pod["metadata"]["creationTimestamp"].as_time())
}

/// No pod at all: by intention if every workload it selects is scaled to zero.
fn without_pods(
    look: &mut Look<'_>,
    service: &Value,
    selector: &Selector,
    changed: Option<Time>,
    no_endpoints: impl Fn(Outcome, String) -> Problem,
) -> Option<Problem> {
    let (namespace, name) = (service.namespace(), service.name());
    let view = look.view();
    let templates: Vec<_> = workload::templates(view, namespace)
        .into_iter()
        .filter(|template| selector.matches(template.labels))
        .collect();
    let so = || format!("whether the workload of Service {namespace}/{name} is scaled to zero is unknown");
    if templates.is_empty() && WITH_TEMPLATES.iter().any(|resource| !look.knows(resource, namespace, so)) {
        return None;
    }
    let evidence = Evidence::new("/spec/selector", object::json::to_string(&service["spec"]["selector"]))
        .expected("pods")
        .on(ObjectRef::of(service));
    if let Some(first) = templates.first().filter(|_| templates.iter().all(|t| t.wants != Wants::Pods)) {
        let workload = ObjectRef::of(first.workload);
        let title = format!("nobody answers, for {workload} {}", first.wants.words());
        let service = ObjectRef::of(service);
        return Some(
            Problem::new("ROUTE_SCALED_TO_ZERO", Outcome::Warn, service.to_string(), title)
                .evidence(evidence)
                .evidence(Evidence::new("/spec/replicas", "0").on(workload.clone()))
                .because("it looks intended, but whoever follows the route gets an error")
                .remedy(format!(
                    "kubectl -n {namespace} scale {}/{} --replicas=1",
                    workload.kind.to_lowercase(),
                    workload.name
                ))
                .remedy("or take the route away while the workload is down")
                .behind(service)
                .behind(workload),
        );
    }
    let since = changed.max(service["metadata"]["creationTimestamp"].as_time());
    let is_settling = since.is_some_and(|since| look.since(since) < look.duration(&ENDPOINT_GRACE));
    let why = match templates.iter().find(|template| template.wants == Wants::Pods) {
        Some(template) => format!("{} has no pod", ObjectRef::of(template.workload)),
        None => "its selector matches no pod and no workload".to_owned(),
    };
    let title = format!("Service {name} has no ready endpoint: {why}");
    Some(no_endpoints(if is_settling { Outcome::Warn } else { Outcome::Fail }, title).evidence(evidence))
}
