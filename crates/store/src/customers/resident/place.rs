//! Where customers are, once those who come have come and those who go are gone.

use super::arrays::{self, Span, add};
use super::merge::{Doubt, People};
use crate::customers::held::HeldChunk;
use crate::customers::order::each;
use arrow_array::{Array, StringArray};
use std::iter::Peekable;
use std::ops::Range;

/// A customer: where they were in their chunk, and where what was just read of them is, if that is other than it was.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) old: Option<u32>,
    pub(super) new: Option<u32>,
}

/// The customers of a chunk, where they are not the same ones with the same columns.
pub(super) type Slots = Option<Vec<Slot>>;

/// The customers of each chunk, at least one.
pub(super) fn slots(chunks: &[HeldChunk], customers: &People) -> Result<Vec<Slots>, Doubt> {
    let keys = &customers.keys;
    let mut order: Vec<u32> = (0..keys.len() as u32).filter(|row| keys.is_valid(*row as usize)).collect();
    order.sort_unstable_by_key(|row| keys.value(*row as usize));
    if order
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if keys.value(*a as usize) == keys.value(*b as usize)))
    {
        return Err(Doubt::Key);
    }
    let mut gone: Vec<&str> = customers.gone.iter().map(|key| &**key).collect();
    gone.sort_unstable();
    let (mut coming, mut going) = (order.as_slice(), gone.as_slice());
    let parts = chunks.iter().enumerate().map(|(i, chunk)| {
        let end = first_key(chunks, i + 1);
        let before = |key: &str| end.is_none_or(|end| key < end);
        let (read, after) = coming.split_at(coming.partition_point(|row| before(keys.value(*row as usize))));
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
fn of_chunk(chunk: &HeldChunk, coming: &[u32], gone: &[&str], customers: &People) -> Slots {
    if coming.is_empty() && gone.is_empty() && !customers.whole {
        return None;
    }
    let columns = chunk.attributes.iter().zip(&customers.columns);
    let same: Vec<_> = columns.map(|(a, b)| arrays::same(a, b)).collect();
    let mut going = gone.iter().filter_map(|key| find(&chunk.keys, key)).peekable();
    let mut slots = Vec::with_capacity(chunk.keys.len() + coming.len());
    let (mut next, mut as_before) = (0, true);
    for new in coming {
        let key = customers.keys.value(*new as usize);
        let at = lower_bound(&chunk.keys, next, key);
        as_before &= !leaves(&mut slots, next..at, &mut going, customers.whole);
        next = at;
        if at < chunk.keys.len() && chunk.keys.value(at) == key {
            let changed = !same.iter().all(|same| same(at, *new as usize));
            as_before &= !changed;
            slots.push(Slot { old: Some(at as u32), new: changed.then_some(*new) });
            going.next_if_eq(&at);
            next += 1;
        } else {
            as_before = false;
            slots.push(Slot { old: None, new: Some(*new) });
        }
    }
    as_before &= !leaves(&mut slots, next..chunk.keys.len(), &mut going, customers.whole);
    (!as_before).then_some(slots)
}

/// Adds some of whom nothing was read, but for those who are gone, and says whether any are.
fn leaves(
    slots: &mut Vec<Slot>,
    unread: Range<usize>,
    going: &mut Peekable<impl Iterator<Item = usize>>,
    all: bool,
) -> bool {
    let before = slots.len() + unread.len();
    if !all {
        let stay = unread.filter(|old| going.next_if_eq(old).is_none());
        slots.extend(stay.map(|old| Slot { old: Some(old as u32), new: None }));
    }
    slots.len() < before
}

/// How many customers there are.
pub(super) fn count(chunks: &[HeldChunk], slots: &[Slots]) -> usize {
    let of = |(chunk, slots): (&HeldChunk, &Slots)| slots.as_ref().map_or(chunk.keys.len(), Vec::len);
    chunks.iter().zip(slots).map(of).sum()
}

/// Where the columns of a chunk's customers come from: the chunk, or what was read.
pub(super) fn spans(slots: &[Slot]) -> Vec<Span> {
    let mut spans = Vec::new();
    for slot in slots {
        match (slot.new, slot.old) {
            (Some(row), _) => add(&mut spans, 1, row as usize, row as usize + 1),
            (None, Some(row)) => add(&mut spans, 0, row as usize, row as usize + 1),
            (None, None) => {}
        }
    }
    spans
}

/// Where customers are found.
pub(super) struct Places<'a> {
    pub(super) chunks: &'a [HeldChunk],
    read: &'a StringArray,
    slots: &'a [Slots],
    /// The first key of each chunk.
    firsts: Vec<&'a str>,
}

impl<'a> Places<'a> {
    pub(super) fn new(chunks: &'a [HeldChunk], read: &'a StringArray, slots: &'a [Slots]) -> Places<'a> {
        let firsts = (0..chunks.len()).map(|i| first_key(chunks, i).unwrap_or_default()).collect();
        Places { chunks, read, slots, firsts }
    }

    /// The only chunk that a customer can be in.
    pub(super) fn chunk(&self, key: &str) -> usize {
        self.firsts.partition_point(|first| *first <= key).saturating_sub(1)
    }

    /// A customer's place in a chunk.
    pub(super) fn within(&self, chunk: usize, key: &str) -> Option<u32> {
        let slots = self.slots.get(chunk)?;
        let chunk = self.chunks.get(chunk)?;
        let found = match slots {
            None => find(&chunk.keys, key)?,
            // Most are where they were.
            Some(slots) => match find(&chunk.keys, key) {
                Some(old) if slots.get(old).is_some_and(|slot| slot.old == Some(old as u32)) => old,
                _ => slots.binary_search_by(|slot| self.key(chunk, *slot).cmp(key)).ok()?,
            },
        };
        Some(found as u32)
    }

    fn key<'b>(&'b self, chunk: &'b HeldChunk, slot: Slot) -> &'b str {
        match (slot.old, slot.new) {
            (Some(old), _) => chunk.keys.value(old as usize),
            (None, Some(new)) => self.read.value(new as usize),
            (None, None) => "",
        }
    }

    /// Those who were not there before.
    pub(super) fn added(&self) -> Vec<&str> {
        let slots = self.slots.iter().flatten().flatten();
        let new = slots.filter(|slot| slot.old.is_none()).filter_map(|slot| slot.new);
        new.map(|row| self.read.value(row as usize)).collect()
    }

    /// The customers of a chunk who are gone, by their places there.
    pub(super) fn leaving(&self, chunk: usize) -> Vec<usize> {
        let (Some(Some(slots)), Some(before)) = (self.slots.get(chunk), self.chunks.get(chunk)) else {
            return Vec::new();
        };
        let mut stays = slots.iter().filter_map(|slot| slot.old).peekable();
        (0..before.keys.len()).filter(|old| stays.next_if(|s| *s as usize == *old).is_none()).collect()
    }
}

fn find(keys: &StringArray, key: &str) -> Option<usize> {
    let at = lower_bound(keys, 0, key);
    (at < keys.len() && keys.value(at) == key).then_some(at)
}

/// The first from a place on that is not less than a key: often it is the one there.
fn lower_bound(keys: &StringArray, from: usize, key: &str) -> usize {
    let (mut low, mut high) = (from, keys.len());
    if low < high && keys.value(low) >= key {
        return low;
    }
    while low < high {
        let middle = low.midpoint(high);
        if keys.value(middle) < key { low = middle + 1 } else { high = middle }
    }
    low
}
