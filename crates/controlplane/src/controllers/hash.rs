//! Hashes of pod templates and revisions, in the alphabet of Kubernetes's names.
//!
//! For pod templates upstream hashes the printed form of a Go struct with FNV-1a; here the JSON of the template is
//! hashed, so the values differ while their use is the same (`docs/DIVERGENCE.md`). Those of a StatefulSet's revisions
//! are the same as upstream's, which hashes JSON there.

use object::Value;

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The older form of the same hash, which multiplies first.
fn fnv1(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| hash.wrapping_mul(0x0100_0193) ^ u32::from(byte))
}

/// Encodes digits so that no words appear by chance (`rand.SafeEncodeString`).
fn safe(hash: u32) -> String {
    hash.to_string().bytes().map(|digit| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()])).collect()
}

/// Gives the hash of a pod template, another one for each collision.
pub fn of_template(template: &Value, collisions: Option<i64>) -> String {
    let text = object::json::to_string(template);
    let suffix = collisions.map(|n| n.to_string()).unwrap_or_default();
    safe(fnv1a(text.bytes().chain(suffix.bytes())))
}

/// Gives the hash of what a revision holds (`HashControllerRevision`, `pkg/controller/history/controller_history.go`).
pub fn of_revision(data: &Value, collisions: i64) -> String {
    let text = go_json(data);
    safe(fnv1(text.bytes().chain(collisions.to_string().bytes())))
}

/// Writes JSON as Go does: keys in order, and what could mean something in HTML escaped.
fn go_json(data: &Value) -> String {
    let mut text = String::new();
    for letter in object::json::to_string(data).chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                text.push_str(&format!("\\u{:04x}", u32::from(letter)))
            }
            other => text.push(other),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    #[test]
    fn a_revision_has_the_hash_that_kubernetes_gives_it() {
        // Recorded from kube-controller-manager 1.36.3.
        let data = |image: &str| {
            value!({"spec": {"template": {
                "$patch": "replace",
                "metadata": {"labels": {"app": "db"}},
                "spec": {
                    "containers": [{
                        "image": image, "imagePullPolicy": "IfNotPresent", "name": "c", "resources": {},
                        "ports": [{"containerPort": 80, "name": "http", "protocol": "TCP"}],
                        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                    }],
                    "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                    "securityContext": {}, "terminationGracePeriodSeconds": 5,
                },
            }}})
        };
        assert_eq!(of_revision(&data("app:1"), 0), "6484789d98");
        assert_eq!(of_revision(&data("app:2"), 0), "6648fdc84f");
        assert_ne!(of_revision(&data("app:1"), 1), "6484789d98");
    }
}
