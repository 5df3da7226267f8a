//! JSON pointers: `/metadata/labels/app`.
//!
//! Upstream: RFC 6901.

use crate::Value;
use std::fmt;

/// A JSON pointer, parsed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pointer {
    tokens: Vec<String>,
}

/// Says why a text is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// The text is neither empty nor begins with a slash.
    #[error("pointer {0:?} does not begin with a slash")]
    NoSlash(String),
    /// A tilde is followed by neither 0 nor 1.
    #[error("pointer {0:?} has a tilde that is followed by neither 0 nor 1")]
    BadEscape(String),
}

impl Pointer {
    /// Parses a pointer; the empty text points to the whole.
    ///
    /// # Errors
    /// When the text does not begin with a slash or has a wrong escape.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let rest = text.strip_prefix('/').ok_or_else(|| PointerError::NoSlash(text.to_owned()))?;
        let token = |token: &str| unescape(token).ok_or_else(|| PointerError::BadEscape(text.to_owned()));
        Ok(Self { tokens: rest.split('/').map(token).collect::<Result<_, _>>()? })
    }

    /// Makes a pointer of unescaped steps.
    pub fn from_tokens<T: Into<String>>(tokens: impl IntoIterator<Item = T>) -> Self {
        Self { tokens: tokens.into_iter().map(Into::into).collect() }
    }

    /// Gives the steps, unescaped.
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Splits off the last step; `None` for the pointer to the whole.
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (last, parents) = self.tokens.split_last()?;
        Some((Self { tokens: parents.to_vec() }, last))
    }

    /// Adds a step.
    pub fn push(&mut self, token: impl Into<String>) {
        self.tokens.push(token.into());
    }

    /// Tells whether this points to `other` or something above it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        other.tokens.starts_with(&self.tokens)
    }

    /// Gives what stands there, if anything.
    pub fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.tokens.iter().try_fold(value, |node, token| match node {
            Value::Map(map) => map.get(token),
            Value::List(list) => list.as_slice().get(index(token)?),
            _ => None,
        })
    }
}

/// Reads a step into a list: decimal without leading zeros.
pub(crate) fn index(token: &str) -> Option<usize> {
    let is_decimal = token.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = token == "0" || !token.starts_with('0');
    if is_decimal && is_canonical { token.parse().ok() } else { None }
}

fn unescape(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let rest = if let Some(rest) = part.strip_prefix('0') {
            plain.push('~');
            rest
        } else {
            plain.push('/');
            part.strip_prefix('1')?
        };
        plain.push_str(rest);
    }
    Some(plain)
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tokens.iter().try_for_each(|token| write!(f, "/{}", token.replace('~', "~0").replace('/', "~1")))
    }
}

impl std::str::FromStr for Pointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        Self::parse(text)
    }
}

impl Value {
    /// Gives what stands at an RFC 6901 pointer, such as `/spec/containers/0/image`.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        Pointer::parse(pointer).ok()?.get(self)
    }
}
