//! Where customers are, once those who come have come and those who go are gone.

use super::arrays::{self, Span, add};
use super::merge::{Doubt, People};
use crate::customers::held::HeldChunk;
use arrow_array::{Array, StringArray};
use std::cmp::Ordering;

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
    let mut rest = order.as_slice();
    let all = chunks.iter().enumerate().map(|(i, chunk)| {
        let end = first_key(chunks, i + 1);
        let here = rest.partition_point(|row| end.is_none_or(|end| keys.value(*row as usize) < end));
        let (coming, after) = rest.split_at(here);
        rest = after;
        of_chunk(chunk, coming, customers)
    });
    Ok(all.collect())
}

fn first_key(chunks: &[HeldChunk], i: usize) -> Option<&str> {
    chunks.get(i).filter(|p| !p.keys.is_empty()).map(|p| p.keys.value(0))
}

fn of_chunk(chunk: &HeldChunk, mut coming: &[u32], customers: &People) -> Slots {
    if coming.is_empty() && customers.gone.is_empty() && !customers.whole {
        return None;
    }
    let columns = chunk.attributes.iter().zip(&customers.columns);
    let same: Vec<_> = columns.map(|(a, b)| arrays::same(a, b)).collect();
    let mut slots = Vec::with_capacity(chunk.keys.len() + coming.len());
    let mut as_before = true;
    for old in 0..chunk.keys.len() {
        let key = chunk.keys.value(old);
        while let Some((new, after)) =
            coming.split_first().filter(|(new, _)| customers.keys.value(**new as usize) < key)
        {
            slots.push(Slot { old: None, new: Some(*new) });
            (coming, as_before) = (after, false);
        }
        let read = coming.split_first().filter(|(new, _)| customers.keys.value(**new as usize) == key);
        if let Some((new, after)) = read {
            coming = after;
            let changed = !same.iter().all(|same| same(old, *new as usize));
            as_before &= !changed;
            slots.push(Slot { old: Some(old as u32), new: changed.then_some(*new) });
        } else if customers.whole || customers.gone.contains(key) {
            as_before = false;
        } else {
            slots.push(Slot { old: Some(old as u32), new: None });
        }
    }
    as_before &= coming.is_empty();
    slots.extend(coming.iter().map(|new| Slot { old: None, new: Some(*new) }));
    (!as_before).then_some(slots)
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
    pub(super) read: &'a StringArray,
    pub(super) slots: &'a [Slots],
}

impl Places<'_> {
    /// A customer's chunk and their place in it.
    pub(super) fn of(&self, key: &str) -> Option<(usize, u32)> {
        let after = |i: usize| first_key(self.chunks, i).is_some_and(|first| first <= key);
        let (mut low, mut high) = (0, self.chunks.len());
        while high - low > 1 {
            let middle = low.midpoint(high);
            if after(middle) { low = middle } else { high = middle }
        }
        let chunk = self.chunks.get(low)?;
        let found = match self.slots.get(low)? {
            Some(slots) => slots.binary_search_by(|slot| self.key(chunk, *slot).cmp(key)).ok()?,
            None => find(&chunk.keys, key)?,
        };
        Some((low, found as u32))
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
    let (mut low, mut high) = (0, keys.len());
    while low < high {
        let middle = low.midpoint(high);
        match keys.value(middle).cmp(key) {
            Ordering::Equal => return Some(middle),
            Ordering::Less => low = middle + 1,
            Ordering::Greater => high = middle,
        }
    }
    None
}
