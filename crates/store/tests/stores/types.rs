//! Which types of columns are read as what.

use super::servers::{Kind, Shop};
use super::{shown, vocabulary};
use tidings_store::Selection;

/// A column: its type, what the schema says of it, and values with what they are read as: `-` is missing, `!` refused.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const NEW_YEAR: &str = "1767225600000000";
const COIN: &str = "{type: money, unit: minor}";

const LITE: &[Case] = &[
    ("INTEGER", "number", &[("9007199254740991", "9007199254740991"), ("NULL", "-"), ("'x'", "!")]),
    ("TEXT", "money", &[("'19.9'", "1990"), ("19.9", "1990"), ("'19.999'", "!")]),
    ("TEXT", "date", &[("'2026-02-28'", "2026-02-28"), ("'0000-00-00'", "!")]),
    (
        "TEXT",
        "moment",
        &[("'2026-01-01 08:00'", NEW_YEAR), ("'2026-01-01T00:00:00Z'", NEW_YEAR), ("'infinity'", "!")],
    ),
    ("TEXT", "tags", &[("'[\"a\",\"🎁\"]'", "a|🎁"), ("'[]'", ""), ("'a'", "!")]),
    ("BLOB", "text", &[("x'e4b8ad'", "中"), ("x'ff'", "!")]),
];

