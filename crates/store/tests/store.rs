//! What those who write and watch rely on.

use object::{ObjectExt, Value, value};
use store::{
    CommitError, Error, Event, EventKind, IndexBy, Indexes, Limits, ObjectKey, Op, Precondition, Snapshot,
    Store, Transaction, Unplaceable,
};

fn pod(name: &str) -> Value {
    value!({"metadata": {"namespace": "shop", "name": name, "uid": format!("uid-{name}")}})
}

fn small(limits: Limits) -> Store {
    Store::with(Indexes::kubernetes(), limits)
}

fn events(store: &Store, after: u64) -> Vec<(u64, EventKind, String)> {
    let tell = |event: &Event| (event.revision, event.kind, event.name().to_owned());
    store.events_after(after).unwrap().map(tell).collect()
}

#[test]
fn a_new_store_is_at_revision_one_like_etcd() {
    let mut store = Store::new();
    assert_eq!((store.revision(), store.compacted()), (1, 0));
    let created = store.commit(Transaction::create("pods", pod("a"))).unwrap();
    assert_eq!((created.revision, created.object.revision()), (2, 2));
    assert_eq!(events(&store, 0), events(&store, 1));
    assert_eq!(store.snapshot_at(3).unwrap_err(), Error::Future { requested: 3, newest: 2 });
}

#[test]
fn a_write_of_the_same_content_is_no_write() {
    let mut store = Store::new();
    let created = store.commit(Transaction::create("pods", pod("a"))).unwrap();
    // A fresh tree with another resourceVersion, or none, says the same.
    for same in [pod("a"), pod("a").with(&["metadata", "resourceVersion"], "77")] {
        let put = store.commit(Transaction::put("pods", same)).unwrap();
        assert!(!put.changed);
        assert_eq!((put.revision, &put.object), (2, &created.object));
    }
    assert_eq!(events(&store, 1).len(), 1);
    assert_eq!(store.statistics().unchanged, 2);
}

#[test]
fn the_event_of_a_deletion_carries_the_revision_of_the_deletion() {
    let mut store = Store::new();
    store.commit(Transaction::create("pods", pod("a"))).unwrap();
    let last = pod("a").with(&["status", "phase"], "Failed");
    let mut delete = Transaction::delete("pods", "shop", "a").when(Precondition::uid("uid-a"));
    delete.op = Op::Delete { final_object: Some(last) };
    let deleted = store.commit(delete).unwrap();
    let event = store.events_after(2).unwrap().next().unwrap();
    assert_eq!((event.revision, event.object.revision(), event.kind), (3, 3, EventKind::Deleted));
    assert_eq!(event.object["status"]["phase"], "Failed");
    assert_eq!(event.previous.as_ref().unwrap().revision(), 2);
    assert_eq!(deleted.object, event.object);
    assert!(store.commit(Transaction::delete("pods", "shop", "a")).is_err(), "it is gone");
}

#[test]
fn a_conflict_carries_what_is_stored() {
    let mut store = Store::new();
    let created = store.commit(Transaction::create("pods", pod("a"))).unwrap();
    let error = store.commit(Transaction::create("pods", pod("a"))).unwrap_err();
    assert_eq!(error.to_string(), "pods shop/a: it exists already");
    let CommitError::Conflict(conflict) = error else { panic!("{error}") };
    assert_eq!(conflict.current, Some(created.object));
    assert_eq!(store.statistics().refused, 1);
}

#[test]
fn several_writes_share_a_revision_or_none_is_made() {
    let mut store = Store::new();
    store.commit(Transaction::create("pods", pod("a"))).unwrap();
    let both = vec![Transaction::delete("pods", "shop", "a"), Transaction::create("pods", pod("b"))];
    let results = store.commit_all(both.clone()).unwrap();
    assert!(results.iter().all(|one| one.revision == 3 && one.object.revision() == 3));
    assert_eq!(
        events(&store, 2),
        [(3, EventKind::Deleted, "a".to_owned()), (3, EventKind::Created, "b".to_owned())]
    );
    assert!(store.commit_all(both).is_err());
    let recreated = vec![Transaction::create("pods", pod("a")), Transaction::create("pods", pod("b"))];
    assert!(store.commit_all(recreated).is_err());
    assert_eq!(store.revision(), 3);
    assert!(
        store.snapshot().get("pods", "shop", "a").is_none(),
        "the first write of a refused pair is not made"
    );
    let twice = vec![Transaction::put("pods", pod("c")), Transaction::put("pods", pod("c"))];
    assert!(matches!(store.commit_all(twice), Err(CommitError::DuplicateKey { .. })));
    assert!(store.commit_all(Vec::new()).unwrap().is_empty());
}

