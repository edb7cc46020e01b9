//! What becomes of a collection's rows: which go, which come and where, and which are left out.

use super::arrays::{self, Span, add, key_at, renewed, renewed_keys, splice};
use super::known::Known;
use super::merge::Doubt;
use super::place::{Edits, Places, Ranked, Stretch};
use crate::customers::held::{HeldChunk, HeldRows, Left};
use crate::customers::keys::{Key, Keys};
use crate::customers::order::each;
use crate::customers::table::Read;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, UInt32Type};
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::OffsetBuffer;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings_engine::chunk::{Rows, Whole};

/// What was read of a collection's table.
pub(super) struct Arrived {
    /// Whose rows they are.
    pub(super) customers: StringArray,
    /// The rows' own keys, none missing.
    pub(super) keys: ArrayRef,
    pub(super) fields: Vec<ArrayRef>,
    /// The field that says when.
    pub(super) time: usize,
    /// Keys of rows that are deleted.
    pub(super) gone: HashSet<Box<str>>,
}

/// What happens to the rows of a collection.
pub(super) struct Moves {
    /// For each chunk, its rows that are not there any more, or are other than they were, in order.
    dropped: Vec<Vec<u32>>,
    /// For each chunk, the rows that come into it, in order.
    coming: Vec<Vec<Coming>>,
    /// How many rows the chunks have then.
    pub(super) rows: usize,
    /// Rows of nobody, and rows without a time.
    pub(super) orphans: Keys,
    pub(super) without_time: Keys,
}

/// A row that comes into a chunk.
struct Coming {
    customer: u32,
    time: i64,
    row: u32,
}

impl Arrived {
    /// What was read: by the customers' keys and the rows' own.
    pub(super) fn of(read: &Read, time: usize, gone: Vec<Box<str>>) -> Result<Arrived, Doubt> {
        let [customers, keys] = read.keys.as_slice() else { return Err(Doubt::Key) };
        let all: Vec<u32> = (0..read.rows as u32).collect();
        let fields = each(&read.columns, |column| column.take(&all));
        let gone = gone.into_iter().collect();
        Ok(Arrived { customers: customers.texts(&all), keys: keys.take(&all), fields, time, gone })
    }

    /// With rows of another reading of the same moment, as far as they are others.
    pub(super) fn and(self, more: &Arrived) -> Result<Arrived, Doubt> {
        let known = self.known()?;
        let mut spans = Vec::new();
        add(&mut spans, 0, 0, self.keys.len());
        for row in 0..more.keys.len() {
            if key_at(&more.keys, row).is_some_and(|key| known.get(key).is_none_or(|row| row.is_none())) {
                add(&mut spans, 1, row, row + 1);
            }
        }
        let field = |(one, other): (&ArrayRef, &ArrayRef)| {
            let other = arrays::like(one, other)?;
            splice(&[&arrays::widened(one, &other), &other], &spans)
        };
        let fields = self.fields.iter().zip(&more.fields).map(field).collect::<Result<_, _>>()?;
        let whose = |arrived: &Arrived| -> ArrayRef { Arc::new(arrived.customers.clone()) };
        let customers = StringArray::from(splice(&[&whose(&self), &whose(more)], &spans)?.to_data());
        let keys = renewed_keys(&[&self.keys, &more.keys], &spans)?;
        drop(known);
        Ok(Arrived { customers, keys, fields, ..self })
    }

    /// Finds its rows by their keys; none may come twice.
    pub(super) fn known(&self) -> Result<Known<'_>, Doubt> {
        Known::new(&self.keys, self.gone.iter().map(|key| Key::of(key))).ok_or(Doubt::Key)
    }

    fn customer(&self, row: usize) -> Option<&str> {
        self.customers.is_valid(row).then(|| self.customers.value(row))
    }

    /// When its rows happened.
    fn times(&self) -> Result<Whole<'_>, Doubt> {
        times(&self.fields, self.time)
    }
}

fn times(fields: &[ArrayRef], time: usize) -> Result<Whole<'_>, Doubt> {
    fields.get(time).and_then(|column| Whole::of(column)).ok_or(Doubt::Arrays)
}

