//! Sharing of equal subtrees between trees.
//!
//! Objects made from one template differ in a few fields; a [`Pool`] makes them share all the others.

use crate::{Key, List, Map, Text, Value};
use std::collections::BTreeMap;
use std::mem;

/// Remembers subtrees, so that equal ones need be held only once.
///
/// It is bounded: it remembers at most as many subtrees, strings and keys as it was made for, and forgets those that
/// were not met for longest. What it forgets stays shared where it already is. Its memory is looked up by structural
/// hash and never walked, so nothing depends on the order in which trees came.
#[derive(Debug)]
pub struct Pool {
    generation_max: usize,
    young: Generation,
    old: Generation,
}

#[derive(Debug, Default)]
struct Generation {
    /// Equal hashes of different subtrees are rare; the later one then takes the place.
    values: BTreeMap<u64, Value>,
    keys: BTreeMap<u64, Key>,
}

/// How much a [`Pool`] remembers unless a caller says otherwise.
pub const POOL_MAX: usize = 1 << 18;

impl Default for Pool {
    fn default() -> Self {
        Self::new(POOL_MAX)
    }
}

impl Pool {
    /// Makes a pool that remembers at most `entries_max` subtrees, strings and keys.
    pub fn new(entries_max: usize) -> Self {
        let generation_max = (entries_max / 2).max(1);
        Self { generation_max, young: Generation::default(), old: Generation::default() }
    }

    /// Gives a tree equal to `value` that shares what this pool remembers, and remembers the rest.
    #[must_use]
    pub fn share(&mut self, value: &Value) -> Value {
        self.node(value).0
    }

    /// Gives the number of subtrees, strings and keys remembered.
    pub fn len(&self) -> usize {
        let generations = [&self.young, &self.old];
        generations.iter().map(|generation| generation.values.len() + generation.keys.len()).sum()
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
                (self.keep(hash, value, || value.clone()), hash)
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
        let unchanged = items.iter().zip(list.iter()).all(|(new, old)| is_identical(new, old));
        let make = || if unchanged { value.clone() } else { Value::List(List(items.into())) };
        (self.keep(hash, value, make), hash)
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
        let same = |((new_key, new), (old_key, old)): (&(Key, Value), &(Key, Value))| {
            new_key.is_identical(old_key) && is_identical(new, old)
        };
        let unchanged = pairs.iter().zip(map.0.iter()).all(same);
        let make = || if unchanged { value.clone() } else { Value::Map(Map(pairs.into())) };
        (self.keep(hash, value, make), hash)
    }

    fn key(&mut self, key: &Key) -> (Key, u64) {
        let hash = hash_text(9, key.as_str());
        let met = self.young.keys.get(&hash).filter(|met| *met == key);
        if let Some(met) = met {
            return (met.clone(), hash);
        }
        let kept = self.old.keys.remove(&hash).filter(|met| met == key).unwrap_or_else(|| key.clone());
        self.young.keys.insert(hash, kept.clone());
        self.turn();
        (kept, hash)
    }

    /// Gives the subtree met before that equals `value`, or remembers the one that `make` gives.
    fn keep(&mut self, hash: u64, value: &Value, make: impl FnOnce() -> Value) -> Value {
        let met = self.young.values.get(&hash).filter(|met| *met == value);
        if let Some(met) = met {
            return met.clone();
        }
        let kept = self.old.values.remove(&hash).filter(|met| met == value).unwrap_or_else(make);
        self.young.values.insert(hash, kept.clone());
        self.turn();
        kept
    }

    /// Forgets what was not met since the last turn once the young generation is full.
    fn turn(&mut self) {
        if self.young.values.len() + self.young.keys.len() >= self.generation_max {
            self.old = mem::take(&mut self.young);
        }
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
