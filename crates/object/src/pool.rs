//! Sharing of equal subtrees between trees.
//!
//! Objects made from one template differ in a few fields; a [`Pool`] makes them share all the others.

use crate::{Key, List, Map, Text, Value};

/// How much a [`Pool`] remembers unless a caller says otherwise.
pub const POOL_MAX: usize = 1 << 18;

/// Remembers subtrees, so that equal ones need be held only once.
///
/// It is bounded: it remembers at most as many subtrees, strings and keys as it was made for, and what is met again
/// and again drives out what is not. What it forgets stays shared where it already is. Its memory is looked up by
/// structural hash and never walked, so the trees it gives are equal to those it got whatever came before.
#[derive(Debug)]
pub struct Pool {
    values: Table<Value>,
    keys: Table<Key>,
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(POOL_MAX)
    }
}

/// What was met, by hash: sets of a few places each, those met most often first.
#[derive(Debug)]
struct Table<T> {
    places: Vec<Option<(u64, T)>>,
    filled: usize,
    places_max: usize,
}

impl<T: Clone> Table<T> {
    /// How many places a set has.
    const WAYS: usize = 4;

    fn new(places_max: usize) -> Self {
        let places_max = (places_max / Self::WAYS).max(1).next_power_of_two() * Self::WAYS;
        Self { places: vec![None; places_max.min(256)], filled: 0, places_max }
    }

    fn set(&mut self, hash: u64) -> &mut [Option<(u64, T)>] {
        let sets = self.places.len() / Self::WAYS;
        let at = hash as usize % sets * Self::WAYS;
        &mut self.places[at..at + Self::WAYS]
    }

    /// Gives what was met with this hash and is the same; that moves one place forward.
    fn get(&mut self, hash: u64, is_same: impl Fn(&T) -> bool) -> Option<T> {
        let set = self.set(hash);
        let at =
            set.iter().position(|place| matches!(place, Some((h, met)) if *h == hash && is_same(met)))?;
        let found = set[at].as_ref().map(|(_, met)| met.clone());
        set.swap(at, at.saturating_sub(1));
        found
    }

    /// Remembers something new in the last place of its set that is free, or in the very last.
    fn add(&mut self, hash: u64, item: T) {
        if self.filled * 2 > self.places.len() && self.places.len() < self.places_max {
            self.grow();
        }
        let set = self.set(hash);
        let at = set.iter().position(Option::is_none).unwrap_or(Self::WAYS - 1);
        let is_more = set[at].is_none();
        set[at] = Some((hash, item));
        self.filled += usize::from(is_more);
    }

    fn grow(&mut self) {
        let size = self.places.len() * 2;
        let old = std::mem::replace(&mut self.places, vec![None; size]);
        self.filled = 0;
        old.into_iter().flatten().for_each(|(hash, item)| self.add(hash, item));
    }
}

impl Pool {
    /// Makes a pool that remembers about `entries_max` subtrees and strings (the next power of two), and a quarter as
    /// many keys.
    pub fn new(entries_max: usize) -> Self {
        Self { values: Table::new(entries_max), keys: Table::new(entries_max / 4) }
    }

    /// Gives a tree equal to `value` that shares what this pool remembers, and remembers the rest.
    #[must_use]
    pub fn share(&mut self, value: &Value) -> Value {
        self.node(value).0
    }

    /// Gives the number of subtrees, strings and keys remembered.
    pub fn len(&self) -> usize {
        self.values.filled + self.keys.filled
    }

    /// Tells whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shares one node and gives its structural hash.
    fn node(&mut self, value: &Value) -> (Value, u64) {
        match value {
            Value::Null => (Value::Null, mix(1, 0)),
            Value::Bool(flag) => (Value::Bool(*flag), mix(2, u64::from(*flag))),
            Value::Int(number) => (Value::Int(*number), mix(3, number.cast_unsigned())),
            Value::UInt(number) => (Value::UInt(*number), mix(4, *number)),
            Value::Float(number) => (Value::Float(*number), mix(5, number.to_bits())),
            Value::Str(text) => {
                let hash = hash_text(6, text);
                (self.keep(hash, |met| met == value, || value.clone()), hash)
            }
            Value::List(list) => self.list(value, list),
            Value::Map(map) => self.map(value, map),
        }
    }

