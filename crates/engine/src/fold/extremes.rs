//! Least and greatest values.

use super::{Family, Run};
use crate::bitmap::Bitmap;
use crate::column::{Column, Values};
use crate::spare::Spare;
use tidings_syntax::tree::Function;

impl Family<'_> {
    /// The least or greatest value in each run, of equal ones the first; nothing where values are not numbers.
    pub(super) fn extreme(&mut self, function: Function, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let field = self.field?;
        let found = self.extremes.iter().position(|(f, end, _)| *f == function && *end == run.end);
        let at = match found {
            Some(at) => at,
            None => {
                let best = self.best(function, field, run, spare)?;
                self.extremes.push((function, run.end, best));
                self.extremes.len() - 1
            }
        };
        let counts = self.knowns(run, spare);
        let known = Some(Bitmap::of(&counts, |count| *count > 0));
        spare.keep_places(counts);
        Some(match &self.extremes.get(at)?.2.values {
            Values::Int(best) => {
                let mut ints = spare.ints();
                ints.extend(run.from.iter().map(|row| best.get(*row as usize).copied().unwrap_or(0)));
                Column::ints(ints, known)
            }
            Values::Number(best) => {
                let mut numbers = spare.numbers();
                numbers.extend(run.from.iter().map(|row| best.get(*row as usize).copied().unwrap_or(0.0)));
                Column::numbers(numbers, known)
            }
            _ => return None,
        })
    }

    /// For each row of a run, the best from it to the run's end; anything where there is none.
    fn best(&self, function: Function, field: &Column, run: Run<'_>, spare: &mut Spare) -> Option<Column> {
        let most = function == Function::Max;
        let known = self.known;
        Some(match &field.values {
            Values::Int(values) => {
                let mut best = spare.ints();
                let worst = if most { i64::MIN } else { i64::MAX };
                let better = |a: i64, b: i64| if most { a >= b } else { a <= b };
                backwards(run, values, known, worst, better, &mut best);
                Column::ints(best, None)
            }
            Values::Number(values) => {
                let mut best = spare.numbers();
                let worst = if most { f64::NEG_INFINITY } else { f64::INFINITY };
                let better = |a: f64, b: f64| if most { a >= b } else { a <= b };
                backwards(run, values, known, worst, better, &mut best);
                Column::numbers(best, None)
            }
            Values::Short(_) | Values::Truth(_) | Values::Text(_) | Values::Tags(_) => return None,
        })
    }
}

fn backwards<T: Copy>(
    run: Run<'_>,
    values: &[T],
    known: Option<&Bitmap>,
    worst: T,
    better: impl Fn(T, T) -> bool,
    best: &mut Vec<T>,
) {
    best.resize(values.len(), worst);
    for (from, to) in run.each() {
        let own = from..to;
        let (Some(values), Some(best)) = (values.get(own.clone()), best.get_mut(own.clone())) else { return };
        let mut champion = worst;
        for ((row, value), best) in own.zip(values).zip(best).rev() {
            // No branch: which rows are better cannot be foreseen.
            let counts = known.is_none_or(|known| known.contains(row));
            champion = if counts & better(*value, champion) { *value } else { champion };
            *best = champion;
        }
    }
}
