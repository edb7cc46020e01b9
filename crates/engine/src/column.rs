//! A value, or missing, for each customer or row.

use crate::bitmap::Bitmap;
use crate::graph::Literal;
use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, Time32SecondType,
    UInt32Type,
};
use arrow_array::{Array, ArrayRef, ListArray, StringArray};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use std::borrow::Cow;
use std::ops::Deref;
use tidings_schema::calendar::SECOND;
use tidings_schema::{Type, Value};

/// Values and which of them are there.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// What stands where a value is missing means nothing.
    pub values: Values,
    /// Where there is a value; `None` is everywhere.
    pub known: Option<Bitmap>,
}

/// Values of one kind; several types share a kind.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    /// Money, dates, moments, durations, elapsed counts, positions of words.
    Int(Plain<i64>),
    /// The same as a chunk has them in less room.
    Short(Short),
    /// Numbers and percentages.
    Number(Plain<f64>),
    /// Yes/no.
    Truth(Bitmap),
    /// Text.
    Text(Texts),
    /// Tags.
    Tags(ListArray),
}

/// Plain values, computed or a chunk's own.
#[derive(Clone, Debug)]
pub(crate) enum Plain<T: ArrowNativeType> {
    Own(Vec<T>),
    Shared(ScalarBuffer<T>),
}

impl<T: ArrowNativeType> Deref for Plain<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Plain::Own(values) => values,
            Plain::Shared(values) => values,
        }
    }
}

/// Whole numbers, each so many times what it says.
#[derive(Clone, Debug)]
pub(crate) struct Short {
    pub values: Plain<i32>,
    pub unit: i64,
}

impl Short {
    fn of<T: ArrowPrimitiveType>(array: &ArrayRef, unit: i64) -> Values {
        let values = array.as_primitive::<T>().values().inner().clone();
        Values::Short(Short { values: Plain::Shared(values.into()), unit })
    }

    pub fn get(&self, i: usize) -> Option<i64> {
        self.values.get(i).map(|value| i64::from(*value) * self.unit)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = i64> {
        self.values.iter().map(|value| i64::from(*value) * self.unit)
    }
}

/// Texts, each its own or one of a dictionary's.
#[derive(Clone, Debug)]
pub(crate) struct Texts {
    pub words: StringArray,
    /// Where each text is among the words; `None` is in the words' order. What stands for a missing text means nothing.
    pub codes: Option<ScalarBuffer<i16>>,
}

impl Texts {
    pub fn len(&self) -> usize {
        self.codes.as_ref().map_or(self.words.len(), |codes| codes.len())
    }

    /// The text at `i`; any where it is missing.
    pub fn value(&self, i: usize) -> &str {
        let word = match &self.codes {
            None => i,
            Some(codes) => codes.get(i).map_or(usize::MAX, |code| *code as usize),
        };
        if word < self.words.len() { self.words.value(word) } else { "" }
    }
}

impl From<StringArray> for Texts {
    fn from(words: StringArray) -> Texts {
        Texts { words, codes: None }
    }
}

impl Default for Column {
    fn default() -> Column {
        Column::ints(Vec::new(), None)
    }
}

impl Column {
    pub fn ints(values: Vec<i64>, known: Option<Bitmap>) -> Column {
        Column { values: Values::Int(Plain::Own(values)), known }
    }

    pub fn numbers(values: Vec<f64>, known: Option<Bitmap>) -> Column {
        Column { values: Values::Number(Plain::Own(values)), known }
    }

    /// Whole numbers, where there are some.
    pub fn from_ints(values: impl Iterator<Item = Option<i64>>) -> Column {
        let (values, known) = collect(values);
        Column::ints(values, known)
    }

    /// Numbers, where there are some and they are finite.
    pub fn from_numbers(values: impl Iterator<Item = Option<f64>>) -> Column {
        let (values, known) = collect(values.map(|v| v.filter(|n| n.is_finite())));
        Column::numbers(values, known)
    }

    pub fn missing(len: usize) -> Column {
        Column::ints(vec![0; len], Some(Bitmap::none(len)))
    }

    pub fn constant(literal: Option<&Literal>, len: usize) -> Column {
        match literal {
            None => Column::missing(len),
            Some(Literal::Int(i)) => Column::ints(vec![*i; len], None),
            Some(Literal::Number(n)) => Column::numbers(vec![n.number(); len], None),
            Some(Literal::Truth(yes)) => {
                let set = if *yes { Bitmap::all(len) } else { Bitmap::none(len) };
                Column { values: Values::Truth(set), known: None }
            }
            Some(Literal::Text(text)) => {
                let array = StringArray::from_iter_values(std::iter::repeat_n(text, len));
                Column { values: Values::Text(array.into()), known: None }
            }
        }
    }

    /// A column of a chunk. An array of a kind that no type is kept in has no values.
    pub fn read(array: &ArrayRef) -> Column {
        let known = array.logical_nulls().map(|nulls| bitmap(nulls.inner()));
        let values = match array.data_type() {
            DataType::Int64 => Values::Int(Plain::Shared(array.as_primitive::<Int64Type>().values().clone())),
            DataType::Float64 => {
                Values::Number(Plain::Shared(array.as_primitive::<Float64Type>().values().clone()))
            }
            DataType::Int32 => Short::of::<Int32Type>(array, 1),
            DataType::Time32(TimeUnit::Second) => Short::of::<Time32SecondType>(array, SECOND),
            DataType::Date32 => Short::of::<Date32Type>(array, 1),
            // No list has so many words that a position needs the highest bit.
            DataType::UInt32 => Short::of::<UInt32Type>(array, 1),
            DataType::Boolean => Values::Truth(bitmap(array.as_boolean().values())),
            DataType::Utf8 => Values::Text(array.as_string::<i32>().clone().into()),
            DataType::Dictionary(..) => match array.as_dictionary_opt::<Int16Type>() {
                Some(coded) if let Some(words) = coded.values().as_string_opt::<i32>() => {
                    Values::Text(Texts { words: words.clone(), codes: Some(coded.keys().values().clone()) })
                }
                _ => return Column::missing(array.len()),
            },
            DataType::List(_) => Values::Tags(array.as_list::<i32>().clone()),
            other => {
                debug_assert!(false, "a chunk has no columns of {other}");
                return Column::missing(array.len());
            }
        };
        Column { values, known }
    }

