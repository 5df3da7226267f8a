//! Accessors for what every Kubernetes object carries: `apiVersion`, `kind` and `metadata`.

use crate::Value;

/// Reads and writes the parts that all Kubernetes objects share.
pub trait ObjectExt {
    /// Gives `kind`, `""` when absent.
    fn kind(&self) -> &str;
    /// Gives `apiVersion`, `""` when absent.
    fn api_version(&self) -> &str;
    /// Gives `metadata.name`, `""` when absent.
    fn name(&self) -> &str;
    /// Gives `metadata.namespace`, `""` when absent.
    fn namespace(&self) -> &str;
    /// Gives `metadata.uid`, `""` when absent.
    fn uid(&self) -> &str;
    /// Gives `metadata.resourceVersion` as a number, 0 when absent or not decimal.
    fn revision(&self) -> u64;
    /// Gives `metadata.generation`, 0 when absent.
    fn generation(&self) -> i64;
    /// Gives the value of a label.
    fn label(&self, key: &str) -> Option<&str>;
    /// Gives the value of an annotation.
    fn annotation(&self, key: &str) -> Option<&str>;
    /// Gives `metadata.labels`, null when absent.
    fn labels(&self) -> &Value;
    /// Tells whether `metadata.deletionTimestamp` is set.
    fn is_deleting(&self) -> bool;
    /// Tells whether a finalizer is present.
    fn has_finalizer(&self, finalizer: &str) -> bool;
    /// Gives the owner that has `controller: true`.
    fn controller_of(&self) -> Option<OwnerReference<'_>>;
    /// Gives all owners.
    fn owners(&self) -> impl Iterator<Item = OwnerReference<'_>>;
    /// Gives the condition of `status.conditions` with this type, null when absent.
    fn condition(&self, kind: &str) -> &Value;
    /// Gives `namespace/name`, or the name alone of a cluster-scoped object.
    fn full_name(&self) -> String;
}

/// One entry of `metadata.ownerReferences`, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerReference<'a> {
    /// The owner's `apiVersion`.
    pub api_version: &'a str,
    /// The owner's kind.
    pub kind: &'a str,
    /// The owner's name.
    pub name: &'a str,
    /// The owner's uid.
    pub uid: &'a str,
    /// Whether the owner is the managing controller.
    pub controller: bool,
    /// Whether foreground deletion of the owner waits for this object.
    pub block_owner_deletion: bool,
}

impl<'a> OwnerReference<'a> {
    fn read(value: &'a Value) -> Self {
        Self {
            api_version: value["apiVersion"].str(),
            kind: value["kind"].str(),
            name: value["name"].str(),
            uid: value["uid"].str(),
            controller: value["controller"].bool(),
            block_owner_deletion: value["blockOwnerDeletion"].bool(),
        }
    }
}

impl ObjectExt for Value {
    fn kind(&self) -> &str {
        self["kind"].str()
    }

    fn api_version(&self) -> &str {
        self["apiVersion"].str()
    }

    fn name(&self) -> &str {
        self["metadata"]["name"].str()
    }

    fn namespace(&self) -> &str {
        self["metadata"]["namespace"].str()
    }

    fn uid(&self) -> &str {
        self["metadata"]["uid"].str()
    }

    fn revision(&self) -> u64 {
        self["metadata"]["resourceVersion"].str().parse().unwrap_or(0)
    }

    fn generation(&self) -> i64 {
        self["metadata"]["generation"].int()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self["metadata"]["labels"][key].as_str()
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self["metadata"]["annotations"][key].as_str()
    }

    fn labels(&self) -> &Value {
        &self["metadata"]["labels"]
    }

    fn is_deleting(&self) -> bool {
        !self["metadata"]["deletionTimestamp"].is_null()
    }

    fn has_finalizer(&self, finalizer: &str) -> bool {
        self["metadata"]["finalizers"].items().iter().any(|f| *f == finalizer)
    }

    fn controller_of(&self) -> Option<OwnerReference<'_>> {
        self.owners().find(|owner| owner.controller)
    }

    fn owners(&self) -> impl Iterator<Item = OwnerReference<'_>> {
        self["metadata"]["ownerReferences"].items().iter().map(OwnerReference::read)
    }

    fn condition(&self, kind: &str) -> &Value {
        static ABSENT: Value = Value::Null;
        self["status"]["conditions"].items().iter().find(|c| c["type"] == kind).unwrap_or(&ABSENT)
    }

    fn full_name(&self) -> String {
        if self.namespace().is_empty() {
            self.name().to_owned()
        } else {
            format!("{}/{}", self.namespace(), self.name())
        }
    }
}
