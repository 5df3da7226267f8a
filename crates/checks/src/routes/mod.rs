//! Route health: every path of every Ingress ends at a backend that answers, under a certificate that holds.
//!
//! A route is followed through typed lists: Ingress, Service and port, EndpointSlices, the pods behind. Backends that
//! have no endpoints by design (ExternalName, resources) are not asked for any; Services to which no route leads are
//! no route's business.

mod backend;
mod certificate;
mod class;
mod endpoints;
mod service;
mod tls;

use std::collections::BTreeMap;

use object::{ObjectExt, Value};
use report::{Evidence, Finding, ObjectRef, Outcome};

use crate::Parameter;
use crate::look::Look;
use crate::registry::{Check, Code, Layer};
use crate::words::listed;

pub(crate) const CHECK: Check = Check {
    name: "route-health",
    layer: Layer::Networking,
    description: "every Ingress path ends at a backend that answers, under a certificate that holds",
    parameters: &[ENDPOINT_GRACE, ISSUE_GRACE, EXPIRY_WARN],
    reads: &[
        "ingresses.networking.k8s.io",
        "ingressclasses.networking.k8s.io",
        "services",
        "endpointslices.discovery.k8s.io",
        "endpoints",
        "pods",
        "secrets",
        "deployments.apps",
        "statefulsets.apps",
        "replicasets.apps",
        "daemonsets.apps",
        "replicationcontrollers",
        "jobs.batch",
        "cronjobs.batch",
        "customresourcedefinitions.apiextensions.k8s.io",
    ],
    codes: &[
        Code::new("ROUTE_CLASS_MISSING", "the Ingress's class does not exist"),
        Code::new("ROUTE_NO_CLASS", "the Ingress names no class and there is no default"),
        Code::new("ROUTE_NO_ENDPOINTS", "nobody ready stands behind the Service"),
        Code::new("ROUTE_PORT_MISSING", "the Service does not have the port"),
        Code::new("ROUTE_PORT_UNSERVED", "pods are ready, but none has the port"),
        Code::new("ROUTE_RESOURCE_MISSING", "the resource that is to answer does not exist"),
        Code::new("ROUTE_SCALED_TO_ZERO", "the workload behind the route is scaled to zero"),
        Code::new("ROUTE_SERVICE_MISSING", "the Service does not exist"),
        Code::new("ROUTE_TLS_EXPIRED", "the certificate has expired"),
        Code::new("ROUTE_TLS_EXPIRES_SOON", "the certificate expires soon for how long it lives"),
        Code::new("ROUTE_TLS_HOST_MISMATCH", "the certificate does not hold for the host"),
        Code::new("ROUTE_TLS_INVALID", "the Secret holds no certificate or no key"),
        Code::new("ROUTE_TLS_NOT_YET_VALID", "the certificate is not valid yet"),
        Code::new("ROUTE_TLS_SECRET_MISSING", "the Secret does not exist"),
        Code::new("ROUTE_TLS_TYPE", "the Secret is not of type kubernetes.io/tls"),
    ],
    look,
};

const ENDPOINT_GRACE: Parameter = Parameter::seconds(
    "endpoint-grace",
    5 * 60,
    "how long a backend may have no ready endpoint before it fails",
);
const ISSUE_GRACE: Parameter = Parameter::seconds(
    "issue-grace",
    10 * 60,
    "how long a young Ingress may wait for its certificate to be issued",
);
const EXPIRY_WARN: Parameter =
    Parameter::seconds("expiry-warn", 21 * 24 * 60 * 60, "how long before its expiry a certificate warns");

/// What is wrong behind a route; routes with the same problem are one finding.
#[derive(Clone)]
struct Problem {
    code: &'static str,
    outcome: Outcome,
    /// What survives between runs, as in `Service shop/gone`.
    subject: String,
    /// What follows the routes in the title.
    title: String,
    evidence: Vec<Evidence>,
    why: &'static str,
    remedy: Vec<String>,
    /// Objects that the problem lies with, such as the Service.
    behind: Vec<ObjectRef>,
}

impl Problem {
    fn new(code: &'static str, outcome: Outcome, subject: String, title: String) -> Self {
        Self {
            code,
            outcome,
            subject,
            title,
            evidence: Vec::new(),
            why: "",
            remedy: Vec::new(),
            behind: Vec::new(),
        }
    }

    fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    fn because(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    fn remedy(mut self, step: impl Into<String>) -> Self {
        self.remedy.push(step.into());
        self
    }

    fn behind(mut self, object: ObjectRef) -> Self {
        self.behind.push(object);
        self
    }
}

/// Where a problem shows: an Ingress, the route in words, the place in the Ingress.
struct Place<'a> {
    ingress: &'a Value,
    route: String,
    evidence: Evidence,
}

/// Problems with the places where they show.
#[derive(Default)]
struct Problems<'a> {
    found: BTreeMap<(&'static str, String), (Problem, Vec<Place<'a>>)>,
}

impl<'a> Problems<'a> {
    fn add(&mut self, problem: Problem, place: Place<'a>) {
        let key = (problem.code, problem.subject.clone());
        self.found.entry(key).or_insert_with(|| (problem, Vec::new())).1.push(place);
    }

    fn into_findings(self) -> impl Iterator<Item = Finding> {
        self.found.into_values().filter_map(|(problem, places)| finding(problem, &places))
    }
}

fn finding(problem: Problem, places: &[Place<'_>]) -> Option<Finding> {
    let first = places.first()?;
    let mut routes: Vec<&str> = places.iter().map(|place| place.route.as_str()).collect();
    routes.dedup();
    let mut ingresses: Vec<ObjectRef> = places.iter().map(|place| ObjectRef::of(place.ingress)).collect();
    ingresses.dedup();
    let mut finding = Finding::new(
        problem.code,
        problem.outcome,
        ObjectRef::of(first.ingress),
        format!("{}: {}", listed(&routes), problem.title),
    )
    .about([problem.subject.as_str()])
    .affecting(ingresses)
    .affecting(problem.behind)
    .because(problem.why);
    finding.evidence.extend(places.iter().map(|place| {
        let mut evidence = place.evidence.clone();
        if !std::ptr::eq(place.ingress, first.ingress) {
            evidence.object = Some(ObjectRef::of(place.ingress));
        }
        evidence
    }));
    finding.evidence.extend(problem.evidence);
    finding.remedy = problem.remedy;
    Some(finding)
}

fn look(look: &mut Look<'_>) {
    let ingresses = look.subjects("ingresses.networking.k8s.io");
    let ingresses: Vec<&Value> = ingresses.into_iter().filter(|ingress| !ingress.is_deleting()).collect();
    if ingresses.is_empty() {
        return look.skip("there is no Ingress");
    }
    for resource in ["services", "endpointslices.discovery.k8s.io"] {
        look.beside(resource);
    }
    let mut problems = Problems::default();
    let mut services = service::Services::default();
    for ingress in &ingresses {
        class::judge(look, ingress, &mut problems);
        for route in backend::routes(ingress) {
            backend::judge(look, route, &mut services, &mut problems);
        }
    }
    tls::judge(look, &ingresses, &mut problems);
    for finding in problems.into_findings() {
        look.find(finding);
    }
}
