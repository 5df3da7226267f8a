//! Listing: page by page, resource by resource, and namespace by namespace where only some may be read.

use super::discovery::{Discovered, Resource};
use super::server::{Refusal, Server};
use super::{is_namespace, names};
use crate::redact::redact;
use crate::{Options, Progress, SourceError};
use futures::StreamExt;
use futures::stream;
use object::Value;
use std::cell::Cell;
use view::Unread;

/// How many objects a page holds.
pub const PAGE_OBJECTS: usize = 500;

/// The most objects that are read of one cluster.
pub const OBJECTS_MAX: usize = 5_000_000;

/// How many lists are read at the same time.
const LISTS_AT_ONCE: usize = 6;

/// A list that has expired while it was read is read again so many times.
const RESTARTS_MAX: usize = 1;

/// Where a list of all namespaces is refused, at most so many lists of single ones are tried, over all resources.
const SINGLE_LISTS_MAX: usize = 2_000;

/// What was listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub objects: Vec<Value>,
    pub unread: Vec<Unread>,
    pub notes: Vec<String>,
}

/// Reads lists, and tells how far it is.
pub(super) struct Reader<'a> {
    server: &'a Server,
    options: &'a Options<'a>,
    objects: Cell<usize>,
    done: Cell<usize>,
}

