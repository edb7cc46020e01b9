//! Whether some statements can be true together.

use crate::formula::{Formula, Var};
use crate::model::Model;
use crate::region::{Cells, Cut, Point, Region};
use tidings_schema::Value;

/// How many choices are tried before it is left open.
const PATIENCE: usize = 2_000;

/// What is known of some statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// No customer whatever makes all of them true.
    Never,
    /// As far as can be told, one can.
    Perhaps,
}

/// Whether all of them can be true of one customer, by what the model knows.
pub(crate) fn together(model: &Model, statements: &[&Formula]) -> Answer {
    if room(model, statements).is_some() { Answer::Perhaps } else { Answer::Never }
}

/// Values with which some statements are true together, as far as can be told.
pub(crate) struct Room {
    cuts: Vec<Cut>,
    left: Vec<Cells>,
}

impl Room {
    /// Whether a variable may have a value there, or be missing.
    pub(crate) fn lets(&self, var: Var, value: Option<&Value>) -> bool {
        let (Some(cut), Some(left)) = (self.cuts.get(var.0 as usize), self.left.get(var.0 as usize)) else {
            return true;
        };
        let point = value.map(Point::of);
        // Tags are no points.
        point == Some(None) || cut.has(left, point.flatten().as_ref())
    }
}

/// The first values that are found with which all of them are true of one customer; none where no customer is one.
pub(crate) fn room(model: &Model, statements: &[&Formula]) -> Option<Room> {
    let of_constants = model.of_constants(statements);
    let all: Vec<&Formula> = statements.iter().copied().chain(model.facts()).chain(&of_constants).collect();
    let mut points: Vec<Vec<Point>> = vec![Vec::new(); model.ranges().len()];
    let mut collect = |var: Var, region: &Region| {
        points.get_mut(var.0 as usize).into_iter().for_each(|p| p.extend_from_slice(region.points()));
    };
    all.iter().for_each(|formula| formula.each(&mut collect));
    let cuts: Vec<Cut> =
        model.ranges().iter().zip(points).map(|(range, points)| Cut::new(range, points)).collect();
    let state = cuts.iter().map(Cut::all).collect();
    let mut search = Search { cuts: &cuts, orders: model.orders(), left: PATIENCE };
    let left = search.holds(state, all, Vec::new())?;
    Some(Room { cuts, left })
}

struct Search<'a> {
    cuts: &'a [Cut],
    /// The first is at most as large as the second.
    orders: &'a [(Var, Var)],
    left: usize,
}

/// One of several has to hold.
type Choice<'a> = Vec<&'a Formula>;

impl<'a> Search<'a> {
    /// Cells among these within which there may be values for which all of `todo` and one of each choice hold.
    fn holds(
        &mut self,
        mut state: Vec<Cells>,
        mut todo: Vec<&'a Formula>,
        mut open: Vec<Choice<'a>>,
    ) -> Option<Vec<Cells>> {
        loop {
            while let Some(formula) = todo.pop() {
                match formula {
                    Formula::All(parts) => todo.extend(parts),
                    Formula::Any(parts) => open.push(parts.iter().collect()),
                    Formula::In(var, region, inside) => {
                        if !self.narrow(&mut state, *var, region, *inside) {
                            return None;
                        }
                    }
                }
            }
            if !self.put_in_order(&mut state) {
                return None;
            }
            let mut rest = Vec::with_capacity(open.len());
            for choice in open {
                let mut live = Vec::with_capacity(choice.len());
                let mut done = false;
                for part in choice {
                    match self.look(&state, part) {
                        Some(true) => done = true,
                        Some(false) => {}
                        None => live.push(part),
                    }
                }
                match live.as_slice() {
                    _ if done => {}
                    [] => return None,
                    [only] => todo.push(only),
                    _ => rest.push(live),
                }
            }
            open = rest;
            if todo.is_empty() {
                break;
            }
        }
        let Some(next) = (0..open.len()).min_by_key(|i| open.get(*i).map(Vec::len)) else {
            return Some(state);
        };
        let choice = open.swap_remove(next);
        for part in choice {
            self.left = self.left.saturating_sub(1);
            if self.left == 0 {
                // What is not proved impossible counts as possible.
                return Some(state);
            }
            let found = self.holds(state.clone(), vec![part], open.clone());
            if found.is_some() {
                return found;
            }
        }
        None
    }

    fn cells(&self, var: Var, region: &Region, inside: bool) -> Cells {
        self.cuts.get(var.0 as usize).map(|cut| cut.within(region, inside)).unwrap_or_default()
    }

    fn narrow(&self, state: &mut [Cells], var: Var, region: &Region, inside: bool) -> bool {
        let cells = self.cells(var, region, inside);
        let Some(left) = state.get_mut(var.0 as usize) else { return true };
        left.iter_mut().zip(cells).for_each(|(left, cells)| *left &= cells);
        left.iter().any(|word| *word != 0)
    }

    fn put_in_order(&self, state: &mut [Cells]) -> bool {
        let mut again = true;
        while again {
            again = false;
            for (low, high) in self.orders {
                let (l, h) = (low.0 as usize, high.0 as usize);
                let (Some(low), Some(high)) = (self.cuts.get(l), self.cuts.get(h)) else { continue };
                let Ok([lows, highs]) = state.get_disjoint_mut([l, h]) else { continue };
                again |= Cut::put_in_order((low, lows), (high, highs));
                if [lows, highs].iter().any(|cells| cells.iter().all(|word| *word == 0)) {
                    return false;
                }
            }
        }
        true
    }

    /// Whether a statement is true whatever value is left, or false whatever is left.
    fn look(&self, state: &[Cells], formula: &Formula) -> Option<bool> {
        match formula {
            Formula::All(parts) => self.look_at(state, parts, true),
            Formula::Any(parts) => self.look_at(state, parts, false),
            Formula::In(var, region, inside) => {
                let cells = self.cells(*var, region, *inside);
                let left = state.get(var.0 as usize)?;
                let mut pairs = left.iter().zip(&cells);
                if pairs.clone().all(|(left, cells)| left & !cells == 0) {
                    return Some(true);
                }
                pairs.all(|(left, cells)| left & cells == 0).then_some(false)
            }
        }
    }

    /// All of them, or one of them.
    fn look_at(&self, state: &[Cells], parts: &[Formula], all: bool) -> Option<bool> {
        let mut known = Some(all);
        for part in parts {
            match self.look(state, part) {
                Some(holds) if holds != all => return Some(!all),
                Some(_) => {}
                None => known = None,
            }
        }
        known
    }
}
