//! Customers of one load found again in another.

use arrow_array::Array;
use std::collections::HashMap;
use tidings_engine::{Bitmap, Chunk};

/// By chunk and position, where a customer is; nothing for who is nowhere.
type Places = Vec<Vec<Option<(usize, usize)>>>;

/// Where the customers of the earlier side's chunks are in the later side's.
pub(super) struct Layout<'a> {
    before: &'a [Chunk],
    after: &'a [Chunk],
    /// By the earlier chunk and position, the later ones; none where both have the same customers in the same places.
    places: Option<Places>,
}

impl<'a> Layout<'a> {
    pub fn of(before: &'a [Chunk], after: &'a [Chunk]) -> Layout<'a> {
        let same = before.len() == after.len() && before.iter().zip(after).all(|(b, a)| b.keys == a.keys);
        let places = (!same).then(|| {
            let later = after
                .iter()
                .enumerate()
                .flat_map(|(c, chunk)| keys(chunk).map(move |(i, key)| (key, (c, i))));
            let later: HashMap<&str, (usize, usize)> = later.collect();
            let find = |chunk: &Chunk| keys(chunk).map(|(_, key)| later.get(key).copied()).collect();
            before.iter().map(find).collect()
        });
        Layout { before, after, places }
    }

    /// Sets of customers of the earlier side, by chunk, as sets of the later one; and the keys of those whom it does not
    /// have.
    pub fn found_again(&self, sets: Vec<Bitmap>) -> (Vec<Bitmap>, Vec<&'a str>) {
        let Some(places) = &self.places else { return (sets, Vec::new()) };
        let mut found: Vec<Bitmap> = self.after.iter().map(|chunk| Bitmap::none(chunk.len())).collect();
        let mut lost = Vec::new();
        for ((set, places), chunk) in sets.iter().zip(places).zip(self.before) {
            for i in set.iter() {
                match places.get(i).copied().flatten() {
                    Some((c, j)) => found.get_mut(c).into_iter().for_each(|set| set.insert(j)),
                    None => lost.push(chunk.keys.value(i)),
                }
            }
        }
        (found, lost)
    }

    /// The place of a customer of the later side in the earlier one.
    pub fn before(&self, chunk: usize, customer: usize) -> Option<(usize, usize)> {
        match &self.places {
            None => Some((chunk, customer)),
            Some(_) => crate::situation::find(self.before, self.key(chunk, customer)?),
        }
    }

    /// The key of a customer of the later side.
    pub fn key(&self, chunk: usize, customer: usize) -> Option<&'a str> {
        self.after.get(chunk).map(|chunk| chunk.keys.value(customer))
    }
}

fn keys(chunk: &Chunk) -> impl Iterator<Item = (usize, &str)> {
    (0..chunk.keys.len()).map(|i| (i, chunk.keys.value(i)))
}
