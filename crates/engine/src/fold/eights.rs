//! Folds over runs, eight rows at a time: most runs are so short that nothing else pays.

use super::Run;

/// A fold over the known values of each run. Eight of them begin at `start` and take up the rows in turn, told of each
/// whether it counts; then they become one. What is done with the rows may not depend on their order.
#[inline(always)]
pub(super) fn fold<T: Copy + Default, A: Copy>(
    run: Run<'_>,
    values: &[T],
    known: Option<&[u64]>,
    start: A,
    take_up: impl Fn(A, T, bool) -> A,
    join: impl Fn(A, A) -> A,
    mut done: impl FnMut(A),
) {
    for (from, to) in run.each() {
        let mut lanes = [start; 8];
        for row in (from..to).step_by(8) {
            let counts = known.map_or(u64::MAX, |known| eight(known, row)) & ones(to - row);
            let mut last = [T::default(); 8];
            let rows = values.get(row..).unwrap_or_default();
            let rows = rows.first_chunk().unwrap_or_else(|| {
                last.iter_mut().zip(rows).for_each(|(last, value)| *last = *value);
                &last
            });
            for (i, (lane, value)) in lanes.iter_mut().zip(rows).enumerate() {
                *lane = take_up(*lane, *value, counts >> i & 1 == 1);
            }
        }
        done(lanes.into_iter().fold(start, &join));
    }
}

/// Eight bits from one on, and some more.
fn eight(words: &[u64], from: usize) -> u64 {
    let word = |w: usize| words.get(w).copied().unwrap_or(0);
    let (w, bit) = (from / 64, from % 64);
    word(w) >> bit | word(w + 1) << 1 << (63 - bit)
}

/// So many bits, or eight.
fn ones(count: usize) -> u64 {
    (1 << count.min(8)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn every_row_of_a_run_that_counts_is_taken_up_once() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            let rows: usize = rng.random_range(0..300);
            let values: Vec<u64> = (0..rows).map(|_| rng.random_range(0..1_000)).collect();
            let known: Vec<u64> = (0..rows.div_ceil(64)).map(|_| rng.random()).collect();
            let to: Vec<u32> = (0..40).map(|_| rng.random_range(0..=rows as u32)).collect();
            let from: Vec<u32> = to.iter().map(|to| rng.random_range(0..=*to)).collect();
            for known in [None, Some(known.as_slice()), Some(&[])] {
                let run = Run { from: &from, to: &to, start: 0, end: 1 };
                let take_up = |sum, value, counts| if counts { sum + value } else { sum };
                let mut sums = Vec::new();
                fold(run, &values, known, 0, take_up, |a, b| a + b, |sum| sums.push(sum));
                let counts = |row: &usize| {
                    known.is_none_or(|words| words.get(row / 64).is_some_and(|w| w >> (row % 64) & 1 == 1))
                };
                let plain = run
                    .ranges()
                    .into_iter()
                    .map(|rows| rows.filter(counts).filter_map(|row| values.get(row)).sum());
                assert_eq!(sums, plain.collect::<Vec<u64>>(), "{from:?} {to:?} {known:?}");
            }
        }
    }
}
