//! What rules mean stays the same however they are written, and changes with what they say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod checked;

use tidings_check::{Meaning, Program, World};
use tidings_schema::Currency;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    email_consent: yes/no
    city: text
    birthday: {type: date, yearly: true}
    tier: {type: one of, values: [bronze, silver, gold], ordered: true}
    balance: {type: money, currency: CNY}
contact:
  email: {address: email, consent: email_consent}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields: {placed_at: moment, total: {type: money, currency: CNY}, category: text, brand: text}
events:
  order: orders
  visit: orders
";

fn program(text: &str) -> Program {
    let vocabulary = checked::vocabulary(SCHEMA, chrono_tz::Asia::Shanghai, Currency::CNY);
    let world = World { templates: vec![("card".into(), "email".into())], ..World::default() };
    checked::program(text, &vocabulary, &world)
}

fn meaning(text: &str) -> Meaning {
    program(text).meanings().pop().unwrap()
}

const BASE: &str = "define idle = days since latest orders.placed_at
segment quiet idle > 90 and city = \"Shanghai\" end
rule card for quiet if balance > 5 CNY then send card email end";

#[test]
fn how_and_where_a_rule_is_written_means_nothing() {
    let same = [
        "# A comment.\nsegment quiet\n  idle > 90 # days\n  and city = \"Shanghai\"\nend\n\n
         rule card\n  for quiet\n  if balance is more than 5 CNY\n  then send card email\n  once\nend\n
         define unused = tier\ndefine idle = days since latest orders.placed_at",
        "segment quiet days since latest orders.placed_at > 90 and city = \"Shanghai\" end
         rule card for quiet if balance > 5 CNY then send card email end",
        "segment asleep days since latest orders.placed_at > 90 and city = \"Shanghai\" end
         rule card for asleep if balance > 5 CNY then send card email priority 0 end",
    ];
    for text in same {
        assert_eq!(meaning(text), meaning(BASE), "{text}");
    }
    assert_eq!(meaning(&BASE.replace("rule card", "rule cards")).core(), meaning(BASE).core());
}

#[test]
fn each_word_that_matters_changes_what_it_means() {
    for (from, to) in [
        ("idle > 90", "idle >= 90"),
        ("idle > 90", "idle > 91"),
        ("idle > 90", "not idle > 90"),
        ("> 90 and", "> 90 or"),
        ("latest orders.placed_at", "first orders.placed_at"),
        ("latest orders.placed_at", "latest orders.placed_at where total > 5 CNY"),
        ("latest orders.placed_at", "latest orders.placed_at where brand = \"a\""),
        ("\"Shanghai\"", "\"shanghai\""),
        ("city = \"Shanghai\"", "city contains \"Shanghai\""),
        ("city = \"Shanghai\"", "tier = gold"),
        ("for quiet if", "if in quiet and"),
        ("5 CNY", "5.01 CNY"),
    ] {
        let other = meaning(&BASE.replace(from, to));
        assert_ne!(other.audience, meaning(BASE).audience, "{from} is not {to}");
        assert_ne!(other.core(), meaning(BASE).core());
    }
    for clause in [
        "send card email with gift coupon",
        "send card coupon",
        "send card email repeat at most once per 1 day",
        "send card email repeat at most once per 24 hours",
        "send card email hold out 10%",
        "send card email limit 5% of customers",
        "send card email limit 5 customers",
        "send card email expires 2027-01-01",
        "send card email priority 1",
        "send card email owner \"growth\"",
        "send card email if missed then skip",
        "send card email if late by more than 2 hours then skip",
        "send card email else send other coupon",
        "send card email every monday at 10:00",
    ] {
        let other = meaning(&BASE.replace("send card email", clause));
        assert_eq!(other.audience, meaning(BASE).audience);
        let changed: Vec<_> = other
            .clauses
            .iter()
            .zip(&meaning(BASE).clauses)
            .filter(|(a, b)| a != b)
            .map(|(a, _)| a.clone())
            .collect();
        assert_eq!(changed.len(), 1, "{clause}: {changed:?}");
    }
}

/// Cores are kept, so that rules are known again by later versions of the program.
#[test]
fn cores_tell_events_apart_and_stay_what_they_are() {
    let on = |event: &str| meaning(&format!("rule hello on {event} then send card email end")).core();
    assert_ne!(on("order"), on("visit"));
    assert_eq!(meaning(BASE).core(), "b2f700971d3c83e070d2e6b14638d3de");
    assert_eq!(on("order"), "9ec7dd1224102e743326c197656cc7c3");
}

/// Names that need one another, each twice: written out it would have 2^60 parts.
#[test]
fn names_that_need_one_another_do_not_make_it_long() {
    let mut text = String::from("define d0 = balance\n");
    for i in 1..60 {
        text += &format!("define d{i} = d{0} + d{0}\n", i - 1);
    }
    let one = meaning(&format!("{text} rule card if d59 > 5 CNY then send card email end"));
    assert_eq!(one.audience.len(), 32);
}
