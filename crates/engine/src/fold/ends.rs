//! The latest and the first row of a run, with whatever value it has.

use super::Run;
use crate::bitmap::Bitmap;
use crate::column::Column;

pub(super) fn latest(field: &Column, filter: Option<&Bitmap>, run: Run<'_>) -> Column {
    match filter {
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
