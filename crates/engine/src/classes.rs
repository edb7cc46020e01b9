//! The classes into which constants cut the values of a column.
//!
//! All constants that a column is ever compared with are known when a program is compiled. Between two of them all
//! values are alike, so each value is placed once, and every comparison is a choice of classes.

use crate::graph::{BitsNode, Literal};
use multiversion::multiversion;
use std::ops::Range;
use tidings_syntax::tree::CompareOp;

/// Values that are placed together.
pub(crate) const BLOCK: usize = 512;

/// Values that are placed by order: class `k` are those that reach `k` of the cuts.
#[derive(Clone, Debug)]
pub(crate) struct Scale<T> {
    /// Ascending, each once, one at least.
    cuts: Vec<T>,
    /// The stretch from the first cut to the last in cells of the same width: the cuts before each.
    cells: Vec<u16>,
    /// The most cuts that are in one cell.
    crowd: usize,
    grid: Grid<T>,
    /// Where no more than a step at a time is between the first cut and the last, the class of each step: a value is
    /// looked up and compared with nothing.
    steps: Option<Steps<T>>,
}

/// The classes of values that are a step apart.
#[derive(Clone, Debug)]
struct Steps<T> {
    /// Where the first step is, which no cut reaches, and the last, which reaches all of them.
    first: T,
    last: T,
    classes: Vec<u8>,
}

/// Where the cells are: `(value - first) * pace`, or `>> shift` for whole numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grid<T> {
    first: T,
    last: T,
    pace: f64,
    shift: u32,
    /// The last cell.
    end: u16,
}

/// More cells are out of the nearest cache, fewer crowd the cuts.
const CELLS: usize = 1 << 11;
/// More steps than this are out of the cache after the nearest.
const STEPS: usize = 1 << 16;
/// With more cuts in a cell, halving is faster than going through them.
const CROWD: usize = 4;
/// So few cuts are sooner counted for all values at once than looked up for each.
const FEW: usize = 4;

/// A number for a class.
pub(crate) trait Class: Copy + Default + PartialOrd {
    /// No class.
    const NONE: Self;
    fn new(class: u16) -> Self;
    /// One more, where something holds.
    #[must_use]
    fn and(self, holds: bool) -> Self;
    /// How far it is after another; much, where it is before.
    fn after(self, other: Self) -> Self;
}

macro_rules! class {
    ($($int:ty)*) => {$(
        impl Class for $int {
            const NONE: $int = <$int>::MAX;

            fn new(class: u16) -> $int {
                class as $int
            }

            fn and(self, holds: bool) -> $int {
                self + <$int>::from(holds)
            }

            fn after(self, other: $int) -> $int {
                self.wrapping_sub(other)
            }
        }
    )*};
}

class! { u8 u16 }

/// A kind of values that has an order.
pub(crate) trait Cut: Copy + Default + PartialOrd {
    fn of(literal: &Literal) -> Option<Self>;
    /// The least value above; none above the greatest.
    fn above(self) -> Option<Self>;
    /// A grid of so many cells.
    #[doc(hidden)]
    fn grid(first: Self, last: Self, cells: usize) -> Grid<Self>;
    #[doc(hidden)]
    fn cell(self, grid: &Grid<Self>) -> u16;
    /// The steps from below one value to the other, each by a value on it; nothing where cuts lie between steps, or
    /// for too many.
    #[doc(hidden)]
    fn steps(cuts: &[Self]) -> Option<Vec<Self>>;
    /// The step that a value is on, those before the first and after the last being on them.
    #[doc(hidden)]
    fn step(self, first: Self, last: Self) -> u16;
}

impl Cut for i64 {
    fn of(literal: &Literal) -> Option<i64> {
        if let Literal::Int(i) = literal { Some(*i) } else { None }
    }

    fn above(self) -> Option<i64> {
        self.checked_add(1)
    }

    fn grid(first: i64, last: i64, cells: usize) -> Grid<i64> {
        let width = last.wrapping_sub(first) as u64;
        let bits = u64::BITS - width.leading_zeros();
        Grid { first, last, pace: 0.0, shift: bits.saturating_sub(cells.ilog2()), end: 0 }
    }

    #[inline(always)]
    fn cell(self, grid: &Grid<i64>) -> u16 {
        (self.clamp(grid.first, grid.last).wrapping_sub(grid.first) as u64 >> grid.shift) as u16
    }

    fn steps(cuts: &[i64]) -> Option<Vec<i64>> {
        let (first, last) = (cuts.first()?.checked_sub(1)?, *cuts.last()?);
        (usize::try_from(last.checked_sub(first)?).ok()? < STEPS).then(|| (first..=last).collect())
    }

