//! The process of one API server: its link to etcd, its caches, and its clients' connections.

use super::cache::{Cache, Entry};
use super::driver::RequestDriver;
use super::watcher::{Watcher, WatcherConfig};
use crate::constants::{
    BOOKMARK_TICK, CACHE_RESTART_PAUSE, COMPACTION_PERIOD, MIN_REQUEST_TIMEOUT, PROGRESS_REQUEST_PERIOD,
    READ_WAIT, REQUEST_TIMEOUT, WATCHER_CHANNEL_MAX, WATCHER_CHANNEL_MAX_INDEXED, WATCHER_CHANNEL_MIN,
};
use crate::machinery::SERVER_PORT;
use crate::wire::{ClientFrame, EtcdCall, EtcdFrame, EtcdReply, EtcdRequest, ServerFrame};
use crate::world::World;
use apiserver::{Body, ReadAt, Refusal, Request, Response, Verb, WatchEvent, WatchFrom, WatchStart};
use object::{GroupResource, Text};
use sim::sync::{Notify, oneshot};
use sim::{Connection, Ctx, JoinHandle};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use store::Snapshot;

/// What an API server process is made with.
#[derive(Clone)]
pub struct ServerConfig {
    /// The request machine, which knows the Kubernetes version.
    pub api: Rc<apiserver::Server>,
    /// The most requests that may be in flight; more are answered 429 (`--max-requests-inflight` and its twin).
    pub in_flight_max: usize,
}

/// Shared by the tasks of the process.
pub(super) struct ApiServer {
    pub(super) ctx: Ctx,
    pub(super) world: Rc<World>,
    config: ServerConfig,
    etcd: RefCell<Option<Rc<Connection>>>,
    calls: RefCell<BTreeMap<u64, oneshot::Sender<EtcdReply>>>,
    next_call: Cell<u64>,
    caches: RefCell<BTreeMap<GroupResource, Cache>>,
    /// The state up to which etcd has told us everything, for caches made later.
    seen: RefCell<Option<Snapshot>>,
    pub(super) advanced: Notify,
    in_flight: Cell<usize>,
}

/// Runs the process.
pub async fn run(ctx: Ctx, world: Rc<World>, config: ServerConfig) {
    let server = Rc::new(ApiServer {
        ctx: ctx.clone(),
        world,
        config,
        etcd: RefCell::new(None),
        calls: RefCell::default(),
        next_call: Cell::new(1),
        caches: RefCell::default(),
        seen: RefCell::new(None),
        advanced: Notify::named("cache-advanced"),
        in_flight: Cell::new(0),
    });
    ctx.spawn("etcd-link", server.clone().keep_etcd_link());
    ctx.spawn("bookmarks", server.clone().tick_bookmarks());
    ctx.spawn("compaction", server.clone().compact_regularly());
    // Real servers begin to serve once their caches are there.
    while server.seen.borrow().is_none() {
        server.advanced.notified().await;
    }
    let listener = ctx.listen(SERVER_PORT);
    loop {
        let connection = Rc::new(listener.accept().await);
        ctx.spawn("client", server.clone().serve(connection));
    }
}

impl ApiServer {
    // ----- etcd -----

    async fn keep_etcd_link(self: Rc<Self>) {
        loop {
            if let Ok(connection) = self.ctx.connect(crate::etcd::NAME, crate::etcd::PORT).await {
                let connection = Rc::new(connection);
                *self.etcd.borrow_mut() = Some(connection.clone());
                self.ctx.spawn("etcd-init", self.clone().start_watch());
                while let Ok(message) = connection.recv().await {
                    self.receive(message.take::<EtcdFrame>());
                }
                // Whatever waited on this connection fails, and all watches end: their caches begin anew.
                *self.etcd.borrow_mut() = None;
                self.calls.borrow_mut().clear();
                for cache in self.caches.borrow_mut().values_mut() {
                    cache.end_all();
                }
                self.caches.borrow_mut().clear();
                *self.seen.borrow_mut() = None;
            }
            self.ctx.sleep(CACHE_RESTART_PAUSE).await;
        }
    }

    async fn start_watch(self: Rc<Self>) {
        let Some(EtcdReply::Range(snapshot)) = self.call(EtcdRequest::Range { revision: None }).await else {
            return;
        };
        let after = snapshot.revision();
        *self.seen.borrow_mut() = Some(snapshot);
        self.call(EtcdRequest::Watch { after }).await;
        self.advanced.notify_all();
    }

