//! The outline of a trace: a rule's parts, each with the nodes whose results it will show.

use crate::compile::Compiler;
use crate::graph::{At, BitsId, BitsNode, ColumnId, Domain, Literal, NodeId};
use crate::trace::What;
use std::collections::HashSet;
use tidings_check::program::{
    Body, Condition, ConditionKind, DefineId, Entrance, Rule, SegmentId, StagesId, Term, TermKind,
};
use tidings_schema::Type;
use tidings_syntax::Place;
use tidings_syntax::tree::CompareOp;

/// A part of a rule.
#[derive(Debug)]
pub(crate) struct Sketch {
    pub place: Place,
    pub what: What,
    /// For whom it is definitely true.
    pub yes: BitsId,
    /// For whom it is definitely false.
    pub no: BitsId,
    pub values: Vec<Sight>,
    /// Who is inside the place that is entered: today, a day ago, two days ago.
    pub inside: Vec<BitsId>,
    /// For whom the part is told at all; everybody where it is not said.
    pub told: Option<BitsId>,
    pub children: Vec<Sketch>,
}

/// A value that a part sees.
#[derive(Debug)]
pub(crate) struct Sight {
    pub place: Place,
    pub ty: Type,
    pub column: ColumnId,
}

/// Draws outlines; what stands behind a name is drawn once in each.
pub(crate) struct Sketcher<'p> {
    pub compiler: Compiler<'p>,
    drawn: HashSet<Behind>,
}

#[derive(PartialEq, Eq, Hash)]
enum Behind {
    Define(DefineId),
    Segment(SegmentId),
    Stages(StagesId),
}

impl Sketch {
    /// The nodes whose results it shows.
    pub fn roots(&self, roots: &mut Vec<NodeId>) {
        let sets = self.inside.iter().chain(&self.told).copied().chain([self.yes, self.no]);
        roots.extend(sets.map(NodeId::Bits));
        roots.extend(self.values.iter().map(|value| NodeId::Column(value.column)));
        self.children.iter().for_each(|child| child.roots(roots));
    }
}

