//! The meaning of a program, written for one customer at a time straight from the descriptions in
//! `tidings_check::program`, without a thought for speed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use crate::model::{Customer, Row, in_order};
use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;
use tidings_check::Program;
use tidings_check::program::{
    Aggregate, Bands, Body, Condition, ConditionKind, Entrance, Rule, ScoreId, SegmentId, StagesId, Term,
    TermKind, Window,
};
use tidings_schema::calendar::{
    day_number, day_of, elapsed, last_anniversary, months_before, next_anniversary, start_of_day,
};
use tidings_schema::{Now, Type, Value};
use tidings_syntax::tree::{ArithmeticOp, CompareOp, Function, MatchOp};

/// A program, everybody, and the moment.
pub struct World<'a> {
    pub program: &'a Program,
    pub customers: &'a [Customer],
    pub now: Now,
    scores: RefCell<HashMap<(ScoreId, Scene), Option<Value>>>,
}

/// Whom and when a question is about: a customer, so many days ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scene {
    pub customer: usize,
    pub days_ago: u32,
}

/// Yes, no or unknown.
type Truth = Option<bool>;

impl<'a> World<'a> {
    pub fn new(program: &'a Program, customers: &'a [Customer], now: Now) -> World<'a> {
        World { program, customers, now, scores: RefCell::default() }
    }

    fn at(&self, scene: Scene) -> Now {
        if scene.days_ago == 0 { self.now } else { self.now.days_ago(scene.days_ago) }
    }

    /// The instant of a date or a moment; a date counts as its first instant.
    fn instant(&self, value: &Value) -> i64 {
        match value {
            Value::Moment(micros) => *micros,
            Value::Date(day) => start_of_day(*day, self.now.zone),
            other => panic!("{other:?} is no time"),
        }
    }

    pub fn exists(&self, scene: Scene) -> bool {
        let created = self.program.vocabulary.customer.created;
        let created =
            created.and_then(|id| self.customers[scene.customer].attributes[id.0 as usize].as_ref());
        created.is_none_or(|created| self.instant(created) < self.at(scene).micros)
    }

    /// Whether the rule's `then` is for the customer; for those outside of its segment it is not even no.
    pub fn rule(&self, rule: &Rule, scene: Scene) -> Option<Truth> {
        let about = self.exists(scene) && rule.segment.is_none_or(|id| self.segment(id, scene));
        about.then(|| rule.condition.as_ref().map_or(Some(true), |c| self.condition(c, scene, None)))
    }

    pub fn segment(&self, id: SegmentId, scene: Scene) -> bool {
        self.condition(&self.program.segments[id.0 as usize].condition, scene, None) == Some(true)
    }

    pub fn stage(&self, id: StagesId, scene: Scene) -> usize {
        let arms = &self.program.stages[id.0 as usize].arms;
        arms.iter().position(|arm| self.condition(arm, scene, None) == Some(true)).unwrap()
    }

    fn is_inside(&self, place: Entrance, scene: Scene) -> bool {
        self.exists(scene)
            && match place {
                Entrance::Segment(id) => self.segment(id, scene),
                Entrance::Stage(id, arm) => self.stage(id, scene) == arm as usize,
            }
    }

    pub fn condition(&self, condition: &Condition, scene: Scene, row: Option<&Row>) -> Truth {
        let value = |term: &Term| self.term(term, scene, row);
        match &condition.kind {
            ConditionKind::Constant(truth) => Some(*truth),
            ConditionKind::All(parts) => {
                let parts: Vec<Truth> = parts.iter().map(|p| self.condition(p, scene, row)).collect();
                if parts.contains(&Some(false)) {
                    Some(false)
                } else if parts.contains(&None) {
                    None
                } else {
                    Some(true)
                }
            }
            ConditionKind::Any(parts) => {
                let parts: Vec<Truth> = parts.iter().map(|p| self.condition(p, scene, row)).collect();
                if parts.contains(&Some(true)) {
                    Some(true)
                } else if parts.contains(&None) {
                    None
                } else {
                    Some(false)
                }
            }
            ConditionKind::Not(inner) => self.condition(inner, scene, row).map(|truth| !truth),
            ConditionKind::Compare(op, left, right) => {
                let order = compare(&value(left)?, &value(right)?);
                Some(match op {
                    CompareOp::Equal => order == Ordering::Equal,
                    CompareOp::NotEqual => order != Ordering::Equal,
                    CompareOp::Less => order == Ordering::Less,
                    CompareOp::AtMost => order != Ordering::Greater,
                    CompareOp::More => order == Ordering::Greater,
                    CompareOp::AtLeast => order != Ordering::Less,
                })
            }
            ConditionKind::In(term, list) => {
                let value = value(term)?;
                Some(list.iter().any(|one| compare(&value, one) == Ordering::Equal))
            }
            ConditionKind::Matches(op, term, part) => {
                let Value::Text(text) = value(term)? else { panic!("only text is matched") };
                Some(match op {
                    MatchOp::Contains => text.contains(part),
                    MatchOp::StartsWith => text.starts_with(part),
                    MatchOp::EndsWith => text.ends_with(part),
                })
            }
            ConditionKind::HasTag(term, word) => {
                let Value::Tags(tags) = value(term)? else { panic!("only tags hold words") };
                Some(tags.contains(word))
            }
            ConditionKind::Known(term) => Some(value(term).is_some()),
            ConditionKind::Truth(term) => match value(term)? {
                Value::Truth(truth) => Some(truth),
                other => panic!("{other:?} is neither yes nor no"),
            },
            ConditionKind::Define(id) => match &self.program.defines[id.0 as usize].body {
                Body::Condition(condition) => self.condition(condition, scene, row),
                Body::Value(_) => panic!("a value is no condition"),
            },
            ConditionKind::Segment(id) => Some(self.segment(*id, scene)),
            ConditionKind::Entered(place, days) => Some((0..*days).any(|day| {
                let on = Scene { days_ago: scene.days_ago + day, ..scene };
                let before = Scene { days_ago: on.days_ago + 1, ..scene };
                self.is_inside(*place, on) && !self.is_inside(*place, before)
            })),
        }
    }

    pub fn term(&self, term: &Term, scene: Scene, row: Option<&Row>) -> Option<Value> {
        let today = self.at(scene).today();
        let day = |term: &Term| match self.term(term, scene, row) {
            Some(Value::Date(day)) => Some(day),
            None => None,
            other => panic!("{other:?} is no date"),
        };
        match &term.kind {
            TermKind::Constant(value) => Some(value.clone()),
            TermKind::Attribute(id) => self.customers[scene.customer].attributes[id.0 as usize].clone(),
            TermKind::Field(id) => row.unwrap().fields[id.0 as usize].clone(),
            TermKind::Define(id) => match &self.program.defines[id.0 as usize].body {
                Body::Value(term) => self.term(term, scene, row),
                Body::Condition(_) => panic!("a condition is no value"),
            },
            TermKind::Score(id) => self.score(*id, scene),
            TermKind::Stage(id) => Some(Value::Word(self.stage(*id, scene) as u32)),
            TermKind::Arithmetic(op, a, b) => {
                arithmetic(*op, self.term(a, scene, row)?, self.term(b, scene, row)?)
            }
            TermKind::Aggregate(aggregate) => self.aggregate(aggregate, scene),
            TermKind::Since(unit, date) => Some(Value::Count(elapsed(*unit, day(date)?, today))),
            TermKind::Until(unit, date) => Some(Value::Count(elapsed(*unit, today, day(date)?))),
            TermKind::Next(date) => Some(Value::Date(next_anniversary(day(date)?, today))),
            TermKind::Last(date) => Some(Value::Date(last_anniversary(day(date)?, today))),
            TermKind::DateOf(moment) => match self.term(moment, scene, row)? {
                Value::Moment(micros) => Some(Value::Date(day_of(micros, self.now.zone))),
                other => panic!("{other:?} is no moment"),
            },
            TermKind::AsNumber(count) => match self.term(count, scene, row)? {
                Value::Count(count) => Some(Value::Number(count as f64)),
                other => panic!("{other:?} is no count"),
            },
            TermKind::Today => Some(Value::Date(today)),
            TermKind::Now => Some(Value::Moment(self.at(scene).micros)),
        }
    }

    fn score(&self, id: ScoreId, scene: Scene) -> Option<Value> {
        if let Some(known) = self.scores.borrow().get(&(id, scene)) {
            return known.clone();
        }
        let value = self.fresh_score(id, scene);
        self.scores.borrow_mut().insert((id, scene), value.clone());
        value
    }

    fn fresh_score(&self, id: ScoreId, scene: Scene) -> Option<Value> {
        let score = &self.program.scores[id.0 as usize];
        let own = self.term(&score.of, scene, None)?;
        let band = match &score.bands {
            Bands::Fixed(bounds) => {
                let reached = bounds.iter().filter(|b| compare(b, &own) != Ordering::Greater).count();
                if score.lowest_first { bounds.len() + 1 - reached } else { reached + 1 }
            }
            Bands::Shares(shares) => {
                let everybody = (0..self.customers.len()).map(|customer| Scene { customer, ..scene });
                let values: Vec<Value> = everybody
                    .filter(|scene| self.exists(*scene))
                    .filter_map(|scene| self.term(&score.of, scene, None))
                    .collect();
                let better = if score.lowest_first { Ordering::Less } else { Ordering::Greater };
                let b = values.iter().filter(|v| compare(v, &own) == better).count();
                let shares = *shares as usize;
                shares - shares * b / values.len()
            }
        };
        Some(Value::Number(band as f64))
    }

    fn is_in_window(&self, window: Window, instant: i64, scene: Scene) -> bool {
        let now = self.at(scene);
        let start = |day: i32| start_of_day(day, now.zone);
        match window {
            Window::Days(days) => instant >= start(now.today() - days as i32),
            Window::Months(months) => instant >= start(months_before(now.today(), months)),
            Window::Seconds(seconds) => instant >= now.micros - seconds * 1_000_000,
            Window::Between(first, last) => {
                first.is_none_or(|day| instant >= start(day_number(day)))
                    && last.is_none_or(|day| instant < start(day_number(day) + 1))
            }
        }
    }

    fn aggregate(&self, aggregate: &Aggregate, scene: Scene) -> Option<Value> {
        let collection = self.program.vocabulary.collection(aggregate.collection).unwrap();
        let rows = &self.customers[scene.customer].rows[aggregate.collection.0 as usize];
        let rows: Vec<&Row> = in_order(rows, collection.time)
            .into_iter()
            .filter(|row| {
                let instant = self.instant(row.fields[collection.time.0 as usize].as_ref().unwrap());
                instant < self.at(scene).micros
                    && aggregate.window.is_none_or(|window| self.is_in_window(window, instant, scene))
            })
            .filter(|row| {
                let filter = aggregate.filter.as_ref();
                filter.is_none_or(|filter| self.condition(filter, scene, Some(row)) == Some(true))
            })
            .collect();
        let Some(field) = aggregate.field else { return Some(Value::Number(rows.len() as f64)) };
        let value = |row: &&Row| row.fields[field.0 as usize].clone();
        let known: Vec<Value> = rows.iter().filter_map(value).collect();
        match aggregate.function {
            Function::Count => Some(Value::Number(rows.len() as f64)),
            Function::Latest => rows.last().and_then(value),
            Function::First => rows.first().and_then(value),
            Function::Min => known.into_iter().min_by(compare),
            Function::Max => known.into_iter().max_by(compare),
            Function::Sum => sum(&known, &collection.field(field).unwrap().ty),
            Function::Average => average(&known),
            Function::Distinct => {
                let mut distinct: Vec<Value> = Vec::new();
                for value in known {
                    if !distinct.iter().any(|other| compare(other, &value) == Ordering::Equal) {
                        distinct.push(value);
                    }
                }
                Some(Value::Number(distinct.len() as f64))
            }
        }
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.chars().cmp(b.chars()),
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b).unwrap(),
        (Value::Money(a), Value::Money(b))
        | (Value::Moment(a), Value::Moment(b))
        | (Value::Count(a), Value::Count(b)) => a.cmp(b),
        (Value::Truth(a), Value::Truth(b)) => a.cmp(b),
        (Value::Date(a), Value::Date(b)) => a.cmp(b),
        (Value::Word(a), Value::Word(b)) => a.cmp(b),
        (a, b) => panic!("{a:?} and {b:?} are not of one type"),
    }
}