    fn receive(self: &Rc<Self>, frame: EtcdFrame) {
        match frame {
            EtcdFrame::Reply { id, reply } => {
                let waiting = self.calls.borrow_mut().remove(&id);
                if let Some(waiting) = waiting {
                    // Whoever asked may have been dropped meanwhile.
                    let _ = waiting.send(reply);
                }
            }
            EtcdFrame::Events { events, after } => {
                for event in events.iter() {
                    let entry = Entry::Put(event.clone(), after.clone());
                    self.feed(&event.resource, entry);
                }
                *self.seen.borrow_mut() = Some(after);
            }
            EtcdFrame::Progress(state) => {
                let resources: Vec<GroupResource> = self.caches.borrow().keys().cloned().collect();
                for resource in resources {
                    self.feed(&resource, Entry::Progress(state.clone()));
                }
                *self.seen.borrow_mut() = Some(state);
            }
        }
        self.advanced.notify_all();
    }

    /// Brings an entry into a resource's cache, after that cache's lag if a fault gives it one.
    fn feed(self: &Rc<Self>, resource: &GroupResource, entry: Entry) {
        let mut caches = self.caches.borrow_mut();
        let Some(cache) = caches.get_mut(resource) else { return };
        let name = resource.to_string();
        let lag =
            self.world.faults.borrow_mut().cache_lag(&self.ctx.process_name(), &name).unwrap_or_default();
        let now = self.ctx.now();
        if lag.is_zero() && cache.lagging.is_empty() {
            return cache.take_in(entry, now);
        }
        let is_first = cache.lagging.is_empty();
        cache.lagging.push_back((now + lag, entry));
        if is_first {
            self.ctx.spawn("lagging-cache", self.clone().drain(resource.clone()));
        }
    }

    async fn drain(self: Rc<Self>, resource: GroupResource) {
        loop {
            let due = self
                .caches
                .borrow()
                .get(&resource)
                .and_then(|cache| cache.lagging.front().map(|entry| entry.0));
            let Some(due) = due else { return };
            self.ctx.sleep_until(due).await;
            let mut caches = self.caches.borrow_mut();
            if let Some(cache) = caches.get_mut(&resource)
                && let Some((_, entry)) = cache.lagging.pop_front()
            {
                cache.take_in(entry, self.ctx.now());
            }
            self.advanced.notify_all();
        }
    }

    /// Asks etcd and waits for the answer; none when the connection is gone.
    pub(super) async fn call(&self, request: EtcdRequest) -> Option<EtcdReply> {
        let connection = self.etcd.borrow().clone()?;
        let id = self.next_call.get();
        self.next_call.set(id + 1);
        let (sender, receiver) = oneshot::channel();
        self.calls.borrow_mut().insert(id, sender);
        connection.send(EtcdCall { id, request }, "etcd-call").ok()?;
        receiver.await.ok()
    }

    async fn compact_regularly(self: Rc<Self>) {
        let mut last = None;
        loop {
            self.ctx.sleep(COMPACTION_PERIOD).await;
            // What was current one period ago goes, as upstream's compactor does it.
            if let Some(revision) = last {
                self.call(EtcdRequest::Compact { revision }).await;
            }
            last = self.seen.borrow().as_ref().map(Snapshot::revision);
        }
    }

    // ----- caches -----

    /// Gives the cache's state once it has seen `revision`, asking etcd for its progress meanwhile.
    ///
    /// # Errors
    /// The revision that the cache has reached after three seconds, when that is still too low.
    pub(super) async fn cached(&self, resource: &GroupResource, revision: u64) -> Result<Snapshot, u64> {
        let deadline = self.ctx.now() + READ_WAIT;
        loop {
            let (state, reached) =
                self.with_cache(resource, |cache| (cache.state().clone(), cache.revision()));
            if reached >= revision {
                return Ok(state);
            }
            if self.ctx.now() >= deadline {
                return Err(reached);
            }
            self.call(EtcdRequest::Progress).await;
            let _ = self.ctx.timeout(PROGRESS_REQUEST_PERIOD, self.advanced.notified()).await;
        }
    }

