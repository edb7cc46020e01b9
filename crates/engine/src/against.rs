//! All tests of one column against constants, at once.
//!
//! Each value is placed among the classes that the constants make, its bit is set in the row of its class, and then
//! a test is some rows taken together. So a column is read once, however many rules ask about it.

use crate::bitmap::Bitmap;
use crate::classes::Scale;
use crate::column::{Column, Values};
use crate::graph::{BitsId, BitsNode, ColumnId, Literal, Order};
use crate::spare::Spare;
use crate::words::Words;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray};
use std::ops::Range;

/// Values that are placed together: their bits in one class are a line of the nearest cache.
const BLOCK: usize = 64 * LINE;
const LINE: usize = 8;

/// The bits of a block in one class.
type Line = [u64; LINE];

/// Against of one column.
#[derive(Clone, Debug)]
pub(crate) struct Against {
    pub column: ColumnId,
    places: Places,
    /// Each with the classes in which it holds. Those from class 0 on first, by their ends.
    tests: Vec<(BitsId, Vec<Range<usize>>)>,
}

/// How values are placed.
#[derive(Clone, Debug)]
enum Places {
    Ints(Scale<i64>),
    Numbers(Scale<f64>),
    Texts(Words),
    Tags(Words),
}

/// What is used again from chunk to chunk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    classes: Vec<u16>,
    lines: Vec<Line>,
    sets: Vec<Vec<u64>>,
    len: usize,
}

impl Desk {
    /// The sets that were made last.
    pub fn take(&mut self) -> impl Iterator<Item = Bitmap> {
        let len = self.len;
        self.sets.drain(..).map(move |words| Bitmap::from_vec(words, len))
    }
}

/// The column and the kind of constant of a test that is made with others of the same.
pub(crate) fn kind(node: &BitsNode) -> Option<(ColumnId, u8)> {
    let of = |column: &ColumnId, literal: &Literal, order: Order| match (literal, order) {
        (Literal::Int(_), _) => Some((*column, 0)),
        (Literal::Number(_), _) => Some((*column, 1)),
        (Literal::Text(_), Order::Equal) => Some((*column, 2)),
        (Literal::Text(_) | Literal::Truth(_), _) => None,
    };
    match node {
        BitsNode::CompareTo(order, column, literal) => of(column, literal, *order),
        BitsNode::In(column, list) => of(column, list.first()?, Order::Equal),
        BitsNode::HasTag(column, _) => Some((*column, 3)),
        _ => None,
    }
}

impl Against {
    /// Against of one kind; nothing where they are better made one by one.
    pub fn new(column: ColumnId, nodes: &[(BitsId, &BitsNode)]) -> Option<Against> {
        let tests = || nodes.iter().map(|(_, node)| *node);
        let (_, kind) = kind(tests().next()?)?;
        let places = match kind {
            0 => Places::Ints(Scale::new(tests())?),
            1 => Places::Numbers(Scale::new(tests())?),
            2 => Places::Texts(Words::new(tests().flat_map(words))?),
            _ => Places::Tags(Words::new(tests().flat_map(words))?),
        };
        let holds = |node: &BitsNode| match &places {
            Places::Ints(scale) => scale.holds(node),
            Places::Numbers(scale) => scale.holds(node),
            Places::Texts(known) | Places::Tags(known) => {
                let number = |word| known.number(word).map(usize::from);
                words(node).into_iter().filter_map(number).map(|n| n..n + 1).collect()
            }
        };
        let mut tests: Vec<_> = nodes.iter().map(|(id, node)| (*id, holds(node))).collect();
        tests.sort_by_key(|(_, holds)| prefix(holds).unwrap_or(usize::MAX));
        Some(Against { column, places, tests })
    }

    pub fn nodes(&self) -> impl Iterator<Item = BitsId> {
        self.tests.iter().map(|(id, _)| *id)
    }

    /// Leaves the set of each test on the desk, in the order of [`Against::nodes`].
    pub fn sets(&self, column: &Column, desk: &mut Desk, spare: &mut Spare) {
        desk.len = column.len();
        desk.sets.clear();
        desk.sets.extend(self.tests.iter().map(|_| spare.words()));
        match (&self.places, &column.values) {
            (Places::Ints(scale), Values::Int(v)) => {
                self.placed(v, column, scale.classes(), desk, |v, to| scale.place(v, to))
            }
            (Places::Numbers(scale), Values::Number(v)) => {
                self.placed(v, column, scale.classes(), desk, |v, to| scale.place(v, to))
            }
            (Places::Texts(words), Values::Text(v)) => {
                let mut classes = std::mem::take(&mut desk.classes);
                classes.clear();
                words.place(v, &mut classes);
                self.placed(&classes, column, words.len(), desk, |from, to| to.copy_from_slice(from));
                desk.classes = classes;
            }
            (Places::Tags(words), Values::Tags(v)) => self.tagged(v, column, words, desk),
            // Values of another kind are in no class.
            _ => {}
        }
    }

