//! A column while it is read, and as the arrays of chunks.

use crate::customers::arena::Words;
use crate::customers::weave::{Piece, in_order};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32SecondType,
    UInt32Type,
};
use arrow_array::{ArrayRef, BooleanArray, DictionaryArray, Int16Array, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, NullBufferBuilder, ScalarBuffer};
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use tidings_schema::calendar::SECOND;
use tidings_schema::{Type, Value};

/// The values of an attribute, one a row, as they came.
#[derive(Debug)]
pub(crate) enum Column {
    Text(Texts),
    Number(Plain<f64>),
    /// Money, moments and durations.
    Whole(Integers),
    Truth(Plain<bool>),
    Date(Plain<i32>),
    Word(Plain<u32>),
    Tags(Tags),
}

impl Column {
    pub(crate) fn new(ty: &Type) -> Column {
        match ty {
            Type::Text => Column::Text(Texts::new()),
            Type::Number | Type::Percent => Column::Number(Plain::new()),
            Type::Money(_) | Type::Duration | Type::Elapsed(_) => Column::Whole(Integers::new(false)),
            Type::Moment => Column::Whole(Integers::new(true)),
            Type::YesNo => Column::Truth(Plain::new()),
            Type::Date => Column::Date(Plain::new()),
            Type::OneOf(_) => Column::Word(Plain::new()),
            Type::Tags => Column::Tags(Tags::new()),
        }
    }

    /// Adds a row's value. One of another type than the column's is missing, which decoding never yields.
    pub(crate) fn push(&mut self, value: Option<Value>) {
        match self {
            Column::Text(v) => v.push(if let Some(Value::Text(t)) = &value { Some(t) } else { None }),
            Column::Number(v) => v.push(if let Some(Value::Number(n)) = value { Some(n) } else { None }),
            Column::Whole(v) => v.push(match value {
                Some(Value::Money(i) | Value::Moment(i) | Value::Count(i)) => Some(i),
                _ => None,
            }),
            Column::Truth(v) => v.push(if let Some(Value::Truth(t)) = value { Some(t) } else { None }),
            Column::Date(v) => v.push(if let Some(Value::Date(d)) = value { Some(d) } else { None }),
            Column::Word(v) => v.push(if let Some(Value::Word(w)) = value { Some(w) } else { None }),
            Column::Tags(v) => v.push(if let Some(Value::Tags(t)) = value { Some(t) } else { None }),
        }
    }

    /// Adds a text to texts.
    pub(crate) fn push_text(&mut self, text: &str) -> bool {
        let Column::Text(texts) = self else { return false };
        texts.push(Some(text));
        true
    }

    /// Columns of one type as one: pieces of them, one behind the other.
    pub(crate) fn woven(parts: &[Column], pieces: &[Piece]) -> Option<Column> {
        let mut woven = match parts.first()? {
            Column::Text(_) => Column::Text(Texts::new()),
            Column::Number(_) => Column::Number(Plain::new()),
            Column::Whole(whole) => Column::Whole(Integers::new(whole.moments)),
            Column::Truth(_) => Column::Truth(Plain::new()),
            Column::Date(_) => Column::Date(Plain::new()),
            Column::Word(_) => Column::Word(Plain::new()),
            Column::Tags(_) => Column::Tags(Tags::new()),
        };
        let codes: Vec<Vec<u32>> = parts.iter().map(|part| woven.learn(part)).collect();
        for ((part, rows), (codes, _)) in in_order(parts, pieces).zip(in_order(&codes, pieces)) {
            woven.append(part, rows, codes);
        }
        Some(woven)
    }

    /// Takes over the texts or lists of another column, and says which ones here they are.
    fn learn(&mut self, other: &Column) -> Vec<u32> {
        match (self, other) {
            (Column::Text(own), Column::Text(other)) => own.learn(other),
            (Column::Tags(own), Column::Tags(other)) => own.learn(other),
            _ => Vec::new(),
        }
    }

    fn append(&mut self, other: &Column, rows: Range<usize>, codes: &[u32]) {
        match (self, other) {
            (Column::Text(own), Column::Text(other)) => recoded(&mut own.rows, &other.rows, rows, codes),
            (Column::Tags(own), Column::Tags(other)) => recoded(&mut own.rows, &other.rows, rows, codes),
            (Column::Number(own), Column::Number(other)) => own.append(other, rows),
            (Column::Whole(own), Column::Whole(other)) => own.append(other, rows),
            (Column::Truth(own), Column::Truth(other)) => own.append(other, rows),
            (Column::Date(own), Column::Date(other)) => own.append(other, rows),
            (Column::Word(own), Column::Word(other)) => own.append(other, rows),
            _ => {}
        }
    }

