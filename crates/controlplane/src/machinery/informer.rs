//! Shared informers: a local store fed by a reflector, and handlers with queues of their own.
//!
//! The store is updated first and handlers are called afterwards, from separate tasks, so that the store's revision
//! can be ahead of what handlers, and therefore expectations, have seen (KEP-5647 depends on the difference).

use super::ObjectKey;
use super::reflector::{self, Delta};
use super::{Client, client::ListScope};
use crate::constants::{FIFO_BATCH_MAX, RESYNC_MIN};
use imbl::OrdMap;
use object::{GroupVersionResource, ObjectExt, Selector, Text, Value};
use sim::Ctx;
use sim::sync::Notify;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

/// What a handler is told.
#[derive(Clone, Debug)]
pub enum Notification {
    /// An object appeared in the store.
    Add(Value),
    /// An object changed, or is shown again by a resync (then both are the same).
    Update(Value, Value),
    /// An object left the store; the last state known of it.
    Delete(Value),
}

impl Notification {
    /// Gives the newest state of the object.
    pub fn object(&self) -> &Value {
        match self {
            Self::Add(object) | Self::Update(_, object) | Self::Delete(object) => object,
        }
    }
}

/// The most notifications or deltas that may wait; upstream's queues have no limit and grow until memory ends.
pub const PENDING_MAX: usize = 2_000_000;

#[derive(Clone, Default)]
struct Contents {
    objects: OrdMap<ObjectKey, Value>,
    /// Keys by the uid of the managing controller, as upstream's `byPodControllerIndex` has it; "" for none.
    by_controller: OrdMap<(Text, ObjectKey), ()>,
    /// Keys by `spec.nodeName`; "" for what has none.
    by_node: OrdMap<(Text, ObjectKey), ()>,
    revision: Option<u64>,
}

impl Contents {
    fn put(&mut self, key: ObjectKey, object: Value) -> Option<Value> {
        self.unindex(&key);
        self.by_controller.insert((controller_uid(&object), key.clone()), ());
        self.by_node.insert((node_of(&object).into(), key.clone()), ());
        self.objects.insert(key, object)
    }

    fn unindex(&mut self, key: &ObjectKey) {
        if let Some(old) = self.objects.get(key) {
            self.by_controller.remove(&(controller_uid(old), key.clone()));
            let node = Text::from(node_of(old));
            self.by_node.remove(&(node, key.clone()));
        }
    }

    fn take(&mut self, key: &ObjectKey) -> Option<Value> {
        self.unindex(key);
        self.objects.remove(key)
    }
}

fn controller_uid(object: &Value) -> Text {
    object.controller_of().map_or_else(|| "".into(), |owner| owner.uid.into())
}

fn node_of(object: &Value) -> &str {
    object["spec"]["nodeName"].str()
}

struct Handler {
    queue: RefCell<VecDeque<Notification>>,
    filled: Notify,
    /// Whether the handler has been told of everything of the initial list.
    synced: Cell<bool>,
}

/// A store of one resource, kept up to date, with handlers.
pub struct Informer {
    ctx: Ctx,
    resource: GroupVersionResource,
    contents: RefCell<Contents>,
    deltas: RefCell<VecDeque<Delta>>,
    filled: Notify,
    synced: Cell<bool>,
    sync_changed: Notify,
    handlers: RefCell<Vec<Rc<Handler>>>,
}

impl Informer {
    /// Starts an informer over everything of a resource that `scope` covers.
    pub fn start(
        ctx: &Ctx,
        client: &Rc<Client>,
        resource: &GroupVersionResource,
        scope: ListScope,
    ) -> Rc<Self> {
        let informer = Rc::new(Self {
            ctx: ctx.clone(),
            resource: resource.clone(),
            contents: RefCell::default(),
            deltas: RefCell::default(),
            filled: Notify::named("informer-deltas"),
            synced: Cell::new(false),
            sync_changed: Notify::named("informer-sync"),
            handlers: RefCell::default(),
        });
        ctx.spawn("reflector", reflector::run(ctx.clone(), client.clone(), informer.clone(), scope));
        ctx.spawn("informer", informer.clone().process());
        let resync = informer.clone();
        ctx.spawn("resync", async move {
            let name = resync.resource.resource.clone();
            let period = resync.ctx.choose_duration("resync", &name, RESYNC_MIN, RESYNC_MIN * 2);
            loop {
                resync.ctx.sleep(period).await;
                resync.push(Delta::Resync);
            }
        });
        informer
    }

