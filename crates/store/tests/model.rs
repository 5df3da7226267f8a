//! The store against a model so naive that it is evidently right: a map per revision and a list of events.

use object::{GroupResource, ObjectExt, Value, value};
use proptest::prelude::*;
use std::collections::BTreeMap;
use store::{
    CommitError, Error, EventKind, IndexBy, Indexes, Limits, Op, Precondition, Store, Transaction, Unmet,
};

const CASES: u32 = 1000;
const OPERATIONS_PER_CASE: usize = 250;
const EVENTS_MAX: usize = 40;
const RESOURCES: [&str; 3] = ["pods", "replicasets.apps", "nodes"];
const NAMESPACES: [&str; 5] = ["", "a", "a-b", "ab", "b"];
const NAMES: [&str; 4] = ["w", "x", "y", "y-z"];

type Key = (GroupResource, String, String);
type State = BTreeMap<Key, Value>;

/// What the model remembers of an event: revision, kind, key, object, previous.
type Happened = (u64, EventKind, Key, Value, Option<Value>);

#[derive(Clone, Debug)]
enum Action {
    Write(Write),
    WriteAll(Vec<Write>),
    Watch { from: i64 },
    ReadAt { from: i64 },
    Compact { from: i64 },
    Restore { from: i64 },
    RestoreBumped { from: i64, by: u64 },
    Find { resource: usize, namespace: Option<usize>, value: u8 },
    Continue { resource: usize, namespace: Option<usize>, after: (usize, usize) },
}

#[derive(Clone, Debug)]
struct Write {
    place: (usize, usize, usize),
    /// The content of a put, `None` for a delete.
    content: Option<[u8; 4]>,
    final_object: bool,
    wanted: Wanted,
}

/// A precondition relative to what is stored when it is tried.
#[derive(Clone, Debug)]
enum Wanted {
    Nothing,
    Absent,
    Present,
    Revision { current: bool },
    Uid { current: bool },
    Both { revision: bool, uid: bool },
}

fn wanted() -> impl Strategy<Value = Wanted> {
    prop_oneof![
        4 => Just(Wanted::Nothing),
        2 => Just(Wanted::Absent),
        2 => Just(Wanted::Present),
        4 => any::<bool>().prop_map(|current| Wanted::Revision { current }),
        1 => any::<bool>().prop_map(|current| Wanted::Uid { current }),
        1 => any::<(bool, bool)>().prop_map(|(revision, uid)| Wanted::Both { revision, uid }),
    ]
}

fn write() -> impl Strategy<Value = Write> {
    let place = (0..RESOURCES.len(), 0..NAMESPACES.len(), 0..NAMES.len());
    let content = proptest::option::weighted(0.7, [0..2_u8, 0..3, 0..3, 0..3]);
    (place, content, any::<bool>(), wanted()).prop_map(|(place, content, final_object, wanted)| Write {
        place,
        content,
        final_object,
        wanted,
    })
}

fn action() -> impl Strategy<Value = Action> {
    let from = || -3..45_i64;
    let within = || (0..RESOURCES.len(), proptest::option::of(0..NAMESPACES.len()));
    prop_oneof![
        30 => write().prop_map(Action::Write),
        4 => proptest::collection::vec(write(), 0..4).prop_map(Action::WriteAll),
        6 => from().prop_map(|from| Action::Watch { from }),
        6 => from().prop_map(|from| Action::ReadAt { from }),
        1 => from().prop_map(|from| Action::Compact { from }),
        1 => from().prop_map(|from| Action::Restore { from }),
        1 => (from(), 0..200_u64).prop_map(|(from, by)| Action::RestoreBumped { from, by }),
        4 => (within(), 0..3_u8).prop_map(|((resource, namespace), value)| Action::Find { resource, namespace, value }),
        4 => (within(), (0..NAMESPACES.len(), 0..NAMES.len()))
            .prop_map(|((resource, namespace), after)| Action::Continue { resource, namespace, after }),
    ]
}

/// Builds an object whose content, owners, node and label come from a few choices, so that no-ops are frequent.
fn build((namespace, name): (&str, &str), [phase, owner, node, label]: [u8; 4]) -> Value {
    let mut object =
        value!({"metadata": {"name": name, "uid": format!("{namespace}.{name}")}, "phase": i64::from(phase)});
    object.set_or_omit(&["metadata", "namespace"], namespace);
    if owner > 0 {
        let owners = value!([{"uid": format!("v{owner}")}, {"uid": "v9"}, {"uid": format!("v{owner}")}]);
        object.set(&["metadata", "ownerReferences"], owners);
    }
    object.set(&["spec", "nodeName"], if node > 0 { format!("v{node}") } else { String::new() });
    if label > 0 {
        object.set(&["metadata", "labels", "app"], format!("v{label}"));
    }
    object
}

