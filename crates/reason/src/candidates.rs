//! What customers would have to be like to make a difference to some conditions: for each attribute and each field of
//! rows, the values around those that the conditions name. Only candidates: whether a customer made of them matches is for
//! the evaluator to say.

use chrono::Months;
use std::collections::{BTreeMap, BTreeSet};
use tidings_check::Program;
use tidings_check::program::{
    Aggregate, Bands, Body, Condition, ConditionKind, DefineId, Entrance, SegmentId, StagesId, Term,
    TermKind, Window,
};
use tidings_schema::calendar::{self, SECOND};
use tidings_schema::{AttributeId, CollectionId, ElapsedUnit, FieldId, Now, Type, Value};
use tidings_syntax::tree::{ArithmeticOp, Function};

/// So many values are tried, and so many parts of texts: of a longer list the first.
const MOST_VALUES: usize = 500;
const MOST_PARTS: usize = 12;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// The candidates of some conditions.
pub(crate) struct Candidates<'p> {
    program: &'p Program,
    now: Now,
    /// Of attributes.
    pub(crate) attributes: BTreeMap<AttributeId, Choices>,
    /// Of rows.
    pub(crate) rows: BTreeMap<CollectionId, Rows>,
    behind: BTreeSet<Behind>,
}

/// What a value can be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choices {
    pub(crate) values: Vec<Value>,
    /// Tests of texts and tags that can be combined.
    parts: Vec<String>,
}

/// What rows of a collection can be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    /// How many.
    pub(crate) sizes: BTreeSet<u32>,
    pub(crate) fields: BTreeMap<FieldId, Choices>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Behind {
    Define(DefineId),
    Segment(SegmentId),
    Stages(StagesId),
}

/// Where a condition stands: of a customer, or of a row.
type Of = Option<CollectionId>;

