//! The rows that were read, found by their keys: millions of held rows ask for theirs, of which few are among them.

use crate::customers::keys::Key;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// For each key the row that was read, or none where it is gone.
#[derive(Debug)]
pub(super) struct Known<'a> {
    rows: HashMap<Key<'a>, Option<u32>>,
    /// A bit for what keys come to, a power of two of them: most that are not known are seen here.
    bits: Vec<u64>,
}

impl<'a> Known<'a> {
    /// For so many keys.
    pub(super) fn new(keys: usize) -> Known<'a> {
        let words = (keys / 4).next_power_of_two().max(64);
        Known { rows: HashMap::with_capacity(keys), bits: vec![0; words] }
    }

    /// Adds a key, and says what was there in its place.
    pub(super) fn insert(&mut self, key: Key<'a>, row: Option<u32>) -> Option<Option<u32>> {
        let (word, bit) = self.place(key);
        self.bits.get_mut(word).into_iter().for_each(|word| *word |= bit);
        self.rows.insert(key, row)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn get(&self, key: Key<'_>) -> Option<Option<u32>> {
        let (word, bit) = self.place(key);
        let may_be = self.bits.get(word).is_some_and(|word| word & bit != 0);
        may_be.then(|| self.rows.get(&key).copied()).flatten()
    }

    fn place(&self, key: Key<'_>) -> (usize, u64) {
        let hash = match key {
            Key::Whole(whole) => (whole as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            Key::Text(text) => xxh3_64(text.as_bytes()),
        };
        ((hash >> 32) as usize & (self.bits.len() - 1), 1 << (hash >> 26 & 63))
    }
}
