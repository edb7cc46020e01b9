//! From a value back to what a text column of the store would hold: what [`Attribute::decode`] reads back
//! as the same value.

use crate::calendar;
use crate::money;
use crate::types::{Type, Value};
use crate::vocabulary::{Attribute, StoredUnit};
use chrono::DateTime;

impl Attribute {
    /// A value of the attribute's type as text; a value of another type as nothing.
    pub fn encode(&self, value: &Value) -> String {
        match (&self.ty, value) {
            (Type::Text, Value::Text(text)) => text.clone(),
            (Type::Number | Type::Percent, Value::Number(n)) => n.to_string(),
            (Type::Money(_), Value::Money(minor)) if self.storage.minor => minor.to_string(),
            (Type::Money(currency), Value::Money(minor)) => money::to_major(*minor, *currency).to_string(),
            (Type::YesNo, Value::Truth(truth)) => u8::from(*truth).to_string(),
            (Type::Date, Value::Date(day)) => calendar::date(*day).to_string(),
            (Type::Moment, Value::Moment(micros)) => {
                DateTime::from_timestamp_micros(*micros).map(|t| t.to_rfc3339()).unwrap_or_default()
            }
            (Type::Duration, Value::Count(seconds)) => match self.storage.unit {
                StoredUnit::Milliseconds => seconds.saturating_mul(1_000),
                StoredUnit::Microseconds => seconds.saturating_mul(1_000_000),
                StoredUnit::Seconds => *seconds,
                StoredUnit::Minutes => seconds / 60,
                StoredUnit::Hours => seconds / 3600,
                StoredUnit::Days => seconds / 86_400,
            }
            .to_string(),
            (Type::OneOf(list), Value::Word(position)) => list
                .words
                .get(*position as usize)
                .map(|w| w.stored.clone().unwrap_or_else(|| w.name.clone()))
                .unwrap_or_default(),
            (Type::Tags, Value::Tags(tags)) => match &self.storage.separator {
                Some(separator) => tags.join(separator),
                None => serde_json::to_string(tags).unwrap_or_default(),
            },
            _ => String::new(),
        }
    }
}
