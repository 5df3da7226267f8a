//! The messages between processes: to etcd, and to an API server.

use apiserver::{Request, Response, WatchEvent};
use object::{GroupResource, Text, Value};
use std::rc::Rc;
use store::{CommitError, Committed, Event, Snapshot, Transaction};

/// What an API server asks of etcd.
#[derive(Debug)]
pub enum EtcdRequest {
    /// The state, at a revision or now.
    Range {
        /// The revision; none for the present one.
        revision: Option<u64>,
    },
    /// One object, now.
    Get {
        /// Its resource.
        resource: GroupResource,
        /// Its namespace.
        namespace: Text,
        /// Its name.
        name: Text,
    },
    /// A write, on behalf of a user agent.
    Commit {
        /// The write.
        transaction: Transaction,
        /// Who asked for it.
        user_agent: Text,
    },
    /// All events after a revision, and progress.
    Watch {
        /// The revision.
        after: u64,
    },
    /// A progress message on this connection's watch.
    Progress,
    /// Drop the history up to a revision.
    Compact {
        /// The revision.
        revision: u64,
    },
}

/// What etcd answers.
#[derive(Debug)]
pub enum EtcdReply {
    /// The state asked for.
    Range(Snapshot),
    /// The object asked for.
    Get(Option<Value>),
    /// The outcome of a write.
    Commit(Result<Committed, CommitError>),
    /// The revision asked for is compacted.
    Compacted(u64),
    /// Any other request was carried out.
    Done,
}

/// One message from an API server to etcd.
#[derive(Debug)]
pub struct EtcdCall {
    /// Names the call on its connection.
    pub id: u64,
    /// What is asked.
    pub request: EtcdRequest,
}

/// One message from etcd to an API server.
#[derive(Debug)]
pub enum EtcdFrame {
    /// The answer to a call.
    Reply {
        /// The call's id.
        id: u64,
        /// The answer.
        reply: EtcdReply,
    },
    /// Events of one commit, with the state after it.
    Events {
        /// The events.
        events: Rc<[Event]>,
        /// The state after them.
        after: Snapshot,
    },
    /// All events up to this revision were sent.
    Progress(Snapshot),
}

/// One message from a client to an API server.
#[derive(Debug)]
pub enum ClientFrame {
    /// A request.
    Request {
        /// Names the stream on its connection.
        id: u64,
        /// Whether a reflector asks, to fill its store.
        by_reflector: bool,
        /// The request.
        request: Box<Request>,
    },
    /// The client is no longer interested in a stream.
    Cancel {
        /// The stream.
        id: u64,
    },
    /// Are you there?
    Ping,
}

/// One message from an API server to a client.
#[derive(Debug)]
pub enum ServerFrame {
    /// The answer to a request; of a watch, its beginning.
    Response {
        /// The stream.
        id: u64,
        /// The answer.
        response: Box<Response>,
    },
    /// One event of a watch.
    Event {
        /// The stream.
        id: u64,
        /// The event.
        event: WatchEvent,
    },
    /// The watch is over.
    End {
        /// The stream.
        id: u64,
    },
    /// The stream ends without an answer.
    Reset {
        /// The stream.
        id: u64,
    },
    /// I am here.
    Pong,
}
