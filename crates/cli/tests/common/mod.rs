//! What the tests of the binary share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testkit::{Cli, HttpReply, HttpRequest, HttpServer};

/// The binary in a closed world.
pub fn cli() -> Cli {
    Cli::new(env!("CARGO_BIN_EXE_seaworthy"))
}

/// Reads a text that must be JSON.
#[track_caller]
pub fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON, {error}:\n{text}"))
}

/// A kubeconfig with two contexts, the current one being `play`.
pub fn kubeconfig(url: &str) -> String {
    format!(
        "{{kind: Config, apiVersion: v1, current-context: play, \
         contexts: [{{name: play, context: {{cluster: c}}}}, {{name: other, context: {{cluster: c}}}}], \
         clusters: [{{name: c, cluster: {{server: '{url}'}}}}], users: []}}"
    )
}

/// Fails unless a text is well-formed XML as far as its tags go: each that is opened is closed, in order.
#[track_caller]
pub fn well_formed(text: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in text.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("every tag ends");
        if tag.starts_with(['?', '!']) || tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed)),
            None => open.push(tag.split_whitespace().next().unwrap_or_default()),
        }
    }
    assert!(open.is_empty() && text.contains("</testsuites>"), "{open:?} is not closed");
}

/// An API server with 1,200 pods, one of them crashing, and Secrets that may not be read.
pub struct FakeCluster {
    server: HttpServer,
    pages: Arc<AtomicUsize>,
}

const PODS: usize = 1_200;

impl FakeCluster {
    pub fn start() -> Self {
        let pages = Arc::new(AtomicUsize::new(0));
        let counted = pages.clone();
        let server = HttpServer::start(move |request| {
            answer(request, &counted).with_header("Date", "Sat, 31 Jan 2026 09:30:00 GMT")
        });
        Self { server, pages }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Gives how many pages of pods were asked for.
    pub fn pages_of_pods(&self) -> usize {
        self.pages.load(Ordering::SeqCst)
    }
}

fn answer(request: &HttpRequest, pages: &AtomicUsize) -> HttpReply {
    let list = |items: &str| HttpReply::json(200, format!("{{\"kind\": \"List\", \"items\": [{items}]}}"));
    match request.path() {
        "/version" => HttpReply::json(200, "{\"gitVersion\": \"v1.36.3\"}"),
        "/api" => {
            discovery("", &["pods Pod", "services Service", "secrets Secret", "events Event", "nodes Node"])
        }
        "/apis" => discovery("networking.k8s.io", &["ingresses Ingress"]),
        "/api/v1/pods" => {
            pages.fetch_add(1, Ordering::SeqCst);
            page_of_pods(request)
        }
        "/api/v1/services" => list(
            "{\"metadata\": {\"name\": \"web\", \"namespace\": \"shop\"}, \"spec\": {\"type\": \"ExternalName\", \
             \"externalName\": \"example.com\", \"ports\": [{\"port\": 80}]}}",
        ),
        "/apis/networking.k8s.io/v1/ingresses" => list(
            "{\"metadata\": {\"name\": \"front\", \"namespace\": \"shop\"}, \"spec\": {\"tls\": [{\"hosts\": [\"a\"], \
             \"secretName\": \"tls\"}], \"rules\": [{\"host\": \"a\", \"http\": {\"paths\": [{\"path\": \"/\", \
             \"pathType\": \"Prefix\", \"backend\": {\"service\": {\"name\": \"web\", \"port\": {\"number\": 80}}}}]}}]}}",
        ),
        "/api/v1/nodes" => list(
            "{\"metadata\": {\"name\": \"worker-1\"}, \"status\": {\"conditions\": [{\"type\": \"Ready\", \
             \"status\": \"True\"}]}}",
        ),
        "/api/v1/events" => list(
            "{\"metadata\": {\"name\": \"a\", \"namespace\": \"shop\"}}, \
             {\"metadata\": {\"name\": \"b\", \"namespace\": \"shop\"}}",
        ),
        _ => HttpReply::json(403, "{\"kind\": \"Status\", \"code\": 403, \"message\": \"you may not\"}"),
    }
}

fn discovery(group: &str, resources: &[&str]) -> HttpReply {
    let entries: Vec<String> = resources
        .iter()
        .map(|resource| {
            let (plural, kind) = resource.split_once(' ').expect("a plural and a kind");
            format!(
                "{{\"resource\": \"{plural}\", \"responseKind\": {{\"kind\": \"{kind}\"}}, \
                 \"scope\": \"{}\", \"verbs\": [\"list\"]}}",
                if kind == "Node" { "Cluster" } else { "Namespaced" }
            )
        })
        .collect();
    HttpReply::json(
        200,
        format!(
            "{{\"kind\": \"APIGroupDiscoveryList\", \"items\": [{{\"metadata\": {{\"name\": \"{group}\"}}, \
             \"versions\": [{{\"version\": \"v1\", \"resources\": [{}]}}]}}]}}",
            entries.join(",")
        ),
    )
}

fn page_of_pods(request: &HttpRequest) -> HttpReply {
    let from: usize = request.parameter("continue").map_or(0, |token| token.parse().expect("our own token"));
    let limit: usize = request.parameter("limit").expect("lists are paged").parse().expect("a number");
    let to = (from + limit).min(PODS);
    let items: Vec<String> = (from..to).map(pod).collect();
    let next = if to < PODS { to.to_string() } else { String::new() };
    let metadata = format!("{{\"continue\": \"{next}\", \"resourceVersion\": \"7\"}}");
    let items = items.join(",");
    HttpReply::json(200, format!("{{\"kind\": \"PodList\", \"metadata\": {metadata}, \"items\": [{items}]}}"))
}

fn pod(at: usize) -> String {
    let (ready, state) = if at == 700 {
        ("False", "{\"waiting\": {\"reason\": \"CrashLoopBackOff\"}}")
    } else {
        ("True", "{\"running\": {\"startedAt\": \"2026-01-31T08:00:00Z\"}}")
    };
    let restarts = if at == 700 { 30 } else { 0 };
    format!(
        "{{\"metadata\": {{\"name\": \"pod-{at}\", \"namespace\": \"shop\", \
         \"creationTimestamp\": \"2026-01-31T08:00:00Z\"}}, \"spec\": {{\"nodeName\": \"worker-1\", \"containers\": [{{\"name\": \"app\"}}]}}, \
         \"status\": {{\"phase\": \"Running\", \"conditions\": [{{\"type\": \"Ready\", \"status\": \"{ready}\", \
         \"lastTransitionTime\": \"2026-01-31T08:00:10Z\"}}], \"containerStatuses\": [{{\"name\": \"app\", \
         \"ready\": {}, \"restartCount\": {restarts}, \"state\": {state}}}]}}}}",
        ready == "True"
    )
}
