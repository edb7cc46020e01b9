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
        (Type::Elapsed(unit), Value::Count(count)) => counted(*count, unit_name(*unit)),
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
    let fits = units.iter().find(|(length, _)| seconds != 0 && seconds % length == 0);
    fits.map_or_else(|| counted(seconds, "second"), |(length, unit)| counted(seconds / length, unit))
}

fn unit_name(unit: ElapsedUnit) -> &'static str {
    match unit {
        ElapsedUnit::Days => "day",
        ElapsedUnit::Weeks => "week",
        ElapsedUnit::Months => "month",
    }
}

fn counted(count: i64, unit: &str) -> String {
    let plural = if count.abs() == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use iso_currency::Currency;

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
