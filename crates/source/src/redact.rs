//! Secrets without their secrets.
//!
//! Checks need to know which keys a Secret has and whether a TLS certificate is one; nobody needs the values. So they
//! are replaced before an object reaches a view, a report or a simulation:
//!
//! - each value of `data` that is not empty becomes the base64 of `redacted`, each of `stringData` becomes `redacted`;
//! - `tls.crt` is kept as it is, for a certificate is public: in a `kubernetes.io/tls` Secret whatever it holds, in
//!   others if it is a certificate; never if it holds a private key;
//! - the annotation `kubectl.kubernetes.io/last-applied-configuration`, which repeats the values, is dropped.

use object::{Key, ObjectExt, Value};

/// What stands for a value of `data`: the base64 of `redacted`.
pub const REDACTED_DATA: &str = "cmVkYWN0ZWQ=";

/// What stands for a value of `stringData`.
pub const REDACTED_TEXT: &str = "redacted";

const CERTIFICATE: &str = "tls.crt";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Replaces the values of a Secret; any other object stays as it is.
pub fn redact(object: &mut Value) {
    if object.kind() != "Secret" || object.api_version() != "v1" {
        return;
    }
    let is_tls = object["type"] == "kubernetes.io/tls";
    for (field, replacement) in [("data", REDACTED_DATA), ("stringData", REDACTED_TEXT)] {
        if object[field].as_map().is_none() {
            // No API server accepts this, and who knows what it is.
            object.remove(&[field]);
            continue;
        }
        let hidden = |(key, value): (&Key, &Value)| {
            let is_empty = value.is_null() || value.as_str() == Some("");
            let is_public = key.as_str() == CERTIFICATE && is_public(value.str(), field == "data", is_tls);
            (!is_empty && !is_public).then(|| key.as_str().to_owned())
        };
        let keys: Vec<String> = object[field].entries().filter_map(hidden).collect();
        for key in keys {
            object.set(&[field, &key], replacement);
        }
    }
    object.remove(&["metadata", "annotations", LAST_APPLIED]);
}

fn is_public(value: &str, is_base64: bool, is_tls: bool) -> bool {
    let text = if is_base64 { decode(value).unwrap_or_default() } else { value.as_bytes().to_vec() };
    let holds = |needle: &str| text.windows(needle.len()).any(|window| window == needle.as_bytes());
    !holds("PRIVATE KEY") && (is_tls || holds("BEGIN CERTIFICATE"))
}

/// Decodes standard base64 with or without padding, line breaks allowed; `None` where it is none.
fn decode(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0_u32);
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::value;

    /// The base64 of "-----BEGIN CERTIFICATE-----".
    const CERT: &str = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t";
    /// The base64 of "-----BEGIN PRIVATE KEY-----".
    const PRIVATE: &str = "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t";

    fn check(kind: &str, data: Value, expected: Value) {
        let mut secret = value!({"apiVersion": "v1", "kind": "Secret", "type": kind, "data": data});
        redact(&mut secret);
        assert_eq!(secret["data"], expected);
    }

    #[test]
    fn keys_and_emptiness_stay_and_values_go() {
        check("Opaque", value!({"a": "c2VjcmV0", "empty": ""}), value!({"a": REDACTED_DATA, "empty": ""}));
        check("Opaque", value!({"odd": ["c2VjcmV0"]}), value!({"odd": REDACTED_DATA}));
    }

    #[test]
    fn certificates_stay_but_never_keys() {
        let tls = "kubernetes.io/tls";
        check(
            tls,
            value!({"tls.crt": CERT, "tls.key": PRIVATE}),
            value!({"tls.crt": CERT, "tls.key": REDACTED_DATA}),
        );
        // What is no certificate is what a check must be able to see.
        check(
            tls,
            value!({"tls.crt": "bm90IGEgY2VydGlmaWNhdGU="}),
            value!({"tls.crt": "bm90IGEgY2VydGlmaWNhdGU="}),
        );
        check(tls, value!({"tls.crt": PRIVATE}), value!({"tls.crt": REDACTED_DATA}));
        check("Opaque", value!({"tls.crt": CERT}), value!({"tls.crt": CERT}));
        check("Opaque", value!({"tls.crt": "aHVudGVyMg=="}), value!({"tls.crt": REDACTED_DATA}));
    }

    #[test]
    fn copies_of_the_values_go_too() {
        let mut secret = value!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": "a", "annotations": {LAST_APPLIED: "{\"data\":{\"a\":\"c2VjcmV0\"}}", "b": "c"}},
            "stringData": {"password": "hunter2"},
        });
        redact(&mut secret);
        assert_eq!(secret["stringData"]["password"], REDACTED_TEXT);
        assert_eq!(secret["metadata"]["annotations"], value!({"b": "c"}));
    }
}
