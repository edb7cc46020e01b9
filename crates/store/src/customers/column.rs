//! A column while it is read, and as the array of a chunk.

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, UInt32Array};
use std::sync::Arc;
use tidings_schema::{Type, Value};

/// The values of an attribute, one a row, as they came.
pub(crate) enum Column {
    Text(Vec<Option<Box<str>>>),
    Number(Vec<Option<f64>>),
    /// Money, moments and durations.
    Whole(Vec<Option<i64>>),
    Truth(Vec<Option<bool>>),
    Date(Vec<Option<i32>>),
    Word(Vec<Option<u32>>),
    Tags(Vec<Option<Vec<String>>>),
}

impl Column {
    pub(crate) fn new(ty: &Type) -> Column {
        match ty {
            Type::Text => Column::Text(Vec::new()),
            Type::Number | Type::Percent => Column::Number(Vec::new()),
            Type::Money(_) | Type::Moment | Type::Duration | Type::Elapsed(_) => Column::Whole(Vec::new()),
            Type::YesNo => Column::Truth(Vec::new()),
            Type::Date => Column::Date(Vec::new()),
            Type::OneOf(_) => Column::Word(Vec::new()),
            Type::Tags => Column::Tags(Vec::new()),
        }
    }

    /// Adds a row's value. One of another type than the column's is missing, which decoding never yields.
    pub(crate) fn push(&mut self, value: Option<Value>) {
        match self {
            Column::Text(v) => v.push(if let Some(Value::Text(t)) = value { Some(t.into()) } else { None }),
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

    /// Where a row lies in time, by its date or moment.
    pub(crate) fn time(&self, row: usize) -> Option<i64> {
        match self {
            Column::Whole(v) => v.get(row).copied().flatten(),
            Column::Date(v) => v.get(row).copied().flatten().map(i64::from),
            _ => None,
        }
    }

    /// The values of some rows, in the order given.
    pub(crate) fn take(&self, rows: &[u32]) -> ArrayRef {
        fn pick<'a, T>(values: &'a [Option<T>], rows: &'a [u32]) -> impl Iterator<Item = Option<&'a T>> {
            rows.iter().map(|r| values.get(*r as usize).and_then(Option::as_ref))
        }
        match self {
            Column::Text(v) => Arc::new(StringArray::from_iter(pick(v, rows))),
            Column::Number(v) => Arc::new(Float64Array::from_iter(pick(v, rows).map(|n| n.copied()))),
            Column::Whole(v) => Arc::new(Int64Array::from_iter(pick(v, rows).map(|n| n.copied()))),
            Column::Truth(v) => Arc::new(BooleanArray::from_iter(pick(v, rows).map(|n| n.copied()))),
            Column::Date(v) => Arc::new(Date32Array::from_iter(pick(v, rows).map(|n| n.copied()))),
            Column::Word(v) => Arc::new(UInt32Array::from_iter(pick(v, rows).map(|n| n.copied()))),
            Column::Tags(v) => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for tags in pick(v, rows) {
                    tags.into_iter().flatten().for_each(|t| lists.values().append_value(t));
                    lists.append(tags.is_some());
                }
                Arc::new(lists.finish())
            }
        }
    }
}
