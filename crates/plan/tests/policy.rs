//! What the policy's words do to a plan and at the gate, and how long what was planned waits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::{Customer, DAY, Shop, willing};
use std::collections::BTreeMap;
use tidings_plan::{AtGate, Door, Entry, Kind, Reason, Refusal, Status, Verdict, pages};

const HOUR: i64 = 3_600_000_000;

#[test]
fn what_a_cap_has_no_room_for_waits_or_is_dropped() {
    for (then, later) in [("", true), ("then wait", true), ("then skip", false)] {
        for repeat in ["once", "repeat on every entry"] {
            let rules = format!(
                "policy at most 1 email per 7 days {then} end
                 rule first priority 2 then send a email end
                 rule second then send x coupon send b email {repeat} end"
            );
            let mut shop = Shop::new(&rules, &[willing()]);
            let second = shop.plan().rules[1].tally();
            assert_eq!((second.planned, second.held), (0, BTreeMap::from([(Reason::Capped, 1)])), "{then}");
            assert_eq!(shop.intents().len(), 1, "no coupon without the mail that speaks of it");
            shop.run();
            let entered = shop.history.rules.get("second").and_then(|r| r.entries.get("000").copied());
            let entry = Entry { ordinal: 1, inside: true };
            assert_eq!(entered, (!later && repeat != "once").then_some(entry), "{then} {repeat}");
            shop.now.micros += 8 * DAY;
            let verdict = shop.plan().rules[1].audiences[0].outcome[1].of(0).unwrap();
            let dropped = Verdict::Held(Reason::AlreadySent);
            assert_eq!(verdict, if later { Verdict::Planned(0) } else { dropped }, "{then} {repeat}");
        }
    }
}

#[test]
fn hours_of_silence_come_before_what_a_cap_drops() {
    let rules = "policy at most 0 email per day then skip quiet from 09:00 to 11:00 for sms end
        rule r then send a email send b sms end";
    let shop = Shop::new(rules, &[willing()]);
    let (plan, question) = (shop.plan(), shop.question());
    assert_eq!(plan.rules[0].tally().held, BTreeMap::from([(Reason::Quiet, 1)]));
    assert_eq!(pages(&plan, &question, &shop.supplies).count(), 0, "the occasion is kept for later");
}

#[test]
fn unknown_zones_are_the_projects_or_wait() {
    let verdict = |wait: &str, from: &str, zone| {
        let rules = format!("policy quiet from {from} to 11:00{wait} end rule r then send a email end");
        Shop::new(&rules, &[Customer { zone, ..willing() }]).only_verdict()
    };
    let (goes, quiet) = (Verdict::Planned(0), Verdict::Held(Reason::Quiet));
    for unknown in [None, Some("nowhere")] {
        assert_eq!(verdict("", "09:00", unknown), quiet);
        assert_eq!(verdict("", "10:30", unknown), goes);
        assert_eq!(verdict(", unknown zones wait", "10:30", unknown), quiet);
        assert_eq!(verdict(" for sms, unknown zones wait", "10:30", unknown), goes);
    }
    assert_eq!(verdict(", unknown zones wait", "09:00", Some("Asia/Tokyo")), goes, "it is evening there");
    assert_eq!(verdict(", unknown zones wait", "09:00", Some("UTC")), quiet);
}

