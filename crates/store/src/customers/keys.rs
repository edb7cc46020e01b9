//! The keys of a table's rows, compact, and the customers found by them.

use crate::customers::arena::Arena;
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, StringArray, UInt32Array};
use arrow_buffer::NullBuffer;
use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::ops::Range;
use std::sync::Arc;
use tidings_schema::Raw;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A key. What it is is its text: a whole number stands for the text that it is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key<'a> {
    Whole(i64),
    /// Never the text of a whole number.
    Text(&'a str),
}

impl<'a> Key<'a> {
    /// Of a text, whatever it is.
    pub(crate) fn of(text: &'a str) -> Key<'a> {
        match text.as_bytes() {
            [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..] | [b'0'] => {
                text.parse().map_or(Key::Text(text), Key::Whole)
            }
            _ => Key::Text(text),
        }
    }

    /// Of a stored value; none where there is nothing. A real number without a fraction reads as a whole one: tools
    /// that know no missing whole numbers write keys that way.
    pub(crate) fn of_raw(raw: Raw<'a>, scratch: &'a mut String) -> Option<Key<'a>> {
        match raw {
            Raw::Null => None,
            Raw::Int(whole) => Some(Key::Whole(whole)),
            Raw::Text(text) => Some(Key::of(text)),
            other => {
                scratch.clear();
                write!(scratch, "{other}").ok()?;
                Some(Key::of(scratch))
            }
        }
    }
}

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Whole(whole) => whole.fmt(f),
            Key::Text(text) => f.write_str(text),
        }
    }
}

/// In the order of the texts' bytes.
impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Key::Whole(a), Key::Whole(b)) => digits(*a).cmp(&digits(*b)),
            (Key::Text(a), Key::Text(b)) => a.cmp(b),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What is in the order in which whole numbers are as texts: without a minus or not, since that comes before all
/// digits, the digits filled up with zeros to the longest there are, and how many they are without those.
fn digits(whole: i64) -> (bool, u64, u32) {
    let size = whole.unsigned_abs();
    let count = size.checked_ilog10().unwrap_or(0) + 1;
    (whole >= 0, size * 10_u64.pow(19_u32.saturating_sub(count)), count)
}

/// Keys by row: as whole numbers while every one of them is one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    kept: Kept,
    /// The rows without one, in order.
    missing: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Kept {
    Whole(Vec<i64>),
    Texts(Arena),
}

impl Default for Kept {
    fn default() -> Kept {
        Kept::Whole(Vec::new())
    }
}

impl Keys {
    pub(crate) fn len(&self) -> usize {
        match &self.kept {
            Kept::Whole(numbers) => numbers.len(),
            Kept::Texts(texts) => texts.len(),
        }
    }

    /// How many rows have none.
    pub(crate) fn missing(&self) -> usize {
        self.missing.len()
    }

    pub(crate) fn push(&mut self, key: Option<Key<'_>>) {
        if key.is_none() {
            self.missing.push(self.len() as u32);
        }
        match (&mut self.kept, key) {
            (Kept::Whole(numbers), None) => numbers.push(0),
            (Kept::Whole(numbers), Some(Key::Whole(whole))) => numbers.push(whole),
            (Kept::Whole(numbers), Some(Key::Text(text))) => {
                let mut texts = as_texts(numbers);
                texts.push(text);
                self.kept = Kept::Texts(texts);
            }
            (Kept::Texts(texts), None) => texts.push(""),
            (Kept::Texts(texts), Some(Key::Text(text))) => texts.push(text),
            (Kept::Texts(texts), Some(whole)) => texts.push(&whole.to_string()),
        }
    }

    /// Adds those of some rows of another table.
    pub(crate) fn append(&mut self, other: &Keys, rows: Range<usize>) {
        match (&mut self.kept, &other.kept) {
            (Kept::Whole(own), Kept::Whole(numbers)) if other.missing.is_empty() => {
                own.extend_from_slice(numbers.get(rows).unwrap_or_default());
            }
            _ => rows.for_each(|row| self.push(other.get(row as u32))),
        }
    }