fn finite(number: f64) -> Option<Value> {
    number.is_finite().then_some(Value::Number(number))
}

fn arithmetic(op: ArithmeticOp, a: Value, b: Value) -> Option<Value> {
    match (a, op, b) {
        (Value::Number(a), ArithmeticOp::Add, Value::Number(b)) => finite(a + b),
        (Value::Number(a), ArithmeticOp::Subtract, Value::Number(b)) => finite(a - b),
        (Value::Number(a), ArithmeticOp::Multiply, Value::Number(b)) => finite(a * b),
        (Value::Number(a), ArithmeticOp::Divide, Value::Number(b)) => finite(a / b),
        (Value::Money(a), ArithmeticOp::Add, Value::Money(b)) => a.checked_add(b).map(Value::Money),
        (Value::Money(a), ArithmeticOp::Subtract, Value::Money(b)) => a.checked_sub(b).map(Value::Money),
        (Value::Money(a), ArithmeticOp::Divide, Value::Money(b)) => finite(a as f64 / b as f64),
        (Value::Money(a), ArithmeticOp::Multiply, Value::Number(b)) => money(a as f64 * b),
        (Value::Number(a), ArithmeticOp::Multiply, Value::Money(b)) => money(b as f64 * a),
        (Value::Money(a), ArithmeticOp::Divide, Value::Number(b)) => money(a as f64 / b),
        (a, op, b) => panic!("{a:?} {op:?} {b:?} is nothing"),
    }
}

