//! Sets that are kept: many of the same customers, in one block.

use crate::bitmap::{Bitmap, count};
use multiversion::multiversion;

/// Sets of the same customers. Words that hold nobody are not kept: what is kept of every 64 words is one that says
/// which of them there are, and those. A set of nobody takes nothing.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Packed {
    len: usize,
    block: Vec<u64>,
    sets: Vec<Kept>,
}

/// Where a set ends in the block, and how many are in it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    end: u32,
    count: u32,
}

const GROUP: usize = 64;

impl Packed {
    /// No sets yet, with room for some.
    pub fn new(len: usize, sets: usize, words: usize) -> Packed {
        Packed { len, block: Vec::with_capacity(words), sets: Vec::with_capacity(sets) }
    }

    /// Adds a set.
    pub fn push(&mut self, words: &[u64]) {
        let count = count(words) as u32;
        if count > 0 {
            words.chunks(GROUP).for_each(|group| pack(group, &mut self.block));
        }
        self.sets.push(Kept { end: self.block.len() as u32, count });
    }

    /// A set, by its place among them; nobody beyond the last.
    pub fn set(&self, i: usize) -> Bitmap {
        let start = i.checked_sub(1).and_then(|before| self.sets.get(before)).map_or(0, |set| set.end);
        let end = self.sets.get(i).map_or(start, |set| set.end);
        let mut kept = self.block.get(start as usize..end as usize).unwrap_or_default().iter().copied();
        if start == end {
            return Bitmap::none(self.len);
        }
        let mut words = vec![0; self.len.div_ceil(64)];
        for group in words.chunks_mut(GROUP) {
            let there = kept.next().unwrap_or(0);
            for (i, word) in group.iter_mut().enumerate() {
                if there >> i & 1 == 1 {
                    *word = kept.next().unwrap_or(0);
                }
            }
        }
        Bitmap::from_vec(words, self.len)
    }

    /// How many are in a set.
    pub fn count(&self, i: usize) -> u64 {
        self.sets.get(i).map_or(0, |set| u64::from(set.count))
    }

    /// How much memory they take, in bytes. Room that was never used takes none.
    pub fn bytes(&self) -> usize {
        self.block.len() * size_of::<u64>() + self.sets.len() * size_of::<Kept>()
    }

    /// How many words the block has.
    pub fn words(&self) -> usize {
        self.block.len()
    }
}

#[multiversion(targets("x86_64+avx2+bmi2"))]
fn pack(group: &[u64], block: &mut Vec<u64>) {
    let mut kept = [0; GROUP + 1];
    let (mut there, mut next) = (0, 1);
    for (i, word) in group.iter().enumerate() {
        if let Some(place) = kept.get_mut(next) {
            *place = *word;
        }
        let some = *word != 0;
        there |= u64::from(some) << i;
        // No branch: which words are empty cannot be foreseen.
        next += usize::from(some);
    }
    kept[0] = there;
    block.extend_from_slice(kept.get(..next).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_come_out_as_they_went_in() {
        for len in [0, 1, 63, 64, 65, 640, 4_096, 4_097, 9_000] {
            let sets = [
                Bitmap::none(len),
                Bitmap::all(len),
                Bitmap::from_fn(len, |i| i == 0 || i + 1 == len),
                Bitmap::none(len),
                Bitmap::from_fn(len, |i| i % 5_000 > 4_000 || i % 193 == 7),
                Bitmap::from_fn(len, |i| (i / 64) % 2 == 0),
            ];
            let mut packed = Packed::new(len, 0, 0);
            sets.iter().for_each(|set| packed.push(set.words()));
            for (i, set) in sets.iter().enumerate() {
                assert_eq!(packed.set(i), *set, "set {i} of {len}");
                assert_eq!(packed.count(i), set.count() as u64, "set {i} of {len}");
            }
            assert_eq!(packed.set(sets.len()), Bitmap::none(len));
        }
    }
}