    /// A row's key, if it has one.
    pub(crate) fn get(&self, row: u32) -> Option<Key<'_>> {
        if !self.missing.is_empty() && self.missing.binary_search(&row).is_ok() {
            return None;
        }
        match &self.kept {
            Kept::Whole(numbers) => numbers.get(row as usize).copied().map(Key::Whole),
            Kept::Texts(texts) => texts.get(row).map(Key::of),
        }
    }

    /// Those of some rows, in the order given.
    pub(crate) fn pick(&self, rows: &[u32]) -> Keys {
        let mut keys = Keys::default();
        rows.iter().for_each(|row| keys.push(self.get(*row)));
        keys
    }

    /// Those of some rows as an array, in the order given: where all keys of the table are whole numbers, `UInt32Array` if
    /// those of the rows fit, and else `Int64Array`; where they are not, `StringArray`.
    pub(crate) fn take(&self, rows: &[u32]) -> ArrayRef {
        let Kept::Whole(numbers) = &self.kept else { return Arc::new(self.texts(rows)) };
        let number = |row: &u32| numbers.get(*row as usize).copied().unwrap_or_default();
        let whole: Vec<i64> = rows.iter().map(number).collect();
        let there = || rows.iter().map(|row| self.get(*row).is_some()).collect();
        let nulls = (self.missing() > 0).then(|| NullBuffer::new(there()));
        if whole.iter().all(|number| u32::try_from(*number).is_ok()) {
            let short: Vec<u32> = whole.iter().map(|number| *number as u32).collect();
            return Arc::new(UInt32Array::new(short.into(), nulls));
        }
        Arc::new(Int64Array::new(whole.into(), nulls))
    }

    /// The texts of some rows' keys.
    pub(crate) fn texts(&self, rows: &[u32]) -> StringArray {
        let mut texts = StringBuilder::with_capacity(rows.len(), 8 * rows.len());
        for row in rows {
            match self.get(*row) {
                Some(Key::Whole(whole)) => texts.append_value(whole.to_string()),
                Some(Key::Text(text)) => texts.append_value(text),
                None => texts.append_null(),
            }
        }
        texts.finish()
    }

    /// The rows that have a key, in the order of the keys.
    pub(crate) fn sorted(&self) -> Vec<u32> {
        if let Some(rows) = self.counted_through() {
            return rows;
        }
        let rows = (0..self.len() as u32).filter(|row| self.get(*row).is_some());
        match &self.kept {
            Kept::Whole(numbers) => {
                let rank = |row: u32| numbers.get(row as usize).map(|whole| digits(*whole));
                let mut ranked: Vec<_> = rows.map(|row| (rank(row), row)).collect();
                ranked.sort_unstable();
                ranked.into_iter().map(|(_, row)| row).collect()
            }
            Kept::Texts(texts) => {
                let mut named: Vec<_> = rows.map(|row| (texts.get(row), row)).collect();
                named.sort_unstable();
                named.into_iter().map(|(_, row)| row).collect()
            }
        }
    }
}

impl Keys {
    /// The same where they are whole numbers, each once, that take up a good part of all from nothing on.
    fn counted_through(&self) -> Option<Vec<u32>> {
        let (least, rows) = close(self).filter(|(least, _)| *least >= 0)?;
        let last = least.checked_add_unsigned(rows.len() as u64 - 1)?;
        if last as usize / 4 > self.len() {
            return None;
        }
        let row = |number: i64| rows.get(usize::try_from(number - least).ok()?).filter(|row| **row != FREE);
        let sorted: Vec<u32> = by_text(last).filter_map(row).copied().collect();
        (sorted.len() == self.len()).then_some(sorted)
    }
}

/// All whole numbers up to one, in the order of their texts.
fn by_text(last: i64) -> impl Iterator<Item = i64> {
    std::iter::successors(Some(0), move |number| match number {
        0 => Some(1).filter(|next| *next <= last),
        longer if longer * 10 <= last => Some(longer * 10),
        _ => {
            let mut number = *number;
            while number % 10 == 9 || number == last {
                number /= 10;
            }
            Some(number + 1).filter(|next| *next > 1)
        }
    })
}

fn as_texts(numbers: &[i64]) -> Arena {
    let mut texts = Arena::default();
    let mut scratch = String::new();
    for number in numbers {
        scratch.clear();
        write!(scratch, "{number}").ok();
        texts.push(&scratch);
    }
    texts
}

/// Who is found by a key, as a place among all: the customers of a load, in the order of their keys.
#[derive(Debug)]
pub(crate) struct Places {
    keys: Keys,
    /// Where all keys are whole numbers that lie close together: the least of them, and the places of those from it on.
    close: Option<(i64, Vec<u32>)>,
    /// Places, each at its key's hash or behind it; of keys that lie close together none.
    slots: Vec<u32>,
    /// Unknown to whoever writes keys.
    seed: u64,
}

const FREE: u32 = u32::MAX;

impl Places {
    /// Of keys, each at its place. Of two that are the same the first is found.
    pub(crate) fn new(keys: Keys) -> Places {
        if let Some(close) = close(&keys) {
            return Places { keys, close: Some(close), slots: Vec::new(), seed: 0 };
        }
        let slots = vec![FREE; (keys.len() * 2).next_power_of_two()];
        let mut places = Places { keys, close: None, slots, seed: rand::random() };
        for place in 0..places.keys.len() as u32 {
            let free = places.keys.get(place).map(|key| places.probe(key));
            if let Some(Err(free)) = free
                && let Some(slot) = places.slots.get_mut(free)
            {
                *slot = place;
            }
        }
        places
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn get(&self, key: Key<'_>) -> Option<u32> {
        match (&self.close, key) {
            (None, _) => self.probe(key).ok(),
            (Some((least, places)), Key::Whole(whole)) => {
                let at = usize::try_from(whole.checked_sub(*least)?).ok()?;
                places.get(at).copied().filter(|place| *place != FREE)
            }
            (Some(_), Key::Text(_)) => None,
        }
    }

    /// Its place, or the slot where it would be.
    fn probe(&self, key: Key<'_>) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let hash = match key {
            Key::Whole(whole) => xxh3_64_with_seed(&whole.to_le_bytes(), self.seed),
            Key::Text(text) => xxh3_64_with_seed(text.as_bytes(), self.seed),
        };
        let mut at = hash as usize & mask;
        loop {
            match self.slots.get(at) {
                Some(&place) if place != FREE => match self.keys.get(place) == Some(key) {
                    true => return Ok(place),
                    false => at = (at + 1) & mask,
                },
                _ => return Err(at),
            }
        }
    }
}

