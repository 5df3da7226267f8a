//! A rate-limited client of the API, one for each controller, as client-go's typed clients behave.

use super::ratelimit::TokenBucket;
use super::transport::{Events, Purpose, Transport, TransportError};
use apiserver::{Body, PatchType, Request, Response, WatchEvent};
use object::{GroupVersionResource, Text, Value, value};
use sim::Ctx;
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// How often a request is tried again that the server asked to repeat (client-go `rest/with_retry.go`).
const RETRIES_MAX: u32 = 10;

/// Why a request did not succeed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// The server answered with a failure.
    #[error("{message}")]
    Status {
        /// The HTTP status.
        code: u16,
        /// The machine-readable reason.
        reason: Text,
        /// The text for people.
        message: Text,
        /// The whole `Status` object.
        status: Value,
        /// Seconds after which to try again, if the server said.
        retry_after_s: Option<u32>,
    },
    /// No connection could be made; nothing was sent.
    #[error("connection refused")]
    Refused,
    /// The connection ended before the answer; the request may have been carried out.
    #[error("connection lost before the answer")]
    Disconnected,
    /// The answer took too long; the request may have been carried out.
    #[error("timed out before the answer")]
    TimedOut,
}

impl ApiError {
    /// Reads a `Status` object.
    pub fn from_status(status: &Value) -> Self {
        Self::Status {
            code: u16::try_from(status["code"].int()).unwrap_or(500),
            reason: status["reason"].str().into(),
            message: status["message"].str().into(),
            status: status.clone(),
            retry_after_s: None,
        }
    }

    /// Gives the HTTP status, 0 when there was no answer.
    pub fn code(&self) -> u16 {
        if let Self::Status { code, .. } = self { *code } else { 0 }
    }

    /// Gives the reason, `""` when there was no answer.
    pub fn reason(&self) -> &str {
        if let Self::Status { reason, .. } = self { reason } else { "" }
    }

    /// Tells whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        self.reason() == "NotFound"
    }

    /// Tells whether the object exists already.
    pub fn is_already_exists(&self) -> bool {
        self.reason() == "AlreadyExists"
    }

    /// Tells whether the object changed meanwhile.
    pub fn is_conflict(&self) -> bool {
        self.reason() == "Conflict"
    }

    /// Tells whether the request was refused as forbidden.
    pub fn is_forbidden(&self) -> bool {
        self.reason() == "Forbidden"
    }

    /// Tells whether the request was invalid.
    pub fn is_invalid(&self) -> bool {
        self.reason() == "Invalid"
    }

    /// Tells whether the server asked for patience.
    pub fn is_too_many_requests(&self) -> bool {
        self.code() == 429
    }

    /// Tells whether the revision asked for is no longer kept.
    pub fn is_expired(&self) -> bool {
        self.reason() == "Expired" || self.reason() == "Gone"
    }

    /// Tells whether the revision asked for lies in the server's future.
    pub fn is_too_large(&self) -> bool {
        self.has_cause("ResourceVersionTooLarge")
    }

    /// Tells whether no connection could be made.
    pub fn is_connection_refused(&self) -> bool {
        *self == Self::Refused
    }

    /// Tells whether the namespace is being deleted.
    pub fn is_namespace_terminating(&self) -> bool {
        self.has_cause("NamespaceTerminating")
    }

    /// Tells whether the request may have been carried out without our knowing.
    pub fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::Disconnected | Self::TimedOut) || self.code() == 504
    }

    fn has_cause(&self, cause: &str) -> bool {
        let Self::Status { status, .. } = self else { return false };
        status["details"]["causes"].items().iter().any(|c| c["reason"] == cause)
    }
}

/// Which objects of a resource a list or a watch covers.
#[derive(Clone, Debug, Default)]
pub struct ListScope {
    /// The namespace; empty for all.
    pub namespace: Text,
    /// A label selector in the query's syntax; empty for all.
    pub label_selector: Text,
    /// A field selector in the query's syntax; empty for all.
    pub field_selector: Text,
}

/// From where a list or a watch reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadFrom {
    /// Whatever the cache has (`resourceVersion=0`).
    Any,
    /// The newest state (no `resourceVersion`).
    Newest,
    /// Anything from this revision on.
    NotOlderThan(u64),
    /// What happened after this revision (watch only).
    After(u64),
    /// All objects first, then a bookmark (watch only), not older than the revision if there is one.
    WatchList(Option<u64>),
}

/// The answer to a list.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The objects.
    pub items: Vec<Value>,
    /// The list's own resourceVersion.
    pub revision: u64,
}

/// An open watch.
pub struct WatchStream(Events);

