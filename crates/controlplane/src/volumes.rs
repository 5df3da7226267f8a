//! What claims, volumes and classes say about each other (`k8s.io/component-helpers/storage/volume`).

use object::{ObjectExt, Quantity, Value};

/// On a claim: it and its volume are bound to each other.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a claim or a volume: a controller chose the other side, not a user.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// On a volume: who made it.
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// On a claim: who is to make its volume.
pub(crate) const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same in its older form, which is still written beside it.
pub(crate) const PROVISIONER_BETA: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// On a claim: the node for which its volume is wanted.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// On a class: claims that name no class get this one.
pub(crate) const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";
const CLASS_BETA: &str = "volume.beta.kubernetes.io/storage-class";

/// Gives the class of a claim or a volume, `""` for none.
pub(crate) fn class_of(object: &Value) -> &str {
    object.annotation(CLASS_BETA).unwrap_or_else(|| object["spec"]["storageClassName"].str())
}

/// Tells whether a claim has named no class at all, which is not the same as naming none on purpose.
pub(crate) fn names_no_class(claim: &Value) -> bool {
    claim.annotation(CLASS_BETA).is_none() && claim["spec"]["storageClassName"].is_null()
}

/// Gives the size of a volume.
pub(crate) fn capacity_of(volume: &Value) -> Quantity {
    Quantity::of(&volume["spec"]["capacity"]["storage"]).unwrap_or_default()
}

/// Gives the size that a claim asks for.
pub(crate) fn request_of(claim: &Value) -> Quantity {
    Quantity::of(&claim["spec"]["resources"]["requests"]["storage"]).unwrap_or_default()
}

/// Tells whether a volume is held for a claim; a volume that a user held for it may not know its uid yet.
pub(crate) fn is_bound_to(volume: &Value, claim: &Value) -> bool {
    let holder = &volume["spec"]["claimRef"];
    !holder.is_null()
        && holder["name"] == claim.name()
        && holder["namespace"] == claim.namespace()
        && (holder["uid"].str().is_empty() || holder["uid"] == claim.uid())
}

/// Gives the mode of a claim or a volume: a file system or a bare device.
pub(crate) fn mode_of(object: &Value) -> &str {
    object["spec"]["volumeMode"].as_str().unwrap_or("Filesystem")
}

/// Tells whether a phase is one from which a volume never comes back by itself.
pub(crate) fn is_let_go(volume: &Value) -> bool {
    matches!(volume["status"]["phase"].str(), "Released" | "Failed")
}