    /// Where a row lies in time, by its date or moment.
    pub(crate) fn time(&self, row: u32) -> Option<i64> {
        match self {
            Column::Whole(v) => v.all.get(row),
            Column::Date(v) => v.get(row).map(i64::from),
            _ => None,
        }
    }

    /// Whether it is known that every row has a date or moment.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Column::Whole(v) => v.all.valid.as_slice().is_none(),
            Column::Date(v) => v.valid.as_slice().is_none(),
            _ => false,
        }
    }

    /// Where all rows lie in time; anywhere those that have no date or moment.
    pub(crate) fn times(&self) -> Times<'_> {
        match self {
            Column::Whole(v) => Times::Moments(&v.all.values),
            Column::Date(v) => Times::Days(&v.values),
            _ => Times::None,
        }
    }

    /// The values of some rows, in the order given.
    pub(crate) fn take(&self, rows: &[u32]) -> ArrayRef {
        match self {
            Column::Text(v) => v.take(rows),
            Column::Number(v) => primitive::<Float64Type>(v, rows),
            Column::Whole(v) => v.take(rows),
            Column::Truth(v) => {
                let value = |i: usize| rows.get(i).and_then(|row| v.get(*row)).unwrap_or_default();
                Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows.len(), value), v.nulls(rows)))
            }
            Column::Date(v) => primitive::<Date32Type>(v, rows),
            Column::Word(v) => primitive::<UInt32Type>(v, rows),
            Column::Tags(v) => v.take(rows),
        }
    }
}

/// The times of rows.
#[derive(Clone, Copy)]
pub(crate) enum Times<'a> {
    None,
    Moments(&'a [i64]),
    Days(&'a [i32]),
}

impl Times<'_> {
    #[inline]
    pub(crate) fn of(self, row: u32) -> i64 {
        match self {
            Times::None => 0,
            Times::Moments(times) => times.get(row as usize).copied().unwrap_or(0),
            Times::Days(days) => days.get(row as usize).copied().unwrap_or(0).into(),
        }
    }
}

/// Values of a fixed size.
#[derive(Debug)]
pub(crate) struct Plain<T> {
    values: Vec<T>,
    valid: NullBufferBuilder,
}

impl<T: Copy + Default> Plain<T> {
    fn new() -> Plain<T> {
        Plain { values: Vec::new(), valid: NullBufferBuilder::new(0) }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.values.push(value.unwrap_or_default());
        self.valid.append(value.is_some());
    }

    fn append(&mut self, other: &Plain<T>, rows: Range<usize>) {
        match other.valid.as_slice() {
            None => self.valid.append_n_non_nulls(rows.len()),
            Some(_) => rows.clone().for_each(|row| self.valid.append(other.valid.is_valid(row))),
        }
        self.values.extend_from_slice(other.values.get(rows).unwrap_or_default());
    }

    /// The value that was added last.
    pub(crate) fn last(&self) -> Option<T> {
        self.get(self.values.len().checked_sub(1)? as u32)
    }

    fn get(&self, row: u32) -> Option<T> {
        self.values.get(row as usize).copied().filter(|_| self.valid.is_valid(row as usize))
    }

    fn nulls(&self, rows: &[u32]) -> Option<NullBuffer> {
        self.valid.as_slice()?;
        let valid = |i: usize| rows.get(i).is_some_and(|row| self.valid.is_valid(*row as usize));
        Some(NullBuffer::new(BooleanBuffer::collect_bool(rows.len(), valid))).filter(|n| n.null_count() > 0)
    }
}

fn primitive<P: ArrowPrimitiveType>(column: &Plain<P::Native>, rows: &[u32]) -> ArrayRef {
    as_primitive::<_, P>(column, rows, |value| value)
}

fn as_primitive<T: Copy + Default, P: ArrowPrimitiveType>(
    column: &Plain<T>,
    rows: &[u32],
    value: impl Fn(T) -> P::Native,
) -> ArrayRef {
    let values = rows.iter().map(|row| value(column.values.get(*row as usize).copied().unwrap_or_default()));
    Arc::new(PrimitiveArray::<P>::new(ScalarBuffer::from_iter(values), column.nulls(rows)))
}

/// Whole numbers, which may all fit in half the room: moments as seconds.
#[derive(Debug)]
pub(crate) struct Integers {
    all: Plain<i64>,
    moments: bool,
    fit: bool,
}

impl Integers {
    fn new(moments: bool) -> Integers {
        Integers { all: Plain::new(), moments, fit: true }
    }

    #[inline]
    pub(crate) fn push(&mut self, value: Option<i64>) {
        self.all.push(value);
        if self.fit {
            let value = value.unwrap_or_default();
            let short = if self.moments { value / SECOND } else { value };
            self.fit = i32::try_from(short).is_ok() && !(self.moments && value % SECOND != 0);
        }
    }