/// The least of the keys and the places of all numbers from it on, where that takes no more memory than slots do.
fn close(keys: &Keys) -> Option<(i64, Vec<u32>)> {
    let Kept::Whole(numbers) = &keys.kept else { return None };
    let least = *numbers.iter().min().filter(|_| keys.missing.is_empty())?;
    let span = usize::try_from(numbers.iter().max()?.checked_sub(least)?).ok()?;
    let mut places = (span / 2 < numbers.len()).then(|| vec![FREE; span + 1])?;
    for (number, place) in numbers.iter().zip(0..) {
        let free = places.get_mut((number - least) as usize).filter(|slot| **slot == FREE);
        free.into_iter().for_each(|slot| *slot = place);
    }
    Some((least, places))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use arrow_array::Array;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = Option<String>> {
        let whole = prop_oneof![any::<i64>(), -20..20_i64, Just(i64::MIN), Just(i64::MAX)];
        let text = prop_oneof!["[-+0-9a]{0,4}", "[0-9]{18,21}", "\\PC{0,3}"];
        prop_oneof![
            8 => whole.prop_map(|n| Some(n.to_string())),
            1 => text.prop_map(Some),
            1 => Just(None),
        ]
    }

    proptest! {
        #[test]
        fn numbers_that_lie_close_together_are_found(
            least in prop::sample::select(vec![i64::MIN, -7, 0, 1, i64::MAX - 20]),
            far in prop::option::of(any::<i64>()),
            steps in proptest::collection::vec(0..=20_i64, 1..40),
        ) {
            let numbers: Vec<i64> = steps.iter().map(|step| least + step).chain(far).collect();
            let mut keys = Keys::default();
            numbers.iter().for_each(|number| keys.push(Some(Key::Whole(*number))));
            let places = Places::new(keys);
            let around = (-3..=23).map(|step| least.saturating_add(step));
            for number in numbers.iter().copied().chain(around).chain([i64::MIN, i64::MAX]) {
                let first = numbers.iter().position(|n| *n == number).map(|i| i as u32);
                prop_assert_eq!(places.get(Key::Whole(number)), first);
            }
            prop_assert_eq!(places.get(Key::Text("x")), None);
            let mut named: Vec<(String, u32)> = numbers.iter().map(i64::to_string).zip(0..).collect();
            named.sort_unstable();
            let rows: Vec<u32> = named.into_iter().map(|(_, row)| row).collect();
            prop_assert_eq!(places.keys.sorted(), rows);
        }

        #[test]
        fn all_numbers_come_in_the_order_of_their_texts(last in prop_oneof![0..12_i64, 90..111_i64, 0..3_000_i64]) {
            let mut texts: Vec<String> = (0..=last).map(|number| number.to_string()).collect();
            texts.sort_unstable();
            prop_assert_eq!(by_text(last).map(|number| number.to_string()).collect::<Vec<_>>(), texts);
        }

        #[test]
        fn keys_are_their_texts(texts in proptest::collection::vec(key(), 0..40)) {
            let mut keys = Keys::default();
            texts.iter().for_each(|text| keys.push(text.as_deref().map(Key::of)));
            let rows: Vec<u32> = (0..texts.len() as u32).collect();
            for row in &rows {
                let text = keys.get(*row).map(|key| key.to_string());
                prop_assert_eq!(&text, &texts[*row as usize]);
            }
            let mut named: Vec<(&str, u32)> =
                texts.iter().zip(0..).filter_map(|(t, row)| Some((t.as_deref()?, row))).collect();
            named.sort_unstable();
            prop_assert_eq!(keys.sorted(), named.iter().map(|(_, row)| *row).collect::<Vec<_>>());
            for pair in named.windows(2) {
                prop_assert_eq!(Key::of(pair[0].0).cmp(&Key::of(pair[1].0)), pair[0].0.cmp(pair[1].0));
            }
            let array = keys.texts(&rows);
            prop_assert!(array.iter().eq(texts.iter().map(Option::as_deref)));
            prop_assert_eq!(keys.take(&rows).null_count(), keys.missing());
            let places = Places::new(keys.clone());
            for text in texts.iter().flatten() {
                let first = texts.iter().position(|t| t.as_ref() == Some(text)).map(|i| i as u32);
                prop_assert_eq!(places.get(Key::of(text)), first);
            }
            prop_assert_eq!(places.get(Key::of("nobody")), None);
        }
    }
}