#[test]
fn the_gate_ends_what_the_policy_lets_nobody_wait_for() {
    let door = |policy: &str| {
        let shop = Shop::new(&format!("policy {policy} end rule r then send a email end"), &[willing()]);
        (Door::new(&shop.program, "test"), shop.now.micros)
    };
    let judge = |policy: &str, zone: Option<&str>| {
        let (door, now) = door(policy);
        let sent = [("email".to_owned(), now - HOUR)];
        let row = AtGate {
            kind: Kind::Message,
            rule: "r",
            customer: "c",
            channel: "email",
            zone,
            expires: None,
            sent: &sent,
        };
        match door.judge(&row, now) {
            None => "leaves".to_owned(),
            Some(Refusal::Waits { status, .. }) => format!("waits {status:?}"),
            Some(Refusal::Ends(status, _)) => format!("ends {status:?}"),
        }
    };
    assert_eq!(judge("at most 1 email per day", None), format!("waits {:?}", Status::Capped));
    assert_eq!(judge("at most 1 email per day then skip", None), format!("ends {:?}", Status::Capped));
    assert_eq!(judge("at most 2 email per day then skip", None), "leaves");
    assert_eq!(judge("quiet from 11:00 to 12:00", None), "leaves");
    assert_eq!(
        judge("quiet from 11:00 to 12:00, unknown zones wait", None),
        format!("ends {:?}", Status::Quiet)
    );
    assert_eq!(judge("quiet from 11:00 to 12:00, unknown zones wait", Some("UTC")), "leaves");
    assert_eq!(judge("quiet from 11:00 to 12:00 for sms, unknown zones wait", None), "leaves");
}

#[test]
fn messages_wait_for_a_day_or_as_long_as_the_rule_says() {
    let expires = |what: &str, expiring: bool| {
        let mut shop = Shop::new(&format!("rule r then {what} end"), &[willing()]);
        shop.supplies.expiring = expiring;
        let after: Vec<Option<i64>> =
            shop.intents().iter().map(|i| Some((i.expires? - shop.now.micros) / HOUR)).collect();
        assert!(after.windows(2).all(|pair| pair[0] == pair[1]), "what belongs together");
        after[0]
    };
    assert_eq!(expires("send a email", true), Some(24));
    assert_eq!(expires("send a email with x coupon", true), Some(24));
    assert_eq!(expires("send x coupon", true), None, "a coupon that nobody speaks of is never stale");
    assert_eq!(expires("send a email expires 2026-11-12", true), Some(14));
    assert_eq!(expires("send a email expires 2026-11-20", true), Some(24));
    assert_eq!(expires("send a email if late by more than 2 hours then skip", true), Some(2));
    assert_eq!(expires("send x coupon if late by more than 3 days then skip", true), Some(72));
    assert_eq!(expires("send a email if late by more than 2 hours then send", true), None);
    assert_eq!(expires("send a email", false), None, "a run for another moment");
}

#[test]
fn a_rule_over_its_budget_waits_for_a_person() {
    // The coupon x is worth 20 CNY.
    let rule = "rule r then send x coupon send a email budget 60 CNY per week end";
    let tally = |customers: usize, spent: Vec<(i64, i64)>| {
        let mut shop = Shop::new(rule, &vec![willing(); customers]);
        shop.history.spent.insert("r".to_owned(), spent);
        let plan = shop.plan();
        assert_eq!(plan.rules[0].stopped.is_some(), plan.rules[0].waiting() > 0);
        (plan.rules[0].tally().planned, plan.rules[0].waiting())
    };
    let now = Shop::new(rule, &[]).now.micros;
    assert_eq!(tally(3, vec![]), (3, 0));
    assert_eq!(tally(4, vec![]), (0, 4));
    assert_eq!(tally(3, vec![(now - 6 * DAY, 1)]), (0, 3), "a fen too much");
    assert_eq!(tally(3, vec![(now - 8 * DAY, 6_000)]), (3, 0), "that was last week");
    assert_eq!(tally(0, vec![(now, 9_000)]), (0, 0));
}

#[test]
fn the_rest_of_a_run_that_waits_for_a_person_waits_too_however_few_are_left() {
    let mut shop = Shop::new("rule r then send a email limit 3 customers end", &vec![willing(); 2]);
    assert_eq!(shop.plan().rules[0].waiting(), 0);
    shop.history.held.insert("r".to_owned());
    assert_eq!(shop.plan().rules[0].waiting(), 2);
}
