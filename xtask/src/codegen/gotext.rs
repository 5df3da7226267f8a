//! The little of Go's syntax that is read here.

/// Gives the text between the first two double quotes of a line.
pub fn quoted(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once('"')?;
    rest.split_once('"').map(|(text, _)| text)
}
