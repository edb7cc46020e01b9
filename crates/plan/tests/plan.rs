//! What plans promise: everybody accounted for, caps kept, limits that stop, repeats as the rule says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use proptest::prelude::*;
use shop::{Customer, DAY, Shop, willing};
use std::collections::{BTreeMap, HashSet};
use tidings_plan::history::address_hash;
use tidings_plan::{Entry, Reason, Supplies, Verdict, pages};

const ONE: &str = "rule r then send a email end";

#[test]
fn reasons_are_listed_in_their_order() {
    assert!(Reason::ALL.into_iter().enumerate().all(|(i, reason)| reason as usize == i));
}

#[test]
fn unknown_consent_is_none_and_the_nearest_channel_says_why() {
    let held = |customer: Customer, rule: &str| Shop::new(rule, &[customer]).only_verdict();
    assert_eq!(held(willing(), ONE), Verdict::Planned(0));
    assert_eq!(held(Customer { email_ok: None, ..willing() }, ONE), Verdict::Held(Reason::NoConsent));
    assert_eq!(held(Customer { email_ok: Some(false), ..willing() }, ONE), Verdict::Held(Reason::NoConsent));
    assert_eq!(held(Customer { email: None, ..willing() }, ONE), Verdict::Held(Reason::NoAddress));
    assert_eq!(held(Customer { email: Some("  "), ..willing() }, ONE), Verdict::Held(Reason::NoAddress));
    let either = "rule r then send a email or sms end";
    assert_eq!(held(Customer { email: None, ..willing() }, either), Verdict::Planned(1));
    assert_eq!(
        held(Customer { email: None, sms_ok: None, ..willing() }, either),
        Verdict::Held(Reason::NoConsent)
    );
    assert_eq!(
        held(
            Customer { email: None, email_ok: None, ..Customer::default() },
            "rule r then send x coupon end"
        ),
        Verdict::Planned(0)
    );
}

#[test]
fn who_said_no_to_the_engine_is_left_alone() {
    let mut shop = Shop::new(ONE, &[willing()]);
    let hash = address_hash(b"secret", "email", "a@x.example");
    shop.standing.suppressed.insert("email".into(), HashSet::from([hash]));
    assert_eq!(shop.only_verdict(), Verdict::Held(Reason::Suppressed));
    shop.standing.suppressed.clear();
    shop.standing.withdrawn.insert("email".into(), HashSet::from(["000".to_owned()]));
    assert_eq!(shop.only_verdict(), Verdict::Held(Reason::NoConsent));
}

#[test]
fn repeats_are_as_the_rule_says() {
    let verdicts = |repeat: &str, days: &[i64]| {
        let mut shop =
            Shop::new(&format!("rule r every day at 09:00 then send x coupon {repeat} end"), &[willing()]);
        let start = shop.now.micros;
        let mut sent = Vec::new();
        for day in days {
            shop.now.micros = start + day * DAY;
            sent.push(shop.only_verdict() == Verdict::Planned(0));
            shop.run();
            assert_eq!(
                shop.only_verdict(),
                Verdict::Held(Reason::AlreadySent),
                "running it again sends nothing again"
            );
        }
        sent
    };
    assert_eq!(verdicts("once", &[0, 1, 1000]), [true, false, false]);
    assert_eq!(
        verdicts("repeat at most once per 60 days", &[0, 59, 60, 61, 120]),
        [true, false, true, false, true]
    );
    assert_eq!(verdicts("repeat every time", &[0, 1, 2]), [true, true, true]);
    assert_eq!(verdicts("repeat on every entry", &[0, 1]), [true, false]);
}

#[test]
fn an_entry_counts_again_after_having_left() {
    let mut shop = Shop::new("rule r then send x coupon repeat on every entry end", &[willing()]);
    let first = shop.intents()[0].key;
    shop.run();
    let matches = shop.matches.clone();
    shop.matches = Shop::new("rule r if email is missing then send x coupon end", &[willing()]).matches;
    shop.run();
    assert_eq!(shop.history.rules["r"].entries["000"], Entry { ordinal: 1, inside: false });
    shop.matches = matches;
    assert_eq!(shop.only_verdict(), Verdict::Planned(0));
    assert_ne!(shop.intents()[0].key, first, "a new entry is a new occasion");
}