    #[inline(always)]
    fn step(self, first: i64, last: i64) -> u16 {
        self.clamp(first, last).wrapping_sub(first) as u16
    }
}

impl Cut for f64 {
    fn of(literal: &Literal) -> Option<f64> {
        if let Literal::Number(n) = literal { Some(n.number()) } else { None }
    }

    fn above(self) -> Option<f64> {
        Some(self.next_up())
    }

    fn grid(first: f64, last: f64, cells: usize) -> Grid<f64> {
        let pace = (cells - 1) as f64 / (last - first);
        Grid { first, last, pace: if pace.is_finite() { pace } else { 0.0 }, shift: 0, end: 0 }
    }

    #[inline(always)]
    fn cell(self, grid: &Grid<f64>) -> u16 {
        // Rounding keeps the order, so a value is in no cell before that of a cut that it reaches. What is added leaves
        // a whole number in the lowest bits.
        let at = ((self - grid.first) * grid.pace).max(0.0).min(f64::from(grid.end));
        (at + (1_u64 << 52) as f64).to_bits() as u16
    }

    /// Two for each whole number: itself, and what is between it and the next.
    fn steps(cuts: &[f64]) -> Option<Vec<f64>> {
        let whole = |cut: &f64| cut.fract() == 0.0 || cut.next_down().fract() == 0.0;
        let (first, last) = (cuts.first()?.floor() - 1.0, cuts.last()?.floor() + 1.0);
        let near = first.abs().max(last.abs()) < STEPS as f64 && 2.0 * (last - first) < (STEPS - 1) as f64;
        let steps =
            |first: i32, last: i32| (2 * first..=2 * last).map(|half| f64::from(half) / 2.0).collect();
        (near && cuts.iter().all(whole)).then(|| steps(first as i32, last as i32))
    }

    #[inline(always)]
    fn step(self, first: f64, last: f64) -> u16 {
        let near = self.max(first).min(last);
        let whole = near.floor();
        let between = if whole < near { 1.0 } else { 0.0 };
        (2.0 * (whole - first) + between + (1_u64 << 52) as f64).to_bits() as u16
    }
}

