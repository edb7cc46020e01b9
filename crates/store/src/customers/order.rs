//! Where a collection's rows belong: behind their customers, by time.

use crate::customers::column::{Column, Times};
use crate::customers::keys::Keys;
use crate::customers::table::{NOBODY, UNASKED};
use std::num::NonZero;
use std::ops::Range;

/// For how many rows it pays to have another thread.
const ROWS_A_THREAD: usize = 1 << 16;

/// The rows of a table that chunks have, in order, and those that they have not.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Row numbers by customer, time and key.
    pub(crate) rows: Vec<u32>,
    /// Where each customer's rows begin in `rows`: one more than customers.
    pub(crate) begins: Vec<u32>,
    /// Those of a customer but without a time.
    pub(crate) without_time: Vec<u32>,
    /// Those of nobody in the customers' table.
    pub(crate) orphans: Vec<u32>,
}

impl Order {
    /// Puts rows behind their customers, of whom there are so many and whose places `placed` has. Rows of the same time are
    /// in the order of their keys, and without keys in that of the table.
    pub(crate) fn new(
        mut placed: Vec<u32>,
        keys: Option<&Keys>,
        time: Option<&Column>,
        customers: usize,
    ) -> Order {
        let times = time.map_or(Times::None, Column::times);
        let all_timed = time.is_some_and(Column::is_full);
        let timed = |row: u32| all_timed || time.is_some_and(|column| column.time(row).is_some());
        let mut order = Order { begins: vec![0; customers + 1], ..Order::default() };
        for (owner, row) in placed.iter_mut().zip(0..) {
            match *owner {
                NOBODY => {
                    order.orphans.push(row);
                    *owner = UNASKED;
                }
                UNASKED => {}
                _ if !timed(row) => {
                    order.without_time.push(row);
                    *owner = UNASKED;
                }
                place => order.begins.get_mut(place as usize + 1).into_iter().for_each(|n| *n += 1),
            }
        }
        let mut sum = 0;
        for begin in &mut order.begins {
            sum += *begin;
            *begin = sum;
        }
        order.rows = vec![0; sum as usize];
        // A few rows are not worth a thread.
        let threads = threads().min(order.rows.len() / ROWS_A_THREAD + 1);
        order.fill(&placed, times, keys, threads);
        order
    }

    /// Puts rows at their places and sorts each customer's, on so many threads: each has some of the customers, with about as many rows as the others'.
    fn fill(&mut self, placed: &[u32], times: Times<'_>, keys: Option<&Keys>, threads: usize) {
        let (begins, mut rest) = (self.begins.as_slice(), self.rows.as_mut_slice());
        let (all, customers) = (rest.len(), begins.len() - 1);
        std::thread::scope(|scope| {
            let mut first = 0;
            for share in 1..=threads {
                let rows = (all * share / threads) as u32;
                let end = if share == threads { customers } else { begins.partition_point(|b| *b < rows) };
                let end = end.clamp(first, customers);
                let own = begins.get(first..=end).unwrap_or_default();
                let count = own.last().zip(own.first()).map_or(0, |(end, begin)| end - begin);
                let (rows, after) = std::mem::take(&mut rest).split_at_mut(count as usize);
                let from = first as u32;
                scope.spawn(move || {
                    scatter(placed, from, own, rows);
                    by_time(own, rows, times, keys);
                });
                (rest, first) = (after, end);
            }
        });
    }

    /// The rows of some customers.
    pub(crate) fn of(&self, customers: Range<usize>) -> &[u32] {
        let at = |i: usize| self.begins.get(i).map_or(self.rows.len(), |begin| *begin as usize);
        self.rows.get(at(customers.start)..at(customers.end)).unwrap_or_default()
    }

    /// How many rows each of some customers has.
    pub(crate) fn lengths(&self, customers: Range<usize>) -> impl Iterator<Item = usize> {
        let begins = self.begins.get(customers.start..=customers.end).unwrap_or_default();
        begins.iter().zip(begins.iter().skip(1)).map(|(begin, end)| (end - begin) as usize)
    }
}

/// Puts rows behind their customers, from the first one of some on, whose rows begin where it is said.
fn scatter(placed: &[u32], first: u32, begins: &[u32], rows: &mut [u32]) {
    let start = begins.first().copied().unwrap_or(0);
    let mut next: Vec<u32> = begins.iter().take(begins.len().saturating_sub(1)).map(|b| b - start).collect();
    for (place, row) in placed.iter().zip(0..) {
        let Some(next) = next.get_mut(place.wrapping_sub(first) as usize) else { continue };
        rows.get_mut(*next as usize).into_iter().for_each(|slot| *slot = row);
        *next += 1;
    }
}

/// Sorts each customer's rows. Their times are fetched once, since they lie anywhere in the table.
fn by_time(begins: &[u32], mut rest: &mut [u32], times: Times<'_>, keys: Option<&Keys>) {
    let key = |row: u32| keys.and_then(|keys| keys.get(row));
    let mut timed: Vec<(i64, u32)> = Vec::new();
    for pair in begins.windows(2) {
        let [begin, end] = pair else { continue };
        let (rows, after) = std::mem::take(&mut rest).split_at_mut((end - begin) as usize);
        rest = after;
        timed.clear();
        timed.extend(rows.iter().map(|row| (times.of(*row), *row)));
        timed.sort_unstable();
        for same in timed.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            same.sort_unstable_by(|a, b| key(a.1).cmp(&key(b.1)).then_with(|| a.1.cmp(&b.1)));
        }
        rows.iter_mut().zip(&timed).for_each(|(row, (_, sorted))| *row = *sorted);
    }
}

/// Does something with each of some things, on as many threads as there are processors; the results are in order.
pub(crate) fn each<T: Sync, R: Send>(things: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if things.len() <= 1 {
        return things.iter().map(work).collect();
    }
    let share = things.len().div_ceil(threads()).max(1);
    std::thread::scope(|scope| {
        let parts: Vec<_> = things
            .chunks(share)
            .map(|some| scope.spawn(|| some.iter().map(&work).collect::<Vec<R>>()))
            .collect();
        // A part that is missing would put what follows beside other customers.
        let whole = |part: std::thread::ScopedJoinHandle<'_, Vec<R>>| {
            part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        parts.into_iter().flat_map(whole).collect()
    })
}

pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_stand_behind_their_customers_however_many_threads_put_them_there(
            placed in proptest::collection::vec(prop_oneof![4 => 0..6_u32, 2 => Just(3_u32), 1 => Just(UNASKED)], 0..60),
            threads in 1..9_usize,
        ) {
            let mut begins = vec![0; 7];
            for place in 0..6 {
                let before = placed.iter().filter(|p| **p <= place).count();
                *begins.get_mut(place as usize + 1).unwrap() = before as u32;
            }
            let rows = vec![0; *begins.last().unwrap() as usize];
            let mut order = Order { begins, rows, ..Order::default() };
            order.fill(&placed, Times::None, None, threads);
            let mut expected: Vec<u32> = (0..placed.len() as u32).filter(|r| placed.get(*r as usize) != Some(&UNASKED)).collect();
            expected.sort_by_key(|row| placed.get(*row as usize));
            prop_assert_eq!(order.rows, expected);
        }
    }
}
