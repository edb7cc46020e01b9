//! Evaluation of a pass over one chunk: one function a kind of node.

use crate::bitmap::Bitmap;
use crate::chunk::{Chunk, Needs, Rows};
use crate::column::{Column, Values};
use crate::dates::{self, Question};
use crate::fold::Family;
use crate::graph::{At, BitsId, BitsNode, ColumnId, ColumnNode, Domain, Graph, RunsId};
use crate::pass::{Folds, Pass, Work};
use crate::population::Populations;
use crate::results::Results;
use crate::score::Cuts;
use crate::{arithmetic, compare, window};
use std::ops::Range;
use tidings_schema::{CollectionId, FieldId, Now, Type, Vocabulary};

/// What evaluation reads.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub graph: &'a Graph,
    pub vocabulary: &'a Vocabulary,
    /// Where the chunk's columns are.
    pub needs: &'a Needs,
    pub chunk: &'a Chunk,
    pub now: Now,
    pub populations: &'a Populations,
}

/// Computes the nodes of a pass. The results may hold those of another chunk, for the same graph and moment.
pub(crate) fn evaluate(inputs: Inputs<'_>, pass: &Pass, results: &mut Results) {
    results.clear();
    for step in &pass.steps {
        match &step.work {
            Work::Bits(id) => {
                let set = inputs.bits(results, inputs.graph.bits_node(*id));
                results.put_bits(*id, set);
            }
            Work::Column(id) => {
                let column = inputs.column(results, *id);
                results.put_column(*id, column);
            }
            Work::Windows(runs) => inputs.windows(results, runs),
            Work::Against(against) => {
                let mut desk = std::mem::take(&mut results.desk);
                let mut spare = std::mem::take(&mut results.spare);
                let sets = against.sets(results.column(against.column), &mut desk, &mut spare);
                (results.desk, results.spare) = (desk, spare);
                against.nodes().zip(sets).for_each(|(id, set)| results.put_bits(id, set));
            }
            Work::Folds(folds) => inputs.folds(results, folds),
        }
        step.frees.iter().for_each(|node| results.free(*node));
    }
}

