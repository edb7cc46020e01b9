//! The classes into which constants cut the values of a column.
//!
//! All constants that a column is ever compared with are known when a program is compiled. Between two of them all
//! values are alike, so each value is placed once, and every comparison is a choice of classes.

use crate::graph::{BitsNode, Literal, Order};
use std::ops::Range;

/// Values that are placed by order: class `k` are those that reach `k` of the cuts.
#[derive(Clone, Debug)]
pub(crate) struct Scale<T> {
    /// Ascending, each once, one at least.
    cuts: Vec<T>,
    /// The stretch from the first cut to the last in cells of the same width.
    cells: Vec<Cell<T>>,
    /// The most cuts that are in one cell.
    crowd: usize,
    grid: Grid,
}

/// A stretch of values.
#[derive(Clone, Copy, Debug)]
struct Cell<T> {
    /// The cuts before it.
    below: u16,
    /// The first cut in it or after it.
    next: T,
}

/// Where the cells are: `(value - first) * pace`, or `>> shift` for whole numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Grid {
    pace: f64,
    shift: u32,
}

/// More cells are out of the nearest cache, fewer crowd the cuts.
const CELLS: usize = 1 << 11;
/// With more cuts in a cell, halving is faster than going through them.
const CROWD: usize = 4;

/// A kind of values that has an order.
pub(crate) trait Cut: Copy + PartialOrd {
    fn of(literal: &Literal) -> Option<Self>;
    /// The least value above; none above the greatest.
    fn above(self) -> Option<Self>;
    #[doc(hidden)]
    fn cell(self, first: Self, last: Self, pace: f64, shift: u32) -> usize;
    #[doc(hidden)]
    fn grid(first: Self, last: Self, cells: usize) -> (f64, u32);
}

impl Cut for i64 {
    fn of(literal: &Literal) -> Option<i64> {
        if let Literal::Int(i) = literal { Some(*i) } else { None }
    }

    fn above(self) -> Option<i64> {
        self.checked_add(1)
    }

    fn cell(self, first: i64, last: i64, _: f64, shift: u32) -> usize {
        (self.clamp(first, last).wrapping_sub(first) as u64 >> shift) as usize
    }

    fn grid(first: i64, last: i64, cells: usize) -> (f64, u32) {
        let width = last.wrapping_sub(first) as u64;
        let bits = u64::BITS - width.leading_zeros();
        (0.0, bits.saturating_sub(cells.ilog2()))
    }
}

impl Cut for f64 {
    fn of(literal: &Literal) -> Option<f64> {
        if let Literal::Number(n) = literal { Some(n.number()) } else { None }
    }

    fn above(self) -> Option<f64> {
        Some(self.next_up())
    }

    fn cell(self, first: f64, _: f64, pace: f64, _: u32) -> usize {
        // Rounding keeps the order, so a value is in no cell before that of a cut that it reaches.
        ((self - first) * pace) as usize
    }

    fn grid(first: f64, last: f64, cells: usize) -> (f64, u32) {
        let pace = (cells - 1) as f64 / (last - first);
        (if pace.is_finite() { pace } else { 0.0 }, 0)
    }
}

