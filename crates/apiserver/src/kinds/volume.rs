//! Defaults of a pod's volumes.

use super::{DecodeError, storage};
use crate::edit::{default_to, each, inside};
use object::{Value, value};

/// The mode of files made of texts: 0644.
const FILE_MODE: i64 = 0o644;

/// Sets the defaults of one volume.
pub fn default(volume: &mut Value) -> Result<(), DecodeError> {
    if volume.entries().all(|(key, _)| key.as_str() == "name") {
        volume.set(&["emptyDir"], value!({}));
    }
    for source in ["configMap", "secret", "downwardAPI", "projected"] {
        inside(volume, &[source], |source| default_to(source, &["defaultMode"], FILE_MODE));
    }
    inside(volume, &["downwardAPI"], default_downward);
    each(volume, &["projected", "sources"], |source| {
        inside(source, &["downwardAPI"], default_downward);
        inside(source, &["serviceAccountToken"], |token| default_to(token, &["expirationSeconds"], 3_600));
    });
    default_host_path(volume);
    inside(volume, &["iscsi"], |iscsi| default_to(iscsi, &["iscsiInterface"], "default"));
    let mut outcome = Ok(());
    inside(volume, &["ephemeral", "volumeClaimTemplate"], |claim| {
        outcome = storage::default_claim_spec(claim);
    });
    outcome
}

/// Sets the type of a path on the host, which volumes of pods and persistent volumes have alike.
pub fn default_host_path(source: &mut Value) {
    inside(source, &["hostPath"], |path| default_to(path, &["type"], ""));
}

fn default_downward(source: &mut Value) {
    each(source, &["items"], |item| {
        inside(item, &["fieldRef"], |reference| default_to(reference, &["apiVersion"], "v1"));
    });
}
