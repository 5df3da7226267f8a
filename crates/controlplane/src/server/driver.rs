//! What the request machine of [`apiserver`] asks for, answered from caches and etcd by messages.

use super::process::ApiServer;
use crate::wire::{EtcdReply, EtcdRequest};
use apiserver::{CommitError, Driver, ReadAt, ReadError, Request};
use object::{GroupResource, Text, Time, Value};
use std::rc::Rc;
use std::time::Duration;
use store::{Committed, Snapshot, Transaction};

/// The characters of invented names (`k8s.io/apimachinery/pkg/util/rand`).
const NAME_CHARACTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// Serves one request.
pub(super) struct RequestDriver {
    server: Rc<ApiServer>,
    client: Text,
    user_agent: Text,
    /// Whether a reflector asks: a fault that freezes what it sees does not freeze what else its client asks.
    by_reflector: bool,
    /// What the request is about: it keys the choices, so that one request more does not change another's.
    subject: String,
}

impl RequestDriver {
    pub(super) fn new(server: Rc<ApiServer>, client: Text, by_reflector: bool, request: &Request) -> Self {
        use object::ObjectExt;
        let body = request.body.as_ref();
        let name = body.map_or(&*request.name, ObjectExt::name);
        let base = body.map_or("", |b| b["metadata"]["generateName"].str());
        let subject = format!("{}/{}/{}{}", request.resource, request.namespace, name, base);
        Self { server, client, user_agent: request.user_agent.clone(), by_reflector, subject }
    }

    async fn latest(&self) -> Result<Snapshot, ReadError> {
        match self.server.call(EtcdRequest::Range { revision: None }).await {
            Some(EtcdReply::Range(snapshot)) => Ok(snapshot),
            _ => Err(unavailable()),
        }
    }

    fn frozen(&self, resource: &GroupResource) -> Option<Snapshot> {
        if !self.by_reflector {
            return None;
        }
        self.server.world.faults.borrow_mut().frozen(&self.client, &resource.to_string())
    }
}

impl Driver for RequestDriver {
    async fn get(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
        at: ReadAt,
    ) -> Result<Option<Value>, ReadError> {
        if at != ReadAt::Latest {
            let snapshot = self.list(resource, at).await?;
            return Ok(snapshot.get(resource, namespace, name).cloned());
        }
        let request =
            EtcdRequest::Get { resource: resource.clone(), namespace: namespace.into(), name: name.into() };
        match self.server.call(request).await {
            Some(EtcdReply::Get(object)) => Ok(object),
            _ => Err(unavailable()),
        }
    }

    async fn list(&self, resource: &GroupResource, at: ReadAt) -> Result<Snapshot, ReadError> {
        if let Some(frozen) = self.frozen(resource) {
            return Ok(frozen);
        }
        match at {
            ReadAt::Latest => self.latest().await,
            ReadAt::Any => self.server.cached(resource, 0).await.map_err(|_| unavailable()),
            ReadAt::NotOlderThan(revision) => {
                let read = self.server.cached(resource, revision).await;
                read.map_err(|current| ReadError::Future { current })
            }
            ReadAt::Exact(revision) => {
                match self.server.call(EtcdRequest::Range { revision: Some(revision) }).await {
                    Some(EtcdReply::Range(snapshot)) => Ok(snapshot),
                    Some(EtcdReply::Compacted(oldest)) => Err(ReadError::Compacted { oldest }),
                    _ => Err(unavailable()),
                }
            }
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        let request = EtcdRequest::Commit { transaction, user_agent: self.user_agent.clone() };
        match self.server.call(request).await {
            Some(EtcdReply::Commit(Ok(committed))) => Ok(committed),
            Some(EtcdReply::Commit(Err(error))) => Err(error.into()),
            _ => Err(CommitError::UnknownOutcome),
        }
    }

    async fn sleep(&self, duration: Duration) {
        self.server.ctx.sleep(duration).await;
    }

    fn now(&self) -> Time {
        Time::from_nanos(self.server.ctx.wall())
    }

    fn uid(&self) -> Text {
        let draw = || self.server.ctx.choose("uid", &self.subject, 1 << 62);
        let (a, b) = (draw(), draw());
        // A version 4 identifier: its version and variant bits are fixed.
        let text = format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            a & 0xffff_ffff,
            (a >> 32) & 0xffff,
            (a >> 48) & 0xfff,
            0x8000 | (b & 0x3fff),
            (b >> 14) & 0xffff_ffff_ffff
        );
        text.into()
    }

    fn name_suffix(&self) -> Text {
        let draw = || self.server.ctx.choose("name", &self.subject, NAME_CHARACTERS.len() as u64) as usize;
        (0..5).map(|_| char::from(NAME_CHARACTERS[draw()])).collect::<String>().into()
    }
}

fn unavailable() -> ReadError {
    ReadError::Unavailable("etcd cannot be reached".to_owned())
}
