//! Rules that wait for an event reach whom it happened to lately, once for each event.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use proptest::prelude::*;
use shop::{Customer, Shop, willing};
use std::collections::{BTreeMap, BTreeSet};
use tidings_plan::situation;

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;
/// The moment of a [`Shop`].
const NOW: i64 = 1_794_391_200_000_000;

fn ordered(ago: &[i64]) -> Customer {
    Customer { orders: ago.iter().rev().map(|ago| NOW - ago).collect(), ..willing() }
}

/// Who gets something from the first rule.
fn reached(shop: &Shop) -> Vec<String> {
    shop.intents().into_iter().map(|i| i.customer).collect()
}

#[test]
fn only_whom_it_happened_to_lately_is_reached() {
    let customers =
        [ordered(&[]), ordered(&[59 * MINUTE]), ordered(&[61 * MINUTE]), ordered(&[0]), ordered(&[-HOUR])];
    let mut shop =
        Shop::new("rule r on order if email is known then send x coupon repeat every time end", &customers);
    assert_eq!(shop.now.micros, NOW);
    assert_eq!(reached(&shop), ["001"], "within the hour, and before now");
    assert_eq!(shop.plan().rules[0].matched(), 1);
    shop.since = vec![(0, NOW - 5 * MINUTE)];
    assert_eq!(reached(&shop), ["001", "002"], "rows come up to an hour late");
    let told = |key: &str| situation(&shop.question(), &shop.plan(), 0, key).unwrap().event.unwrap();
    assert_eq!((told("000"), told("001")), (None, Some(NOW - 59 * MINUTE)));
    let joined = |ago| Customer { joined: Some(NOW - ago), ..willing() };
    let signups = [joined(MINUTE), joined(2 * HOUR), Customer { joined: None, ..willing() }];
    assert_eq!(reached(&Shop::new("rule r on signup then send x coupon end", &signups)), ["000"]);
}

#[test]
fn the_others_are_no_audience_either() {
    let rule = "segment some email is known end
        rule r on order for some if phone is missing then send x coupon else send a email end";
    let shop = Shop::new(rule, &[ordered(&[MINUTE]), ordered(&[])]);
    assert_eq!(reached(&shop), ["000"]);
    let undecided = "rule r on order if place = \"x\" then send x coupon end";
    assert_eq!(Shop::new(undecided, &[ordered(&[MINUTE]), ordered(&[])]).plan().rules[0].undecided, 1);
}

#[test]
fn an_event_brings_something_once_whatever_windows_overlap() {
    let mut shop =
        Shop::new("rule r on order then send x coupon repeat every time end", &[ordered(&[30 * MINUTE])]);
    let key = shop.intents()[0].key;
    assert_eq!(shop.intents()[0].occasion, format!("at {}", NOW - 30 * MINUTE));
    shop.run();
    for minutes in [0, 1, 20, 29] {
        shop.now.micros = NOW + minutes * MINUTE;
        assert!(shop.intents().is_empty(), "{minutes} minutes later");
    }
    let mut again = Shop::new(
        "rule r on order then send x coupon repeat every time end",
        &[ordered(&[30 * MINUTE, MINUTE])],
    );
    again.history = shop.history.clone();
    assert_ne!(again.intents()[0].key, key, "another order is another occasion");
    let twice = "rule r on order then send x coupon repeat every time end";
    let twice = Shop::new(twice, &[ordered(&[30 * MINUTE, 30 * MINUTE])]);
    assert_eq!(twice.intents().iter().map(|i| i.key).collect::<Vec<_>>(), [key], "a row that came twice");
    let hourly =
        |ago| Shop::new("rule r on order then send x coupon end", &[ordered(&[ago])]).intents().len();
    assert_eq!([0, 1, 60 * MINUTE, 60 * MINUTE + 1].map(hourly), [0, 1, 1, 0], "looks an hour apart");
}

proptest! {
    #[test]
    fn polls_find_every_event_that_comes_in_time_and_none_twice(
        orders in prop::collection::btree_set(1_i64..600, 0..12),
        polls in prop::collection::btree_set(1_i64..700, 1..40),
    ) {
        let moments: Vec<i64> = orders.iter().map(|m| NOW + m * MINUTE).collect();
        let customer = Customer { orders: moments.clone(), ..willing() };
        let mut shop = Shop::new("rule r on order then send x coupon repeat every time end", &[customer]);
        let mut looked_at = NOW;
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for poll in &polls {
            shop.now.micros = NOW + poll * MINUTE;
            shop.since = vec![(0, looked_at)];
            for intent in shop.intents() {
                *found.entry(intent.occasion).or_default() += 1;
            }
            shop.run();
            looked_at = shop.now.micros;
        }
        prop_assert!(found.values().all(|times| *times == 1), "{:?}", found);
        // The latest event before each poll, and those alone.
        let expected: BTreeSet<String> = polls.iter().filter_map(|poll| {
            let before = |at: &&i64| **at < NOW + poll * MINUTE;
            moments.iter().filter(before).max().map(|at| format!("at {at}"))
        }).collect();
        prop_assert_eq!(found.into_keys().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn an_event_in_quiet_hours_or_under_a_cap_waits_in_the_outbox_and_not_for_a_run_that_knows_it_no_more() {
    let reach = |policy: &str, rule: &str| {
        let rules = format!(
            "policy {policy} end rule first priority 2 {rule} then send a email repeat every time end
            rule r on order then send b email repeat every time end"
        );
        Shop::new(&rules, &[ordered(&[MINUTE])]).intents().iter().filter(|i| i.rule == "r").count()
    };
    // It is 10:00 in the shop.
    assert_eq!(reach("quiet from 09:00 to 11:00", "on order"), 1);
    assert_eq!(reach("at most 1 email per day", "on order"), 1);
    assert_eq!(reach("at most 1 email per day then skip", "on order"), 0, "what is to be dropped is");
}

#[test]
fn a_rule_that_looks_far_back_does_not_make_others_look_as_far() {
    let rules = "rule patient on order then send x coupon end rule other on order then send a email end";
    let mut shop = Shop::new(rules, &[ordered(&[5 * HOUR])]);
    shop.since = vec![(0, NOW - 6 * HOUR)];
    let rules: Vec<String> = shop.intents().into_iter().map(|i| i.rule).collect();
    assert_eq!(rules, ["patient"]);
}
