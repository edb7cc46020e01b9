//! Counts of rows.

use super::ranks::Ranks;
use super::{Family, Run};
use crate::column::Column;
use crate::spare::Spare;

/// A set of rows, and how many of it are before the places that were asked for.
pub(super) struct Counted<'a> {
    ranks: Ranks<'a>,
    /// Each with which list of places it is of.
    at: Vec<(usize, Vec<u32>)>,
}

impl Family<'_> {
    /// How many of the filter's rows are in each run.
    pub(super) fn count(&mut self, run: Run<'_>, spare: &mut Spare) -> Column {
        let mut numbers = spare.numbers();
        let mut counts = spare.places();
        among(&mut self.in_filter, run, &mut counts, spare);
        numbers.extend(counts.iter().map(|count| f64::from(*count)));
        spare.keep_places(counts);
        Column::numbers(numbers, None)
    }

    /// How many rows with a known value are in each run.
    pub(super) fn knowns(&mut self, run: Run<'_>, spare: &mut Spare) -> Vec<u32> {
        let mut counts = spare.places();
        among(&mut self.in_known, run, &mut counts, spare);
        counts
    }
}

impl<'a> Counted<'a> {
    pub fn new(words: &'a [u64], spare: &mut Spare) -> Counted<'a> {
        Counted { ranks: Ranks::new(words, spare), at: Vec::new() }
    }

    fn reach(&mut self, list: usize, places: &[u32], spare: &mut Spare) {
        if self.at.iter().all(|(other, _)| *other != list) {
            let mut ranks = spare.places();
            self.ranks.of(places, &mut ranks);
            self.at.push((list, ranks));
        }
    }

    fn at(&self, list: usize) -> &[u32] {
        self.at.iter().find(|(other, _)| *other == list).map_or(&[], |(_, ranks)| ranks)
    }

    pub fn close(self, spare: &mut Spare) {
        self.at.into_iter().for_each(|(_, ranks)| spare.keep_places(ranks));
        self.ranks.close(spare);
    }
}

/// How many rows of a set are in each run; of all rows, where none is given.
fn among(set: &mut Option<Counted<'_>>, run: Run<'_>, counts: &mut Vec<u32>, spare: &mut Spare) {
    let (from, to) = match set {
        None => (run.from, run.to),
        Some(set) => {
            set.reach(run.start, run.from, spare);
            set.reach(run.end, run.to, spare);
            (set.at(run.start), set.at(run.end))
        }
    };
    counts.extend(from.iter().zip(to).map(|(from, to)| to - from));
}
