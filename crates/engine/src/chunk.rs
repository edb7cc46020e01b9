//! A chunk: some customers as columns, with their child rows beside them.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, Date32Array, Int32Array, Int64Array, StringArray, Time32SecondArray};
use arrow_buffer::OffsetBuffer;
use std::ops::Range;
use tidings_schema::calendar::SECOND;
use tidings_schema::{AttributeId, CollectionId, FieldId};

/// One customer, or a few thousand, in the order of their keys.
///
/// | type | array |
/// |---|---|
/// | text | `StringArray`, or `DictionaryArray<Int16Type>` of one: much faster where texts are alike |
/// | number, percent | `Float64Array`, never NaN or infinite |
/// | money | `Int64Array`, minor units; or `Int32Array` |
/// | yes/no | `BooleanArray` |
/// | date | `Date32Array` |
/// | moment | `Int64Array`, microseconds since 1970 UTC; or `Time32SecondArray`, seconds since then |
/// | duration | `Int64Array`, seconds; or `Int32Array` |
/// | one-of | `UInt32Array`, positions in the declared list |
/// | tags | `ListArray` of `StringArray` |
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The customers' keys; none is missing.
    pub keys: StringArray,
    /// One column for each of [`Needs::attributes`], in that order, one value a customer.
    pub attributes: Vec<ArrayRef>,
    /// One for each of [`Needs::collections`], in that order.
    pub collections: Vec<Rows>,
}

/// The child rows of a chunk's customers in one collection, by customer, then by time, then by the row's
/// key. Rows without a time are left out by whoever makes the chunk; rows after now are not.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Where each customer's rows begin, and where the last one's end: one more than customers, from 0.
    pub offsets: OffsetBuffer<i32>,
    /// One column for each of [`CollectionNeeds::fields`], in that order, one value a row.
    pub fields: Vec<ArrayRef>,
}

/// The columns that somebody wants loaded: the store projects them and reads no others. Sorted by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Attributes of the customer.
    pub attributes: Vec<AttributeId>,
    /// Collections.
    pub collections: Vec<CollectionNeeds>,
}

/// What is wanted of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionNeeds {
    /// The collection.
    pub id: CollectionId,
    /// Its fields; the one that holds the time is always among them.
    pub fields: Vec<FieldId>,
}

/// A column of whole numbers, whatever room they take: money in minor units, durations in seconds, moments in
/// microseconds, dates in days.
#[derive(Clone, Copy, Debug)]
pub enum Whole<'a> {
    /// Any of the first three.
    Long(&'a Int64Array),
    /// Money or durations.
    Short(&'a Int32Array),
    /// Moments.
    Seconds(&'a Time32SecondArray),
    /// Dates.
    Days(&'a Date32Array),
}

impl<'a> Whole<'a> {
    /// None where the column is of something else.
    pub fn of(column: &'a dyn Array) -> Option<Whole<'a>> {
        let long = column.as_primitive_opt().map(Whole::Long);
        let short = || column.as_primitive_opt().map(Whole::Short);
        let seconds = || column.as_primitive_opt().map(Whole::Seconds);
        long.or_else(short).or_else(seconds).or_else(|| column.as_primitive_opt().map(Whole::Days))
    }

    /// The value of a row that there is; none where it is missing.
    #[inline]
    pub fn at(self, row: usize) -> Option<i64> {
        match self {
            Whole::Long(long) => long.is_valid(row).then(|| long.value(row)),
            Whole::Short(short) => short.is_valid(row).then(|| short.value(row).into()),
            Whole::Seconds(seconds) => seconds.is_valid(row).then(|| i64::from(seconds.value(row)) * SECOND),
            Whole::Days(days) => days.is_valid(row).then(|| days.value(row).into()),
        }
    }
}

impl Rows {
    /// How many rows.
    pub fn len(&self) -> usize {
        self.offsets.last() as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Which rows are a customer's; none beyond the last one.
    pub fn of(&self, customer: usize) -> Range<usize> {
        let at = |i: usize| self.offsets.get(i).map_or_else(|| self.len(), |offset| *offset as usize);
        at(customer)..at(customer + 1)
    }

    fn of_one(&self, i: usize) -> Option<Rows> {
        let from = usize::try_from(*self.offsets.get(i)?).ok()?;
        let rows = usize::try_from(*self.offsets.get(i + 1)?).ok()? - from;
        let fields = self.fields.iter().map(|column| column.slice(from, rows)).collect();
        Some(Rows { offsets: OffsetBuffer::from_lengths([rows]), fields })
    }
}

impl Needs {
    /// What either wants.
    #[must_use]
    pub fn union(&self, other: &Needs) -> Needs {
        let mut all = self.clone();
        other.attributes.iter().for_each(|id| all.want(*id));
        for c in &other.collections {
            c.fields.iter().for_each(|f| all.want_field(c.id, *f));
        }
        all
    }

    /// Wants an attribute.
    pub fn want(&mut self, id: AttributeId) {
        if let Err(i) = self.attributes.binary_search(&id) {
            self.attributes.insert(i, id);
        }
    }

    /// Wants a field of a collection.
    pub fn want_field(&mut self, collection: CollectionId, field: FieldId) {
        let at = match self.collections.binary_search_by_key(&collection, |c| c.id) {
            Ok(i) => i,
            Err(i) => {
                self.collections.insert(i, CollectionNeeds { id: collection, fields: Vec::new() });
                i
            }
        };
        if let Some(needs) = self.collections.get_mut(at)
            && let Err(i) = needs.fields.binary_search(&field)
        {
            needs.fields.insert(i, field);
        }
    }

    /// Where an attribute's column is.
    pub fn attribute(&self, id: AttributeId) -> Option<usize> {
        self.attributes.binary_search(&id).ok()
    }

    /// Where a collection's rows are.
    pub fn collection(&self, id: CollectionId) -> Option<usize> {
        self.collections.binary_search_by_key(&id, |c| c.id).ok()
    }
}

impl Chunk {
    /// How many customers.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of its customers as a chunk of its own; none beyond the end.
    pub fn one(&self, i: usize) -> Option<Chunk> {
        if i >= self.len() {
            return None;
        }
        let collections =
            self.collections.iter().map(|rows| rows.of_one(i)).collect::<Option<Vec<Rows>>>()?;
        let attributes = self.attributes.iter().map(|column| column.slice(i, 1)).collect();
        Some(Chunk { keys: self.keys.slice(i, 1), attributes, collections })
    }
}