struct Model {
    revision: u64,
    compacted: u64,
    states: BTreeMap<u64, State>,
    events: Vec<Happened>,
}

impl Model {
    fn head(&self) -> &State {
        &self.states[&self.revision]
    }

    fn at(&self, from: i64) -> u64 {
        u64::try_from(i64::try_from(self.revision).unwrap() - from).unwrap_or(0)
    }

    /// What reading a revision must answer.
    fn readable(&self, revision: u64, oldest: u64) -> Result<(), Error> {
        if revision > self.revision {
            Err(Error::Future { requested: revision, newest: self.revision })
        } else if revision < oldest {
            Err(Error::Compacted { requested: revision, oldest: *self.states.keys().next().unwrap() })
        } else {
            Ok(())
        }
    }

    fn oldest(&self) -> u64 {
        *self.states.keys().next().unwrap()
    }

    fn compact(&mut self, revision: u64) {
        self.compacted = revision;
        self.states.retain(|at, _| *at >= revision);
        self.events.retain(|event| event.0 > revision);
    }

    /// Applies writes to the newest state; `Err` says what was unmet of the first that fails.
    fn write(&mut self, writes: &[Transaction]) -> Result<Vec<(Value, bool)>, Unmet> {
        let revision = self.revision + 1;
        let mut state = self.head().clone();
        let (mut results, mut events) = (Vec::new(), Vec::new());
        for Transaction { resource, namespace, name, op, precondition } in writes {
            let key = (resource.clone(), namespace.to_string(), name.to_string());
            let current = self.head().get(&key).cloned();
            let asked = precondition.exists == Some(true) || matches!(op, Op::Delete { .. });
            match &current {
                None if asked || precondition.uid.is_some() || precondition.revision.is_some() => {
                    return Err(Unmet::NotFound);
                }
                Some(_) if precondition.exists == Some(false) => return Err(Unmet::Exists),
                Some(object) if precondition.uid.as_deref().is_some_and(|uid| uid != object.uid()) => {
                    return Err(Unmet::Uid);
                }
                Some(object) if precondition.revision.is_some_and(|wanted| wanted != object.revision()) => {
                    return Err(Unmet::Revision);
                }
                _ => {}
            }
            let stamped = |object: &Value, at: u64| {
                object.clone().with(&["metadata", "resourceVersion"], at.to_string())
            };
            match op {
                Op::Put(object) => {
                    if current.as_ref().is_some_and(|old| stamped(object, 0) == stamped(old, 0)) {
                        results.push((current.unwrap(), false));
                        continue;
                    }
                    let kind = if current.is_some() { EventKind::Updated } else { EventKind::Created };
                    let object = stamped(object, revision);
                    state.insert(key.clone(), object.clone());
                    events.push((revision, kind, key, object.clone(), current));
                    results.push((object, true));
                }
                Op::Delete { final_object } => {
                    let last = stamped(final_object.as_ref().or(current.as_ref()).unwrap(), revision);
                    state.remove(&key);
                    events.push((revision, EventKind::Deleted, key, last.clone(), current));
                    results.push((last, true));
                }
            }
        }
        if !events.is_empty() {
            self.revision = revision;
            self.states.insert(revision, state);
            self.events.extend(events);
            if let Some(excess) = self.events.len().checked_sub(EVENTS_MAX + 1) {
                self.compact(self.events[excess].0);
            }
        }
        Ok(results)
    }
}

struct Pair {
    model: Model,
    store: Store,
}

impl Pair {
    fn new() -> Self {
        let model =
            Model { revision: 1, compacted: 0, states: [(1, State::new())].into(), events: Vec::new() };
        // Pods have all indexes and the rest only some, so that both indexed and scanned answers are compared.
        let indexes = Indexes::none()
            .with("pods", IndexBy::field(&["spec", "nodeName"]))
            .with("pods", IndexBy::label("app"))
            .with("pods", IndexBy::Owner)
            .with("replicasets.apps", IndexBy::Owner);
        let limits = Limits { events_max: EVENTS_MAX, ..Limits::default() };
        Self { model, store: Store::with(indexes, limits) }
    }

