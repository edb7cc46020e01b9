//! Customers as plain values, and the chunks that hold the same.

#![allow(dead_code, reason = "each suite uses some of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use arrow_array::builder::{
    BooleanBuilder, Date32Builder, Float64Builder, Int16Builder, Int64Builder, ListBuilder, StringBuilder,
    UInt32Builder,
};
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Time32SecondType};
use arrow_array::{ArrayRef, DictionaryArray, Int64Array, PrimitiveArray, StringArray};
use arrow_buffer::OffsetBuffer;
use std::sync::Arc;
use tidings_engine::{Chunk, Needs, Rows};
use tidings_schema::calendar::SECOND;
use tidings_schema::{FieldId, Type, Value, Vocabulary};

/// A customer with all its values.
#[derive(Clone, Debug)]
pub struct Customer {
    /// One for each attribute of the vocabulary.
    pub attributes: Vec<Option<Value>>,
    /// The rows of each collection of the vocabulary, in any order.
    pub rows: Vec<Vec<Row>>,
}

/// A row; its key is its place in the customer's list.
#[derive(Clone, Debug)]
pub struct Row {
    /// One for each field of the collection.
    pub fields: Vec<Option<Value>>,
}

/// The rows in order of time, and of key where the time is the same.
pub fn in_order(rows: &[Row], time: FieldId) -> Vec<&Row> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by_key(|row| match row.fields[time.0 as usize] {
        Some(Value::Moment(micros)) => micros,
        Some(Value::Date(day)) => i64::from(day),
        _ => panic!("a row has a time"),
    });
    sorted
}

/// How a chunk holds texts; where not plainly, it also holds whole numbers in less room if they fit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    Plain,
    /// Each word twice, and some that no text is.
    Coded,
    /// Among more words than there are texts.
    Sparse,
}

/// One chunk of customers, with the columns that are needed.
pub fn chunk(vocabulary: &Vocabulary, needs: &Needs, customers: &[Customer]) -> Chunk {
    chunk_of(vocabulary, needs, customers, Form::Plain)
}

/// The same with texts and whole numbers held in some form.
pub fn chunk_of(vocabulary: &Vocabulary, needs: &Needs, customers: &[Customer], form: Form) -> Chunk {
    let attribute = |id: &tidings_schema::AttributeId| {
        let values = customers.iter().map(|c| c.attributes[id.0 as usize].as_ref());
        array(&vocabulary.attribute(*id).unwrap().ty, values, form)
    };
    let collections = needs.collections.iter().map(|wanted| {
        let described = vocabulary.collection(wanted.id).unwrap();
        let lists: Vec<_> =
            customers.iter().map(|c| in_order(&c.rows[wanted.id.0 as usize], described.time)).collect();
        let field = |id: &FieldId| {
            let values = lists.iter().flatten().map(|row| row.fields[id.0 as usize].as_ref());
            array(&described.field(*id).unwrap().ty, values, form)
        };
        Rows {
            offsets: OffsetBuffer::from_lengths(lists.iter().map(Vec::len)),
            fields: wanted.fields.iter().map(field).collect(),
        }
    });
    Chunk {
        keys: StringArray::from_iter_values((0..customers.len()).map(|i| format!("c{i}"))),
        attributes: needs.attributes.iter().map(attribute).collect(),
        collections: collections.collect(),
    }
}

macro_rules! built {
    ($builder:expr, $values:expr, $kind:pat => $value:expr) => {{
        let mut builder = $builder;
        $values.for_each(|v| match v {
            None => builder.append_null(),
            Some($kind) => builder.append_value($value),
            Some(other) => panic!("{other:?} is of another type"),
        });
        Arc::new(builder.finish())
    }};
}

/// The texts by their words, of which the first is missing too.
fn coded(texts: &StringArray, others: usize) -> ArrayRef {
    let mut words: Vec<Option<String>> = vec![None];
    let mut codes = Int16Builder::new();
    for (i, text) in texts.iter().enumerate() {
        match text {
            None if i % 2 == 0 => codes.append_null(),
            None => codes.append_value(0),
            Some(text) => {
                let known =
                    words.iter().enumerate().filter(|(_, w)| w.as_deref() == Some(text)).map(|(i, _)| i);
                let known: Vec<usize> = known.collect();
                if known.len() < 2 {
                    words.push(Some(text.to_owned()));
                }
                codes.append_value(known.get(i % 2).copied().unwrap_or(words.len() - 1) as i16);
            }
        }
    }
    words.extend((0..others).map(|i| Some(format!("other {i}"))));
    let words: StringArray = words.into_iter().collect();
    Arc::new(DictionaryArray::new(codes.finish(), Arc::new(words)))
}

/// Whole numbers in units, if all are such and fit, and texts are not held plainly.
fn in_room<T: ArrowPrimitiveType<Native = i32>>(long: Arc<Int64Array>, unit: i64, form: Form) -> ArrayRef {
    let fits = |value: i64| value % unit == 0 && i32::try_from(value / unit).is_ok();
    if form == Form::Plain || !long.iter().flatten().all(fits) {
        return long;
    }
    Arc::new(long.iter().map(|value| value.map(|v| (v / unit) as i32)).collect::<PrimitiveArray<T>>())
}

fn array<'a>(ty: &Type, values: impl Iterator<Item = Option<&'a Value>>, form: Form) -> ArrayRef {
    match ty {
        Type::Text if form != Form::Plain => {
            let texts_of = |v: Option<&'a Value>| match v {
                None => None,
                Some(Value::Text(text)) => Some(text.as_str()),
                Some(other) => panic!("{other:?} is no text"),
            };
            let plain: StringArray = values.map(texts_of).collect();
            let others = if form == Form::Sparse { 3 * arrow_array::Array::len(&plain) + 70 } else { 1 };
            coded(&plain, others)
        }
        Type::Text => built!(StringBuilder::new(), values, Value::Text(t) => t),
        Type::Number | Type::Percent => built!(Float64Builder::new(), values, Value::Number(n) => *n),
        Type::Money(_) => {
            in_room::<Int32Type>(built!(Int64Builder::new(), values, Value::Money(m) => *m), 1, form)
        }
        Type::YesNo => built!(BooleanBuilder::new(), values, Value::Truth(t) => *t),
        Type::Date => built!(Date32Builder::new(), values, Value::Date(d) => *d),
        Type::Moment => in_room::<Time32SecondType>(
            built!(Int64Builder::new(), values, Value::Moment(m) => *m),
            SECOND,
            form,
        ),
        Type::Duration => {
            in_room::<Int32Type>(built!(Int64Builder::new(), values, Value::Count(c) => *c), 1, form)
        }
        Type::OneOf(_) => built!(UInt32Builder::new(), values, Value::Word(w) => *w),
        Type::Tags => {
            let tags = |t: &Vec<String>| t.iter().map(|t| Some(t.clone())).collect::<Vec<_>>();
            built!(ListBuilder::new(StringBuilder::new()), values, Value::Tags(t) => tags(t))
        }
        Type::Elapsed(_) => panic!("nothing stored is elapsed"),
    }
}
