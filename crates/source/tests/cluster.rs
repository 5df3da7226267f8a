//! Live clusters, played by a server on the loopback.

use object::{ObjectExt, Value, json, value};
use source::{Access, Loaded, NowFrom, Options, Origin, SourceError, read_cluster};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use testkit::{HttpReply, HttpRequest, HttpServer, Scratch};

/// The moment the played servers tell.
const DATE: &str = "Sat, 31 Jan 2026 09:30:00 GMT";

fn ok(body: &Value) -> HttpReply {
    HttpReply::json(200, json::to_vec(body)).with_header("Date", DATE)
}

fn refuse(code: u16, message: &str) -> HttpReply {
    HttpReply::json(
        code,
        json::to_vec(&value!({"kind": "Status", "code": i64::from(code), "message": message})),
    )
}

fn list(kind: &str, names: &[&str]) -> HttpReply {
    let items: Value = names
        .iter()
        .map(|name| match name.split_once('/') {
            Some((namespace, name)) => value!({"metadata": {"namespace": namespace, "name": name}}),
            None => value!({"metadata": {"name": *name}}),
        })
        .collect();
    ok(&value!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}))
}

/// Discovery in its newer form, of resources `group/version/plural/Kind`, `!` before those in no namespace.
fn discovery(resources: &[&str]) -> Value {
    let mut groups: Vec<(String, String, Vec<Value>)> = Vec::new();
    for resource in resources {
        let cluster = resource.starts_with('!');
        let parts: Vec<&str> = resource.trim_start_matches('!').split('/').collect();
        let scope = if cluster { "Cluster" } else { "Namespaced" };
        let verbs = value!(["get", "list"]);
        let entry = value!({"resource": parts[2], "responseKind": {"kind": parts[3]}, "scope": scope, "verbs": verbs});
        match groups.iter_mut().find(|group| group.0 == parts[0] && group.1 == parts[1]) {
            Some(group) => group.2.push(entry),
            None => groups.push((parts[0].to_owned(), parts[1].to_owned(), vec![entry])),
        }
    }
    let items: Value = groups
        .into_iter()
        .map(|(group, version, resources)| {
            let resources: Value = resources.into_iter().collect();
            value!({"metadata": {"name": group}, "versions": [{"version": version, "resources": resources}]})
        })
        .collect();
    value!({"kind": "APIGroupDiscoveryList", "items": items})
}

/// A server that serves these resources of the core and of other groups, and answers the rest by a function.
fn server(
    core: &'static [&'static str],
    groups: &'static [&'static str],
    answer: impl Fn(&HttpRequest) -> HttpReply + Send + Sync + 'static,
) -> HttpServer {
    HttpServer::start(move |request| match request.path() {
        "/version" => ok(&value!({"gitVersion": "v1.36.3"})),
        "/api" => ok(&discovery(core)),
        "/apis" => ok(&discovery(groups)),
        _ => answer(request),
    })
}

fn access(folder: &Scratch, url: &str) -> Access {
    let text = format!(
        "{{kind: Config, apiVersion: v1, current-context: play, \
         contexts: [{{name: play, context: {{cluster: c, user: u}}}}, {{name: other, context: {{cluster: c}}}}], \
         clusters: [{{name: c, cluster: {{server: '{url}'}}}}], users: [{{name: u, user: {{token: t}}}}]}}"
    );
    Access {
        kubeconfigs: vec![folder.write("kubeconfig", text)],
        all_must_exist: true,
        context: None,
        in_cluster: false,
        request_timeout: Duration::from_secs(10),
    }
}

fn read(server: &HttpServer) -> Loaded {
    read_cluster(&access(&Scratch::new(), &server.url()), &Options::default()).expect("the server answers")
}

fn unread(loaded: &Loaded) -> Vec<String> {
    loaded.view.unread().iter().map(ToString::to_string).collect()
}

fn lists_of(server: &HttpServer, path: &str) -> usize {
    server.requests().iter().filter(|request| request.path() == path).count()
}

