//! Where customers are, once those who come have come and those who go are gone.

use super::arrays::{self, Span, add};
use super::merge::{Doubt, People};
use crate::customers::held::HeldChunk;
use crate::customers::order::each;
use arrow_array::{Array, StringArray};
use std::ops::Range;

/// What becomes of a customer of a chunk, or that one comes.
#[derive(Clone, Copy)]
struct Edit {
    /// The place that the customer had; who comes, comes in front of the one there.
    at: usize,
    what: What,
    /// By how many places those behind are further back then.
    shift: isize,
}

#[derive(Clone, Copy)]
enum What {
    /// Somebody new: the row that was read.
    Comes(u32),
    /// The columns are other than they were: the row that was read.
    Changes(u32),
    Goes,
}

/// What becomes of the customers of a chunk, in order. Of most there is nothing to say.
#[derive(Default)]
pub(super) struct Edits {
    all: Vec<Edit>,
    /// For each column, whether some who stay have another value in it.
    others: Vec<bool>,
}

/// Customers of a chunk, as it is then.
pub(super) enum Stretch {
    /// Some who were there, by the places that they had.
    Stay(Range<usize>),
    /// Somebody new.
    Come,
}

/// What becomes of the customers of each chunk, of which there is at least one.
pub(super) fn edits(chunks: &[HeldChunk], customers: &People) -> Result<Vec<Edits>, Doubt> {
    let keys = &customers.keys;
    let there = (0..keys.len()).filter(|row| keys.is_valid(*row));
    let mut order: Vec<(Ranked<'_>, u32)> =
        there.map(|row| (Ranked::new(keys.value(row)), row as u32)).collect();
    order.sort_unstable();
    if order.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        return Err(Doubt::Key);
    }
    let mut gone: Vec<&str> = customers.gone.iter().map(|key| &**key).collect();
    gone.sort_unstable();
    let (mut coming, mut going) = (order.as_slice(), gone.as_slice());
    let parts = chunks.iter().enumerate().map(|(i, chunk)| {
        let end = first_key(chunks, i + 1);
        let before = |key: &str| end.is_none_or(|end| key < end);
        let (read, after) = coming.split_at(coming.partition_point(|(key, _)| before(key.text)));
        let (gone, later) = going.split_at(going.partition_point(|key| before(key)));
        (coming, going) = (after, later);
        (chunk, read, gone)
    });
    Ok(each(&parts.collect::<Vec<_>>(), |(chunk, coming, gone)| of_chunk(chunk, coming, gone, customers)))
}

fn first_key(chunks: &[HeldChunk], i: usize) -> Option<&str> {
    chunks.get(i).filter(|p| !p.keys.is_empty()).map(|p| p.keys.value(0))
}

