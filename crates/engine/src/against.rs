//! All tests of one column against constants, at once.
//!
//! Each value is placed among the classes that the constants make, and a test is a comparison of classes, which are
//! bytes mostly. So a column is read once, however many rules ask about it.

use crate::bitmap::Bitmap;
use crate::classes::{Class, Scale, widened};
use crate::column::{Column, Values};
use crate::graph::{BitsId, BitsNode, ColumnId, Literal};
use crate::planes::Planes;
use crate::spare::Spare;
use crate::words::Words;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use std::ops::Range;
use tidings_syntax::tree::CompareOp;

/// Against of one column.
#[derive(Clone, Debug)]
pub(crate) struct Against {
    pub column: ColumnId,
    places: Places,
    /// Each with the classes in which it holds.
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
    bytes: Planes<u8>,
    pairs: Planes<u16>,
}

/// The column and the kind of constant of a test that is made with others of the same.
pub(crate) fn kind(node: &BitsNode) -> Option<(ColumnId, u8)> {
    let of = |column: &ColumnId, literal: &Literal, op: CompareOp| match (literal, op) {
        (Literal::Int(_), _) => Some((*column, 0)),
        (Literal::Number(_), _) => Some((*column, 1)),
        (Literal::Text(_), CompareOp::Equal | CompareOp::NotEqual) => Some((*column, 2)),
        (Literal::Text(_) | Literal::Truth(_), _) => None,
    };
    match node {
        BitsNode::CompareTo(op, column, literal) => of(column, literal, *op),
        BitsNode::In(column, list) => of(column, list.first()?, CompareOp::Equal),
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
        let tests = nodes.iter().map(|(id, node)| (*id, places.holds(node))).collect();
        Some(Against { column, places, tests })
    }

    pub fn nodes(&self) -> impl Iterator<Item = BitsId> {
        self.tests.iter().map(|(id, _)| *id)
    }

    /// The set of each test, in the order of [`Against::nodes`].
    pub fn sets(&self, column: &Column, desk: &mut Desk, spare: &mut Spare) -> Vec<Bitmap> {
        match &self.places {
            Places::Tags(words) => self.tagged(column, words, spare),
            // One number is left for what is in no class.
            places if places.classes() < usize::from(u8::MAX) => {
                self.compared(column, &mut desk.bytes, spare)
            }
            _ => self.compared(column, &mut desk.pairs, spare),
        }
    }

    fn compared<C: Class>(&self, column: &Column, planes: &mut Planes<C>, spare: &mut Spare) -> Vec<Bitmap> {
        planes.clear();
        self.places.place(column, planes);
        let set = |(_, holds): &(_, Vec<Range<usize>>)| {
            let mut words = spare.words();
            planes.test(holds, &mut words);
            // Values of another kind are in no class.
            words.resize(column.len().div_ceil(64), 0);
            Bitmap::from_vec(words, column.len())
        };
        self.tests.iter().map(set).collect()
    }

    fn tagged(&self, column: &Column, words: &Words, spare: &mut Spare) -> Vec<Bitmap> {
        let len = column.len();
        let row = || {
            let mut row = spare.words();
            row.resize(len.div_ceil(64), 0);
            row
        };
        let mut rows: Vec<Vec<u64>> = std::iter::repeat_with(row).take(words.len()).collect();
        if let Values::Tags(lists) = &column.values
            && let Some(tags) = lists.values().as_string_opt::<i32>()
        {
            for (i, span) in lists.offsets().windows(2).enumerate() {
                let [from, to] = span else { continue };
                if !column.is_known(i) {
                    continue;
                }
                for tag in (*from as usize..*to as usize).filter(|tag| tags.is_valid(*tag)) {
                    let row =
                        words.number(tags.value(tag)).and_then(|class| rows.get_mut(usize::from(class)));
                    let word = row.and_then(|row| row.get_mut(i / 64));
                    word.into_iter().for_each(|word| *word |= 1 << (i % 64));
                }
            }
        }
        // Equal tests are one node, so each has a row of its own.
        let set = |(_, holds): &(_, Vec<Range<usize>>)| {
            let row = holds.first().and_then(|range| rows.get_mut(range.start));
            Bitmap::from_vec(row.map(std::mem::take).unwrap_or_default(), len)
        };
        self.tests.iter().map(set).collect()
    }
}

impl Places {
    fn classes(&self) -> usize {
        match self {
            Places::Ints(scale) => scale.classes(),
            Places::Numbers(scale) => scale.classes(),
            // One more for other words.
            Places::Texts(words) | Places::Tags(words) => words.len() + 1,
        }
    }

    /// The classes in which a test holds.
    fn holds(&self, test: &BitsNode) -> Vec<Range<usize>> {
        match self {
            Places::Ints(scale) => scale.holds(test),
            Places::Numbers(scale) => scale.holds(test),
            Places::Texts(known) | Places::Tags(known) => {
                let numbers = words(test).into_iter().filter_map(|word| known.number(word)).map(usize::from);
                match test {
                    BitsNode::CompareTo(CompareOp::NotEqual, ..) => {
                        numbers.flat_map(|n| [0..n, n + 1..self.classes()]).collect()
                    }
                    _ => numbers.map(|n| n..n + 1).collect(),
                }
            }
        }
    }

    /// Places the values of a column, where they are of its kind.
    fn place<C: Class>(&self, column: &Column, planes: &mut Planes<C>) {
        let known = column.known.as_ref().map(Bitmap::words);
        match (self, &column.values) {
            (Places::Ints(scale), Values::Int(v)) => {
                planes.fill(v, known, |values, classes| scale.place(values, classes));
            }
            (Places::Ints(scale), Values::Short(v)) => {
                let place = |values: &_, classes: &mut _| scale.place(&widened(values, v.unit), classes);
                planes.fill(&v.values, known, place);
            }
            (Places::Numbers(scale), Values::Number(v)) => {
                planes.fill(v, known, |values, classes| scale.place(values, classes));
            }
            (Places::Texts(words), Values::Text(v)) => {
                let classes: Vec<C> = words.place(v);
                planes.fill(&classes, known, |from, to| *to = *from);
            }
            _ => {}
        }
    }
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
