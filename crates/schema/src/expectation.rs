//! What a project expects of its data before anything is decided on it.

use crate::vocabulary::{AttributeId, CollectionId, FieldId, Vocabulary};

/// Something that has to hold of the data.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// What of.
    pub of: Subject,
    /// What holds.
    pub what: Expected,
    /// As `schema.yaml` has it: `fresh: 2 days`.
    pub written: String,
}

/// What something is expected of. Rows that do not exist yet at the moment of a decision do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The customers.
    Customers,
    /// An attribute of theirs.
    Attribute(AttributeId),
    /// The rows of a collection.
    Collection(CollectionId),
    /// A field of theirs.
    Field(CollectionId, FieldId),
}

/// What is expected.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expected {
    /// So many rows there are.
    Rows(Bounds),
    /// At least this share of values is there, from 0 to 1.
    Known(f64),
    /// The latest of the days or moments is no longer ago than so many seconds; a day counts until its end.
    Fresh(i64),
    /// All values that are there lie in between: numbers and percentages as they are, money in the minor unit, dates in
    /// days since 1970-01-01, moments in microseconds since 1970 UTC, lengths of time in seconds.
    Range(Bounds),
    /// No value is there twice.
    Unique,
}

/// The least and the most that something may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// At least this, where it is said.
    pub least: Option<f64>,
    /// At most this, where it is said.
    pub most: Option<f64>,
}

impl Bounds {
    /// Whether a value lies in between.
    pub fn contains(&self, value: f64) -> bool {
        self.least.is_none_or(|least| least <= value) && self.most.is_none_or(|most| value <= most)
    }
}

impl Subject {
    /// What people call it: `customers`, `email`, `orders`, `orders.total`.
    pub fn name(self, vocabulary: &Vocabulary) -> String {
        let collection = |id| vocabulary.collection(id);
        match self {
            Subject::Customers => "customers".to_owned(),
            Subject::Attribute(id) => vocabulary.attribute(id).map_or_else(String::new, |a| a.name.clone()),
            Subject::Collection(id) => collection(id).map_or_else(String::new, |c| c.name.clone()),
            Subject::Field(id, field) => {
                let field = collection(id).and_then(|c| Some((c, c.field(field)?)));
                field.map_or_else(String::new, |(c, field)| format!("{}.{}", c.name, field.name))
            }
        }
    }
}