impl Moves {
    /// Finds out what happens. `left` is what was left out before.
    pub(super) fn find(
        collection: usize,
        arrived: &Arrived,
        known: &Known<'_>,
        places: &Places<'_>,
        left: &Left,
    ) -> Result<Moves, Doubt> {
        let unchanged: Vec<AtomicBool> = (0..arrived.keys.len()).map(|_| AtomicBool::new(false)).collect();
        let dropped = each(places.chunks, |chunk| dropped(chunk, collection, arrived, known, &unchanged));
        let still = |keys: &Keys| {
            let mut still = Keys::default();
            let rows = (0..keys.len() as u32).filter_map(|row| keys.get(row));
            rows.filter(|key| known.get(*key).is_none()).for_each(|key| still.push(Some(key)));
            still
        };
        let (mut orphans, mut without_time) = (still(&left.orphan_keys), still(&left.without_time_keys));
        let changed =
            (0..unchanged.len()).zip(unchanged).filter(|(_, unchanged)| !unchanged.load(Ordering::Relaxed));
        let changed: Vec<usize> = changed.map(|(row, _)| row).collect();
        let chunks = each(&changed, |row| Some(places.chunk(arrived.customer(*row)?)));
        let mut parts: Vec<(usize, Vec<usize>)> = (0..places.chunks.len()).map(|i| (i, Vec::new())).collect();
        for (row, chunk) in changed.into_iter().zip(chunks) {
            match chunk.and_then(|chunk| parts.get_mut(chunk)) {
                Some((_, rows)) => rows.push(row),
                None => orphans.push(key_at(&arrived.keys, row)),
            }
        }
        let times = arrived.times()?;
        let sorted = each(&parts, |(chunk, rows)| coming((*chunk, rows), arrived, times, places));
        let mut coming = Vec::with_capacity(sorted.len());
        for (some, nobodys, timeless) in sorted {
            nobodys.into_iter().for_each(|row| orphans.push(key_at(&arrived.keys, row)));
            timeless.into_iter().for_each(|row| without_time.push(key_at(&arrived.keys, row)));
            coming.push(some);
        }
        let mut moves = Moves { dropped, coming, rows: 0, orphans, without_time };
        moves.leave(collection, places)?;
        Ok(moves)
    }

    /// Rows whose customers go are of nobody from now on; counts those that are not.
    fn leave(&mut self, collection: usize, places: &Places<'_>) -> Result<(), Doubt> {
        for (i, chunk) in places.chunks.iter().enumerate() {
            let Some(rows) = chunk.collections.get(collection) else { return Err(Doubt::Arrays) };
            let dropped = self.dropped.get(i).map_or([].as_slice(), Vec::as_slice);
            self.rows += rows.rows.len() - dropped.len();
            self.rows += self.coming.get(i).map_or(0, Vec::len);
            let leaving = places.leaving(i);
            // Whose the rows without a time are is not known here.
            if !leaving.is_empty() && self.without_time.len() > 0 {
                return Err(Doubt::Key);
            }
            for customer in leaving {
                for row in rows.rows.of(customer).filter(|row| dropped.binary_search(&(*row as u32)).is_err())
                {
                    let key = rows.keys.as_ref().and_then(|keys| key_at(keys, row));
                    self.orphans.push(Some(key.ok_or(Doubt::Key)?));
                    self.rows -= 1;
                }
            }
        }
        Ok(())
    }

    /// Whether a chunk's rows are what they were.
    pub(super) fn leave_alone(&self, chunk: usize) -> bool {
        self.coming.get(chunk).is_none_or(Vec::is_empty) && self.dropped.get(chunk).is_none_or(Vec::is_empty)
    }

    /// The rows of a chunk's customers, once it is done.
    pub(super) fn apply(
        &self,
        chunk: usize,
        held: &HeldRows,
        edits: &Edits,
        arrived: &Arrived,
    ) -> Result<HeldRows, Doubt> {
        let dropped = self.dropped.get(chunk).map_or([].as_slice(), Vec::as_slice);
        let coming = self.coming.get(chunk).map_or([].as_slice(), Vec::as_slice);
        let customers = held.rows.offsets.len().saturating_sub(1);
        let woven = Weave::new(held, arrived, dropped, coming)?.all(&edits.stretches(customers));
        let spans = woven.spans;
        let columns = held.rows.fields.iter().zip(&arrived.fields);
        let fields = columns.map(|(old, new)| renewed(&[old, new], &spans)).collect::<Result<_, _>>()?;
        let keys = held.keys.as_ref().map(|keys| renewed_keys(&[keys, &arrived.keys], &spans)).transpose()?;
        Ok(HeldRows { rows: Rows { offsets: OffsetBuffer::new(woven.offsets.into()), fields }, keys })
    }
}

