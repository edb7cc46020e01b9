//! What changes between two versions is what two plain readings of their plans differ in, customer by customer: over
//! generated rules and customers, also where the customers were read twice and are not the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generate;
mod shop;

use generate::{customer, program};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shop::{Customer, Shop};
use std::collections::{BTreeMap, BTreeSet};
use tidings_check::program::{Action, Schedule};
use tidings_plan::against::{Side, changes};
use tidings_plan::{Plan, StepPlan, Verdict};
use tidings_syntax::Place;

const PAIRS: u64 = 120;

/// By key, what everybody whom a rule chooses gets, in words.
fn plain(shop: &Shop, plan: &Plan, rule: Option<usize>) -> BTreeMap<String, String> {
    let mut said = BTreeMap::new();
    let Some(rule) = rule else { return said };
    let planned = plan.rules.iter().find(|r| r.rule == rule).unwrap();
    for audience in &planned.audiences {
        for (c, verdicts) in audience.outcome.iter().enumerate() {
            for i in verdicts.members().iter() {
                let key = shop.chunks[c].keys.value(i).to_owned();
                let steps: Vec<(&StepPlan, Verdict)> =
                    audience.steps.iter().map(|step| (step, step.verdict(c, i).unwrap())).collect();
                said.insert(key, in_words(&steps));
            }
        }
    }
    said
}

fn in_words(steps: &[(&StepPlan, Verdict)]) -> String {
    if let Some((_, Verdict::Held(reason))) = steps.first()
        && steps.iter().all(|(_, verdict)| *verdict == Verdict::Held(*reason))
    {
        return format!("held back: {reason}");
    }
    let step = |(step, verdict): &(&StepPlan, Verdict)| {
        let through = |channel: &u8| match &step.action {
            Action::Message { template, channels, coupon: None } => {
                format!("{template} {}", channels[*channel as usize])
            }
            Action::Message { template, channels, coupon: Some(coupon) } => {
                format!("{template} {} with {coupon} coupon", channels[*channel as usize])
            }
            Action::Coupon(name) => format!("{name} coupon"),
            other => panic!("{other:?}"),
        };
        match verdict {
            Verdict::Planned(channel) => through(channel),
            Verdict::Waits(channel) => through(channel) + " after a person's word",
            Verdict::Held(reason) => format!("{} held back: {reason}", step.id),
        }
    };
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

#[test]
fn changes_are_what_two_plain_readings_differ_in() {
    let words = |place: Place| format!("{place:?}");
    let (mut entered, mut left, mut shifted, mut told, mut gone) = (0, 0, 0, 0, 0);
    for seed in 0..PAIRS {
        let draw = &mut StdRng::seed_from_u64(seed);
        let rules = [program(draw), program(draw)];
        let customers: Vec<Customer> = (0..draw.random_range(0..60)).map(|_| customer(draw)).collect();
        // Keys go by position: whoever is at the end is not there on the other side.
        let fewer = if draw.random_bool(0.5) { customers.len() } else { customers.len() / 2 };
        let shops = [Shop::new(&rules[0], &customers), Shop::new(&rules[1], &customers[..fewer])];
        let plans = [shops[0].plan(), shops[1].plan()];
        let populations = [0, 1].map(|i| shops[i].evaluator.populations(&shops[i].chunks, shops[i].now, 1));
        let side = |i: usize| Side {
            evaluator: &shops[i].evaluator,
            question: shops[i].question(),
            populations: &populations[i],
            plan: &plans[i],
            words: &words,
        };
        let changes = changes(&side(0), &side(1), usize::MAX);
        for rule in &changes.rules {
            let (was, is) =
                (plain(&shops[0], &plans[0], rule.before), plain(&shops[1], &plans[1], rule.after));
            let only = |one: &BTreeMap<String, _>, other: &BTreeMap<String, _>| -> BTreeSet<String> {
                one.keys().filter(|key| !other.contains_key(*key)).cloned().collect()
            };
            let keys = |moved: &tidings_plan::against::Movement| -> BTreeSet<String> {
                assert_eq!(moved.customers as usize, moved.named.len());
                moved.named.iter().map(|moved| moved.customer.clone()).collect()
            };
            let context = || format!("seed {seed}, {}\n{}\n{}", rule.name, rules[0], rules[1]);
            assert_eq!(keys(&rule.entering), only(&is, &was), "{}", context());
            assert_eq!(keys(&rule.leaving), only(&was, &is), "{}", context());
            let stay: BTreeSet<&String> = was.keys().filter(|key| is.contains_key(*key)).collect();
            assert_eq!(rule.staying as usize, stay.len());
            let shifts: BTreeMap<&String, (&String, &String)> = rule
                .shifts
                .iter()
                .flat_map(|shift| shift.named.iter().map(move |key| (key, (&shift.before, &shift.after))))
                .collect();
            let differ = stay.into_iter().filter(|key| was[*key] != is[*key]);
            let differ: BTreeMap<&String, (&String, &String)> =
                differ.map(|key| (key, (&was[key], &is[key]))).collect();
            assert_eq!(shifts, differ, "{}", context());
            entered += rule.entering.customers;
            left += rule.leaving.customers;
            shifted += shifts.len();
            told += rule.entering.named.iter().filter(|moved| moved.why.is_some()).count();
            gone +=
                rule.leaving.named.iter().filter(|moved| moved.why.is_none() && rule.after.is_some()).count();
            // Nobody is told a comparison where it is an event that came, or nobody knows them from before.
            let waits = |shop: &Shop, rule: Option<usize>| {
                rule.is_none_or(|rule| matches!(shop.program.rules[rule].schedule, Schedule::On(_)))
            };
            if fewer == customers.len() && !waits(&shops[0], rule.before) && !waits(&shops[1], rule.after) {
                let moved = rule.entering.named.iter().chain(&rule.leaving.named);
                moved.for_each(|moved| assert!(moved.why.is_some(), "{}: {}", moved.customer, context()));
            }
        }
    }
    assert!(
        [entered as usize, left as usize, shifted, told, gone].iter().all(|n| *n > 50),
        "{entered} {left} {shifted} {told} {gone}"
    );
}