    /// Gives the resource.
    pub fn resource(&self) -> &GroupVersionResource {
        &self.resource
    }

    /// Adds a handler; it is told of everything already in the store first.
    pub fn handle(self: &Rc<Self>, mut handler: impl FnMut(&Notification) + 'static) {
        let entry = Rc::new(Handler {
            queue: RefCell::default(),
            filled: Notify::named("informer-handler"),
            synced: Cell::new(false),
        });
        let present = self.contents.borrow().objects.clone();
        entry.queue.borrow_mut().extend(present.values().cloned().map(Notification::Add));
        entry.filled.notify_one();
        self.handlers.borrow_mut().push(entry.clone());
        let informer = self.clone();
        self.ctx.spawn("handler", async move {
            loop {
                loop {
                    let next = entry.queue.borrow_mut().pop_front();
                    let Some(notification) = next else { break };
                    handler(&notification);
                }
                if informer.synced.get() && !entry.synced.replace(true) {
                    informer.sync_changed.notify_all();
                }
                entry.filled.notified().await;
            }
        });
    }

    /// Waits until the initial list is in the store and all handlers have seen it (`HandlerSyncedFuncs`).
    pub async fn wait_for_sync(&self) {
        while !(self.synced.get() && self.handlers.borrow().iter().all(|handler| handler.synced.get())) {
            self.sync_changed.notified().await;
        }
    }

    /// Gives the revision that the store has seen; none before the first list.
    pub fn revision(&self) -> Option<u64> {
        self.contents.borrow().revision
    }

    /// Gives the lister over the store.
    pub fn lister(self: &Rc<Self>) -> Lister {
        Lister(self.clone())
    }

    pub(super) fn push(&self, delta: Delta) {
        let mut deltas = self.deltas.borrow_mut();
        assert!(
            deltas.len() < PENDING_MAX,
            "informer of {} is {PENDING_MAX} deltas behind",
            self.resource.resource
        );
        deltas.push_back(delta);
        self.filled.notify_one();
    }

    async fn process(self: Rc<Self>) {
        loop {
            let batch: Vec<Delta> = {
                let mut deltas = self.deltas.borrow_mut();
                let count = deltas.len().min(FIFO_BATCH_MAX);
                deltas.drain(..count).collect()
            };
            if batch.is_empty() {
                self.filled.notified().await;
                continue;
            }
            let mut told = Vec::new();
            for delta in batch {
                self.apply(delta, &mut told);
            }
            for handler in self.handlers.borrow().iter() {
                let mut queue = handler.queue.borrow_mut();
                assert!(
                    queue.len() < PENDING_MAX,
                    "a handler of {} is too far behind",
                    self.resource.resource
                );
                queue.extend(told.iter().cloned());
                handler.filled.notify_one();
            }
            // Handlers run as tasks of their own: between the store's update and their calls others may run.
            self.ctx.yield_now().await;
        }
    }

    /// Applies one delta to the store; the revision is assigned, never raised to a maximum, as upstream does.
    fn apply(&self, delta: Delta, told: &mut Vec<Notification>) {
        let mut contents = self.contents.borrow_mut();
        match delta {
            Delta::Put(object) => {
                contents.revision = Some(object.revision());
                let old = contents.put(ObjectKey::of(&object), object.clone());
                told.push(old.map_or_else(
                    || Notification::Add(object.clone()),
                    |old| Notification::Update(old, object.clone()),
                ));
            }
            Delta::Gone(object) => {
                contents.revision = Some(object.revision());
                if contents.take(&ObjectKey::of(&object)).is_some() {
                    told.push(Notification::Delete(object));
                }
            }
            Delta::Bookmark(revision) => contents.revision = Some(revision),
            Delta::Replace(objects, revision) => {
                let mut gone = contents.objects.clone();
                for object in objects {
                    let key = ObjectKey::of(&object);
                    gone.remove(&key);
                    let old = contents.put(key, object.clone());
                    told.push(old.map_or_else(
                        || Notification::Add(object.clone()),
                        |old| Notification::Update(old, object.clone()),
                    ));
                }
                for (key, object) in gone {
                    contents.take(&key);
                    told.push(Notification::Delete(object));
                }
                contents.revision = Some(revision);
                self.synced.set(true);
                self.sync_changed.notify_all();
            }
            Delta::Resync => {
                told.extend(contents.objects.values().map(|o| Notification::Update(o.clone(), o.clone())));
            }
        }
    }
}