impl<T: Cut> Scale<T> {
    /// The scale for some tests of a column; nothing if none of them compares with such a value, or with too many.
    pub fn new<'a>(tests: impl Iterator<Item = &'a BitsNode>) -> Option<Scale<T>> {
        let mut cuts = Vec::new();
        for test in tests {
            let (at, above): (&[Literal], _) = match test {
                BitsNode::CompareTo(Order::Less, _, literal) => (std::slice::from_ref(literal), false),
                BitsNode::CompareTo(_, _, literal) => (std::slice::from_ref(literal), true),
                BitsNode::In(_, list) => (list, true),
                _ => continue,
            };
            for cut in at.iter().filter_map(T::of) {
                cuts.push(cut);
                cuts.extend(cut.above().filter(|_| above));
            }
        }
        cuts.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        cuts.dedup_by(|a, b| a == b);
        let (first, last) = (*cuts.first()?, *cuts.last()?);
        (cuts.len() < usize::from(u16::MAX)).then(|| Scale::gridded(cuts, first, last))
    }

    fn gridded(cuts: Vec<T>, first: T, last: T) -> Scale<T> {
        let size = (4 * cuts.len()).next_power_of_two().min(CELLS);
        let (pace, shift) = T::grid(first, last, size);
        let place = |cut: T| cut.cell(first, last, pace, shift).min(size - 1);
        let mut crowds = vec![0_usize; size];
        for cut in &cuts {
            crowds.get_mut(place(*cut)).into_iter().for_each(|crowd| *crowd += 1);
        }
        let mut below = 0;
        let cell = |crowd: &usize| {
            let next = cuts.get(below).copied().unwrap_or(last);
            let cell = Cell { below: below as u16, next };
            below += crowd;
            cell
        };
        let mut cells: Vec<Cell<T>> = crowds.iter().map(cell).collect();
        // What lies behind the last cut falls in its cell too.
        cells.truncate(place(last) + 1);
        let crowd = crowds.into_iter().max().unwrap_or(0);
        Scale { cells, crowd, grid: Grid { pace, shift }, cuts }
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.cuts.len() + 1
    }

    /// Places values. What is not a number is in the class beyond all others.
    pub fn place(&self, values: &[T], classes: &mut [u16]) {
        let pairs = values.iter().zip(classes);
        match self.crowd {
            0 | 1 => pairs.for_each(|(v, class)| *class = self.class(*v, 0)),
            2 => pairs.for_each(|(v, class)| *class = self.class(*v, 1)),
            crowd if crowd <= CROWD => pairs.for_each(|(v, class)| *class = self.class(*v, crowd - 1)),
            _ => pairs.for_each(|(v, class)| {
                *class = self.numbered(*v, self.cuts.partition_point(|cut| cut <= v) as u16);
            }),
        }
    }

    #[inline(always)]
    fn class(&self, value: T, others: usize) -> u16 {
        let (Some(first), Some(last)) = (self.cuts.first(), self.cuts.last()) else { return 0 };
        let at = value.cell(*first, *last, self.grid.pace, self.grid.shift);
        let Some(cell) = self.cells.get(at.min(self.cells.len() - 1)) else { return 0 };
        let mut class = cell.below + u16::from(cell.next <= value);
        for _ in 0..others {
            class += u16::from(self.cuts.get(usize::from(class)).is_some_and(|cut| *cut <= value));
        }
        self.numbered(value, class)
    }

    #[inline(always)]
    #[expect(clippy::eq_op, reason = "only what is not a number differs from itself")]
    fn numbered(&self, value: T, class: u16) -> u16 {
        if value == value { class } else { self.classes() as u16 }
    }

    /// The classes in which a test holds.
    pub fn holds(&self, test: &BitsNode) -> Vec<Range<usize>> {
        let before = |cut: &T| 0..self.cuts.partition_point(|c| c < cut) + 1;
        let up_to = |cut: &T| cut.above().map_or(0..self.classes(), |above| before(&above));
        match test {
            BitsNode::CompareTo(order, _, literal) => T::of(literal)
                .map(|cut| match order {
                    Order::Less => before(&cut),
                    Order::AtMost => up_to(&cut),
                    Order::Equal => before(&cut).end..up_to(&cut).end,
                })
                .into_iter()
                .collect(),
            BitsNode::In(_, list) => {
                let each = list.iter().filter_map(T::of);
                each.map(|cut| before(&cut).end..up_to(&cut).end).collect()
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::graph::{Bits, ColumnId};

    /// A test of a constant, and what it has to say of a value.
    type Test<T> = (BitsNode, T, fn(T, T) -> bool);

    /// Every test of every value, against the comparison itself.
    fn hold<T: Cut + std::fmt::Debug>(constants: &[T], values: &[T], literal: fn(T) -> Literal) {
        let column = ColumnId(0);
        let tests = constants.iter().flat_map(|c| {
            let to = |order| BitsNode::CompareTo(order, column, literal(*c));
            let all: [Test<T>; 4] = [
                (to(Order::Less), *c, |v, c| v < c),
                (to(Order::AtMost), *c, |v, c| v <= c),
                (to(Order::Equal), *c, |v, c| v == c),
                (BitsNode::In(column, Box::new([literal(*c)])), *c, |v, c| v == c),
            ];
            all
        });
        let tests: Vec<Test<T>> = tests.collect();
        // Each alone, and all together.
        for some in tests.chunks(1).chain([tests.as_slice()]) {
            let scale = Scale::<T>::new(some.iter().map(|(node, ..)| node)).unwrap();
            let mut classes = vec![0; values.len()];
            scale.place(values, &mut classes);
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
        let near: Vec<i64> = (-40..400).collect();
        let all: Vec<i64> = edges.iter().chain(&near).copied().collect();
        for constants in [&edges[..], &near, &[5], &all, &[10, 20, 30, 31, 32, 33, 34, 35, 36, 5_000]] {
            hold(constants, &all, Literal::Int);
        }
        let number = |n: f64| Literal::Number(Bits::new(n));
        let mut edges =
            vec![f64::MIN, -1.5, -0.0, 0.0, f64::MIN_POSITIVE, 0.1, 0.1_f64.next_up(), 2.0, 1e308, f64::MAX];
        let near: Vec<f64> = (-40..400).map(|i| f64::from(i) / 10.0).collect();
        hold(&edges, &near, number);
        edges.extend([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        edges.extend(&near);
        for constants in
            [&near[..], &[0.3], &[0.0, 1e-300], &[f64::MIN, f64::MAX], &[1.0, 2.0, 2.1, 2.11, 9e9]]
        {
            hold(constants, &edges, number);
        }
    }
}
