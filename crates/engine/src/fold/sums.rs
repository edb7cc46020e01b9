//! Sums and averages, from running sums of whole numbers.
//!
//! Numbers are added in the order of their rows, and a running sum would add them in another; but the sums of whole
//! numbers are the same in any order, as long as all of them are exact.

use super::{Family, Run};
use crate::arithmetic::divided;
use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::spare::Spare;

/// For each row, and for the end, the sum of those before it.
pub(super) struct Sums {
    pub totals: Vec<i64>,
}

/// Whole numbers up to this many bits are exact, sums included.
const INT_BITS: u32 = 62;
const NUMBER_BITS: u32 = 53;

impl Family<'_> {
    /// The sum in each run; nothing where running sums would not be exact.
    pub(super) fn sum(&mut self, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let is_int = matches!(self.field?.values, Values::Int(_));
        let sums = self.sums(spare)?;
        Some(if is_int {
            let mut ints = spare.ints();
            ints.extend(sums.each(run));
            Column::ints(ints, None)
        } else {
            let mut numbers = spare.numbers();
            numbers.extend(sums.each(run).map(|sum| sum as f64));
            Column::numbers(numbers, None)
        })
    }

    /// The average in each run; nothing where running sums would not be exact.
    pub(super) fn average(&mut self, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let is_int = matches!(self.field?.values, Values::Int(_));
        self.sums(spare)?;
        let mut counts = spare.places();
        counts.extend(self.knowns(run, spare));
        let sums = self.sums(spare)?;
        let pairs = sums.each(run).zip(&counts);
        let known = Some(Bitmap::of(&counts, |count| *count > 0));
        let averages = if is_int {
            let mut ints = spare.ints();
            ints.extend(pairs.map(|(sum, count)| mean(sum, *count)));
            Column::ints(ints, known)
        } else {
            let mut numbers = spare.numbers();
            numbers.extend(pairs.map(|(sum, count)| sum as f64 / f64::from(*count)));
            Column::numbers(numbers, known)
        };
        spare.keep_places(counts);
        Some(averages)
    }

    fn sums(&mut self, spare: &mut Spare) -> Option<&Sums> {
        let (field, known, rows) = (self.field?, self.known.as_ref(), self.rows());
        self.sums.get_or_insert_with(|| Sums::new(field, known, rows, spare)).as_ref()
    }
}

impl Sums {
    fn new(field: &Column, known: Option<&Bitmap>, rows: usize, spare: &mut Spare) -> Option<Sums> {
        let mut totals = spare.ints();
        // Every sum has at most as many bits more than the widest value as the number of rows has.
        let room = |bits: u32| bits.saturating_sub(usize::BITS - rows.leading_zeros());
        let exact = match &field.values {
            Values::Int(values) => run_up(values, known, |v| v, &mut totals) < 1 << room(INT_BITS),
            Values::Number(values) => {
                // What is not whole is taken for something too large.
                let whole = |v: f64| if v as i64 as f64 == v { v as i64 } else { i64::MAX };
                run_up(values, known, whole, &mut totals) < 1 << room(NUMBER_BITS)
            }
            Values::Short(_) | Values::Truth(_) | Values::Text(_) | Values::Tags(_) => false,
        };
        if exact {
            return Some(Sums { totals });
        }
        spare.keep_ints(totals);
        None
    }

    /// The sum in each run.
    fn each(&self, run: Run<'_>) -> impl Iterator<Item = i64> {
        let at = |row: usize| self.totals.get(row).copied().unwrap_or(0);
        run.each().map(move |(from, to)| at(to).wrapping_sub(at(from)))
    }
}

/// Adds up the known values, and says how wide the widest is: no less than its magnitude, and less than twice it.
fn run_up<T: Copy>(
    values: &[T],
    known: Option<&Bitmap>,
    whole: impl Fn(T) -> i64,
    totals: &mut Vec<i64>,
) -> u64 {
    let (mut total, mut widest) = (0_i64, 0);
    let mut add = |value: i64| {
        total = total.wrapping_add(value);
        widest |= value ^ (value >> 63);
        total
    };
    totals.push(0);
    match known {
        None => totals.extend(values.iter().map(|v| add(whole(*v)))),
        Some(known) => {
            for (w, some) in values.chunks(64).enumerate() {
                let word = known.words().get(w).copied().unwrap_or(0);
                let mask = |i: usize| -((word >> i & 1) as i64);
                totals.extend(some.iter().enumerate().map(|(i, v)| add(whole(*v) & mask(i))));
            }
        }
    }
    widest as u64
}

/// A whole average, half to even; anything for a count of none.
fn mean(sum: i64, count: u32) -> i64 {
    let n = i64::from(count.max(1));
    if sum.unsigned_abs() >= 1 << 52 {
        return divided(i128::from(sum), i128::from(n)).unwrap_or(0);
    }
    // Dividing doubles is faster, and off by one at most.
    let mut quotient = (sum as f64 / n as f64) as i64;
    let mut rest = sum - quotient * n;
    if rest < 0 {
        (quotient, rest) = (quotient - 1, rest + n);
    } else if rest >= n {
        (quotient, rest) = (quotient + 1, rest - n);
    }
    quotient + i64::from(2 * rest + (quotient & 1) > n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_the_nearest_whole_number_half_to_even() {
        let sums = [0, 1, 2, 3, 5, 7, 10, 15, 25, 1_000_001, (1 << 52) - 1, 1 << 52, (1 << 62) + 1];
        for sum in sums.into_iter().flat_map(|sum| [sum, -sum]) {
            for count in [1, 2, 3, 4, 6, 7, 10, 1_000, u32::MAX] {
                let expected = divided(i128::from(sum), i128::from(count));
                assert_eq!(Some(mean(sum, count)), expected, "{sum} by {count}");
            }
        }
    }
}
