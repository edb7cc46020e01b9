//! Programs, customers and moments by chance, dense in ties: values come from small pools, times from the
//! edges of windows, of days and of now itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod conditions;
pub mod terms;

use crate::model::{Customer, Row};
use chrono::{NaiveDate, TimeZone};
use chrono_tz::Tz;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::{
    Aggregate, Bands, Body, CatchUp, Condition, ConditionKind, Define, Overlap, Repeat, Rule, Schedule,
    Score, Segment, SegmentId, Stages, Term, TermKind,
};
use tidings_schema::calendar::{SECOND, day_number, months_before, start_of_day};
use tidings_schema::{
    Attribute, AttributeId, Collection, CollectionId, Currency, Customer as Described, FieldId, Now, OneOf,
    RowSource, Storage, StoredUnit, Type, Value, Vocabulary, Word,
};
use tidings_syntax::Place;
use tidings_syntax::tree::Function;

/// A source of chance, and the program as far as it is made.
pub struct Generator {
    pub rng: StdRng,
    pub now: Now,
    pub program: Program,
    /// The types that values have.
    types: Vec<Type>,
    /// Whether amounts and numbers stay small and whole, so that their sums are exact in any order.
    tame: bool,
    /// Of which all moments are multiples: a second, or a microsecond.
    unit: i64,
}

/// What a term may name.
#[derive(Clone, Copy, PartialEq)]
pub enum Scope {
    Customer,
    Row(u32),
}

/// Moments around which clocks change, and a quiet one.
const DAYS: [(Tz, i32, u32, u32); 7] = [
    (chrono_tz::Europe::Berlin, 2025, 3, 30),
    (chrono_tz::Europe::Berlin, 2025, 10, 26),
    (chrono_tz::Asia::Shanghai, 2026, 2, 28),
    (chrono_tz::America::Sao_Paulo, 2018, 11, 4),
    (chrono_tz::America::Sao_Paulo, 2018, 2, 18),
    (chrono_tz::Asia::Shanghai, 2024, 2, 29),
    (chrono_tz::America::Havana, 2025, 11, 2),
];

impl Generator {
    /// A program for a seed, and a moment that it is dense in edges for.
    pub fn new(seed: u64) -> Generator {
        let mut rng = StdRng::seed_from_u64(seed);
        let now = moment(&mut rng);
        let word = |name: &str| Word { name: name.to_owned(), stored: None, label: None };
        let status = OneOf {
            name: "status".to_owned(),
            words: ["low", "mid", "high"].map(word).into(),
            ordered: true,
        };
        let types = vec![
            Type::Text,
            Type::Number,
            Type::Money(Currency::USD),
            Type::YesNo,
            Type::Date,
            Type::Moment,
            Type::Duration,
            Type::Percent,
            Type::OneOf(Arc::new(status)),
            Type::Tags,
        ];
        let vocabulary = Arc::new(vocabulary(&mut rng, now.zone, &types));
        let program = Program::without_rules(vocabulary);
        let tame = rng.random_bool(0.5);
        let unit = *[1, SECOND].choose(&mut rng).unwrap();
        let mut generator = Generator { rng, now, program, types, tame, unit };
        generator.declarations();
        generator
    }

    pub fn below(&mut self, n: u32) -> u32 {
        self.rng.random_range(0..n)
    }

    /// Declarations that refer to earlier ones, then rules.
    fn declarations(&mut self) {
        for i in 0..self.below(9) {
            let name = format!("d{i}");
            match self.below(5) {
                0 => {
                    let ty = self.types[self.rng.random_range(0..self.types.len())].clone();
                    let body = Body::Value(self.term(&ty, 2, Scope::Customer));
                    self.program.defines.push(Define { name, body });
                }
                1 => {
                    let body = Body::Condition(self.condition(2, Scope::Customer));
                    self.program.defines.push(Define { name, body });
                }
                2 => {
                    let score = self.score(name);
                    self.program.scores.push(score);
                }
                3 => {
                    let stages = self.stages(name);
                    self.program.stages.push(stages);
                }
                _ => {
                    let condition = self.condition(2, Scope::Customer);
                    self.program.segments.push(Segment { name, label: None, condition });
                }
            }
        }
        for i in 0..1 + self.below(3) {
            let rule = self.rule(i);
            self.program.rules.push(rule);
        }
        if self.rng.random_bool(0.1) {
            self.ladder();
        }
        if self.rng.random_bool(0.1) {
            self.tallies();
        }
    }

    /// Rules that count all rows of each collection: nothing but their collections tells such counts apart.
    fn tallies(&mut self) {
        let first = self.below(2);
        for collection in [first, 1 - first].map(CollectionId) {
            let count =
                Aggregate { function: Function::Count, collection, field: None, filter: None, window: None };
            let kind = TermKind::Aggregate(Box::new(count));
            let term = Term { kind, ty: Type::Number, place: Place::default() };
            let bound = Value::Number(f64::from(self.below(4)));
            let condition = self.rung(&Type::Number, &term, bound);
            let rule = self.rule(2_000 + collection.0);
            self.program.rules.push(Rule { segment: None, condition: Some(condition), ..rule });
        }
    }

