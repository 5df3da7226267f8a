//! The etcd process: it owns the disk, answers reads and writes, and streams events.

use crate::constants::PROGRESS_NOTIFY_PERIOD;
use crate::wire::{EtcdCall, EtcdFrame, EtcdReply, EtcdRequest};
use crate::world::{Commit, World};
use object::{Text, Time};
use sim::{Connection, Ctx};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use store::{Event, Transaction};

/// How long etcd takes over what it is asked.
#[derive(Clone, Copy, Debug)]
pub struct EtcdTimes {
    /// The least time a write takes to reach the disk.
    pub write_min: Duration,
    /// The most time a write takes to reach the disk.
    pub write_max: Duration,
}

impl Default for EtcdTimes {
    fn default() -> Self {
        Self { write_min: Duration::from_micros(500), write_max: Duration::from_millis(2) }
    }
}

/// The name of the etcd process.
pub const NAME: &str = "etcd";
/// The port it listens on.
pub const PORT: &str = "client";
/// How often a stalled etcd looks whether the stall is over.
const STALL_POLL: Duration = Duration::from_millis(20);

struct Watcher {
    connection: Rc<Connection>,
    /// Everything up to this revision has been sent.
    sent: u64,
}

/// Shared by the tasks of the process.
struct Etcd {
    ctx: Ctx,
    world: Rc<World>,
    times: EtcdTimes,
    watchers: RefCell<Vec<Watcher>>,
}

/// Runs the process.
pub async fn run(ctx: Ctx, world: Rc<World>, times: EtcdTimes) {
    let etcd = Rc::new(Etcd { ctx: ctx.clone(), world, times, watchers: RefCell::default() });
    ctx.spawn("progress", etcd.clone().notify_progress());
    let listener = ctx.listen(PORT);
    loop {
        let connection = Rc::new(listener.accept().await);
        ctx.spawn("connection", etcd.clone().serve(connection));
    }
}

impl Etcd {
    async fn serve(self: Rc<Self>, connection: Rc<Connection>) {
        while let Ok(message) = connection.recv().await {
            let EtcdCall { id, request } = message.take::<EtcdCall>();
            // Calls are carried out side by side: a slow write holds up no read.
            self.ctx.spawn("call", self.clone().call(connection.clone(), id, request));
        }
        self.watchers.borrow_mut().retain(|watcher| !Rc::ptr_eq(&watcher.connection, &connection));
    }

    async fn call(self: Rc<Self>, connection: Rc<Connection>, id: u64, request: EtcdRequest) {
        self.wait_while_stalled().await;
        let reply = match request {
            EtcdRequest::Watch { after } => self.watch(&connection, after),
            EtcdRequest::Progress => {
                // Progress stands behind every event sent so far, because one connection keeps its order.
                self.pump();
                let _ = connection.send(EtcdFrame::Progress(self.world.snapshot()), "progress");
                EtcdReply::Done
            }
            EtcdRequest::Commit { transaction, user_agent } => {
                let EtcdTimes { write_min, write_max } = self.times;
                self.ctx.sleep(self.ctx.choose_duration("etcd-write", "disk", write_min, write_max)).await;
                if let Some((least, most)) = self.world.etcd_slowness.get() {
                    self.held_up();
                    self.ctx.sleep(self.ctx.choose_duration("etcd-slow-write", "disk", least, most)).await;
                }
                self.wait_while_stalled().await;
                self.commit(transaction, user_agent)
            }
            EtcdRequest::Range { revision: None } => EtcdReply::Range(self.world.snapshot()),
            EtcdRequest::Range { revision: Some(revision) } => {
                match self.world.disk.borrow().snapshot_at(revision) {
                    Ok(snapshot) => EtcdReply::Range(snapshot),
                    Err(_) => EtcdReply::Compacted(self.world.disk.borrow().compacted()),
                }
            }
            EtcdRequest::Get { resource, namespace, name } => {
                let disk = self.world.disk.borrow();
                EtcdReply::Get(disk.current().get(&resource, &namespace, &name).cloned())
            }
            EtcdRequest::Compact { revision } => {
                // Compacting what is compacted already changes nothing, as with several API servers it happens.
                let _ = self.world.disk.borrow_mut().compact(revision);
                EtcdReply::Done
            }
        };
        // A connection that closed meanwhile has nobody to tell.
        let _ = connection.send(EtcdFrame::Reply { id, reply }, "reply");
    }

    fn held_up(&self) {
        self.world.etcd_held_up.set(self.world.etcd_held_up.get() + 1);
    }

    async fn wait_while_stalled(&self) {
        if self.world.etcd_stalled.get() {
            self.held_up();
        }
        while self.world.etcd_stalled.get() {
            self.ctx.sleep(STALL_POLL).await;
        }
    }

    fn watch(&self, connection: &Rc<Connection>, after: u64) -> EtcdReply {
        let compacted = self.world.disk.borrow().compacted();
        if after < compacted {
            return EtcdReply::Compacted(compacted);
        }
        self.watchers.borrow_mut().push(Watcher { connection: connection.clone(), sent: after });
        self.pump();
        EtcdReply::Done
    }

    fn commit(&self, transaction: Transaction, user_agent: Text) -> EtcdReply {
        let before = self.world.disk.borrow().revision();
        let result = self.world.disk.borrow_mut().commit(transaction);
        let after = self.world.snapshot();
        if after.revision() > before {
            let events: Vec<Event> = {
                let disk = self.world.disk.borrow();
                let fresh = disk.events_after(before).expect("the latest commit is not compacted");
                fresh.cloned().collect()
            };
            for event in &events {
                let subject = format!("{} {}", event.resource, event.key);
                let detail = || format!("{:?} as revision {} by {user_agent}", event.kind, event.revision);
                self.ctx.trace("commit", &subject, detail);
            }
            let wall = Time::from_nanos(self.ctx.wall());
            self.world.committed(&Commit { at: self.ctx.now(), wall, user_agent, events, after });
            self.pump();
        }
        EtcdReply::Commit(result)
    }

    /// Sends every watcher what it has not been sent, one frame for each commit.
    fn pump(&self) {
        let disk = self.world.disk.borrow();
        self.watchers.borrow_mut().retain_mut(|watcher| {
            if watcher.sent >= disk.revision() {
                return true;
            }
            // A watcher that fell behind what is kept is cut off and must begin anew.
            let Ok(events) = disk.events_after(watcher.sent) else {
                watcher.connection.close();
                return false;
            };
            let mut pending: Vec<Event> = events.cloned().collect();
            while let Some(first) = pending.first() {
                let revision = first.revision;
                let rest = pending.split_off(pending.partition_point(|event| event.revision == revision));
                let batch: Rc<[Event]> = std::mem::replace(&mut pending, rest).into();
                let after = disk.snapshot_at(revision).expect("the state of a kept event is kept");
                if watcher.connection.send(EtcdFrame::Events { events: batch, after }, "events").is_err() {
                    return false;
                }
                watcher.sent = revision;
            }
            true
        });
    }

    async fn notify_progress(self: Rc<Self>) {
        loop {
            self.ctx.sleep(PROGRESS_NOTIFY_PERIOD).await;
            if self.world.etcd_stalled.get() {
                continue;
            }
            self.pump();
            for watcher in self.watchers.borrow().iter() {
                let _ = watcher.connection.send(EtcdFrame::Progress(self.world.snapshot()), "progress");
            }
        }
    }
}
