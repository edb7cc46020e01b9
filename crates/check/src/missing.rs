//! The warning about negations over something that can be missing: `city != "Beijing"` does not select a
//! customer without a city, and many authors think that it does.

use crate::Checker;
use crate::program::{Body, Condition, ConditionKind, Term, TermKind};
use std::collections::HashSet;
use tidings_schema::Type;
use tidings_syntax::tree::{CompareOp, Function};
use tidings_syntax::{Code, Diagnostic, Place};

/// The values that the conditions around a place make sure of, by their text.
type Sure = HashSet<String>;

impl Checker<'_> {
    pub(crate) fn warn_missing(&mut self, root: &Condition) {
        self.walk(root, false, &Sure::new(), None);
    }

    /// `seen_at` is where the warning stands for conditions that live behind a name.
    fn walk(&mut self, condition: &Condition, negated: bool, sure: &Sure, seen_at: Option<Place>) {
        let place = seen_at.unwrap_or(condition.place);
        match &condition.kind {
            ConditionKind::Not(inner) => self.walk(inner, !negated, sure, seen_at),
            ConditionKind::All(list) | ConditionKind::Any(list) => {
                // `x is known and …` makes sure of x, and so does `… or x is missing`; a negation swaps the two.
                let conjunction = matches!(condition.kind, ConditionKind::All(_)) != negated;
                let mut inner = sure.clone();
                inner.extend(list.iter().filter_map(|c| self.made_sure(c, negated, conjunction)));
                list.iter().for_each(|c| self.walk(c, negated, &inner, seen_at));
            }
            ConditionKind::Compare(op, left, right) if negated != (*op == CompareOp::NotEqual) => {
                self.warn_terms(condition, place, &[left, right], sure);
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Truth(term)
                if negated =>
            {
                self.warn_terms(condition, place, &[term], sure);
            }
            ConditionKind::Define(id) => {
                let body = self.define(*id, place).map(|d| d.body.clone());
                if let Some(Body::Condition(inner)) = body {
                    self.walk(&inner, negated, sure, Some(place));
                }
            }
            ConditionKind::Segment(id) if negated => {
                let segment = self.segment(*id, place).map(|s| (s.name.clone(), s.condition.clone()));
                if let Some((name, inner)) = segment {
                    self.warn_segment(&name, &inner, place, sure);
                }
            }
            _ => {}
        }
    }

    /// `not in SEGMENT` also selects those for whom the segment could not be decided: they are not in it.
    fn warn_segment(&mut self, name: &str, condition: &Condition, place: Place, sure: &Sure) {
        let mut terms = Vec::new();
        compared(condition, &mut terms);
        let unsure = terms.into_iter().filter(|t| !sure.contains(self.sources.text(t.place)));
        let Some(term) = unsure.into_iter().find(|t| self.can_be_missing(t)) else { return };
        let value = self.sources.text(term.place).to_owned();
        self.diagnostics.push(
            Diagnostic::new(
                Code::MISSING_UNDER_NEGATION,
                place,
                format!(
                    "customers whose `{value}` is missing are not in `{name}`, and so they are selected here"
                ),
            )
            .help(format!("to leave them out, add `and {value} is known`"))
            .help(format!("to keep them on purpose, add `or {value} is missing` to the segment's negation")),
        );
    }

    /// The value that one part of an `and` (or of an `or`, after `is missing`) makes sure of. Beside `city = "Rome"` in an
    /// `and` whoever has no city is left out whatever else is asked.
    fn made_sure(&self, part: &Condition, negated: bool, conjunction: bool) -> Option<String> {
        let (term, known) = match &part.kind {
            ConditionKind::Known(term) => (term, true),
            ConditionKind::Not(inner) => match &inner.kind {
                ConditionKind::Known(term) => (term, false),
                _ => return None,
            },
            ConditionKind::Compare(op, term, _) if negated == (*op == CompareOp::NotEqual) => {
                (term, !negated)
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Truth(term)
                if !negated =>
            {
                (term, true)
            }
            _ => return None,
        };
        ((known != negated) == conjunction).then(|| self.sources.text(term.place).to_owned())
    }

    fn warn_terms(&mut self, condition: &Condition, place: Place, terms: &[&Term], sure: &Sure) {
        let unsure = terms.iter().filter(|t| !sure.contains(self.sources.text(t.place)));
        let Some(term) = unsure.into_iter().find(|t| self.can_be_missing(t)) else { return };
        let name = self.sources.text(term.place).to_owned();
        let whole = self.sources.text(condition.place).to_owned();
        let mut d = Diagnostic::new(
            Code::MISSING_UNDER_NEGATION,
            place,
            format!("customers whose `{name}` is missing are not selected here"),
        )
        .label("unknown is neither yes nor no, also through a negation");
        // Where the comparison itself is the negation, both ways out can be written over it.
        d = if matches!(&condition.kind, ConditionKind::Compare(CompareOp::NotEqual, ..))
            && place == condition.place
        {
            d.fix("to select them too", place, format!("({whole} or {name} is missing)")).fix(
                "to leave them out on purpose",
                place,
                format!("({name} is known and {whole})"),
            )
        } else {
            d.help(format!("to select them too, add `or {name} is missing` around the negation"))
                .help(format!("to leave them out on purpose, say `{name} is known and …`"))
        };
        self.diagnostics.push(d);
    }

    fn can_be_missing(&mut self, term: &Term) -> bool {
        match &term.kind {
            TermKind::Attribute(id) => self.vocabulary.attribute(*id).is_none_or(|a| a.optional),
            TermKind::Aggregate(a) => {
                !matches!(a.function, Function::Count | Function::Sum | Function::Distinct)
            }
            TermKind::Define(id) => {
                let body = self.define(*id, term.place).map(|d| d.body.clone());
                matches!(body, Some(Body::Value(inner)) if self.can_be_missing(&inner))
            }
            TermKind::Score(id) => {
                let of = self.score(*id, term.place).map(|s| s.of.clone());
                of.is_some_and(|of| self.can_be_missing(&of))
            }
            TermKind::Since(_, inner)
            | TermKind::Until(_, inner)
            | TermKind::Next(inner)
            | TermKind::Last(inner)
            | TermKind::DateOf(inner)
            | TermKind::AsNumber(inner) => self.can_be_missing(inner),
            TermKind::Arithmetic(_, left, right) => {
                self.can_be_missing(left)
                    || self.can_be_missing(right)
                    || term.ty == Type::Number && divides(term)
            }
            TermKind::Field(_) => true,
            TermKind::Constant(_) | TermKind::Stage(_) | TermKind::Today | TermKind::Now => false,
        }
    }
}

/// Every value that a condition compares.
fn compared<'c>(condition: &'c Condition, out: &mut Vec<&'c Term>) {
    match &condition.kind {
        ConditionKind::All(list) | ConditionKind::Any(list) => list.iter().for_each(|c| compared(c, out)),
        ConditionKind::Not(inner) => compared(inner, out),
        ConditionKind::Compare(_, left, right) => out.extend([left, right]),
        ConditionKind::In(term, _)
        | ConditionKind::Matches(_, term, _)
        | ConditionKind::HasTag(term, _)
        | ConditionKind::Truth(term) => out.push(term),
        _ => {}
    }
}

/// A division is missing where the divisor is zero.
fn divides(term: &Term) -> bool {
    matches!(&term.kind, TermKind::Arithmetic(tidings_syntax::tree::ArithmeticOp::Divide, _, by)
        if !matches!(by.kind, TermKind::Constant(_)))
}