    /// Rules that compare one value with many, some of them side by side.
    fn ladder(&mut self) {
        let number = self.rng.random_bool(0.5);
        let ty = if number { Type::Number } else { Type::Money(Currency::USD) };
        let term = self.term(&ty, 1, Scope::Customer);
        let (first, step) = (self.rng.random_range(-160..5), self.rng.random_range(1..4));
        for i in 0..self.rng.random_range(2..90) {
            let bound = first + i * step;
            let bound = match self.below(30) {
                0 => self.value(&ty),
                _ if number => Value::Number(f64::from(bound) / 2.0),
                _ => Value::Money(i64::from(bound)),
            };
            let condition = self.rung(&ty, &term, bound);
            let rule = self.rule(1_000 + i as u32);
            self.program.rules.push(Rule { segment: None, condition: Some(condition), ..rule });
        }
    }

    fn score(&mut self, name: String) -> Score {
        let ty = match self.below(9) {
            0..=2 => Type::Number,
            3 => Type::Money(Currency::USD),
            4 => Type::Percent,
            5 => Type::Date,
            6 => Type::Moment,
            7 => Type::Duration,
            _ => Type::Elapsed(tidings_schema::ElapsedUnit::Days),
        };
        let of = self.term(&ty, 2, Scope::Customer);
        let bands = if self.rng.random_bool(0.7) {
            Bands::Shares(2 + self.below(5))
        } else {
            let mut bounds: Vec<Value> = (0..1 + self.below(3)).map(|_| self.value(&ty)).collect();
            bounds.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
            bounds.dedup_by(|a, b| rank(a) == rank(b));
            Bands::Fixed(bounds)
        };
        Score { name, of, bands, lowest_first: self.rng.random_bool(0.5) }
    }

    fn stages(&mut self, name: String) -> Stages {
        let mut arms: Vec<Condition> =
            (0..self.below(3)).map(|_| self.condition(2, Scope::Customer)).collect();
        arms.push(Condition { kind: ConditionKind::Constant(true), place: Place::default() });
        let word = |i| Word { name: format!("{name}-{i}"), stored: None, label: None };
        let words = (0..arms.len()).map(word).collect();
        Stages { list: Arc::new(OneOf { name, words, ordered: false }), label: None, arms }
    }

    fn rule(&mut self, i: u32) -> Rule {
        let segments = self.program.segments.len() as u32;
        let segment = (segments > 0 && self.rng.random_bool(0.3)).then(|| SegmentId(self.below(segments)));
        let condition = self.rng.random_bool(0.95).then(|| self.condition(3, Scope::Customer));
        Rule {
            name: format!("r{i}"),
            label: None,
            was: None,
            owner: None,
            place: Place::default(),
            schedule: Schedule::Interval(60),
            segment,
            condition,
            then: Vec::new(),
            otherwise: Vec::new(),
            repeat: Repeat::Once,
            hold_out: None,
            limit: None,
            priority: 0,
            expires: None,
            catch_up: CatchUp::Latest,
            overlap: Overlap::Skip,
            budget: None,
            late: None,
            not_run: Vec::new(),
        }
    }

    /// Customers, most of them with rows, all of them with gaps.
    pub fn customers(&mut self, count: usize) -> Vec<Customer> {
        let vocabulary = self.program.vocabulary.clone();
        (0..count)
            .map(|_| Customer {
                attributes: vocabulary.customer.attributes.iter().map(|a| self.stored(&a.ty)).collect(),
                rows: vocabulary
                    .collections
                    .iter()
                    .map(|c| {
                        let row = |this: &mut Self| {
                            let mut fields: Vec<_> = c.fields.iter().map(|f| this.stored(&f.ty)).collect();
                            let time = c.time.0 as usize;
                            fields[time] = Some(this.value(&c.fields[time].ty));
                            Row { fields }
                        };
                        let most = if self.rng.random_bool(0.01) { 70 } else { 6 };
                        (0..self.below(most)).map(|_| row(self)).collect()
                    })
                    .collect(),
            })
            .collect()
    }

    fn stored(&mut self, ty: &Type) -> Option<Value> {
        self.rng.random_bool(0.8).then(|| self.value(ty))
    }

