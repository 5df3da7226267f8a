//! Runs the commands of a script against a server in memory.

use apiserver::{
    Body, CommitError, Driver, MemoryDriver, ReadAt, ReadError, Request, Response, Server, WatchFrom,
};
use object::{GroupResource, ObjectExt, Text, Time, Value, value};
use schema::KubernetesVersion;
use std::cell::RefCell;
use std::fmt::Write;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use store::{Committed, EventKind, Snapshot, Transaction};
use testkit::Case;

/// A server, its store, and how far its events were shown.
pub struct Script {
    server: Server,
    driver: MemoryDriver,
    frozen: Option<Snapshot>,
    shown: u64,
}

impl Script {
    /// Makes a server of 1.36 with the namespace `a`.
    pub fn new() -> Self {
        let driver = MemoryDriver::new(Time::from_unix_seconds(1_790_000_000));
        let server = Server::new(KubernetesVersion::V1_36);
        let mut script = Self { server, driver, frozen: None, shown: 0 };
        let created = script.ask("POST /api/v1/namespaces {\"metadata\": {\"name\": \"a\"}}", None);
        assert_eq!(created.code, 201);
        script.shown = script.driver.snapshot().revision();
        script
    }

    /// Runs a command.
    pub fn run(&mut self, case: &Case) -> String {
        match case.command.as_str() {
            "ask" => self.asked(case),
            "watch" => self.watched(case.input.trim()),
            "later" => {
                self.driver.advance(Duration::from_secs(case.number("seconds").unwrap_or(1)));
                String::new()
            }
            "freeze" => {
                self.frozen = Some(self.driver.snapshot());
                String::new()
            }
            "thaw" => {
                self.frozen = None;
                String::new()
            }
            "compact" => self.driver.with_store(|store| {
                store.compact(store.revision()).expect("the present can always be kept");
                String::new()
            }),
            _ => case.unknown(),
        }
    }

    fn asked(&mut self, case: &Case) -> String {
        let show: Vec<&str> = case.text("show").map(|text| text.split(',').collect()).unwrap_or_default();
        let mut text = String::new();
        let mut race = None;
        for line in case.input.lines() {
            if let Some(line) = line.strip_prefix("race ") {
                race = Some(line);
                continue;
            }
            let response = self.ask(line, race.take());
            writeln!(text, "{}", told(&response, &show)).expect("a String takes everything");
        }
        text + &self.events()
    }

    fn ask(&self, line: &str, race: Option<&str>) -> Response {
        let request = match parse(line) {
            Ok(request) => request,
            Err(response) => return response,
        };
        let race = race.map(|line| parse(line).expect("a race is a good request"));
        let driver = Between { script: self, race: RefCell::new(race) };
        let mut answer = pin!(self.server.handle(&driver, request));
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(response) => response,
            Poll::Pending => unreachable!("the driver never waits"),
        }
    }

    /// Tells the events since the last time.
    fn events(&mut self) -> String {
        let mut text = String::new();
        let newest = self.driver.with_store(|store| {
            let events =
                store.events_after(self.shown).expect("scripts do not compact what they have not shown");
            for event in events {
                let kind = match event.kind {
                    EventKind::Created => "ADDED",
                    EventKind::Updated => "MODIFIED",
                    EventKind::Deleted => "DELETED",
                };
                writeln!(text, "  {kind} {} {} @{}", event.resource, event.key, event.revision)
                    .expect("it fits");
            }
            store.revision()
        });
        self.shown = newest;
        text
    }

    fn watched(&self, path: &str) -> String {
        let response = self.ask(&format!("GET {path}"), None);
        let Body::Watch(start) = &response.body else { return told(&response, &[]) + "\n" };
        let snapshot = self.driver.snapshot();
        let mut events = Vec::new();
        match start.from {
            WatchFrom::Initial(_) => events.extend(start.filter.initial(&snapshot)),
            WatchFrom::After(revision) => {
                self.driver.with_store(|store| match store.events_after(revision) {
                    Ok(found) => events.extend(found.filter_map(|event| start.filter.apply(event))),
                    Err(store::Error::Compacted { oldest, .. }) => {
                        events.push(apiserver::WatchEvent::expired(revision, oldest));
                    }
                    Err(store::Error::Future { .. }) => {}
                });
            }
            WatchFrom::Now => {}
        }
        if start.initial_events_end {
            events.push(start.filter.initial_events_end(snapshot.revision()));
        }
        let mut text =
            format!("from {:?} bookmarks={} timeout={:?}\n", start.from, start.bookmarks, start.timeout_s);
        for event in events {
            let (kind, object) = (event.kind.as_str(), &event.object);
            let labels =
                if object.labels().is_null() { String::new() } else { format!(" {:?}", object.labels()) };
            let message = if object.kind() == "Status" {
                format!(" {}", object["message"].str())
            } else {
                String::new()
            };
            writeln!(
                text,
                "{kind} {} {} @{}{labels}{message}",
                object.kind(),
                object.full_name(),
                object.revision()
            )
            .expect("a String takes everything");
        }
        text
    }
}

