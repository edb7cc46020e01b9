//! From conditions and terms of the program to nodes of the graph.
//!
//! A condition is compiled for an answer: the node for `yes` holds those for whom it is definitely true,
//! the node for `no` those for whom it is definitely false. Negation changes the answer that is asked for and
//! reaches the comparisons, so no node needs a third value.

use crate::chunk::Needs;
use crate::graph::{At, BitsId, BitsNode, ColumnId, ColumnNode, Domain, Graph, Literal, RunsNode};
use crate::wants::{Want, wants};
use std::collections::HashMap;
use tidings_check::Program;
use tidings_check::program::{
    Aggregate, Bands, Body, Condition, ConditionKind, DefineId, Entrance, Rule, Score, ScoreId, SegmentId,
    StagesId, Term, TermKind,
};
use tidings_schema::{CollectionId, FieldId};
use tidings_syntax::tree::CompareOp;

/// The graph so far, and what has been compiled into it.
#[derive(Debug)]
pub(crate) struct Compiler<'p> {
    pub program: &'p Program,
    pub graph: Graph,
    pub needs: Needs,
    values: HashMap<(DefineId, At), ColumnId>,
    conditions: HashMap<(DefineId, At, bool), BitsId>,
    segments: HashMap<(SegmentId, u32), BitsId>,
    stages: HashMap<(StagesId, u32), ColumnId>,
    scores: HashMap<(ScoreId, u32), ColumnId>,
    /// The scores by shares of the population, in the order in which they can be computed.
    pub ranked: Vec<Ranked>,
}

/// Whom a rule is for: those of a segment for whom all of some conditions, or one of them at least, are definitely true.
#[derive(Clone, Debug)]
pub(crate) struct RuleNodes {
    /// Who is in its segment.
    pub about: BitsId,
    pub all: bool,
    pub parts: Vec<Part>,
    pub wants: Vec<Want>,
}

/// A condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    /// For whom it is definitely true.
    pub holds: BitsId,
    /// For whom it is definitely true or definitely false.
    pub decided: BitsId,
}

/// A score by shares of the population, so many days ago.
#[derive(Clone, Debug)]
pub(crate) struct Ranked {
    pub score: ScoreId,
    pub shift: u32,
    pub of: ColumnId,
    /// The population.
    pub existing: BitsId,
    pub shares: u32,
    pub lowest_first: bool,
}

