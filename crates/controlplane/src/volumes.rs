//! What claims, volumes and classes say about each other (`k8s.io/component-helpers/storage/volume`).

use crate::sha256;
use object::{ObjectExt, Quantity, Text, Value};

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

/// What the unique names of CSI volumes begin with (`pkg/volume/csi/csi_plugin.go`, `CSIPluginName`).
const CSI_PREFIX: &str = "kubernetes.io/csi/";

/// Gives the name by which nodes' statuses call a volume; none unless a CSI driver serves it.
pub(crate) fn unique_name(volume: &Value) -> Option<Text> {
    let source = &volume["spec"]["csi"];
    let (driver, handle) = (source["driver"].str(), source["volumeHandle"].str());
    (!driver.is_empty() && !handle.is_empty()).then(|| format!("{CSI_PREFIX}{driver}^{handle}").into())
}

/// Takes a unique name apart into driver and handle.
pub(crate) fn split_unique_name(name: &str) -> Option<(&str, &str)> {
    let (driver, handle) = name.strip_prefix(CSI_PREFIX)?.split_once('^')?;
    (!handle.contains('^')).then_some((driver, handle))
}

/// Gives the name of the VolumeAttachment of a volume and a node (`csi_attacher.go`, `getAttachmentName`).
pub(crate) fn attachment_name(driver: &str, handle: &str, node: &str) -> String {
    format!("csi-{}", sha256::hex(format!("{handle}{driver}{node}").as_bytes()))
}

/// Tells whether a driver's volumes must be attached; a driver without a CSIDriver object has not said otherwise
/// (`csi_plugin.go`, `skipAttach`).
pub(crate) fn needs_attach(driver: Option<&Value>) -> bool {
    driver.is_none_or(|driver| driver["spec"]["attachRequired"].as_bool().unwrap_or(true))
}

/// Tells whether a volume may be attached to several nodes at once; of one that is not known nobody can say, so it may
/// (`pkg/volume/util`, `IsMultiAttachAllowed`).
pub(crate) fn may_be_attached_twice(volume: &Value) -> bool {
    let modes = volume["spec"]["accessModes"].items();
    modes.is_empty() || modes.iter().any(|mode| matches!(mode.str(), "ReadWriteMany" | "ReadOnlyMany"))
}
