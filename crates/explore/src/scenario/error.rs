//! What is wrong with a scenario file, and where.

use object::yaml::Position;
use std::fmt;

/// Something wrong with a scenario file, or with what it was asked to run with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ScenarioError {
    /// The file, as it was named.
    pub file: String,
    /// Where in the file; nothing when it is not about a place in it.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(Position { line, column }) => write!(out, "{}:{line}:{column}: {}", self.file, self.message),
            None => write!(out, "{}: {}", self.file, self.message),
        }
    }
}

/// Gives the known name that a mistyped one probably stands for.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let typed = name.to_lowercase();
    let distances = known.iter().map(|known| (distance(&typed, &known.to_lowercase()), *known));
    let (distance, candidate) = distances.min()?;
    (distance <= 2.max(typed.chars().count() / 3)).then_some(candidate)
}

/// Gives the number of letters to insert, remove or replace between two words (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Completes a message about an unknown name with what was probably meant, or with all that is known.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(meant) => format!("unknown {what} {name:?}; did you mean {meant:?}?"),
        None if known.is_empty() => format!("unknown {what} {name:?}; there is none"),
        None => format!("unknown {what} {name:?}; known are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour() {
        let known = ["replicas", "resource", "relist"];
        assert_eq!(nearest("replica", &known), Some("replicas"));
        assert_eq!(nearest("Relist", &known), Some("relist"));
        assert_eq!(nearest("bananas", &known), None);
        assert_eq!(unknown("field", "x", &[]), "unknown field \"x\"; there is none");
    }
}