impl<'p> Candidates<'p> {
    pub(crate) fn new(program: &'p Program, now: Now) -> Candidates<'p> {
        let mut candidates = Candidates {
            program,
            now,
            attributes: BTreeMap::new(),
            rows: BTreeMap::new(),
            behind: BTreeSet::new(),
        };
        if let Some(created) = program.vocabulary.customer.created {
            // Who is not there yet is nobody.
            let long_ago = now.days_ago(400);
            let long_ago = match program.vocabulary.attribute(created).map(|a| &a.ty) {
                Some(Type::Date) => Value::Date(long_ago.today()),
                _ => Value::Moment(long_ago.micros),
            };
            candidates.leaf(None, Leaf::Attribute(created), &long_ago);
        }
        candidates
    }

    /// Takes in what a segment asks for.
    pub(crate) fn segment(&mut self, id: SegmentId) {
        if self.behind.insert(Behind::Segment(id))
            && let Some(segment) = self.program.segments.get(id.0 as usize)
        {
            self.condition(&segment.condition, None);
        }
    }

    /// Takes in what a condition asks for.
    pub(crate) fn condition(&mut self, condition: &'p Condition, of: Of) {
        match &condition.kind {
            ConditionKind::Constant(_) => {}
            ConditionKind::All(parts) | ConditionKind::Any(parts) => {
                parts.iter().for_each(|part| self.condition(part, of));
            }
            ConditionKind::Not(inner) => self.condition(inner, of),
            ConditionKind::Compare(_, left, right) => self.compare(left, right, of),
            ConditionKind::In(term, values) => values.iter().for_each(|value| self.around(term, value, of)),
            ConditionKind::Matches(_, term, text) | ConditionKind::HasTag(term, text) => {
                self.part(term, text, of)
            }
            ConditionKind::Known(term) => self.usual(term, of),
            ConditionKind::Truth(term) => {
                [true, false].into_iter().for_each(|yes| self.suggest(term, &Value::Truth(yes), of));
            }
            ConditionKind::Define(id) => self.define(*id, of),
            ConditionKind::Segment(id) | ConditionKind::Entered(Entrance::Segment(id), _) => {
                self.segment(*id)
            }
            ConditionKind::Entered(Entrance::Stage(id, _), _) => self.stages(*id),
        }
    }

    fn define(&mut self, id: DefineId, of: Of) {
        if self.behind.insert(Behind::Define(id))
            && let Some(Body::Condition(condition)) = self.program.defines.get(id.0 as usize).map(|d| &d.body)
        {
            self.condition(condition, of);
        }
    }

    fn stages(&mut self, id: StagesId) {
        if self.behind.insert(Behind::Stages(id))
            && let Some(stages) = self.program.stages.get(id.0 as usize)
        {
            stages.arms.iter().for_each(|arm| self.condition(arm, None));
        }
    }

    fn compare(&mut self, left: &'p Term, right: &'p Term, of: Of) {
        match (&left.kind, &right.kind) {
            (_, TermKind::Constant(value)) => self.around(left, value, of),
            (TermKind::Constant(value), _) => self.around(right, value, of),
            _ => [left, right].into_iter().for_each(|side| self.usual(side, of)),
        }
    }

    /// A value and those beside it.
    fn around(&mut self, term: &'p Term, value: &Value, of: Of) {
        for value in beside(value, &term.ty) {
            self.suggest(term, &value, of);
        }
    }

    /// Some values of a type.
    fn usual(&mut self, term: &'p Term, of: Of) {
        for value in usual(&term.ty, self.now) {
            self.suggest(term, &value, of);
        }
    }

    fn part(&mut self, term: &'p Term, part: &str, of: Of) {
        let Some(choices) = self.leaf_of(term, of).and_then(|leaf| self.choices(of, leaf)) else { return };
        if choices.parts.len() < MOST_PARTS && !choices.parts.iter().any(|other| other == part) {
            choices.parts.push(part.to_owned());
        }
    }

    fn leaf_of(&self, term: &Term, of: Of) -> Option<Leaf> {
        match (&term.kind, of) {
            (TermKind::Attribute(id), _) => Some(Leaf::Attribute(*id)),
            (TermKind::Field(id), Some(_)) => Some(Leaf::Field(*id)),
            (TermKind::Define(id), _) => match &self.program.defines.get(id.0 as usize)?.body {
                Body::Value(term) => self.leaf_of(term, of),
                Body::Condition(_) => None,
            },
            _ => None,
        }
    }

    /// What lies beneath a term, so that the term has the value, as far as can be told.
    fn suggest(&mut self, term: &'p Term, value: &Value, of: Of) {
        match &term.kind {
            TermKind::Constant(_) | TermKind::Today | TermKind::Now => {}
            TermKind::Attribute(id) => self.leaf(of, Leaf::Attribute(*id), value),
            TermKind::Field(id) => self.leaf(of, Leaf::Field(*id), value),
            TermKind::Define(id) => {
                if let Some(Body::Value(inner)) = self.program.defines.get(id.0 as usize).map(|d| &d.body) {
                    self.suggest(inner, value, of);
                }
            }
            TermKind::Score(id) => {
                let program = self.program;
                if let Some(score) = program.scores.get(id.0 as usize)
                    && let Bands::Fixed(bounds) = &score.bands
                {
                    bounds.iter().for_each(|bound| self.around(&score.of, bound, of));
                }
            }
            TermKind::Stage(id) => self.stages(*id),
            TermKind::Arithmetic(op, left, right) => self.arithmetic(*op, left, right, value, of),
            TermKind::Aggregate(fold) => self.fold(fold, value),
            TermKind::Since(unit, inner) => self.elapsed(inner, *unit, value, -1, of),
            TermKind::Until(unit, inner) => self.elapsed(inner, *unit, value, 1, of),
            TermKind::Next(inner) | TermKind::Last(inner) => self.suggest(inner, value, of),
            TermKind::DateOf(inner) => {
                if let Value::Date(day) = value {
                    let noon = calendar::start_of_day(*day, self.now.zone).saturating_add(12 * HOUR);
                    self.suggest(inner, &Value::Moment(noon), of);
                }
            }
            TermKind::AsNumber(inner) => {
                if let Value::Number(n) = value {
                    self.suggest(inner, &Value::Count(*n as i64), of);
                }
            }
        }
    }

    /// The day that lies so many units before today or after it.
    fn elapsed(&mut self, inner: &'p Term, unit: ElapsedUnit, value: &Value, sign: i64, of: Of) {
        let Value::Count(count) = value else { return };
        let (count, today) = (count.saturating_mul(sign), self.now.today());
        let day = match unit {
            ElapsedUnit::Days => i64::from(today).saturating_add(count),
            ElapsedUnit::Weeks => i64::from(today).saturating_add(count.saturating_mul(7)),
            ElapsedUnit::Months => {
                let months = Months::new(count.unsigned_abs().min(12_000) as u32);
                let (date, back) = (calendar::date(today), count < 0);
                let date =
                    if back { date.checked_sub_months(months) } else { date.checked_add_months(months) };
                date.map_or(0, |date| i64::from(calendar::day_number(date)))
            }
        };
        let Ok(day) = i32::try_from(day) else { return };
        let value = match inner.ty {
            Type::Moment if day == today => Value::Moment(self.now.micros - HOUR),
            Type::Moment => {
                Value::Moment(calendar::start_of_day(day, self.now.zone).saturating_add(11 * HOUR))
            }
            _ => Value::Date(day),
        };
        self.suggest(inner, &value, of);
    }

    /// With the other side written out, the one that makes the value; else any.
    fn arithmetic(&mut self, op: ArithmeticOp, left: &'p Term, right: &'p Term, value: &Value, of: Of) {
        let Some(value) = number(value) else { return };
        let constant = |term: &Term| match &term.kind {
            TermKind::Constant(value) => number(value),
            _ => None,
        };
        let (unknown, wanted) = match (constant(left), constant(right), op) {
            (None, Some(c), ArithmeticOp::Add) => (left, value - c),
            (None, Some(c), ArithmeticOp::Subtract) => (left, value + c),
            (None, Some(c), ArithmeticOp::Multiply) => (left, value / c),
            (None, Some(c), ArithmeticOp::Divide) => (left, value * c),
            (Some(c), None, ArithmeticOp::Add) => (right, value - c),
            (Some(c), None, ArithmeticOp::Subtract) => (right, c - value),
            (Some(c), None, ArithmeticOp::Multiply) => (right, value / c),
            (Some(c), None, ArithmeticOp::Divide) => (right, c / value),
            _ => {
                [left, right].into_iter().for_each(|side| self.usual(side, of));
                return;
            }
        };
        if wanted.is_finite() {
            let wanted = as_type(&unknown.ty, wanted);
            wanted.into_iter().for_each(|value| self.around(unknown, &value, of));
        }
    }

    /// Rows for a fold: inside of its window and outside, with and without its filter.
    fn fold(&mut self, fold: &'p Aggregate, value: &Value) {
        let of = Some(fold.collection);
        self.rows.entry(fold.collection).or_default().sizes.insert(1);
        if let Some(filter) = &fold.filter {
            self.condition(filter, of);
        }
        let Some(collection) = self.program.vocabulary.collection(fold.collection) else { return };
        let ty = collection.field(collection.time).map(|field| &field.ty);
        let mut times = self.times(fold.window);
        times.retain(|at| *at < self.now.micros);
        for at in times {
            let time = match ty {
                Some(Type::Date) => Value::Date(calendar::day_of(at, self.now.zone)),
                _ => Value::Moment(at),
            };
            self.leaf(of, Leaf::Field(collection.time), &time);
        }
        match (fold.function, fold.field, value) {
            (Function::Count | Function::Distinct, _, Value::Number(n)) if (0.0..=40.0).contains(n) => {
                self.rows.entry(fold.collection).or_default().sizes.insert(n.ceil() as u32);
            }
            (_, Some(field), value) => self.leaf(of, Leaf::Field(field), value),
            _ => {}
        }
    }

    /// Moments on both sides of a window's ends.
    fn times(&self, window: Option<Window>) -> Vec<i64> {
        let now = self.now;
        let days = |days: u32| [days, days.saturating_add(1)].map(|days| now.days_ago(days).micros - HOUR);
        let noon = |day: i32| calendar::start_of_day(day, now.zone).saturating_add(12 * HOUR);
        let mut times = vec![now.micros - HOUR];
        match window {
            None => {}
            Some(Window::Days(count)) => times.extend(days(count)),
            Some(Window::Months(months)) => {
                times.extend(days(
                    (now.today() - calendar::months_before(now.today(), months)).unsigned_abs(),
                ));
            }
            Some(Window::Seconds(seconds)) => {
                let start = now.micros.saturating_sub(seconds.saturating_mul(SECOND));
                times.extend([start + SECOND, start - SECOND, now.micros - SECOND]);
            }
            Some(Window::Between(from, to)) => {
                for day in [from, to].into_iter().flatten().map(calendar::day_number) {
                    times.extend([-1, 0, 1].map(|by| noon(day.saturating_add(by))));
                }
            }
        }
        times
    }

    fn leaf(&mut self, of: Of, leaf: Leaf, value: &Value) {
        if let Some(choices) = self.choices(of, leaf)
            && choices.values.len() < MOST_VALUES
            && !choices.values.contains(value)
        {
            choices.values.push(value.clone());
        }
    }

    fn choices(&mut self, of: Of, leaf: Leaf) -> Option<&mut Choices> {
        Some(match leaf {
            Leaf::Attribute(id) => self.attributes.entry(id).or_default(),
            Leaf::Field(id) => self.rows.entry(of?).or_default().fields.entry(id).or_default(),
        })
    }
}

#[derive(Clone, Copy)]
enum Leaf {
    Attribute(AttributeId),
    Field(FieldId),
}

impl Choices {
    /// All that the value can be, missing too.
    pub(crate) fn all(&self, ty: &Type) -> Vec<Option<Value>> {
        let mut all = self.values.clone();
        match ty {
            Type::Tags => {
                let sets = 1_u32 << self.parts.len().min(4);
                all.extend((0..sets).map(|set| {
                    let chosen = self.parts.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
                    Value::Tags(chosen.map(|(_, tag)| tag.clone()).collect())
                }));
            }
            Type::Text => {
                // What stands between two parts keeps them apart.
                let mut parts: Vec<&str> = self.parts.iter().map(String::as_str).collect();
                parts.push("-");
                let longest = if parts.len() <= 4 { 3 } else { 2 };
                let mut texts = vec![String::new()];
                for _ in 0..longest {
                    let longer: Vec<String> = texts
                        .iter()
                        .flat_map(|text| parts.iter().map(move |part| format!("{text}{part}")))
                        .collect();
                    texts.extend(longer);
                }
                texts.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)));
                texts.dedup();
                all.extend(texts.into_iter().map(Value::Text).filter(|text| !self.values.contains(text)));
            }
            _ => {}
        }
        all.into_iter().map(Some).chain([None]).collect()
    }
}

