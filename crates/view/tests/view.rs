//! What checks rely on when they look at a view.

use object::{Selector, Time, Value, value};
use view::{Plurals, Problem, Unread, View};

fn now() -> Time {
    Time::parse("2026-01-31T09:30:00Z").unwrap()
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str) -> Value {
    let mut object = value!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}});
    object.set_or_omit(&["metadata", "namespace"], namespace);
    object
}

fn pod(namespace: &str, name: &str) -> Value {
    object("v1", "Pod", namespace, name)
}

fn names<'a>(objects: impl Iterator<Item = &'a Value>) -> Vec<String> {
    objects.map(object::ObjectExt::full_name).collect()
}

#[test]
fn objects_are_found_under_the_resources_of_their_kinds() {
    let view = View::from_objects(
        [
            pod("shop", "web-0"),
            object("apps/v1", "Deployment", "shop", "web"),
            object("v1", "Node", "", "n1"),
        ],
        now(),
    );
    assert!(view.get("pods", "shop", "web-0").is_some());
    assert!(view.get("deployments.apps", "shop", "web").is_some());
    assert!(view.get("deployments", "shop", "web").is_none(), "the group belongs to the name");
    assert!(view.get("nodes", "", "n1").is_some());
    let resources: Vec<String> = view.resources().map(ToString::to_string).collect();
    assert_eq!(resources, ["nodes", "pods", "deployments.apps"]);
    assert!(view.problems().is_empty());
}

#[test]
fn definitions_among_the_objects_name_their_resources_wherever_they_stand() {
    let fish = object("sea.example.com/v1", "Fish", "shop", "cod");
    let definition =
        object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", "fish.sea.example.com").with(
            &["spec"],
            value!({"group": "sea.example.com", "names": {"kind": "Fish", "plural": "fish"}}),
        );
    let view = View::from_objects([fish.clone(), definition], now());
    assert_eq!(view.count("fish.sea.example.com"), 1);
    let told = Plurals::new().with("sea.example.com", "Fish", "shoals");
    assert_eq!(View::from_objects_with([fish], now(), told).count("shoals.sea.example.com"), 1);
}

#[test]
fn lists_are_taken_apart() {
    let bare = value!({"metadata": {"namespace": "shop", "name": "bare"}});
    let typed = value!({"apiVersion": "v1", "kind": "PodList", "items": [bare]});
    let mixed = value!({"apiVersion": "v1", "kind": "List", "items": [pod("shop", "a"), typed]});
    let view = View::from_objects([mixed], now());
    assert_eq!(names(view.list("pods")), ["shop/a", "shop/bare"]);
    assert_eq!(view.get("pods", "shop", "bare").unwrap()["kind"], "Pod");
}

#[test]
fn lists_come_in_the_order_of_the_api_server_and_one_namespace_alone() {
    let view = View::from_objects([pod("a", "x"), pod("b", "x"), pod("a-b", "x"), pod("a", "w")], now());
    assert_eq!(names(view.list("pods")), ["a-b/x", "a/w", "a/x", "b/x"]);
    assert_eq!(names(view.list_in("pods", "a")), ["a/w", "a/x"]);
    assert_eq!(names(view.list_in("pods", "c")), Vec::<String>::new());
}

#[test]
fn unread_is_not_empty() {
    let view = View::from_objects([pod("a", "x")], now())
        .with_unread(Unread::new("secrets", None, "forbidden"))
        .with_unread(Unread::new("deployments.apps", Some("b"), "timed out"));
    assert!(view.readable("pods").is_ok());
    assert!(view.readable("configmaps").is_ok(), "there are none, and that is known");
    assert_eq!(&*view.readable("secrets").unwrap_err().reason, "forbidden");
    assert!(view.readable_in("secrets", "a").is_err(), "not readable anywhere");
    assert!(view.readable("deployments.apps").is_err(), "not readable everywhere");
    assert!(view.readable_in("deployments.apps", "a").is_ok());
    let refused = view.readable_in("deployments.apps", "b").unwrap_err();
    assert_eq!(refused.to_string(), "deployments.apps in namespace b could not be read: timed out");
}

#[test]
fn what_a_partial_source_does_not_hold_can_be_marked_unread() {
    let view = View::from_objects([pod("a", "x")], now())
        .with_absent_unread(["pods", "secrets", "secrets"], "the folder holds none");
    assert!(view.readable("pods").is_ok());
    assert!(view.readable("secrets").is_err());
    assert_eq!(view.unread().len(), 1);
}