/// What comes into a chunk of some rows of its stretch of customers, in order; and the rows that do not, of nobody or
/// without a time.
fn coming(
    (chunk, rows): (usize, &[usize]),
    arrived: &Arrived,
    times: Whole<'_>,
    places: &Places<'_>,
) -> (Vec<Coming>, Vec<usize>, Vec<usize>) {
    let (mut coming, mut orphans, mut without_time) =
        (Vec::with_capacity(rows.len()), Vec::new(), Vec::new());
    let whose = |row: &usize| Ranked::new(arrived.customer(*row).unwrap_or_default());
    let mut sorted: Vec<_> = rows.iter().map(|row| (whose(row), times.at(*row), *row)).collect();
    sorted.sort_unstable();
    let mut place = places.within(chunk);
    for (key, time, row) in sorted {
        match (place(key.text), time) {
            (Some(customer), Some(time)) => coming.push(Coming { customer, time, row: row as u32 }),
            (Some(_), None) => without_time.push(row),
            (None, _) => orphans.push(row),
        }
    }
    let key = |c: &Coming| key_at(&arrived.keys, c.row as usize);
    for at_once in coming.chunk_by_mut(|a, b| (a.customer, a.time) == (b.customer, b.time)) {
        at_once.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    }
    (coming, orphans, without_time)
}

/// Which rows of a chunk are not there any more, or are other than they were; rows that were read and are just what is
/// held are marked as unchanged.
fn dropped(
    chunk: &HeldChunk,
    collection: usize,
    arrived: &Arrived,
    known: &Known<'_>,
    unchanged: &[AtomicBool],
) -> Vec<u32> {
    let rows = chunk.collections.get(collection);
    let Some((rows, keys)) = rows.and_then(|r| Some((&r.rows, r.keys.as_ref()?))) else { return Vec::new() };
    if known.is_empty() {
        return Vec::new();
    }
    let same: Vec<_> = rows.fields.iter().zip(&arrived.fields).map(|(a, b)| arrays::same(a, b)).collect();
    let mut dropped = Vec::new();
    let mut found = |row: usize, read: Option<u32>| {
        let customer = rows.offsets.partition_point(|begin| *begin as usize <= row).saturating_sub(1);
        let kept = read.filter(|new| {
            arrived.customer(*new as usize) == Some(chunk.keys.value(customer))
                && same.iter().all(|same| same(row, *new as usize))
        });
        match kept.and_then(|new| unchanged.get(new as usize)) {
            // Of two that are alike, one stays.
            Some(unchanged) if !unchanged.swap(true, Ordering::Relaxed) => {}
            _ => dropped.push(row as u32),
        }
    };
    let likely = match (keys.as_primitive_opt::<UInt32Type>(), keys.as_primitive_opt::<Int64Type>()) {
        (Some(short), _) => likely(short.values(), known),
        (_, Some(long)) => likely(long.values(), known),
        _ => (0..keys.len()).collect(),
    };
    for row in likely {
        if let Some(read) = key_at(keys, row).and_then(|key| known.get(key)) {
            found(row, read);
        }
    }
    dropped
}

/// Which of some keys it is worth looking up.
fn likely<N: Copy + Into<i64>>(keys: &[N], known: &Known<'_>) -> Vec<usize> {
    let worth = |(_, key): &(usize, &N)| known.may_have(Key::Whole((**key).into()));
    keys.iter().enumerate().filter(worth).map(|(row, _)| row).collect()
}

/// Where the rows of a chunk's customers come from, held or read, and where those of each begin.
struct Weave<'a> {
    held: &'a HeldRows,
    times: Whole<'a>,
    arrived: &'a Arrived,
    /// What is still to be left out, and to come in.
    dropped: &'a [u32],
    coming: &'a [Coming],
    /// How many rows there are so far.
    rows: i32,
    spans: Vec<Span>,
    offsets: Vec<i32>,
}

