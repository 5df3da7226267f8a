//! Continue tokens: where a list goes on, and at which revision.
//!
//! Upstream: `k8s.io/apiserver/pkg/storage/continue.go`. A token is URL-safe Base64 without padding of a small JSON
//! object; clients must not look into it, but error messages do.

use object::{Value, value};

const VERSION: &str = "meta.k8s.io/v1";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The longest token that is read, in bytes.
const TOKEN_BYTES_MAX: usize = 4 * 1024;

/// Where a list goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// The revision of the whole list; none if the rest may come from a later state.
    pub revision: Option<u64>,
    /// The key of the last object given.
    pub after: String,
}

impl Continuation {
    /// Goes on after a key, at the revision of the list.
    pub fn new(revision: u64, after: &str) -> Self {
        Self { revision: Some(revision), after: after.to_owned() }
    }

    /// Goes on at the same place, in whatever state there is then.
    pub fn inconsistent(&self) -> Self {
        Self { revision: None, after: self.after.clone() }
    }

    /// Writes the token.
    pub fn encode(&self) -> String {
        let revision = self.revision.map_or(Value::Int(-1), Value::from);
        let token = value!({"v": VERSION, "rv": revision, "start": format!("/{}\0", self.after)});
        encode_base64(object::json::to_string(&token).as_bytes())
    }

    /// Reads a token; the error is what the server says of it.
    pub fn decode(text: &str) -> Result<Self, String> {
        let bytes = Some(text).filter(|text| text.len() <= TOKEN_BYTES_MAX).and_then(decode_base64);
        let Some(bytes) = bytes else {
            return Err("continue key is not valid: illegal base64 data".to_owned());
        };
        let token = object::json::parse(&bytes).map_err(|_| not_json(&bytes))?;
        if token["v"] != VERSION {
            let version = token["v"].str();
            return Err(format!(
                "continue key is not valid: server does not recognize this encoded version {version:?}"
            ));
        }
        let start = token["start"].str();
        if start.is_empty() {
            return Err(format!("continue key is not valid: encoded start key empty (version {VERSION})"));
        }
        let revision = match token["rv"].int() {
            0 => {
                return Err(format!(
                    "continue key is not valid: incorrect encoded start resourceVersion (version {VERSION})"
                ));
            }
            rv => u64::try_from(rv).ok(),
        };
        Ok(Self { revision, after: start.trim_start_matches('/').trim_end_matches('\0').to_owned() })
    }
}

/// Says what Go's JSON decoder says of a text that does not begin like an object.
fn not_json(bytes: &[u8]) -> String {
    let why = match bytes.first() {
        None => "unexpected end of JSON input".to_owned(),
        Some(b'{') => "invalid character in token".to_owned(),
        Some(byte) => format!("invalid character '{}' looking for beginning of value", char::from(*byte)),
    };
    format!("continue key is not valid: {why}")
}

fn encode_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * at)) as usize & 63]));
        }
    }
    text
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for chunk in text.as_bytes().chunks(4) {
        let mut word = 0_u32;
        for letter in chunk {
            let digit = ALPHABET.iter().position(|known| known == letter)?;
            word = word << 6 | digit as u32;
        }
        match chunk.len() {
            4 => bytes.extend_from_slice(&word.to_be_bytes()[1..]),
            3 => bytes.extend_from_slice(&(word >> 2).to_be_bytes()[2..]),
            2 => bytes.push((word >> 4) as u8),
            _ => return None,
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_a_round_trip() {
        for after in ["a", "ns/name", "ns/name-2"] {
            let token = Continuation::new(235, after);
            assert_eq!(Continuation::decode(&token.encode()), Ok(token.clone()));
            let later = Continuation { revision: None, after: after.to_owned() };
            assert_eq!(Continuation::decode(&token.inconsistent().encode()), Ok(later));
        }
        // The token of a real server, as in the reference: `{"v":"meta.k8s.io/v1","rv":235,"start":"/c1\u0000"}`.
        let real = "eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MjM1LCJzdGFydCI6Ii9jMVx1MDAwMCJ9";
        assert_eq!(Continuation::decode(real), Ok(Continuation::new(235, "c1")));
    }

    #[test]
    fn garbage_is_refused_in_the_words_of_the_real_server() {
        let check =
            |token: &str, expected: &str| assert_eq!(Continuation::decode(token), Err(expected.to_owned()));
        check("zzz", "continue key is not valid: invalid character 'Ï' looking for beginning of value");
        check("!", "continue key is not valid: illegal base64 data");
        check(
            &encode_base64(br#"{"v":"x"}"#),
            "continue key is not valid: server does not recognize this encoded version \"x\"",
        );
    }
}
