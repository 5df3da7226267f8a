//! One watch of one client: its buffer, its bookmarks, its deadline, and the faults that lie on its way out.

use crate::constants::{BOOKMARK_BEFORE_DEADLINE, BOOKMARK_PERIOD};
use crate::faults::FaultId;
use crate::wire::ServerFrame;
use crate::world::World;
use apiserver::{WatchEvent, WatchEventKind, WatchFilter};
use object::Text;
use sim::sync::Notify;
use sim::{Connection, Ctx, Instant};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;
use store::Event;

/// How often a paused watch looks whether the pause is over.
const PAUSE_POLL: Duration = Duration::from_millis(250);
/// The most events a pause or a delay may hold back on one watch.
const HELD_MAX: usize = 1_000_000;

/// Where a watch belongs and how far it may go.
pub(super) struct WatcherConfig {
    /// The stream on the client's connection.
    pub(super) stream: u64,
    /// The process of the client, as faults name it.
    pub(super) client: Text,
    /// The resource, as faults name it.
    pub(super) resource: Text,
    /// What of the events concerns this watch.
    pub(super) filter: WatchFilter,
    /// Whether the client takes bookmarks.
    pub(super) bookmarks: bool,
    /// Events that may wait before the watch counts as slow.
    pub(super) capacity: usize,
    /// When the watch ends by itself.
    pub(super) deadline: Instant,
}

/// One open watch.
pub(super) struct Watcher {
    ctx: Ctx,
    world: Rc<World>,
    connection: Rc<Connection>,
    config: WatcherConfig,
    buffer: RefCell<VecDeque<WatchEvent>>,
    filled: Notify,
    over: Cell<bool>,
    /// Whether a fault ended the watch, with all that was on its way.
    cut: Cell<bool>,
    /// The newest fault when the watch began.
    born: FaultId,
    next_bookmark: Cell<Instant>,
}

impl Watcher {
    pub(super) fn new(
        ctx: &Ctx,
        world: &Rc<World>,
        connection: &Rc<Connection>,
        config: WatcherConfig,
    ) -> Rc<Self> {
        let before_deadline = config.deadline - BOOKMARK_BEFORE_DEADLINE;
        let first_bookmark = before_deadline.min(ctx.now() + BOOKMARK_PERIOD);
        Rc::new(Self {
            ctx: ctx.clone(),
            world: world.clone(),
            connection: connection.clone(),
            config,
            buffer: RefCell::default(),
            filled: Notify::named("watch-buffer"),
            over: Cell::new(false),
            cut: Cell::new(false),
            born: world.faults.borrow().newest(),
            next_bookmark: Cell::new(first_bookmark),
        })
    }

    /// Tells whether the watch has ended.
    pub(super) fn is_over(&self) -> bool {
        self.over.get() || self.connection.closed().is_some()
    }

    /// Ends the watch at once; the client sees the stream end.
    pub(super) fn force_close(&self) {
        self.ctx.trace("watch-closed", &self.config.client, || format!("{}: too slow", self.config.resource));
        self.end();
    }

    /// Ends the watch.
    pub(super) fn end(&self) {
        self.over.set(true);
        self.filled.notify_one();
    }

    fn is_paused(&self) -> bool {
        self.world.faults.borrow().is_paused(&self.config.client, &self.config.resource)
    }

    /// Tells whether an event is about the pods of other nodes than the one that this watch is about; `nodes` are the
    /// pod's, before and after (`cacher.go`, `indexedWatchers`).
    pub(super) fn is_elsewhere(&self, nodes: [&str; 2]) -> bool {
        self.config.filter.node().is_some_and(|node| !nodes.contains(&node))
    }

    /// Puts an event into the buffer, if it concerns this watch; false when the buffer is full.
    pub(super) fn offer(&self, event: &Event) -> bool {
        let Some(event) = self.config.filter.apply(event) else { return true };
        // A pause lies below the buffer: what it holds back has left the server.
        if self.buffer.borrow().len() >= self.config.capacity && !self.is_paused() {
            return false;
        }
        self.push(event);
        true
    }

