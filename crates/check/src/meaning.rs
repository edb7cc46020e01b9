//! What rules mean, apart from how and where they are written: equal meanings have equal texts.
//!
//! Declarations are looked through, so a condition means the same whether a part of it has a name or stands in its
//! place. What a condition means is told as a digest, part by part, so that names that need one another do not make it
//! long.

mod words;

use crate::program::{
    Aggregate, Bands, Body, Cap, Condition, ConditionKind, DefineId, Entrance, Rule, Schedule, ScoreId,
    SegmentId, StagesId, Term, TermKind,
};
use crate::{Program, program};
use std::collections::HashMap;
use std::fmt::Debug;
use tidings_schema::show::show;
use tidings_schema::{AttributeId, CollectionId, FieldId, Type, Value};
use xxhash_rust::xxh3::xxh3_128;

/// What a rule means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Whom it is for, as a digest.
    pub audience: String,
    /// All else that it says: what of it, and in the language's words. Every rule has the same ones in the same order;
    /// what it does not say is an empty text, or what that means.
    pub clauses: Vec<(&'static str, String)>,
    /// The event that it answers, where it does.
    event: Option<String>,
}

impl Meaning {
    /// What its actions are called among the clauses.
    pub const ACTIONS: &'static str = "actions";
    /// What the actions of its `else` are called.
    pub const ELSE: &'static str = "else";

    /// What makes a rule the same under another name: whom it is for, what they get and the event that it answers, as a
    /// digest that stays the same wherever, and with whatever version of this program, it is made: it is kept.
    pub fn core(&self) -> String {
        let acts: Vec<&str> = self.actions().chain(self.event.as_deref()).collect();
        digest(&("core", &self.audience, acts))
    }

    /// What its customers get, in the language's words: those it is for, and the others.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        let acts = self.clauses.iter().filter(|(what, _)| [Self::ACTIONS, Self::ELSE].contains(what));
        acts.map(|(_, words)| words.as_str())
    }
}

/// Something with a name that is not a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What it is, in the language's words: `define`, `segment`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What it means, as a digest.
    pub meaning: String,
}

impl Program {
    /// What each rule means, in the program's order.
    pub fn meanings(&self) -> Vec<Meaning> {
        let mut reader = Reader::of(self);
        let meaning = |rule: &Rule| Meaning {
            audience: reader.audience(rule),
            clauses: words::clauses(rule, &self.vocabulary),
            event: match &rule.schedule {
                Schedule::On(event) => Some(event.clone()),
                _ => None,
            },
        };
        self.rules.iter().map(meaning).collect()
    }

    /// What each define, score, partition and segment means.
    pub fn declared(&self) -> Vec<Declared> {
        let mut reader = Reader::of(self);
        let named = |kind, name: &String, meaning| Declared { kind, name: name.clone(), meaning };
        let ids = |n: usize| 0..n as u32;
        let mut all = Vec::new();
        for (id, define) in ids(self.defines.len()).zip(&self.defines) {
            all.push(named("define", &define.name, reader.define(DefineId(id))));
        }
        for (id, score) in ids(self.scores.len()).zip(&self.scores) {
            all.push(named("score", &score.name, reader.score(ScoreId(id))));
        }
        for (id, stages) in ids(self.stages.len()).zip(&self.stages) {
            all.push(named("stages", &stages.list.name, reader.stages(StagesId(id))));
        }
        for (id, segment) in ids(self.segments.len()).zip(&self.segments) {
            all.push(named("segment", &segment.name, reader.segment(SegmentId(id))));
        }
        all
    }

    /// What the policy says, a clause each, in the language's words.
    pub fn policy_in_words(&self) -> Vec<String> {
        words::policy(&self.policy)
    }
}

impl Cap {
    /// The clause in the language's words: `at most 3 messages per 7 days`.
    pub fn in_words(&self) -> String {
        words::cap(self)
    }
}

fn digest(what: &impl Debug) -> String {
    format!("{:032x}", xxh3_128(format!("{what:?}").as_bytes()))
}

/// Something that has a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Named {
    Define(DefineId),
    Score(ScoreId),
    Stages(StagesId),
    Segment(SegmentId),
}

/// Reads meanings off a program. What has a name is read once.
struct Reader<'p> {
    program: &'p Program,
    known: HashMap<Named, String>,
    /// Whose rows fields are of.
    rows: Option<CollectionId>,
}