    fn placed<T>(
        &self,
        values: &[T],
        column: &Column,
        classes: usize,
        desk: &mut Desk,
        place: impl Fn(&[T], &mut [u16]),
    ) {
        let mut own = [0; BLOCK];
        let known = column.known.as_ref();
        for (b, block) in values.chunks(BLOCK).enumerate() {
            desk.lines.clear();
            // One more than there are classes, for what is in none.
            desk.lines.resize(classes + 1, [0; LINE]);
            let Some(own) = own.get_mut(..block.len()) else { return };
            place(block, own);
            for (w, some) in own.chunks_mut(64).enumerate() {
                if let Some(known) = known {
                    let known = known.words().get(b * LINE + w).copied().unwrap_or(0);
                    strike(some, known, classes as u16);
                }
                scatter(some, w, &mut desk.lines);
            }
            self.gather(block.len().div_ceil(64), &desk.lines, &mut desk.sets);
        }
    }

    fn tagged(&self, lists: &ListArray, column: &Column, words: &Words, desk: &mut Desk) {
        let Some(tags) = lists.values().as_string_opt::<i32>() else { return };
        let none = words.len();
        let spans: Vec<&[i32]> = lists.offsets().windows(2).collect();
        for (b, block) in spans.chunks(BLOCK).enumerate() {
            desk.lines.clear();
            desk.lines.resize(none + 1, [0; LINE]);
            for (i, span) in block.iter().enumerate() {
                let [from, to] = span else { continue };
                if !column.is_known(b * BLOCK + i) {
                    continue;
                }
                for tag in (*from as usize..*to as usize).filter(|tag| tags.is_valid(*tag)) {
                    let class = words.number(tags.value(tag)).map_or(none, usize::from);
                    let word = desk.lines.get_mut(class).and_then(|line| line.get_mut(i / 64));
                    word.into_iter().for_each(|word| *word |= 1 << (i % 64));
                }
            }
            self.gather(block.len().div_ceil(64), &desk.lines, &mut desk.sets);
        }
    }

    /// From the sets of a block's classes to those of the tests.
    fn gather(&self, words: usize, lines: &[Line], sets: &mut [Vec<u64>]) {
        let mut running = [0; LINE];
        let mut reached = 0;
        for ((_, holds), set) in self.tests.iter().zip(sets) {
            let mut line = [0; LINE];
            if let Some(end) = prefix(holds) {
                lines.get(reached..end).into_iter().flatten().for_each(|more| join(&mut running, more));
                reached = end;
                line = running;
            } else {
                let rows = holds.iter().filter_map(|range| lines.get(range.clone())).flatten();
                rows.for_each(|more| join(&mut line, more));
            }
            match line.get(..words) {
                // A copy of a known length takes one instruction or two.
                Some(rest) if rest.len() < LINE => set.extend_from_slice(rest),
                _ => set.extend_from_slice(&line),
            }
        }
    }
}

/// Where a run of classes from 0 ends, if that is all.
fn prefix(holds: &[Range<usize>]) -> Option<usize> {
    if let [Range { start: 0, end }] = holds { Some(*end) } else { None }
}

fn words(node: &BitsNode) -> Vec<&str> {
    fn text(literal: &Literal) -> Option<&str> {
        if let Literal::Text(text) = literal { Some(text.as_str()) } else { None }
    }
    match node {
        BitsNode::CompareTo(_, _, literal) => text(literal).into_iter().collect(),
        BitsNode::In(_, list) => list.iter().filter_map(text).collect(),
        BitsNode::HasTag(_, word) => vec![word],
        _ => Vec::new(),
    }
}

/// Puts what is not known into no class.
fn strike(classes: &mut [u16], known: u64, none: u16) {
    let mut unknown = !known;
    while unknown != 0 {
        match classes.get_mut(unknown.trailing_zeros() as usize) {
            Some(class) => *class = none,
            None => return,
        }
        unknown &= unknown - 1;
    }
}

/// Sets the bit of each value in word `w` of its class.
fn scatter(classes: &[u16], w: usize, lines: &mut [Line]) {
    for (i, class) in classes.iter().enumerate() {
        if let Some(word) = lines.get_mut(usize::from(*class)).and_then(|line| line.get_mut(w)) {
            *word |= 1 << i;
        }
    }
}

fn join(all: &mut Line, more: &Line) {
    all.iter_mut().zip(more).for_each(|(a, b)| *a |= b);
}
