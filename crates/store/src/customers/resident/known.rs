//! The rows that were read, found by their keys: millions of held rows ask for theirs, of which few are among them.

use crate::customers::keys::Key;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// For each key the row that was read, or none where it is gone.
#[derive(Debug)]
pub(super) struct Known<'a> {
    rows: HashMap<Key<'a>, Option<u32>>,
    /// The least and the greatest of those that are whole numbers: rows that came in last have keys beyond all others.
    ends: (i64, i64),
    /// A bit for what keys come to, a power of two of them: most that are not known are seen here. They are few enough to
    /// stay near the processor.
    bits: Vec<u64>,
}

impl<'a> Known<'a> {
    /// Of so many keys, none of which may come twice but as one that is gone.
    pub(super) fn new(count: usize, keys: impl Iterator<Item = (Key<'a>, Option<u32>)>) -> Option<Known<'a>> {
        let words = (count / 2).next_power_of_two().max(64);
        let rows = HashMap::with_capacity(count);
        let mut known = Known { rows, ends: (i64::MAX, i64::MIN), bits: vec![0; words] };
        for (key, row) in keys {
            if let Key::Whole(whole) = key {
                known.ends = (known.ends.0.min(whole), known.ends.1.max(whole));
            }
            let (word, bit) = known.place(key);
            known.bits.get_mut(word).into_iter().for_each(|word| *word |= bit);
            if known.rows.insert(key, row).flatten().is_some() {
                return None;
            }
        }
        Some(known)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn get(&self, key: Key<'_>) -> Option<Option<u32>> {
        self.may_have(key).then(|| self.rows.get(&key).copied()).flatten()
    }

    /// Whether it is worth looking a key up.
    #[inline(always)]
    pub(super) fn may_have(&self, key: Key<'_>) -> bool {
        let beyond = matches!(key, Key::Whole(whole) if whole < self.ends.0 || whole > self.ends.1);
        let (word, bit) = self.place(key);
        !beyond && self.bits.get(word).is_some_and(|word| word & bit != 0)
    }

    #[inline(always)]
    fn place(&self, key: Key<'_>) -> (usize, u64) {
        let hash = match key {
            Key::Whole(whole) => (whole as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            Key::Text(text) => xxh3_64(text.as_bytes()),
        };
        ((hash >> 32) as usize & (self.bits.len() - 1), 1 << (hash >> 26 & 63))
    }
}
