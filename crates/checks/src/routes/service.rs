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
    if let Some((name, namespace)) = inside(target) {
        if look.view().namespace().is_some_and(|only| only != namespace) {
            look.note(format!("Service {}: leads to {target}, which was not looked at", service.full_name()));
            return None;
        }
        let so =
            || format!("whether {target}, where Service {} leads, exists is unknown", service.full_name());
        return match look.get("services", namespace, name, so) {
            Lookup::Absent => Some(leads_nowhere(service, target, name, namespace)),
            _ => None,
        };
    }
    look.note(format!(
        "Service {}: leads out of the cluster to {target}, without endpoints by design",
        service.full_name()
    ));
    None
}

/// Gives name and namespace of the Service that a name inside the cluster stands for.
fn inside(target: &str) -> Option<(&str, &str)> {
    let target = target.trim_end_matches('.');
    let target = target.strip_suffix(".cluster.local").unwrap_or(target).strip_suffix(".svc")?;
    target.split_once('.').filter(|(_, namespace)| !namespace.contains('.'))
}

fn leads_nowhere(service: &Value, target: &str, name: &str, namespace: &str) -> Problem {
    let (object, missing) = (ObjectRef::of(service), ObjectRef::new("v1", "Service", namespace, name));
    let title = format!("Service {} leads to {target}, and there is no {missing}", object.name);
    Problem::new("ROUTE_SERVICE_MISSING", Outcome::Fail, object.to_string(), title)
        .evidence(Evidence::new("/spec/externalName", target).on(object.clone()))
        .evidence(Evidence::new("", "absent").expected("present").on(missing))
        .because("the name cannot be resolved, so the route answers with an error")
        .remedy(format!("kubectl -n {namespace} get services"))
        .remedy("correct the external name, or bring the Service back")
        .behind(object)
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
        Behind::OtherPortsOnly => Some(unserved(service, port)),
        Behind::NotServing(count) => Some(not_serving(&object, count)),
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

fn not_serving(object: &ObjectRef, count: u64) -> Problem {
    let title = format!(
        "{} of Service {} published although not ready (publishNotReadyAddresses), and nobody else answers",
        if count == 1 { "the one endpoint".to_owned() } else { format!("all {count} endpoints") },
        if count == 1 { format!("{} is", object.name) } else { format!("{} are", object.name) },
    );
    Problem::new("ROUTE_NO_ENDPOINTS", Outcome::Warn, object.to_string(), title)
        .evidence(
            Evidence::new("/spec/publishNotReadyAddresses", "true")
                .expected("endpoints that serve")
                .on(object.clone()),
        )
        .because("requests are sent to pods that do not call themselves ready; likely they fail")
        .remedy(command(object, "describe"))
        .behind(object.clone())
}

fn unserved(service: &Value, port: &Value) -> Problem {
    let object = &ObjectRef::of(service);
    if service["spec"]["selector"].is_empty() {
        return unserved_by_hand(object, port);
    }
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

/// The endpoints of a Service without selector were given by hand, and their port has another name.
fn unserved_by_hand(object: &ObjectRef, port: &Value) -> Problem {
    let (number, name) = (port["port"].int(), port["name"].str());
    let wanted = if name.is_empty() { "without a name".to_owned() } else { format!("named {name}") };
    let title = format!("the endpoints given to Service {} have no port {wanted}", object.name);
    Problem::new("ROUTE_PORT_UNSERVED", Outcome::Fail, format!("{object} port {number}"), title)
        .evidence(Evidence::new("/spec/ports", format!("{number}, {wanted}")).on(object.clone()))
        .because("endpoints and Service are joined by the name of the port, and these are not")
        .remedy("name the port in the EndpointSlice or Endpoints as the Service does")
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
    let (going, staying): (Vec<&Value>, Vec<&Value>) = pods.into_iter().partition(|pod| pod.is_deleting());
    let (ready, unready): (Vec<&Value>, Vec<&Value>) =
        staying.iter().partition(|pod| pod.condition("Ready")["status"] == "True");
    let name = &object.name;
    let (since, pods, title) = if !ready.is_empty() {
        let since =
            ready.iter().filter_map(|pod| pod.condition("Ready")["lastTransitionTime"].as_time()).min();
        let count = plural(ready.len() as u64, "ready pod");
        let title = format!("Service {name} has no ready endpoint, although it has {count}");
        (since, ready, title)
    } else if !unready.is_empty() {
        let since = unready.iter().filter_map(|pod| unready_since(pod)).max();
        let count = plural(unready.len() as u64, "pod");
        (since, unready, format!("Service {name} has no ready endpoint: {count} not ready"))
    } else {
        let since = going.iter().filter_map(|pod| pod["metadata"]["deletionTimestamp"].as_time()).max();
        let count = plural(going.len() as u64, "pod");
        (since, going, format!("Service {name} has no ready endpoint: {count} about to end"))
    };
    let since = since.max(changed);
    let is_settling = since.is_some_and(|since| look.since(since) < look.duration(&ENDPOINT_GRACE));
    let for_long = since.map_or(String::new(), |since| format!(", for {}", span(look.since(since))));
    let outcome = if is_settling { Outcome::Warn } else { Outcome::Fail };
    let mut problem = no_endpoints(outcome, format!("{title}{for_long}"));
    for pod in pods.iter().take(3) {
        problem = problem.evidence(readiness(pod));
    }
    if pods.iter().any(|pod| !pod.is_deleting() && pod.condition("Ready")["status"] == "True") {
        problem = problem.remedy(
            "the pods are well: see that the endpointslice controller of the controller manager runs and keeps up",
        );
    }
    Some(problem)
}

/// Gives as evidence what a pod says of its readiness, or that it is to go.
fn readiness(pod: &Value) -> Evidence {
    let object = ObjectRef::of(pod);
    if let Some(due) = pod["metadata"]["deletionTimestamp"].as_str() {
        return Evidence::new("/metadata/deletionTimestamp", due).expected("absent").on(object);
    }
    let at = pod["status"]["conditions"].items().iter().position(|condition| condition["type"] == "Ready");
    let pointer = at.map_or("/status/conditions".to_owned(), |at| format!("/status/conditions/{at}/status"));
    let observed = pod.condition("Ready")["status"].as_str().unwrap_or("absent");
    let evidence = Evidence::new(pointer, observed).on(object);
    if observed == "True" { evidence } else { evidence.expected("True") }
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
                .evidence(wants_nothing(first.workload, first.wants).on(workload.clone()))
                .because("it looks intended, but whoever follows the route gets an error")
                .remedy(match first.wants {
                    Wants::Nothing => format!(
                        "kubectl -n {namespace} scale {}/{} --replicas=1",
                        workload.kind.to_lowercase(),
                        workload.name
                    ),
                    _ => format!(
                        "kubectl -n {namespace} describe {} {}",
                        workload.kind.to_lowercase(),
                        workload.name
                    ),
                })
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

/// Gives as evidence where a workload says that it wants no pods.
fn wants_nothing(workload: &Value, wants: Wants) -> Evidence {
    match wants {
        Wants::NoNode => Evidence::new("/status/desiredNumberScheduled", "0"),
        Wants::Suspended => Evidence::new("/spec/suspend", "true"),
        Wants::Sometimes => Evidence::new("/spec/schedule", workload["spec"]["schedule"].str()),
        Wants::Ended => Evidence::new("/status/conditions", "ended"),
        Wants::Nothing | Wants::Pods => Evidence::new("/spec/replicas", "0"),
    }
}