const POSTGRES: &[Case] = &[
    ("smallint", "number", &[("-32768", "-32768"), ("NULL", "-")]),
    ("integer", "yes/no", &[("1", "true"), ("0", "false"), ("2", "!")]),
    ("bigint", "text", &[("9007199254740993", "9007199254740993")]),
    ("bigint", COIN, &[("9223372036854775807", "9223372036854775807")]),
    (
        "numeric(38,10)",
        "money",
        &[
            ("19.9", "1990"),
            ("0.001", "!"),
            ("-92233720368547758.07", "-9223372036854775807"),
            ("92233720368547758.08", "!"),
            ("1234567890123456789012345678", "!"),
        ],
    ),
    (
        "numeric",
        "text",
        &[
            ("10000", "10000"),
            ("100000000.5000", "100000000.5"),
            ("0.00001200", "0.000012"),
            ("-0.5", "-0.5"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("0", "0"),
        ],
    ),
    (
        "numeric",
        "number",
        &[("0.1", "0.1"), ("'NaN'", "!"), ("'Infinity'", "!"), ("1e20", "100000000000000000000")],
    ),
    ("money", "money", &[("'12.34'", "1234")]),
    ("real", "money", &[("19.9", "1990")]),
    ("real", "number", &[("0.1", "0.1"), ("'NaN'", "!"), ("'-Infinity'", "!")]),
    ("double precision", "number", &[("0.1", "0.1"), ("'Infinity'", "!")]),
    ("boolean", "yes/no", &[("true", "true"), ("false", "false"), ("NULL", "-")]),
    ("bit(1)", "yes/no", &[("B'1'", "true"), ("B'0'", "false")]),
    ("bit varying(12)", "number", &[("B'00000101'", "5"), ("B'100000000001'", "2049")]),
    (
        "date",
        "date",
        &[
            ("'2026-02-28'", "2026-02-28"),
            ("'infinity'", "!"),
            ("'-infinity'", "!"),
            ("'0044-03-15 BC'", "!"),
        ],
    ),
    ("date", "moment", &[("'2026-01-01'", "1767196800000000")]),
    ("timestamp", "moment", &[("'2026-01-01 08:00:00.000001'", "1767225600000001"), ("'infinity'", "!")]),
    ("timestamp", "{type: moment, zone: UTC}", &[("'2026-01-01 00:00'", NEW_YEAR)]),
    ("timestamp", "date", &[("'2026-01-01 23:30'", "2026-01-01")]),
    (
        "timestamptz",
        "moment",
        &[
            ("'2026-01-01 08:00+08'", NEW_YEAR),
            ("'-infinity'", "!"),
            ("'1960-01-01 00:00+00'", "-315619200000000"),
        ],
    ),
    ("timestamptz", "date", &[("'2026-01-01 23:30+00'", "2026-01-02")]),
    ("timestamptz", "text", &[("'2026-01-01 08:00:00.5+08'", "2026-01-01 00:00:00.500Z")]),
    ("interval", "duration", &[("'1 day 02:00'", "93600"), ("'-1 hour'", "-3600"), ("'1 month'", "!")]),
    ("time", "duration", &[("'01:30'", "5400")]),
    ("text", "text", &[("'a  '", "a  "), ("'🎁👩‍👩‍👧'", "🎁👩‍👩‍👧"), ("''", "")]),
    ("char(5)", "text", &[("'ab'", "ab"), ("'  ab'", "  ab")]),
    ("varchar(9)", "number", &[("' 1.5 '", "1.5"), ("''", "-")]),
    ("uuid", "text", &[("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]),
    ("level", "{type: one of, values: [silver, gold]}", &[("'gold'", "1"), ("'lead'", "!")]),
    ("cents", COIN, &[("1990", "1990")]),
    ("json", "tags", &[("'[\"a\", \"🎁\"]'", "a|🎁"), ("'{}'", "!")]),
    ("jsonb", "tags", &[("'[\"a\", \"b\"]'", "a|b"), ("NULL", "-")]),
    ("text[]", "tags", &[("ARRAY['a','b c','\"']", "a|b c|\""), ("'{}'", "")]),
    ("varchar(3)[]", "tags", &[("ARRAY['a','乙']", "a|乙")]),
    ("bytea", "text", &[("'\\xe4b8ad'", "中"), ("'\\xff'", "!")]),
    ("inet", "text", &[("'10.0.0.1/8'", "10.0.0.1/8")]),
];

const MYSQL: &[Case] = &[
    ("TINYINT", "number", &[("-128", "-128"), ("NULL", "-")]),
    ("TINYINT(1)", "yes/no", &[("1", "true"), ("0", "false"), ("2", "!")]),
    ("BOOL", "yes/no", &[("TRUE", "true"), ("NULL", "-")]),
    ("SMALLINT UNSIGNED", "number", &[("65535", "65535")]),
    ("MEDIUMINT", "number", &[("-8388608", "-8388608")]),
    ("MEDIUMINT UNSIGNED", "number", &[("16777215", "16777215")]),
    ("INT UNSIGNED ZEROFILL", "text", &[("7", "7"), ("4294967295", "4294967295")]),
    ("BIGINT", COIN, &[("-9223372036854775808", "-9223372036854775808")]),
    ("BIGINT UNSIGNED", "text", &[("18446744073709551615", "18446744073709551615"), ("9", "9")]),
    ("BIGINT UNSIGNED", "number", &[("18446744073709551615", "18446744073709552000")]),
    ("BIGINT UNSIGNED", COIN, &[("18446744073709551615", "!"), ("1990", "1990")]),
    ("BIT(1)", "yes/no", &[("b'1'", "true"), ("b'0'", "false")]),
    ("BIT(12)", "number", &[("b'00000101'", "5"), ("b'100000000001'", "2049")]),
    ("YEAR", "number", &[("2026", "2026")]),
    (
        "DECIMAL(38,10)",
        "money",
        &[
            ("19.9", "1990"),
            ("0.001", "!"),
            ("-92233720368547758.07", "-9223372036854775807"),
            ("92233720368547758.08", "!"),
            ("1234567890123456789012345678", "!"),
        ],
    ),
    (
        "DECIMAL(65,30)",
        "text",
        &[("10000", "10000"), ("100000000.5", "100000000.5"), ("0.000012", "0.000012"), ("0", "0")],
    ),
    ("FLOAT", "money", &[("19.9", "1990")]),
    ("FLOAT", "number", &[("0.1", "0.1")]),
    ("DOUBLE", "number", &[("0.1", "0.1"), ("1e20", "100000000000000000000")]),
    (
        "DATE",
        "date",
        &[
            ("'2026-02-28'", "2026-02-28"),
            ("'0000-00-00'", "!"),
            ("'2026-00-00'", "!"),
            ("'2026-02-31'", "!"),
        ],
    ),
    ("DATE", "moment", &[("'2026-01-01'", "1767196800000000")]),
    ("DATETIME(6)", "moment", &[("'2026-01-01 08:00:00.000001'", "1767225600000001"), ("'0000-00-00'", "!")]),
    ("DATETIME", "{type: moment, zone: UTC}", &[("'2026-01-01'", NEW_YEAR)]),
    ("DATETIME", "date", &[("'2026-01-01 23:30'", "2026-01-01")]),
    (
        "TIMESTAMP(6) NULL",
        "moment",
        &[("'2026-01-01 08:00'", NEW_YEAR), ("'0000-00-00'", "!"), ("NULL", "-")],
    ),
    ("TIMESTAMP NULL", "date", &[("'2026-01-02 07:30'", "2026-01-02")]),
    (
        "TIME",
        "duration",
        &[("'36:00:05'", "129605"), ("'01:30'", "5400"), ("'-01:00'", "!"), ("'00:00'", "0")],
    ),
    ("VARCHAR(9)", "text", &[("'a  '", "a  "), ("'🎁'", "🎁"), ("''", "")]),
    ("VARCHAR(9) CHARACTER SET latin1", "text", &[("'é'", "é")]),
    ("CHAR(5)", "text", &[("'ab'", "ab"), ("'  ab'", "  ab")]),
    ("LONGTEXT", "number", &[("' 1.5 '", "1.5"), ("''", "-")]),
    (
        "ENUM('silver','gold','lead')",
        "{type: one of, values: [silver, gold]}",
        &[("'gold'", "1"), ("'lead'", "!")],
    ),
    ("SET('a','b','c')", "{type: tags, separator: ','}", &[("'c,a'", "a|c"), ("''", "-")]),
    ("JSON", "tags", &[("'[\"a\", \"🎁\"]'", "a|🎁"), ("'{}'", "!")]),
    ("VARBINARY(9)", "text", &[("x'e4b8ad'", "中"), ("x'ff'", "!")]),
    ("UUID", "text", &[("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")]),
];

#[tokio::test]
async fn every_type_is_read_as_what_it_says() {
    let before = "CREATE TYPE level AS ENUM ('silver', 'gold', 'lead'); CREATE DOMAIN cents AS bigint;";
    for (kind, cases, before) in
        [(Kind::Lite, LITE, ""), (Kind::Postgres, POSTGRES, before), (Kind::MySql, MYSQL, "")]
    {
        let Some(shop) = Shop::new(kind, &format!("{before}{}", script(cases))).await else { continue };
        check(&shop, cases, "customers").await;
        // Views say other things of their columns than tables do.
        shop.execute("CREATE VIEW looked_at AS SELECT * FROM customers").await;
        check(&shop, cases, "looked_at").await;
    }
}

/// A table with a column for each case, and a row for each first, second, … value.
fn script(cases: &[Case]) -> String {
    let columns: String = cases.iter().enumerate().map(|(i, (ty, ..))| format!(", c{i} {ty}")).collect();
    let rows = cases.iter().map(|case| case.2.len()).max().unwrap();
    let row = |row: usize| {
        let values: String =
            cases.iter().map(|case| format!(", {}", case.2.get(row).map_or("NULL", |v| v.0))).collect();
        format!("INSERT INTO customers VALUES ({row}{values});")
    };
    format!("CREATE TABLE customers (id INT{columns});{}", (0..rows).map(row).collect::<String>())
}

async fn check(shop: &Shop, cases: &[Case], table: &str) {
    let specs: String =
        cases.iter().enumerate().map(|(i, (_, spec, _))| format!("    c{i}: {spec}\n")).collect();
    let vocabulary = vocabulary(&format!("customer:\n  table: {table}\n  key: id\n  attributes:\n{specs}"));
    let loaded = shop.load(&vocabulary, Selection::All).await.unwrap();
    let chunk = &loaded.chunks[0];
    for (i, (ty, spec, values)) in cases.iter().enumerate() {
        let case = format!("{:?}: {ty} as {spec} from {table}", shop.kind);
        for (row, (written, expected)) in values.iter().enumerate() {
            let found = shown(&chunk.attributes[i], row);
            let expected = (!matches!(*expected, "-" | "!")).then_some(*expected);
            assert_eq!(found.as_deref(), expected, "{case}: {written}");
        }
        let refused = values.iter().filter(|v| v.1 == "!").count();
        let bad = loaded.stats.bad.iter().find(|b| b.column == format!("c{i}"));
        assert_eq!(bad.map_or(0, |b| b.count), refused, "{case}: {bad:?}");
    }
}
