//! Sums and averages, from running sums of whole numbers.
//!
//! Numbers are added in the order of their rows, and a running sum would add them in another; but the sums of whole
//! numbers are the same in any order, as long as all of them are exact.

use super::{Family, Run};
use crate::arithmetic::divided;
use crate::bitmap::Bitmap;
use crate::column::{Column, Short, Values};
use crate::spare::Spare;
use multiversion::multiversion;

/// For each row, and for the end, the sum of those before it.
pub(super) struct Sums {
    totals: Vec<i64>,
    /// The same at the places that were asked for, each with which list of places it is of.
    at: Vec<(usize, Vec<i64>)>,
}

/// Whole numbers up to this many bits are exact, sums included.
const INT_BITS: u32 = 62;
const NUMBER_BITS: u32 = 53;
/// A number that, added to a whole one of fewer bits than this, leaves it in the lowest bits.
const SHIFT: f64 = 1.5 * (1_u64 << 52) as f64;
const SHIFTED_BITS: u32 = 51;

impl Family<'_> {
    /// The sum in each run; nothing where running sums would not be exact.
    pub(super) fn sum(&mut self, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let mut sums = spare.ints();
        self.sums(spare)?.within(run, &mut sums, spare);
        if self.is_of_ints() {
            return Some(Column::ints(sums, None));
        }
        let mut numbers = spare.numbers();
        numbers.extend(sums.iter().map(|sum| *sum as f64));
        spare.keep_ints(sums);
        Some(Column::numbers(numbers, None))
    }

    /// The average in each run; nothing where running sums would not be exact.
    pub(super) fn average(&mut self, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let mut sums = spare.ints();
        self.sums(spare)?.within(run, &mut sums, spare);
        let counts = self.knowns(run, spare);
        let known = Some(Bitmap::of(&counts, |count| *count > 0));
        let averages = if self.is_of_ints() {
            means(&mut sums, &counts);
            Column::ints(sums, known)
        } else {
            let mut numbers = spare.numbers();
            numbers.extend(sums.iter().zip(&counts).map(|(sum, count)| *sum as f64 / f64::from(*count)));
            spare.keep_ints(sums);
            Column::numbers(numbers, known)
        };
        spare.keep_places(counts);
        Some(averages)
    }

    /// Of what has sums; the others are numbers.
    fn is_of_ints(&self) -> bool {
        self.field.is_some_and(|field| !matches!(field.values, Values::Number(_)))
    }

    fn sums(&mut self, spare: &mut Spare) -> Option<&mut Sums> {
        let (field, known, rows) = (self.field?, self.known, self.rows());
        self.sums.get_or_insert_with(|| Sums::new(field, known, rows, spare)).as_mut()
    }
}

impl Sums {
    fn new(field: &Column, known: Option<&Bitmap>, rows: usize, spare: &mut Spare) -> Option<Sums> {
        let mut totals = spare.ints();
        let known = known.map(Bitmap::words);
        // Every sum has at most as many bits more than the widest value as the number of rows has.
        let room = |bits: u32| bits.saturating_sub(usize::BITS - rows.leading_zeros());
        let exact = match &field.values {
            Values::Int(values) => run_up(values, known, &mut totals) < 1 << room(INT_BITS),
            Values::Number(values) => run_up(values, known, &mut totals) < 1 << room(NUMBER_BITS),
            Values::Short(Short { values, unit: 1 }) => {
                run_up(values, known, &mut totals) < 1 << room(INT_BITS)
            }
            Values::Short(_) | Values::Truth(_) | Values::Text(_) | Values::Tags(_) => false,
        };
        if exact {
            return Some(Sums { totals, at: Vec::new() });
        }
        spare.keep_ints(totals);
        None
    }

    /// The sum in each run.
    fn within(&mut self, run: Run<'_>, sums: &mut Vec<i64>, spare: &mut Spare) {
        self.reach(run.start, run.from, spare);
        self.reach(run.end, run.to, spare);
        let pairs = self.at(run.start).iter().zip(self.at(run.end));
        sums.extend(pairs.map(|(from, to)| to.wrapping_sub(*from)));
    }

