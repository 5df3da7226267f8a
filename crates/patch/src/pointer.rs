//! JSON pointers (RFC 6901) as patches use them.

use thiserror::Error;

/// A parsed JSON pointer: the keys and indexes from the root to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

/// Why a text is no JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("path {0:?} does not start with '/'")]
pub struct PointerError(pub String);

impl Pointer {
    /// Parses a pointer; `""` is the root.
    ///
    /// # Errors
    /// When the text is neither empty nor starts with a slash. A tilde that begins no escape stands for itself, as
    /// the library behind the API server reads it.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let Some(rest) = text.strip_prefix('/') else { return Err(PointerError(text.to_owned())) };
        Ok(Self(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()))
    }

    /// Gives the keys and indexes, outermost first.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Tells whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether `other` lies inside the node this points to.
    pub fn is_above(&self, other: &Self) -> bool {
        other.0.len() > self.0.len() && other.0.starts_with(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Pointer;

    fn check(text: &str, expected: Option<&[&str]>) {
        let parsed = Pointer::parse(text).ok();
        let parts = parsed.as_ref().map(|p| p.parts().iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(parts.as_deref(), expected, "{text:?}");
    }

    #[test]
    fn escapes_are_undone_once() {
        check("", Some(&[]));
        check("/", Some(&[""]));
        check("/a/b", Some(&["a", "b"]));
        check("/metadata/labels/x.io~1y", Some(&["metadata", "labels", "x.io/y"]));
        check("/a~01", Some(&["a~1"]));
        check("/a~2", Some(&["a~2"]));
        check("a/b", None);
    }
}
