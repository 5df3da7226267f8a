//! What a request met.

use crate::machinery::ObjectKey;
use object::{ObjectExt, Text, Value};
use std::fmt;

/// How a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// A container answers: 200, or the connection stands.
    Answered,
    /// No rule of any Ingress matches: 404.
    NoRule,
    /// There is nobody to pass it on to: 503.
    NoEndpoint,
    /// Whoever it was passed on to refused: 502.
    BadGateway,
    /// Whoever it was passed on to is silent: 504.
    GatewayTimeout,
    /// The connection is refused.
    Refused,
    /// Nobody answers.
    TimedOut,
    /// It leaves the cluster, where nothing is known.
    Outside,
}

impl Status {
    /// Gives the HTTP status; none where there is no HTTP answer, or none that is known.
    pub fn code(self) -> Option<u16> {
        match self {
            Self::Answered => Some(200),
            Self::NoRule => Some(404),
            Self::NoEndpoint => Some(503),
            Self::BadGateway => Some(502),
            Self::GatewayTimeout => Some(504),
            Self::Refused | Self::TimedOut | Self::Outside => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.code()) {
            (_, Some(code)) => write!(f, "{code}"),
            (Self::Refused, None) => f.write_str("connection refused"),
            (Self::TimedOut, None) => f.write_str("timed out"),
            (_, None) => f.write_str("leaves the cluster"),
        }
    }
}

/// One object on a request's way, and what it did with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The object's kind.
    pub kind: Text,
    /// The object.
    pub object: ObjectKey,
    /// What it said, as in `shop.example.com/checkout → Service checkout:http`.
    pub said: String,
}

impl Hop {
    pub(super) fn new(kind: &str, namespace: &str, name: &str, said: impl Into<String>) -> Self {
        Self { kind: kind.into(), object: ObjectKey::new(namespace, name), said: said.into() }
    }

    pub(super) fn of(object: &Value, said: impl Into<String>) -> Self {
        Self::new(object.kind(), object.namespace(), object.name(), said)
    }
}

impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.object, self.said)
    }
}

/// Whether a connection to an endpoint comes about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// A container accepts it.
    Answers,
    /// The machine is there and refuses, for this reason.
    Refuses(String),
    /// Nothing comes back, for this reason.
    Silent(String),
}

/// One endpoint that the request may be passed on to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// The pod, empty if the endpoint names none.
    pub pod: ObjectKey,
    /// Address and port.
    pub address: String,
    /// What a connection meets.
    pub reach: Reach,
}

/// What a request met, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// How it ends.
    pub status: Status,
    /// The objects on its way, from the outermost to the last that was reached.
    pub chain: Vec<Hop>,
    /// The endpoints that it may have been passed on to.
    pub backends: Vec<Backend>,
    /// Why no certificate of the host's own is shown, where its Ingress asks for one.
    pub certificate: Option<String>,
}

impl Answer {
    pub(super) fn new(status: Status, chain: Vec<Hop>) -> Self {
        Self { status, chain, backends: Vec::new(), certificate: None }
    }

    /// Counts the endpoints that answer.
    pub fn answering(&self) -> usize {
        self.backends.iter().filter(|backend| backend.reach == Reach::Answers).count()
    }

    /// Says in one line where the request came to its end.
    pub fn why(&self) -> String {
        let last = self.chain.last().map_or_else(|| "nothing is there".to_owned(), ToString::to_string);
        let broken = self.backends.iter().find_map(|backend| match &backend.reach {
            Reach::Answers => None,
            Reach::Refuses(why) | Reach::Silent(why) => Some(format!("{}: {why}", backend.address)),
        });
        match broken {
            Some(broken) => {
                let (well, all) = (self.answering(), self.backends.len());
                format!("{last}; {well} of {all} endpoints answer; {broken}")
            }
            None => last,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.why())
    }
}