/// `coming` are those that were read, and `gone` the keys of those that are deleted, both in order.
fn of_chunk(chunk: &HeldChunk, coming: &[(Ranked<'_>, u32)], gone: &[&str], customers: &People) -> Edits {
    let mut edits = Edits::default();
    if coming.is_empty() && gone.is_empty() && !customers.whole {
        return edits;
    }
    let mut from = 0;
    let places: Vec<_> = coming.iter().map(|(key, _)| seek(&chunk.keys, &mut from, key.text)).collect();
    let changed = edits.compare(chunk, customers, &places, coming);
    from = 0;
    let mut going = gone.iter().filter_map(|key| seek(&chunk.keys, &mut from, key).ok()).peekable();
    let mut leave = |edits: &mut Edits, unread: Range<usize>| match customers.whole {
        true => unread.for_each(|at| edits.push(at, What::Goes)),
        false => std::iter::from_fn(|| going.next_if(|at| *at < unread.end))
            .filter(|at| unread.contains(at))
            .for_each(|at| edits.push(at, What::Goes)),
    };
    let mut next = 0;
    for ((place, (_, new)), changed) in places.into_iter().zip(coming).zip(changed) {
        let (Ok(at) | Err(at)) = place;
        leave(&mut edits, next..at);
        next = at + usize::from(place.is_ok());
        match place {
            Ok(_) if changed => edits.push(at, What::Changes(*new)),
            Ok(_) => {}
            Err(_) => edits.push(at, What::Comes(*new)),
        }
    }
    leave(&mut edits, next..chunk.keys.len());
    edits
}

impl Edits {
    /// Whether those who were read and are there have other values than before. A column at a time: what lies here and there
    /// in memory is waited for together.
    fn compare(
        &mut self,
        chunk: &HeldChunk,
        customers: &People,
        places: &[Result<usize, usize>],
        coming: &[(Ranked<'_>, u32)],
    ) -> Vec<bool> {
        let mut changed = vec![false; places.len()];
        for (held, read) in chunk.attributes.iter().zip(&customers.columns) {
            let (same, mut others) = (arrays::same(held, read), false);
            for ((place, (_, new)), changed) in places.iter().zip(coming).zip(&mut changed) {
                let other = place.is_ok_and(|at| !same(at, *new as usize));
                (*changed, others) = (*changed | other, others | other);
            }
            self.others.push(others);
        }
        changed
    }

    fn push(&mut self, at: usize, what: What) {
        let shift = self.shift()
            + match what {
                What::Comes(_) => 1,
                What::Changes(_) => 0,
                What::Goes => -1,
            };
        self.all.push(Edit { at, what, shift });
    }

    fn shift(&self) -> isize {
        self.all.last().map_or(0, |last| last.shift)
    }

    /// Whether all is as it was.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether the customers are the ones they were, whatever their columns are.
    pub(super) fn leave_places(&self) -> bool {
        self.all.iter().all(|edit| matches!(edit.what, What::Changes(_)))
    }

    /// Whether all of a column's values are where they were, and the same.
    pub(super) fn leave_column(&self, column: usize) -> bool {
        self.leave_places() && self.others.get(column) == Some(&false)
    }

    /// How many customers there are, of so many before.
    pub(super) fn count(&self, before: usize) -> usize {
        before.saturating_add_signed(self.shift())
    }

    /// Where the columns of customers come from, of whom there were so many: the chunk, or what was read.
    pub(super) fn spans(&self, before: usize) -> Vec<Span> {
        let (mut spans, mut next) = (Vec::new(), 0);
        for edit in &self.all {
            add(&mut spans, 0, next, edit.at);
            next = match edit.what {
                What::Comes(_) => edit.at,
                What::Changes(_) | What::Goes => edit.at + 1,
            };
            if let What::Comes(row) | What::Changes(row) = edit.what {
                add(&mut spans, 1, row as usize, row as usize + 1);
            }
        }
        add(&mut spans, 0, next, before);
        spans
    }

    /// The customers as they are then, of whom there were so many.
    pub(super) fn stretches(&self, before: usize) -> Vec<Stretch> {
        let (mut stretches, mut next) = (Vec::new(), 0);
        for edit in self.all.iter().filter(|edit| !matches!(edit.what, What::Changes(_))) {
            stretches.push(Stretch::Stay(next..edit.at));
            next = edit.at;
            match edit.what {
                What::Comes(_) => stretches.push(Stretch::Come),
                _ => next += 1,
            }
        }
        stretches.push(Stretch::Stay(next..before));
        stretches
    }

    /// The edits from that of a customer who was at a place on, and by how much those before it shift that one.
    fn behind(&self, at: usize) -> (&[Edit], isize) {
        let behind =
            self.all.partition_point(|e| e.at < at || e.at == at && matches!(e.what, What::Comes(_)));
        let (before, behind) = self.all.split_at(behind);
        (behind, before.last().map_or(0, |last| last.shift))
    }

    /// The place of a customer who was at another one, if still there.
    fn place(&self, at: usize) -> Option<usize> {
        let (behind, shift) = self.behind(at);
        let goes = behind.first().is_some_and(|edit| edit.at == at && matches!(edit.what, What::Goes));
        (!goes).then(|| at.saturating_add_signed(shift))
    }

    /// The rows that were read of those who come.
    fn coming(&self) -> impl Iterator<Item = u32> {
        self.all.iter().filter_map(|edit| match edit.what {
            What::Comes(row) => Some(row),
            _ => None,
        })
    }

    /// The first of those who come in front of a place of whom it is not said that they are before whoever is sought: the
    /// row that was read, and their place.
    fn came(&self, at: usize, before: impl Fn(u32) -> bool) -> Option<(u32, usize)> {
        let earlier = |e: &Edit| e.at < at || e.at == at && matches!(e.what, What::Comes(row) if before(row));
        match self.all.get(self.all.partition_point(earlier)) {
            Some(Edit { at: here, what: What::Comes(row), shift }) if *here == at => {
                Some((*row, at.saturating_add_signed(shift - 1)))
            }
            _ => None,
        }
    }

    /// The places that those have who go.
    fn going(&self) -> impl Iterator<Item = usize> {
        self.all.iter().filter(|edit| matches!(edit.what, What::Goes)).map(|edit| edit.at)
    }
}

/// How many customers there are.
pub(super) fn count(chunks: &[HeldChunk], edits: &[Edits]) -> usize {
    chunks.iter().zip(edits).map(|(chunk, edits)| edits.count(chunk.keys.len())).sum()
}

/// Where customers are found.
pub(super) struct Places<'a> {
    pub(super) chunks: &'a [HeldChunk],
    read: &'a StringArray,
    edits: &'a [Edits],
    /// The first key of each chunk.
    firsts: Vec<Ranked<'a>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(chunks: &'a [HeldChunk], read: &'a StringArray, edits: &'a [Edits]) -> Places<'a> {
        let firsts =
            (0..chunks.len()).map(|i| Ranked::new(first_key(chunks, i).unwrap_or_default())).collect();
        Places { chunks, read, edits, firsts }
    }

    /// The only chunk that a customer can be in.
    pub(super) fn chunk(&self, key: &str) -> usize {
        let key = Ranked::new(key);
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }

    /// Customers' places in a chunk, to be asked for in the order of their keys.
    pub(super) fn within(&self, chunk: usize) -> impl FnMut(&str) -> Option<u32> {
        let found = self.chunks.get(chunk).zip(self.edits.get(chunk));
        let mut from = 0;
        move |key| {
            let (chunk, edits) = found?;
            let place = match seek(&chunk.keys, &mut from, key) {
                Ok(at) => edits.place(at),
                Err(at) => {
                    let read = |row: u32| self.read.value(row as usize);
                    edits.came(at, |row| read(row) < key).filter(|(row, _)| read(*row) == key).map(|c| c.1)
                }
            };
            place.map(|place| place as u32)
        }
    }

    /// Those who were not there before.
    pub(super) fn added(&self) -> Vec<&str> {
        let rows = self.edits.iter().flat_map(Edits::coming);
        rows.map(|row| self.read.value(row as usize)).collect()
    }

    /// The customers of a chunk who are gone, by their places there.
    pub(super) fn leaving(&self, chunk: usize) -> Vec<usize> {
        self.edits.get(chunk).into_iter().flat_map(Edits::going).collect()
    }
}

/// A text whose first bytes are a number, by which most are told apart at once. They are in the order of the texts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ranked<'a> {
    begins: u64,
    pub(super) text: &'a str,
}