/// Reads an informer's store. What it hands out are clones, which cost two words each.
#[derive(Clone)]
pub struct Lister(Rc<Informer>);

impl Lister {
    /// Gives one object.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Value> {
        self.0.contents.borrow().objects.get(&ObjectKey::new(namespace, name)).cloned()
    }

    /// Gives one object by its key.
    pub fn get_key(&self, key: &ObjectKey) -> Option<Value> {
        self.0.contents.borrow().objects.get(key).cloned()
    }

    /// Gives all objects, ordered by namespace and name.
    pub fn list(&self) -> Vec<Value> {
        self.0.contents.borrow().objects.values().cloned().collect()
    }

    /// Gives all objects as a map, which shares everything with the store and costs nothing.
    pub(crate) fn objects(&self) -> OrdMap<ObjectKey, Value> {
        self.0.contents.borrow().objects.clone()
    }

    /// Gives the objects of a namespace, ordered by name.
    pub fn list_in(&self, namespace: &str) -> Vec<Value> {
        let contents = self.0.contents.borrow();
        let from = ObjectKey::new(namespace, "");
        contents
            .objects
            .range(from..)
            .take_while(|(key, _)| *key.namespace == *namespace)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// Gives the objects of a namespace whose labels match.
    pub fn select(&self, namespace: &str, selector: &Selector) -> Vec<Value> {
        let mut objects = self.list_in(namespace);
        objects.retain(|object| selector.matches(object.labels()));
        objects
    }

    /// Gives the objects whose managing controller has this uid; of `""` those that have none.
    pub fn controlled_by(&self, uid: &str) -> Vec<Value> {
        let contents = self.0.contents.borrow();
        Self::indexed(&contents, &contents.by_controller, uid)
    }

    /// Gives the objects that an owner controls, and those of its namespace that nobody controls (`FilterPodsByOwner`).
    pub fn owned_or_orphaned(&self, owner: &Value) -> Vec<Value> {
        let contents = self.0.contents.borrow();
        let mut found = Self::indexed(&contents, &contents.by_controller, owner.uid());
        let from = (Text::from(""), ObjectKey::new(owner.namespace(), ""));
        let orphans = contents
            .by_controller
            .range(from..)
            .take_while(|((uid, key), ())| uid.is_empty() && *key.namespace == *owner.namespace())
            .filter_map(|((_, key), ())| contents.objects.get(key).cloned());
        found.extend(orphans);
        found
    }

    /// Gives the controller of an object, if it is of a kind and is known here under its uid (`resolveControllerRef`).
    pub fn controller_of(&self, object: &Value, kind: &str) -> Option<Value> {
        let owner = object.controller_of().filter(|owner| owner.kind == kind)?;
        self.get(object.namespace(), owner.name).filter(|known| known.uid() == owner.uid)
    }

    /// Gives the workloads of an object's namespace whose selectors match it: those that might adopt it. An empty
    /// selector matches nothing here.
    pub fn selecting(&self, object: &Value) -> impl Iterator<Item = Value> {
        self.list_in(object.namespace()).into_iter().filter(move |workload| {
            let selector = Selector::from_label_selector(&workload["spec"]["selector"]);
            selector.is_ok_and(|selector| !selector.is_everything() && selector.matches(object.labels()))
        })
    }

    /// Gives the objects whose `spec.nodeName` is this node; of `""` those that have none.
    pub fn on_node(&self, node: &str) -> Vec<Value> {
        let contents = self.0.contents.borrow();
        Self::indexed(&contents, &contents.by_node, node)
    }

    fn indexed(contents: &Contents, index: &OrdMap<(Text, ObjectKey), ()>, value: &str) -> Vec<Value> {
        let from = (Text::from(value), ObjectKey::new("", ""));
        index
            .range(from..)
            .take_while(|((v, _), ())| **v == *value)
            .filter_map(|((_, key), ())| contents.objects.get(key).cloned())
            .collect()
    }

    /// Gives the number of objects.
    pub fn len(&self) -> usize {
        self.0.contents.borrow().objects.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the informer behind it.
    pub fn informer(&self) -> &Rc<Informer> {
        &self.0
    }
}