    pub fn len(&self) -> usize {
        match &self.values {
            Values::Int(v) => v.len(),
            Values::Short(v) => v.values.len(),
            Values::Number(v) => v.len(),
            Values::Truth(v) => v.len(),
            Values::Text(v) => v.len(),
            Values::Tags(v) => v.len(),
        }
    }

    pub fn is_known(&self, i: usize) -> bool {
        self.known.as_ref().is_none_or(|known| known.contains(i))
    }

    /// Where there is a value.
    pub fn known(&self) -> Bitmap {
        self.known.clone().unwrap_or_else(|| Bitmap::all(self.len()))
    }

    /// Those of a set for whom there is a value.
    pub fn among_known(&self, mut set: Bitmap) -> Bitmap {
        if let Some(known) = &self.known {
            set.and(known);
        }
        set
    }

    /// The whole number at `i`, if it is one and known.
    pub fn int(&self, i: usize) -> Option<i64> {
        match &self.values {
            Values::Int(v) if self.is_known(i) => v.get(i).copied(),
            Values::Short(v) if self.is_known(i) => v.get(i),
            _ => None,
        }
    }

    /// The number at `i`, if it is one and known.
    pub fn number(&self, i: usize) -> Option<f64> {
        match &self.values {
            Values::Number(v) if self.is_known(i) => v.get(i).copied(),
            _ => None,
        }
    }

    /// The same without short values, for whom it is not worth telling them apart.
    pub fn wide(&self) -> Cow<'_, Column> {
        match &self.values {
            Values::Short(v) => Cow::Owned(Column::ints(v.iter().collect(), self.known.clone())),
            _ => Cow::Borrowed(self),
        }
    }

    /// A column of the values at some places, missing where there is no place.
    pub fn take(&self, places: impl Iterator<Item = Option<usize>>) -> Column {
        let places: Vec<Option<usize>> = places.map(|p| p.filter(|p| self.is_known(*p))).collect();
        let known = Some(Bitmap::of(&places, Option::is_some));
        let values = match &self.values {
            Values::Int(v) => Values::Int(taken(v, &places)),
            Values::Short(v) => Values::Short(Short { values: taken(&v.values, &places), ..*v }),
            Values::Number(v) => Values::Number(taken(v, &places)),
            Values::Truth(v) => Values::Truth(Bitmap::of(&places, |p| p.is_some_and(|p| v.contains(p)))),
            Values::Text(v) => {
                Values::Text(places.iter().map(|p| p.map(|p| v.value(p))).collect::<StringArray>().into())
            }
            Values::Tags(v) => {
                let mut tags = ListBuilder::new(StringBuilder::new());
                for place in &places {
                    let words = place.map(|p| v.value(p));
                    tags.append_option(words.as_ref().map(|w| w.as_string::<i32>()));
                }
                Values::Tags(tags.finish())
            }
        };
        Column { values, known }
    }

    /// The value at `i` as one of a type.
    pub fn value(&self, i: usize, ty: &Type) -> Option<Value> {
        if !self.is_known(i) || i >= self.len() {
            return None;
        }
        Some(match &self.values {
            Values::Int(_) | Values::Short(_) => {
                let int = self.int(i)?;
                match ty {
                    Type::Money(_) => Value::Money(int),
                    Type::Date => Value::Date(i32::try_from(int).ok()?),
                    Type::Moment => Value::Moment(int),
                    Type::OneOf(_) => Value::Word(u32::try_from(int).ok()?),
                    _ => Value::Count(int),
                }
            }
            Values::Number(v) => Value::Number(*v.get(i)?),
            Values::Truth(v) => Value::Truth(v.contains(i)),
            Values::Text(v) => Value::Text(v.value(i).to_owned()),
            Values::Tags(v) => {
                Value::Tags(v.value(i).as_string::<i32>().iter().flatten().map(str::to_owned).collect())
            }
        })
    }
}

/// The value of a type at a place in a chunk's array, if there is one.
pub fn value_at(ty: &Type, array: &ArrayRef, i: usize) -> Option<Value> {
    (i < array.len()).then(|| Column::read(&array.slice(i, 1)).value(0, ty))?
}

fn collect<T: Copy + Default>(values: impl Iterator<Item = Option<T>>) -> (Vec<T>, Option<Bitmap>) {
    let values: Vec<Option<T>> = values.collect();
    let known = Bitmap::of(&values, Option::is_some);
    (values.into_iter().map(Option::unwrap_or_default).collect(), Some(known))
}

fn taken<T: Copy + Default + ArrowNativeType>(values: &[T], places: &[Option<usize>]) -> Plain<T> {
    Plain::Own(places.iter().map(|p| p.and_then(|p| values.get(p)).copied().unwrap_or_default()).collect())
}

fn bitmap(bits: &BooleanBuffer) -> Bitmap {
    Bitmap::from_words(bits.bit_chunks().iter_padded(), bits.len())
}
