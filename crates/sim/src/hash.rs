//! The kernel's own 64-bit mixing: keyed choices and the rolling trace hash are made of it.
//!
//! It is part of the replay contract: a seed found yesterday must mean the same run today, on every platform and in
//! debug and release builds. So it uses fixed-width integers and little-endian reads only, and never `std`'s hasher.

const STIR: u64 = 0x9e37_79b9_7f4a_7c15;
const SPICE: u64 = 0xd6e8_feb8_6659_fd93;
/// Given to [`fold`] where one side is constant; [`STIR`] and [`SPICE`] themselves would cancel out there.
const SALT: u64 = 0x8ebc_6af0_9c88_c6e3;

/// Folds two words into one by a widening multiplication, so that every input bit reaches every output bit.
#[inline]
pub(crate) const fn fold(left: u64, right: u64) -> u64 {
    let product = (left ^ STIR) as u128 * (right ^ SPICE) as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

/// The value of a keyed sequence at a position: random access, so that no draw depends on another.
#[inline]
pub(crate) const fn mix(key: u64, position: u64) -> u64 {
    let spread = fold(key ^ position.wrapping_mul(STIR), position ^ SALT);
    fold(spread, key.rotate_left(32) ^ SALT)
}

/// Hashes a text, eight bytes at a time; usable in constants.
pub(crate) const fn text(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let mut hash = fold(bytes.len() as u64, SALT);
    let mut at = 0;
    while at + 8 <= bytes.len() {
        let mut word = 0;
        let mut offset = 0;
        while offset < 8 {
            word |= (bytes[at + offset] as u64) << (8 * offset);
            offset += 1;
        }
        hash = fold(hash ^ word, SALT);
        at += 8;
    }
    let mut tail = 0;
    let mut offset = 0;
    while at + offset < bytes.len() {
        tail |= (bytes[at + offset] as u64) << (8 * offset);
        offset += 1;
    }
    fold(hash ^ tail, SALT.rotate_left(17))
}

/// Scales a uniformly distributed word to `0..n`.
#[inline]
pub(crate) const fn scale(word: u64, n: u64) -> u64 {
    ((word as u128 * n as u128) >> 64) as u64
}

/// A map from hashed keys to small numbers. It is looked up, never iterated, so its layout cannot leak into a run.
#[derive(Debug, Default)]
pub(crate) struct Table {
    slots: Vec<(u64, u32)>,
    used: usize,
}

const VACANT: u32 = u32::MAX;

impl Table {
    /// The number stored under a key; `fresh` is stored and given back if there was none.
    pub(crate) fn get_or_insert(&mut self, key: u64, fresh: u32) -> u32 {
        if (self.used + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let at = self.slot_of(key);
        if self.slots[at].1 == VACANT {
            self.slots[at] = (key, fresh);
            self.used += 1;
        }
        self.slots[at].1
    }

    fn slot_of(&self, key: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = key as usize & mask;
        while self.slots[at].1 != VACANT && self.slots[at].0 != key {
            at = (at + 1) & mask;
        }
        at
    }

    fn grow(&mut self) {
        let size = (self.slots.len() * 2).max(16);
        let old = std::mem::replace(&mut self.slots, vec![(0, VACANT); size]);
        for (key, number) in old.into_iter().filter(|slot| slot.1 != VACANT) {
            let at = self.slot_of(key);
            self.slots[at] = (key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixing_is_pinned_because_seeds_depend_on_it() {
        assert_eq!(text("schedule"), text("schedule"));
        assert_ne!(text("ab"), text("ba"));
        assert_ne!(text("a"), text("a\0"));
        assert_ne!(text("12345678"), text("123456789"));
    }

    #[test]
    fn draws_are_spread_evenly() {
        let mut buckets = [0u32; 16];
        for position in 0..16_000 {
            buckets[scale(mix(7, position), 16) as usize] += 1;
        }
        for count in buckets {
            assert!((850..1150).contains(&count), "uneven draw: {buckets:?}");
        }
    }

    #[test]
    fn neighbouring_keys_and_positions_are_unrelated() {
        let agreeing = (0..64_000u64).filter(|key| mix(*key, 3) & 1 == mix(*key + 1, 3) & 1).count();
        assert!((31_000..33_000).contains(&agreeing), "{agreeing} of 64000");
        let agreeing = (0..64_000u64).filter(|at| mix(9, *at) >> 63 == mix(9, *at + 1) >> 63).count();
        assert!((31_000..33_000).contains(&agreeing), "{agreeing} of 64000");
    }

    #[test]
    fn a_table_gives_back_what_was_stored_first() {
        let mut table = Table::default();
        for key in 0..1000u64 {
            assert_eq!(table.get_or_insert(mix(1, key), key as u32), key as u32);
        }
        for key in 0..1000u64 {
            assert_eq!(table.get_or_insert(mix(1, key), 5), key as u32);
        }
    }
}
