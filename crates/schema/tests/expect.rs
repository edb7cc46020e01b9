//! `expect` in `schema.yaml`: what it is read as, and each slip with its line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use tidings_schema::{Bounds, Currency, Expected, Settings, Vocabulary, load};
use tidings_syntax::Sources;

const WHOLE: &str = r#"
customer:
  table: customers
  key: id
  created: joined
  expect: {rows: at least 1000, fresh: 2 days}
  attributes:
    joined: moment
    email: {type: text, expect: {known: 95%, unique: yes}}
    balance: {type: money, unit: minor, expect: {range: between 0 and 99.50, unique: no}}
    share: {type: percent, expect: {range: at most 50%}}
    born: {type: date, expect: {range: at least 1900-01-01}}
    note: {type: text, kept: true}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    expect: {rows: between 1 and 20, fresh: 36 hours}
    fields:
      placed_at: {type: moment, expect: {known: 100%}}
      total: {type: number, expect: {range: between -1 and 1}}
"#;

fn read(text: &str) -> (Option<Vocabulary>, Vec<String>) {
    let mut sources = Sources::default();
    let file = sources.add("schema.yaml", text);
    let settings = Settings { zone: chrono_tz::Tz::UTC, currency: Currency::EUR };
    let (vocabulary, findings) = load(text, file, &settings);
    let shown = findings.iter().map(|d| {
        assert!(!d.help.is_empty() || !d.label.is_empty(), "{d:?}");
        let (line, _) = sources.line_column(file, d.place.span.start);
        format!("{} {line} [{}]", d.code, sources.text(d.place))
    });
    (vocabulary, shown.collect())
}

#[test]
fn expectations_are_read_in_the_words_of_their_types() {
    let (vocabulary, findings) = read(WHOLE);
    assert_eq!(findings, [""; 0]);
    let vocabulary = vocabulary.unwrap();
    let bounds = |least: Option<f64>, most: Option<f64>| Bounds { least, most };
    let day = 86_400;
    let expected = [
        ("customers", "rows: at least 1000", Expected::Rows(bounds(Some(1000.0), None))),
        ("joined", "fresh: 2 days", Expected::Fresh(2 * day)),
        ("email", "known: 95%", Expected::Known(0.95)),
        ("email", "unique: yes", Expected::Unique),
        ("balance", "range: between 0 and 99.50", Expected::Range(bounds(Some(0.0), Some(9950.0)))),
        ("share", "range: at most 50%", Expected::Range(bounds(None, Some(0.5)))),
        ("born", "range: at least 1900-01-01", Expected::Range(bounds(Some(-25_567.0), None))),
        ("orders", "rows: between 1 and 20", Expected::Rows(bounds(Some(1.0), Some(20.0)))),
        ("orders.placed_at", "fresh: 36 hours", Expected::Fresh(day * 3 / 2)),
        ("orders.placed_at", "known: 100%", Expected::Known(1.0)),
        ("orders.total", "range: between -1 and 1", Expected::Range(bounds(Some(-1.0), Some(1.0)))),
    ];
    let found: Vec<_> =
        vocabulary.expectations.iter().map(|e| (e.of.name(&vocabulary), e.written.clone(), e.what)).collect();
    let expected: Vec<_> =
        expected.into_iter().map(|(of, text, what)| (of.into(), text.into(), what)).collect();
    assert_eq!(found, expected);
}

/// Each case changes the whole file, and is the only finding, in the changed line.
#[test]
fn every_slip_stands_at_its_line() {
    let cases = [
        ("rows: at least 1000", "rows: 1000", "E116 6 [1000]"),
        ("rows: at least 1000", "rows: at least 1e9", "E116 6 [at least 1e9]"),
        ("rows: at least 1000", "rows: between 9 and 1", "E116 6 [between 9 and 1]"),
        ("rows: at least 1000", "rows: [1, 2]", "E104 6 [rows]"),
        ("rows: at least 1000", "row: at least 1000", "E102 6 [row]"),
        ("expect: {rows: at least 1000, fresh: 2 days}", "expect: 3", "E104 6 [3]"),
        ("fresh: 2 days", "fresh: 2", "E116 6 [2]"),
        ("fresh: 2 days", "fresh: 0 days", "E116 6 [0 days]"),
        ("fresh: 2 days", "fresh: 2 dais", "E116 6 [2 dais]"),
        ("  created: joined\n", "", "E109 5 [fresh]"),
        ("known: 95%", "known: 0.95", "E116 9 [0.95]"),
        ("known: 95%", "known: 101%", "E116 9 [101%]"),
        ("known: 95%", "fresh: 2 days", "E109 9 [fresh]"),
        ("known: 95%", "range: at least 1", "E109 9 [range]"),
        ("unique: yes", "unique: perhaps", "E104 9 [perhaps]"),
        ("between 0 and 99.50", "between 0 and lots", "E116 10 [between 0 and lots]"),
        ("between 0 and 99.50", "between 0 and 9.999", "E116 10 [between 0 and 9.999]"),
        ("kept: true", "kept: true, expect: {known: 5%}", "E109 13 [expect]"),
        ("known: 100%", "rows: at least 1", "E102 21 [rows]"),
    ];
    for (old, new, finding) in cases {
        assert!(WHOLE.contains(old), "{old}");
        let (vocabulary, findings) = read(&WHOLE.replacen(old, new, 1));
        assert_eq!(findings, [finding], "{new}");
        assert!(vocabulary.is_none());
    }
}