/// Reads `METHOD path [BODY]`.
fn parse(line: &str) -> Result<Request, Response> {
    let mut parts = line.splitn(3, ' ');
    let (method, path) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let body = parts
        .next()
        .map(|text| object::json::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}")));
    let content_type = match (method, &body) {
        ("PATCH", Some(Value::List(_))) => "application/json-patch+json",
        ("PATCH", _) => "application/merge-patch+json",
        _ => "application/json",
    };
    Request::parse(method, path, content_type, body)
}

/// Tells an answer in one line.
fn told(response: &Response, show: &[&str]) -> String {
    let mut text = response.code.to_string();
    let value = match &response.body {
        Body::Object(object) if object["kind"] == "Status" && object["status"] == "Failure" => {
            write!(text, " {}: {}", object["reason"].str(), object["message"].str()).expect("it fits");
            for cause in object["details"]["causes"].items() {
                if !object["message"].str().contains(cause["message"].str()) {
                    write!(text, " ({}: {})", cause["reason"].str(), cause["message"].str())
                        .expect("it fits");
                }
            }
            object.clone()
        }
        Body::Object(object) => {
            write!(text, " {} {}", object.kind(), object.full_name()).expect("it fits");
            object.clone()
        }
        Body::List(list) => {
            let names: Vec<String> = list.items.iter().map(|item| item.name().to_owned()).collect();
            write!(text, " {} @{} [{}]", list.kind, list.revision, names.join(" ")).expect("it fits");
            if let Some(remaining) = list.remaining {
                write!(text, " and {remaining} more").expect("it fits");
            }
            list.to_value()
        }
        Body::Text(body) => {
            write!(text, " {}", body.trim_end()).expect("it fits");
            Value::Null
        }
        Body::Watch(_) => value!("watch"),
    };
    for pointer in show {
        let found = pointer.split('/').skip(1).fold(&value, |node, part| {
            let part = part.replace("~1", "/");
            match (node, part.parse::<usize>()) {
                (Value::List(_), Ok(at)) => &node[at],
                _ => &node[part.as_str()],
            }
        });
        let name = pointer.rsplit('/').next().unwrap_or("");
        write!(text, " {name}={}", object::json::to_string(found)).expect("it fits");
    }
    for warning in &response.warnings {
        write!(text, " warning={warning:?}").expect("it fits");
    }
    if let Some(seconds) = response.retry_after_s {
        write!(text, " retry-after={seconds}").expect("it fits");
    }
    text
}

/// The driver of one request, between which and the store others come.
struct Between<'a> {
    script: &'a Script,
    race: RefCell<Option<Request>>,
}

impl Between<'_> {
    fn frozen(&self, at: ReadAt) -> Option<&Snapshot> {
        self.script.frozen.as_ref().filter(|_| at == ReadAt::Any)
    }
}

impl Driver for Between<'_> {
    async fn get(
        &self,
        resource: &GroupResource,
        namespace: &str,
        name: &str,
        at: ReadAt,
    ) -> Result<Option<Value>, ReadError> {
        match self.frozen(at) {
            Some(snapshot) => Ok(snapshot.get(resource, namespace, name).cloned()),
            None => self.script.driver.get(resource, namespace, name, at).await,
        }
    }

    async fn list(&self, resource: &GroupResource, at: ReadAt) -> Result<Snapshot, ReadError> {
        match self.frozen(at) {
            Some(snapshot) => Ok(snapshot.clone()),
            None => self.script.driver.list(resource, at).await,
        }
    }

    async fn commit(&self, transaction: Transaction) -> Result<Committed, CommitError> {
        if let Some(race) = self.race.take() {
            let response = self.script.driver.handle(&self.script.server, race);
            assert!(response.is_success(), "the race failed: {response:?}");
        }
        self.script.driver.commit(transaction).await
    }

    async fn sleep(&self, duration: Duration) {
        self.script.driver.sleep(duration).await;
    }

    fn now(&self) -> Time {
        self.script.driver.now()
    }

    fn uid(&self) -> Text {
        self.script.driver.uid()
    }

    fn name_suffix(&self) -> Text {
        self.script.driver.name_suffix()
    }
}
