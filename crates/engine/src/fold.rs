//! Folds over the rows of each customer: all windows, and all functions of one field under one filter, together.
//!
//! A customer's rows are in order of time, so a window is a run of them. What a run holds is the difference of two
//! running sums; the best of it, and how many different values it has, are found by going through its rows.

mod counts;
mod different;
mod eights;
mod ends;
mod extremes;
mod plain;
pub(crate) mod ranks;
mod sums;

use crate::bitmap::Bitmap;
use crate::column::Column;
use crate::spare::Spare;
use counts::Counted;
use different::Codes;
use std::ops::Range;
use sums::Sums;
use tidings_syntax::tree::Function;

/// The rows of a window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run<'a> {
    /// Where each customer's rows begin.
    pub from: &'a [u32],
    /// Where they end; never before they begin.
    pub to: &'a [u32],
    /// Which of the chunk's lists of places those are: a list that is earlier has earlier places.
    pub start: usize,
    pub end: usize,
}

impl<'a> Run<'a> {
    fn each(self) -> impl Iterator<Item = (usize, usize)> + 'a {
        self.from.iter().zip(self.to).map(|(from, to)| (*from as usize, *to as usize))
    }

    fn ranges(self) -> Vec<Range<usize>> {
        self.each().map(|(from, to)| from..to).collect()
    }
}

/// Folds of one field (of none, for counts) under one filter, with what several of them read.
pub(crate) struct Family<'a> {
    /// Where each customer's rows begin, and where the last one's end.
    offsets: &'a [i32],
    field: Option<&'a Column>,
    filter: Option<&'a Bitmap>,
    /// The rows of the filter in which the field is known; all where that is not said.
    known: Option<&'a Bitmap>,
    in_filter: Option<Counted<'a>>,
    in_known: Option<Counted<'a>>,
    /// Nothing inside where running sums would not be exact.
    sums: Option<Option<Sums>>,
    /// Nothing inside where values are too many.
    codes: Option<Option<Codes>>,
    /// For each row, how many before it are the last of their value before an end.
    different: Vec<(usize, Vec<u32>)>,
}

impl<'a> Family<'a> {
    pub fn new(
        offsets: &'a [i32],
        field: Option<&'a Column>,
        filter: Option<&'a Bitmap>,
        known: Option<&'a Bitmap>,
        spare: &mut Spare,
    ) -> Family<'a> {
        Family {
            offsets,
            field,
            filter,
            known,
            in_filter: filter.map(|filter| Counted::new(filter.words(), spare)),
            in_known: known.map(|known| Counted::new(known.words(), spare)),
            sums: None,
            codes: None,
            different: Vec::new(),
        }
    }

    /// The rows of a filter in which a field is known; all where that is not said.
    pub fn known(field: Option<&Column>, filter: Option<&Bitmap>, spare: &mut Spare) -> Option<Bitmap> {
        match (filter, field.and_then(|field| field.known.as_ref())) {
            (None, None) => None,
            (Some(set), None) | (None, Some(set)) => Some(spare.copy(set)),
            (Some(filter), Some(known)) => {
                let mut both = spare.copy(filter);
                both.and(known);
                Some(both)
            }
        }
    }

    /// One of the folds. Those whose runs begin earlier come first.
    pub fn fold(&mut self, function: Function, run: Run<'_>, spare: &mut Spare) -> Column {
        let Some(field) = self.field.filter(|_| function != Function::Count) else {
            return self.count(run, spare);
        };
        let quick = match function {
            Function::Count => None,
            Function::Latest => Some(ends::latest(field, self.filter, run, spare)),
            Function::First => Some(ends::first(field, self.filter, run)),
            Function::Sum => self.sum(run, spare),
            Function::Average => self.average(run, spare),
            Function::Min | Function::Max => self.extreme(function, run, spare),
            Function::Distinct => self.distinct(run, spare),
        };
        quick.unwrap_or_else(|| plain::fold(function, &run.ranges(), self.known, &field.wide()))
    }

    /// Gives back what it took.
    pub fn close(self, spare: &mut Spare) {
        let counted = self.in_filter.into_iter().chain(self.in_known);
        counted.for_each(|counted| counted.close(spare));
        self.different.into_iter().for_each(|(_, counts)| spare.keep_places(counts));
        self.codes.flatten().into_iter().for_each(|codes| codes.close(spare));
        self.sums.flatten().into_iter().for_each(|sums| sums.close(spare));
    }

    /// How many rows there are.
    fn rows(&self) -> usize {
        self.offsets.last().map_or(0, |rows| *rows as usize)
    }
}
