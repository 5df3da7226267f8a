//! What differs between two trees: as changes, as a JSON patch, as lines to read.
//!
//! Subtrees that both sides share are passed over by a comparison of pointers, so the cost follows what changed and
//! not what there is.

mod align;
mod readable;

use crate::pointer::Pointer;
use crate::{Key, Map, Value, value};
use align::Pair;

pub use readable::readable;

/// One step of the path to a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Into a field of a map.
    Field(&'a str),
    /// Into an item of a list.
    Item {
        /// Where the item stands once the changes before this one are made.
        at: usize,
        /// The field by which the item is known among its like, with its value, such as `name` and `web`.
        known_by: Option<(&'a str, &'a Value)>,
    },
}

/// One difference: a value that came, went or became another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<'a> {
    /// The path from the root.
    pub path: Vec<Step<'a>>,
    /// What was there, if anything.
    pub old: Option<&'a Value>,
    /// What is there now, if anything.
    pub new: Option<&'a Value>,
}

impl Change<'_> {
    /// Gives the path as a JSON pointer.
    pub fn pointer(&self) -> Pointer {
        Pointer::from_tokens(self.path.iter().map(|step| match step {
            Step::Field(name) => (*name).to_owned(),
            Step::Item { at, .. } => at.to_string(),
        }))
    }
}

/// Gives the changes that make `new` of `old` when they are made one after another.
///
/// Items of lists are matched where they are equal or known by the same `name`, `type`, `key` or the like.
pub fn changes<'a>(old: &'a Value, new: &'a Value) -> Vec<Change<'a>> {
    let mut differ = Differ { path: Vec::new(), changes: Vec::new() };
    differ.node(old, new);
    differ.changes
}

/// Gives the RFC 6902 patch, a list of `add`, `remove` and `replace` operations, that makes `new` of `old`.
pub fn json_patch(old: &Value, new: &Value) -> Value {
    changes(old, new).iter().map(operation).collect()
}

fn operation(change: &Change<'_>) -> Value {
    let path = change.pointer().to_string();
    match (change.old, change.new) {
        (Some(_), None) => value!({"op": "remove", "path": path}),
        (Some(_), Some(new)) => value!({"op": "replace", "path": path, "value": new}),
        (None, new) => value!({"op": "add", "path": path, "value": new.cloned()}),
    }
}

struct Differ<'a> {
    path: Vec<Step<'a>>,
    changes: Vec<Change<'a>>,
}

impl<'a> Differ<'a> {
    fn change(&mut self, step: Option<Step<'a>>, old: Option<&'a Value>, new: Option<&'a Value>) {
        let path = self.path.iter().copied().chain(step).collect();
        self.changes.push(Change { path, old, new });
    }

    fn within(&mut self, step: Step<'a>, old: &'a Value, new: &'a Value) {
        if !old.same(new) {
            self.path.push(step);
            self.node(old, new);
            self.path.pop();
        }
    }

    fn node(&mut self, old: &'a Value, new: &'a Value) {
        if old.same(new) {
            return;
        }
        match (old, new) {
            (Value::Map(old), Value::Map(new)) => self.maps(old, new),
            (Value::List(old), Value::List(new)) => self.lists(old.as_slice(), new.as_slice()),
            _ => self.change(None, Some(old), Some(new)),
        }
    }

    /// Walks two maps side by side in the order of their keys.
    fn maps(&mut self, old: &'a Map, new: &'a Map) {
        let (mut olds, mut news) = (old.0.iter().peekable(), new.0.iter().peekable());
        loop {
            let order = match (olds.peek(), news.peek()) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((old, _)), Some((new, _))) => old.cmp(new),
            };
            let old = if order.is_le() { olds.next() } else { None };
            let new = if order.is_ge() { news.next() } else { None };
            let field = |(key, _): &'a (Key, Value)| Step::Field(key.as_str());
            match (old, new) {
                (Some(old), Some(new)) => self.within(field(old), &old.1, &new.1),
                (old, new) => {
                    let step = old.or(new).map(field);
                    self.change(step, old.map(|(_, value)| value), new.map(|(_, value)| value));
                }
            }
        }
    }

    fn lists(&mut self, old: &'a [Value], new: &'a [Value]) {
        let mut at = 0;
        for pair in align::align(old, new) {
            let step = |value| Step::Item { at, known_by: align::known_by(value) };
            match pair {
                Pair::Both(old, new) => self.within(step(new), old, new),
                Pair::Old(old) => self.change(Some(step(old)), Some(old), None),
                Pair::New(new) => self.change(Some(step(new)), None, Some(new)),
            }
            at += usize::from(!matches!(pair, Pair::Old(_)));
        }
    }
}
