//! Plays recorded requests against a server in memory, and normalises the answers.

use apiserver::{Body, MemoryDriver, ReadAt, Request, Response, Server, WatchEvent, WatchFrom, WatchStart};
use object::{ObjectExt, Time, Value, value};
use schema::KubernetesVersion;
use std::collections::BTreeMap;

/// One line of a recording.
pub struct Row(Value);

impl Row {
    /// Reads a line.
    pub fn parse(line: &str) -> Self {
        Self(object::json::parse(line.as_bytes()).expect("the fixture is JSON"))
    }

    /// Gives `category/case`.
    pub fn name(&self) -> &str {
        self.0["name"].str()
    }

    /// Gives the category.
    pub fn category(&self) -> &str {
        self.name().split('/').next().unwrap_or("")
    }

    /// Gives the whole line, of which `status`, `headers` and `body` are the answer.
    pub fn recorded(&self) -> &Value {
        &self.0
    }
}

/// A server that is asked one request after another.
pub struct Player {
    server: Server,
    driver: MemoryDriver,
    saved: BTreeMap<String, String>,
    /// Which of our uids stands for which of the recorded ones, and the other way round.
    pairs: BTreeMap<String, String>,
}

impl Player {
    /// Makes a server with what a real one has before the first request.
    pub fn new() -> Self {
        let driver = MemoryDriver::new(Time::from_unix_seconds(1_790_000_000));
        let player = Self {
            server: Server::new(KubernetesVersion::V1_36),
            driver,
            saved: BTreeMap::new(),
            pairs: BTreeMap::new(),
        };
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            player.ask_json("POST", "/api/v1/namespaces", "", &value!({"metadata": {"name": name}}));
        }
        player
    }

    fn ask(&self, method: &str, path: &str, content_type: &str, body: &[u8]) -> Response {
        let request = match Request::parse(method, path, content_type, None) {
            Ok(request) => request,
            Err(response) => return response,
        };
        match self.server.with_body(request, content_type, body) {
            Ok(request) => self.driver.handle(&self.server, request),
            Err(refusal) => refusal.into(),
        }
    }

    fn ask_json(&self, method: &str, path: &str, content_type: &str, body: &Value) {
        let response = self.ask(method, path, content_type, &object::json::to_vec(body));
        assert!(response.is_success(), "{method} {path}: {response:?}");
    }

    /// Asks a row's request; gives `{status, headers, body}`, or nothing where the request is not for this crate.
    pub fn play(&mut self, row: &Row) -> Option<Value> {
        let request = &row.recorded()["request"];
        self.play_controllers();
        let path = self.filled(request["path"].str());
        let body = match (&request["body"], &request["raw"]) {
            (Value::Null, Value::Null) => String::new(),
            (Value::Null, raw) => self.filled(raw.str()),
            (body, _) => self.filled(&object::json::to_string(body)),
        };
        if !matches!(request["accept"].str(), "" | "application/json") {
            return None;
        }
        let response = self.ask(request["method"].str(), &path, request["type"].str(), body.as_bytes());
        let answer = self.answer_of(&response, request);
        for (name, pointer) in request["save"].entries() {
            let found = at_pointer(&answer, pointer.str()).str().to_owned();
            self.saved.insert(name.as_str().to_owned(), found);
        }
        let answer = if request["pick"].is_null() {
            answer
        } else {
            let picks = request["pick"].items().iter().map(Value::str);
            picks.map(|pick| (pick.into(), at_pointer(&answer, pick).clone())).collect()
        };
        let mut headers = value!({});
        if let Some(seconds) = response.retry_after_s {
            headers.set(&["retry-after"], seconds.to_string());
        }
        if let [warning] = &response.warnings[..] {
            headers.set(&["warning"], format!("299 - {warning:?}"));
        }
        Some(
            value!({"status": u32::from(response.code), "headers": headers, "body": normalised(&answer, "")}),
        )
    }

    fn filled(&self, text: &str) -> String {
        self.saved
            .iter()
            .fold(text.to_owned(), |text, (name, saved)| text.replace(&format!("${{{name}}}"), saved))
    }

    fn answer_of(&self, response: &Response, request: &Value) -> Value {
        match &response.body {
            Body::Object(object) if !request["lines"].is_null() => value!([object]),
            Body::Object(object) => object.clone(),
            Body::List(list) => list.to_value(),
            Body::Text(text) => text.as_str().into(),
            Body::Watch(start) => {
                let lines = usize::try_from(request["lines"].int()).unwrap_or(0);
                self.watched(start).into_iter().take(lines).map(|event| event.to_value()).collect()
            }
        }
    }

    /// Gives what a watch that begins now says at once.
    fn watched(&self, start: &WatchStart) -> Vec<WatchEvent> {
        let snapshot = self.driver.snapshot();
        match start.from {
            WatchFrom::Now => Vec::new(),
            WatchFrom::After(revision) => {
                self.driver.with_store(|store| match store.events_after(revision) {
                    Ok(events) => events.filter_map(|event| start.filter.apply(event)).collect(),
                    Err(_) => vec![WatchEvent::expired(revision, store.compacted() + 1)],
                })
            }
            WatchFrom::Initial(at) => {
                assert!(!matches!(at, ReadAt::Exact(_)), "watches never begin with an exact state");
                let mut events: Vec<_> = start.filter.initial(&snapshot).collect();
                if start.initial_events_end {
                    events.push(start.filter.initial_events_end(snapshot.revision()));
                }
                events
            }
        }
    }

    /// Does what the controllers of a real control plane do between the recorded requests.
    fn play_controllers(&self) {
        let snapshot = self.driver.snapshot();
        for namespace in snapshot.list("namespaces", None).filter(|namespace| !namespace.is_deleting()) {
            if snapshot.get("serviceaccounts", namespace.name(), "default").is_none() {
                let path = format!("/api/v1/namespaces/{}/serviceaccounts", namespace.name());
                self.ask_json("POST", &path, "", &value!({"metadata": {"name": "default"}}));
            }
        }
        for quota in snapshot.list("resourcequotas", None).filter(|quota| quota["status"]["hard"].is_null()) {
            let used: Value =
                quota["spec"]["hard"].entries().map(|(name, _)| (name.clone(), "0".into())).collect();
            let path =
                format!("/api/v1/namespaces/{}/resourcequotas/{}/status", quota.namespace(), quota.name());
            let status = value!({"status": {"hard": quota["spec"]["hard"].clone(), "used": used}});
            self.ask_json("PATCH", &path, "application/merge-patch+json", &status);
        }
    }

    /// Compares an answer with the recorded one; uids must correspond one to one over the whole recording.
    pub fn same(&mut self, ours: &Value, recorded: &Value) -> bool {
        if ours["status"] != recorded["status"] {
            return false;
        }
        for header in ["retry-after", "warning"] {
            if ours["headers"][header] != recorded["headers"][header] {
                return false;
            }
        }
        self.same_value(&ours["body"], &normalised(&recorded["body"], ""))
    }

    fn same_value(&mut self, ours: &Value, real: &Value) -> bool {
        match (ours, real) {
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().zip(b.iter()).all(|((ka, a), (kb, b))| ka == kb && self.same_value(a, b))
            }
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| self.same_value(a, b))
            }
            (Value::Str(a), Value::Str(b)) => self.same_text(a, b),
            _ => ours == real,
        }
    }

    fn same_text(&mut self, ours: &str, real: &str) -> bool {
        let (ours, real) = (uids_apart(ours), uids_apart(real));
        ours.len() == real.len()
            && ours.iter().zip(&real).all(|(a, b)| match (a, b) {
                (Part::Uid(a), Part::Uid(b)) => {
                    let (there, back) = (format!("ours {a}"), format!("real {b}"));
                    self.pairs.entry(there.clone()).or_insert_with(|| back.clone()) == &back
                        && self.pairs.entry(back).or_insert_with(|| there.clone()) == &there
                }
                (a, b) => a == b,
            })
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Uid(String),
}

