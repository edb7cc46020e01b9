//! Numbers of different values.

use super::{Family, Run, eights};
use crate::bitmap::Bitmap;
use crate::column::{Column, Texts, Values};
use crate::spare::Spare;
use arrow_array::Array;
use multiversion::multiversion;
use std::collections::HashMap;

/// More different values than this are not looked up in a table.
const MOST: usize = 1 << 16;

/// A small number for each known value, the same for equal ones.
pub(super) struct Codes {
    of_rows: Vec<u32>,
    /// What they all are below.
    most: usize,
}

impl Family<'_> {
    /// How many different values are in each run; nothing where they are too many for a table.
    pub(super) fn distinct(&mut self, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let (field, known) = (self.field?, self.known);
        let codes = self.codes.get_or_insert_with(|| code(field, known, spare)).as_ref()?;
        let mut counts = spare.numbers();
        if codes.most <= 64 {
            few(run, &codes.of_rows, known.map(Bitmap::words), &mut counts);
            return Some(Column::numbers(counts, None));
        }
        let found = self.different.iter().position(|(end, _)| *end == run.end);
        let at = found.unwrap_or_else(|| {
            self.different.push((run.end, last_of_their_value(codes, known, run, spare)));
            self.different.len() - 1
        });
        let before = &self.different.get(at)?.1;
        let before = |row: usize| before.get(row).copied().unwrap_or(0);
        counts.extend(run.each().map(|(from, to)| f64::from(before(to) - before(from))));
        Some(Column::numbers(counts, None))
    }
}

impl Codes {
    pub fn close(self, spare: &mut Spare) {
        spare.keep_places(self.of_rows);
    }
}

/// How many different values are in each run, of 64 that there are: a bit for each.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512vl+avx512dq+popcnt",
    "x86_64+avx2+popcnt",
    "x86_64+popcnt"
))]
fn few<'a>(run: Run<'a>, codes: &[u32], known: Option<&[u64]>, counts: &mut Vec<f64>) {
    let take_up = |lane, code: u32, counts| lane | u64::from(counts) << (code % 64);
    eights::fold(
        run,
        codes,
        known,
        0,
        take_up,
        |a, b| a | b,
        |set: u64| counts.push(f64::from(set.count_ones())),
    );
}

/// For each row, and for the end, how many rows before it, of some runs, have a known value that does not come
/// again before the run's end.
fn last_of_their_value(codes: &Codes, known: Option<&Bitmap>, run: Run<'_>, spare: &mut Spare) -> Vec<u32> {
    let mut last = spare.places();
    last.resize(codes.of_rows.len() + 1, 0);
    // Who had a value last, from one on.
    let mut seen = spare.places();
    seen.resize(codes.most, 0);
    for ((from, to), customer) in run.each().zip(1..) {
        let own = from..to;
        let (Some(codes), Some(last)) = (codes.of_rows.get(own.clone()), last.get_mut(own.start + 1..))
        else {
            break;
        };
        for ((row, code), last) in own.zip(codes).zip(last).rev() {
            if known.is_none_or(|known| known.contains(row))
                && let Some(seen) = seen.get_mut(*code as usize)
            {
                // Whether it is new is a toss-up, so nothing hangs on it but a number.
                *last = u32::from(*seen != customer);
                *seen = customer;
            }
        }
    }
    last.iter_mut().fold(0, |sum, row| {
        *row += sum;
        *row
    });
    spare.keep_places(seen);
    last
}

/// The codes of a field's values; nothing where values are too many.
fn code(field: &Column, known: Option<&Bitmap>, spare: &mut Spare) -> Option<Codes> {
    let mut codes = spare.places();
    let most = match &field.values {
        Values::Int(values) => of_whole(|| values.iter().map(|v| Some(*v)), known, &mut codes),
        Values::Short(values) => of_whole(|| values.iter().map(Some), known, &mut codes),
        Values::Number(values) => {
            let whole = |v: &f64| Some(*v as i64).filter(|whole| *whole as f64 == *v);
            of_whole(|| values.iter().map(whole), known, &mut codes)
        }
        Values::Truth(values) => {
            codes.extend((0..values.len()).map(|i| u32::from(values.contains(i))));
            Some(2)
        }
        Values::Text(texts) => return of_texts(texts, codes),
        Values::Tags(_) => None,
    };
    most.map(|most| Codes { of_rows: codes, most })
}

/// Whole numbers that are near each other.
fn of_whole<I: Iterator<Item = Option<i64>>>(
    values: impl Fn() -> I,
    known: Option<&Bitmap>,
    codes: &mut Vec<u32>,
) -> Option<usize> {
    let (mut least, mut most) = (i64::MAX, i64::MIN);
    for (i, value) in values().enumerate() {
        if known.is_none_or(|known| known.contains(i)) {
            (least, most) = (least.min(value?), most.max(value?));
        }
    }
    let span = most.checked_sub(least).and_then(|span| usize::try_from(span).ok()).map_or(0, |s| s + 1);
    if span > MOST || (span == 0 && least <= most) {
        return None;
    }
    codes.extend(values().map(|value| value.unwrap_or(0).wrapping_sub(least) as u32));
    Some(span)
}

/// Texts of a short dictionary, in which a word may come twice.
fn of_texts(texts: &Texts, mut codes: Vec<u32>) -> Option<Codes> {
    let own = texts.codes.as_ref()?;
    if texts.words.len() > own.len().clamp(64, MOST) {
        return None;
    }
    let mut first = HashMap::new();
    let words = (0_u32..).zip(texts.words.iter()).map(|(i, word)| *first.entry(word).or_insert(i));
    let words: Vec<u32> = words.collect();
    let most = words.len();
    match first.len() == most {
        true => codes.extend(own.iter().map(|code| *code as u32)),
        false => codes.extend(own.iter().map(|code| words.get(*code as usize).copied().unwrap_or(0))),
    }
    Some(Codes { of_rows: codes, most })
}