impl<'p> Reader<'p> {
    fn of(program: &'p Program) -> Reader<'p> {
        Reader { program, known: HashMap::new(), rows: None }
    }

    fn audience(&mut self, rule: &Rule) -> String {
        let segment = rule.segment.map(|id| self.segment(id));
        let condition = rule.condition.as_ref().map(|c| self.condition(c));
        digest(&("rule", segment, condition))
    }

    fn named(&mut self, name: Named, read: impl FnOnce(&mut Self) -> String) -> String {
        if let Some(known) = self.known.get(&name) {
            return known.clone();
        }
        let rows = self.rows.take();
        let meaning = read(self);
        self.rows = rows;
        self.known.insert(name, meaning.clone());
        meaning
    }

    fn define(&mut self, id: DefineId) -> String {
        let body = self.program.defines.get(id.0 as usize).map(|d| &d.body);
        self.named(Named::Define(id), |reader| match body {
            Some(Body::Value(term)) => reader.term(term),
            Some(Body::Condition(condition)) => reader.condition(condition),
            None => String::new(),
        })
    }

    fn score(&mut self, id: ScoreId) -> String {
        let Some(score) = self.program.scores.get(id.0 as usize) else { return String::new() };
        self.named(Named::Score(id), |reader| {
            let bands = match &score.bands {
                Bands::Shares(shares) => format!("{shares} shares"),
                Bands::Fixed(bounds) => format!("{:?}", reader.values(&score.of.ty, bounds)),
            };
            digest(&("score", reader.term(&score.of), bands, score.lowest_first))
        })
    }

    fn stages(&mut self, id: StagesId) -> String {
        let Some(stages) = self.program.stages.get(id.0 as usize) else { return String::new() };
        self.named(Named::Stages(id), |reader| {
            let words: Vec<&str> = stages.list.words.iter().map(|w| w.name.as_str()).collect();
            digest(&("stages", words, reader.conditions(&stages.arms)))
        })
    }

    fn segment(&mut self, id: SegmentId) -> String {
        let Some(segment) = self.program.segments.get(id.0 as usize) else { return String::new() };
        self.named(Named::Segment(id), |reader| digest(&("segment", reader.condition(&segment.condition))))
    }

    fn conditions(&mut self, conditions: &[Condition]) -> Vec<String> {
        conditions.iter().map(|c| self.condition(c)).collect()
    }

    fn condition(&mut self, condition: &Condition) -> String {
        match &condition.kind {
            ConditionKind::Constant(holds) => digest(&("constant", holds)),
            ConditionKind::All(parts) => digest(&("all", self.conditions(parts))),
            ConditionKind::Any(parts) => digest(&("any", self.conditions(parts))),
            ConditionKind::Not(inner) => digest(&("not", self.condition(inner))),
            ConditionKind::Compare(op, left, right) => {
                digest(&("compare", op, self.term(left), self.term(right)))
            }
            ConditionKind::In(term, values) => {
                digest(&("in", self.term(term), self.values(&term.ty, values)))
            }
            ConditionKind::Matches(op, term, text) => digest(&("matches", op, self.term(term), text)),
            ConditionKind::HasTag(term, tag) => digest(&("tag", self.term(term), tag)),
            ConditionKind::Known(term) => digest(&("known", self.term(term))),
            ConditionKind::Truth(term) => digest(&("truth", self.term(term))),
            ConditionKind::Define(id) => self.define(*id),
            ConditionKind::Segment(id) => digest(&("inside", self.segment(*id))),
            ConditionKind::Entered(Entrance::Segment(id), days) => {
                digest(&("entered", self.segment(*id), days))
            }
            ConditionKind::Entered(Entrance::Stage(id, arm), days) => {
                digest(&("entered", self.stages(*id), arm, days))
            }
        }
    }

    fn term(&mut self, term: &Term) -> String {
        match &term.kind {
            TermKind::Constant(value) => {
                digest(&("value", term.ty.to_string(), self.values(&term.ty, [value])))
            }
            TermKind::Attribute(id) => digest(&("attribute", self.attribute(*id))),
            TermKind::Field(id) => digest(&("field", self.field(*id))),
            TermKind::Define(id) => self.define(*id),
            TermKind::Score(id) => digest(&("score", self.score(*id))),
            TermKind::Stage(id) => digest(&("stage", self.stages(*id))),
            TermKind::Arithmetic(op, left, right) => {
                digest(&("arithmetic", op, self.term(left), self.term(right)))
            }
            TermKind::Aggregate(aggregate) => self.aggregate(aggregate),
            TermKind::Since(unit, inner) => digest(&("since", unit, self.term(inner))),
            TermKind::Until(unit, inner) => digest(&("until", unit, self.term(inner))),
            TermKind::Next(inner) => digest(&("next", self.term(inner))),
            TermKind::Last(inner) => digest(&("last", self.term(inner))),
            TermKind::DateOf(inner) => digest(&("date of", self.term(inner))),
            TermKind::AsNumber(inner) => digest(&("as number", self.term(inner))),
            TermKind::Today => digest(&"today"),
            TermKind::Now => digest(&"now"),
        }
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> String {
        let program::Aggregate { function, collection, field, filter, window } = aggregate;
        let outer = self.rows.replace(*collection);
        let field = field.map(|id| self.field(id));
        let filter = filter.as_ref().map(|filter| self.condition(filter));
        self.rows = outer;
        let collection = self.program.vocabulary.collection(*collection).map(|c| &c.name);
        digest(&("aggregate", function, collection, field, filter, window))
    }

    fn attribute(&self, id: AttributeId) -> Option<&'p str> {
        self.program.vocabulary.attribute(id).map(|a| a.name.as_str())
    }

    fn field(&self, id: FieldId) -> Option<&'p str> {
        let collection = self.rows.and_then(|rows| self.program.vocabulary.collection(rows));
        collection.and_then(|c| c.field(id)).map(|f| f.name.as_str())
    }

    /// Values as they are written: words of lists by name, whatever their places are.
    fn values<'v>(&self, ty: &Type, values: impl IntoIterator<Item = &'v Value>) -> Vec<String> {
        values.into_iter().map(|value| show(ty, value, self.program.vocabulary.zone)).collect()
    }
}