impl Inputs<'_> {
    fn bits(&self, results: &mut Results, node: &BitsNode) -> Bitmap {
        match node {
            BitsNode::Constant(true, domain) => Bitmap::all(self.len(*domain)),
            BitsNode::Constant(false, domain) => Bitmap::none(self.len(*domain)),
            BitsNode::All(sets) => results.gathered(sets, Bitmap::and),
            BitsNode::Any(sets) => results.gathered(sets, Bitmap::or),
            BitsNode::Except(set, other) => {
                let mut set = results.copy(*set);
                set.without(results.bits(*other));
                set
            }
            BitsNode::Known(column) => results.column(*column).known(),
            BitsNode::True(column) => compare::is_true(results.column(*column)),
            BitsNode::Compare(order, a, b) => {
                compare::compare(*order, results.column(*a), results.column(*b))
            }
            BitsNode::CompareTo(order, column, literal) => {
                compare::compare_to(*order, results.column(*column), literal)
            }
            BitsNode::In(column, list) => compare::is_in(results.column(*column), list),
            BitsNode::Matches(op, column, text) => compare::matches(*op, results.column(*column), text),
            BitsNode::HasTag(column, word) => compare::has_tag(results.column(*column), word),
            BitsNode::Existing(created, shift) => self.existing(results.column(*created), self.at(*shift)),
            BitsNode::Spread(collection, set) => {
                let (set, owners) = (results.bits(*set), self.owners(*collection));
                Bitmap::of(&owners, |customer| set.contains(*customer))
            }
        }
    }

    fn column(&self, results: &mut Results, id: ColumnId) -> Column {
        match self.graph.column_node(id) {
            ColumnNode::Constant(literal, domain) => Column::constant(literal.as_ref(), self.len(*domain)),
            ColumnNode::Attribute(id) => {
                match self.needs.attribute(*id).and_then(|i| self.chunk.attributes.get(i)) {
                    Some(array) => Column::read(array),
                    None => Column::missing(self.chunk.len()),
                }
            }
            ColumnNode::Field(collection, id) => self.field(*collection, *id),
            ColumnNode::Today(At { shift, domain }) => {
                Column::ints(vec![i64::from(self.at(*shift).today()); self.len(*domain)], None)
            }
            ColumnNode::Now(At { shift, domain }) => {
                Column::ints(vec![self.at(*shift).micros; self.len(*domain)], None)
            }
            ColumnNode::Arithmetic(op, a, b) => {
                arithmetic::arithmetic(*op, results.column(*a), results.column(*b))
            }
            // Made with others.
            ColumnNode::Fold { .. } => Column::missing(self.chunk.len()),
            ColumnNode::Since(unit, date, shift) => {
                self.ask(results, id, Question::Since(*unit), *date, *shift)
            }
            ColumnNode::Until(unit, date, shift) => {
                self.ask(results, id, Question::Until(*unit), *date, *shift)
            }
            ColumnNode::Next(date, shift) => self.ask(results, id, Question::Next, *date, *shift),
            ColumnNode::Last(date, shift) => self.ask(results, id, Question::Last, *date, *shift),
            ColumnNode::DateOf(moment) => {
                let mut spare = std::mem::take(&mut results.spare);
                let mut offsets = std::mem::take(&mut results.offsets);
                let days = dates::date_of(results.column(*moment), self.now, &mut offsets, &mut spare);
                (results.spare, results.offsets) = (spare, offsets);
                days
            }
            ColumnNode::AsNumber(count) => arithmetic::as_number(results.column(*count)),
            ColumnNode::Banded { of, bounds, lowest_first } => {
                Cuts::fixed(bounds, *lowest_first).score(results.column(*of))
            }
            ColumnNode::Ranked { of, score, shift } => match self.populations.cuts(*score, *shift) {
                Some(cuts) => cuts.score(results.column(*of)),
                None => Column::missing(self.chunk.len()),
            },
            ColumnNode::Stage(arms) => self.stage(results, arms),
            ColumnNode::Spread(collection, column) => {
                results.column(*column).take(self.owners(*collection).into_iter().map(Some))
            }
        }
    }

    fn ask(
        &self,
        results: &mut Results,
        id: ColumnId,
        question: Question,
        dates: ColumnId,
        shift: u32,
    ) -> Column {
        let mut spare = std::mem::take(&mut results.spare);
        let mut memory = results.memories.remove(&id).unwrap_or_default();
        let answers = dates::ask(question, results.column(dates), self.at(shift), &mut memory, &mut spare);
        results.memories.insert(id, memory);
        results.spare = spare;
        answers
    }

    /// The rows of each window, for windows over one collection: where each customer's rows begin that are at the
    /// instants between which the windows lie, or after them.
    fn windows(&self, results: &mut Results, runs: &[RunsId]) {
        let Some(node) = runs.first().map(|id| self.graph.runs_node(*id)) else { return };
        let mut spare = std::mem::take(&mut results.spare);
        let times = &results.column(node.times).values;
        let unit = if let Values::Short(times) = times { times.unit } else { 1 };
        let within: Vec<Range<i64>> = runs.iter().map(|id| in_units(self.instants(*id), unit)).collect();
        let mut instants: Vec<i64> = within.iter().flat_map(|w| [w.start, w.end]).collect();
        instants.sort_unstable();
        instants.dedup();
        let first = results.places.len();
        let mut places: Vec<Vec<u32>> = instants.iter().map(|_| spare.places()).collect();
        match (self.rows(node.collection), times) {
            (Some(rows), Values::Int(times)) => {
                window::places(&rows.offsets, times, &instants, &mut places, &mut spare);
            }
            (Some(rows), Values::Short(times)) => {
                window::places(&rows.offsets, &times.values, &instants, &mut places, &mut spare);
            }
            _ => places.iter_mut().for_each(|places| places.resize(self.chunk.len(), 0)),
        }
        results.spare = spare;
        results.places.extend(places);
        let place = |instant: i64| first + instants.partition_point(|i| *i < instant);
        for (id, within) in runs.iter().zip(within) {
            results.put_runs(*id, place(within.start)..place(within.end));
        }
    }

    /// The instants, or the days, that a window holds; it ends no earlier than it begins.
    fn instants(&self, id: RunsId) -> Range<i64> {
        let node = self.graph.runs_node(id);
        let now = self.at(node.shift);
        let mut within = window::instants(node.window, now);
        let time = self.vocabulary.collection(node.collection).and_then(|c| c.field(c.time));
        if time.is_some_and(|field| field.ty == Type::Date) {
            within = window::days(within, now);
        }
        within.start..within.end.max(within.start)
    }

    fn folds(&self, results: &mut Results, folds: &Folds) {
        let Some((_, _, runs)) = folds.folds.first() else { return };
        let mut spare = std::mem::take(&mut results.spare);
        let rows = self.rows(self.graph.runs_node(*runs).collection);
        let none = vec![0; self.chunk.len() + 1];
        let offsets = rows.map_or(none.as_slice(), |rows| &rows.offsets);
        let field = folds.field.map(|id| results.column(id));
        let filter = folds.filter.map(|id| results.bits(id));
        let known = Family::known(field, filter, &mut spare);
        let mut family = Family::new(offsets, field, filter, known.as_ref(), &mut spare);
        let mut folds: Vec<_> =
            folds.folds.iter().map(|(id, function, runs)| (*id, *function, results.run(*runs))).collect();
        folds.sort_by_key(|(.., run)| run.start);
        let fold = |(id, function, run)| (id, family.fold(function, run, &mut spare));
        let columns: Vec<(ColumnId, Column)> = folds.into_iter().map(fold).collect();
        family.close(&mut spare);
        known.into_iter().for_each(|known| spare.keep_set(known));
        results.spare = spare;
        columns.into_iter().for_each(|(id, column)| results.put_column(id, column));
    }

    fn stage(&self, results: &Results, arms: &[BitsId]) -> Column {
        let mut stages = vec![0; self.chunk.len()];
        let mut rest = Bitmap::all(self.chunk.len());
        for (arm, set) in arms.iter().map(|id| results.bits(*id)).enumerate() {
            let mut taken = rest.clone();
            taken.and(set);
            rest.without(set);
            for i in taken.iter() {
                if let Some(stage) = stages.get_mut(i) {
                    *stage = arm as i64;
                }
            }
        }
        Column::ints(stages, None)
    }

    fn existing(&self, created: &Column, now: Now) -> Bitmap {
        let customer = &self.vocabulary.customer;
        let is_date =
            customer.created.and_then(|id| self.vocabulary.attribute(id)).is_some_and(|a| a.ty == Type::Date);
        let before = i64::MIN..now.micros;
        let before = if is_date { window::days(before, now) } else { before };
        Bitmap::from_fn(created.len(), |i| created.int(i).is_none_or(|t| before.contains(&t)))
    }

    fn at(&self, shift: u32) -> Now {
        shifted(self.now, shift)
    }

    fn len(&self, domain: Domain) -> usize {
        match domain {
            Domain::Customers => self.chunk.len(),
            Domain::Rows(collection) => self.rows(collection).map_or(0, Rows::len),
        }
    }

    fn rows(&self, collection: CollectionId) -> Option<&Rows> {
        self.needs.collection(collection).and_then(|i| self.chunk.collections.get(i))
    }

    fn field(&self, collection: CollectionId, id: FieldId) -> Column {
        let wanted = self.needs.collections.iter().find(|c| c.id == collection);
        let position = wanted.and_then(|c| c.fields.binary_search(&id).ok());
        match position.and_then(|i| self.rows(collection)?.fields.get(i)) {
            Some(array) => Column::read(array),
            None => Column::missing(self.len(Domain::Rows(collection))),
        }
    }

    /// The customer of each row.
    fn owners(&self, collection: CollectionId) -> Vec<usize> {
        let lengths = self.rows(collection).into_iter().flat_map(|rows| rows.offsets.lengths());
        lengths.enumerate().flat_map(|(customer, rows)| std::iter::repeat_n(customer, rows)).collect()
    }
}

/// The whole numbers of a unit that lie within some instants.
fn in_units(within: Range<i64>, unit: i64) -> Range<i64> {
    let from = |instant: i64| instant.div_euclid(unit) + i64::from(instant.rem_euclid(unit) > 0);
    from(within.start)..from(within.end)
}

/// The same time of day, so many days before now. Zero days before a time that comes twice is that time.
pub(crate) fn shifted(now: Now, days: u32) -> Now {
    if days == 0 { now } else { now.days_ago(days) }
}