/// Takes the uids, ours or recorded, out of a text.
fn uids_apart(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let uid = recorded_uid(rest).or_else(|| uuid(rest));
        let taken = match uid {
            Some(uid) => {
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Uid(uid.to_owned()));
                uid.len()
            }
            None => {
                let first = rest.chars().next().map_or(1, char::len_utf8);
                plain.push_str(&rest[..first]);
                first
            }
        };
        rest = &rest[taken..];
    }
    parts.push(Part::Text(plain));
    parts
}

fn recorded_uid(text: &str) -> Option<&str> {
    let end = text.starts_with("<uid").then(|| text.find('>'))??;
    Some(&text[..=end])
}

fn uuid(text: &str) -> Option<&str> {
    let found = text.get(..36)?;
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase(),
    };
    found.bytes().enumerate().all(fits).then_some(found)
}

fn at_pointer<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    let parts = pointer.split('/').filter(|part| !part.is_empty());
    parts.fold(value, |node, part| {
        let part = part.replace("~1", "/").replace("~0", "~");
        match (node, part.parse::<usize>()) {
            (Value::List(_), Ok(at)) => &node[at],
            _ => &node[part.as_str()],
        }
    })
}

/// Replaces what legitimately differs between two servers, by the rules of the recording.
fn normalised(value: &Value, key: &str) -> Value {
    match value {
        Value::Map(map) => map
            .iter()
            .filter(|(key, _)| key.as_str() != "managedFields")
            .map(|(key, field)| (key.clone(), normalised(field, key.as_str())))
            .collect(),
        Value::List(list) => list.iter().map(|item| normalised(item, key)).collect(),
        Value::Str(text) => match key {
            "resourceVersion" | "storageVersionHash" if !matches!(&**text, "" | "0") => "<rv>".into(),
            "clusterIP" | "clusterIPs" if !matches!(&**text, "" | "None") => "<ip>".into(),
            "continue" if !text.is_empty() => "<continue>".into(),
            _ => normalised_text(text).into(),
        },
        Value::Int(number) if matches!(key, "nodePort" | "healthCheckNodePort") && *number != 0 => {
            "<n>".into()
        }
        other => other.clone(),
    }
}

fn normalised_text(text: &str) -> String {
    if Time::parse(text).is_ok() {
        return "<time>".to_owned();
    }
    let mut text = text.to_owned();
    for before in ["current: ", "in record ("] {
        if let Some(at) = text.find(before) {
            let start = at + before.len();
            let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
            let next = text[start + digits..].chars().next();
            // A uid may begin with digits.
            if digits > 0 && !next.is_some_and(|next| next == '-' || next.is_ascii_hexdigit()) {
                text.replace_range(start..start + digits, "<rv>");
            }
        }
    }
    text
}
