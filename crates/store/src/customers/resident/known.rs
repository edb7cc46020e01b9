//! The rows that were read, found by their keys: millions of held rows ask for theirs, of which few are among them.

use super::arrays::key_at;
use crate::customers::keys::{Key, Keys, Places};
use arrow_array::{Array, ArrayRef};
use std::collections::HashSet;
use xxhash_rust::xxh3::xxh3_64;

/// For each key the row that was read, or none where it is gone.
#[derive(Debug)]
pub(super) struct Known<'a> {
    rows: Places,
    gone: HashSet<Key<'a>>,
    /// The least and the greatest of those that are whole numbers: rows that came in last have keys beyond all others.
    ends: (i64, i64),
    /// A bit for what keys come to, a power of two of them: most that are not known are seen here. They are few enough to
    /// stay near the processor.
    bits: Vec<u64>,
}

impl<'a> Known<'a> {
    /// Of rows by their keys, none of which may be missing or come twice, and of keys of rows that are gone.
    pub(super) fn new(keys: &'a ArrayRef, gone: impl Iterator<Item = Key<'a>>) -> Option<Known<'a>> {
        let gone: HashSet<Key<'_>> = gone.collect();
        let mut read = Keys::default();
        (0..keys.len()).for_each(|row| read.push(key_at(keys, row)));
        let words = ((gone.len() + keys.len()) / 2).next_power_of_two().max(64);
        let rows = Places::new(read);
        let mut known = Known { rows, gone, ends: (i64::MAX, i64::MIN), bits: vec![0; words] };
        for row in 0..keys.len() {
            let key = key_at(keys, row).filter(|key| known.rows.get(*key) == Some(row as u32))?;
            known.mark(key);
        }
        let gone: Vec<Key<'_>> = known.gone.iter().copied().collect();
        gone.into_iter().for_each(|key| known.mark(key));
        Some(known)
    }

    fn mark(&mut self, key: Key<'_>) {
        if let Key::Whole(whole) = key {
            self.ends = (self.ends.0.min(whole), self.ends.1.max(whole));
        }
        let (word, bit) = self.place(key);
        self.bits.get_mut(word).into_iter().for_each(|word| *word |= bit);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() == 0 && self.gone.is_empty()
    }

    pub(super) fn get(&self, key: Key<'_>) -> Option<Option<u32>> {
        if !self.may_have(key) {
            return None;
        }
        self.rows.get(key).map(Some).or_else(|| self.gone.contains(&key).then_some(None))
    }

    /// Whether it is worth looking a key up.
    #[inline(always)]
    pub(super) fn may_have(&self, key: Key<'_>) -> bool {
        if matches!(key, Key::Whole(whole) if whole < self.ends.0 || whole > self.ends.1) {
            return false;
        }
        let (word, bit) = self.place(key);
        self.bits.get(word).is_some_and(|word| word & bit != 0)
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
