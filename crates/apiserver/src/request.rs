//! What a client asks: the request, already taken apart.

use crate::options::Options;
use object::{GroupResource, GroupVersionResource, ObjectExt, Text, Value};
pub use schema::Verb;

/// How a patch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatchType {
    /// RFC 6902: a list of operations.
    Json,
    /// RFC 7386: the changed fields.
    Merge,
    /// The changed fields, lists merged by the keys of their items.
    StrategicMerge,
    /// Server-side apply: the fields that the manager wants.
    Apply,
}

impl PatchType {
    /// Reads a media type, without parameters.
    pub fn from_media_type(media_type: &str) -> Option<Self> {
        match media_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::StrategicMerge),
            "application/apply-patch+yaml" => Some(Self::Apply),
            _ => None,
        }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What is to be done.
    pub verb: Verb,
    /// The API group, `""` for the core group.
    pub group: Text,
    /// The version within the group.
    pub version: Text,
    /// The resource, such as `pods`.
    pub resource: Text,
    /// The namespace; `""` for a cluster-scoped resource, and for a list over all namespaces.
    pub namespace: Text,
    /// The object's name, `""` where the request names none.
    pub name: Text,
    /// The sub-resource, such as `status`; mostly `""`.
    pub subresource: Text,
    /// The options, from the query or the body.
    pub options: Options,
    /// The body of a write.
    pub body: Option<Value>,
    /// How the body of a patch is written; none if the media type is none of the four.
    pub patch_type: Option<PatchType>,
    /// The client's `User-Agent`.
    pub user_agent: Text,
    /// The user's name.
    pub user: Text,
}

impl Request {
    /// Makes a request without a name, options or body.
    pub fn new(verb: Verb, resource: &GroupVersionResource, namespace: &str) -> Self {
        Self {
            verb,
            group: resource.group.clone(),
            version: resource.version.clone(),
            resource: resource.resource.clone(),
            namespace: namespace.into(),
            name: "".into(),
            subresource: "".into(),
            options: Options::default(),
            body: None,
            patch_type: None,
            user_agent: "".into(),
            user: "".into(),
        }
    }

    /// Asks for one object.
    pub fn get(resource: &GroupVersionResource, namespace: &str, name: &str) -> Self {
        Self::new(Verb::Get, resource, namespace).named(name)
    }

    /// Asks for all objects of a namespace, or of all namespaces if that is `""`.
    pub fn list(resource: &GroupVersionResource, namespace: &str) -> Self {
        Self::new(Verb::List, resource, namespace)
    }

    /// Asks to be told of changes in a namespace, or in all namespaces if that is `""`.
    pub fn watch(resource: &GroupVersionResource, namespace: &str) -> Self {
        Self::new(Verb::Watch, resource, namespace)
    }

    /// Asks to store a new object, in the namespace that its metadata names.
    pub fn create(resource: &GroupVersionResource, object: Value) -> Self {
        Self::new(Verb::Create, resource, object.namespace()).with_body(object)
    }

    /// Asks to replace the object whose name and namespace its metadata give.
    pub fn update(resource: &GroupVersionResource, object: Value) -> Self {
        Self::new(Verb::Update, resource, object.namespace()).named(object.name()).with_body(object)
    }

    /// Asks to replace the status of the object whose name and namespace its metadata give.
    pub fn update_status(resource: &GroupVersionResource, object: Value) -> Self {
        Self::update(resource, object).with_subresource("status")
    }

    /// Asks to change one object.
    pub fn patch(
        resource: &GroupVersionResource,
        namespace: &str,
        name: &str,
        patch_type: PatchType,
        patch: Value,
    ) -> Self {
        let request = Self::new(Verb::Patch, resource, namespace).named(name).with_body(patch);
        Self { patch_type: Some(patch_type), ..request }
    }

    /// Asks to delete one object.
    pub fn delete(resource: &GroupVersionResource, namespace: &str, name: &str) -> Self {
        Self::new(Verb::Delete, resource, namespace).named(name)
    }

    /// Asks to delete all objects of a namespace that the options select.
    pub fn delete_collection(resource: &GroupVersionResource, namespace: &str) -> Self {
        Self::new(Verb::DeleteCollection, resource, namespace)
    }

    /// Names the object.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// Goes to a sub-resource.
    #[must_use]
    pub fn with_subresource(self, subresource: &str) -> Self {
        Self { subresource: subresource.into(), ..self }
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(self, body: Value) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Changes the options.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    /// Says which program asks.
    #[must_use]
    pub fn by(self, user_agent: &Text) -> Self {
        Self { user_agent: user_agent.clone(), ..self }
    }

    /// Gives the resource without its version.
    pub fn group_resource(&self) -> GroupResource {
        GroupResource { group: self.group.clone(), resource: self.resource.clone() }
    }

    /// Gives `apiVersion` as objects carry it.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}
