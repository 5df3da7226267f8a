//! The tree itself: its variants, reading from it, and equality.

use crate::Key;
use crate::key::Prefix;
use std::ops::Index;
use std::sync::Arc;

/// A shared string.
pub type Text = Arc<str>;

/// One node of a persistent JSON tree.
///
/// Numbers keep their class: `1`, `18446744073709551615` and `1.0` are three different things, as they are for
/// Kubernetes. A number that fits an `i64` is always [`Value::Int`], so [`Value::UInt`] only holds larger ones.
#[derive(Clone, Default)]
pub enum Value {
    /// JSON's `null`, and what reading an absent field gives.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer in the range of `i64`.
    Int(i64),
    /// An integer above `i64::MAX`.
    UInt(u64),
    /// A number written with a fraction or an exponent.
    Float(f64),
    /// A string.
    Str(Text),
    /// A list.
    List(List),
    /// A map.
    Map(Map),
}

/// A shared list of values.
#[derive(Clone)]
pub struct List(pub(crate) Arc<[Value]>);

/// A shared map, sorted by key.
///
/// Invariant: keys are strictly ascending by text.
#[derive(Clone)]
pub struct Map(pub(crate) Arc<[(Key, Value)]>);

static NULL: Value = Value::Null;

impl List {
    /// Gives the items.
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// Iterates over the items.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.iter()
    }

    /// Gives the number of items.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Value> for List {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self(items.into_iter().collect())
    }
}

impl Map {
    /// Builds a map; of equal keys the last one wins.
    pub fn from_pairs(mut pairs: Vec<(Key, Value)>) -> Self {
        if !pairs.windows(2).all(|two| two[0].0 < two[1].0) {
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            // The sort is stable: of a run of equal keys the last stands last, and the earlier ones are dropped.
            let mut kept: Vec<(Key, Value)> = Vec::with_capacity(pairs.len());
            for pair in pairs {
                match kept.last_mut() {
                    Some(last) if last.0 == pair.0 => *last = pair,
                    _ => kept.push(pair),
                }
            }
            pairs = kept;
        }
        Self(pairs.into())
    }

    /// Gives the value at `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    /// Tells where `key` stands, or where it would be inserted.
    pub(crate) fn position(&self, key: &str) -> Result<usize, usize> {
        let prefix = Prefix::of(key);
        self.0.binary_search_by(|(other, _)| other.compare(prefix, key))
    }

    /// Tells whether `key` is present.
    pub fn contains(&self, key: &str) -> bool {
        self.position(key).is_ok()
    }

    /// Iterates over the entries in the order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Value)> + ExactSizeIterator + Clone {
        self.0.iter().map(|(k, v)| (k, v))
    }

    /// Gives the number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Key, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(pairs: I) -> Self {
        Self::from_pairs(pairs.into_iter().collect())
    }
}

impl Value {
    /// Gives an empty map.
    pub fn map() -> Self {
        Self::Map(Map(Arc::from([])))
    }

    /// Gives an empty list.
    pub fn list() -> Self {
        Self::List(List(Arc::from([])))
    }

    /// Gives the field `key` of a map, `None` when absent or when this is no map.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map().and_then(|map| map.get(key))
    }

    /// Gives what stands at `path` of map keys; [`Value::Null`] when anything on the way is absent.
    pub fn at(&self, path: &[&str]) -> &Value {
        path.iter().fold(self, |node, key| node.get(key).unwrap_or(&NULL))
    }

    /// Gives the map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    /// Gives the list, if this is one.
    pub fn as_list(&self) -> Option<&List> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// Gives the items of a list; of anything else none.
    pub fn items(&self) -> &[Value] {
        self.as_list().map_or(&[], List::as_slice)
    }

    /// Gives the entries of a map; of anything else none.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&Key, &Value)> + Clone {
        self.as_map().into_iter().flat_map(Map::iter)
    }

    /// Gives the string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// Gives the string, `""` for anything else, as Go reads an absent string.
    pub fn str(&self) -> &str {
        self.as_str().unwrap_or("")
    }

    /// Gives the shared string, if this is one.
    pub fn as_text(&self) -> Option<&Text> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// Gives the boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// Gives the boolean, `false` for anything else, as Go reads an absent one.
    pub fn bool(&self) -> bool {
        self.as_bool().unwrap_or(false)
    }

    /// Gives the integer, if this is one in the range of `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// Gives the integer, `0` for anything else, as Go reads an absent one.
    pub fn int(&self) -> i64 {
        self.as_i64().unwrap_or(0)
    }

    /// Gives any number as `f64`.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::UInt(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Tells whether this is null, or an absent field.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Tells whether this is null, an empty string, an empty list or an empty map.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Str(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// Tells whether both are the same node in memory, or equal scalars: a quick test that implies equality.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::List(a), Self::List(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Map(a), Self::Map(b)) => Arc::ptr_eq(&a.0, &b.0),
            (Self::Str(a), Self::Str(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::UInt(a), Self::UInt(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

/// Structural equality, by pointer first. Floats are equal when their bits are.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.same(other)
            || match (self, other) {
                (Self::List(a), Self::List(b)) => a.as_slice() == b.as_slice(),
                (Self::Map(a), Self::Map(b)) => a.0.len() == b.0.len() && a.0.iter().eq(b.0.iter()),
                _ => false,
            }
    }
}

impl Eq for Value {}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

impl PartialEq<i64> for Value {
    fn eq(&self, other: &i64) -> bool {
        self.as_i64() == Some(*other)
    }
}

impl PartialEq<bool> for Value {
    fn eq(&self, other: &bool) -> bool {
        self.as_bool() == Some(*other)
    }
}

/// Reads a field; an absent one is [`Value::Null`].
impl Index<&str> for Value {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}

/// Reads an item; one past the end is [`Value::Null`].
impl Index<usize> for Value {
    type Output = Value;

    fn index(&self, at: usize) -> &Value {
        self.items().get(at).unwrap_or(&NULL)
    }
}

impl From<&Value> for Value {
    fn from(value: &Value) -> Self {
        value.clone()
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::UInt(number), Self::Int)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::from(number as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Str(text.as_str().into())
    }
}

impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Self::Str(text)
    }
}

impl From<&Text> for Value {
    fn from(text: &Text) -> Self {
        Self::Str(text.clone())
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(item: Option<T>) -> Self {
        item.map_or(Self::Null, Into::into)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}

impl FromIterator<(Key, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(pairs: I) -> Self {
        Self::Map(pairs.into_iter().collect())
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::UInt(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::List(list) => f.debug_list().entries(list.iter()).finish(),
            Self::Map(map) => f.debug_map().entries(map.iter()).finish(),
        }
    }
}