    fn transaction(&self, write: &Write) -> Transaction {
        let (resource, namespace, name) =
            (RESOURCES[write.place.0], NAMESPACES[write.place.1], NAMES[write.place.2]);
        let resource = GroupResource::from(store::ResourceName::from(resource));
        let current = self.model.head().get(&(resource.clone(), namespace.into(), name.into()));
        let revision = |fresh: bool| current.map_or(1, |object| object.revision() - u64::from(!fresh));
        let uid = |right: bool| if right { format!("{namespace}.{name}") } else { "other".into() };
        let precondition = match write.wanted {
            Wanted::Nothing => Precondition::none(),
            Wanted::Absent => Precondition::absent(),
            Wanted::Present => Precondition::present(),
            Wanted::Revision { current } => Precondition::revision(revision(current)),
            Wanted::Uid { current } => Precondition::uid(&uid(current)),
            Wanted::Both { revision: fresh, uid: right } => {
                Precondition::revision(revision(fresh)).and_uid(&uid(right))
            }
        };
        let object = build((namespace, name), write.content.unwrap_or([1, 1, 1, 1]));
        let op = match write.content {
            Some(_) => Op::Put(object),
            None => Op::Delete { final_object: write.final_object.then_some(object) },
        };
        Transaction { resource, namespace: namespace.into(), name: name.into(), op, precondition }
    }