    fn with_cache<T>(&self, resource: &GroupResource, f: impl FnOnce(&mut Cache) -> T) -> T {
        let mut caches = self.caches.borrow_mut();
        if !caches.contains_key(resource) {
            let seen = self.seen.borrow().clone().unwrap_or_else(Snapshot::empty);
            caches.insert(resource.clone(), Cache::new(seen, self.ctx.now()));
        }
        f(caches.get_mut(resource).expect("just made"))
    }

    async fn tick_bookmarks(self: Rc<Self>) {
        let (least, most) = (BOOKMARK_TICK.mul_f64(0.75), BOOKMARK_TICK.mul_f64(1.25));
        loop {
            self.ctx.sleep(self.ctx.choose_duration("bookmark-tick", "", least, most)).await;
            let caches = self.caches.borrow();
            for cache in caches.values() {
                for watcher in &cache.watchers {
                    watcher.offer_bookmark(cache.revision());
                }
            }
        }
    }

    // ----- clients -----

    async fn serve(self: Rc<Self>, connection: Rc<Connection>) {
        let streams: Rc<RefCell<BTreeMap<u64, JoinHandle<()>>>> = Rc::default();
        while let Ok(message) = connection.recv().await {
            match message.take::<ClientFrame>() {
                ClientFrame::Ping => {
                    let _ = connection.send(ServerFrame::Pong, "pong");
                }
                ClientFrame::Cancel { id } => {
                    if let Some(task) = streams.borrow_mut().remove(&id) {
                        task.abort();
                    }
                }
                ClientFrame::Request { id, by_reflector, request } => {
                    let handling = self.clone().handle(connection.clone(), id, by_reflector, *request);
                    let done = streams.clone();
                    let task = self.ctx.spawn("request", async move {
                        handling.await;
                        done.borrow_mut().remove(&id);
                    });
                    streams.borrow_mut().insert(id, task);
                }
            }
        }
        for (_, task) in std::mem::take(&mut *streams.borrow_mut()) {
            task.abort();
        }
    }

