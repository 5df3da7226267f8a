//! The record of what could not be read.

use object::{GroupResource, Text};
use store::ResourceName;

/// Something that could not be read: of it, nothing can be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{resource}{} could not be read: {reason}", in_namespace(.namespace.as_deref()))]
pub struct Unread {
    /// The resource.
    pub resource: GroupResource,
    /// The namespace in which it could not be read; without one, nowhere.
    pub namespace: Option<Text>,
    /// Why, in the words of whoever refused.
    pub reason: Text,
}

impl Unread {
    /// Makes a record; without a namespace the resource could not be read anywhere.
    pub fn new<'a>(resource: impl Into<ResourceName<'a>>, namespace: Option<&str>, reason: &str) -> Self {
        Self { resource: resource.into().into(), namespace: namespace.map(Text::from), reason: reason.into() }
    }
}

fn in_namespace(namespace: Option<&str>) -> String {
    namespace.map(|namespace| format!(" in namespace {namespace}")).unwrap_or_default()
}
