//! The latest and the first row of a run, with whatever value it has.

use super::Run;
use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::spare::Spare;

pub(super) fn latest(field: &Column, filter: Option<&Bitmap>, run: Run<'_>, spare: &mut Spare) -> Column {
    match filter {
        None if field.known.is_none()
            && let Values::Int(_) | Values::Short(_) = &field.values =>
        {
            let mut ints = spare.ints();
            // Anything where there is none.
            let last = run.to.iter().map(|to| to.wrapping_sub(1) as usize);
            match &field.values {
                Values::Int(values) => ints.extend(last.map(|row| values.get(row).copied().unwrap_or(0))),
                Values::Short(values) => ints.extend(last.map(|row| values.get(row).unwrap_or(0))),
                _ => {}
            }
            Column::ints(ints, Some(Bitmap::of_pairs(run.from, run.to, |from, to| from < to)))
        }
        None => field.take(run.each().map(|(from, to)| (from < to).then(|| to - 1))),
        Some(filter) => {
            field.take(run.each().map(|(from, to)| (from..to).rev().find(|row| filter.contains(*row))))
        }
    }
}

pub(super) fn first(field: &Column, filter: Option<&Bitmap>, run: Run<'_>) -> Column {
    match filter {
        None => field.take(run.each().map(|(from, to)| (from < to).then_some(from))),
        Some(filter) => field.take(run.each().map(|(from, to)| (from..to).find(|row| filter.contains(*row)))),
    }
}