impl<'a> Weave<'a> {
    fn new(
        held: &'a HeldRows,
        arrived: &'a Arrived,
        dropped: &'a [u32],
        coming: &'a [Coming],
    ) -> Result<Weave<'a>, Doubt> {
        // More than that no chunk can have.
        i32::try_from(held.rows.len() + coming.len()).map_err(|_| Doubt::Arrays)?;
        let times = times(&held.rows.fields, arrived.time)?;
        Ok(Weave { held, times, arrived, dropped, coming, rows: 0, spans: Vec::new(), offsets: vec![0] })
    }

    fn all(mut self, customers: &[Stretch]) -> Weave<'a> {
        for stretch in customers {
            match stretch {
                Stretch::Come => self.weave(0..0),
                Stretch::Stay(customers) => self.stay(customers.clone()),
            }
        }
        self
    }

    /// Most customers have the rows that they had.
    fn stay(&mut self, customers: Range<usize>) {
        let mut next = customers.start;
        while next < customers.end {
            let touched = self.touched(next).unwrap_or(customers.end).min(customers.end);
            self.copy(next..touched);
            if touched < customers.end {
                self.weave(self.held.rows.of(touched));
            }
            next = touched + 1;
        }
    }

    /// The first customer from one on whose rows are not what they were.
    fn touched(&mut self, from: usize) -> Option<usize> {
        let offsets = &self.held.rows.offsets;
        let begin = offsets.get(from).map_or(u32::MAX, |begin| *begin as u32);
        // Of customers who are gone all rows are.
        let passed = self.dropped.partition_point(|row| *row < begin);
        self.dropped = self.dropped.get(passed..).unwrap_or_default();
        let owner = |row: &u32| offsets.partition_point(|begin| *begin as u32 <= *row).saturating_sub(1);
        let losing = self.dropped.first().map(owner);
        let gaining =
            self.coming.first().map(|c| (c.customer as usize + from).saturating_sub(self.customers()));
        losing.into_iter().chain(gaining).min()
    }

    /// How many customers are done.
    fn customers(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The rows of customers as they are.
    fn copy(&mut self, customers: Range<usize>) {
        let offsets = self.held.rows.offsets.get(customers.start..=customers.end).unwrap_or_default();
        let Some((begin, ends)) = offsets.split_first() else { return };
        let shift = self.rows - begin;
        self.take(0, *begin as usize..ends.last().map_or(*begin, |end| *end) as usize);
        self.offsets.extend(ends.iter().map(|end| end + shift));
    }

    /// The rows of one customer that stay, and those that come, by time.
    fn weave(&mut self, rows: Range<usize>) {
        let stay = self.dropped.first().is_none_or(|row| *row as usize >= rows.end);
        if stay && rows.clone().next_back().is_none_or(|last| !self.comes_before(last)) {
            self.take(0, rows);
        } else {
            for row in rows {
                if let Some((_, later)) =
                    self.dropped.split_first().filter(|(next, _)| **next as usize == row)
                {
                    self.dropped = later;
                    continue;
                }
                self.come_while(|weave| weave.comes_before(row));
                self.take(0, row..row + 1);
            }
        }
        self.come_while(|_| true);
        self.offsets.push(self.rows);
    }

    /// Whether what comes next to this customer is before a row that is held.
    fn comes_before(&self, row: usize) -> bool {
        self.comes_next().is_some_and(|next| {
            let key = || self.held.keys.as_ref().and_then(|keys| key_at(keys, row));
            Some(next.time)
                .cmp(&self.times.at(row))
                .then_with(|| key_at(&self.arrived.keys, next.row as usize).cmp(&key()))
                .is_lt()
        })
    }

    fn comes_next(&self) -> Option<&'a Coming> {
        self.coming.first().filter(|next| next.customer as usize == self.customers())
    }

    fn come_while(&mut self, wanted: impl Fn(&Self) -> bool) {
        while let Some(next) = self.comes_next().filter(|_| wanted(self)) {
            self.coming = self.coming.get(1..).unwrap_or_default();
            self.take(1, next.row as usize..next.row as usize + 1);
        }
    }

    fn take(&mut self, source: usize, rows: Range<usize>) {
        self.rows += rows.len() as i32;
        add(&mut self.spans, source, rows.start, rows.end);
    }
}
