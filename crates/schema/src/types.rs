//! The types that a marketer's names can have, and values of them.

use iso_currency::Currency;
use std::fmt;
use std::sync::Arc;

/// What kind of thing a name stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Text, compared exactly, by code point.
    Text,
    /// A number: IEEE double, never NaN or infinite.
    Number,
    /// Money of one currency, in its minor unit.
    Money(Currency),
    /// Yes or no.
    YesNo,
    /// A calendar day.
    Date,
    /// An instant, in microseconds since 1970 UTC.
    Moment,
    /// A length of time, in seconds.
    Duration,
    /// A share: 0.1 is 10%.
    Percent,
    /// One word of a declared list.
    OneOf(Arc<OneOf>),
    /// A set of words that is not declared.
    Tags,
    /// Whole calendar units that passed between a date and today: `days since X`. Only expressions have it.
    Elapsed(ElapsedUnit),
}

/// A declared list of words.
#[derive(Clone, Debug, PartialEq)]
pub struct OneOf {
    /// The name that was declared: `status`, `lifecycle`.
    pub name: String,
    /// The words; values are their positions.
    pub words: Vec<Word>,
    /// Whether `<` and `>` mean the order of the list.
    pub ordered: bool,
}

/// A word of a one-of.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// As rules write it.
    pub name: String,
    /// As the store writes it, where that differs.
    pub stored: Option<String>,
    /// What people call it.
    pub label: Option<String>,
}

impl OneOf {
    /// The position of a word.
    pub fn position(&self, word: &str) -> Option<u32> {
        self.words.iter().position(|w| w.name == word).map(|i| i as u32)
    }
}

/// What `days since`, `weeks since` and `months since` count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElapsedUnit {
    /// Calendar days.
    Days,
    /// Whole weeks.
    Weeks,
    /// Whole months.
    Months,
}

impl fmt::Display for Type {
    /// In a marketer's words, with an article: "a number", "money in CNY".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Type::Text => f.write_str("text"),
            Type::Number => f.write_str("a number"),
            Type::Money(c) => write!(f, "money in {}", c.code()),
            Type::YesNo => f.write_str("yes or no"),
            Type::Date => f.write_str("a date"),
            Type::Moment => f.write_str("a moment"),
            Type::Duration => f.write_str("a length of time"),
            Type::Percent => f.write_str("a percentage"),
            Type::OneOf(list) => write!(f, "one of the words of {}", list.name),
            Type::Tags => f.write_str("tags"),
            Type::Elapsed(ElapsedUnit::Days) => f.write_str("a count of days"),
            Type::Elapsed(ElapsedUnit::Weeks) => f.write_str("a count of weeks"),
            Type::Elapsed(ElapsedUnit::Months) => f.write_str("a count of months"),
        }
    }
}

/// A value of some type; which one is known from where it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// [`Type::Text`]
    Text(String),
    /// [`Type::Number`] and [`Type::Percent`]
    Number(f64),
    /// [`Type::Money`], in the minor unit.
    Money(i64),
    /// [`Type::YesNo`]
    Truth(bool),
    /// [`Type::Date`], in days since 1970-01-01.
    Date(i32),
    /// [`Type::Moment`], in microseconds since 1970 UTC.
    Moment(i64),
    /// [`Type::Duration`] in seconds, or [`Type::Elapsed`] in its unit.
    Count(i64),
    /// [`Type::OneOf`], the position in its list.
    Word(u32),
    /// [`Type::Tags`]
    Tags(Vec<String>),
}