    fn write_all(&mut self, writes: &[Write], single: bool) {
        let mut transactions: Vec<Transaction> = writes.iter().map(|write| self.transaction(write)).collect();
        let mut seen = Vec::new();
        transactions.retain(|one| {
            let key = (one.resource.clone(), one.namespace.clone(), one.name.clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
        let expected = self.model.write(&transactions);
        let got = if single {
            self.store.commit(transactions.pop().unwrap()).map(|one| vec![one])
        } else {
            self.store.commit_all(transactions)
        };
        match (expected, got) {
            (Ok(expected), Ok(got)) => {
                assert!(got.iter().all(|one| one.revision == self.model.revision));
                let got: Vec<_> = got.into_iter().map(|one| (one.object, one.changed)).collect();
                assert_eq!(got, expected);
            }
            (Err(unmet), Err(CommitError::Conflict(conflict))) => {
                assert_eq!(conflict.unmet, unmet);
                let key = (conflict.resource, conflict.namespace.to_string(), conflict.name.to_string());
                assert_eq!(conflict.current.as_ref(), self.model.head().get(&key));
            }
            (expected, got) => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    fn play(&mut self, action: &Action) {
        match action {
            Action::Write(write) => self.write_all(std::slice::from_ref(write), true),
            Action::WriteAll(writes) => self.write_all(writes, false),
            Action::Watch { from } => self.watch(self.model.at(*from)),
            Action::ReadAt { from } => self.read_at(self.model.at(*from)),
            Action::Compact { from } => self.compact(self.model.at(*from)),
            Action::Restore { from } => self.restore(self.model.at(*from)),
            Action::RestoreBumped { from, by } => self.restore_bumped(self.model.at(*from), *by),
            Action::Find { resource, namespace, value } => {
                self.find(RESOURCES[*resource], namespace.map(|at| NAMESPACES[at]), &format!("v{value}"));
            }
            Action::Continue { resource, namespace, after } => {
                let after = store::ObjectKey::new(NAMESPACES[after.0], NAMES[after.1]);
                self.list_after(RESOURCES[*resource], namespace.map(|at| NAMESPACES[at]), after.as_str());
            }
        }
        assert_eq!(
            (self.store.revision(), self.store.compacted()),
            (self.model.revision, self.model.compacted)
        );
    }

    fn watch(&self, revision: u64) {
        let expected = self.model.readable(revision, self.model.compacted);
        let got = self.store.events_after(revision).map(|events| {
            let wanted: Vec<_> =
                self.model.events.iter().filter(|event| event.0 > revision).cloned().collect();
            let got: Vec<Happened> = events
                .map(|event| {
                    let key = (event.resource.clone(), event.namespace().into(), event.name().into());
                    (event.revision, event.kind, key, event.object.clone(), event.previous.clone())
                })
                .collect();
            assert_eq!(got, wanted);
        });
        assert_eq!(got, expected);
    }

    fn read_at(&self, revision: u64) {
        let got = self.store.snapshot_at(revision);
        assert_eq!(
            got.as_ref().map(|_| ()),
            self.model.readable(revision, self.model.oldest()).as_ref().copied()
        );
        let Ok(snapshot) = got else { return };
        assert_eq!(snapshot.revision(), revision);
        let state = &self.model.states[&revision];
        assert_eq!(snapshot.len(), state.len());
        for ((resource, namespace, name), object) in state {
            assert_eq!(snapshot.get(resource, namespace, name), Some(object));
        }
        let resources: Vec<_> = snapshot.resources().cloned().collect();
        let mut wanted: Vec<_> = state.keys().map(|(resource, ..)| resource.clone()).collect();
        wanted.dedup();
        assert_eq!(resources, wanted);
    }

    fn compact(&mut self, revision: u64) {
        let got = self.store.compact(revision);
        if revision <= self.model.compacted {
            assert_eq!(got, Err(Error::Compacted { requested: revision, oldest: self.model.oldest() }));
        } else {
            assert_eq!(got, self.model.readable(revision, self.model.oldest()));
        }
        if got.is_ok() {
            self.model.compact(revision);
        }
    }

    fn restore(&mut self, revision: u64) {
        let got = self.store.restore_to(revision);
        assert_eq!(got, self.model.readable(revision, self.model.oldest()));
        if got.is_ok() {
            self.model.states.retain(|at, _| *at <= revision);
            self.model.events.retain(|event| event.0 <= revision);
            self.model.revision = revision;
        }
    }

    fn restore_bumped(&mut self, revision: u64, by: u64) {
        if revision + by <= self.model.revision {
            return;
        }
        let got = self.store.restore_bumped(revision, by);
        assert_eq!(got, self.model.readable(revision, self.model.oldest()));
        if got.is_ok() {
            let state = self.model.states[&revision].clone();
            self.model.states = [(revision + by, state)].into();
            self.model.events.clear();
            (self.model.revision, self.model.compacted) = (revision + by, revision + by);
        }
    }

    /// What a list must answer: filtered from the model and put into the order of keys.
    fn listed(&self, resource: &str, namespace: Option<&str>, keep: impl Fn(&Value) -> bool) -> Vec<Value> {
        let resource = GroupResource::from(store::ResourceName::from(resource));
        let mut found: Vec<_> = self
            .model
            .head()
            .iter()
            .filter(|((of, within, _), object)| {
                *of == resource && namespace.is_none_or(|wanted| wanted == within) && keep(object)
            })
            .map(|((_, within, name), object)| {
                (if within.is_empty() { name.clone() } else { format!("{within}/{name}") }, object.clone())
            })
            .collect();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        found.into_iter().map(|(_, object)| object).collect()
    }

    fn find(&self, resource: &str, namespace: Option<&str>, value: &str) {
        let check = |by: IndexBy, keep: &dyn Fn(&Value) -> bool| {
            let got: Vec<_> = self.store.current().find(resource, &by, value, namespace).cloned().collect();
            assert_eq!(
                got,
                self.listed(resource, namespace, keep),
                "{resource} in {namespace:?} by {by:?} {value}"
            );
        };
        check(IndexBy::Owner, &|object| object.owners().any(|owner| owner.uid == value));
        check(IndexBy::label("app"), &|object| object.label("app") == Some(value));
        check(IndexBy::field(&["spec", "nodeName"]), &|object| object["spec"]["nodeName"] == value);
        let owned: Vec<_> = self.store.current().owned_by(value).map(|(_, object)| object.clone()).collect();
        let mut wanted = Vec::new();
        for resource in ["nodes", "pods", "replicasets.apps"] {
            wanted.extend(
                self.listed(resource, None, |object| object.owners().any(|owner| owner.uid == value)),
            );
        }
        assert_eq!(owned, wanted);
    }

    fn list_after(&self, resource: &str, namespace: Option<&str>, after: &str) {
        let snapshot = self.store.current();
        let listed: Vec<_> = snapshot.list(resource, namespace).cloned().collect();
        let wanted = self.listed(resource, namespace, |_| true);
        assert_eq!(listed, wanted);
        let rest: Vec<_> =
            snapshot.entries_after(resource, namespace, after).map(|(_, object)| object.clone()).collect();
        let key = |object: &Value| store::ObjectKey::new(object.namespace(), object.name());
        let wanted: Vec<_> = wanted.into_iter().filter(|object| key(object).as_str() > after).collect();
        assert_eq!(rest, wanted, "{resource} in {namespace:?} after {after}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_the_naive_model(
        actions in proptest::collection::vec(action(), OPERATIONS_PER_CASE)
    ) {
        let mut pair = Pair::new();
        for action in &actions {
            pair.play(action);
        }
        prop_assert_eq!(pair.store.problem(), None);
        for revision in pair.model.oldest()..=pair.model.revision {
            pair.read_at(revision);
            prop_assert_eq!(pair.store.snapshot_at(revision).unwrap().problem(), None);
        }
        pair.watch(pair.model.compacted);
    }
}