impl<'p> Compiler<'p> {
    /// Goes on with a graph, perhaps an empty one.
    pub fn new(program: &'p Program, graph: Graph) -> Compiler<'p> {
        Compiler {
            program,
            graph,
            needs: Needs::default(),
            values: HashMap::new(),
            conditions: HashMap::new(),
            segments: HashMap::new(),
            stages: HashMap::new(),
            scores: HashMap::new(),
            ranked: Vec::new(),
        }
    }

    /// Whom a rule is for.
    pub fn rule(&mut self, rule: &Rule) -> RuleNodes {
        let about = self.about(rule);
        let Some(mut condition) = rule.condition.as_ref() else {
            return RuleNodes { about, all: true, parts: Vec::new(), wants: Vec::new() };
        };
        let wants = wants(self, condition);
        let mut yes = true;
        while let ConditionKind::Not(inner) = &condition.kind {
            (condition, yes) = (inner, !yes);
        }
        let (all, parts) = match &condition.kind {
            ConditionKind::All(parts) => (yes, parts.as_slice()),
            ConditionKind::Any(parts) => (!yes, parts.as_slice()),
            _ => (true, std::slice::from_ref(condition)),
        };
        let part = |part| Part { holds: self.condition(part, At::NOW, yes), decided: self.decided(part) };
        let mut parts: Vec<Part> = parts.iter().map(part).collect();
        parts.sort_unstable();
        parts.dedup();
        RuleNodes { about, all, parts, wants }
    }

    /// Who is in a rule's segment.
    pub fn about(&mut self, rule: &Rule) -> BitsId {
        let mut about = vec![self.existing(0)];
        about.extend(rule.segment.map(|segment| self.segment(segment, 0)));
        self.graph.all(about, Domain::Customers)
    }

    /// Those for whom a condition is definitely true (`yes`) or definitely false.
    pub fn condition(&mut self, condition: &Condition, at: At, yes: bool) -> BitsId {
        match &condition.kind {
            ConditionKind::Constant(holds) => {
                self.graph.add_bits(BitsNode::Constant(*holds == yes, at.domain))
            }
            ConditionKind::All(parts) => self.gather(parts, at, yes, yes),
            ConditionKind::Any(parts) => self.gather(parts, at, yes, !yes),
            ConditionKind::Not(inner) => self.condition(inner, at, !yes),
            ConditionKind::Compare(op, left, right) => self.compare(*op, left, right, at, yes),
            ConditionKind::In(term, values) => {
                let mut list: Vec<Literal> = values.iter().filter_map(Literal::new).collect();
                list.sort_unstable();
                list.dedup();
                self.test(term, at, yes, |column| BitsNode::In(column, list.into()))
            }
            ConditionKind::Matches(op, term, text) => {
                self.test(term, at, yes, |column| BitsNode::Matches(*op, column, text.as_str().into()))
            }
            ConditionKind::HasTag(term, word) => {
                self.test(term, at, yes, |column| BitsNode::HasTag(column, word.as_str().into()))
            }
            ConditionKind::Truth(term) => self.test(term, at, yes, BitsNode::True),
            ConditionKind::Known(term) => {
                let known = self.known(term, at);
                if yes { known } else { self.graph.complement(known, at.domain) }
            }
            ConditionKind::Define(id) => self.named_condition(*id, at, yes),
            ConditionKind::Segment(id) => {
                let inside = self.segment(*id, at.shift);
                self.selected(inside, at, yes)
            }
            ConditionKind::Entered(place, days) => {
                let entered = self.entered(*place, *days, at.shift);
                self.selected(entered, at, yes)
            }
        }
    }

    fn gather(&mut self, parts: &[Condition], at: At, yes: bool, all: bool) -> BitsId {
        let sets = parts.iter().map(|part| self.condition(part, at, yes)).collect();
        if all { self.graph.all(sets, at.domain) } else { self.graph.any(sets, at.domain) }
    }

    /// A set of customers whose complement is the answer no.
    fn selected(&mut self, set: BitsId, at: At, yes: bool) -> BitsId {
        let set = if yes { set } else { self.graph.complement(set, Domain::Customers) };
        match at.domain {
            Domain::Customers => set,
            Domain::Rows(collection) => self.graph.add_bits(BitsNode::Spread(collection, set)),
        }
    }

    /// A test of one value, which is unknown where the value is missing.
    fn test(&mut self, term: &Term, at: At, yes: bool, node: impl FnOnce(ColumnId) -> BitsNode) -> BitsId {
        let column = self.term(term, at);
        let holds = self.graph.add_bits(node(column));
        if yes {
            return holds;
        }
        let known = self.graph.add_bits(BitsNode::Known(column));
        self.graph.except(known, holds)
    }

    fn compare(&mut self, op: CompareOp, left: &Term, right: &Term, at: At, yes: bool) -> BitsId {
        // `not visits > 5` is `visits <= 5`: both are definitely true only where there are visits.
        let op = if yes { op } else { op.opposite() };
        if let TermKind::Constant(value) = &right.kind
            && let Some(literal) = Literal::new(value)
        {
            let column = self.term(left, at);
            return self.graph.add_bits(match literal {
                Literal::Truth(true) if op == CompareOp::Equal => BitsNode::True(column),
                literal => BitsNode::CompareTo(op, column, literal),
            });
        }
        if let TermKind::Constant(value) = &left.kind
            && Literal::new(value).is_some()
        {
            return self.compare(op.mirrored(), right, left, at, true);
        }
        let (a, b) = (self.term(left, at), self.term(right, at));
        self.graph.add_bits(BitsNode::Compare(op, a, b))
    }

    /// Those for whom a term has a value.
    pub fn known(&mut self, term: &Term, at: At) -> BitsId {
        let column = self.term(term, at);
        self.graph.add_bits(BitsNode::Known(column))
    }

    /// Those for whom a condition is definitely true or definitely false.
    fn decided(&mut self, condition: &Condition) -> BitsId {
        match &condition.kind {
            ConditionKind::Constant(_)
            | ConditionKind::Known(_)
            | ConditionKind::Segment(_)
            | ConditionKind::Entered(..) => self.graph.add_bits(BitsNode::Constant(true, Domain::Customers)),
            ConditionKind::Not(inner) => self.decided(inner),
            ConditionKind::Compare(_, left, right) => {
                let written = |term: &&Term| !matches!(term.kind, TermKind::Constant(_));
                let known = [left, right].into_iter().filter(written).map(|term| self.known(term, At::NOW));
                let known = known.collect();
                self.graph.all(known, Domain::Customers)
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Truth(term) => self.known(term, At::NOW),
            ConditionKind::All(_) | ConditionKind::Any(_) | ConditionKind::Define(_) => {
                let either = [true, false].map(|yes| self.condition(condition, At::NOW, yes));
                self.graph.any(either.into(), Domain::Customers)
            }
        }
    }

    fn named_condition(&mut self, id: DefineId, at: At, yes: bool) -> BitsId {
        if let Some(set) = self.conditions.get(&(id, at, yes)) {
            return *set;
        }
        let program = self.program;
        let set = match program.defines.get(id.0 as usize).map(|d| &d.body) {
            Some(Body::Condition(condition)) => self.condition(condition, at, yes),
            Some(Body::Value(term)) => self.test(term, at, yes, BitsNode::True),
            None => self.graph.add_bits(BitsNode::Constant(false, at.domain)),
        };
        self.conditions.insert((id, at, yes), set);
        set
    }

    /// Who is in a segment, so many days ago.
    pub fn segment(&mut self, id: SegmentId, shift: u32) -> BitsId {
        if let Some(set) = self.segments.get(&(id, shift)) {
            return *set;
        }
        let program = self.program;
        let at = At { shift, domain: Domain::Customers };
        let set = match program.segments.get(id.0 as usize) {
            Some(segment) => self.condition(&segment.condition, at, true),
            None => self.graph.add_bits(BitsNode::Constant(false, Domain::Customers)),
        };
        self.segments.insert((id, shift), set);
        set
    }

    /// In which stage a customer is, so many days ago.
    pub fn stage(&mut self, id: StagesId, shift: u32) -> ColumnId {
        if let Some(column) = self.stages.get(&(id, shift)) {
            return *column;
        }
        let program = self.program;
        let at = At { shift, domain: Domain::Customers };
        let arms = program.stages.get(id.0 as usize).map_or(&[][..], |s| &s.arms);
        let arms = arms.iter().map(|arm| self.condition(arm, at, true)).collect();
        let column = self.graph.add_column(ColumnNode::Stage(arms));
        self.stages.insert((id, shift), column);
        column
    }

    /// Who is in a stage or segment and was there at all, so many days ago.
    pub fn inside(&mut self, place: Entrance, shift: u32) -> BitsId {
        let inside = match place {
            Entrance::Segment(id) => self.segment(id, shift),
            Entrance::Stage(id, arm) => {
                let stage = self.stage(id, shift);
                self.graph.add_bits(BitsNode::CompareTo(
                    CompareOp::Equal,
                    stage,
                    Literal::Int(i64::from(arm)),
                ))
            }
        };
        let existing = self.existing(shift);
        self.graph.all(vec![existing, inside], Domain::Customers)
    }

    fn entered(&mut self, place: Entrance, days: u32, shift: u32) -> BitsId {
        let inside: Vec<BitsId> = (0..=days).map(|day| self.inside(place, shift + day)).collect();
        let entries = inside
            .windows(2)
            .filter_map(|pair| match pair {
                [on, before] => Some(self.graph.except(*on, *before)),
                _ => None,
            })
            .collect();
        self.graph.any(entries, Domain::Customers)
    }

    /// The customers who were there so many days ago.
    pub fn existing(&mut self, shift: u32) -> BitsId {
        let node = match self.program.vocabulary.customer.created {
            Some(id) => {
                self.needs.want(id);
                BitsNode::Existing(self.graph.add_column(ColumnNode::Attribute(id)), shift)
            }
            None => BitsNode::Constant(true, Domain::Customers),
        };
        self.graph.add_bits(node)
    }

    /// The value of a term.
    pub fn term(&mut self, term: &Term, at: At) -> ColumnId {
        let day = at.shift;
        let node = match &term.kind {
            TermKind::Constant(value) => ColumnNode::Constant(Literal::new(value), at.domain),
            TermKind::Today => ColumnNode::Today(at),
            TermKind::Now => ColumnNode::Now(at),
            TermKind::Field(id) => match at.domain {
                Domain::Rows(collection) => return self.field(collection, *id),
                Domain::Customers => ColumnNode::Constant(None, at.domain),
            },
            TermKind::Define(id) => return self.named_value(*id, at),
            TermKind::Arithmetic(op, a, b) => ColumnNode::Arithmetic(*op, self.term(a, at), self.term(b, at)),
            TermKind::Since(unit, date) => ColumnNode::Since(*unit, self.term(date, at), day),
            TermKind::Until(unit, date) => ColumnNode::Until(*unit, self.term(date, at), day),
            TermKind::Next(date) => ColumnNode::Next(self.term(date, at), day),
            TermKind::Last(date) => ColumnNode::Last(self.term(date, at), day),
            TermKind::DateOf(moment) => ColumnNode::DateOf(self.term(moment, at)),
            TermKind::AsNumber(count) => ColumnNode::AsNumber(self.term(count, at)),
            TermKind::Attribute(id) => {
                self.needs.want(*id);
                let column = self.graph.add_column(ColumnNode::Attribute(*id));
                return self.spread(column, at.domain);
            }
            TermKind::Score(id) => {
                let column = self.score(*id, day);
                return self.spread(column, at.domain);
            }
            TermKind::Stage(id) => {
                let column = self.stage(*id, day);
                return self.spread(column, at.domain);
            }
            TermKind::Aggregate(aggregate) => {
                let column = self.fold(aggregate, day);
                return self.spread(column, at.domain);
            }
        };
        self.graph.add_column(node)
    }

    fn spread(&mut self, column: ColumnId, domain: Domain) -> ColumnId {
        match domain {
            Domain::Customers => column,
            Domain::Rows(collection) => self.graph.add_column(ColumnNode::Spread(collection, column)),
        }
    }

    fn named_value(&mut self, id: DefineId, at: At) -> ColumnId {
        if let Some(column) = self.values.get(&(id, at)) {
            return *column;
        }
        let program = self.program;
        let column = match program.defines.get(id.0 as usize).map(|d| &d.body) {
            Some(Body::Value(term)) => self.term(term, at),
            // The checker makes no value of a condition.
            Some(Body::Condition(_)) | None => self.graph.add_column(ColumnNode::Constant(None, at.domain)),
        };
        self.values.insert((id, at), column);
        column
    }

    fn score(&mut self, id: ScoreId, shift: u32) -> ColumnId {
        if let Some(column) = self.scores.get(&(id, shift)) {
            return *column;
        }
        let program = self.program;
        let column = match program.scores.get(id.0 as usize) {
            Some(score) => self.banded(id, score, shift),
            None => self.graph.add_column(ColumnNode::Constant(None, Domain::Customers)),
        };
        self.scores.insert((id, shift), column);
        column
    }

    fn banded(&mut self, id: ScoreId, score: &Score, shift: u32) -> ColumnId {
        let of = self.term(&score.of, At { shift, domain: Domain::Customers });
        let lowest_first = score.lowest_first;
        match &score.bands {
            Bands::Fixed(bounds) => {
                let bounds = bounds.iter().filter_map(Literal::new).collect();
                self.graph.add_column(ColumnNode::Banded { of, bounds, lowest_first })
            }
            Bands::Shares(shares) => {
                let column = self.graph.add_column(ColumnNode::Ranked { of, score: id, shift });
                let existing = self.existing(shift);
                self.ranked.push(Ranked { score: id, shift, of, existing, shares: *shares, lowest_first });
                column
            }
        }
    }

    fn fold(&mut self, aggregate: &Aggregate, shift: u32) -> ColumnId {
        let Aggregate { function, collection, field, filter, window } = aggregate;
        let collection = *collection;
        let Some(time) = self.program.vocabulary.collection(collection).map(|c| c.time) else {
            return self.graph.add_column(ColumnNode::Constant(None, Domain::Customers));
        };
        let rows = At { shift, domain: Domain::Rows(collection) };
        let filter = filter.as_ref().map(|condition| self.condition(condition, rows, true));
        let field = field.map(|field| self.field(collection, field));
        let times = self.field(collection, time);
        let runs = self.graph.add_runs(RunsNode { collection, times, shift, window: *window });
        self.graph.add_column(ColumnNode::Fold { function: *function, field, filter, runs })
    }

    fn field(&mut self, collection: CollectionId, field: FieldId) -> ColumnId {
        self.needs.want_field(collection, field);
        self.graph.add_column(ColumnNode::Field(collection, field))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use tidings_check::{RuleFile, World, check};
    use tidings_schema::{Currency, Settings, load};
    use tidings_syntax::{FileId, Sources, parse};

    const SCHEMA: &str = "
customer: {table: customers, key: id, attributes: {visits: number}}
collections:
  orders: {table: orders, customer: customer_id, time: placed_at, fields: {placed_at: moment}}
";

    fn nodes(rules: &str) -> usize {
        let settings = Settings { zone: chrono_tz::UTC, currency: Currency::USD };
        let vocabulary = load(SCHEMA, FileId(0), &settings).0.unwrap();
        let mut sources = Sources::default();
        let id = sources.add("rules/test.tidings", rules);
        let file = RuleFile { id, name: "test".to_owned(), tree: parse(id, rules).file, broken: Vec::new() };
        let program = check(&[file], Arc::new(vocabulary), &World::default(), &sources).program.unwrap();
        let mut compiler = Compiler::new(&program, Graph::new());
        program.rules.iter().for_each(|rule| {
            compiler.rule(rule);
        });
        compiler.graph.order.len()
    }

    #[test]
    fn what_means_the_same_is_computed_once() {
        let first = "rule a if visits > 5 and count of orders in last 30 days >= 1 then send x coupon end\n";
        let others = "define often = count of orders in last 30 days
rule b if not (5 >= visits or often < 1) then send x coupon end
rule c if often >= 1 and 5 < visits then send x coupon end\n";
        assert_eq!(nodes(&format!("{first}{others}")), nodes(first));
    }
}
