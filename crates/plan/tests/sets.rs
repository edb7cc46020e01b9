//! The plan, made by sets, says of every customer what a plain reading of the rules says: over generated rules,
//! policies, customers and histories.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generate;
mod reference;
mod shop;

use generate::{MINUTE, NOW, customer, pick, program};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reference::{Reference, Said, key};
use shop::{Customer, DAY, Shop};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tidings_engine::Populations;
use tidings_plan::history::address_hash;
use tidings_plan::schedule::latest_occurrence;
use tidings_plan::{
    Entry, Plan, Question, Reason, Tally, Verdict, needs_everybody, pages, situation, situation::find,
};

const PROGRAMS: u64 = 800;
const HISTORIES: usize = 4;

#[test]
fn plans_by_sets_say_what_a_plain_reading_says() {
    let mut seen: BTreeMap<String, u64> = BTreeMap::new();
    for seed in 0..PROGRAMS {
        let draw = &mut StdRng::seed_from_u64(seed);
        let rules = program(draw);
        let most = *[6, 40, 150].choose(draw).unwrap();
        let customers: Vec<Customer> = (0..draw.random_range(0..most)).map(|_| customer(draw)).collect();
        let mut shop = Shop::new(&rules, &customers);
        for _ in 0..HISTORIES {
            remember(draw, &mut shop, &customers);
            let plan = shop.plan();
            let expected = Reference::plan(&shop, &customers);
            for rule in &plan.rules {
                let said = said(&plan, rule.rule, &shop);
                assert_eq!(said, expected[&rule.rule], "seed {seed}, {}\n{rules}", rule.name);
                count(&said, rule.tally(), &mut seen);
            }
            alone(draw, &shop, &plan, customers.len(), &mut seen);
        }
    }
    // What was never met was not tested.
    let met: BTreeSet<&str> = seen.keys().map(String::as_str).collect();
    let missing: Vec<&str> = Reason::ALL.iter().map(|r| r.name()).filter(|r| !met.contains(r)).collect();
    assert!(missing.is_empty(), "{missing:?} was never met: {seen:?}");
    for what in
        ["planned by the second channel", "used up", "entered", "left", "an ordinal", "otherwise", "alone"]
    {
        assert!(met.contains(what), "{what} was never met: {seen:?}");
    }
}

/// A plan for one customer says the same of that customer, where no other can change it.
fn alone(draw: &mut StdRng, shop: &Shop, plan: &Plan, customers: usize, seen: &mut BTreeMap<String, u64>) {
    if customers == 0 || !shop.history.held.is_empty() {
        return;
    }
    let key = key(draw.random_range(0..customers));
    let (c, i) = find(&shop.chunks, &key).unwrap();
    let chunks = [shop.chunks[c].one(i).unwrap()];
    let matches = shop.evaluator.evaluate_all(&chunks, shop.now, &Populations::default(), 1);
    let question = Question { chunks: &chunks, matches: &matches, ..shop.question() };
    let one = tidings_plan::plan(&question, 1);
    for rule in (0..shop.program.rules.len()).filter(|rule| !needs_everybody(&shop.program, *rule)) {
        let (one, all) =
            (situation(&question, &one, rule, &key), situation(&shop.question(), plan, rule, &key));
        assert_eq!(one, all, "{key} alone, of {}", shop.program.rules[rule].name);
        *seen.entry("alone".to_owned()).or_default() += 1;
    }
}

/// What a plan says of a rule, as the reference puts it.
fn said(plan: &Plan, rule: usize, shop: &Shop) -> Said {
    let planned = plan.rules.iter().find(|r| r.rule == rule).unwrap();
    let mut said =
        Said { undecided: planned.undecided, stopped: planned.stopped.is_some(), ..Said::default() };
    for (c, chunk) in shop.chunks.iter().enumerate() {
        for (nth, audience) in planned.audiences.iter().enumerate() {
            for i in audience.outcome[c].members().iter() {
                let verdicts: Vec<Verdict> = audience.steps.iter().filter_map(|s| s.verdict(c, i)).collect();
                assert_eq!(verdicts.len(), audience.steps.len(), "a verdict for each step");
                let held = verdicts.iter().all(|v| matches!(v, Verdict::Held(_)));
                if !held || planned.used_up[c].contains(i) {
                    said.occasions.insert(chunk.keys.value(i).to_owned(), planned.occasion.of(c, i));
                }
                let twice = said.verdicts.insert(chunk.keys.value(i).to_owned(), (nth, verdicts));
                assert!(twice.is_none(), "in one audience only");
            }
        }
    }
    let alone = Plan { rules: vec![planned.clone()], ..plan.clone() };
    let question = shop.question();
    let entries = pages(&alone, &question, &shop.supplies).flat_map(|page| page.entries);
    said.entries = entries.map(|(_, customer, entry)| (customer, entry)).collect();
    said
}