/// One list: what was read of it, and why there is no more.
struct Outcome<'a> {
    resource: &'a Resource,
    namespace: Option<String>,
    objects: Vec<Value>,
    refusal: Option<Refusal>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(server: &'a Server, options: &'a Options<'a>) -> Self {
        Self { server, options, objects: Cell::new(0), done: Cell::new(0) }
    }

    /// Lists everything that was discovered.
    pub(super) async fn list_all(&self, discovered: &Discovered) -> Result<Listed, SourceError> {
        let mut listed = Listed::default();
        let total = discovered.resources.len();
        // First the namespaces, for those of which the others may have to be listed one by one.
        let (first, others): (Vec<&Resource>, Vec<&Resource>) =
            discovered.resources.iter().partition(|resource| is_namespace(&resource.name()));
        let mut namespaces = None;
        for resource in first {
            let outcome = self.list(resource, None, total).await;
            self.must_exist(&outcome)?;
            if outcome.refusal.is_none() {
                namespaces = Some(names(&outcome.objects));
            }
            listed.add(outcome);
        }
        let within = self.options.namespace.map(str::to_owned);
        let lists = others.into_iter().map(|resource| {
            let namespace = within.clone().filter(|_| resource.namespaced);
            self.list(resource, namespace, total)
        });
        let outcomes: Vec<Outcome<'_>> = stream::iter(lists).buffer_unordered(LISTS_AT_ONCE).collect().await;
        let (mut tried, mut given_up) = (0, Vec::new());
        for outcome in outcomes {
            let is_forbidden = outcome.refusal.as_ref().is_some_and(|refusal| refusal.code == 403);
            match &namespaces {
                Some(namespaces) if is_forbidden && outcome.resource.namespaced && within.is_none() => {
                    tried += namespaces.len();
                    if tried <= SINGLE_LISTS_MAX {
                        self.list_each(outcome, namespaces, &mut listed, total).await;
                    } else {
                        given_up.push(outcome.resource.name().to_string());
                        listed.add(outcome);
                    }
                }
                _ => listed.add(outcome),
            }
        }
        if !given_up.is_empty() {
            let what = given_up.join(", ");
            listed.notes.push(format!("too many namespaces to try each for {what}; --namespace reads one"));
        }
        Ok(listed)
    }

    /// Refuses a namespace that does not exist: nothing in it would look like everything being well.
    fn must_exist(&self, outcome: &Outcome<'_>) -> Result<(), SourceError> {
        match self.options.namespace {
            Some(namespace) if outcome.refusal.is_none() && outcome.objects.is_empty() => {
                let place = format!("context {}", self.server.context);
                Err(SourceError::NoSuchNamespace { namespace: namespace.to_owned(), place })
            }
            _ => Ok(()),
        }
    }

    /// Lists a resource namespace by namespace, because all of them at once is refused.
    async fn list_each(
        &self,
        refused: Outcome<'_>,
        namespaces: &[String],
        listed: &mut Listed,
        total: usize,
    ) {
        let resource = refused.resource;
        let lists = namespaces.iter().map(|namespace| self.list(resource, Some(namespace.clone()), total));
        let outcomes: Vec<Outcome<'_>> = stream::iter(lists).buffer_unordered(LISTS_AT_ONCE).collect().await;
        if outcomes.iter().all(|outcome| outcome.refusal.is_some() && outcome.objects.is_empty()) {
            // Nowhere is one fact, not as many as there are namespaces.
            return listed.add(refused);
        }
        for outcome in outcomes {
            listed.add(outcome);
        }
    }

    /// Reads one list to its end, from the start again if it expires in between.
    async fn list<'r>(&self, resource: &'r Resource, namespace: Option<String>, total: usize) -> Outcome<'r> {
        let path = self.path(resource, namespace.as_deref());
        let mut outcome = Outcome { resource, namespace, objects: Vec::new(), refusal: None };
        for restarts_left in (0..=RESTARTS_MAX).rev() {
            outcome.objects.clear();
            outcome.refusal = self.pages(&path, resource, &mut outcome.objects).await.err();
            let has_expired = outcome.refusal.as_ref().is_some_and(|refusal| refusal.code == 410);
            if !has_expired || restarts_left == 0 {
                break;
            }
        }
        self.done.set((self.done.get() + 1).min(total));
        self.objects.set(self.objects.get() + outcome.objects.len());
        if let Some(report) = self.options.progress {
            let (done, objects) = (self.done.get(), self.objects.get());
            report(&Progress { done, total, objects, last: resource.name().to_string() });
        }
        outcome
    }

    async fn pages(&self, path: &str, resource: &Resource, objects: &mut Vec<Value>) -> Result<(), Refusal> {
        let api_version = Value::from(resource.api_version());
        let kind = Value::from(&resource.kind);
        let mut token = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let rest = if token.is_empty() { String::new() } else { format!("&continue={}", escape(&token)) };
            let page = format!("{path}{separator}limit={PAGE_OBJECTS}{rest}");
            let answer = self.server.get(&page, "application/json").await?;
            if answer["items"].as_list().is_none() && !answer["items"].is_null() {
                return Err(Refusal { code: 0, reason: "the answer is no list".to_owned() });
            }
            for item in answer["items"].items() {
                let mut item = item.clone();
                item.set(&["apiVersion"], api_version.clone());
                item.set(&["kind"], kind.clone());
                redact(&mut item);
                objects.push(item);
            }
            if self.objects.get() + objects.len() > OBJECTS_MAX {
                let reason = format!("more than {OBJECTS_MAX} objects in all");
                return Err(Refusal { code: 0, reason });
            }
            match answer["metadata"]["continue"].str() {
                "" => return Ok(()),
                same if same == token => {
                    let reason = "the API server gave the same page twice".to_owned();
                    return Err(Refusal { code: 0, reason });
                }
                next => next.clone_into(&mut token),
            }
        }
    }

    fn path(&self, resource: &Resource, namespace: Option<&str>) -> String {
        let Resource { group, version, plural, .. } = resource;
        let root =
            if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
        let place =
            namespace.map(|namespace| format!("/namespaces/{}", escape(namespace))).unwrap_or_default();
        let path = format!("{root}{place}/{plural}");
        match self.options.namespace {
            Some(only) if is_namespace(&resource.name()) => {
                format!("{path}?fieldSelector=metadata.name%3D{}", escape(only))
            }
            _ => path,
        }
    }
}

impl Listed {
    fn add(&mut self, outcome: Outcome<'_>) {
        if let Some(refusal) = outcome.refusal {
            let read = outcome.objects.len();
            let reason = match read {
                0 => refusal.reason,
                _ => format!("{} after {read} objects", refusal.reason),
            };
            self.unread.push(Unread::new(&outcome.resource.name(), outcome.namespace.as_deref(), &reason));
        }
        self.objects.extend(outcome.objects);
    }
}

/// Escapes what may not stand in a path or query (RFC 3986, §2.3).
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