    /// A value of a type.
    pub fn value(&mut self, ty: &Type) -> Value {
        let rng = &mut self.rng;
        match ty {
            Type::Text => {
                Value::Text((*["", "a", "b", "ab", "ba", "Ä", "北京", "北"].choose(rng).unwrap()).to_owned())
            }
            Type::Number if self.tame => {
                Value::Number(*[-2.0, -0.0, 0.0, 1.0, 2.0, 3.0, 50.0].choose(rng).unwrap())
            }
            Type::Money(_) if self.tame => Value::Money(*[-150, -25, 0, 1, 50, 75, 100].choose(rng).unwrap()),
            Type::Number => Value::Number(*[-2.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e308].choose(rng).unwrap()),
            Type::Percent => Value::Number(*[0.0, 0.1, 0.5, 1.0].choose(rng).unwrap()),
            Type::Money(_) => {
                Value::Money(*[-150, -25, 0, 1, 50, 75, 100, i64::MAX, i64::MIN].choose(rng).unwrap())
            }
            Type::YesNo => Value::Truth(rng.random_bool(0.5)),
            Type::Duration => Value::Count(*[0, 1, 3_600, 86_400].choose(rng).unwrap()),
            Type::Elapsed(_) => Value::Count(rng.random_range(-1..4)),
            Type::OneOf(list) => Value::Word(rng.random_range(0..list.words.len() as u32)),
            Type::Tags => Value::Tags(
                ["vip", "new", "北"]
                    .iter()
                    .filter(|_| rng.random_bool(0.4))
                    .map(|t| (*t).to_owned())
                    .collect(),
            ),
            Type::Date => Value::Date(self.day()),
            Type::Moment => Value::Moment(self.instant()),
        }
    }

    /// A day near the edges of windows, or a leap day.
    pub fn day(&mut self) -> i32 {
        let today = self.now.today();
        match self.below(8) {
            0 => months_before(today, self.below(3)),
            1 => day_number(NaiveDate::from_ymd_opt(2000, 2, 29).unwrap()),
            2 => months_before(today, 12 * self.below(40)) - self.rng.random_range(-1..2),
            3 => today,
            _ => today - self.rng.random_range(-1..5),
        }
    }

    /// A moment on an edge, or a microsecond beside one.
    fn instant(&mut self) -> i64 {
        let edge = match self.below(5) {
            0 => self.now.micros,
            1 => self.now.days_ago(self.below(5)).micros,
            2 => self.now.micros - 1_000_000 * [1, 3_600, 86_400][self.below(3) as usize],
            _ => start_of_day(self.day(), self.now.zone),
        };
        let near = edge + self.unit * self.rng.random_range(-1..2);
        near - near.rem_euclid(self.unit)
    }
}

/// A moment near a change of clocks or at midnight, to the second or not.
fn moment(rng: &mut StdRng) -> Now {
    let (zone, year, month, day) = *DAYS.choose(rng).unwrap();
    let date = NaiveDate::from_ymd_opt(year, month, day).unwrap() + chrono::Days::new(rng.random_range(0..4));
    let time = date.and_hms_opt(rng.random_range(0..4), *[0, 30].choose(rng).unwrap(), 0).unwrap();
    let local = zone.from_local_datetime(&time);
    let late = rng.random_bool(0.5);
    let instant = if late { local.latest() } else { local.earliest() };
    let micros = instant.map_or(start_of_day(day_number(date), zone), |t| t.timestamp_micros());
    Now { micros: micros + rng.random_range(-1..2), zone }
}

/// Attributes of every type, and two collections with fields of every type: one by moments, one by dates.
fn vocabulary(rng: &mut StdRng, zone: Tz, types: &[Type]) -> Vocabulary {
    let mut attributes: Vec<Attribute> = types.iter().map(|ty| attribute(&ty.to_string(), ty)).collect();
    let collection = |name: &str, time: &Type| Collection {
        name: name.to_owned(),
        source: RowSource::Table {
            table: name.to_owned(),
            customer: "customer".to_owned(),
            key: None,
            changes: Default::default(),
        },
        time: FieldId(types.iter().position(|ty| ty == time).unwrap() as u32),
        fields: attributes.clone(),
    };
    let collections = vec![collection("orders", &Type::Moment), collection("visits", &Type::Date)];
    // Customers come to be at a date, at a moment, or were always there.
    let created = [Some(Type::Date), Some(Type::Moment), None].choose(rng).unwrap();
    attributes.extend(created.iter().map(|ty| attribute("created", ty)));
    let created = created.as_ref().map(|_| AttributeId(types.len() as u32));
    let (table, key) = ("customers".to_owned(), "id".to_owned());
    Vocabulary {
        zone,
        currency: Currency::USD,
        customer: Described { table, key, changes: Default::default(), created, zone: None, attributes },
        collections,
        events: Vec::new(),
        contacts: Vec::new(),
        expectations: Vec::new(),
    }
}

fn attribute(name: &str, ty: &Type) -> Attribute {
    Attribute {
        name: name.to_owned(),
        label: None,
        ty: ty.clone(),
        storage: Storage {
            column: name.to_owned(),
            minor: true,
            zone: None,
            unit: StoredUnit::Seconds,
            separator: None,
        },
        optional: true,
        yearly: *ty == Type::Date,
        kept: false,
    }
}

fn rank(value: &Value) -> f64 {
    match value {
        Value::Number(n) => *n,
        Value::Money(i) | Value::Moment(i) | Value::Count(i) => *i as f64,
        Value::Date(day) => f64::from(*day),
        other => panic!("{other:?} has no rank"),
    }
}
