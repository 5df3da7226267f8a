//! The recorded cluster: its planted defects are found, its lookalikes are not, and each finding goes with its defect.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use checks::Parameters;
use common::{brief, harbor, run};
use object::{ObjectExt, Value, value};
use report::Outcome;
use view::{Unread, View};

/// What of the folder's README is about pods, claims and routes.
const PLANTED: [&str; 14] = [
    "fail CLAIM_BEYOND_REPLICAS PersistentVolumeClaim data/data-postgres-3",
    "fail CLAIM_DRIVER_MISSING PersistentVolumeClaim data/stuck",
    "fail CLAIM_UNUSED PersistentVolumeClaim data/data-postgres",
    "fail POD_CONFIG_MISSING Pod shop/reader-dd96549f6-7pkbm",
    "fail POD_CRASH_LOOP Pod shop/search-596c57fc44-fpgjf",
    "fail POD_IMAGE_PULL Pod shop/promo-7db4c46968-hdlh4",
    "fail POD_NOT_READY Pod shop/checkout-7565cbd76c-2qqg2",
    "fail POD_OOM_KILLED Pod shop/cart-dc7cc7d56-ntztp",
    "fail POD_UNSCHEDULABLE Pod ml/infer",
    "fail ROUTE_NO_ENDPOINTS Ingress shop/front",
    "fail ROUTE_PORT_MISSING Ingress shop/front",
    "fail ROUTE_SERVICE_MISSING Ingress shop/front",
    "fail ROUTE_TLS_INVALID Ingress shop/front",
    "fail VOLUME_ATTACH_FAILED Pod data/ledger-74ddbbdbb6-kpjqh",
];

fn found(view: &View) -> BTreeSet<String> {
    run(view).iter().flat_map(|result| result.findings.iter().map(brief)).collect()
}

#[test]
fn finds_what_was_planted_and_nothing_else() {
    assert_eq!(found(&harbor()), PLANTED.map(str::to_owned).into());
}

#[test]
fn lists_every_pod_of_a_workload_in_one_finding() {
    let results = run(&harbor());
    for (code, pods) in [("POD_CRASH_LOOP", 2), ("POD_NOT_READY", 2), ("POD_OOM_KILLED", 1)] {
        let all: Vec<_> = results.iter().flat_map(|r| &r.findings).filter(|f| f.code == code).collect();
        assert_eq!(all.len(), 1, "{code}");
        assert_eq!(all[0].affected.len(), pods, "{code}");
    }
}

#[test]
fn every_finding_can_be_acted_on() {
    for finding in run(&harbor()).iter().flat_map(|result| &result.findings) {
        assert!(
            !finding.evidence.is_empty() && !finding.why.is_empty() && !finding.remedy.is_empty(),
            "{finding:?}"
        );
        let view = harbor();
        for evidence in
            finding.evidence.iter().filter(|evidence| evidence.object.is_none() && !evidence.path.is_empty())
        {
            let object = &finding.object;
            let resource = format!("{}s", object.kind.to_lowercase());
            let resource = if resource == "ingresss" { "ingresses.networking.k8s.io" } else { &resource };
            let read = view.get(resource, &object.namespace, &object.name).unwrap();
            let steps: Vec<&str> = evidence.path.split('/').skip(1).collect();
            let there = steps.iter().try_fold(read, |value, step| match step.parse::<usize>() {
                Ok(index) => value.items().get(index),
                Err(_) => value.get(step),
            });
            assert!(there.is_some(), "{} points nowhere in {object}", evidence.path);
        }
    }
}

#[test]
fn identities_survive_new_pods_new_revisions_and_time() {
    let identities = |view: &View| -> BTreeSet<(String, String)> {
        let results = run(view);
        let all = results.iter().flat_map(|result| &result.findings);
        all.map(|finding| (finding.code.clone(), finding.identity.clone())).collect()
    };
    let before = harbor();
    let reversed = |text: &str| text.chars().rev().collect::<String>();
    let mut renamed: Vec<(String, String)> = Vec::new();
    for pod in before.list("pods") {
        let Some(hash) = pod.label("pod-template-hash") else { continue };
        let (deployment, suffix) = pod.name().split_once(&format!("{hash}-")).unwrap();
        let name = format!("{deployment}{}-{}", reversed(hash), reversed(suffix));
        renamed.extend([(pod.name().to_owned(), name), (hash.to_owned(), reversed(hash))]);
    }
    let anew = |object: &Value| {
        let text =
            renamed.iter().fold(object::json::to_string(object), |text, (old, new)| text.replace(old, new));
        object::json::parse(text.as_bytes()).unwrap()
    };
    let objects: Vec<Value> = before.snapshot().iter().map(|(_, object)| anew(object)).collect();
    let later = View::from_objects(objects, before.now() + Duration::from_secs(120));
    assert!(later.get("pods", "shop", "cart-dc7cc7d56-ntztp").is_none(), "the pods have other names");
    assert_eq!(identities(&later), identities(&before));
    assert_eq!(identities(&before).len(), PLANTED.len(), "no two findings have the same identity");
}