#[test]
fn keys_are_of_rule_step_customer_and_occasion_only() {
    let key = |rules: &str| Shop::new(rules, &[willing()]).intents().last().unwrap().key;
    let first = key(ONE);
    assert_eq!(
        key("rule r \"label\" owner \"x\" priority 9 if email is known then send a email or sms end"),
        first
    );
    assert_eq!(
        key("rule r then send b sms send a email end"),
        first,
        "steps keep their names when they move"
    );
    assert_eq!(key("rule renamed was r then send a email end"), first);
    assert_ne!(key("rule other then send a email end"), first);
    assert_ne!(key("rule r then send b email end"), first);
}

#[test]
fn a_message_falls_back_on_the_channels_that_reach_the_customer_too() {
    let rule = "rule r then send a email or sms end";
    let fallback = |customer: Customer| {
        let intent = Shop::new(rule, &[customer]).intents().remove(0);
        (
            intent.channel,
            intent.fallback.into_iter().map(|f| (f.channel, f.address, f.key)).collect::<Vec<_>>(),
        )
    };
    let (channel, both) = fallback(willing());
    assert_eq!(channel, "email");
    let [(sms, number, key)] = &both[..] else { panic!("{both:?}") };
    assert_eq!((sms.as_str(), Some(number.as_str())), ("sms", willing().phone));
    assert_ne!(*key, Shop::new(rule, &[willing()]).intents()[0].key, "the first message's key is used up");
    assert_eq!(fallback(willing()).1, both, "and it is the same in every run");
    assert!(fallback(Customer { sms_ok: None, ..willing() }).1.is_empty(), "who does not say yes there");
    assert!(fallback(Customer { phone: None, ..willing() }).1.is_empty());
    assert!(fallback(Customer { email: None, ..willing() }).1.is_empty(), "sms is the last of them");
}

#[test]
fn holdouts_are_stable_and_independent() {
    let out = |rule: &str| {
        (0..20_000)
            .filter(|i| tidings_plan::make::held_out("p", rule, &i.to_string(), 0.1))
            .collect::<HashSet<_>>()
    };
    let (a, b) = (out("a"), out("b"));
    for set in [&a, &b] {
        assert!((1_800..2_200).contains(&set.len()), "{}", set.len());
    }
    let both = a.intersection(&b).count();
    assert!((120..280).contains(&both), "a tenth of a tenth is in both: {both}");
    assert_eq!(a, out("a"));
}

#[test]
fn a_rule_over_its_limit_waits_for_a_person_and_takes_no_place_under_a_cap() {
    let rules = "policy at most 1 messages per 7 days end
        rule big priority 2 then send a email limit 3 customers end
        rule small then send b email end";
    let plan = Shop::new(rules, &vec![willing(); 4]).plan();
    let (big, small) = (plan.rules[0].tally(), plan.rules[1].tally());
    assert_eq!((big.planned, big.held[&Reason::OverLimit]), (0, 4));
    assert_eq!(small.planned, 4);
    let shop = Shop::new(rules, &vec![willing(); 4]);
    let (plan, question) = (shop.plan(), shop.question());
    let held: Vec<_> = pages(&plan, &question, &Supplies::default())
        .map(|page| (page.hold.map(|h| (h.rule, h.customers)), page.intents.len()))
        .collect();
    assert_eq!(held, [(Some(("big".to_owned(), 4)), 4), (None, 4)]);
    let share =
        Shop::new("rule r then send a email limit 29% of customers end", &vec![willing(); 100]).plan();
    assert!(share.rules[0].stopped.as_ref().unwrap().contains("its limit is 29"));
    assert_eq!(Shop::new(rules, &vec![willing(); 3]).plan().rules[0].tally().planned, 3);
}

#[test]
fn a_coupon_waits_for_the_mail_that_speaks_of_it() {
    let rule = "rule r then send x coupon send a email end";
    let tally = |policy: &str| Shop::new(&format!("{policy} {rule}"), &[willing()]).plan().rules[0].tally();
    assert_eq!(tally("").planned, 1);
    assert_eq!(tally("policy quiet from 09:00 to 11:00 end").held, BTreeMap::from([(Reason::Quiet, 1)]));
    // Whoever cannot be written to at all gets the coupon all the same.
    let unwilling = Customer { email_ok: None, ..willing() };
    assert_eq!(Shop::new(rule, &[unwilling]).intents().len(), 1);
}

