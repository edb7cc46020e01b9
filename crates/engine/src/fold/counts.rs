//! Counts of rows.

use super::{Family, Run};
use crate::bitmap::Bitmap;
use crate::column::Column;
use crate::spare::Spare;

impl Family<'_> {
    /// How many of the filter's rows are in each run.
    pub(super) fn count(&mut self, run: Run<'_>, spare: &mut Spare) -> Column {
        let rows = self.rows();
        let before = self.filter.map(|filter| {
            self.in_filter.get_or_insert_with(|| before(filter, rows, spare.places())).as_slice()
        });
        let mut counts = spare.numbers();
        counts.extend(among(before, run).map(f64::from));
        Column::numbers(counts, None)
    }

    /// How many rows with a known value are in each run.
    pub(super) fn knowns<'b>(
        &'b mut self,
        run: Run<'b>,
        spare: &mut Spare,
    ) -> impl Iterator<Item = u32> + 'b {
        let rows = self.rows();
        let before = self
            .known
            .as_ref()
            .map(|known| self.in_known.get_or_insert_with(|| before(known, rows, spare.places())).as_slice());
        among(before, run)
    }
}

/// How many rows of a set are in each run; of all rows, where none is given.
pub(super) fn among<'b>(before: Option<&'b [u32]>, run: Run<'b>) -> impl Iterator<Item = u32> + 'b {
    let at = move |row: u32| before.map_or(row, |before| before.get(row as usize).copied().unwrap_or(0));
    run.from.iter().zip(run.to).map(move |(from, to)| at(*to) - at(*from))
}

/// For each row, and for the end, how many rows of a set are before it.
fn before(set: &Bitmap, rows: usize, mut counts: Vec<u32>) -> Vec<u32> {
    let mut count = 0;
    counts.push(count);
    for w in 0..rows.div_ceil(64) {
        let word = set.words().get(w).copied().unwrap_or(0);
        counts.extend((0..64.min(rows - w * 64)).map(|i| {
            count += (word >> i & 1) as u32;
            count
        }));
    }
    counts
}