    fn reach(&mut self, list: usize, places: &[u32], spare: &mut Spare) {
        if self.at.iter().all(|(other, _)| *other != list) {
            let mut totals = spare.ints();
            totals.extend(places.iter().map(|row| self.totals.get(*row as usize).copied().unwrap_or(0)));
            self.at.push((list, totals));
        }
    }

    fn at(&self, list: usize) -> &[i64] {
        self.at.iter().find(|(other, _)| *other == list).map_or(&[], |(_, totals)| totals)
    }

    pub fn close(self, spare: &mut Spare) {
        self.at.into_iter().for_each(|(_, totals)| spare.keep_ints(totals));
        spare.keep_ints(self.totals);
    }
}

/// What can be summed as whole numbers.
trait Addend: Copy {
    /// Something too large where it is not whole.
    fn whole(self) -> i64;
}

impl Addend for i64 {
    #[inline(always)]
    fn whole(self) -> i64 {
        self
    }
}

impl Addend for i32 {
    #[inline(always)]
    fn whole(self) -> i64 {
        self.into()
    }
}

impl Addend for f64 {
    #[inline(always)]
    fn whole(self) -> i64 {
        let shifted = self + SHIFT;
        let is_whole = (shifted - SHIFT == self) & (self.abs() < (1_u64 << SHIFTED_BITS) as f64);
        if is_whole { shifted.to_bits().wrapping_sub(SHIFT.to_bits()) as i64 } else { i64::MAX }
    }
}

/// Adds up the known values, and says how wide the widest is: no less than its magnitude, and less than twice it.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
fn run_up<T: Addend>(values: &[T], known: Option<&[u64]>, totals: &mut Vec<i64>) -> u64 {
    let (mut total, mut widest) = (0_i64, 0);
    totals.push(0);
    for (w, some) in values.chunks(64).enumerate() {
        let word = known.map_or(u64::MAX, |known| known.get(w).copied().unwrap_or(0));
        if word == 0 {
            totals.extend(std::iter::repeat_n(total, some.len()));
            continue;
        }
        let mut whole = [0; 64];
        whole.iter_mut().zip(some).for_each(|(whole, value)| *whole = value.whole());
        if word != u64::MAX {
            for (i, whole) in whole.iter_mut().enumerate() {
                *whole &= -((word >> i & 1) as i64);
            }
        }
        widest = whole.iter().fold(widest, |widest, value| widest | (value ^ (value >> 63)));
        for value in &mut whole {
            total = total.wrapping_add(*value);
            *value = total;
        }
        totals.extend_from_slice(whole.get(..some.len()).unwrap_or(&whole));
    }
    widest as u64
}

/// From sums to whole averages, half to even; anything for a count of none.
#[multiversion(targets("x86_64+avx512f+avx512dq+avx512vl", "x86_64+avx2"))]
fn means(sums: &mut [i64], counts: &[u32]) {
    let widest = sums.iter().fold(0, |widest, sum| widest | (sum ^ (sum >> 63)));
    if widest >= 1 << SHIFTED_BITS {
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = divided(i128::from(*sum), i128::from(*count).max(1)).unwrap_or(0);
        }
        return;
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        // A quotient of so few bits is rounded to a half only where it is one, and what is added rounds halves to even.
        let quotient = *sum as f64 / f64::from((*count).max(1));
        *sum = (quotient + SHIFT).to_bits().wrapping_sub(SHIFT.to_bits()) as i64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_the_nearest_whole_number_half_to_even() {
        let few = [0, 1, 2, 3, 5, 7, 10, 15, 25, 1_000_001, (1 << 51) - 3, (1 << 51) - 2, (1 << 51) - 1];
        for sum in few.into_iter().chain([1 << 51, 1 << 52, (1 << 62) + 1]).flat_map(|sum| [sum, -sum]) {
            for count in [1, 2, 3, 4, 6, 7, 10, 1_000, 1 << 31, u32::MAX] {
                let mut sums = [sum];
                means(&mut sums, &[count]);
                let expected = divided(i128::from(sum), i128::from(count));
                assert_eq!(Some(sums[0]), expected, "{sum} by {count}");
            }
        }
    }
}