#[test]
fn every_page_is_read_and_what_is_refused_is_named() {
    let core = &["/v1/pods/Pod", "/v1/secrets/Secret", "!/v1/nodes/Node", "/v1/events/Event"];
    let groups = &[
        "apps/v1/deployments/Deployment",
        "apps/v1beta2/deployments/Deployment",
        "events.k8s.io/v1/events/Event",
    ];
    let server = server(core, groups, |request| match request.path() {
        "/api/v1/pods" => {
            let from: usize = request.parameter("continue").map_or(0, |token| token.parse().unwrap());
            let limit: usize = request.parameter("limit").unwrap().parse().unwrap();
            let to = (from + limit).min(1_200);
            let items: Value = (from..to)
                .map(|at| value!({"metadata": {"namespace": "x", "name": format!("pod-{at}")}}))
                .collect();
            let next = if to < 1_200 { to.to_string() } else { String::new() };
            ok(&value!({"kind": "PodList", "metadata": {"continue": next}, "items": items}))
        }
        "/api/v1/secrets" => refuse(403, "secrets is forbidden"),
        "/api/v1/nodes" => list("NodeList", &["worker-1"]),
        "/api/v1/events" => list("EventList", &[]),
        "/apis/apps/v1/deployments" => list("DeploymentList", &["x/web"]),
        _ => refuse(500, "nobody should ask for this"),
    });
    let loaded = read(&server);
    assert_eq!((loaded.view.count("pods"), loaded.objects), (1_200, 1_202));
    assert_eq!(lists_of(&server, "/api/v1/pods"), 3);
    assert_eq!(unread(&loaded), ["secrets could not be read: forbidden (403): secrets is forbidden"]);
    let pod = loaded.view.get("pods", "x", "pod-7").unwrap();
    assert_eq!((pod.kind(), pod.api_version()), ("Pod", "v1"), "a server leaves them out on items");
    assert_eq!(loaded.view.get("deployments.apps", "x", "web").unwrap().api_version(), "apps/v1");
    assert_eq!(
        (loaded.now_from, loaded.view.now().rfc3339().as_str()),
        (NowFrom::Server, "2026-01-31T09:30:00Z")
    );
    assert_eq!(loaded.view.kubernetes_version(), Some("v1.36.3"));
    assert_eq!(loaded.origin, Origin::Cluster { context: "play".to_owned(), server: server.url() });
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer t"));
    assert!(loaded.view.readable("configmaps").is_ok(), "what a server does not serve does not exist");
}

#[test]
fn a_server_that_knows_only_the_older_discovery_is_read_too() {
    let verbs = || value!(["list"]);
    let server = HttpServer::start(move |request| match request.path() {
        "/version" => refuse(403, "no"),
        "/api" => ok(&value!({"kind": "APIVersions", "versions": ["v1"]})),
        "/api/v1" => ok(&value!({"resources": [
            {"name": "pods", "kind": "Pod", "namespaced": true, "verbs": verbs()},
            {"name": "pods/log", "kind": "Pod", "namespaced": true, "verbs": verbs()},
            {"name": "bindings", "kind": "Binding", "namespaced": true, "verbs": ["create"]},
        ]})),
        "/apis" => ok(&value!({"kind": "APIGroupList", "groups": [
            {"name": "batch", "versions": [{"version": "v1beta1"}, {"version": "v1"}], "preferredVersion": {"version": "v1"}},
            {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}]},
        ]})),
        "/apis/batch/v1" | "/apis/batch/v1beta1" => ok(&value!({"resources": [
            {"name": "cronjobs", "kind": "CronJob", "namespaced": true, "verbs": verbs()},
        ]})),
        "/api/v1/pods" => list("PodList", &["x/a"]),
        "/apis/batch/v1/cronjobs" => list("CronJobList", &["x/nightly"]),
        _ => refuse(500, "the server behind it is out of order"),
    });
    let loaded = read(&server);
    assert_eq!((loaded.view.count("pods"), loaded.view.count("cronjobs.batch")), (1, 1));
    assert_eq!(loaded.view.kubernetes_version(), None);
    let unread = unread(&loaded);
    assert!(unread.len() == 1 && unread[0].starts_with("*.metrics.k8s.io could not be read: "), "{unread:?}");
}

#[test]
fn a_list_that_expires_is_read_once_more_from_the_start() {
    let restarts = AtomicUsize::new(0);
    let server = server(&["/v1/pods/Pod", "/v1/services/Service"], &[], move |request| {
        let first_page = |kind: &str| {
            ok(
                &value!({"kind": kind, "metadata": {"continue": "next"}, "items": [{"metadata": {"namespace": "x", "name": "a"}}]}),
            )
        };
        match (request.path(), request.parameter("continue")) {
            ("/api/v1/pods", None) => first_page("PodList"),
            ("/api/v1/pods", Some(_)) if restarts.fetch_add(1, Ordering::SeqCst) == 0 => {
                refuse(410, "expired")
            }
            ("/api/v1/pods", Some(_)) => list("PodList", &["x/b"]),
            ("/api/v1/services", None) => first_page("ServiceList"),
            _ => refuse(410, "expired"),
        }
    });
    let loaded = read(&server);
    assert_eq!(loaded.view.count("pods"), 2);
    assert!(loaded.view.readable("pods").is_ok());
    assert_eq!(unread(&loaded), ["services could not be read: gone (410): expired after 1 objects"]);
    assert_eq!(lists_of(&server, "/api/v1/services"), 4, "the start and the end, twice");
}

#[test]
fn where_only_some_namespaces_may_be_read_the_others_are_named() {
    let server =
        server(&["/v1/pods/Pod", "/v1/secrets/Secret", "!/v1/namespaces/Namespace"], &[], |request| {
            match request.path() {
                "/api/v1/namespaces" => list("NamespaceList", &["shop", "data"]),
                "/api/v1/namespaces/shop/pods" => list("PodList", &["shop/a"]),
                path => refuse(403, &format!("no right to {path}")),
            }
        });
    let loaded = read(&server);
    assert_eq!(loaded.view.count("pods"), 1);
    assert!(loaded.view.readable_in("pods", "shop").is_ok());
    assert_eq!(
        unread(&loaded),
        [
            "pods in namespace data could not be read: forbidden (403): no right to /api/v1/namespaces/data/pods",
            "secrets could not be read: forbidden (403): no right to /api/v1/secrets",
        ]
    );
}

