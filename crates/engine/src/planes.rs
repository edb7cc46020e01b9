//! Classes of values in an order in which a comparison gives bits: of 512 values, all that are first among eight, then
//! all that are second, and so on. So eight comparisons of 64 lanes make 64 bytes of a set.

use crate::classes::{BLOCK, Class};
use multiversion::multiversion;
use std::ops::Range;

/// The classes of a column's values, no class behind the end.
#[derive(Debug, Default)]
pub(crate) struct Planes<C> {
    blocks: Vec<[C; BLOCK]>,
}

/// Values in a plane, and planes.
const LANES: usize = 64;

impl<C: Class> Planes<C> {
    pub fn clear(&mut self) {
        self.blocks.clear();
    }

    /// Places values, as `place` does it for some; what is not known is in no class.
    pub fn fill<T: Copy + Default>(
        &mut self,
        values: &[T],
        known: Option<&[u64]>,
        place: impl Fn(&[T; BLOCK], &mut [C; BLOCK]),
    ) {
        let (whole, rest) = values.as_chunks();
        let (mut last, mut classes) = ([T::default(); BLOCK], [C::NONE; BLOCK]);
        last.iter_mut().zip(rest).for_each(|(value, from)| *value = *from);
        let last = (!rest.is_empty()).then_some(&last);
        for (b, block) in whole.iter().chain(last).enumerate() {
            place(block, &mut classes);
            classes.iter_mut().skip(values.len() - b * BLOCK).for_each(|class| *class = C::NONE);
            if let Some(known) = known {
                let known = known.iter().skip(b * BLOCK / 64).copied().chain(std::iter::repeat(0));
                classes
                    .as_chunks_mut::<64>()
                    .0
                    .iter_mut()
                    .zip(known)
                    .for_each(|(some, word)| strike(some, word));
            }
            self.blocks.push(transposed(&classes));
        }
    }

    /// The bits of those in some classes, in words: 8 for each block that was placed.
    pub fn test(&self, holds: &[Range<usize>], words: &mut Vec<u64>) {
        let mut holds = holds
            .iter()
            .filter(|range| range.start < range.end)
            .map(|range| (C::new(range.start as u16), C::new((range.end - range.start - 1) as u16)));
        let Some((first, width)) = holds.next() else { return };
        let start = words.len();
        compare(&self.blocks, first, width, words);
        let mut more = Vec::new();
        for (first, width) in holds {
            more.clear();
            compare(&self.blocks, first, width, &mut more);
            words.iter_mut().skip(start).zip(&more).for_each(|(word, more)| *word |= more);
        }
    }
}

/// Puts what is not known into no class.
fn strike<C: Class>(classes: &mut [C; 64], known: u64) {
    let mut unknown = !known;
    while unknown != 0 {
        let i = unknown.trailing_zeros() as usize;
        classes.get_mut(i).into_iter().for_each(|class| *class = C::NONE);
        unknown &= unknown - 1;
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
#[expect(clippy::indexing_slicing, reason = "loops of known lengths, which become shuffles")]
fn transposed<C: Class>(classes: &[C; BLOCK]) -> [C; BLOCK] {
    let mut planes = [C::NONE; BLOCK];
    for k in 0..LANES {
        for j in 0..8 {
            planes[j * LANES + k] = classes[8 * k + j];
        }
    }
    planes
}

/// The bits of those whose class is a first one or at most so many after it.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn compare<C: Class>(blocks: &[[C; BLOCK]], first: C, width: C, words: &mut Vec<u64>) {
    for planes in blocks {
        let mut bytes = [0; LANES];
        for (bit, plane) in planes.as_chunks::<LANES>().0.iter().enumerate() {
            for (byte, class) in bytes.iter_mut().zip(plane) {
                *byte |= u8::from(class.after(first) <= width) << bit;
            }
        }
        words.extend(bytes.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)));
    }
}