    /// Puts an event beyond the buffer's capacity and ends the watch if it is still too full after `grace`.
    pub(super) fn offer_late(self: &Rc<Self>, event: &Event, grace: Duration) {
        if let Some(event) = self.config.filter.apply(event) {
            self.push(event);
        }
        let watcher = self.clone();
        self.ctx.spawn("grace", async move {
            watcher.ctx.sleep(grace).await;
            let too_full = watcher.buffer.borrow().len() > watcher.config.capacity;
            if too_full {
                watcher.force_close();
            }
        });
    }

    /// Puts an event that every watch gets, whatever its filter: initial events, bookmarks, errors.
    pub(super) fn push(&self, event: WatchEvent) {
        self.buffer.borrow_mut().push_back(event);
        self.filled.notify_one();
    }

    /// Puts a bookmark if one is due; called once a second, so here is also seen whether a fault closes the watch.
    pub(super) fn offer_bookmark(&self, revision: u64) {
        let now = self.ctx.now();
        let (client, resource) = (&self.config.client, &self.config.resource);
        if self.is_over() {
            return;
        }
        if self.world.faults.borrow_mut().closes_watch(client, resource, self.born) {
            self.cut.set(true);
            return self.end();
        }
        if !self.config.bookmarks || now < self.next_bookmark.get() {
            return;
        }
        let before_deadline = self.config.deadline - BOOKMARK_BEFORE_DEADLINE;
        let regular = now + BOOKMARK_PERIOD;
        self.next_bookmark.set(if now < before_deadline { regular.min(before_deadline) } else { regular });
        if self.world.faults.borrow_mut().drops_bookmark(&self.config.client, &self.config.resource) {
            return;
        }
        self.push(self.config.filter.bookmark(revision));
    }

    /// Puts an event of the past, whatever the buffer holds already.
    pub(super) fn replay(&self, event: &Event) {
        if let Some(event) = self.config.filter.apply(event) {
            self.push(event);
        }
    }

    /// Sends what is in the buffer until the watch ends, or until whoever waits for this is dropped.
    pub(super) async fn run(self: Rc<Self>) {
        let _over = EndOnDrop(self.clone());
        let mut held: VecDeque<(Instant, WatchEvent)> = VecDeque::new();
        loop {
            self.take_into(&mut held);
            if self.connection.closed().is_some() {
                break;
            }
            let now = self.ctx.now();
            if now >= self.config.deadline || self.cut.get() || (self.over.get() && held.is_empty()) {
                let _ = self.connection.send(ServerFrame::End { id: self.config.stream }, "watch-end");
                break;
            }
            if self.is_paused() && !self.over.get() {
                let wake = (now + PAUSE_POLL).min(self.config.deadline);
                self.ctx.sleep_until(wake).await;
                continue;
            }
            match held.front() {
                Some((due, _)) if *due > now => {
                    let wake = (*due).min(self.config.deadline);
                    self.ctx.sleep_until(wake).await;
                }
                Some(_) => {
                    let (_, event) = held.pop_front().expect("just looked");
                    let is_error = event.kind == WatchEventKind::Error;
                    let frame = ServerFrame::Event { id: self.config.stream, event };
                    if self.connection.send_wait(frame, "watch-event").await.is_err() {
                        break;
                    }
                    if is_error {
                        self.over.set(true);
                    }
                }
                None => {
                    let left = self.config.deadline.since(now);
                    // Running out of time is seen at the top of the loop.
                    let _ = self.ctx.timeout(left, self.filled.notified()).await;
                }
            }
        }
    }

    /// Moves the buffer's events to where faults hold them back.
    fn take_into(&self, held: &mut VecDeque<(Instant, WatchEvent)>) {
        let mut buffer = self.buffer.borrow_mut();
        if buffer.is_empty() {
            return;
        }
        let mut faults = self.world.faults.borrow_mut();
        let delay = faults.delay(&self.config.client, &self.config.resource).unwrap_or_default();
        for event in buffer.drain(..) {
            if faults.is_paused(&self.config.client, &self.config.resource) {
                faults.held(&self.config.client, &self.config.resource);
            }
            assert!(held.len() < HELD_MAX, "a fault holds back more than {HELD_MAX} events");
            held.push_back((self.ctx.now() + delay, event));
        }
    }
}

/// Marks a watch as over, so that its cache forgets it, even when its task is dropped in the middle.
struct EndOnDrop(Rc<Watcher>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.over.set(true);
    }
}
