//! Folds run by run, for what running sums and tables cannot hold: sums of numbers that are not whole or of
//! amounts near the end of their range, the least text, the number of many different values.

use crate::arithmetic::divided;
use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::graph::Bits;
use std::cmp::Ordering;
use std::ops::Range;
use tidings_syntax::tree::Function;

/// A sum, average, least or greatest value, or a number of different ones, over each customer's rows: those in the
/// customer's run and among the known.
pub(super) fn fold(
    function: Function,
    runs: &[Range<usize>],
    known: Option<&Bitmap>,
    field: &Column,
) -> Column {
    let rows = Rows { runs, filter: known };
    match function {
        Function::Sum => sum(&rows, field),
        Function::Average => average(&rows, field),
        Function::Min => best(&rows, field, Ordering::Less),
        Function::Max => best(&rows, field, Ordering::Greater),
        Function::Distinct => distinct(&rows, field),
        // Read off where the run begins and ends.
        Function::Count | Function::Latest | Function::First => Column::missing(runs.len()),
    }
}

struct Rows<'a> {
    runs: &'a [Range<usize>],
    filter: Option<&'a Bitmap>,
}

impl Rows<'_> {
    /// The rows of each customer.
    fn each(&self) -> impl Iterator<Item = impl DoubleEndedIterator<Item = usize>> {
        let filter = self.filter;
        self.runs.iter().map(move |run| run.clone().filter(move |i| filter.is_none_or(|f| f.contains(*i))))
    }

    /// The values in the rows of each customer.
    fn values<T: Copy>(&self, values: &[T]) -> impl Iterator<Item = impl Iterator<Item = T>> {
        self.each().map(|rows| rows.filter_map(|i| values.get(i).copied()))
    }
}

fn sum(rows: &Rows<'_>, field: &Column) -> Column {
    match &field.values {
        Values::Int(v) => Column::from_ints(rows.values(v).map(|values| i64::try_from(total(values)).ok())),
        Values::Number(v) => {
            Column::from_numbers(rows.values(v).map(|values| Some(values.fold(0.0, |sum, v| sum + v))))
        }
        _ => Column::missing(rows.runs.len()),
    }
}

fn average(rows: &Rows<'_>, field: &Column) -> Column {
    match &field.values {
        Values::Int(v) => Column::from_ints(rows.values(v).map(|values| {
            let (sum, count) = values.fold((0, 0), |(sum, count), v| (sum + i128::from(v), count + 1));
            if count == 0 { None } else { divided(sum, count) }
        })),
        Values::Number(v) => Column::from_numbers(rows.values(v).map(|values| {
            let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
            // Nothing by nothing is no number, and missing.
            Some(sum / count)
        })),
        _ => Column::missing(rows.runs.len()),
    }
}

fn total(values: impl Iterator<Item = i64>) -> i128 {
    values.map(i128::from).sum()
}

/// The value that compares so with all others; of equal ones the first.
fn best(rows: &Rows<'_>, field: &Column, wanted: Ordering) -> Column {
    match &field.values {
        Values::Int(v) => pick(rows, field, |a, b| v.get(a).cmp(&v.get(b)) == wanted),
        Values::Number(v) => pick(rows, field, |a, b| v.get(a).partial_cmp(&v.get(b)) == Some(wanted)),
        Values::Text(v) => pick(rows, field, |a, b| v.value(a).cmp(v.value(b)) == wanted),
        Values::Short(_) | Values::Truth(_) | Values::Tags(_) => Column::missing(rows.runs.len()),
    }
}

fn pick(rows: &Rows<'_>, field: &Column, better: impl Fn(usize, usize) -> bool) -> Column {
    field.take(rows.each().map(|run| run.reduce(|best, i| if better(i, best) { i } else { best })))
}

fn distinct(rows: &Rows<'_>, field: &Column) -> Column {
    match &field.values {
        Values::Int(v) => count_distinct(rows, |i| v.get(i)),
        Values::Number(v) => count_distinct(rows, |i| v.get(i).copied().map(Bits::new)),
        Values::Truth(v) => count_distinct(rows, |i| v.contains(i)),
        Values::Text(v) => count_distinct(rows, |i| v.value(i)),
        Values::Short(_) | Values::Tags(_) => Column::missing(rows.runs.len()),
    }
}

fn count_distinct<T: Ord>(rows: &Rows<'_>, value: impl Fn(usize) -> T) -> Column {
    let mut seen = Vec::new();
    counts(rows.each().map(|run| {
        seen.clear();
        seen.extend(run.map(&value));
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    }))
}

fn counts(counts: impl Iterator<Item = usize>) -> Column {
    Column::numbers(counts.map(|n| n as f64).collect(), None)
}