#[test]
fn another_repeat_policy_has_other_occasions() {
    let key = |repeat: &str| {
        Shop::new(&format!("rule r then send x coupon {repeat} end"), &[willing()]).intents()[0].key
    };
    let keys =
        ["once", "repeat at most once per 3 days", "repeat on every entry", "repeat every time"].map(key);
    assert_eq!(HashSet::from(keys).len(), 4);
    let at = |time: &str| key(&format!("every day at {time} repeat every time"));
    assert_eq!(at("09:30"), at("10:00"), "another time of day on the same day is the same occasion");
}

#[test]
fn an_entry_stands_in_the_page_of_what_it_brings() {
    let shop = Shop::new("rule r then send x coupon repeat on every entry end", &vec![willing(); 1200]);
    let plan = shop.plan();
    for page in pages(&plan, &shop.question(), &Supplies::default()) {
        let entered: HashSet<&str> = page.entries.iter().map(|(_, customer, _)| customer.as_str()).collect();
        let sent: HashSet<&str> = page.occasions.iter().map(|o| o.customer.as_str()).collect();
        assert_eq!(entered, sent);
    }
}

#[test]
fn what_is_over_or_not_run_yet_is_held() {
    let reason = |rule: &str| Shop::new(rule, &[willing()]).only_verdict();
    assert_eq!(reason("rule r then send a email expires 2026-11-11 end"), Verdict::Held(Reason::Expired));
    assert_eq!(reason("rule r then send a email expires 2026-11-12 end"), Verdict::Planned(0));
    assert_eq!(
        reason("rule r then send a email split 50% x: send x coupon 50% y: send a sms end end"),
        Verdict::Held(Reason::NotRun)
    );
    assert_eq!(
        reason("policy quiet from 09:00 to 11:00 end rule r then send a email end"),
        Verdict::Held(Reason::Quiet)
    );
    assert_eq!(
        reason("policy quiet from 09:00 to 11:00 for sms end rule r then send a email end"),
        Verdict::Planned(0)
    );
}

fn customers() -> impl Strategy<Value = Vec<Customer>> {
    let one = (any::<bool>(), any::<bool>(), any::<Option<bool>>(), any::<Option<bool>>());
    let one = one.prop_map(|(email, phone, email_ok, sms_ok)| Customer {
        email: email.then_some("a@x.example"),
        phone: phone.then_some("+861"),
        email_ok,
        sms_ok,
        ..Customer::default()
    });
    prop::collection::vec(one, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn everybody_is_accounted_for_and_no_cap_is_passed(
        customers in customers(),
        caps in prop::collection::vec((1_u32..4, 0_usize..3), 0..3),
        priorities in prop::array::uniform3(-2_i32..3),
        runs in 1_usize..4,
    ) {
        let channel = ["messages", "email", "sms"];
        let policy: String = caps.iter().map(|(n, c)| format!(" at most {n} {} per 7 days\n", channel[*c])).collect();
        let policy = if caps.is_empty() { String::new() } else { format!("policy\n{policy}end\n") };
        let rules: String = ["a email", "b sms or email", "c email or sms"].iter().zip(priorities).enumerate()
            .map(|(i, (send, p))| format!("rule r{i} then send {send} priority {p} hold out 20% repeat every time end\n"))
            .collect();
        let mut shop = Shop::new(&format!("{policy}{rules}"), &customers);
        for _ in 0..runs {
            let plan = shop.plan();
            for rule in &plan.rules {
                prop_assert_eq!(rule.tally().total(), rule.matched());
                prop_assert_eq!(rule.matched(), customers.len() as u64);
            }
            shop.run();
            // A day later: the next occurrence, with the week's messages still counting.
            shop.now.micros += DAY;
        }
        for messages in shop.history.messages.values() {
            for (most, c) in &caps {
                let counted = messages.iter().filter(|m| *c == 0 || *m.channel == *channel[*c]).count();
                prop_assert!(counted <= *most as usize, "{counted} messages under a cap of {most}");
            }
        }
        // Where a cap binds, a lower priority never goes before a higher one.
        if let [(1, 0)] = caps[..] && runs == 1 {
            let highest = *priorities.iter().max().unwrap();
            for (rule, priority) in shop.plan().rules.iter().zip(priorities) {
                if priority == highest && priorities.iter().filter(|p| **p == highest).count() == 1 {
                    let first = Shop::new(&format!("{policy}{rules}"), &customers).plan();
                    prop_assert!(!first.rules[rule.rule].tally().held.contains_key(&Reason::Capped));
                }
            }
        }
    }
}
