//! Customers as plain values, and the chunk that holds the same: for few of them, such as those of a rule's tests.

use crate::chunk::{Chunk, Needs, Rows};
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::{ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use std::sync::Arc;
use tidings_schema::{AttributeId, Collection, CollectionId, FieldId, Type, Value, Vocabulary};

/// A customer with everything that is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Person {
    /// The key.
    pub key: String,
    /// Attributes; one that is not there is missing.
    pub attributes: Vec<(AttributeId, Value)>,
    /// Rows in any order, each with its collection and its fields. Rows without a time do not count.
    pub rows: Vec<(CollectionId, Vec<(FieldId, Value)>)>,
}

impl Person {
    fn rows_of(&self, id: CollectionId, collection: &Collection) -> Vec<&[(FieldId, Value)]> {
        let time = |fields: &[(FieldId, Value)]| match value(fields, collection.time)? {
            Value::Date(day) => Some(i64::from(*day)),
            Value::Moment(micros) => Some(*micros),
            _ => None,
        };
        let rows = self.rows.iter().filter(|(of, _)| *of == id).map(|(_, fields)| fields.as_slice());
        let mut rows: Vec<(i64, &[(FieldId, Value)])> = rows.filter_map(|f| Some((time(f)?, f))).collect();
        // Those of the same time stay as they are.
        rows.sort_by_key(|(time, _)| *time);
        rows.into_iter().map(|(_, fields)| fields).collect()
    }
}

/// One chunk of them all, in the order of their keys, with the columns that are needed.
pub fn chunk(vocabulary: &Vocabulary, needs: &Needs, people: &[Person]) -> Chunk {
    let mut people: Vec<&Person> = people.iter().collect();
    people.sort_by(|a, b| a.key.cmp(&b.key));
    let attribute = |id: &AttributeId| {
        let ty = vocabulary.attribute(*id).map(|a| &a.ty);
        column(ty, people.iter().map(|p| value(&p.attributes, *id)))
    };
    let collections = needs.collections.iter().map(|wanted| {
        let Some(collection) = vocabulary.collection(wanted.id) else {
            return Rows { offsets: OffsetBuffer::new_zeroed(people.len()), fields: Vec::new() };
        };
        let rows: Vec<_> = people.iter().map(|p| p.rows_of(wanted.id, collection)).collect();
        let field = |id: &FieldId| {
            let ty = collection.field(*id).map(|f| &f.ty);
            column(ty, rows.iter().flatten().map(|fields| value(fields, *id)))
        };
        Rows {
            offsets: OffsetBuffer::from_lengths(rows.iter().map(Vec::len)),
            fields: wanted.fields.iter().map(field).collect(),
        }
    });
    Chunk {
        keys: StringArray::from_iter_values(people.iter().map(|p| &p.key)),
        attributes: needs.attributes.iter().map(attribute).collect(),
        collections: collections.collect(),
    }
}

fn value<I: PartialEq>(values: &[(I, Value)], id: I) -> Option<&Value> {
    values.iter().find(|(of, _)| *of == id).map(|(_, value)| value)
}

/// A column of a type; of texts where there is none. A value of another type is missing.
pub fn column<'a>(ty: Option<&Type>, values: impl Iterator<Item = Option<&'a Value>>) -> ArrayRef {
    macro_rules! picked {
        ($array:ty, $kind:pat => $value:expr) => {
            Arc::new(<$array>::from_iter(values.map(|v| match v {
                Some($kind) => Some($value),
                _ => None,
            })))
        };
    }
    match ty {
        Some(Type::Number | Type::Percent) => picked!(Float64Array, Value::Number(n) => *n),
        Some(Type::Money(_) | Type::Moment | Type::Duration | Type::Elapsed(_)) => {
            picked!(Int64Array, Value::Money(i) | Value::Moment(i) | Value::Count(i) => *i)
        }
        Some(Type::YesNo) => picked!(BooleanArray, Value::Truth(yes) => *yes),
        Some(Type::Date) => picked!(Date32Array, Value::Date(day) => *day),
        Some(Type::OneOf(_)) => picked!(UInt32Array, Value::Word(word) => *word),
        Some(Type::Tags) => {
            let mut lists = ListBuilder::new(StringBuilder::new());
            for value in values {
                let tags = if let Some(Value::Tags(tags)) = value { Some(tags) } else { None };
                tags.into_iter().flatten().for_each(|tag| lists.values().append_value(tag));
                lists.append(tags.is_some());
            }
            Arc::new(lists.finish())
        }
        Some(Type::Text) | None => picked!(StringArray, Value::Text(text) => text.as_str()),
    }
}
