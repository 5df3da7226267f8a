//! Where the nodes of a document stand, for messages about what is in them.

use std::collections::BTreeMap;

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line, counted from 1.
    pub line: usize,
    /// The column, counted from 1.
    pub column: usize,
}

/// Where each node of a document stands, by its path as a JSON Pointer (RFC 6901).
///
/// What an alias or a merge key brings in has no place of its own: it stands where it is used.
#[derive(Clone, Debug, Default)]
pub struct Positions {
    nodes: BTreeMap<String, Place>,
    duplicates: Vec<(String, Position)>,
    path: String,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    key: Position,
    value: Position,
}

impl Positions {
    /// Gives where the node at a path begins; of one without a place of its own, where its nearest parent does.
    pub fn of(&self, pointer: &str) -> Position {
        self.nearest(pointer).value
    }

    /// Gives where the key of the node at a path stands, of an item of a list the item itself.
    pub fn of_key(&self, pointer: &str) -> Position {
        self.nearest(pointer).key
    }

    /// Gives the paths at which a map names a key again, with the places of the later ones, which win.
    pub fn duplicates(&self) -> &[(String, Position)] {
        &self.duplicates
    }

    fn nearest(&self, pointer: &str) -> Place {
        let mut at = pointer;
        loop {
            match (self.nodes.get(at), at.rsplit_once('/')) {
                (Some(place), _) => return *place,
                (None, Some((parent, _))) => at = parent,
                (None, None) => return Place { key: Position::default(), value: Position::default() },
            }
        }
    }

    pub(super) fn begin(&mut self, at: Position) {
        *self = Self::default();
        self.nodes.insert(String::new(), Place { key: at, value: at });
    }

    pub(super) fn enter(&mut self, step: &str, key: Position, value: Position) {
        self.path.push('/');
        self.path.push_str(&step.replace('~', "~0").replace('/', "~1"));
        if self.nodes.insert(self.path.clone(), Place { key, value }).is_some() {
            self.duplicates.push((self.path.clone(), key));
        }
    }

    pub(super) fn leave(&mut self) {
        self.path.truncate(self.path.rfind('/').unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, parse_with_positions};

    fn check(text: &str, pointer: &str, key: (usize, usize), value: (usize, usize)) {
        let (_, positions) = parse_with_positions(text, Limits::default()).unwrap();
        let (k, v) = (positions.of_key(pointer), positions.of(pointer));
        assert_eq!(((k.line, k.column), (v.line, v.column)), (key, value), "{pointer}");
    }

    #[test]
    fn nodes_know_their_places() {
        let text = "a: 1\nb:\n  c/d: [x, y]\n  e:\n  - f: 2\n";
        check(text, "/a", (1, 1), (1, 4));
        check(text, "/b/c~1d", (3, 3), (3, 8));
        check(text, "/b/c~1d/1", (3, 12), (3, 12));
        check(text, "/b/e/0/f", (5, 5), (5, 8));
        check(text, "/b/e/0/f/absent", (5, 5), (5, 8));
        check(text, "/absent", (1, 1), (1, 1));
    }

    #[test]
    fn a_key_that_comes_again_is_told() {
        let (_, positions) = parse_with_positions("a: 1\nb: {c: 1, c: 2}\n", Limits::default()).unwrap();
        let [(pointer, at)] = positions.duplicates() else { panic!("{positions:?}") };
        assert_eq!((pointer.as_str(), at.line, at.column), ("/b/c", 2, 11));
    }
}
