//! Storage classes: which one a claim has, and whether anybody provisions for it.

use std::collections::BTreeMap;

use object::{ObjectExt, Value};
use view::View;

/// The class that claims without one get.
const DEFAULT: [&str; 2] =
    ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];

/// Provisioners in the tree whose work CSI drivers have taken over (`csi-translation-lib/plugins`).
const MIGRATED: [(&str, &str); 7] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/azure-file", "file.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
    ("kubernetes.io/vsphere-volume", "csi.vsphere.vmware.com"),
];

/// The provisioner of volumes that are made by hand.
pub(super) const NONE: &str = "kubernetes.io/no-provisioner";

/// Gives the name of the class a claim asks for; nothing if it names none, empty if it wants none.
pub(super) fn of_claim(claim: &Value) -> Option<&str> {
    claim["spec"]["storageClassName"]
        .as_str()
        .or_else(|| claim.annotation("volume.beta.kubernetes.io/storage-class"))
}

pub(super) fn waits_for_consumer(class: &Value) -> bool {
    class["volumeBindingMode"] == "WaitForFirstConsumer"
}

pub(super) fn has_default(view: &View) -> bool {
    let is_default = |class: &Value| DEFAULT.iter().any(|key| class.annotation(key) == Some("true"));
    view.list("storageclasses.storage.k8s.io").any(is_default)
}

/// Whether somebody provisions for a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Driver {
    /// There are signs of it.
    Installed,
    /// There is no sign of it.
    Missing,
    /// The signs could not be read.
    Unknown,
    /// None is wanted.
    NotNeeded,
}

/// The classes whose provisioner was looked for: many claims have few classes.
#[derive(Default)]
pub(super) struct Drivers {
    known: BTreeMap<String, Driver>,
}

impl Drivers {
    /// Tells whether somebody provisions for a class.
    pub(super) fn of(&mut self, view: &View, class: &Value) -> Driver {
        *self.known.entry(class.name().to_owned()).or_insert_with(|| driver(view, class))
    }
}

/// Looks for signs of a class's provisioner: a CSIDriver, a node plugin, a volume it made, its lease, a pod told its
/// name. A provisioner that is no CSI driver has no object of its own, so each sign suffices.
fn driver(view: &View, class: &Value) -> Driver {
    let provisioner = class["provisioner"].str();
    if provisioner == NONE {
        return Driver::NotNeeded;
    }
    let migrated = MIGRATED.iter().find(|(old, _)| *old == provisioner).map_or(provisioner, |(_, new)| new);
    let is_there = has_csi_driver(view, migrated)
        || has_made_volumes(view, provisioner)
        || has_made_volumes(view, migrated)
        || has_lease(view, provisioner)
        || is_named_by_pod(view, provisioner);
    if is_there {
        Driver::Installed
    } else if view.readable("csidrivers.storage.k8s.io").is_ok() {
        Driver::Missing
    } else {
        Driver::Unknown
    }
}

fn has_csi_driver(view: &View, name: &str) -> bool {
    let has_plugin =
        |node: &Value| node["spec"]["drivers"].items().iter().any(|driver| driver["name"] == name);
    view.get("csidrivers.storage.k8s.io", "", name).is_some()
        || view.list("csinodes.storage.k8s.io").any(has_plugin)
}

fn has_made_volumes(view: &View, name: &str) -> bool {
    view.list("persistentvolumes").any(|volume| {
        volume.annotation("pv.kubernetes.io/provisioned-by") == Some(name)
            || volume["spec"]["csi"]["driver"] == name
    })
}

/// Provisioners elect a leader by a lease named after them, with what a name cannot hold replaced
/// (`external-provisioner`, `sig-storage-lib-external-provisioner`).
fn has_lease(view: &View, name: &str) -> bool {
    let names = [name.replace('/', "-"), name.replace(['/', '.'], "-")];
    view.list("leases.coordination.k8s.io").any(|lease| names.iter().any(|name| name == lease.name()))
}

fn is_named_by_pod(view: &View, name: &str) -> bool {
    let says = |text: &Value| {
        text.str() == name || text.str().rsplit_once('=').is_some_and(|(_, value)| value == name)
    };
    view.list("pods").any(|pod| {
        pod["spec"]["containers"].items().iter().any(|container| {
            ["args", "command"].iter().any(|field| container[*field].items().iter().any(says))
                || container["env"].items().iter().any(|variable| variable["value"] == name)
        })
    })
}