#[test]
fn one_namespace_is_read_without_rights_on_the_others() {
    let played =
        || {
            server(&["/v1/pods/Pod", "!/v1/nodes/Node", "!/v1/namespaces/Namespace"], &[], |request| {
                match request.path() {
                    "/api/v1/namespaces"
                        if request.parameter("fieldSelector") == Some("metadata.name%3Dshop") =>
                    {
                        list("NamespaceList", &["shop"])
                    }
                    "/api/v1/namespaces" => list("NamespaceList", &[]),
                    "/api/v1/namespaces/shop/pods" => list("PodList", &["shop/a"]),
                    "/api/v1/nodes" => list("NodeList", &["worker-1"]),
                    path => refuse(403, path),
                }
            })
        };
    let within = |namespace| Options { namespace: Some(namespace), ..Options::default() };
    let server = played();
    let loaded = read_cluster(&access(&Scratch::new(), &server.url()), &within("shop")).unwrap();
    assert_eq!((loaded.objects, unread(&loaded)), (3, Vec::new()));
    let error = read_cluster(&access(&Scratch::new(), &server.url()), &within("shpo")).unwrap_err();
    assert_eq!(error.to_string(), "there is no namespace shpo in context play");
}

#[test]
fn what_is_too_slow_is_unread_and_the_rest_is_read() {
    let server = server(&["/v1/pods/Pod", "/v1/services/Service"], &[], |request| match request.path() {
        "/api/v1/pods" => list("PodList", &["x/a"]),
        _ => list("ServiceList", &[]).after(Duration::from_secs(3)),
    });
    let mut access = access(&Scratch::new(), &server.url());
    access.request_timeout = Duration::from_secs(1);
    let loaded =
        read_cluster(&access, &Options::default()).expect_err("the kubeconfig is gone with its folder");
    assert!(matches!(loaded, SourceError::NoSuchPath { .. }));
    let folder = Scratch::new();
    access.kubeconfigs = self::access(&folder, &server.url()).kubeconfigs;
    let loaded = read_cluster(&access, &Options::default()).unwrap();
    assert_eq!(loaded.view.count("pods"), 1);
    let unread = unread(&loaded);
    assert!(unread.len() == 1 && unread[0].starts_with("services could not be read: "), "{unread:?}");
}

#[test]
fn what_discovery_does_not_tell_is_not_taken_for_absent() {
    let server = HttpServer::start(|request| match request.path() {
        "/version" => ok(&value!({"gitVersion": "v1.36.3"})),
        "/api" => ok(&discovery(&["/v1/pods/Pod"])),
        "/api/v1/pods" => list("PodList", &["x/a"]),
        _ => refuse(500, "the groups are out of order"),
    });
    let loaded = read(&server);
    assert_eq!(loaded.view.count("pods"), 1);
    assert!(loaded.view.readable("pods").is_ok() && loaded.view.readable("secrets").is_ok());
    assert!(loaded.view.readable("ingresses.networking.k8s.io").is_err());
    assert!(unread(&loaded)[0].contains("the groups are out of order"));
}

#[test]
fn credentials_that_are_not_accepted_end_the_reading() {
    let server = HttpServer::start(|_| refuse(401, "Unauthorized"));
    let folder = Scratch::new();
    let error = read_cluster(&access(&folder, &server.url()), &Options::default()).unwrap_err();
    assert!(matches!(error, SourceError::Refused { code: 401, .. }), "{error}");
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let folder = Scratch::new();
    // Port 9 of the loopback, "discard", is served by nobody.
    let error = read_cluster(&access(&folder, "http://127.0.0.1:9"), &Options::default()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("the API server http://127.0.0.1:9 of context play does not answer: "),
        "{text}"
    );
    assert!(text.contains("refused"), "{text}");
}

#[test]
fn kubeconfigs_that_cannot_be_used_say_why() {
    let folder = Scratch::new();
    let good = access(&folder, "http://127.0.0.1:9");
    let error = |access: &Access| read_cluster(access, &Options::default()).unwrap_err();

    let other = Access { context: Some("staging".to_owned()), ..good.clone() };
    assert!(matches!(error(&other), SourceError::NoSuchContext { known, .. } if known == ["play", "other"]));

    let missing = Access { kubeconfigs: vec![folder.path().join("nothing")], ..good.clone() };
    assert!(matches!(error(&missing), SourceError::NoSuchPath { .. }));
    let optional = Access { all_must_exist: false, ..missing };
    assert!(matches!(error(&optional), SourceError::NoKubeconfig { .. }));

    let broken = Access { kubeconfigs: vec![folder.write("broken", "clusters: [{name")], ..good.clone() };
    assert!(matches!(error(&broken), SourceError::Kubeconfig { .. }));

    let empty = Access { kubeconfigs: vec![folder.write("empty", "kind: Config")], ..good };
    assert!(matches!(error(&empty), SourceError::NoCurrentContext { .. }));
}
