//! Least and greatest values.

use super::{Family, Run, eights};
use crate::bitmap::Bitmap;
use crate::column::{Column, Short, Values};
use crate::spare::Spare;
use multiversion::multiversion;
use std::ops::Range;
use tidings_syntax::tree::Function;

impl Family<'_> {
    /// The least or greatest value in each run, of equal ones the first; nothing where values are not numbers.
    pub(super) fn extreme(&mut self, function: Function, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let most = function == Function::Max;
        let known = self.known.map(Bitmap::words);
        let mut best = match &self.field?.values {
            Values::Int(values) => {
                Column::ints(whole(run, values, known, most, (i64::MIN, i64::MAX), spare), None)
            }
            Values::Short(Short { values, unit }) => {
                let mut ints = whole(run, values, known, most, (i32::MIN, i32::MAX), spare);
                ints.iter_mut().for_each(|int| *int *= unit);
                Column::ints(ints, None)
            }
            Values::Number(values) => {
                let mut numbers = spare.numbers();
                let better = |a: f64, b: f64| if most { a > b } else { a < b };
                numbers.extend(run.each().map(|(from, to)| first_best(from..to, values, self.known, better)));
                Column::numbers(numbers, None)
            }
            Values::Truth(_) | Values::Text(_) | Values::Tags(_) => return None,
        };
        let counts = self.knowns(run, spare);
        best.known = Some(Bitmap::of(&counts, |count| *count > 0));
        spare.keep_places(counts);
        Some(best)
    }
}

/// The greatest (`most`) or least of whole numbers between two ends; anything where there is none.
fn whole<T: Copy + Default + Ord + Into<i64>>(
    run: Run<'_>,
    values: &[T],
    known: Option<&[u64]>,
    most: bool,
    (lowest, highest): (T, T),
    spare: &mut Spare,
) -> Vec<i64> {
    let mut best = spare.ints();
    match most {
        true => greatest(run, values, known, lowest, &mut best),
        false => least(run, values, known, highest, &mut best),
    }
    best
}

/// The best of some rows; anything where there is none. Zero has two signs, so the first of equal ones is not any.
fn first_best(
    rows: Range<usize>,
    values: &[f64],
    known: Option<&Bitmap>,
    better: impl Fn(f64, f64) -> bool,
) -> f64 {
    let own = values.get(rows.clone()).unwrap_or_default();
    let counting = rows.zip(own).filter(|(row, _)| known.is_none_or(|known| known.contains(*row)));
    let values = counting.map(|(_, value)| *value);
    values.reduce(|best, value| if better(value, best) { value } else { best }).unwrap_or(0.0)
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn greatest<'a, T: Copy + Default + Ord + Into<i64>>(
    run: Run<'a>,
    values: &[T],
    known: Option<&[u64]>,
    none: T,
    best: &mut Vec<i64>,
) {
    let take_up = |lane: T, value, counts| lane.max(if counts { value } else { none });
    eights::fold(run, values, known, none, take_up, |a, b| a.max(b), |most| best.push(most.into()));
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn least<'a, T: Copy + Default + Ord + Into<i64>>(
    run: Run<'a>,
    values: &[T],
    known: Option<&[u64]>,
    none: T,
    best: &mut Vec<i64>,
) {
    let take_up = |lane: T, value, counts| lane.min(if counts { value } else { none });
    eights::fold(run, values, known, none, take_up, |a, b| a.min(b), |least| best.push(least.into()));
}
