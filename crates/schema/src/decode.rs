//! From what a store or a file holds to a typed value. What does not fit is refused with words, never guessed.

mod civil;

use crate::calendar;
use crate::money::{self, AmountError};
use crate::types::{OneOf, Type, Value};
use crate::vocabulary::{Attribute, Storage, StoredUnit};
use chrono_tz::Tz;
use iso_currency::Currency;
use rust_decimal::Decimal;
use std::fmt;

/// A value as a store or a file holds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Raw<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Real(f64),
    /// Text.
    Text(&'a str),
    /// A day, in days since 1970-01-01.
    Day(i32),
    /// A date and time without a zone, in microseconds since 1970-01-01 00:00 of that calendar and clock.
    Civil(i64),
    /// A moment, in microseconds since 1970 UTC.
    Instant(i64),
}

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raw::Null => Ok(()),
            Raw::Int(n) => n.fmt(f),
            Raw::Real(x) => x.fmt(f),
            Raw::Text(text) => f.write_str(text),
            Raw::Day(day) => calendar::date(*day).fmt(f),
            Raw::Civil(micros) => calendar::civil(*micros, Tz::UTC).fmt(f),
            Raw::Instant(micros) => write!(f, "{}Z", calendar::civil(*micros, Tz::UTC)),
        }
    }
}

/// A value that does not fit its type. It does not repeat the value, which may be personal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// What was expected, in plain words with an article: "a date such as 2026-11-11".
    pub expected: String,
}

impl fmt::Display for BadValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for BadValue {}

impl Attribute {
    /// The typed value of what a store holds; none where it is missing. Empty text is missing for every type but text. `zone`
    /// is the project's, for moments that are kept without one and whose attribute names none.
    pub fn decode(&self, raw: Raw<'_>, zone: Tz) -> Result<Option<Value>, BadValue> {
        let raw = match raw {
            Raw::Null => return Ok(None),
            Raw::Text(text) if self.ty != Type::Text => match text.trim() {
                "" => return Ok(None),
                trimmed => Raw::Text(trimmed),
            },
            raw => raw,
        };
        let storage = &self.storage;
        let value = match &self.ty {
            Type::Text => Some(Value::Text(raw.to_string())),
            Type::Number => number(raw).map(Value::Number),
            Type::Percent => percent(raw).map(Value::Number),
            Type::Money(currency) => {
                return amount(raw, *currency, storage.minor).map(|m| Some(Value::Money(m)));
            }
            Type::YesNo => truth(raw).map(Value::Truth),
            Type::Date => date(raw, zone).map(Value::Date),
            Type::Moment => moment(raw, storage, zone).map(Value::Moment),
            Type::Duration => duration(raw, storage.unit).map(Value::Count),
            Type::OneOf(list) => word(raw, list).map(Value::Word),
            Type::Tags => tags(raw, storage.separator.as_deref()).map(Value::Tags),
            Type::Elapsed(_) => None,
        };
        value.map(Some).ok_or_else(|| BadValue { expected: expected(&self.ty, storage) })
    }
}

fn expected(ty: &Type, storage: &Storage) -> String {
    match ty {
        Type::Number => "a number such as 12.5".to_owned(),
        Type::Percent => "a share such as 10% or 0.1".to_owned(),
        Type::YesNo => "yes or no, true or false, 1 or 0".to_owned(),
        Type::Date => "a date such as 2026-11-11".to_owned(),
        Type::Moment => {
            format!("a moment such as 2026-11-11 09:30:00, or {} since 1970", unit_name(storage.unit))
        }
        Type::Duration => {
            format!("a length of time such as 3 hours, or a number of {}", unit_name(storage.unit))
        }
        Type::OneOf(list) => {
            let words: Vec<&str> =
                list.words.iter().map(|w| w.stored.as_deref().unwrap_or(&w.name)).collect();
            format!("one of {}", words.join(", "))
        }
        Type::Tags if storage.separator.is_some() => "a list of tags".to_owned(),
        Type::Tags => {
            "a list such as [\"a\", \"b\"]; for another spelling the schema can say `separator`".to_owned()
        }
        other => other.to_string(),
    }
}