fn count(said: &Said, tally: Tally, seen: &mut BTreeMap<String, u64>) {
    assert_eq!(tally.total(), said.verdicts.len() as u64, "everybody is accounted for");
    let mut see = |what: &str, times: usize| {
        if times > 0 {
            *seen.entry(what.to_owned()).or_default() += times as u64;
        }
    };
    tally.held.iter().for_each(|(reason, n)| see(reason.name(), *n as usize));
    let second = |(_, verdicts): &&(usize, Vec<Verdict>)| verdicts.contains(&Verdict::Planned(1));
    see("planned by the second channel", said.verdicts.values().filter(second).count());
    let all_held = |key: &&String| said.verdicts[*key].1.iter().all(|v| matches!(v, Verdict::Held(_)));
    see("used up", said.occasions.keys().filter(all_held).count());
    see("entered", said.entries.values().filter(|e| e.inside).count());
    see("left", said.entries.values().filter(|e| !e.inside).count());
    see("an ordinal", said.occasions.values().filter(|o| o.starts_with("time ") && *o != "time 0").count());
    see("otherwise", said.verdicts.values().filter(|(audience, _)| *audience == 1).count());
}

/// A past of rules, messages, entries and refusals; some of it about people who are no customers any more.
fn remember(draw: &mut StdRng, shop: &mut Shop, customers: &[Customer]) {
    (shop.history, shop.standing) = Default::default();
    shop.standing.secret = b"secret".to_vec();
    shop.since.clear();
    for rule in 0..shop.program.rules.len() {
        if draw.random_bool(0.3) {
            shop.since.push((rule, NOW - draw.random_range(0..90) * MINUTE));
        }
    }
    let much = *[0.0, 0.2, 0.6].choose(draw).unwrap();
    for rule in &shop.program.rules {
        let past = shop.history.rules.entry(rule.identity().to_owned()).or_default();
        for i in 0..customers.len() + 3 {
            if draw.random_bool(much) {
                let usual = format!("at {}", latest_occurrence(&rule.schedule, shop.now).unwrap_or_default());
                let reached = past.reached.entry(key(i)).or_default();
                for _ in 0..draw.random_range(1..3) {
                    let ago = draw.random_range(0..10) * DAY;
                    let order = customers.get(i).and_then(|c| c.orders.last()).map(|at| format!("at {at}"));
                    let order = order.unwrap_or_default();
                    reached.add(pick(draw, &["once", "time 0", "entry 0", &usual, &order]), NOW - ago);
                }
            }
            if draw.random_bool(much) {
                let ordinal = draw.random_range(0..3);
                let entry = Entry { ordinal, inside: ordinal > 0 && draw.random_bool(0.5) };
                past.entries.insert(key(i), entry);
            }
        }
        if draw.random_bool(0.1) {
            shop.history.held.insert(rule.identity().to_owned());
        }
        if draw.random_bool(0.3) {
            let spent = (NOW - draw.random_range(0..9) * DAY, draw.random_range(0..12_000));
            shop.history.spent.insert(rule.identity().to_owned(), vec![spent]);
        }
    }
    for i in 0..customers.len() + 3 {
        for _ in 0..draw.random_range(0..4) {
            if draw.random_bool(much) {
                let channel = pick(draw, &["email", "sms"]).into();
                let at = NOW - draw.random_range(0..10) * DAY;
                let past = tidings_plan::PastMessage { channel, at };
                shop.history.messages.entry(key(i)).or_default().push(past);
            }
        }
    }
    for channel in ["email", "sms"] {
        let hash = |address: &str| address_hash(b"secret", channel, address);
        let suppressed = ["a@x.example", "+862"].iter().filter(|_| draw.random_bool(0.3)).map(|a| hash(a));
        shop.standing.suppressed.insert(channel.to_owned(), suppressed.collect());
        let withdrawn: HashSet<String> =
            (0..customers.len()).filter(|_| draw.random_bool(0.1)).map(key).collect();
        shop.standing.withdrawn.insert(channel.to_owned(), withdrawn);
    }
}
