//! The latest and the first row of a run, with whatever value it has.

use super::Run;
use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::spare::Spare;

pub(super) fn latest(field: &Column, filter: Option<&Bitmap>, run: Run<'_>, spare: &mut Spare) -> Column {
    match (filter, &field.known, &field.values) {
        (None, None, Values::Int(values)) => last(run, |row| values.get(row).copied(), spare),
        (None, None, Values::Short(values)) => last(run, |row| values.get(row), spare),
        (None, ..) => field.take(run.each().map(|(from, to)| (from < to).then(|| to - 1))),
        (Some(filter), ..) => {
            field.take(run.each().map(|(from, to)| (from..to).rev().find(|row| filter.contains(*row))))
        }
    }
}

/// The last value of each run, all of which are known.
fn last(run: Run<'_>, value: impl Fn(usize) -> Option<i64>, spare: &mut Spare) -> Column {
    let mut ints = spare.ints();
    // Anything where there is none.
    ints.extend(run.to.iter().map(|to| value(to.wrapping_sub(1) as usize).unwrap_or(0)));
    Column::ints(ints, Some(Bitmap::of_pairs(run.from, run.to, |from, to| from < to)))
}

pub(super) fn first(field: &Column, filter: Option<&Bitmap>, run: Run<'_>) -> Column {
    match filter {
        None => field.take(run.each().map(|(from, to)| (from < to).then_some(from))),
        Some(filter) => field.take(run.each().map(|(from, to)| (from..to).find(|row| filter.contains(*row)))),
    }
}
