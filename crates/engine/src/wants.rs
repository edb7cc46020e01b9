//! For want of what a rule cannot be decided.

use crate::compile::Compiler;
use crate::graph::{At, BitsId, Domain};
use std::collections::HashSet;
use tidings_check::program::{Body, Condition, ConditionKind, DefineId, ScoreId, Term, TermKind};
use tidings_schema::Vocabulary;
use tidings_syntax::tree::Function;

/// A value that a condition asks for and that can be missing: its name as rules write it, without filter and
/// window (`city`, `latest orders.placed_at`), and who has it: with all filters and windows that the condition asks it for.
pub(crate) type Want = (String, BitsId);

/// The values that a condition can be unknown for want of, each once. Segments, stages and entries are
/// never unknown, so what they ask for is not among them.
pub(crate) fn wants(compiler: &mut Compiler<'_>, condition: &Condition) -> Vec<Want> {
    let mut search = Search { compiler, found: Vec::new(), defines: HashSet::new(), scores: HashSet::new() };
    search.condition(condition);
    let found = search.found;
    found.into_iter().map(|(name, known)| (name, compiler.graph.all(known, Domain::Customers))).collect()
}

struct Search<'a, 'p> {
    compiler: &'a mut Compiler<'p>,
    found: Vec<(String, Vec<BitsId>)>,
    defines: HashSet<DefineId>,
    scores: HashSet<ScoreId>,
}

impl Search<'_, '_> {
    fn condition(&mut self, condition: &Condition) {
        match &condition.kind {
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                parts.iter().for_each(|p| self.condition(p))
            }
            ConditionKind::Not(inner) => self.condition(inner),
            ConditionKind::Compare(_, left, right) => {
                self.term(left);
                self.term(right);
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Truth(term) => self.term(term),
            ConditionKind::Define(id) => self.define(*id),
            ConditionKind::Constant(_)
            | ConditionKind::Known(_)
            | ConditionKind::Segment(_)
            | ConditionKind::Entered(..) => {}
        }
    }

    fn term(&mut self, term: &Term) {
        match &term.kind {
            TermKind::Attribute(_) | TermKind::Aggregate(_) => self.leaf(term),
            TermKind::Define(id) => self.define(*id),
            TermKind::Score(id) => {
                if let Some(score) = self.compiler.program.scores.get(id.0 as usize)
                    && self.scores.insert(*id)
                {
                    self.term(&score.of);
                }
            }
            TermKind::Arithmetic(_, a, b) => {
                self.term(a);
                self.term(b);
            }
            TermKind::Since(_, inner)
            | TermKind::Until(_, inner)
            | TermKind::Next(inner)
            | TermKind::Last(inner)
            | TermKind::DateOf(inner)
            | TermKind::AsNumber(inner) => self.term(inner),
            TermKind::Constant(_)
            | TermKind::Field(_)
            | TermKind::Stage(_)
            | TermKind::Today
            | TermKind::Now => {}
        }
    }

    fn define(&mut self, id: DefineId) {
        if !self.defines.insert(id) {
            return;
        }
        match self.compiler.program.defines.get(id.0 as usize).map(|d| &d.body) {
            Some(Body::Value(term)) => self.term(term),
            Some(Body::Condition(condition)) => self.condition(condition),
            None => {}
        }
    }

    fn leaf(&mut self, term: &Term) {
        let Some(name) = name(term, &self.compiler.program.vocabulary) else { return };
        let known = self.compiler.known(term, At::NOW);
        match self.found.iter_mut().find(|(other, _)| *other == name) {
            Some((_, knowns)) => knowns.push(known),
            None => self.found.push((name, vec![known])),
        }
    }
}

/// The name of an attribute or an aggregate that can be missing.
fn name(term: &Term, vocabulary: &Vocabulary) -> Option<String> {
    let aggregate = match &term.kind {
        TermKind::Attribute(id) => return Some(vocabulary.attribute(*id)?.name.clone()),
        TermKind::Aggregate(aggregate) => aggregate,
        _ => return None,
    };
    let function = match aggregate.function {
        Function::Average => "average of",
        Function::Min => "min of",
        Function::Max => "max of",
        Function::Latest => "latest",
        Function::First => "first",
        Function::Sum => "sum of",
        // Always known.
        Function::Count | Function::Distinct => return None,
    };
    let collection = vocabulary.collection(aggregate.collection)?;
    let field = collection.field(aggregate.field?)?;
    Some(format!("{function} {}.{}", collection.name, field.name))
}
