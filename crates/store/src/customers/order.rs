//! Where a collection's rows belong: behind their customers, by time.

use crate::customers::column::{Column, Times};
use crate::customers::keys::Keys;
use crate::customers::table::{NOBODY, UNASKED};
use std::num::NonZero;
use std::ops::Range;

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
        let time = |row: u32| time.and_then(|column| column.time(row));
        let mut order = Order { begins: vec![0; customers + 1], ..Order::default() };
        for (owner, row) in placed.iter_mut().zip(0..) {
            match *owner {
                NOBODY => {
                    order.orphans.push(row);
                    *owner = UNASKED;
                }
                UNASKED => {}
                _ if time(row).is_none() => {
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
        let mut next = order.begins.clone();
        order.rows = vec![0; sum as usize];
        for (place, row) in placed.iter().zip(0..).filter(|(place, _)| **place != UNASKED) {
            let Some(next) = next.get_mut(*place as usize) else { continue };
            order.rows.get_mut(*next as usize).into_iter().for_each(|slot| *slot = row);
            *next += 1;
        }
        drop((placed, next));
        order.by_time(times, keys);
        order
    }

    /// Sorts each customer's rows. Their times are fetched once, since they lie anywhere in the table.
    fn by_time(&mut self, times: Times<'_>, keys: Option<&Keys>) {
        let key = |row: u32| keys.and_then(|keys| keys.get(row));
        let compare = |a: &(i64, u32), b: &(i64, u32)| {
            a.0.cmp(&b.0).then_with(|| key(a.1).cmp(&key(b.1))).then_with(|| a.1.cmp(&b.1))
        };
        let mut rest = self.rows.as_mut_slice();
        let mut own = Vec::with_capacity(self.begins.len());
        for pair in self.begins.windows(2) {
            let [begin, end] = pair else { continue };
            let (rows, after) = std::mem::take(&mut rest).split_at_mut((end - begin) as usize);
            own.push(rows);
            rest = after;
        }
        let share = own.len().div_ceil(threads()).max(1);
        std::thread::scope(|scope| {
            for some in own.chunks_mut(share) {
                scope.spawn(|| {
                    let mut timed = Vec::new();
                    for rows in some.iter_mut().filter(|rows| rows.len() > 1) {
                        timed.clear();
                        timed.extend(rows.iter().map(|row| (times.of(*row), *row)));
                        timed.sort_unstable_by(compare);
                        rows.iter_mut().zip(&timed).for_each(|(row, (_, sorted))| *row = *sorted);
                    }
                });
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
