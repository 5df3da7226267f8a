//! One process's HTTP/2 connection to an API server, shared by all its clients.
//!
//! A connection that dies silently is found only by its own silence: 30 s without a frame, then a ping, then 15 s.

use crate::constants::{DIAL_TIMEOUT, HTTP2_PING_TIMEOUT, HTTP2_READ_IDLE};
use crate::wire::{ClientFrame, ServerFrame};
use apiserver::{Request, Response, WatchEvent};
use sim::sync::{Receiver, Sender, channel, oneshot};
use sim::{Connection, Ctx, Instant};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The port API servers listen on.
pub const PORT: &str = "https";

/// The most watch events that may wait in a client before its reflector takes them.
const STREAM_BUFFER_MAX: usize = 1_000_000;

enum Stream {
    Waiting(oneshot::Sender<Response>, Option<Sender<WatchEvent>>),
    Watching(Sender<WatchEvent>),
}

struct Link {
    connection: Connection,
    streams: RefCell<BTreeMap<u64, Stream>>,
    next: Cell<u64>,
    heard: Cell<Instant>,
    broken: Cell<bool>,
}

impl Link {
    /// Gives the connection up: everything that waits on it fails.
    fn fail(&self) {
        self.broken.set(true);
        self.connection.close();
        self.streams.borrow_mut().clear();
    }
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One answer.
    Answer,
    /// One answer, with which a reflector fills its store.
    Reflection,
    /// A watch.
    Watch,
}

/// Why a request got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportError {
    /// No connection could be made; nothing was sent.
    Refused,
    /// The connection ended before the answer; the request may have been carried out.
    Lost,
}

/// The connection of one process, made when first needed and again after it broke.
pub struct Transport {
    ctx: Ctx,
    servers: Vec<String>,
    link: RefCell<Option<Rc<Link>>>,
}

impl Transport {
    /// Names the API servers that may be connected to; which one is drawn at each connect, as a load balancer does.
    pub fn new(ctx: &Ctx, servers: &[String]) -> Rc<Self> {
        assert!(!servers.is_empty(), "no API server to connect to");
        Rc::new(Self { ctx: ctx.clone(), servers: servers.to_vec(), link: RefCell::new(None) })
    }

    async fn link(&self) -> Result<Rc<Link>, TransportError> {
        let present = self.link.borrow().clone();
        if let Some(link) = present.filter(|link| !link.broken.get()) {
            return Ok(link);
        }
        let pick = self.ctx.choose("apiserver", &self.ctx.process_name(), self.servers.len() as u64) as usize;
        let dialled =
            self.ctx.timeout(DIAL_TIMEOUT, self.ctx.connect(self.servers[pick].as_str(), PORT)).await;
        let Ok(Ok(connection)) = dialled else { return Err(TransportError::Refused) };
        // Another request may have connected meanwhile: one connection is enough.
        let present = self.link.borrow().clone();
        if let Some(link) = present.filter(|link| !link.broken.get()) {
            connection.close();
            return Ok(link);
        }
        let link = Rc::new(Link {
            connection,
            streams: RefCell::default(),
            next: Cell::new(1),
            heard: Cell::new(self.ctx.now()),
            broken: Cell::new(false),
        });
        self.ctx.spawn("http2-reader", read(self.ctx.clone(), link.clone()));
        self.ctx.spawn("http2-health", watch_health(self.ctx.clone(), link.clone()));
        *self.link.borrow_mut() = Some(link.clone());
        Ok(link)
    }

    /// Breaks the present connection, if there is one; the next request makes another.
    pub fn disconnect(&self) {
        if let Some(link) = self.link.borrow_mut().take() {
            link.fail();
        }
    }

    /// Sends a request and waits for the answer; of a watch, its events follow on the receiver.
    pub(super) async fn send(
        self: &Rc<Self>,
        request: Request,
        purpose: Purpose,
    ) -> Result<(Response, Option<Events>), TransportError> {
        let link = self.link().await?;
        let id = link.next.get();
        link.next.set(id + 1);
        let (answer, answered) = oneshot::channel();
        let (events, received) = if purpose == Purpose::Watch {
            let (sender, receiver) = channel("watch-events", STREAM_BUFFER_MAX);
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        link.streams.borrow_mut().insert(id, Stream::Waiting(answer, events));
        let guard = Cancel { link: link.clone(), id };
        let by_reflector = purpose != Purpose::Answer;
        let frame = ClientFrame::Request { id, by_reflector, request: Box::new(request) };
        if link.connection.send(frame, "request").is_err() {
            link.fail();
            return Err(TransportError::Lost);
        }
        let response = answered.await.map_err(|_| TransportError::Lost)?;
        let events = received.map(|receiver| Events { receiver: RefCell::new(receiver), _guard: guard });
        Ok((response, events))
    }
}

/// Tells the server that a stream is no longer wanted, when whoever waits for it is dropped.
struct Cancel {
    link: Rc<Link>,
    id: u64,
}

impl Drop for Cancel {
    fn drop(&mut self) {
        if self.link.streams.borrow_mut().remove(&self.id).is_some() && !self.link.broken.get() {
            let _ = self.link.connection.send(ClientFrame::Cancel { id: self.id }, "cancel");
        }
    }
}

/// The events of one watch.
pub(super) struct Events {
    receiver: RefCell<Receiver<WatchEvent>>,
    _guard: Cancel,
}

impl Events {
    /// Waits for the next event; none when the watch or its connection is over.
    pub(super) async fn next(&self) -> Option<WatchEvent> {
        std::future::poll_fn(|cx| self.receiver.borrow_mut().poll_recv(cx)).await
    }
}

async fn read(ctx: Ctx, link: Rc<Link>) {
    while let Ok(message) = link.connection.recv().await {
        link.heard.set(ctx.now());
        match message.take::<ServerFrame>() {
            ServerFrame::Response { id, response } => {
                let waiting = link.streams.borrow_mut().remove(&id);
                if let Some(Stream::Waiting(answer, events)) = waiting {
                    let is_watch = matches!(response.body, apiserver::Body::Watch(_));
                    if let Some(events) = events.filter(|_| is_watch) {
                        link.streams.borrow_mut().insert(id, Stream::Watching(events));
                    }
                    // Whoever waited may have given up.
                    let _ = answer.send(*response);
                }
            }
            ServerFrame::Event { id, event } => {
                if let Some(Stream::Watching(events)) = link.streams.borrow().get(&id) {
                    // A receiver that is gone sends its own cancellation.
                    let _ = events.try_send(event);
                }
            }
            ServerFrame::End { id } | ServerFrame::Reset { id } => {
                link.streams.borrow_mut().remove(&id);
            }
            ServerFrame::Pong => {}
        }
    }
    link.fail();
}

async fn watch_health(ctx: Ctx, link: Rc<Link>) {
    while !link.broken.get() {
        let idle_until = link.heard.get() + HTTP2_READ_IDLE;
        if ctx.now() < idle_until {
            ctx.sleep_until(idle_until).await;
            continue;
        }
        let asked = ctx.now();
        if link.connection.send(ClientFrame::Ping, "ping").is_err() {
            break;
        }
        ctx.sleep(HTTP2_PING_TIMEOUT).await;
        if link.heard.get() < asked {
            ctx.trace("connection-dead", &ctx.process_name(), || "no answer to a ping".to_owned());
            break;
        }
    }
    link.fail();
}