fn unit_name(unit: StoredUnit) -> &'static str {
    match unit {
        StoredUnit::Seconds => "seconds",
        StoredUnit::Milliseconds => "milliseconds",
        StoredUnit::Microseconds => "microseconds",
        StoredUnit::Minutes => "minutes",
        StoredUnit::Hours => "hours",
        StoredUnit::Days => "days",
    }
}

fn number(raw: Raw<'_>) -> Option<f64> {
    let x = match raw {
        Raw::Int(n) => n as f64,
        Raw::Real(x) => x,
        Raw::Text(text) => text.parse().ok()?,
        Raw::Null | Raw::Day(_) | Raw::Civil(_) | Raw::Instant(_) => return None,
    };
    x.is_finite().then_some(x)
}

fn percent(raw: Raw<'_>) -> Option<f64> {
    match raw {
        Raw::Text(text) if text.ends_with('%') => {
            number(Raw::Text(text.trim_end_matches('%').trim_end())).map(|p| p / 100.0)
        }
        raw => number(raw),
    }
}

/// Money in the minor unit, exactly.
fn amount(raw: Raw<'_>, currency: Currency, minor: bool) -> Result<i64, BadValue> {
    let decimals = if minor { 0 } else { money::decimals(currency) };
    let amount = match raw {
        Raw::Int(n) => n.checked_mul(10_i64.pow(decimals)).ok_or(Some(AmountError::TooLarge)),
        Raw::Real(x) => money::from_double(x, decimals).map_err(Some),
        Raw::Text(text) => match Decimal::from_str_exact(text) {
            Ok(decimal) => money::scaled(decimal, decimals).map_err(Some),
            Err(_) => Err(None),
        },
        Raw::Null | Raw::Day(_) | Raw::Civil(_) | Raw::Instant(_) => Err(None),
    };
    amount.map_err(|error| {
        let expected = match error {
            Some(AmountError::TooFine) => format!("at most {decimals} decimals"),
            Some(AmountError::TooLarge) => "an amount that can be counted".to_owned(),
            None if minor => "a whole number of its smallest unit, such as 1990".to_owned(),
            // What is no number is none in any currency.
            None => {
                let example = money::to_major(1990, currency);
                return BadValue { expected: format!("money, as an amount such as {example}") };
            }
        };
        BadValue { expected: format!("money in {}: {expected}", currency.code()) }
    })
}