/// A value and its neighbours, from which comparisons tell it.
fn beside(value: &Value, ty: &Type) -> Vec<Value> {
    match value {
        Value::Number(n) => [0.0, 1.0, -1.0, 0.5, -0.5].map(|by| Value::Number(n + by)).into(),
        Value::Money(i) => [0, 1, -1].map(|by| Value::Money(i.saturating_add(by))).into(),
        Value::Date(day) => [0, 1, -1].map(|by| Value::Date(day.saturating_add(by))).into(),
        Value::Moment(at) => [0, SECOND, -SECOND].map(|by| Value::Moment(at.saturating_add(by))).into(),
        Value::Count(i) => [0, 1, -1].map(|by| Value::Count(i.saturating_add(by))).into(),
        Value::Word(word) => match ty {
            Type::OneOf(list) => (0..list.words.len() as u32).map(Value::Word).collect(),
            _ => vec![Value::Word(*word)],
        },
        Value::Truth(_) => vec![Value::Truth(true), Value::Truth(false)],
        Value::Text(_) | Value::Tags(_) => vec![value.clone()],
    }
}

/// A few values of a type.
fn usual(ty: &Type, now: Now) -> Vec<Value> {
    match ty {
        Type::Text => vec![Value::Text("a".to_owned()), Value::Text("b".to_owned())],
        Type::Number | Type::Percent => [1.0, 0.0, 2.0].map(Value::Number).into(),
        Type::Money(_) => [100, 0, 10_000].map(Value::Money).into(),
        Type::YesNo => vec![Value::Truth(true), Value::Truth(false)],
        Type::Date => [-1, 0, 1].map(|by| Value::Date(now.today().saturating_add(by))).into(),
        Type::Moment => [DAY, HOUR, 30 * DAY].map(|ago| Value::Moment(now.micros - ago)).into(),
        Type::Duration | Type::Elapsed(_) => [1, 0, 100].map(Value::Count).into(),
        Type::OneOf(list) => (0..list.words.len() as u32).map(Value::Word).collect(),
        Type::Tags => vec![Value::Tags(Vec::new())],
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(n) => Some(*n),
        Value::Money(i) | Value::Count(i) => Some(*i as f64),
        _ => None,
    }
}

fn as_type(ty: &Type, n: f64) -> Option<Value> {
    match ty {
        Type::Number | Type::Percent => Some(Value::Number(n)),
        Type::Money(_) => Some(Value::Money(n.round() as i64)),
        Type::Duration | Type::Elapsed(_) => Some(Value::Count(n.round() as i64)),
        _ => None,
    }
}