#[test]
fn names_the_lookalikes_only_as_harmless() {
    let results = run(&harbor());
    let notes: Vec<&String> = results.iter().flat_map(|result| &result.notes).collect();
    for lookalike in ["shop/mailer", "shop/legacy-erp", "data/dump-space"] {
        assert!(notes.iter().any(|note| note.contains(lookalike)), "{lookalike} in {notes:#?}");
    }
    let findings = format!("{:?}", results.iter().map(|result| &result.findings).collect::<Vec<_>>());
    for lookalike in ["mailer", "newcomer", "batch-ui", "legacy-erp", "dump-space", "nightly-dump"] {
        assert!(!findings.contains(lookalike), "{lookalike}");
    }
}

#[test]
fn time_makes_a_finding_of_the_newcomer() {
    let view = harbor();
    let later = view.now() + Duration::from_secs(3600);
    let more: BTreeSet<String> = &found(&view.at(later)) - &found(&harbor());
    assert_eq!(more.len(), 1, "{more:?}");
    assert!(more.first().unwrap().starts_with("fail POD_STUCK_CREATING Pod shop/newcomer-"), "{more:?}");
}

type Repair<'a> = (&'a str, &'a str, &'a str, &'a dyn Fn(&mut Value) -> bool);

/// Applies repairs, each to every object of a kind and namespace whose name begins so; false drops the object.
fn repaired_all(repairs: &[Repair<'_>]) -> View {
    let harbor = harbor();
    let mut objects: Vec<Value> = harbor.snapshot().iter().map(|(_, object)| object.clone()).collect();
    for (kind, namespace, name, repair) in repairs {
        let is_meant = |object: &Value| {
            object.kind() == *kind && object.namespace() == *namespace && object.name().starts_with(name)
        };
        assert!(objects.iter().any(is_meant), "no {kind} {namespace}/{name}");
        objects.retain_mut(|object| !is_meant(object) || repair(object));
    }
    View::from_objects(objects, harbor.now())
}

fn repaired(kind: &str, namespace: &str, name: &str, repair: &dyn Fn(&mut Value) -> bool) -> View {
    repaired_all(&[(kind, namespace, name, repair)])
}

/// Makes a pod run as it should.
fn heal(pod: &mut Value) -> bool {
    pod.set(&["status", "phase"], "Running");
    let mut statuses = pod["status"]["containerStatuses"].items().to_vec();
    for status in &mut statuses {
        status.set(&["state"], value!({"running": {"startedAt": "2026-11-20T07:42:09Z"}}));
        status.set(&["lastState"], value!({}));
        status.set(&["ready"], true);
        status.set(&["restartCount"], 0);
    }
    pod.set(&["status", "containerStatuses"], statuses.into_iter().collect::<Value>());
    let mut conditions = pod["status"]["conditions"].items().to_vec();
    for condition in &mut conditions {
        condition.set(&["status"], "True");
    }
    pod.set(&["status", "conditions"], conditions.into_iter().collect::<Value>());
    true
}

fn drop(_: &mut Value) -> bool {
    false
}

fn check_repair(view: &View, gone: &str) {
    let after = found(view);
    let expected: BTreeSet<String> =
        PLANTED.iter().filter(|line| !line.contains(gone)).map(|line| (*line).to_owned()).collect();
    assert_eq!(after, expected, "after the repair of {gone}");
    assert_eq!(expected.len() + 1, PLANTED.len(), "{gone} names one finding");
}

#[test]
fn a_repaired_pod_takes_exactly_its_finding_with_it() {
    check_repair(&repaired("Pod", "shop", "cart-", &heal), "POD_OOM_KILLED");
    check_repair(&repaired("Pod", "shop", "search-", &heal), "POD_CRASH_LOOP");
    check_repair(&repaired("Pod", "shop", "promo-", &heal), "POD_IMAGE_PULL");
    check_repair(&repaired("Pod", "shop", "checkout-", &heal), "POD_NOT_READY");
    check_repair(&repaired("Pod", "ml", "infer", &drop), "POD_UNSCHEDULABLE");
    let optional = |pod: &mut Value| {
        let mut containers = pod["spec"]["containers"].items().to_vec();
        containers[0].set(&["env"], Value::list());
        pod.set(&["spec", "containers"], containers.into_iter().collect::<Value>());
        true
    };
    check_repair(&repaired("Pod", "shop", "reader-", &optional), "POD_CONFIG_MISSING");
}

#[test]
fn a_repaired_claim_takes_exactly_its_finding_with_it() {
    let named = |name: &'static str| {
        repaired("PersistentVolumeClaim", "data", name, &move |claim| claim.name() != name)
    };
    check_repair(&named("data-postgres"), "CLAIM_UNUSED");
    check_repair(&named("data-postgres-3"), "CLAIM_BEYOND_REPLICAS");
    let installed = |claim: &mut Value| {
        claim.set(&["status", "phase"], "Bound");
        claim.set(&["metadata", "creationTimestamp"], "2026-11-20T17:42:10Z");
        true
    };
    let bound = repaired("PersistentVolumeClaim", "data", "stuck", &installed);
    let mut expected: BTreeSet<String> =
        PLANTED.iter().filter(|line| !line.contains("CLAIM_DRIVER")).map(|line| (*line).to_owned()).collect();
    expected.insert("warn CLASS_DRIVER_MISSING StorageClass legacy".to_owned());
    assert_eq!(found(&bound), expected, "the class without a driver stays a warning");
    let attached = |attachment: &mut Value| {
        attachment.remove(&["status", "attachError"]);
        attachment.set(&["status", "attached"], true);
        true
    };
    let view =
        repaired_all(&[("VolumeAttachment", "", "csi-4c98", &attached), ("Pod", "data", "ledger-", &heal)]);
    check_repair(&view, "VOLUME_ATTACH_FAILED");
}

