//! Field selectors: `metadata.name=web,status.phase!=Running`.
//!
//! Upstream: `k8s.io/apimachinery/pkg/fields`. Which fields a kind supports is not known here.

use crate::SelectorError;
use std::fmt;

/// A field selector: all of its requirements must hold.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

/// One condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldRequirement {
    /// The field's path as written in the query, such as `spec.nodeName`.
    pub field: String,
    /// Whether the field must equal the value (`=`, `==`) or must not (`!=`).
    pub equal: bool,
    /// The value, unescaped.
    pub value: String,
}

impl FieldSelector {
    /// Parses `field=value` terms separated by commas; `\`, `,` and `=` within a value are escaped by `\`.
    ///
    /// # Errors
    /// When a term has no operator or an escape is wrong; the text is the API server's.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = split_terms(text);
        terms.sort_unstable();
        let mut requirements = Vec::new();
        for term in terms.into_iter().filter(|term| !term.is_empty()) {
            let (field, equal, value) = split_term(term).ok_or_else(|| {
                SelectorError(format!("invalid selector: '{text}'; can't understand '{term}'"))
            })?;
            let value = unescape(value)?;
            // Upstream drops terms that name nothing at all, such as `=`.
            if !field.is_empty() || !value.is_empty() {
                requirements.push(FieldRequirement { field: field.to_owned(), equal, value });
            }
        }
        Ok(Self { requirements })
    }

    /// Gives the requirements in the order of their texts.
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// Tells whether there is no requirement.
    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Gives the value that `field` must equal, if one is demanded.
    pub fn exact(&self, field: &str) -> Option<&str> {
        let found =
            self.requirements.iter().find(|requirement| requirement.equal && requirement.field == field);
        found.map(|requirement| requirement.value.as_str())
    }

    /// Tells whether every requirement holds for the fields that `read` gives; an absent field is `""`.
    pub fn matches<'a>(&self, read: impl Fn(&str) -> &'a str) -> bool {
        self.requirements
            .iter()
            .all(|requirement| (read(&requirement.field) == requirement.value) == requirement.equal)
    }
}

/// Splits at the commas that are not escaped, keeping the escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut escaped = false;
    text.split(|letter| {
        let is_separator = letter == ',' && !escaped;
        escaped = letter == '\\' && !escaped;
        is_separator
    })
    .collect()
}

/// Splits at the first operator.
fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let at = term.char_indices().map(|(at, _)| at).find(|at| {
        let rest = &term[*at..];
        rest.starts_with('=') || rest.starts_with("!=")
    })?;
    let (field, rest) = term.split_at(at);
    let (operator, equal) = match rest {
        _ if rest.starts_with("!=") => ("!=", false),
        _ if rest.starts_with("==") => ("==", true),
        _ => ("=", true),
    };
    Some((field, equal, &rest[operator.len()..]))
}

fn unescape(value: &str) -> Result<String, SelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | ',' | '=')) => plain.push(escaped),
                other => {
                    let sequence = format!("\\{}", other.map(String::from).unwrap_or_default());
                    let text = format!("invalid field selector: invalid escape sequence: {sequence}");
                    return Err(SelectorError(text));
                }
            },
            ',' | '=' => {
                // Go prints the character as its number.
                let number = u32::from(letter);
                let text = format!("invalid field selector: unescaped character in value: {number}");
                return Err(SelectorError(text));
            }
            _ => plain.push(letter),
        }
    }
    Ok(plain)
}

impl std::str::FromStr for FieldSelector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

/// Writes the syntax of list queries, escaped.
impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.requirements.iter().enumerate() {
            write!(f, "{}{requirement}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// Writes the syntax of list queries, escaped.
impl fmt::Display for FieldRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.equal { "=" } else { "!=" };
        write!(f, "{}{operator}", self.field)?;
        for letter in self.value.chars() {
            let escape = if matches!(letter, '\\' | ',' | '=') { "\\" } else { "" };
            write!(f, "{escape}{letter}")?;
        }
        Ok(())
    }
}