fn money(amount: f64) -> Option<Value> {
    let amount = amount.round_ties_even();
    // Casts to i128 saturate far beyond an amount's range.
    i64::try_from(amount.is_finite().then_some(amount as i128)?).ok().map(Value::Money)
}

fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Money(i) | Value::Count(i) => Some(i128::from(*i)),
        _ => None,
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::Number(n) => *n,
        other => panic!("{other:?} is not summed"),
    }
}

fn sum(values: &[Value], ty: &Type) -> Option<Value> {
    let wholes: i128 = values.iter().filter_map(whole).sum();
    match ty {
        Type::Money(_) => i64::try_from(wholes).ok().map(Value::Money),
        Type::Duration => i64::try_from(wholes).ok().map(Value::Count),
        _ => finite(values.iter().map(number).fold(0.0, |a, b| a + b)),
    }
}

fn average(values: &[Value]) -> Option<Value> {
    let count = values.len() as i128;
    let Some(_) = whole(values.first()?) else {
        return finite(values.iter().map(number).fold(0.0, |a, b| a + b) / count as f64);
    };
    let sum: i128 = values.iter().filter_map(whole).sum();
    // Twice the distance to the quotient below tells whether it is the nearest.
    let below = sum.div_euclid(count);
    let nearest = match (2 * (sum - below * count)).cmp(&count) {
        Ordering::Less => below,
        Ordering::Greater => below + 1,
        Ordering::Equal => below + below.rem_euclid(2),
    };
    let nearest = i64::try_from(nearest).ok()?;
    Some(if matches!(values[0], Value::Money(_)) { Value::Money(nearest) } else { Value::Count(nearest) })
}