#[test]
fn a_repaired_route_takes_exactly_its_finding_with_it() {
    let ready = |slice: &mut Value| {
        let mut endpoints = slice["endpoints"].items().to_vec();
        for endpoint in &mut endpoints {
            endpoint.set(&["conditions", "ready"], true);
        }
        slice.set(&["endpoints"], endpoints.into_iter().collect::<Value>());
        true
    };
    check_repair(&repaired("EndpointSlice", "shop", "checkout-", &ready), "ROUTE_NO_ENDPOINTS");
    let without_tls = |ingress: &mut Value| ingress.remove(&["spec", "tls"]).is_some();
    check_repair(&repaired("Ingress", "shop", "front", &without_tls), "ROUTE_TLS_INVALID");
    for (gone, service, port) in [("ROUTE_SERVICE_MISSING", "gone", 80), ("ROUTE_PORT_MISSING", "api", 8080)]
    {
        let led_right = move |ingress: &mut Value| {
            let wrong = format!("{{\"name\":\"{service}\",\"port\":{{\"number\":{port}}}}}");
            let text = object::json::to_string(ingress);
            assert!(text.contains(&wrong), "{text}");
            let right = "{\"name\":\"web\",\"port\":{\"number\":80}}";
            *ingress = object::json::parse(text.replace(&wrong, right).as_bytes()).unwrap();
            true
        };
        check_repair(&repaired("Ingress", "shop", "front", &led_right), gone);
    }
}

#[test]
fn what_could_not_be_read_is_an_error_and_never_a_pass() {
    let needed = [
        ("pods", vec!["pod-health", "volume-attachment", "route-health"]),
        ("configmaps", vec!["pod-health"]),
        ("persistentvolumeclaims", vec!["volume-attachment"]),
        ("persistentvolumes", vec!["volume-attachment"]),
        ("storageclasses.storage.k8s.io", vec!["volume-attachment"]),
        ("statefulsets.apps", vec!["volume-attachment"]),
        ("ingresses.networking.k8s.io", vec!["route-health"]),
        ("ingressclasses.networking.k8s.io", vec!["route-health"]),
        ("services", vec!["route-health"]),
        ("secrets", vec!["route-health"]),
    ];
    for (resource, blinded) in needed {
        // A cluster that refuses a resource hands out none of it.
        let objects: Vec<Value> = harbor()
            .snapshot()
            .iter()
            .filter(|(of, _)| of.to_string() != resource)
            .map(|(_, object)| object.clone())
            .collect();
        let view =
            View::from_objects(objects, harbor().now()).with_unread(Unread::new(resource, None, "forbidden"));
        let results = run(&view);
        for result in &results {
            let is_blind =
                result.errors.iter().any(|error| error.contains(resource) && error.contains("forbidden"));
            assert_eq!(
                is_blind,
                blinded.contains(&result.name.as_str()),
                "{resource}: {} {:?}",
                result.name,
                result.errors
            );
        }
        let planted = PLANTED.map(str::to_owned).into();
        let invented: Vec<String> = found(&view).difference(&planted).cloned().collect();
        // What is left of a cause when whoever suffers from it, or the check that knows why, sees nothing.
        let left =
            ["POD_STUCK_CREATING Pod data/ledger", "warn VOLUME_ATTACH_FAILED", "warn CLASS_DRIVER_MISSING"];
        let allowed = |line: &String| left.iter().any(|left| line.contains(left));
        assert!(invented.iter().all(allowed), "{resource}: {invented:?}");
    }
}

