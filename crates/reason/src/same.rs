//! Terms and conditions written out so that equal ones are written alike, wherever they stand.

use std::fmt::Write;
use tidings_check::Program;
use tidings_check::program::{Aggregate, Body, Condition, ConditionKind, Term, TermKind};

/// Writes parts of a program.
pub(crate) struct Same<'p>(pub(crate) &'p Program);

impl Same<'_> {
    pub(crate) fn term(&self, term: &Term) -> String {
        let mut out = String::new();
        self.write(term, &mut out);
        out
    }

    pub(crate) fn condition(&self, condition: &Condition) -> String {
        let mut out = String::new();
        self.write_condition(condition, &mut out);
        out
    }

    fn write(&self, term: &Term, out: &mut String) {
        let mut one = |name: &str, inner: &Term| {
            let _ = write!(out, "{name}(");
            self.write(inner, out);
            out.push(')');
        };
        match &term.kind {
            TermKind::Define(id) => match self.0.defines.get(id.0 as usize).map(|d| &d.body) {
                Some(Body::Value(inner)) => self.write(inner, out),
                _ => out.push_str("nothing"),
            },
            TermKind::Since(unit, inner) => one(&format!("since {unit:?}"), inner),
            TermKind::Until(unit, inner) => one(&format!("until {unit:?}"), inner),
            TermKind::Next(inner) => one("next", inner),
            TermKind::Last(inner) => one("last", inner),
            TermKind::DateOf(inner) => one("date", inner),
            TermKind::AsNumber(inner) => one("number", inner),
            TermKind::Arithmetic(op, a, b) => {
                one(&format!("{op:?}"), a);
                one("", b);
            }
            TermKind::Aggregate(fold) => self.write_fold(fold, out),
            // The others have no places in them.
            plain => drop(write!(out, "{plain:?}")),
        }
    }

    fn write_fold(&self, fold: &Aggregate, out: &mut String) {
        let Aggregate { function, collection, field, filter, window } = fold;
        let _ = write!(out, "{function:?} {collection:?} {field:?} {window:?} where ");
        if let Some(filter) = filter {
            self.write_condition(filter, out);
        }
    }

    fn write_condition(&self, condition: &Condition, out: &mut String) {
        let mut list = |name: &str, parts: &[Condition]| {
            out.push_str(name);
            for part in parts {
                out.push('(');
                self.write_condition(part, out);
                out.push(')');
            }
        };
        match &condition.kind {
            ConditionKind::All(parts) => list("all", parts),
            ConditionKind::Any(parts) => list("any", parts),
            ConditionKind::Not(inner) => list("not", std::slice::from_ref(inner)),
            ConditionKind::Define(id) => match self.0.defines.get(id.0 as usize).map(|d| &d.body) {
                Some(Body::Condition(inner)) => self.write_condition(inner, out),
                Some(Body::Value(inner)) => self.write(inner, out),
                None => out.push_str("nothing"),
            },
            ConditionKind::Compare(op, a, b) => {
                let _ = write!(out, "{op:?} ");
                self.write(a, out);
                out.push(' ');
                self.write(b, out);
            }
            ConditionKind::In(term, values) => {
                self.write(term, out);
                let _ = write!(out, " in {values:?}");
            }
            ConditionKind::Matches(op, term, text) => {
                self.write(term, out);
                let _ = write!(out, " {op:?} {text:?}");
            }
            ConditionKind::HasTag(term, tag) => {
                self.write(term, out);
                let _ = write!(out, " has {tag:?}");
            }
            ConditionKind::Known(term) => {
                out.push_str("known ");
                self.write(term, out);
            }
            ConditionKind::Truth(term) => self.write(term, out),
            // The others have no places in them.
            plain => drop(write!(out, "{plain:?}")),
        }
    }
}