impl<'a> Ranked<'a> {
    pub(super) fn new(text: &'a str) -> Ranked<'a> {
        let mut begins = [0; 8];
        begins.iter_mut().zip(text.bytes()).for_each(|(to, byte)| *to = byte);
        Ranked { begins: u64::from_be_bytes(begins), text }
    }
}

/// The place of a key from a place on, or the one in front of which it would be: there, the next key is sought from.
fn seek(keys: &StringArray, from: &mut usize, key: &str) -> Result<usize, usize> {
    let at = lower_bound(keys, *from, key);
    *from = at;
    if at < keys.len() && keys.value(at) == key { Ok(at) } else { Err(at) }
}

/// The first from a place on that is not less than a key: often it is near.
fn lower_bound(keys: &StringArray, from: usize, key: &str) -> usize {
    let (mut low, mut step) = (from, 1);
    while low + step <= keys.len() && keys.value(low + step - 1) < key {
        (low, step) = (low + step, step * 2);
    }
    let mut high = keys.len().min(low + step - 1);
    while low < high {
        let middle = low.midpoint(high);
        if keys.value(middle) < key { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranked_texts_are_in_the_order_of_texts(a in "[ab\0é]{0,10}", b in "[ab\0é]{0,10}") {
            prop_assert_eq!(Ranked::new(&a).cmp(&Ranked::new(&b)), a.cmp(&b));
        }

        #[test]
        fn a_place_is_found_from_anywhere_before_it(
            mut keys in proptest::collection::vec("[abc]{0,3}", 0..40),
            key in "[abc]{0,3}",
            from in 0..40_usize,
        ) {
            keys.sort_unstable();
            let first = keys.partition_point(|k| *k < key);
            let keys = StringArray::from(keys);
            prop_assert_eq!(lower_bound(&keys, from.min(first), &key), first);
        }
    }
}
