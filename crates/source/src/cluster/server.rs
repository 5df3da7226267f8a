//! Requests and answers: timeouts, sizes, refusals in words, the server's clock.

use super::connect::Target;
use crate::SourceError;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Error};
use object::{Time, Value, json};
use std::cell::Cell;
use std::time::Duration;

/// The largest answer that is read: 512 MiB.
pub const BYTES_PER_ANSWER_MAX: usize = 512 << 20;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// After so many requests in a row without any answer, no more are made.
const SILENCES_MAX: u32 = 8;

/// An API server.
pub(super) struct Server {
    client: Client,
    request_timeout: Duration,
    /// The newest time the server has told.
    date: Cell<Option<Time>>,
    /// Requests in a row that got no answer.
    silences: Cell<u32>,
    pub context: String,
    pub address: String,
}

/// Why a request gave nothing.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// The status code of the answer, 0 if there was none.
    pub code: u16,
    /// Why, in the server's words where it had any.
    pub reason: String,
}

impl Server {
    /// Makes a client; nothing is sent yet, but a credentials plugin may be run.
    pub(super) fn connect(target: Target, request_timeout: Duration) -> Result<Self, SourceError> {
        let Target { mut config, context } = target;
        let address = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        config.connect_timeout = Some(CONNECT_TIMEOUT.min(request_timeout));
        config.read_timeout = Some(request_timeout);
        config.reset_reader_on_write = true;
        let refused = |error: Error| {
            let reason = words(&error);
            SourceError::Credentials { server: address.clone(), reason }
        };
        let client = ClientBuilder::try_from(config).map_err(refused)?.build();
        let (date, silences) = (Cell::new(None), Cell::new(0));
        Ok(Self { client, request_timeout, date, silences, context, address })
    }

    /// Gives the newest time the server has told.
    pub(super) fn date(&self) -> Option<Time> {
        self.date.get()
    }

    /// Asks for the version, and so whether there is anybody at all. Who may not know it goes without.
    pub(super) async fn version(&self) -> Result<Option<String>, SourceError> {
        match self.get("/version", "application/json").await {
            Ok(answer) => Ok(answer["gitVersion"].as_str().map(str::to_owned)),
            Err(refusal) if refusal.code == 0 => {
                let (server, context) = (self.address.clone(), self.context.clone());
                Err(SourceError::Unreachable { server, context, reason: refusal.reason })
            }
            Err(_) => Ok(None),
        }
    }

    /// Makes one request and reads the answer whole.
    pub(super) async fn get(&self, path: &str, accept: &str) -> Result<Value, Refusal> {
        if self.silences.get() >= SILENCES_MAX {
            let reason = "not asked for: the API server had stopped answering".to_owned();
            return Err(Refusal { code: 0, reason });
        }
        let answer = tokio::time::timeout(self.request_timeout, self.request(path, accept)).await;
        let answer = answer.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", self.request_timeout.as_secs());
            Err(Refusal { code: 0, reason })
        });
        let is_silent = matches!(&answer, Err(Refusal { code: 0, .. }));
        self.silences.set(if is_silent { self.silences.get() + 1 } else { 0 });
        answer
    }

    async fn request(&self, path: &str, accept: &str) -> Result<Value, Refusal> {
        let silent = |reason: String| Refusal { code: 0, reason };
        let request = Request::get(path).header(header::ACCEPT, accept).body(Body::empty());
        let request = request.map_err(|error| silent(error.to_string()))?;
        let answer = self.client.send(request).await.map_err(|error| silent(words(&error)))?;
        self.read_date(answer.headers());
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BYTES_PER_ANSWER_MAX).collect().await;
        let body =
            body.map_err(|error| silent(format!("the answer broke off: {}", chain(&*error))))?.to_bytes();
        let limits = json::Limits { bytes_max: BYTES_PER_ANSWER_MAX, ..json::Limits::default() };
        let answer = json::parse_within(&body, limits);
        if status.is_success() {
            // An answer that is no JSON comes from something between here and the API server.
            return answer.map_err(|error| silent(format!("the answer is no JSON: {error}")));
        }
        Err(refusal(status, &answer.unwrap_or_default(), &body))
    }

    fn read_date(&self, headers: &header::HeaderMap) {
        let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        let date = date.map(|date| Time::from_unix_seconds(date.as_second()));
        self.date.set(self.date.get().max(date));
    }
}

/// Puts a refusal into words: those of the Status, or the beginning of whatever was answered instead.
fn refusal(status: StatusCode, answer: &Value, body: &[u8]) -> Refusal {
    const WORDS_MAX: usize = 200;
    let code = status.as_u16();
    let name = status.canonical_reason().unwrap_or("refused").to_lowercase();
    let message = match answer["message"].as_str() {
        Some(message) => message.to_owned(),
        None => String::from_utf8_lossy(body).chars().take(WORDS_MAX).collect(),
    };
    let message = message.trim();
    let reason =
        if message.is_empty() { format!("{name} ({code})") } else { format!("{name} ({code}): {message}") };
    Refusal { code, reason }
}

/// Puts an error into words, without the names of the layers it came through.
fn words(error: &Error) -> String {
    match error {
        Error::Service(error) => chain(&**error),
        Error::HyperError(error) => chain(error),
        Error::Auth(error) => chain(error),
        other => chain(other),
    }
}

/// Joins what an error and its causes say, each once.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    // "client error (Connect)" says nothing that its cause does not say better.
    if said.len() > 1 && said[0].starts_with("client error") {
        said.remove(0);
    }
    said.join(": ")
}
