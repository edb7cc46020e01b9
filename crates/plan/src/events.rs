//! Rules that wait for an event: to whom it happened, and when.

use crate::make::Question;
use crate::reach;
use arrow_array::{ArrayRef, Int64Array};
use arrow_buffer::OffsetBuffer;
use std::sync::Arc;
use tidings_check::Program;
use tidings_check::program::Schedule;
use tidings_engine::chunk::Whole;
use tidings_engine::{Chunk, CollectionNeeds, Needs, Rows};
use tidings_schema::{EventSource, Now, Vocabulary};

/// How far before its stretch events are looked for, in microseconds: rows reach a store late.
const LATE: i64 = 3_600_000_000;

/// The columns that planning needs: how customers are reached, and the events that rules wait for.
pub fn needs(program: &Program) -> Needs {
    let vocabulary = &program.vocabulary;
    let mut needs = reach::needs(vocabulary);
    for rule in &program.rules {
        match source(vocabulary, &rule.schedule) {
            Some(EventSource::Attribute(id)) => needs.want(*id),
            Some(EventSource::Row(id)) => {
                let time = vocabulary.collection(*id).map(|c| c.time);
                time.into_iter().for_each(|time| needs.want_field(*id, time));
            }
            None => {}
        }
    }
    needs
}

/// What some rules wait for, each with the moment (microseconds since 1970 UTC) from which on it counts; `since` as a
/// [`Question`] has it. None where one of them waits for nothing.
pub fn awaited<'a>(
    program: &'a Program,
    rules: &[usize],
    since: &[(usize, i64)],
    now: Now,
) -> Option<Vec<(&'a EventSource, i64)>> {
    let mut awaited = Vec::new();
    for rule in rules {
        let schedule = &program.rules.get(*rule)?.schedule;
        let Schedule::On(_) = schedule else { return None };
        // What is no event happens to nobody.
        if let Some(source) = source(&program.vocabulary, schedule) {
            awaited.push((source, counts_from(*rule, since, now.micros)));
        }
    }
    Some(awaited)
}

/// From which moment on a rule's events count: what was at now when an hour ago was now had not happened then.
fn counts_from(rule: usize, since: &[(usize, i64)], now: i64) -> i64 {
    let since = since.iter().find(|(of, _)| *of == rule).map_or(now, |(_, since)| *since);
    since.min(now).saturating_sub(LATE)
}

/// What planning reads of chunks whose rules are evaluated: all attributes, and of their rows no more than the moments of
/// events that count now. So the rows themselves need not stay in memory.
pub struct Rest<'a> {
    program: &'a Program,
    needs: Needs,
    from: i64,
    now: i64,
}

impl<'a> Rest<'a> {
    /// Of chunks that have the columns of `needs`; `since` as a [`Question`] has it.
    pub fn of(program: &'a Program, needs: &Needs, since: &[(usize, i64)], now: Now) -> Rest<'a> {
        let attributes = needs.attributes.clone();
        let needs = Needs { attributes, collections: self::needs(program).collections };
        let counts = (0..program.rules.len()).map(|rule| counts_from(rule, since, now.micros));
        Rest { program, needs, from: counts.min().unwrap_or(now.micros), now: now.micros }
    }

    /// The columns that it has.
    pub fn needs(&self) -> &Needs {
        &self.needs
    }

    /// What is left of a chunk that has the columns of `layout`.
    pub fn left(&self, chunk: &Chunk, layout: &Needs) -> Chunk {
        let moments = |wanted: &CollectionNeeds| {
            let times = layout.collection(wanted.id).and_then(|place| {
                let time = self.program.vocabulary.collection(wanted.id)?.time;
                let field = layout.collections.get(place)?.fields.iter().position(|f| *f == time)?;
                let rows = chunk.collections.get(place)?;
                Some((rows, Whole::of(rows.fields.get(field)?)?))
            });
            let (mut moments, mut lengths) = (Vec::new(), Vec::with_capacity(chunk.len()));
            for customer in 0..chunk.len() {
                let before = moments.len();
                let of_customer = times.map(|(rows, times)| (rows.of(customer), times));
                moments.extend(of_customer.into_iter().flat_map(|(rows, times)| {
                    rows.filter_map(move |row| times.at(row)).filter(|at| (self.from..self.now).contains(at))
                }));
                lengths.push(moments.len() - before);
            }
            let moments: ArrayRef = Arc::new(Int64Array::from(moments));
            Rows { offsets: OffsetBuffer::from_lengths(lengths), fields: vec![moments] }
        };
        Chunk {
            keys: chunk.keys.clone(),
            attributes: chunk.attributes.clone(),
            collections: self.needs.collections.iter().map(moments).collect(),
        }
    }
}

/// What a rule waits for: its source, unless the event cannot be looked for, and from which moment on it counts. None
/// where it waits for nothing.
pub(crate) fn waits_for<'a>(question: &Question<'a>, rule: usize) -> Option<Waits<'a>> {
    let schedule = &question.program.rules.get(rule)?.schedule;
    let from = counts_from(rule, question.since, question.now.micros);
    let waits = || Waits { source: source(&question.program.vocabulary, schedule), from };
    matches!(schedule, Schedule::On(_)).then(waits)
}

/// An event that a rule waits for.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Waits<'a> {
    source: Option<&'a EventSource>,
    from: i64,
}

impl Waits<'_> {
    /// By position in a chunk, ascending, those to whom it happened, with the moment of the latest event among those
    /// that count now. As for all rows, what happens now or later has not happened.
    pub(crate) fn latest(&self, question: &Question<'_>, chunk: &Chunk) -> Vec<(usize, i64)> {
        self.moments(question, chunk).unwrap_or_default()
    }

    fn moments(&self, question: &Question<'_>, chunk: &Chunk) -> Option<Vec<(usize, i64)>> {
        let now = question.now.micros;
        let counts = |at: &i64| (self.from..now).contains(at);
        let moment = |times: Whole<'_>, i: usize| times.at(i).filter(counts);
        match self.source? {
            EventSource::Attribute(id) => {
                let times = Whole::of(chunk.attributes.get(question.needs.attribute(*id)?)?)?;
                Some((0..chunk.len()).filter_map(|i| Some((i, moment(times, i)?))).collect())
            }
            EventSource::Row(id) => {
                let place = question.needs.collection(*id)?;
                let rows = chunk.collections.get(place)?;
                let time = question.program.vocabulary.collection(*id)?.time;
                let field = question.needs.collections.get(place)?.fields.iter().position(|f| *f == time)?;
                let times = Whole::of(rows.fields.get(field)?)?;
                let latest =
                    |from: i32, to: i32| (from..to).filter_map(|row| moment(times, row as usize)).max();
                let ends = rows.offsets.iter().zip(rows.offsets.iter().skip(1)).enumerate();
                Some(ends.filter_map(|(i, (from, to))| Some((i, latest(*from, *to)?))).collect())
            }
        }
    }
}

fn source<'a>(vocabulary: &'a Vocabulary, schedule: &Schedule) -> Option<&'a EventSource> {
    let Schedule::On(name) = schedule else { return None };
    vocabulary.events.iter().find(|e| e.name == *name).map(|e| &e.source)
}
