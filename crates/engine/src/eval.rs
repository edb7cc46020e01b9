//! Evaluation of a pass over one chunk: one function a kind of node.

use crate::bitmap::Bitmap;
use crate::chunk::{Chunk, Needs, Rows};
use crate::column::Column;
use crate::graph::{At, BitsId, BitsNode, ColumnId, ColumnNode, Domain, Graph, NodeId, RunsId, RunsNode};
use crate::pass::Pass;
use crate::population::Populations;
use crate::score::Cuts;
use crate::{arithmetic, compare, dates, fold, window};
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

/// The results of nodes, empty where they are not computed or were freed.
pub(crate) struct Results {
    bits: Vec<Bitmap>,
    columns: Vec<Column>,
    runs: Vec<Vec<Range<usize>>>,
}

/// Computes the nodes of a pass.
pub(crate) fn evaluate(inputs: Inputs<'_>, pass: &Pass) -> Results {
    let mut results = Results::new(inputs.graph);
    for step in &pass.steps {
        match step.node {
            NodeId::Bits(id) => {
                let set = inputs.bits(&results, inputs.graph.bits_node(id));
                results.put_bits(id, set);
            }
            NodeId::Column(id) => {
                let column = inputs.column(&results, inputs.graph.column_node(id));
                results.put_column(id, column);
            }
            NodeId::Runs(id) => {
                let runs = inputs.runs(&results, inputs.graph.runs_node(id));
                results.put_runs(id, runs);
            }
        }
        for node in &step.frees {
            match *node {
                NodeId::Bits(id) => results.put_bits(id, Bitmap::default()),
                NodeId::Column(id) => results.put_column(id, Column::default()),
                NodeId::Runs(id) => results.put_runs(id, Vec::new()),
            }
        }
    }
    results
}

impl Inputs<'_> {
    fn bits(&self, results: &Results, node: &BitsNode) -> Bitmap {
        match node {
            BitsNode::Constant(true, domain) => Bitmap::all(self.len(*domain)),
            BitsNode::Constant(false, domain) => Bitmap::none(self.len(*domain)),
            BitsNode::All(sets) => gathered(results, sets, Bitmap::and),
            BitsNode::Any(sets) => gathered(results, sets, Bitmap::or),
            BitsNode::Except(set, other) => {
                let mut set = results.bits(*set).clone();
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

    fn column(&self, results: &Results, node: &ColumnNode) -> Column {
        match node {
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
            ColumnNode::Fold { function, field, filter, runs } => {
                let (field, filter) = (field.map(|id| results.column(id)), filter.map(|id| results.bits(id)));
                fold::fold(*function, results.runs(*runs), filter, field)
            }
            ColumnNode::Since(unit, date, shift) => {
                dates::since(*unit, results.column(*date), self.at(*shift))
            }
            ColumnNode::Until(unit, date, shift) => {
                dates::until(*unit, results.column(*date), self.at(*shift))
            }
            ColumnNode::Next(date, shift) => dates::next(results.column(*date), self.at(*shift)),
            ColumnNode::Last(date, shift) => dates::last(results.column(*date), self.at(*shift)),
            ColumnNode::DateOf(moment) => dates::date_of(results.column(*moment), self.now),
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

    fn runs(&self, results: &Results, node: &RunsNode) -> Vec<Range<usize>> {
        let now = self.at(node.shift);
        let mut within = window::instants(node.window, now);
        let time = self.vocabulary.collection(node.collection).and_then(|c| c.field(c.time));
        if time.is_some_and(|field| field.ty == Type::Date) {
            within = window::days(within, now);
        }
        match self.rows(node.collection) {
            Some(rows) => window::runs(&rows.offsets, results.column(node.times), within),
            None => vec![0..0; self.chunk.len()],
        }
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

/// The same time of day, so many days before now. Zero days before a time that comes twice is that time.
pub(crate) fn shifted(now: Now, days: u32) -> Now {
    if days == 0 { now } else { now.days_ago(days) }
}

fn gathered(results: &Results, sets: &[BitsId], with: impl Fn(&mut Bitmap, &Bitmap)) -> Bitmap {
    let mut sets = sets.iter().map(|id| results.bits(*id));
    let first = sets.next().cloned().unwrap_or_default();
    sets.fold(first, |mut all, set| {
        with(&mut all, set);
        all
    })
}

#[expect(clippy::indexing_slicing, reason = "ids are positions in the graph that the results were made for")]
impl Results {
    fn new(graph: &Graph) -> Results {
        Results {
            bits: vec![Bitmap::default(); graph.bits.len()],
            columns: vec![Column::default(); graph.columns.len()],
            runs: vec![Vec::new(); graph.runs.len()],
        }
    }

    pub fn bits(&self, id: BitsId) -> &Bitmap {
        &self.bits[id.0 as usize]
    }

    pub fn column(&self, id: ColumnId) -> &Column {
        &self.columns[id.0 as usize]
    }

    fn runs(&self, id: RunsId) -> &[Range<usize>] {
        &self.runs[id.0 as usize]
    }

    fn put_bits(&mut self, id: BitsId, set: Bitmap) {
        self.bits[id.0 as usize] = set;
    }

    fn put_column(&mut self, id: ColumnId, column: Column) {
        self.columns[id.0 as usize] = column;
    }

    fn put_runs(&mut self, id: RunsId, runs: Vec<Range<usize>>) {
        self.runs[id.0 as usize] = runs;
    }
}