#[test]
fn objects_beyond_the_size_limit_are_refused() {
    let mut store = Store::new();
    let with_data = |bytes: usize| pod("a").with(&["data"], "x".repeat(bytes));
    let limit = store.limits().object_bytes_max;
    assert_eq!(limit, 1_572_864, "etcd's limit of a request");
    assert!(store.commit(Transaction::put("configmaps", with_data(limit - 200))).is_ok());
    let refused = store.commit(Transaction::put("configmaps", with_data(limit)));
    assert_eq!(refused, Err(CommitError::TooLarge { limit }));
    assert_eq!(store.revision(), 2);
}

#[test]
fn places_that_form_no_key_are_refused() {
    let mut store = Store::new();
    for (namespace, name) in [("", ""), ("shop", ""), ("shop", "a/b"), ("a/b", "c")] {
        let object = value!({"metadata": {"namespace": namespace, "name": name}});
        let refused = store.commit(Transaction::put("pods", object.clone()));
        assert!(matches!(refused, Err(CommitError::BadKey { .. })), "{namespace}/{name}: {refused:?}");
        let inserted = Snapshot::empty().insert(&"pods".parse_resource(), object, &Indexes::none());
        assert!(matches!(inserted, Err(Unplaceable::Key { .. })), "{inserted:?}");
    }
}

/// Turns a name into a resource, for tests alone.
trait ParseResource {
    fn parse_resource(&self) -> object::GroupResource;
}

impl ParseResource for str {
    fn parse_resource(&self) -> object::GroupResource {
        store::ResourceName::from(self).into()
    }
}

#[test]
fn the_oldest_history_goes_when_there_is_too_much_and_it_is_told() {
    let mut store = small(Limits { events_max: 3, ..Limits::default() });
    for name in ["a", "b", "c", "d", "e"] {
        store.commit(Transaction::create("pods", pod(name))).unwrap();
    }
    assert_eq!((store.revision(), store.compacted(), store.statistics().compacted_by_limit), (6, 3, 2));
    assert_eq!(events(&store, 3).len(), 3);
    assert_eq!(store.events_after(2).err(), Some(Error::Compacted { requested: 2, oldest: 3 }));
    assert!(store.snapshot_at(3).is_ok());
    assert_eq!(
        store.snapshot_at(2).unwrap_err().to_string(),
        "revision 2 has been compacted, the oldest kept is 3"
    );
    assert_eq!(store.snapshot().count("pods"), 5, "objects stay, only their history goes");
}

#[test]
fn a_compacted_revision_cannot_be_compacted_again() {
    let mut store = Store::new();
    store.commit(Transaction::create("pods", pod("a"))).unwrap();
    assert_eq!(store.compact(3), Err(Error::Future { requested: 3, newest: 2 }));
    assert_eq!(store.compact(2), Ok(()));
    assert_eq!(store.compact(2), Err(Error::Compacted { requested: 2, oldest: 2 }));
    assert_eq!(events(&store, 2), []);
}

#[test]
fn a_restore_uses_revisions_a_second_time() {
    let mut store = Store::new();
    for name in ["a", "b", "c"] {
        store.commit(Transaction::create("pods", pod(name))).unwrap();
    }
    let seen = store.snapshot();
    store.restore_to(2).unwrap();
    assert_eq!(store.revision(), 2);
    let again = store.commit(Transaction::create("pods", pod("z"))).unwrap();
    assert_eq!(again.revision, 3);
    assert_eq!(events(&store, 1), [(2, EventKind::Created, "a".into()), (3, EventKind::Created, "z".into())]);
    assert_eq!(seen.count("pods"), 3, "who looked before still sees what was");
}

#[test]
fn a_bumped_restore_is_noticed_by_watchers() {
    let mut store = Store::new();
    for name in ["a", "b"] {
        store.commit(Transaction::create("pods", pod(name))).unwrap();
    }
    store.restore_bumped(2, 1_000).unwrap();
    assert_eq!((store.revision(), store.compacted(), store.snapshot().count("pods")), (1_002, 1_002, 1));
    assert!(matches!(store.events_after(3), Err(Error::Compacted { .. })));
    assert_eq!(store.commit(Transaction::create("pods", pod("c"))).unwrap().revision, 1_003);
}