fn truth(raw: Raw<'_>) -> Option<bool> {
    match raw {
        Raw::Int(0) => Some(false),
        Raw::Int(1) => Some(true),
        Raw::Real(0.0) => Some(false),
        Raw::Real(1.0) => Some(true),
        Raw::Text(text) => match text.to_ascii_lowercase().as_str() {
            "1" | "true" | "yes" | "y" | "t" | "是" => Some(true),
            "0" | "false" | "no" | "n" | "f" | "否" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A day; of a moment, the day as it is written, and where it is not written but counted, the day in the project's zone.
fn date(raw: Raw<'_>, zone: Tz) -> Option<i32> {
    let date = match raw {
        Raw::Day(day) => return Some(day).filter(|day| civil::has_day(*day)),
        Raw::Civil(micros) => {
            return civil::in_range(micros).then(|| calendar::day_of(micros, Tz::UTC));
        }
        Raw::Instant(micros) => return civil::in_range(micros).then(|| calendar::day_of(micros, zone)),
        Raw::Int(n) => civil::compact(n),
        Raw::Real(x) if x.fract() == 0.0 => civil::compact(x as i64),
        Raw::Text(text) => civil::read(text).map(|c| c.date),
        _ => None,
    };
    date.map(calendar::day_number)
}

fn moment(raw: Raw<'_>, storage: &Storage, zone: Tz) -> Option<i64> {
    let zone = storage.zone.unwrap_or(zone);
    let counted = |n: i64| n.checked_mul(storage.unit.micros()).filter(|m| civil::in_range(*m));
    // Eight digits that read as a date of our time are one: as seconds or less they would all fall into 1970.
    let fine = storage.unit.micros() <= 1_000_000;
    let day = |n: i64| civil::compact(n).filter(|_| fine && (19_000_101..=21_001_231).contains(&n));
    let whole =
        |n: i64| day(n).map(|d| calendar::start_of_day(calendar::day_number(d), zone)).or_else(|| counted(n));
    match raw {
        Raw::Int(n) => whole(n),
        Raw::Real(x) => {
            let m = (x * storage.unit.micros() as f64).round();
            if x.fract() == 0.0 {
                whole(x as i64)
            } else {
                Some(m as i64).filter(|m| x.is_finite() && civil::in_range(*m))
            }
        }
        Raw::Text(text) => match text.parse::<i64>() {
            Ok(n) => whole(n),
            Err(_) => civil::read(text).map(|c| c.instant(zone)),
        },
        Raw::Day(day) => civil::has_day(day).then(|| calendar::start_of_day(day, zone)),
        Raw::Civil(micros) => {
            civil::in_range(micros).then(|| calendar::instant(calendar::civil(micros, Tz::UTC), zone))
        }
        Raw::Instant(micros) => Some(micros).filter(|m| civil::in_range(*m)),
        Raw::Null => None,
    }
}

/// Seconds.
fn duration(raw: Raw<'_>, unit: StoredUnit) -> Option<i64> {
    let seconds = |n: f64, unit: StoredUnit| {
        Some((n * unit.micros() as f64 / 1e6).round()).filter(|s| s.abs() < 9e15).map(|s| s as i64)
    };
    match raw {
        Raw::Text(text) => number(raw).and_then(|n| seconds(n, unit)).or_else(|| clock(text)).or_else(|| {
            let (n, name) = text.split_once(' ')?;
            let n = number(Raw::Text(n))?;
            match name.trim().trim_end_matches('s') {
                "second" => seconds(n, StoredUnit::Seconds),
                "minute" => seconds(n, StoredUnit::Minutes),
                "hour" => seconds(n, StoredUnit::Hours),
                "day" => seconds(n, StoredUnit::Days),
                "week" => seconds(n * 7.0, StoredUnit::Days),
                _ => None,
            }
        }),
        raw => number(raw).and_then(|n| seconds(n, unit)),
    }
}

/// `1:30` or `36:00:05` in seconds.
fn clock(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text
        .split(':')
        .map(|p| p.parse().ok().filter(|n| (0..100_000).contains(n)))
        .collect::<Option<_>>()?;
    match *parts.as_slice() {
        [h, m] if m < 60 => Some(h * 3600 + m * 60),
        [h, m, s] if m < 60 && s < 60 => Some(h * 3600 + m * 60 + s),
        _ => None,
    }
}

/// By the store's spelling, or else by the word.
fn word(raw: Raw<'_>, list: &OneOf) -> Option<u32> {
    let owned;
    let written = match raw {
        Raw::Text(text) => text,
        raw => {
            owned = raw.to_string();
            &owned
        }
    };
    let stored = list.words.iter().position(|w| w.stored.as_deref() == Some(written));
    stored.map(|i| i as u32).or_else(|| list.position(written))
}

fn tags(raw: Raw<'_>, separator: Option<&str>) -> Option<Vec<String>> {
    let written = match raw {
        Raw::Text(text) => text,
        _ => return None,
    };
    let tags: Vec<String> = match separator {
        Some(separator) => written.split(separator).map(|t| t.trim().to_owned()).collect(),
        None => serde_json::from_str(written).ok()?,
    };
    let mut kept: Vec<String> = Vec::with_capacity(tags.len());
    for tag in tags {
        if !tag.is_empty() && !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    Some(kept)
}
