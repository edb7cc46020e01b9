//! What is expected of data, held against a plain way of counting.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;
use std::collections::HashSet;
use tidings_engine::Person;
use tidings_engine::people::chunk;
use tidings_plan::{Evidence, data, evidence};
use tidings_schema::{AttributeId, CollectionId, Currency, FieldId, Now, Settings, Value, Vocabulary, load};
use tidings_syntax::FileId;

const HOUR: i64 = 3_600_000_000;
/// 2026-11-11 10:00 in Shanghai.
const NOW: Now = Now { micros: 1_794_362_400_000_000, zone: chrono_tz::Asia::Shanghai };
/// 2026-11-11 there.
const TODAY: i32 = 20_768;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  created: joined
  expect: {rows: between 3 and 6, fresh: 5 hours}
  attributes:
    joined: moment
    email: {type: text, expect: {known: 60%, unique: yes}}
    score: {type: number, expect: {range: between -1 and 2.5}}
    seen: {type: date, expect: {fresh: 1 day}}
collections:
  orders:
    table: orders
    customer: customer
    time: at
    expect: {rows: at least 4, fresh: 3 hours}
    fields:
      at: moment
      day: date
      total: {type: money, expect: {known: 100%, range: at most 2, unique: yes}}
";

fn vocabulary() -> Vocabulary {
    let settings = Settings { zone: NOW.zone, currency: Currency::EUR };
    let (vocabulary, findings) = load(SCHEMA, FileId(0), &settings);
    vocabulary.unwrap_or_else(|| panic!("{findings:#?}"))
}

fn found(people: &[Person], at: usize) -> Vec<Evidence> {
    let vocabulary = vocabulary();
    let needs = data::needs(&vocabulary);
    // In several chunks, as a store has them.
    let chunks: Vec<_> = people.chunks(at.max(1)).map(|part| chunk(&vocabulary, &needs, part)).collect();
    evidence(&vocabulary, &needs, &chunks, NOW)
}

/// One customer: since how many hours they are there, address, score, the day they were seen, and their orders.
#[derive(Clone, Debug)]
struct Row {
    joined: Option<i64>,
    email: Option<u8>,
    score: Option<i8>,
    seen: Option<i32>,
    orders: Vec<(i64, Option<i64>)>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let order = (-3_i64..6, prop::option::weighted(0.9, -1_i64..400));
    let row = (
        prop::option::weighted(0.8, -2_i64..9),
        prop::option::weighted(0.7, 0_u8..9),
        prop::option::of(-2_i8..4),
        prop::option::of(-3_i32..3),
        prop::collection::vec(order, 0..4),
    );
    let row = row.prop_map(|(joined, email, score, seen, orders)| Row { joined, email, score, seen, orders });
    prop::collection::vec(row, 0..8)
}

impl Row {
    fn person(&self, i: usize) -> Person {
        let value = |id: u32, value: Option<Value>| value.map(|v| (AttributeId(id), v));
        let attributes = [
            value(0, self.joined.map(|hours| Value::Moment(NOW.micros - hours * HOUR))),
            value(1, self.email.map(|n| Value::Text(format!("{n}@example.com")))),
            value(2, self.score.map(|n| Value::Number(f64::from(n)))),
            value(3, self.seen.map(|days| Value::Date(TODAY - days))),
        ];
        let orders = self.orders.iter().map(|(hours, total)| {
            let time = (FieldId(0), Value::Moment(NOW.micros - hours * HOUR));
            let total = total.map(|cents| (FieldId(2), Value::Money(cents)));
            (CollectionId(0), [time].into_iter().chain(total).collect())
        });
        Person {
            key: format!("{i}"),
            attributes: attributes.into_iter().flatten().collect(),
            rows: orders.collect(),
        }
    }
}

/// Whether each expectation of the schema is met, in its order.
fn plainly(rows: &[Row]) -> Vec<bool> {
    let there: Vec<&Row> = rows.iter().filter(|r| r.joined.is_none_or(|hours| hours > 0)).collect();
    let orders: Vec<(i64, Option<i64>)> =
        there.iter().flat_map(|r| r.orders.iter().copied()).filter(|(hours, _)| *hours > 0).collect();
    let emails: Vec<u8> = there.iter().filter_map(|r| r.email).collect();
    let totals: Vec<i64> = orders.iter().filter_map(|o| o.1).collect();
    vec![
        (3..=6).contains(&there.len()),
        there.iter().filter_map(|r| r.joined).any(|hours| hours <= 5),
        !there.is_empty() && emails.len() * 100 >= there.len() * 60,
        emails.iter().collect::<HashSet<_>>().len() == emails.len(),
        there.iter().filter_map(|r| r.score).all(|n| (-1..=2).contains(&n)),
        // Yesterday counts until its end; what lies ahead says nothing.
        there.iter().filter_map(|r| r.seen).any(|days| (0..=1).contains(&days)),
        orders.len() >= 4,
        orders.iter().any(|(hours, _)| *hours <= 3),
        !orders.is_empty() && totals.len() == orders.len(),
        totals.iter().all(|cents| *cents <= 200),
        totals.iter().collect::<HashSet<_>>().len() == totals.len(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn what_is_met_is_what_counting_says(rows in rows(), at in 1_usize..5) {
        let people: Vec<Person> = rows.iter().enumerate().map(|(i, row)| row.person(i)).collect();
        let found = found(&people, at);
        let met: Vec<bool> = found.iter().map(|e| e.met).collect();
        prop_assert_eq!(met, plainly(&rows), "{:#?}", found);
    }
}

#[test]
fn what_was_found_is_said_with_keys_alone() {
    let row =
        Row { joined: Some(100), email: Some(1), score: Some(9), seen: None, orders: vec![(50, Some(1))] };
    let twin = Row { joined: Some(99), email: None, ..row.clone() };
    let people = [row.person(7), twin.person(8)];
    let said: Vec<String> = found(&people, 2).iter().filter(|e| !e.met).map(Evidence::to_string).collect();
    assert_eq!(
        said,
        [
            "customers: there are 2 customers, and `rows: between 3 and 6` is expected",
            "joined: the latest is of 2026-11-07 07:00, 4 days before 2026-11-11 10:00, and `fresh: 5 hours` is expected",
            "email: 1 of 2 values is known, 50.00%, and `known: 60%` is expected",
            "score: 2 of 2 values are outside, first at customer 7, and `range: between -1 and 2.5` is expected",
            "seen: there is none, and `fresh: 1 day` is expected",
            "orders: there are 2 rows, and `rows: at least 4` is expected",
            "orders.at: the latest is of 2026-11-09 08:00, 2 days before 2026-11-11 10:00, and `fresh: 3 hours` is expected",
            "orders.total: 1 of 2 values repeats an earlier one, first at customer 8, and `unique: yes` is expected",
        ]
    );
}