#[test]
fn of_duplicates_the_newer_is_kept_and_the_loss_is_told() {
    let at = |revision: &str, phase: &str| {
        pod("a", "x").with(&["metadata", "resourceVersion"], revision).with(&["status", "phase"], phase)
    };
    let view = View::from_objects(
        [at("9", "Running"), at("10", "Failed"), at("9", "Running"), at("10", "Failed")],
        now(),
    );
    assert_eq!(view.get("pods", "a", "x").unwrap()["status"]["phase"], "Failed");
    let told: Vec<_> = view
        .problems()
        .iter()
        .map(|problem| match problem {
            Problem::Duplicate { kept, dropped, identical, .. } => (*kept, *dropped, *identical),
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(told, [(10, 9, false), (10, 9, false), (10, 10, true)]);
    assert_eq!(
        view.problems()[0].to_string(),
        "pods a/x came more than once: revision 10 is kept, 9 dropped"
    );
}

#[test]
fn what_is_no_object_is_told() {
    let values = [
        value!("text"),
        value!({"kind": "Pod", "metadata": {"name": "x"}}),
        value!({"apiVersion": "v1", "kind": "Pod", "metadata": {}}),
        value!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a/b"}}),
        value!({"apiVersion": "a/b/c", "kind": "Pod", "metadata": {"name": "x"}}),
        pod("a", "x"),
    ];
    let view = View::from_objects(values, now());
    assert_eq!(view.snapshot().len(), 1);
    let positions: Vec<_> = view
        .problems()
        .iter()
        .map(|problem| match problem {
            Problem::NotAnObject { position, .. } => *position,
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(positions, [0, 1, 2, 3, 4]);
}

#[test]
fn revisions_of_a_dump_stay_as_they_are() {
    let view = View::from_objects([pod("a", "x").with(&["metadata", "resourceVersion"], "812")], now());
    assert_eq!(view.get("pods", "a", "x").unwrap()["metadata"]["resourceVersion"], "812");
    assert_eq!(view.snapshot().revision(), 812);
    assert_eq!(view.snapshot().problem(), None);
}

#[test]
fn objects_are_found_by_owner_node_labels_and_what_they_are_about() {
    let owned =
        pod("a", "owned").with(&["metadata", "ownerReferences"], value!([{"uid": "u1", "controller": true}]));
    let bound =
        pod("a", "bound").with(&["spec", "nodeName"], "n1").with(&["metadata", "labels", "app"], "web");
    let event = |name: &str, uid: &str| {
        object("v1", "Event", "a", name)
            .with(&["metadata", "uid"], uid)
            .with(&["involvedObject", "uid"], "u2")
    };
    let newer = |name: &str, uid: &str| {
        object("events.k8s.io/v1", "Event", "a", name)
            .with(&["metadata", "uid"], uid)
            .with(&["regarding", "uid"], "u2")
            .with(&["note"], "newer")
    };
    let view = View::from_objects(
        [
            owned,
            bound,
            pod("b", "web").with(&["metadata", "labels", "app"], "web"),
            event("e1", "e-1"),
            newer("e1", "e-1"),
            newer("e2", "e-2"),
        ],
        now(),
    );
    assert_eq!(names(view.owned_by("u1").map(|(_, object)| object)), ["a/owned"]);
    assert_eq!(names(view.pods_on_node("n1")), ["a/bound"]);
    let selector = Selector::parse("app in (web, api)").unwrap();
    assert_eq!(names(view.pods_matching("a", &selector)), ["a/bound"]);
    assert_eq!(names(view.with_label("pods", "app", "web")), ["a/bound", "b/web"]);
    assert_eq!(
        names(view.events_about("u2")),
        ["a/e1", "a/e2"],
        "an event served in both groups counts once"
    );
    assert_eq!(view.events_about("u3").count(), 0);
}

#[test]
fn a_view_has_its_own_now_and_tells_where_it_came_from() {
    let created = pod("a", "x").with(&["metadata", "creationTimestamp"], "2026-01-31T09:20:00Z");
    let view =
        View::from_objects([created], now()).with_source("folder dump").with_kubernetes_version("v1.36.3");
    let pod = view.get("pods", "a", "x").unwrap();
    assert_eq!(view.age(pod).as_secs(), 600);
    assert_eq!((view.source(), view.kubernetes_version()), ("folder dump", Some("v1.36.3")));
    let newest = view::newest_time([pod]).unwrap();
    assert!(view.clone().at(newest).age(pod).is_zero());
    assert_eq!(view.now(), now());
}