#[test]
fn one_namespace_that_could_not_be_read_is_an_error() {
    let view = harbor().with_unread(Unread::new("pods", Some("payments"), "forbidden"));
    let result = checks::find("pod-health").unwrap().run(&view, None, &Parameters::default());
    assert!(result.errors.iter().any(|error| error.contains("payments")), "{:?}", result.errors);
    assert_eq!(result.outcome, Outcome::Fail, "what was seen stays certain");
}

#[test]
fn an_empty_view_has_nothing_to_look_at() {
    let view = View::from_objects([], harbor().now());
    for result in run(&view) {
        assert_eq!(result.outcome, Outcome::Skip, "{}", result.name);
        assert!(result.skipped.is_some(), "{}", result.name);
    }
}

#[test]
fn checks_are_chosen_by_name_or_layer() {
    let view = harbor();
    let names = |wanted: &[&str]| -> Vec<String> {
        checks::run_all(&view, None, &Parameters::default(), wanted)
            .into_iter()
            .map(|result| result.name)
            .collect()
    };
    assert_eq!(names(&["route-health"]), ["route-health"]);
    assert_eq!(names(&["compute", "route-health"]), ["pod-health", "route-health"]);
    assert_eq!(names(&[]).len(), checks::ALL.len());
    let alone = checks::run_all(&view, None, &Parameters::default(), &["pod-health"]);
    let stuck = alone[0].findings.iter().any(|finding| finding.code == "POD_STUCK_CREATING");
    assert!(stuck, "alone, no other check tells why ledger waits");
}

/// Gives every path of an object down to a depth.
fn paths(value: &Value, at: &[String], depth: usize) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (key, inner) in value.entries() {
        let path: Vec<String> = at.iter().cloned().chain([key.as_str().to_owned()]).collect();
        if depth > 1 {
            found.extend(paths(inner, &path, depth - 1));
        }
        found.push(path);
    }
    found
}

#[test]
fn a_field_that_is_missing_or_nonsense_stops_no_check() {
    const NAMES: [&str; 4] = ["apiVersion", "kind", "metadata", "metadata/name"];
    let whole = harbor();
    let objects: Vec<Value> = whole.resources().flat_map(|resource| whole.list(resource)).cloned().collect();
    let reads: BTreeSet<&str> = checks::ALL.iter().flat_map(|check| check.reads).copied().collect();
    let mut seen = BTreeSet::new();
    for resource in whole.resources().map(ToString::to_string).filter(|name| reads.contains(name.as_str())) {
        let Some(first) = whole.list(&*resource).next() else { continue };
        let at = objects.iter().position(|object| object == first).unwrap();
        for path in paths(first, &[], 3).into_iter().filter(|path| !NAMES.contains(&path.join("/").as_str()))
        {
            let steps: Vec<&str> = path.iter().map(String::as_str).collect();
            for nonsense in [None, Some(value!("?")), Some(value!(i64::MAX)), Some(value!([{}]))] {
                let mut objects = objects.clone();
                match nonsense {
                    Some(nonsense) => objects[at].set(&steps, nonsense),
                    None => _ = objects[at].remove(&steps),
                }
                let view = View::from_objects(objects, whole.now());
                let results = checks::run_all(&view, Some(&whole), &Parameters::default(), &[]);
                assert!(results.iter().all(|result| !result.looked_at.is_empty()), "{resource} {path:?}");
            }
        }
        seen.insert(resource);
    }
    assert!(seen.len() >= 15, "{seen:?}");
}
