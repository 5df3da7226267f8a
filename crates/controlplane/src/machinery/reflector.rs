//! The reflector: lists, then watches, then lists again when it must (client-go `tools/cache/reflector.go`).

use super::client::{ListScope, ReadFrom};
use super::informer::Informer;
use super::{ApiError, Client, WatchStream};
use crate::constants::{
    REFLECTOR_BACKOFF_MAX, REFLECTOR_BACKOFF_MIN, REFLECTOR_BACKOFF_RESET, VERY_SHORT_WATCH,
    WATCH_TIMEOUT_MIN,
};
use apiserver::WatchEventKind;
use object::{ObjectExt, Value};
use sim::{Ctx, Instant};
use std::rc::Rc;
use std::time::Duration;

/// One change on its way to an informer's store.
#[derive(Clone, Debug)]
pub(super) enum Delta {
    /// The object is there.
    Put(Value),
    /// The object is gone; its last state, with the revision of the deletion.
    Gone(Value),
    /// Nothing changed up to this revision.
    Bookmark(u64),
    /// The whole list at a revision.
    Replace(Vec<Value>, u64),
    /// Show everything to the handlers again.
    Resync,
}

/// Why a watch is over.
enum Ended {
    /// Go on watching from where it stopped.
    Again,
    /// List anew.
    Relist,
}

struct Reflector {
    ctx: Ctx,
    client: Rc<Client>,
    informer: Rc<Informer>,
    scope: ListScope,
    /// The last revision seen; zero before the first list.
    last: u64,
    /// Whether the last revision turned out to be expired or too large, so that the next list asks for the newest.
    last_unavailable: bool,
}

/// Keeps an informer up to date for ever.
pub(super) async fn run(ctx: Ctx, client: Rc<Client>, informer: Rc<Informer>, scope: ListScope) {
    let mut reflector =
        Reflector { ctx: ctx.clone(), client, informer, scope, last: 0, last_unavailable: false };
    let mut backoff = REFLECTOR_BACKOFF_MIN;
    let mut quiet_since = ctx.now();
    loop {
        if let Err(error) = reflector.list_and_watch().await {
            let name = reflector.informer.resource().resource.clone();
            ctx.trace("reflector-failed", &name, || error.to_string());
        }
        if ctx.now().since(quiet_since) > REFLECTOR_BACKOFF_RESET {
            backoff = REFLECTOR_BACKOFF_MIN;
        }
        quiet_since = ctx.now();
        // Jitter 1.0: anything from the back-off to twice it.
        let name = reflector.informer.resource().resource.clone();
        ctx.sleep(ctx.choose_duration("reflector-backoff", &name, backoff, backoff * 2)).await;
        backoff = (backoff * 2).min(REFLECTOR_BACKOFF_MAX);
    }
}

impl Reflector {
    async fn list_and_watch(&mut self) -> Result<(), ApiError> {
        let mut open = if self.client.uses_watch_list() { self.watch_list().await? } else { None };
        if open.is_none() && (self.last == 0 || self.last_unavailable || !self.client.uses_watch_list()) {
            self.list().await?;
        }
        loop {
            let started = self.ctx.now();
            let stream = match open.take() {
                Some(stream) => stream,
                None => match self.open_watch().await {
                    Ok(stream) => stream,
                    Err(error) if error.is_connection_refused() || error.is_too_many_requests() => {
                        self.ctx.sleep(REFLECTOR_BACKOFF_MIN).await;
                        continue;
                    }
                    Err(error) if error.is_expired() => return Ok(()),
                    Err(error) => return Err(error),
                },
            };
            match self.consume(stream, started).await {
                Ended::Again => {}
                Ended::Relist => return Ok(()),
            }
        }
    }

    async fn open_watch(&self) -> Result<WatchStream, ApiError> {
        let timeout = self.watch_timeout();
        self.client.watch(self.informer.resource(), &self.scope, ReadFrom::After(self.last), timeout).await
    }

    fn watch_timeout(&self) -> Duration {
        let name = self.informer.resource().resource.clone();
        self.ctx.choose_duration("watch-timeout", &name, WATCH_TIMEOUT_MIN, WATCH_TIMEOUT_MIN * 2)
    }

    /// Lists by a watch that begins with all objects (KEP-3157) and gives that watch to go on with; none when the
    /// server does not know how.
    async fn watch_list(&mut self) -> Result<Option<WatchStream>, ApiError> {
        let from = if self.last == 0 || self.last_unavailable { None } else { Some(self.last) };
        let opened = self
            .client
            .watch(self.informer.resource(), &self.scope, ReadFrom::WatchList(from), self.watch_timeout())
            .await;
        let stream = match opened {
            Ok(stream) => stream,
            Err(error) if error.is_invalid() => return Ok(None),
            Err(error) => {
                self.last_unavailable |= error.is_expired() || error.is_too_large();
                return Err(error);
            }
        };
        let mut objects = Vec::new();
        while let Some(event) = stream.next().await {
            match event.kind {
                WatchEventKind::Added | WatchEventKind::Modified => objects.push(event.object),
                WatchEventKind::Deleted => objects.retain(|o: &Value| o.uid() != event.object.uid()),
                WatchEventKind::Bookmark => {
                    if event.object.annotation("k8s.io/initial-events-end") == Some("true") {
                        self.replace(objects, event.object.revision());
                        return Ok(Some(stream));
                    }
                }
                WatchEventKind::Error => {
                    let error = ApiError::from_status(&event.object);
                    self.last_unavailable |= error.is_expired() || error.is_too_large();
                    return Err(error);
                }
            }
        }
        Err(ApiError::Disconnected)
    }

    async fn list(&mut self) -> Result<(), ApiError> {
        let from = match (self.last, self.last_unavailable) {
            (_, true) => ReadFrom::Newest,
            (0, false) => ReadFrom::Any,
            (last, false) => ReadFrom::NotOlderThan(last),
        };
        let listed = match self.client.reflect(self.informer.resource(), &self.scope, from).await {
            Err(error) if error.is_expired() || error.is_too_large() => {
                self.last_unavailable = true;
                self.client.reflect(self.informer.resource(), &self.scope, ReadFrom::Newest).await?
            }
            other => other?,
        };
        self.replace(listed.items, listed.revision);
        Ok(())
    }

    fn replace(&mut self, objects: Vec<Value>, revision: u64) {
        self.last = revision;
        self.last_unavailable = false;
        self.informer.push(Delta::Replace(objects, revision));
    }

    async fn consume(&mut self, stream: WatchStream, started: Instant) -> Ended {
        let mut events: u64 = 0;
        while let Some(event) = stream.next().await {
            events += 1;
            match event.kind {
                WatchEventKind::Added | WatchEventKind::Modified => {
                    self.last = event.object.revision();
                    self.informer.push(Delta::Put(event.object));
                }
                WatchEventKind::Deleted => {
                    self.last = event.object.revision();
                    self.informer.push(Delta::Gone(event.object));
                }
                WatchEventKind::Bookmark => {
                    self.last = event.object.revision();
                    self.informer.push(Delta::Bookmark(self.last));
                }
                WatchEventKind::Error => {
                    let error = ApiError::from_status(&event.object);
                    self.last_unavailable |= error.is_too_large();
                    return Ended::Relist;
                }
            }
        }
        let very_short = events == 0 && self.ctx.now().since(started) < VERY_SHORT_WATCH;
        if very_short { Ended::Relist } else { Ended::Again }
    }
}