impl<T: Cut> Scale<T> {
    /// The scale for some tests of a column; nothing if none of them compares with such a value, or with too many.
    pub fn new<'a>(tests: impl Iterator<Item = &'a BitsNode>) -> Option<Scale<T>> {
        let mut cuts = Vec::new();
        for test in tests {
            let (constants, at, above): (&[Literal], _, _) = match test {
                BitsNode::CompareTo(op, _, literal) => {
                    let at = !matches!(op, CompareOp::AtMost | CompareOp::More);
                    let above = !matches!(op, CompareOp::Less | CompareOp::AtLeast);
                    (std::slice::from_ref(literal), at, above)
                }
                BitsNode::In(_, list) => (list, true, true),
                _ => continue,
            };
            for cut in constants.iter().filter_map(T::of) {
                // There is a cut for each test, even where it divides nothing.
                let above = cut.above().filter(|_| above);
                cuts.extend(Some(cut).filter(|_| at || above.is_none()));
                cuts.extend(above);
            }
        }
        cuts.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        cuts.dedup_by(|a, b| a == b);
        Scale::of(cuts)
    }

    /// The scale for some cuts that ascend, each once; nothing for none, and for too many.
    pub fn of(cuts: Vec<T>) -> Option<Scale<T>> {
        let (first, last) = (*cuts.first()?, *cuts.last()?);
        (cuts.len() < usize::from(u16::MAX) - 1).then(|| Scale::gridded(cuts, first, last))
    }

    fn gridded(cuts: Vec<T>, first: T, last: T) -> Scale<T> {
        let size = (4 * cuts.len()).next_power_of_two().min(CELLS);
        let mut grid = T::grid(first, last, size);
        // What lies behind the last cut falls in its cell too.
        grid.end = size as u16 - 1;
        grid.end = last.cell(&grid);
        let mut crowds = vec![0_u16; usize::from(grid.end) + 1];
        for cut in &cuts {
            crowds.get_mut(usize::from(cut.cell(&grid))).into_iter().for_each(|crowd| *crowd += 1);
        }
        let crowd = crowds.iter().copied().max().map_or(0, usize::from);
        let mut below = 0;
        let cell = |crowd: u16| {
            below += crowd;
            below - crowd
        };
        let cells = crowds.into_iter().map(cell).collect();
        Scale { cells, crowd, grid, steps: Steps::new(&cuts), cuts }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.cuts.len() + 1
    }

    /// The class of each value; none of what is not a number.
    pub fn place<C: Class>(&self, values: &[T; BLOCK], classes: &mut [C; BLOCK]) {
        match self.crowd {
            _ if self.cuts.len() > FEW
                && let Some(steps) = &self.steps =>
            {
                step_up(steps, values, classes);
            }
            crowd if self.cuts.len() <= if crowd > CROWD { 4 * FEW } else { FEW } => {
                count_up(&self.cuts, values, classes);
            }
            0 | 1 => look_up::<T, C, 1>(&self.cuts, &self.cells, &self.grid, values, classes),
            2 => look_up::<T, C, 2>(&self.cuts, &self.cells, &self.grid, values, classes),
            crowd if crowd <= CROWD => {
                look_up::<T, C, CROWD>(&self.cuts, &self.cells, &self.grid, values, classes);
            }
            _ => {
                let class = |value: &T| C::new(self.cuts.partition_point(|cut| cut <= value) as u16);
                classes.iter_mut().zip(values).for_each(|(at, value)| *at = class(value));
            }
        }
        #[expect(clippy::eq_op, reason = "only what is not a number differs from itself")]
        classes.iter_mut().zip(values).for_each(|(class, v)| *class = if v == v { *class } else { C::NONE });
    }

    /// The classes in which a test holds.
    pub fn holds(&self, test: &BitsNode) -> Vec<Range<usize>> {
        // Where the classes of what is not below a value begin, and of what is above it.
        let from = |cut: &T| self.cuts.partition_point(|c| c < cut) + 1;
        let above = |cut: &T| cut.above().map_or(self.classes(), |above| from(&above));
        match test {
            BitsNode::CompareTo(op, _, literal) => {
                let Some(cut) = T::of(literal) else { return Vec::new() };
                let (from, above, end) = (from(&cut), above(&cut), self.classes());
                let (one, other) = match op {
                    CompareOp::Less => (0..from, 0..0),
                    CompareOp::AtMost => (0..above, 0..0),
                    CompareOp::More => (above..end, 0..0),
                    CompareOp::AtLeast => (from..end, 0..0),
                    CompareOp::Equal => (from..above, 0..0),
                    CompareOp::NotEqual => (0..from, above..end),
                };
                [one, other].into_iter().filter(|classes| !classes.is_empty()).collect()
            }
            BitsNode::In(_, list) => {
                let each = list.iter().filter_map(T::of);
                each.map(|cut| from(&cut)..above(&cut)).collect()
            }
            _ => Vec::new(),
        }
    }
}

impl<T: Cut> Steps<T> {
    /// Nothing where cuts lie between steps, and where the steps or the classes are too many.
    fn new(cuts: &[T]) -> Option<Steps<T>> {
        if cuts.len() >= usize::from(u8::MAX) {
            return None;
        }
        let steps = T::steps(cuts)?;
        let class = |step: &T| cuts.partition_point(|cut| cut <= step) as u8;
        Some(Steps {
            first: *steps.first()?,
            last: *steps.last()?,
            classes: steps.iter().map(class).collect(),
        })
    }
}

// The program is built for every x86-64; the wider registers of most make these loops two to four times as fast.

/// Values in so many units as values.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
pub(crate) fn widened<T: Copy + Into<i64>>(values: &[T; BLOCK], unit: i64) -> [i64; BLOCK] {
    let mut wide = [0; BLOCK];
    wide.iter_mut().zip(values).for_each(|(wide, value)| *wide = (*value).into() * unit);
    wide
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn count_up<T: Cut, C: Class>(cuts: &[T], values: &[T; BLOCK], classes: &mut [C; BLOCK]) {
    classes.fill(C::default());
    for cut in cuts {
        classes.iter_mut().zip(values).for_each(|(class, value)| *class = class.and(cut <= value));
    }
}

#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn step_up<T: Cut, C: Class>(steps: &Steps<T>, values: &[T; BLOCK], classes: &mut [C; BLOCK]) {
    let mut at = [0; BLOCK];
    at.iter_mut().zip(values).for_each(|(at, value)| *at = value.step(steps.first, steps.last));
    for (class, at) in classes.iter_mut().zip(at) {
        *class = C::new(u16::from(steps.classes.get(usize::from(at)).copied().unwrap_or(0)));
    }
}

