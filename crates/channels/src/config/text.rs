//! Small values that are written as texts: lengths of time, rates, domains, places in an answer.

use crate::address::email_address;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use std::fmt;
use std::time::Duration;
use tidings_plan::Rate;

/// A length of time in seconds, written as `30 seconds`, `24 hours` or `30 days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Length(pub u64);

/// So many in a length of time, written as `50 per second`, `600 per minute` or `20000 per hour`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(pub Rate);

impl Length {
    /// Reads `30 days`.
    pub fn parse(text: &str) -> Option<Length> {
        let (number, unit) = text.trim().split_once(char::is_whitespace)?;
        let seconds = match unit.trim().trim_end_matches('s') {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            "week" => 604_800,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(seconds).map(Length)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Length, D::Error> {
        let expected = "a length of time with its unit, such as `24 hours` or `30 days`";
        d.deserialize_str(Text { expected, parse: Length::parse })
    }
}

impl Pace {
    /// Reads `50 per second`.
    pub fn parse(text: &str) -> Option<Pace> {
        let (count, unit) = text.split_once(" per ")?;
        let seconds = match unit.trim() {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            _ => return None,
        };
        let count = count.trim().parse().ok().filter(|count| *count > 0)?;
        Some(Pace(Rate { count, per: Duration::from_secs(seconds) }))
    }
}

impl<'de> Deserialize<'de> for Pace {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Pace, D::Error> {
        let expected = "a rate, such as `50 per second`, `600 per minute` or `20000 per hour`";
        d.deserialize_str(Text { expected, parse: Pace::parse })
    }
}

/// The domain of mail addresses, in the one spelling that they have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(pub String);

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Domain, D::Error> {
        let parse = |text: &str| {
            let address = email_address(&format!("somebody@{text}"))?;
            address.strip_prefix("somebody@").map(|domain| Domain(domain.to_owned()))
        };
        d.deserialize_str(Text { expected: "a mail domain, such as `gmail.com`", parse })
    }
}

/// A place in a JSON answer, such as `/data/code`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(pub String);

impl<'de> Deserialize<'de> for Pointer {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Pointer, D::Error> {
        let expected = "a place in the answer as a JSON pointer, such as `/code` or `/data/coupon/code`";
        let parse = |text: &str| text.starts_with('/').then(|| Pointer(text.to_owned()));
        d.deserialize_str(Text { expected, parse })
    }
}

/// Reads what is written as a text of its own kind.
struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}