    fn list(&mut self, value: &Value, list: &List) -> (Value, u64) {
        let mut hash = mix(7, list.len() as u64);
        let mut items = Vec::with_capacity(list.len());
        for item in list.iter() {
            let (shared, item_hash) = self.node(item);
            hash = mix(hash, item_hash);
            items.push(shared);
        }
        // What was met has shared items too, so this comparison is one of pointers.
        let is_same = |met: &Value| matches!(met, Value::List(met) if *met.0 == *items);
        let unchanged = || items.iter().zip(list.iter()).all(|(new, old)| is_identical(new, old));
        let make = || if unchanged() { value.clone() } else { Value::List(List(items.as_slice().into())) };
        (self.keep(hash, is_same, make), hash)
    }

    fn map(&mut self, value: &Value, map: &Map) -> (Value, u64) {
        let mut hash = mix(8, map.len() as u64);
        let mut pairs = Vec::with_capacity(map.len());
        for (key, item) in map.iter() {
            let (key, key_hash) = self.key(key);
            let (shared, item_hash) = self.node(item);
            hash = mix(mix(hash, key_hash), item_hash);
            pairs.push((key, shared));
        }
        let is_same = |met: &Value| matches!(met, Value::Map(met) if *met.0 == *pairs);
        let same = |((new_key, new), (old_key, old)): (&(Key, Value), &(Key, Value))| {
            new_key.is_identical(old_key) && is_identical(new, old)
        };
        let unchanged = || pairs.iter().zip(map.0.iter()).all(same);
        let make = || if unchanged() { value.clone() } else { Value::Map(Map(pairs.as_slice().into())) };
        (self.keep(hash, is_same, make), hash)
    }

    fn key(&mut self, key: &Key) -> (Key, u64) {
        let hash = hash_text(9, key.as_str());
        let met = self.keys.get(hash, |met| met == key);
        let kept = met.unwrap_or_else(|| {
            self.keys.add(hash, key.clone());
            key.clone()
        });
        (kept, hash)
    }

    /// Gives the subtree met before that is the same, or remembers the one that `make` gives.
    fn keep(&mut self, hash: u64, is_same: impl Fn(&Value) -> bool, make: impl FnOnce() -> Value) -> Value {
        self.values.get(hash, is_same).unwrap_or_else(|| {
            let kept = make();
            self.values.add(hash, kept.clone());
            kept
        })
    }
}

/// Tells whether both are one node in memory, or equal scalars that take no memory of their own.
fn is_identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => Text::ptr_eq(a, b),
        _ => a.same(b),
    }
}

/// Mixes a number into a hash; the constants are those of SplitMix64.
fn mix(hash: u64, number: u64) -> u64 {
    let mut mixed = (hash ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).wrapping_add(hash.rotate_left(23))
}

fn hash_text(seed: u64, text: &str) -> u64 {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let hash =
        words.iter().fold(mix(seed, text.len() as u64), |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

impl Value {
    /// Gives a tree equal to this one that shares with `other` whatever is equal at the same place.
    ///
    /// After a client has sent back a whole object, this makes the new version share what did not change with the old.
    #[must_use]
    pub fn shared_with(self, other: &Self) -> Self {
        if is_identical(&self, other) {
            return self;
        }
        match (&self, other) {
            (Self::Str(mine), Self::Str(theirs)) if mine == theirs => other.clone(),
            (Self::List(mine), Self::List(theirs)) => {
                let shared: Vec<Self> = mine
                    .iter()
                    .enumerate()
                    .map(|(at, item)| match theirs.as_slice().get(at) {
                        Some(other) => item.clone().shared_with(other),
                        None => item.clone(),
                    })
                    .collect();
                let all = shared.len() == theirs.len()
                    && shared.iter().zip(theirs.iter()).all(|(a, b)| is_identical(a, b));
                if all { other.clone() } else { Self::List(List(shared.into())) }
            }
            (Self::Map(mine), Self::Map(theirs)) => {
                let shared: Vec<(Key, Self)> = mine
                    .iter()
                    .map(|(key, item)| match theirs.position(key.as_str()) {
                        Ok(at) => (theirs.0[at].0.clone(), item.clone().shared_with(&theirs.0[at].1)),
                        Err(_) => (key.clone(), item.clone()),
                    })
                    .collect();
                let all = shared.len() == theirs.len()
                    && shared
                        .iter()
                        .zip(theirs.0.iter())
                        .all(|(a, b)| a.0 == b.0 && is_identical(&a.1, &b.1));
                if all { other.clone() } else { Self::Map(Map(shared.into())) }
            }
            _ => self,
        }
    }
}
