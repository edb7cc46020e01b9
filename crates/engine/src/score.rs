//! Scores: the bands in which values lie, and how a population is cut into them.

use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::graph::Literal;
use std::cmp::Ordering;

/// How values become scores: each bound that a value reaches moves the score by one, up from 1, or down from
/// the top where the lowest value is best.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cuts {
    /// Ascending.
    bounds: Sample,
    /// The best score.
    top: u32,
    lowest_first: bool,
}

/// Some values of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sample {
    Int(Vec<i64>),
    Number(Vec<f64>),
}

impl Cuts {
    /// Bounds that were written out.
    pub fn fixed(bounds: &[Literal], lowest_first: bool) -> Cuts {
        let ints = bounds.iter().map(|b| if let Literal::Int(i) = b { Some(*i) } else { None });
        let numbers =
            bounds.iter().filter_map(|b| if let Literal::Number(n) = b { Some(n.number()) } else { None });
        let sample =
            ints.collect::<Option<_>>().map_or_else(|| Sample::Number(numbers.collect()), Sample::Int);
        Cuts { bounds: sample, top: bounds.len() as u32 + 1, lowest_first }
    }

    /// The bounds that give everybody in a population `shares - floor(shares * b / n)`, where b of the n values
    /// are strictly better. Nothing for an empty population.
    pub fn of_population(population: Sample, shares: u32, lowest_first: bool) -> Option<Cuts> {
        if population.is_empty() {
            return None;
        }
        let bounds = match population {
            Sample::Int(mut values) => {
                values.sort_unstable();
                Sample::Int(cut(&values, shares, lowest_first))
            }
            Sample::Number(mut values) => {
                values.sort_unstable_by(|a, b| a.partial_cmp(b).unwrap_or(Ordering::Equal));
                Sample::Number(cut(&values, shares, lowest_first))
            }
        };
        Some(Cuts { bounds, top: shares, lowest_first })
    }

    /// The score of each value; missing where it is.
    pub fn score(&self, column: &Column) -> Column {
        let column = &*column.wide();
        let scores = match (&column.values, &self.bounds) {
            (Values::Int(values), Sample::Int(bounds)) => self.scores(values, bounds),
            (Values::Number(values), Sample::Number(bounds)) => self.scores(values, bounds),
            _ => return Column::missing(column.len()),
        };
        Column::numbers(scores, column.known.clone())
    }

    fn scores<T: PartialOrd>(&self, values: &[T], bounds: &[T]) -> Vec<f64> {
        let score = |value| {
            let reached = bounds.partition_point(|bound| bound <= value) as u32;
            f64::from(if self.lowest_first { self.top - reached } else { 1 + reached })
        };
        values.iter().map(score).collect()
    }
}

impl Sample {
    /// The known values of those in a set.
    pub fn of(column: &Column, set: &Bitmap) -> Sample {
        let set = column.among_known(set.clone());
        match &column.values {
            Values::Int(_) | Values::Short(_) => {
                Sample::Int(set.iter().filter_map(|i| column.int(i)).collect())
            }
            Values::Number(v) => Sample::Number(set.iter().filter_map(|i| v.get(i).copied()).collect()),
            // No other values are scored.
            Values::Truth(_) | Values::Text(_) | Values::Tags(_) => Sample::Int(Vec::new()),
        }
    }

    /// Adds the values of another sample.
    pub fn extend(&mut self, other: Sample) {
        match (self, other) {
            (Sample::Int(all), Sample::Int(more)) => all.extend(more),
            (Sample::Number(all), Sample::Number(more)) => all.extend(more),
            // A score's values are of one kind.
            _ => {}
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Sample::Int(v) => v.is_empty(),
            Sample::Number(v) => v.is_empty(),
        }
    }
}

fn cut<T: PartialOrd + Copy>(sorted: &[T], shares: u32, lowest_first: bool) -> Vec<T> {
    let (shares, total) = (u64::from(shares), sorted.len() as u64);
    let mut bounds = Vec::new();
    let mut score = if lowest_first { shares } else { 1 };
    let mut passed = 0;
    for equal in sorted.chunk_by(|a, b| a == b) {
        let lower = passed;
        passed += equal.len() as u64;
        let better = if lowest_first { lower } else { total - passed };
        let own = shares - shares * better / total;
        bounds.extend(equal.iter().take(1).cycle().take(own.abs_diff(score) as usize));
        score = own;
    }
    bounds
}