    fn append(&mut self, other: &Integers, rows: Range<usize>) {
        self.all.append(&other.all, rows);
        self.fit &= other.fit;
    }

    fn take(&self, rows: &[u32]) -> ArrayRef {
        match (self.fit, self.moments) {
            (true, true) => as_primitive::<_, Time32SecondType>(&self.all, rows, |v| (v / SECOND) as i32),
            (true, false) => as_primitive::<_, Int32Type>(&self.all, rows, |v| v as i32),
            (false, _) => primitive::<Int64Type>(&self.all, rows),
        }
    }
}

/// What stands for a row without a value.
const NONE: u32 = u32::MAX;

/// Adds the numbers of some rows, as those that they have here.
fn recoded(own: &mut Vec<u32>, other: &[u32], rows: Range<usize>, codes: &[u32]) {
    let other = other.get(rows).unwrap_or_default();
    own.extend(other.iter().map(|code| codes.get(*code as usize).copied().unwrap_or(NONE)));
}

/// Texts. Where they are alike, all chunks share the different ones.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Numbers of words.
    rows: Vec<u32>,
    words: Words,
    shared: OnceLock<ArrayRef>,
}

impl Texts {
    fn new() -> Texts {
        Texts { rows: Vec::new(), words: Words::new(), shared: OnceLock::new() }
    }

    pub(crate) fn push(&mut self, text: Option<&str>) {
        self.rows.push(text.map_or(NONE, |text| self.words.code(text)));
    }

    /// Adds a text that was there before, if it was and there are few.
    #[inline]
    pub(crate) fn again(&mut self, text: &[u8]) -> bool {
        let code = if self.words.are_few() { self.words.find(text) } else { None };
        self.rows.extend(code);
        code.is_some()
    }

    fn learn(&mut self, other: &Texts) -> Vec<u32> {
        let texts = (0..other.words.len() as u32).filter_map(|code| other.words.get(code));
        texts.map(|text| self.words.code(text)).collect()
    }

    fn code(&self, row: u32) -> Option<u32> {
        self.rows.get(row as usize).copied().filter(|code| *code != NONE)
    }

    fn get(&self, row: u32) -> Option<&str> {
        self.words.get(self.code(row)?)
    }

    fn take(&self, rows: &[u32]) -> ArrayRef {
        if !self.words.are_few() {
            return Arc::new(StringArray::from_iter(rows.iter().map(|row| self.get(*row))));
        }
        let words = self.shared.get_or_init(|| Arc::new(self.words.array()));
        let codes = rows.iter().map(|row| self.code(*row).map(|code| code as i16));
        Arc::new(DictionaryArray::<Int16Type>::new(Int16Array::from_iter(codes), words.clone()))
    }
}

/// Lists of texts.
#[derive(Debug)]
pub(crate) struct Tags {
    /// Numbers of lists.
    rows: Vec<u32>,
    /// Where each list ends in the items, and the next begins.
    ends: Vec<u32>,
    items: Texts,
}

impl Tags {
    fn new() -> Tags {
        Tags { rows: Vec::new(), ends: Vec::new(), items: Texts::new() }
    }

    fn learn(&mut self, other: &Tags) -> Vec<u32> {
        let codes = self.items.learn(&other.items);
        let (lists, before) = (self.ends.len() as u32, self.items.rows.len() as u32);
        recoded(&mut self.items.rows, &other.items.rows, 0..other.items.rows.len(), &codes);
        self.ends.extend(other.ends.iter().map(|end| before + end));
        (lists..self.ends.len() as u32).collect()
    }

    pub(crate) fn push(&mut self, tags: Option<Vec<String>>) {
        let Some(tags) = tags else { return self.rows.push(NONE) };
        tags.iter().for_each(|tag| self.items.push(Some(tag)));
        self.rows.push(self.ends.len() as u32);
        self.ends.push(self.items.rows.len() as u32);
    }

    /// Adds a list that was there before, by its number.
    pub(crate) fn again(&mut self, list: u32) {
        self.rows.push(list);
    }

    /// The number of the list that was added last.
    pub(crate) fn last(&self) -> Option<u32> {
        self.rows.last().copied().filter(|list| *list != NONE)
    }

    fn take(&self, rows: &[u32]) -> ArrayRef {
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in rows {
            let list = self.rows.get(*row as usize).copied().filter(|list| *list != NONE);
            let begin =
                list.and_then(|list| list.checked_sub(1)).and_then(|before| self.ends.get(before as usize));
            let end = list.and_then(|list| self.ends.get(list as usize));
            let items = begin.copied().unwrap_or(0)..end.copied().unwrap_or(0);
            items.for_each(|item| lists.values().append_option(self.items.get(item)));
            lists.append(list.is_some());
        }
        Arc::new(lists.finish())
    }
}
