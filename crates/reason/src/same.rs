//! Terms and conditions by numbers, so that equal ones have the same number, wherever they stand and whatever they are
//! called.

use std::collections::HashMap;
use tidings_check::Program;
use tidings_check::program::{Aggregate, Body, Condition, ConditionKind, DefineId, Term, TermKind};

/// Gives numbers to parts of a program.
pub(crate) struct Same<'p> {
    program: &'p Program,
    numbers: HashMap<String, u32>,
    defines: HashMap<DefineId, u32>,
}

impl<'p> Same<'p> {
    pub(crate) fn new(program: &'p Program) -> Same<'p> {
        Same { program, numbers: HashMap::new(), defines: HashMap::new() }
    }

    /// The number of a term.
    pub(crate) fn term(&mut self, term: &Term) -> u32 {
        let written = match &term.kind {
            TermKind::Define(id) => return self.define(*id),
            TermKind::Since(unit, of) => format!("since {unit:?} {}", self.term(of)),
            TermKind::Until(unit, of) => format!("until {unit:?} {}", self.term(of)),
            TermKind::Next(of) => format!("next {}", self.term(of)),
            TermKind::Last(of) => format!("last {}", self.term(of)),
            TermKind::DateOf(of) => format!("date {}", self.term(of)),
            TermKind::AsNumber(of) => format!("number {}", self.term(of)),
            TermKind::Arithmetic(op, a, b) => format!("{op:?} {} {}", self.term(a), self.term(b)),
            TermKind::Aggregate(fold) => {
                let Aggregate { function, collection, field, filter, window } = &**fold;
                let filter = filter.as_ref().map(|filter| self.condition(filter));
                format!("{function:?} {collection:?} {field:?} {window:?} {filter:?}")
            }
            // The others have no places in them.
            plain => format!("{plain:?}"),
        };
        self.number(written)
    }

    /// The number of a condition.
    pub(crate) fn condition(&mut self, condition: &Condition) -> u32 {
        let mut each =
            |parts: &[Condition]| parts.iter().map(|part| self.condition(part)).collect::<Vec<_>>();
        let written = match &condition.kind {
            ConditionKind::All(parts) => format!("all {:?}", each(parts)),
            ConditionKind::Any(parts) => format!("any {:?}", each(parts)),
            ConditionKind::Not(inner) => format!("not {}", self.condition(inner)),
            ConditionKind::Define(id) => return self.define(*id),
            ConditionKind::Compare(op, a, b) => format!("{op:?} {} {}", self.term(a), self.term(b)),
            ConditionKind::In(term, values) => format!("{} in {values:?}", self.term(term)),
            ConditionKind::Matches(op, term, text) => format!("{} {op:?} {text:?}", self.term(term)),
            ConditionKind::HasTag(term, tag) => format!("{} has {tag:?}", self.term(term)),
            ConditionKind::Known(term) => format!("known {}", self.term(term)),
            ConditionKind::Truth(term) => return self.term(term),
            // The others have no places in them.
            plain => format!("{plain:?}"),
        };
        self.number(written)
    }

    fn define(&mut self, id: DefineId) -> u32 {
        if let Some(number) = self.defines.get(&id) {
            return *number;
        }
        let number = match self.program.defines.get(id.0 as usize).map(|d| &d.body) {
            Some(Body::Value(term)) => self.term(term),
            Some(Body::Condition(condition)) => self.condition(condition),
            None => self.number("nothing".to_owned()),
        };
        self.defines.insert(id, number);
        number
    }

    fn number(&mut self, written: String) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(written).or_insert(next)
    }
}
