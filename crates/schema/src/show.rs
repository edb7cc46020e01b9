//! Values as people read them.

use crate::types::{ElapsedUnit, Type, Value};
use crate::{calendar, money};
use chrono::{NaiveDateTime, Timelike};
use chrono_tz::Tz;

/// A value with its unit, close to how a rule would write it: `181 days`, `59.00 USD`, `1998-06-30`,
/// `"Shanghai"`, `dormant`, `10%`, `yes`. Moments are in the civil time of the zone.
pub fn show(ty: &Type, value: &Value, zone: Tz) -> String {
    match (ty, value) {
        (_, Value::Text(text)) => quoted(text),
        (Type::Percent, Value::Number(share)) => format!("{}%", percentage(*share)),
        // Zero has one sign only.
        (_, Value::Number(number)) => (number + 0.0).to_string(),
        (Type::Money(currency), Value::Money(minor)) => {
            format!("{} {}", money::to_major(*minor, *currency), currency.code())
        }
        (_, Value::Money(minor)) => minor.to_string(),
        (_, Value::Truth(truth)) => if *truth { "yes" } else { "no" }.to_owned(),
        (_, Value::Date(day)) => calendar::date(*day).to_string(),
        (_, Value::Moment(micros)) => moment(calendar::civil(*micros, zone)),
        (Type::Elapsed(unit), Value::Count(count)) => length(*count, unit_name(*unit)),
        (Type::Duration, Value::Count(seconds)) => duration(*seconds),
        (_, Value::Count(count)) => count.to_string(),
        (Type::OneOf(list), Value::Word(word)) => {
            list.words.get(*word as usize).map_or_else(|| word.to_string(), |w| w.name.clone())
        }
        (_, Value::Word(word)) => word.to_string(),
        (_, Value::Tags(tags)) if tags.is_empty() => "no tags".to_owned(),
        (_, Value::Tags(tags)) => tags.iter().map(|t| quoted(t)).collect::<Vec<_>>().join(", "),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Without the noise that binary fractions leave: 0.07 is 7 and not 7.000000000000001.
fn percentage(share: f64) -> f64 {
    let percent = share * 100.0;
    let rounded = (percent * 1e9).round() / 1e9;
    if rounded.is_finite() { rounded + 0.0 } else { percent }
}

fn moment(civil: NaiveDateTime) -> String {
    let format = match (civil.second(), civil.nanosecond()) {
        (0, 0) => "%Y-%m-%d %H:%M",
        (_, 0) => "%Y-%m-%d %H:%M:%S",
        _ => "%Y-%m-%d %H:%M:%S%.f",
    };
    civil.format(format).to_string()
}

/// In the largest unit that leaves nothing over.
fn duration(seconds: i64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let fits = units.iter().find(|(one, _)| seconds != 0 && seconds % one == 0);
    fits.map_or_else(|| length(seconds, "second"), |(one, unit)| length(seconds / one, unit))
}

fn unit_name(unit: ElapsedUnit) -> &'static str {
    match unit {
        ElapsedUnit::Days => "day",
        ElapsedUnit::Weeks => "week",
        ElapsedUnit::Months => "month",
    }
}

/// A length in a unit, as a rule writes it: `1 day`, `1200 days`.
pub fn length(count: i64, unit: &str) -> String {
    let plural = if count.abs() == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A count with commas between thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something: `1 rule`, `1,204 rules`.
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", count(n), if n == 1 { "" } else { "s" })
}

/// What so many do: one enters, two enter.
pub fn verb(n: u64, base: &str) -> String {
    match (n, base) {
        (1, "are") => "is".to_owned(),
        (1, "do") => "does".to_owned(),
        (1, "have") => "has".to_owned(),
        (1, _) => format!("{base}s"),
        _ => base.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iso_currency::Currency;

    #[test]
    fn thousands_have_commas_and_one_is_one() {
        let counts: Vec<String> = [0, 999, 1000, 23_570, 1_234_567].into_iter().map(count).collect();
        assert_eq!(counts, ["0", "999", "1,000", "23,570", "1,234,567"]);
        assert_eq!((counted(1, "rule").as_str(), counted(1204, "rule").as_str()), ("1 rule", "1,204 rules"));
        assert_eq!(
            (verb(1, "are"), verb(1, "enter"), verb(2, "do")),
            ("is".into(), "enters".into(), "do".into())
        );
    }

    #[test]
    fn values_read_as_people_write_them() {
        let zone = chrono_tz::Asia::Shanghai;
        let cases = [
            (Type::Text, Value::Text("Shanghai".into()), "\"Shanghai\""),
            (Type::Number, Value::Number(3.0), "3"),
            (Type::Percent, Value::Number(0.07), "7%"),
            (Type::Percent, Value::Number(0.125), "12.5%"),
            (Type::Money(Currency::USD), Value::Money(-5905), "-59.05 USD"),
            (Type::Money(Currency::JPY), Value::Money(5900), "5900 JPY"),
            (Type::YesNo, Value::Truth(false), "no"),
            (Type::Date, Value::Date(10_407), "1998-06-30"),
            (Type::Moment, Value::Moment(899_164_800_000_000), "1998-06-30 08:00"),
            (Type::Moment, Value::Moment(899_164_805_250_000), "1998-06-30 08:00:05.250"),
            (Type::Elapsed(ElapsedUnit::Days), Value::Count(181), "181 days"),
            (Type::Elapsed(ElapsedUnit::Months), Value::Count(-1), "-1 month"),
            (Type::Duration, Value::Count(7_200), "2 hours"),
            (Type::Duration, Value::Count(0), "0 seconds"),
            (Type::Tags, Value::Tags(vec!["vip".into(), "new".into()]), "\"vip\", \"new\""),
        ];
        for (ty, value, expected) in cases {
            assert_eq!(show(&ty, &value, zone), expected);
        }
    }
}
