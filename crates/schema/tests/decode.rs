//! What a store holds, and what it means.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use chrono::{NaiveDate, NaiveDateTime};
use proptest::prelude::*;
use tidings_schema::calendar::day_number;
use tidings_schema::{Attribute, Currency, Raw, Settings, Value, load};
use tidings_syntax::FileId;

/// An attribute from the part of `schema.yaml` that declares it.
fn attribute(spec: &str) -> Attribute {
    let text = format!("customer:\n  table: t\n  key: id\n  attributes:\n    it: {spec}\n");
    let settings = Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY };
    let (vocabulary, findings) = load(&text, FileId(0), &settings);
    vocabulary.unwrap_or_else(|| panic!("{spec}: {findings:?}")).customer.attributes.remove(0)
}

fn day(text: &str) -> Value {
    Value::Date(day_number(text.parse::<NaiveDate>().unwrap()))
}

fn utc(text: &str) -> Value {
    Value::Moment(text.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_micros())
}

fn decode(attribute: &Attribute, raw: Raw<'_>) -> Option<Value> {
    attribute.decode(raw, chrono_tz::Asia::Shanghai).unwrap_or_else(|e| panic!("{raw:?}: {e}"))
}

#[test]
fn every_type_reads_what_stores_hold() {
    use Raw::{Int, Real, Text};
    let truth = |t| Value::Truth(t);
    let list = |l: &[&str]| Value::Tags(l.iter().map(|t| (*t).to_owned()).collect());
    let cases: Vec<(&str, Vec<(Raw<'_>, Value)>)> = vec![
        (
            "text",
            vec![
                (Text(" a "), Value::Text(" a ".into())),
                (Text(""), Value::Text("".into())),
                (Int(13_800_138_000), Value::Text("13800138000".into())),
                (Real(13_800_138_000.0), Value::Text("13800138000".into())),
            ],
        ),
        (
            "number",
            vec![
                (Int(-3), Value::Number(-3.0)),
                (Real(0.5), Value::Number(0.5)),
                (Text(" 1e3 "), Value::Number(1000.0)),
            ],
        ),
        (
            "percent",
            vec![
                (Text("10%"), Value::Number(0.1)),
                (Text("12.5 %"), Value::Number(0.125)),
                (Real(0.1), Value::Number(0.1)),
            ],
        ),
        (
            "money",
            vec![
                (Int(20), Value::Money(2000)),
                (Real(19.9), Value::Money(1990)),
                (Real(0.1 + 0.2), Value::Money(30)),
                (Real(9_999_999_999_999.99), Value::Money(999_999_999_999_999)),
                (Text("19.90"), Value::Money(1990)),
                (Text("19.900"), Value::Money(1990)),
                (Text("-0.01"), Value::Money(-1)),
                (Text("92233720368547758.07"), Value::Money(i64::MAX)),
            ],
        ),
        ("{type: money, currency: JPY}", vec![(Int(500), Value::Money(500))]),
        ("{type: money, currency: KWD}", vec![(Text("1.234"), Value::Money(1234))]),
        (
            "{type: money, unit: minor}",
            vec![
                (Int(1990), Value::Money(1990)),
                (Real(1990.0), Value::Money(1990)),
                (Text("1990"), Value::Money(1990)),
            ],
        ),
        (
            "yes/no",
            vec![
                (Int(1), truth(true)),
                (Int(0), truth(false)),
                (Real(1.0), truth(true)),
                (Text("Yes"), truth(true)),
                (Text("f"), truth(false)),
                (Text("是"), truth(true)),
                (Text("否"), truth(false)),
            ],
        ),
        (
            "date",
            vec![
                (Text("2026-11-11"), day("2026-11-11")),
                (Text("2026/1/5"), day("2026-01-05")),
                (Text("20261111"), day("2026-11-11")),
                (Int(20_261_111), day("2026-11-11")),
                (Real(19_970_101.0), day("1997-01-01")),
                (Text("2026-11-11 23:30:00"), day("2026-11-11")),
                (Text("1990-05-03T00:00:00Z"), day("1990-05-03")),
            ],
        ),
        (
            "moment",
            vec![
                (Text("2026-11-11 10:00:00"), utc("2026-11-11T02:00:00")),
                (Text("2026-11-11 9:05"), utc("2026-11-11T01:05:00")),
                (Text("2026-11-11T10:00:00.5"), utc("2026-11-11T02:00:00.500")),
                (Text("2026-11-11T10:00:00.1234567Z"), utc("2026-11-11T10:00:00.123456")),
                (Text("2026-11-11 10:00:00+08"), utc("2026-11-11T02:00:00")),
                (Text("2026-11-11T10:00:00-0530"), utc("2026-11-11T15:30:00")),
                (Text("2026-11-11 10:00:00 UTC"), utc("2026-11-11T10:00:00")),
                (Text("2026-11-11"), utc("2026-11-10T16:00:00")),
                (Text("20261111"), utc("2026-11-10T16:00:00")),
                (Int(20_261_111), utc("2026-11-10T16:00:00")),
                (Int(1_700_000_000), utc("2023-11-14T22:13:20")),
                (Text("1700000000"), utc("2023-11-14T22:13:20")),
                (Real(1_700_000_000.25), utc("2023-11-14T22:13:20.250")),
            ],
        ),
        (
            "{type: moment, unit: milliseconds}",
            vec![(Int(1_700_000_000_123), utc("2023-11-14T22:13:20.123"))],
        ),
        ("{type: moment, unit: days}", vec![(Int(1), utc("1970-01-02T00:00:00"))]),
        (
            "{type: moment, zone: Europe/Berlin}",
            vec![
                (Text("2026-07-01 12:00"), utc("2026-07-01T10:00:00")),
                // Clocks go from 02:00 to 03:00 that night.
                (Text("2026-03-29 02:30"), utc("2026-03-29T01:00:00")),
            ],
        ),
        (
            "duration",
            vec![
                (Int(90), Value::Count(90)),
                (Text("1:30"), Value::Count(5400)),
                (Text("36:00:05"), Value::Count(129_605)),
                (Text("2 weeks"), Value::Count(14 * 86_400)),
            ],
        ),
        (
            "{type: duration, unit: hours}",
            vec![(Real(1.5), Value::Count(5400)), (Text("2"), Value::Count(7200))],
        ),
        (
            "{type: one of, values: [bronze, {gold: G}, {one: 1}]}",
            vec![
                (Text("bronze"), Value::Word(0)),
                (Text(" G "), Value::Word(1)),
                (Text("gold"), Value::Word(1)),
                (Int(1), Value::Word(2)),
            ],
        ),
        ("tags", vec![(Text(r#"["a", "乙", "a"]"#), list(&["a", "乙"])), (Text("[]"), list(&[]))]),
        ("{type: tags, separator: \";\"}", vec![(Text("a; b ;;a"), list(&["a", "b"]))]),
    ];
    for (spec, values) in cases {
        let attribute = attribute(spec);
        for (raw, value) in values {
            assert_eq!(decode(&attribute, raw), Some(value), "{spec} {raw:?}");
        }
        assert_eq!(decode(&attribute, Raw::Null), None, "{spec}");
        if spec != "text" {
            assert_eq!(decode(&attribute, Raw::Text("  ")), None, "{spec}");
        }
    }
}

/// Databases that know dates and times hand them over as such. What has no zone is in the attribute's or the project's;
/// the day of a moment is the one in the project's.
#[test]
fn days_and_moments_of_databases_are_read_in_their_zone() {
    use Raw::{Civil, Day, Instant};
    const HALF_PAST_ELEVEN: i64 = 1_767_310_200_000_000;
    let cases: Vec<(&str, Raw<'_>, Option<Value>)> = vec![
        ("date", Day(20_454), Some(day("2026-01-01"))),
        ("date", Civil(HALF_PAST_ELEVEN), Some(day("2026-01-01"))),
        ("date", Instant(HALF_PAST_ELEVEN), Some(day("2026-01-02"))),
        ("moment", Day(20_454), Some(utc("2025-12-31T16:00:00"))),
        ("moment", Civil(HALF_PAST_ELEVEN), Some(utc("2026-01-01T15:30:00"))),
        ("{type: moment, zone: UTC}", Civil(HALF_PAST_ELEVEN), Some(utc("2026-01-01T23:30:00"))),
        ("moment", Instant(HALF_PAST_ELEVEN), Some(utc("2026-01-01T23:30:00"))),
        ("text", Day(20_454), Some(Value::Text("2026-01-01".into()))),
        ("text", Civil(HALF_PAST_ELEVEN), Some(Value::Text("2026-01-01 23:30:00".into()))),
        ("text", Instant(HALF_PAST_ELEVEN), Some(Value::Text("2026-01-01 23:30:00Z".into()))),
        ("date", Day(i32::MAX), None),
        ("date", Civil(i64::MIN), None),
        ("moment", Day(i32::MIN), None),
        ("moment", Civil(i64::MAX), None),
        ("moment", Instant(i64::MAX), None),
        ("number", Day(1), None),
        ("money", Instant(1), None),
        ("yes/no", Civil(1), None),
        ("duration", Instant(1), None),
        ("tags", Day(1), None),
    ];
    for (spec, raw, value) in cases {
        let found = attribute(spec).decode(raw, chrono_tz::Asia::Shanghai);
        assert_eq!(found.ok().flatten(), value, "{spec} {raw:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    use Raw::{Int, Real, Text};
    let cases: Vec<(&str, &str, Vec<Raw<'_>>)> = vec![
        (
            "number",
            "a number",
            vec![
                Real(f64::NAN),
                Real(f64::INFINITY),
                Text("1e400"),
                Text("inf"),
                Text("nan"),
                Text("1,000"),
                Text("x"),
            ],
        ),
        ("percent", "10%", vec![Text("%"), Text("10 %%x"), Text("NaN%")]),
        ("money", "19.90", vec![Text("¥19"), Text("1e2"), Text("1,000.00")]),
        ("{type: money, currency: JPY}", "such as 1990", vec![Text("¥19")]),
        ("{type: money, currency: KWD}", "such as 1.990", vec![Text("19 dinars")]),
        ("money", "at most 2 decimals", vec![Real(19.999), Text("0.001"), Real(0.000_1)]),
        (
            "money",
            "counted",
            vec![
                Int(i64::MAX),
                Real(f64::NAN),
                Real(1e300),
                Real(12_345_678_901_234.56),
                Text("92233720368547758.08"),
            ],
        ),
        ("{type: money, currency: JPY}", "at most 0 decimals", vec![Text("1.5")]),
        ("{type: money, unit: minor}", "at most 0 decimals", vec![Text("19.90"), Real(0.5)]),
        ("yes/no", "yes or no", vec![Int(2), Real(0.5), Text("maybe"), Text("ja")]),
        (
            "date",
            "a date such as",
            vec![
                Text("2026-02-30"),
                Text("11/11/2026"),
                Text("2026-11/11"),
                Int(5),
                Int(20_261_301),
                Real(20_261_111.5),
                Text("2026-11-11 10"),
                Text("2026-11-11x"),
                Text("２０２６-11-11"),
                Text("0000-00-00"),
            ],
        ),
        (
            "moment",
            "a moment such as",
            vec![
                Text("2026-11-11 25:00"),
                Text("2026-11-11 10:00+99"),
                Text("2026-11-11 10:00 CET"),
                Int(i64::MAX),
                Real(1e300),
                Real(f64::NAN),
                // Milliseconds taken for seconds lie in the year 55,840.
                Int(1_700_000_000_123),
            ],
        ),
        ("duration", "seconds", vec![Text("2 months"), Text("1:75"), Text("soon"), Real(f64::INFINITY)]),
        (
            "{type: one of, values: [bronze, {gold: G}]}",
            "one of bronze, G",
            vec![Text("silver"), Text("Bronze"), Int(0)],
        ),
        ("tags", "separator", vec![Text("a,b"), Int(3), Text("[1]")]),
    ];
    for (spec, expected, raws) in cases {
        let attribute = attribute(spec);
        for raw in raws {
            let error = attribute.decode(raw, chrono_tz::UTC).expect_err(&format!("{spec} {raw:?}"));
            assert!(error.expected.contains(expected), "{spec} {raw:?}: {error}");
        }
    }
}

const SPECS: [&str; 12] = [
    "text",
    "number",
    "percent",
    "money",
    "{type: money, unit: minor}",
    "yes/no",
    "date",
    "moment",
    "{type: moment, unit: days, zone: America/New_York}",
    "duration",
    "tags",
    "{type: one of, values: [a]}",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(text in "\\PC*", digits in "[0-9:./ TZ+-]{0,30}", int: i64, real: f64) {
        for spec in SPECS {
            let attribute = attribute(spec);
            for raw in [Raw::Text(&text), Raw::Text(&digits), Raw::Int(int), Raw::Real(real)] {
                let value = attribute.decode(raw, chrono_tz::Asia::Shanghai);
                if let Ok(Some(Value::Number(x))) = value {
                    prop_assert!(x.is_finite());
                }
            }
        }
    }

    #[test]
    fn money_is_exact(minor in -999_999_999_999_999_i64..=999_999_999_999_999) {
        let money = attribute("money");
        let written = tidings_schema::money::to_major(minor, Currency::CNY).to_string();
        prop_assert_eq!(decode(&money, Raw::Text(&written)), Some(Value::Money(minor)));
        prop_assert_eq!(decode(&money, Raw::Real(written.parse().unwrap())), Some(Value::Money(minor)));
    }

    #[test]
    fn moments_read_back(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
        let written = chrono::DateTime::from_timestamp_micros(micros).unwrap().to_rfc3339();
        prop_assert_eq!(decode(&attribute("moment"), Raw::Text(&written)), Some(Value::Moment(micros)));
    }
}
