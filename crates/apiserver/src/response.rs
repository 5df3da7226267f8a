//! What the server answers.

use crate::watch::WatchStart;
use object::{Text, Value, value};

/// The answer to one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// The HTTP status.
    pub code: u16,
    /// The body.
    pub body: Body,
    /// The texts of `Warning: 299` headers, in order.
    pub warnings: Vec<String>,
    /// The value of the header `Retry-After`, in seconds.
    pub retry_after_s: Option<u32>,
}

/// The body of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// One object, or a Status.
    Object(Value),
    /// A list of objects.
    List(Box<List>),
    /// Plain text.
    Text(String),
    /// The beginning of a watch; its events are for the driver's owner to send.
    Watch(Box<WatchStart>),
}

/// A list of objects that share their kind.
///
/// The items carry `kind` and `apiVersion`; on the wire those of built-in kinds do not, see [`List::to_value`].
#[derive(Clone, Debug, PartialEq)]
pub struct List {
    /// The list's kind, such as `PodList`.
    pub kind: Text,
    /// The list's and the items' `apiVersion`.
    pub api_version: Text,
    /// The revision of which the list tells.
    pub revision: u64,
    /// The token with which the list goes on, `""` at its end.
    pub continue_token: String,
    /// How many objects follow, where that is known.
    pub remaining: Option<usize>,
    /// The objects, in the order of namespaces and names.
    pub items: Vec<Value>,
}

impl List {
    /// Gives the list as it goes over the wire.
    pub fn to_value(&self) -> Value {
        let mut list = value!({
            "kind": &self.kind, "apiVersion": &self.api_version,
            "metadata": {"resourceVersion": self.revision.to_string()},
        });
        if !self.continue_token.is_empty() {
            list.set(&["metadata", "continue"], &self.continue_token);
        }
        if let Some(remaining) = self.remaining {
            list.set(&["metadata", "remainingItemCount"], remaining);
        }
        let bare = |item: &Value| {
            let mut item = item.clone();
            item.remove(&["kind"]);
            item.remove(&["apiVersion"]);
            item
        };
        list.set(&["items"], self.items.iter().map(bare).collect::<Value>());
        list
    }
}

impl Response {
    /// Answers with an object.
    pub fn object(code: u16, object: Value) -> Self {
        Self { code, body: Body::Object(object), warnings: Vec::new(), retry_after_s: None }
    }

    /// Answers with a plain text.
    pub fn text(code: u16, text: &str) -> Self {
        Self { code, body: Body::Text(text.to_owned()), warnings: Vec::new(), retry_after_s: None }
    }

    /// Answers with `Status: Success`.
    pub fn success(code: u16) -> Self {
        let status = value!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
        Self::object(code, status.with(&["code"], u32::from(code)))
    }

    /// Tells whether the request was carried out.
    pub fn is_success(&self) -> bool {
        self.code < 400
    }

    /// Gives the object, or the Status; null when the body is none.
    pub fn value(&self) -> &Value {
        static NONE: Value = Value::Null;
        if let Body::Object(object) = &self.body { object } else { &NONE }
    }

    /// Gives the items of a list; none when the body is no list.
    pub fn items(&self) -> &[Value] {
        if let Body::List(list) = &self.body { &list.items } else { &[] }
    }

    /// Gives `reason` of a Status, `""` otherwise.
    pub fn reason(&self) -> &str {
        let body = self.value();
        if body["kind"] == "Status" { body["reason"].str() } else { "" }
    }
}
