//! What a rule judges: one object, or a part of it.

use object::{ObjectExt, Text, Value};
use serde::Serialize;
use std::fmt;
use std::sync::LazyLock;

static NOTHING: LazyLock<Text> = LazyLock::new(|| Text::from(""));

/// What a rule is judged for: an object, a part of one, or the whole cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Subject {
    /// The kind; empty for the whole cluster.
    pub kind: Text,
    /// The namespace; empty for what is in none.
    pub namespace: Text,
    /// The name.
    pub name: Text,
    /// The uid; empty when unknown.
    #[serde(skip)]
    pub uid: Text,
    /// Which part of the object, such as a node's name for a DaemonSet; empty for the whole.
    #[serde(skip_serializing_if = "is_empty")]
    pub part: Text,
}

fn is_empty(text: &Text) -> bool {
    text.is_empty()
}

fn text(value: &Value) -> Text {
    value.as_text().unwrap_or(&NOTHING).clone()
}

impl Subject {
    /// Names an object.
    pub fn of(object: &Value) -> Self {
        let metadata = &object["metadata"];
        Self {
            kind: text(&object["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&metadata["name"]),
            uid: text(&metadata["uid"]),
            part: NOTHING.clone(),
        }
    }

    /// Names the managing controller of an object, if it has one; it lives in the object's namespace.
    pub fn controller_of(object: &Value) -> Option<Self> {
        let metadata = &object["metadata"];
        let owner = metadata["ownerReferences"].items().iter().find(|owner| owner["controller"].bool())?;
        Some(Self {
            kind: text(&owner["kind"]),
            namespace: text(&metadata["namespace"]),
            name: text(&owner["name"]),
            uid: text(&owner["uid"]),
            part: NOTHING.clone(),
        })
    }

    /// Names the whole cluster.
    pub fn cluster() -> Self {
        let nothing = || NOTHING.clone();
        Self { kind: nothing(), namespace: nothing(), name: nothing(), uid: nothing(), part: nothing() }
    }

    /// Names a part of this.
    #[must_use]
    pub fn part(mut self, part: &str) -> Self {
        self.part = part.into();
        self
    }

    /// Tells whether this names `object`: the uids decide where both are known.
    pub fn is(&self, object: &Value) -> bool {
        if !self.uid.is_empty() && !object.uid().is_empty() {
            return *self.uid == *object.uid();
        }
        *self.kind == *object.kind() && *self.namespace == *object.namespace() && *self.name == *object.name()
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.kind, &*self.namespace) {
            ("", _) => out.write_str("the cluster")?,
            (kind, "") => write!(out, "{kind} {}", self.name)?,
            (kind, namespace) => write!(out, "{kind} {namespace}/{}", self.name)?,
        }
        if self.part.is_empty() { Ok(()) } else { write!(out, " ({})", self.part) }
    }
}