#[test]
fn a_store_can_begin_with_loaded_objects() {
    let mut snapshot = Snapshot::empty();
    let pods = "pods".parse_resource();
    let loaded = pod("a").with(&["metadata", "resourceVersion"], "812");
    snapshot.insert(&pods, loaded.clone(), &Indexes::kubernetes()).unwrap();
    snapshot.insert(&pods, pod("fresh"), &Indexes::kubernetes()).unwrap();
    let mut store = Store::from_snapshot(snapshot, Indexes::kubernetes(), Limits::default());
    assert_eq!(store.current().get("pods", "shop", "a"), Some(&loaded));
    assert_eq!(store.current().get("pods", "shop", "fresh").unwrap().revision(), 812);
    assert!(matches!(store.events_after(811), Err(Error::Compacted { .. })));
    assert_eq!(store.commit(Transaction::create("pods", pod("b"))).unwrap().revision, 813);
    assert_eq!(store.problem(), None);
}

#[test]
fn what_does_not_change_is_shared_between_revisions() {
    let mut store = Store::new();
    let template = value!({"containers": [{"name": "web", "image": "registry.example.com/web:1"}]});
    let first = store.commit(Transaction::create("pods", pod("a").with(&["spec"], template))).unwrap();
    let second =
        store.commit(Transaction::put("pods", first.object.clone().with(&["status", "phase"], "Running")));
    assert!(second.unwrap().object["spec"].same(&first.object["spec"]));
}

#[test]
fn answers_do_not_depend_on_whether_there_is_an_index() {
    let build = |indexes: Indexes| {
        let mut store = Store::with(indexes, Limits::default());
        for (name, node) in [("a", "n1"), ("b", "n2"), ("c", "n1"), ("d", "")] {
            let pod = pod(name).with(&["spec", "nodeName"], node).with(&["metadata", "labels", "app"], node);
            store.commit(Transaction::create("pods", pod)).unwrap();
        }
        let moved =
            store.current().get("pods", "shop", "c").unwrap().clone().with(&["spec", "nodeName"], "n2");
        store.commit(Transaction::put("pods", moved)).unwrap();
        store
    };
    let app = IndexBy::label("app");
    for store in [build(Indexes::none()), build(Indexes::kubernetes().with("pods", app.clone()))] {
        let names =
            |found: Vec<&Value>| found.into_iter().map(|pod| pod.name().to_owned()).collect::<Vec<_>>();
        let snapshot = store.current();
        assert_eq!(names(snapshot.on_node("n2").collect()), ["b", "c"]);
        assert_eq!(names(snapshot.on_node("").collect()), [""; 0], "an unbound pod is on no node");
        assert_eq!(names(snapshot.with_label("pods", "app", "n1").collect()), ["a", "c"]);
        assert_eq!(
            names(snapshot.find("pods", &app, "", Some("shop")).collect()),
            ["d"],
            "an empty label is a label"
        );
        let past = store.snapshot_at(5).unwrap();
        assert_eq!(names(past.on_node("n1").collect()), ["a", "c"], "a past state keeps its own indexes");
    }
}

#[test]
fn a_list_is_continued_after_any_text() {
    let mut store = Store::new();
    for name in ["a", "b", "c"] {
        store.commit(Transaction::create("pods", pod(name))).unwrap();
    }
    let snapshot = store.snapshot();
    let rest = |namespace: Option<&str>, after: &str| {
        let keys = snapshot.entries_after("pods", namespace, after).map(|(key, _)| key.to_string());
        keys.collect::<Vec<_>>()
    };
    assert_eq!(rest(Some("shop"), "shop/a"), ["shop/b", "shop/c"]);
    assert_eq!(rest(None, "shop/aa"), ["shop/b", "shop/c"], "the object may be gone meanwhile");
    assert_eq!(rest(Some("shop"), ""), ["shop/a", "shop/b", "shop/c"]);
    assert_eq!(rest(Some("shop"), "zoo/a"), [""; 0]);
    assert_eq!(ObjectKey::new("shop", "a").to_string(), "shop/a");
}