    async fn handle(
        self: Rc<Self>,
        connection: Rc<Connection>,
        id: u64,
        by_reflector: bool,
        request: Request,
    ) {
        let client: Text = self.ctx.control().name(connection.peer()).to_string().into();
        let resource: Text = GroupResource::new(&request.group, &request.resource).to_string().into();
        let draw = |site: &'static str| {
            let ctx = self.ctx.clone();
            let entity = format!("{client} {resource}");
            move |n: u64| ctx.choose(site, &entity, n)
        };
        let verb = request.verb;
        let refused =
            self.world.faults.borrow_mut().refuses(&client, &resource, verb.as_str(), draw("refuse"));
        let is_busy = self.in_flight.get() >= self.config.in_flight_max && verb != Verb::Watch;
        let mut response = match refused {
            Some(code) => injected(code),
            None if is_busy => injected(429),
            // Its caches begin anew with the link to etcd; what they held before may no longer be true.
            None if self.seen.borrow().is_none() && matches!(verb, Verb::List | Verb::Watch) => {
                Response { retry_after_s: Some(1), ..Response::text(429, "storage is (re)initializing") }
            }
            None => {
                self.in_flight.set(self.in_flight.get() + 1);
                let driver = RequestDriver::new(self.clone(), client.clone(), by_reflector, &request);
                let handled =
                    self.ctx.timeout(REQUEST_TIMEOUT, self.config.api.handle(&driver, request)).await;
                self.in_flight.set(self.in_flight.get() - 1);
                handled.unwrap_or_else(|_| injected(504))
            }
        };
        let is_write = !matches!(verb, Verb::Get | Verb::List | Verb::Watch);
        if is_write
            && self.world.faults.borrow_mut().loses_response(&client, &resource, draw("lose-response"))
        {
            let _ = connection.send(ServerFrame::Reset { id }, "reset");
            return;
        }
        let watch = match &mut response.body {
            Body::Watch(start) => Some((**start).clone()),
            Body::Object(_) | Body::List(_) | Body::Text(_) => None,
        };
        if connection
            .send_wait(ServerFrame::Response { id, response: Box::new(response) }, "response")
            .await
            .is_err()
        {
            return;
        }
        if let Some(start) = watch {
            self.watch(&connection, id, client, resource, start).await;
        }
    }

    /// Runs one watch to its end.
    async fn watch(
        &self,
        connection: &Rc<Connection>,
        id: u64,
        client: Text,
        resource: Text,
        start: WatchStart,
    ) {
        let ctx = &self.ctx;
        let timeout = match start.timeout_s {
            Some(seconds) => std::time::Duration::from_secs(seconds),
            None => ctx.choose_duration("watch-end", &resource, MIN_REQUEST_TIMEOUT, MIN_REQUEST_TIMEOUT * 2),
        };
        let config = WatcherConfig {
            stream: id,
            client: client.clone(),
            resource: resource.clone(),
            filter: start.filter.clone(),
            bookmarks: start.bookmarks,
            capacity: channel_capacity(&resource),
            deadline: ctx.now() + timeout,
        };
        let frozen = self.world.faults.borrow_mut().frozen(&client, &resource);
        // A watch that begins with all objects asks for no revision that could be too old.
        let expired = matches!(start.from, WatchFrom::After(_))
            && self.world.faults.borrow_mut().expires_watch(&client, &resource);
        let group_resource = start.resource.clone();
        let initial = match (start.from, frozen) {
            (WatchFrom::After(_), _) => None,
            (WatchFrom::Now, _) => Some(self.cached(&group_resource, 0).await),
            (WatchFrom::Initial(_), Some(state)) => Some(Ok(state)),
            (WatchFrom::Initial(ReadAt::Any), None) => Some(self.cached(&group_resource, 0).await),
            (WatchFrom::Initial(ReadAt::NotOlderThan(revision) | ReadAt::Exact(revision)), None) => {
                Some(self.cached(&group_resource, revision).await)
            }
            // A consistent start waits until the cache has seen what etcd holds now.
            (WatchFrom::Initial(ReadAt::Latest), None) => {
                match self.call(EtcdRequest::Range { revision: None }).await {
                    Some(EtcdReply::Range(snapshot)) => {
                        Some(self.cached(&group_resource, snapshot.revision()).await)
                    }
                    _ => return,
                }
            }
        };
        let initial = match initial {
            Some(Err(reached)) => {
                let event = WatchEvent::error(&Refusal::future_revision(reached + 1, reached));
                let _ = connection.send(ServerFrame::Event { id, event }, "watch-error");
                let _ = connection.send(ServerFrame::End { id }, "watch-end");
                return;
            }
            Some(Ok(state)) => Some(state),
            None => None,
        };
        let watcher = Watcher::new(ctx, &self.world, connection, config);
        self.with_cache(&group_resource, |cache| {
            let after = match (&initial, start.from) {
                (Some(state), WatchFrom::Initial(_)) => {
                    for event in start.filter.initial(state) {
                        watcher.push(event);
                    }
                    if start.initial_events_end {
                        watcher.push(start.filter.initial_events_end(state.revision()));
                    }
                    state.revision()
                }
                (Some(state), _) => state.revision(),
                (None, WatchFrom::After(revision)) => revision,
                (None, _) => unreachable!("the state to start from was read"),
            };
            let is_kept = cache.after(after).is_some() && !expired;
            if is_kept {
                for event in cache.after(after).expect("just looked") {
                    watcher.replay(event);
                }
                cache.watchers.push(watcher.clone());
            } else {
                // The error waits behind a pause like every other event.
                watcher.push(WatchEvent::expired(after, cache.oldest()));
            }
        });
        watcher.run().await;
    }
}

/// Gives the buffer of a watcher (`cacher.go`, `newCacheWatcher` and `WatchCache.suggestedWatchChannelSize`).
fn channel_capacity(resource: &str) -> usize {
    // Pods and nodes have index functions; of those only watches with a trigger are small, and they are per node.
    let most =
        if matches!(resource, "pods" | "nodes") { WATCHER_CHANNEL_MAX_INDEXED } else { WATCHER_CHANNEL_MAX };
    most.max(WATCHER_CHANNEL_MIN)
}

/// Makes the answer of an injected error, or of a server at its limits.
fn injected(code: u16) -> Response {
    match code {
        429 => Response {
            retry_after_s: Some(1),
            ..Response::text(429, "Too many requests, please try again later.")
        },
        409 => Refusal::new(
            409,
            "Conflict",
            "the object has been modified; please apply your changes to the latest version and try again",
        )
        .into(),
        503 => Refusal::unavailable("the server is currently unable to handle the request").into(),
        504 => Refusal::timeout("request did not complete within the allotted timeout", 0).into(),
        code => Refusal::new(code, "InternalError", "injected failure").into(),
    }
}