impl WatchStream {
    /// Waits for the next event; none when the watch is over.
    pub async fn next(&self) -> Option<WatchEvent> {
        self.0.next().await
    }
}

/// How a delete is to be done.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Seconds of grace; none for the object's own.
    pub grace_period_s: Option<i64>,
    /// The uid that the object must have.
    pub uid: Option<Text>,
    /// The resourceVersion that the object must have.
    pub resource_version: Option<Text>,
    /// `Orphan`, `Background` or `Foreground`; none for the kind's default.
    pub propagation: Option<&'static str>,
}

/// A client of the API with its own user agent and its own rate limit.
pub struct Client {
    ctx: Ctx,
    transport: Rc<Transport>,
    user_agent: Text,
    bucket: TokenBucket,
    timeout: Option<Duration>,
    watch_list: Cell<bool>,
}

impl Client {
    /// Makes a client; `qps` and `burst` are its own, whatever other clients of the process do.
    pub fn new(ctx: &Ctx, transport: &Rc<Transport>, user_agent: &str, qps: f64, burst: f64) -> Rc<Self> {
        Rc::new(Self {
            ctx: ctx.clone(),
            transport: transport.clone(),
            user_agent: user_agent.into(),
            bucket: TokenBucket::new(qps, burst, ctx.now()),
            timeout: None,
            watch_list: Cell::new(true),
        })
    }

