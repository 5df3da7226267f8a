//! Hashes of pod templates and revisions, in the alphabet of Kubernetes's names.
//!
//! Upstream hashes the printed form of a Go struct with FNV-1a; here the JSON of the template is hashed, so the values
//! differ while their use is the same (`docs/DIVERGENCE.md`).

use object::Value;

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u32 {
    bytes.into_iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
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
