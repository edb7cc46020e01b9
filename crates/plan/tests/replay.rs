//! A replay, run after run, plans what the same runs plan on the past that their pages leave: over generated rules,
//! policies, customers and moments.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod generate;
mod shop;

use generate::{NOW, customer, program};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use shop::{Customer, DAY, Shop};
use std::collections::{BTreeMap, HashSet};
use tidings_check::program::Action;
use tidings_engine::{Bitmap, Populations};
use tidings_plan::history::address_hash;
use tidings_plan::{
    Audience, AudienceCounts, Page, Past, Question, Record, Replay, RuleCounts, RulePlan, StepCounts,
    StepPlan, Tally, Terms, Verdict, Verdicts, pages, plan,
};
use tidings_schema::{Currency, Now};

const PROGRAMS: u64 = 300;
const RUNS: usize = 9;

#[test]
fn a_replay_plans_what_runs_plan_on_their_past() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..PROGRAMS {
        let draw = &mut StdRng::seed_from_u64(seed);
        let rules = program(draw);
        let most = *[6, 40, 150].choose(draw).unwrap();
        let customers: Vec<Customer> = (0..draw.random_range(0..most)).map(|_| lively(draw)).collect();
        let mut shop = Shop::new(&rules, &customers);
        let terms = Terms { worth: Some((2000, Currency::CNY)), ..Terms::default() };
        shop.supplies.coupons.insert("x".to_owned(), terms);
        let hashes = HashSet::from([address_hash(b"secret", "email", "b@x.example")]);
        shop.standing.suppressed.insert("email".to_owned(), hashes);
        let (mut past, mut replay) = (Past::default(), Replay::new(&shop.question(), &shop.supplies, 2));
        // What is not asked for a plan forgets as it goes, and comes to the same.
        let mut brief = Replay::new(&shop.question(), &shop.supplies, 2);
        for _ in 0..RUNS {
            later(draw, &mut shop);
            let history = past.history().clone();
            let keyed = Question { history: Record::Keyed(&history), ..shop.question() };
            let expected = plan(&keyed, 2);
            let run = replay.run(&shop.question(), &shop.supplies, true, 2);
            let counts = brief.run(&shop.question(), &shop.supplies, false, 2);
            assert!(counts.plan.is_none());
            assert_eq!(counts.rules, run.rules, "seed {seed}\n{rules}");
            let made = run.plan.unwrap();
            let counts: Vec<RuleCounts> = expected.rules.iter().map(counted).collect();
            assert_eq!(run.rules, counts, "seed {seed}\n{rules}");
            assert_eq!(made.rules.len(), expected.rules.len(), "seed {seed}\n{rules}");
            for (made, expected) in made.rules.iter().zip(&expected.rules) {
                assert_eq!(made.audiences, expected.audiences, "seed {seed}, {}\n{rules}", made.name);
                assert_eq!(made.stopped, expected.stopped, "seed {seed}, {}\n{rules}", made.name);
                *seen.entry("stopped").or_default() += usize::from(made.stopped.is_some());
                for (reason, n) in made.tally().held {
                    *seen.entry(reason.name()).or_default() += n as usize;
                }
            }
            let written: Vec<Page> = pages(&expected, &keyed, &shop.supplies).collect();
            let replayed: Vec<Page> = pages(&made, &shop.question(), &shop.supplies).collect();
            assert_eq!(replayed, written, "seed {seed}\n{rules}");
            for page in &written {
                let left = page.entries.iter().filter(|(_, _, entry)| !entry.inside).count();
                *seen.entry("left").or_default() += left;
                let again = |o: &&tidings_plan::Occasion| !o.occasion.ends_with(" 0") && o.occasion != "once";
                *seen.entry("again").or_default() += page.occasions.iter().filter(again).count();
                past.take(page);
            }
        }
        for replay in [&replay, &brief] {
            assert_eq!(replay.received(&everybody(&shop)), received(&past, customers.len()), "seed {seed}");
        }
    }
    for what in ["stopped", "left", "again", "already_sent", "capped", "quiet", "holdout", "over_limit"] {
        assert!(seen.get(what).is_some_and(|n| *n > 50), "{what} was hardly met: {seen:?}");
    }
}

/// What a plan says of a rule in numbers.
fn counted(plan: &RulePlan) -> RuleCounts {
    let step = |step: &StepPlan| {
        let sets = || step.verdicts.iter().flat_map(Verdicts::iter);
        let on = |which: &dyn Fn(Verdict) -> bool| {
            sets().filter(|(verdict, _)| which(*verdict)).map(|(_, whom)| whom.count() as u64).sum()
        };
        let channels = if let Action::Message { channels, .. } = &step.action { channels.len() } else { 1 };
        StepCounts {
            sent: (0..channels as u8).map(|i| on(&|verdict| verdict == Verdict::Planned(i))).collect(),
            waiting: on(&|verdict| matches!(verdict, Verdict::Waits(_))),
        }
    };
    let audience = |audience: &Audience| {
        let mut outcome = Tally::default();
        for (verdict, whom) in audience.outcome.iter().flat_map(Verdicts::iter) {
            *match verdict.held() {
                Some(reason) => outcome.held.entry(reason).or_default(),
                None => &mut outcome.planned,
            } += whom.count() as u64;
        }
        AudienceCounts { outcome, steps: audience.steps.iter().map(step).collect() }
    };
    RuleCounts {
        rule: plan.rule,
        audiences: plan.audiences.iter().map(audience).collect(),
        dropped: plan.used_up.iter().map(|set| set.count() as u64).sum(),
        stopped: plan.stopped.clone(),
    }
}

/// A customer with orders in the days to come.
fn lively(draw: &mut StdRng) -> Customer {
    let mut customer = customer(draw);
    customer.orders.extend((0..draw.random_range(0..4)).map(|_| NOW + draw.random_range(0..10 * DAY)));
    customer.orders.sort_unstable();
    customer
}

/// Some time goes by.
fn later(draw: &mut StdRng, shop: &mut Shop) {
    let before = shop.now.micros;
    let micros = before + *[DAY / 24, DAY / 2, DAY, 3 * DAY].choose(draw).unwrap();
    shop.now = Now { micros, ..shop.now };
    shop.since = (0..shop.program.rules.len()).map(|rule| (rule, before)).collect();
    shop.matches = shop.evaluator.evaluate_all(&shop.chunks, shop.now, &Populations::default(), 1);
}

fn everybody(shop: &Shop) -> Vec<Bitmap> {
    shop.chunks.iter().map(|chunk| Bitmap::all(chunk.len())).collect()
}

/// How many customers had each number of messages.
fn received(past: &Past, customers: usize) -> Vec<u64> {
    let had: Vec<usize> = past.history().messages.values().map(Vec::len).collect();
    let most = had.iter().copied().max().unwrap_or(0);
    let mut counts = vec![0; most + 1];
    counts[0] = (customers - had.len()) as u64;
    had.iter().for_each(|n| counts[*n] += 1);
    counts
}