    /// Makes a client whose requests give up after `timeout`, as leader election's do.
    pub fn with_timeout(
        ctx: &Ctx,
        transport: &Rc<Transport>,
        user_agent: &str,
        (qps, burst): (f64, f64),
        timeout: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            ctx: ctx.clone(),
            transport: transport.clone(),
            user_agent: user_agent.into(),
            bucket: TokenBucket::new(qps, burst, ctx.now()),
            timeout: Some(timeout),
            watch_list: Cell::new(true),
        })
    }

    /// Chooses whether reflectors list by watching (client-go's gate `WatchListClient`, on since 1.35).
    pub fn set_watch_list(&self, on: bool) {
        self.watch_list.set(on);
    }

    pub(super) fn uses_watch_list(&self) -> bool {
        self.watch_list.get()
    }

    async fn send(
        &self,
        mut request: Request,
        purpose: Purpose,
    ) -> Result<(Response, Option<Events>), ApiError> {
        request.user_agent = self.user_agent.clone();
        let mut tries = 0;
        loop {
            let wait = self.bucket.reserve(self.ctx.now());
            if !wait.is_zero() {
                self.ctx.sleep(wait).await;
            }
            let sent = self.transport.send(request.clone(), purpose);
            let outcome = match self.timeout {
                Some(limit) => self.ctx.timeout(limit, sent).await.map_err(|_| ApiError::TimedOut)?,
                None => sent.await,
            };
            let (response, events) = outcome.map_err(|error| match error {
                TransportError::Refused => ApiError::Refused,
                TransportError::Lost => ApiError::Disconnected,
            })?;
            if response.code < 400 {
                return Ok((response, events));
            }
            match response.retry_after_s {
                Some(seconds) if tries < RETRIES_MAX && (response.code == 429 || response.code >= 500) => {
                    tries += 1;
                    self.ctx.sleep(Duration::from_secs(seconds.into())).await;
                }
                _ => return Err(failure(&response)),
            }
        }
    }

    /// Sends any request and gives the object that the server answers.
    ///
    /// # Errors
    /// [`ApiError`] when the server refuses or no answer arrives.
    pub async fn request(&self, request: Request) -> Result<Value, ApiError> {
        let (response, _) = self.send(request, Purpose::Answer).await?;
        match response.body {
            Body::Object(object) => Ok(object),
            Body::List(list) => Ok(list.to_value()),
            Body::Text(_) | Body::Watch(_) => Ok(Value::Null),
        }
    }

    /// Gets one object, newest state.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn get(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
    ) -> Result<Value, ApiError> {
        self.request(Request::get(resource, namespace, name)).await
    }

    /// Creates an object in the namespace that it names.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn create(&self, resource: &GroupVersionResource, object: &Value) -> Result<Value, ApiError> {
        let outcome = self.request(Request::create(resource, object.clone())).await;
        if outcome.as_ref().is_err_and(ApiError::is_outcome_unknown) {
            let world = self.ctx.world::<crate::World>();
            world.create_outcome_unknown(self.ctx.now(), resource, object);
        }
        outcome
    }

    /// Replaces an object.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn update(&self, resource: &GroupVersionResource, object: &Value) -> Result<Value, ApiError> {
        self.request(Request::update(resource, object.clone())).await
    }

    /// Replaces an object's status.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn update_status(
        &self,
        resource: &GroupVersionResource,
        object: &Value,
    ) -> Result<Value, ApiError> {
        self.request(Request::update(resource, object.clone()).with_subresource("status")).await
    }

    /// Patches an object by a merge patch; `subresource` is `""` or `status`.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn merge_patch(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        subresource: &str,
        patch: Value,
    ) -> Result<Value, ApiError> {
        let request = Request::patch(resource, namespace, name, PatchType::Merge, patch);
        self.request(request.with_subresource(subresource)).await
    }

    /// Patches an object by a JSON patch.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn json_patch(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        patch: Value,
    ) -> Result<Value, ApiError> {
        self.request(Request::patch(resource, namespace, name, PatchType::Json, patch)).await
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn delete(
        &self,
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        options: &DeleteOptions,
    ) -> Result<Value, ApiError> {
        let request = Request::delete(resource, namespace, name).with(|wanted| {
            wanted.grace_period_seconds = options.grace_period_s;
            wanted.preconditions.uid.clone_from(&options.uid);
            wanted.preconditions.resource_version.clone_from(&options.resource_version);
            wanted.propagation_policy = options.propagation.map(Text::from);
        });
        self.request(request).await
    }

    /// Lists the newest state of what `scope` covers.
    ///
    /// # Errors
    /// [`ApiError`] as for all requests.
    pub async fn list_newest(
        &self,
        resource: &GroupVersionResource,
        scope: &ListScope,
    ) -> Result<Listed, ApiError> {
        self.list(resource, scope, ReadFrom::Newest, Purpose::Answer).await
    }

    /// Lists for a reflector, which is to fill its store.
    pub(super) async fn reflect(
        &self,
        resource: &GroupVersionResource,
        scope: &ListScope,
        from: ReadFrom,
    ) -> Result<Listed, ApiError> {
        self.list(resource, scope, from, Purpose::Reflection).await
    }

    async fn list(
        &self,
        resource: &GroupVersionResource,
        scope: &ListScope,
        from: ReadFrom,
        purpose: Purpose,
    ) -> Result<Listed, ApiError> {
        let mut request = Request::list(resource, &scope.namespace);
        select(&mut request, scope);
        match from {
            ReadFrom::Any => request.options.resource_version = "0".into(),
            ReadFrom::NotOlderThan(revision) | ReadFrom::After(revision) => {
                request.options.resource_version = revision.to_string().into();
            }
            ReadFrom::Newest | ReadFrom::WatchList(_) => {}
        }
        let (response, _) = self.send(request, purpose).await?;
        let Body::List(list) = response.body else { unreachable!("a list is answered with a list") };
        Ok(Listed { items: list.items, revision: list.revision })
    }

    pub(crate) async fn watch(
        &self,
        resource: &GroupVersionResource,
        scope: &ListScope,
        from: ReadFrom,
        timeout: Duration,
    ) -> Result<WatchStream, ApiError> {
        let mut request = Request::watch(resource, &scope.namespace);
        select(&mut request, scope);
        let options = &mut request.options;
        options.allow_watch_bookmarks = true;
        options.timeout_s = Some(timeout.as_secs());
        match from {
            ReadFrom::Any => options.resource_version = "0".into(),
            ReadFrom::After(revision) | ReadFrom::NotOlderThan(revision) => {
                options.resource_version = revision.to_string().into();
            }
            ReadFrom::WatchList(revision) => {
                options.send_initial_events = Some(true);
                options.resource_version_match = "NotOlderThan".into();
                if let Some(revision) = revision {
                    options.resource_version = revision.to_string().into();
                }
            }
            ReadFrom::Newest => {}
        }
        let (_, events) = self.send(request, Purpose::Watch).await?;
        Ok(WatchStream(events.expect("a watch was asked for")))
    }
}

fn select(request: &mut Request, scope: &ListScope) {
    request.options.label_selector = scope.label_selector.clone();
    request.options.field_selector = scope.field_selector.clone();
}

fn failure(response: &Response) -> ApiError {
    let mut error = match &response.body {
        Body::Object(status) => ApiError::from_status(status),
        Body::Text(text) => {
            ApiError::from_status(&value!({"code": i64::from(response.code), "message": text.as_str()}))
        }
        Body::List(_) | Body::Watch(_) => unreachable!("neither a list nor a watch is a failure"),
    };
    if let ApiError::Status { code, retry_after_s, .. } = &mut error {
        *code = response.code;
        *retry_after_s = response.retry_after_s;
    }
    error
}