/// The class of a value is among the next `CROWD` after the first of its cell.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn look_up<T: Cut, C: Class, const CROWD: usize>(
    cuts: &[T],
    cells: &[u16],
    grid: &Grid<T>,
    values: &[T; BLOCK],
    classes: &mut [C; BLOCK],
) {
    let mut at = [0; BLOCK];
    at.iter_mut().zip(values).for_each(|(at, value)| *at = value.cell(grid));
    for ((class, at), value) in classes.iter_mut().zip(at).zip(values) {
        let mut reached = cells.get(usize::from(at)).copied().unwrap_or(0);
        for _ in 0..CROWD {
            reached += u16::from(cuts.get(usize::from(reached)).is_some_and(|cut| cut <= value));
        }
        *class = C::new(reached);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::{Bits, ColumnId};
    use std::cmp::Ordering;

    /// A test of a constant, and what it has to say of a value.
    type Test<T> = (BitsNode, T, fn(T, T) -> bool);

    /// Every test of every value, against the comparison itself.
    fn hold<T: Cut + std::fmt::Debug>(constants: &[T], values: &[T], literal: fn(T) -> Literal) {
        let column = ColumnId(0);
        let tests = constants.iter().flat_map(|c| {
            let to = |op| BitsNode::CompareTo(op, column, literal(*c));
            let all: [Test<T>; 7] = [
                (to(CompareOp::Less), *c, |v, c| v < c),
                (to(CompareOp::AtMost), *c, |v, c| v <= c),
                (to(CompareOp::More), *c, |v, c| v > c),
                (to(CompareOp::AtLeast), *c, |v, c| v >= c),
                (to(CompareOp::Equal), *c, |v, c| v == c),
                // What is not a number is in no class.
                (to(CompareOp::NotEqual), *c, |v, c| v.partial_cmp(&c).is_some_and(Ordering::is_ne)),
                (BitsNode::In(column, Box::new([literal(*c)])), *c, |v, c| v == c),
            ];
            all
        });
        let tests: Vec<Test<T>> = tests.collect();
        // Each alone, and all together.
        for some in tests.chunks(1).chain([tests.as_slice()]) {
            let scale = Scale::<T>::new(some.iter().map(|(node, ..)| node)).unwrap();
            let classes: Vec<u16> = values
                .chunks(BLOCK)
                .flat_map(|some| {
                    let (mut block, mut classes) = ([T::default(); BLOCK], [0; BLOCK]);
                    block.iter_mut().zip(some).for_each(|(value, from)| *value = *from);
                    scale.place(&block, &mut classes);
                    classes.into_iter().take(some.len())
                })
                .collect();
            for (node, constant, expected) in some {
                let holds = scale.holds(node);
                for (value, class) in values.iter().zip(&classes) {
                    let found = holds.iter().any(|range| range.contains(&usize::from(*class)));
                    assert_eq!(found, expected(*value, *constant), "{value:?} {node:?} among {constants:?}");
                }
            }
        }
    }

    #[test]
    fn a_class_says_of_each_comparison_whether_it_holds() {
        let edges = [i64::MIN, i64::MIN + 1, -7, -1, 0, 1, 2, 3, 1 << 40, i64::MAX - 1, i64::MAX];
        let near: Vec<i64> = (-40..400).chain([65_532, 65_533, 65_534, 65_535]).collect();
        let all: Vec<i64> = edges.iter().chain(&near).copied().collect();
        let crowded = [10, 20, 30, 31, 32, 33, 34, 35, 36, 5_000];
        for constants in [&edges[..], &near, &[5], &all, &crowded, &[-1, 0, 7, 65_533], &[-1, 0, 7, 65_534]] {
            hold(constants, &all, Literal::Int);
        }
        let number = |n: f64| Literal::Number(Bits::new(n));
        let mut edges =
            vec![f64::MIN, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 0.1, 0.1_f64.next_up(), 2.0, 1e308, f64::MAX];
        let near: Vec<f64> = (-40..400).map(|i| f64::from(i) / 10.0).collect();
        hold(&edges, &near, number);
        edges.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        edges.extend(&near);
        let whole: Vec<f64> = (-3..60).map(f64::from).collect();
        let wide = [-7.0, 0.0, 5.0, 16_000.0, 32_750.0];
        let around = whole.iter().chain(&wide).flat_map(|n| [n.next_down(), *n, n.next_up(), n + 0.5]);
        edges.extend(around);
        for constants in [
            &near[..],
            &whole,
            &wide,
            &[0.3],
            &[0.0, 1e-300],
            &[f64::MIN, f64::MAX],
            &[1.0, 2.0, 2.1, 2.25],
            &[1.0, 2.0, 2.1, 2.11, 9e9],
        ] {
            hold(constants, &edges, number);
        }
    }
}
