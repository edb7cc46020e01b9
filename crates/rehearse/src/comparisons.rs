//! The comparisons of a program, each as a condition on customers for itself.

use tidings_check::Program;
use tidings_check::program::{Aggregate, Body, Condition, ConditionKind, Term, TermKind};
use tidings_schema::{Type, Value};
use tidings_syntax::Place;
use tidings_syntax::tree::{CompareOp, Function};

/// A comparison.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    pub place: Place,
    /// The type of what is held against a number and is whole whatever the customer: then `> 4` and `>= 5` are the same.
    pub whole: Option<Type>,
    /// Who has it hold: one on the rows of a collection, for some row.
    pub holds: Condition,
    /// Who has it not hold for some row, where it is on rows.
    pub fails: Option<Condition>,
}

/// Every comparison of all rules, segments, stages, defines and scores.
pub(crate) fn comparisons(program: &Program) -> Vec<Comparison> {
    let mut search = Search { program, found: Vec::new(), rows: None };
    program.rules.iter().filter_map(|rule| rule.condition.as_ref()).for_each(|c| search.condition(c));
    program.segments.iter().for_each(|segment| search.condition(&segment.condition));
    program.stages.iter().flat_map(|stages| &stages.arms).for_each(|arm| search.condition(arm));
    program.scores.iter().for_each(|score| search.term(&score.of, None));
    for define in &program.defines {
        match &define.body {
            Body::Value(term) => search.term(term, None),
            Body::Condition(condition) => search.condition(condition),
        }
    }
    search.found
}

struct Search<'p> {
    program: &'p Program,
    found: Vec<Comparison>,
    /// The fold whose rows are asked about.
    rows: Option<&'p Aggregate>,
}

impl<'p> Search<'p> {
    fn condition(&mut self, condition: &'p Condition) {
        match &condition.kind {
            // `between` is two comparisons that stand at one place, and one thing to whoever wrote it; so is `was sent`.
            ConditionKind::All(parts) | ConditionKind::Any(parts)
                if !parts.is_empty() && parts.iter().all(|part| part.place == condition.place) =>
            {
                self.add(condition);
                for (i, part) in parts.iter().enumerate() {
                    let ConditionKind::Compare(_, value, end) = &part.kind else { continue };
                    // Both ends of a range are about the same value.
                    let again = matches!(condition.kind, ConditionKind::All(_)) && i > 0;
                    let sides = [value, end].into_iter().skip(usize::from(again));
                    sides.for_each(|side| self.term(side, Some(condition.place)));
                }
            }
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                parts.iter().for_each(|part| self.condition(part));
            }
            ConditionKind::Not(inner) => self.condition(inner),
            // What stands behind a name is looked at where it is declared.
            ConditionKind::Constant(_) | ConditionKind::Define(_) | ConditionKind::Segment(_) => {}
            ConditionKind::Compare(_, left, right) => {
                self.add(condition);
                [left, right].into_iter().for_each(|side| self.term(side, Some(condition.place)));
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Known(term)
            | ConditionKind::Truth(term) => {
                self.add(condition);
                self.term(term, Some(condition.place));
            }
            ConditionKind::Entered(..) => self.add(condition),
        }
    }

    fn term(&mut self, term: &'p Term, inside: Option<Place>) {
        match &term.kind {
            TermKind::Aggregate(fold) => {
                // `was sent wake-up` is a fold that nobody wrote: its filter stands where the whole does.
                let filter = fold.filter.as_ref().filter(|filter| Some(filter.place) != inside);
                let before = self.rows.replace(fold);
                filter.into_iter().for_each(|filter| self.condition(filter));
                self.rows = before;
            }
            TermKind::Arithmetic(_, left, right) => {
                [left, right].into_iter().for_each(|side| self.term(side, inside));
            }
            TermKind::Since(_, of)
            | TermKind::Until(_, of)
            | TermKind::Next(of)
            | TermKind::Last(of)
            | TermKind::DateOf(of)
            | TermKind::AsNumber(of) => self.term(of, inside),
            TermKind::Constant(_)
            | TermKind::Attribute(_)
            | TermKind::Field(_)
            | TermKind::Define(_)
            | TermKind::Score(_)
            | TermKind::Stage(_)
            | TermKind::Today
            | TermKind::Now => {}
        }
    }

    fn add(&mut self, condition: &Condition) {
        let place = condition.place;
        let at = |kind| Condition { kind, place };
        let (holds, fails) = match self.rows {
            Some(fold) => {
                let rows = |filter: Option<&Condition>| count(fold, filter, place);
                let some = TermKind::Constant(Value::Number(1.0));
                let some = Term { kind: some, ty: Type::Number, place };
                let those = rows(Some(condition));
                (
                    at(ConditionKind::Compare(CompareOp::AtLeast, those.clone(), some)),
                    Some(at(ConditionKind::Compare(CompareOp::More, rows(None), those))),
                )
            }
            None => (condition.clone(), None),
        };
        let whole = match &condition.kind {
            ConditionKind::Compare(_, left, right) => {
                let held = matches!(right.kind, TermKind::Constant(_)) && self.is_whole(left);
                held.then(|| left.ty.clone())
            }
            _ => None,
        };
        self.found.push(Comparison { place, whole, holds, fails });
    }

    /// Whether a value is a whole number whatever the customer.
    fn is_whole(&self, term: &Term) -> bool {
        match (&term.kind, &term.ty) {
            (_, Type::Elapsed(_) | Type::Date) | (TermKind::Score(_), _) => true,
            (TermKind::Aggregate(fold), _) => matches!(fold.function, Function::Count | Function::Distinct),
            (TermKind::AsNumber(of), _) => self.is_whole(of),
            (TermKind::Define(id), _) => match self.program.defines.get(id.0 as usize).map(|d| &d.body) {
                Some(Body::Value(term)) => self.is_whole(term),
                _ => false,
            },
            _ => false,
        }
    }
}

/// How many rows of a fold there are.
fn count(fold: &Aggregate, filter: Option<&Condition>, place: Place) -> Term {
    let (collection, window, filter) = (fold.collection, fold.window, filter.cloned());
    let fold = Aggregate { function: Function::Count, collection, field: None, filter, window };
    Term { kind: TermKind::Aggregate(Box::new(fold)), ty: Type::Number, place }
}