impl<'p> Sketcher<'p> {
    pub fn new(compiler: Compiler<'p>) -> Sketcher<'p> {
        Sketcher { compiler, drawn: HashSet::new() }
    }

    /// A rule: its segment and its condition.
    pub fn rule(&mut self, rule: &Rule) -> Sketch {
        self.drawn.clear();
        let about = self.compiler.about(rule);
        let mut answer = |yes| match &rule.condition {
            Some(condition) => self.compiler.condition(condition, At::NOW, yes),
            None => self.compiler.graph.add_bits(BitsNode::Constant(yes, Domain::Customers)),
        };
        let (yes, no) = (answer(true), answer(false));
        let graph = &mut self.compiler.graph;
        let others = graph.complement(about, Domain::Customers);
        let yes = graph.all(vec![about, yes], Domain::Customers);
        let no = graph.any(vec![others, no], Domain::Customers);
        let mut children: Vec<Sketch> = self.created(rule.place).into_iter().collect();
        children.extend(rule.segment.and_then(|id| self.segment(id, None)));
        children.extend(rule.condition.as_ref().map(|condition| self.condition(condition)));
        let what = What::Rule(rule.name.clone());
        Sketch { children, ..self.part(rule.place, what, yes, no) }
    }

    /// Whether the customer is there, told only where not.
    fn created(&mut self, place: Place) -> Option<Sketch> {
        let vocabulary = &self.compiler.program.vocabulary;
        let id = vocabulary.customer.created?;
        let ty = vocabulary.attribute(id)?.ty.clone();
        let existing = self.compiler.existing(0);
        let absent = self.compiler.graph.complement(existing, Domain::Customers);
        let term = Term { kind: TermKind::Attribute(id), ty, place };
        let values = vec![self.sight(&term)];
        Some(Sketch { values, told: Some(absent), ..self.part(place, What::Created, existing, absent) })
    }

    fn condition(&mut self, condition: &Condition) -> Sketch {
        let (mut values, mut children, mut inside) = (Vec::new(), Vec::new(), Vec::new());
        let what = match &condition.kind {
            ConditionKind::Constant(_) => What::Constant,
            ConditionKind::All(parts) => {
                children.extend(parts.iter().map(|part| self.condition(part)));
                What::All
            }
            ConditionKind::Any(parts) => {
                children.extend(parts.iter().map(|part| self.condition(part)));
                What::Any
            }
            ConditionKind::Not(inner) => {
                children.push(self.condition(inner));
                What::Not
            }
            ConditionKind::Compare(_, left, right) => {
                // `7 days before birthday` is one place: its date says more than how many days that is from today.
                let one_place = left.place == condition.place && !left.place.span.is_empty();
                let left = if one_place { date_of(left) } else { left };
                for side in [left, right] {
                    self.side(side, &mut values, &mut children);
                }
                What::Test
            }
            ConditionKind::In(term, _)
            | ConditionKind::Matches(_, term, _)
            | ConditionKind::HasTag(term, _)
            | ConditionKind::Truth(term) => {
                self.side(term, &mut values, &mut children);
                What::Test
            }
            ConditionKind::Known(term) => {
                self.side(term, &mut values, &mut children);
                What::Known
            }
            ConditionKind::Define(id) => {
                let define = self.compiler.program.defines.get(id.0 as usize);
                if let Some(Body::Condition(body)) = define.map(|d| &d.body)
                    && self.drawn.insert(Behind::Define(*id))
                {
                    children.push(self.condition(body));
                }
                What::Define(define.map(|d| d.name.clone()).unwrap_or_default())
            }
            ConditionKind::Segment(id) => {
                if let Some(segment) = self.segment(*id, Some(condition.place)) {
                    return segment;
                }
                What::Constant
            }
            ConditionKind::Entered(place, days) => {
                inside.extend((0..=*days).map(|day| self.compiler.inside(*place, day)));
                let (name, behind) = self.entrance(*place, condition.place);
                children.extend(behind);
                What::Entered(name)
            }
        };
        let yes = self.compiler.condition(condition, At::NOW, true);
        let no = self.compiler.condition(condition, At::NOW, false);
        Sketch { values, inside, children, ..self.part(condition.place, what, yes, no) }
    }

    /// A segment, named at a place; where it is not said, at its own.
    fn segment(&mut self, id: SegmentId, place: Option<Place>) -> Option<Sketch> {
        let segment = self.compiler.program.segments.get(id.0 as usize)?;
        let new = self.drawn.insert(Behind::Segment(id));
        let children = new.then(|| self.condition(&segment.condition)).into_iter().collect();
        let yes = self.compiler.segment(id, 0);
        let no = self.compiler.graph.complement(yes, Domain::Customers);
        let place = place.unwrap_or(segment.condition.place);
        Some(Sketch { children, ..self.part(place, What::Segment(segment.name.clone()), yes, no) })
    }

    /// The stages of a partition up to the one that the customer is in, each with its test.
    fn stages(&mut self, id: StagesId) -> Vec<Sketch> {
        let Some(stages) = self.compiler.program.stages.get(id.0 as usize) else { return Vec::new() };
        if !self.drawn.insert(Behind::Stages(id)) {
            return Vec::new();
        }
        let column = self.compiler.stage(id, 0);
        let mut arms = Vec::new();
        for (i, (test, word)) in (0..).zip(stages.arms.iter().zip(&stages.list.words)) {
            let graph = &mut self.compiler.graph;
            let passed = graph.add_bits(BitsNode::CompareTo(CompareOp::Less, column, Literal::Int(i)));
            let told = Some(graph.complement(passed, Domain::Customers));
            let what = What::Stage { partition: stages.list.name.clone(), stage: word.name.clone() };
            let test = self.condition(test);
            let part = self.part(test.place, what, test.yes, test.no);
            arms.push(Sketch { told, children: vec![test], ..part });
        }
        arms
    }

    fn entrance(&mut self, place: Entrance, at: Place) -> (String, Vec<Sketch>) {
        match place {
            Entrance::Segment(id) => {
                let name = self.compiler.program.segments.get(id.0 as usize).map(|s| s.name.clone());
                (name.unwrap_or_default(), self.segment(id, Some(at)).into_iter().collect())
            }
            Entrance::Stage(id, arm) => {
                let stages = self.compiler.program.stages.get(id.0 as usize);
                let word = stages.and_then(|s| s.list.words.get(arm as usize));
                (word.map(|w| w.name.clone()).unwrap_or_default(), self.stages(id))
            }
        }
    }

    /// One side of a test: its value unless it is written out, and what stands behind it.
    fn side(&mut self, term: &Term, values: &mut Vec<Sight>, children: &mut Vec<Sketch>) {
        if matches!(term.kind, TermKind::Constant(_)) {
            return;
        }
        values.push(self.sight(term));
        match &term.kind {
            TermKind::Stage(id) => children.extend(self.stages(*id)),
            // A score says little without what was scored.
            TermKind::Score(id) => {
                let score = self.compiler.program.scores.get(id.0 as usize);
                values.extend(score.map(|score| self.sight(&score.of)));
            }
            _ => {}
        }
    }

    fn sight(&mut self, term: &Term) -> Sight {
        Sight { place: term.place, ty: term.ty.clone(), column: self.compiler.term(term, At::NOW) }
    }

    fn part(&self, place: Place, what: What, yes: BitsId, no: BitsId) -> Sketch {
        Sketch {
            place,
            what,
            yes,
            no,
            values: Vec::new(),
            inside: Vec::new(),
            told: None,
            children: Vec::new(),
        }
    }
}

/// What days are counted from or to; other terms as they are.
fn date_of(term: &Term) -> &Term {
    match &term.kind {
        TermKind::Since(_, of)
        | TermKind::Until(_, of)
        | TermKind::Next(of)
        | TermKind::Last(of)
        | TermKind::DateOf(of) => date_of(of),
        _ => term,
    }
}
