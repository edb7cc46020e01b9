//! The results of nodes for one chunk, in memory that is used again for the next.

use crate::against::Desk;
use crate::bitmap::Bitmap;
use crate::calendar::{Memory, Offsets};
use crate::column::Column;
use crate::fold::Run;
use crate::graph::{BitsId, ColumnId, Graph, NodeId, RunsId};
use crate::spare::Spare;
use crate::verdicts::Bench;
use std::collections::HashMap;
use std::ops::Range;

/// The results of nodes, empty where they are not computed or were freed; and what one thread uses again.
#[derive(Debug)]
pub(crate) struct Results {
    bits: Vec<Bitmap>,
    columns: Vec<Column>,
    /// Where each run begins and ends: which of the places.
    runs: Vec<Range<usize>>,
    /// Lists of rows, one a customer.
    pub places: Vec<Vec<u32>>,
    pub spare: Spare,
    pub desk: Desk,
    pub bench: Bench,
    /// What each column knows of days. Like all else here it is for one graph and one moment.
    pub memories: HashMap<ColumnId, Memory>,
    pub offsets: Offsets,
}

#[expect(clippy::indexing_slicing, reason = "ids are positions in the graph that the results were made for")]
impl Results {
    pub fn new(graph: &Graph) -> Results {
        Results {
            bits: vec![Bitmap::default(); graph.bits.len()],
            columns: vec![Column::default(); graph.columns.len()],
            runs: vec![0..0; graph.runs.len()],
            places: Vec::new(),
            spare: Spare::default(),
            desk: Desk::default(),
            bench: Bench::default(),
            memories: HashMap::new(),
            offsets: Offsets::default(),
        }
    }

    pub fn bits(&self, id: BitsId) -> &Bitmap {
        &self.bits[id.0 as usize]
    }

    pub fn column(&self, id: ColumnId) -> &Column {
        &self.columns[id.0 as usize]
    }

    pub fn run(&self, id: RunsId) -> Run<'_> {
        let Range { start, end } = self.runs[id.0 as usize];
        Run { from: &self.places[start], to: &self.places[end], start, end }
    }

    pub fn put_bits(&mut self, id: BitsId, set: Bitmap) {
        self.bits[id.0 as usize] = set;
    }

    pub fn put_column(&mut self, id: ColumnId, column: Column) {
        self.columns[id.0 as usize] = column;
    }

    pub fn put_runs(&mut self, id: RunsId, places: Range<usize>) {
        self.runs[id.0 as usize] = places;
    }

    /// A copy of a set.
    pub fn copy(&mut self, id: BitsId) -> Bitmap {
        self.spare.copy(&self.bits[id.0 as usize])
    }

    /// Some sets, taken together one after another.
    pub fn gathered(&mut self, sets: &[BitsId], with: impl Fn(&mut Bitmap, &Bitmap)) -> Bitmap {
        let [first, others @ ..] = sets else { return Bitmap::default() };
        let mut all = self.copy(*first);
        others.iter().for_each(|id| with(&mut all, self.bits(*id)));
        all
    }

    /// Lets go of what nobody needs any more.
    pub fn free(&mut self, node: NodeId) {
        match node {
            NodeId::Bits(id) => self.spare.keep_set(std::mem::take(&mut self.bits[id.0 as usize])),
            NodeId::Column(id) => self.spare.keep_column(std::mem::take(&mut self.columns[id.0 as usize])),
            // Places are few, and several runs share them.
            NodeId::Runs(_) => {}
        }
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        let Results { bits, columns, spare, places, .. } = self;
        bits.iter_mut().for_each(|set| spare.keep_set(std::mem::take(set)));
        columns.iter_mut().for_each(|column| spare.keep_column(std::mem::take(column)));
        places.drain(..).for_each(|places| spare.keep_places(places));
    }
}
