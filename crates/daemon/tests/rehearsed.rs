//! What a test of rules says is what a run on a store says: the same plans, step by step, to the last verdict.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shop::Shop;
use std::fmt::Write as _;
use tidings_daemon::{Decider, RunOf, Site, run};
use tidings_plan::{Plan, pages};
use tidings_rehearse::{Rehearsal, TestFile};
use tidings_schema::Now;
use tidings_schema::yaml::Document;
use tidings_syntax::FileId;

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  created: signed_up
  attributes:
    email: text
    consent: yes/no
    city: text
    level: {type: one of, values: [{basic: B}, {gold: G}]}
    signed_up: moment
    tags: {type: tags, kept: true}
contact:
  email: {address: email, consent: consent}
collections:
  orders: {table: orders, customer: customer_id, time: placed_at, fields: {placed_at: moment, total: {type: money, unit: minor}}}
events:
  order: orders
";

/// Some rules, of those that there are each kind of, with thresholds by chance.
fn rules(random: &mut StdRng) -> String {
    let mut text =
        "score spend = quintile of (sum of orders.total in last 90 days), highest first\n\n".to_owned();
    let (days, share, amount) =
        (random.random_range(5..60), random.random_range(5..40), random.random_range(50..400));
    let all = [
        format!("policy\n  at most 2 email per {} days\n  hold out {}%\nend", share.min(9), share),
        format!("rule quiet\n  if days since latest orders.placed_at > {days}\n  then\n    send hello email\n    send gift coupon\n  repeat at most once per 3 days\n  hold out {share}%\nend"),
        "rule best\n  if spend >= 4 and city != \"Chengdu\"\n  then send hello email with gift coupon\n  repeat every time\n  priority 2\nend".to_owned(),
        format!("segment spenders sum of orders.total >= {amount} CNY end\n\nrule enters\n  for spenders\n  if level = gold\n  then add tag \"gold\"\n  else call crm webhook\n  repeat on every entry\nend"),
        "rule tagged\n  if tags contains \"gold\" and not (was sent hello in last 3 days)\n  then send hello email\n  repeat at most once per 2 days\nend".to_owned(),
        // Whoever enters as well has the tag afterwards: the higher priority is first, and the last word stands.
        "rule forgotten\n  if level = gold\n  then remove tag \"gold\"\n  repeat every time\n  priority 1\nend".to_owned(),
        "rule bought\n  on order\n  if count of orders >= 2\n  then send hello email\n  repeat every time\nend".to_owned(),
        format!("rule few\n  if holds gift coupon\n  then notify \"team\"\n  limit {share}% of customers\nend"),
    ];
    for part in all.iter().filter(|_| random.random_bool(0.8)) {
        text += &format!("{part}\n\n");
    }
    text + "rule always\n  if spend is known or consent\n  then send hello email\n  once\nend\n"
}

/// The same customers as rows for a store, theirs and of their orders, and as the customers of a test.
fn customers(random: &mut StdRng) -> (String, String, String) {
    let (mut people, mut orders) =
        ("id,email,consent,city,level,signed_up\n".to_owned(), "customer_id,placed_at,total\n".to_owned());
    let mut yaml = String::new();
    let moment = |random: &mut StdRng, from: i64| {
        let hours = random.random_range(from..2_400);
        let start = chrono::NaiveDate::from_ymd_opt(2026, 3, 10).unwrap().and_hms_opt(9, 0, 0).unwrap();
        let at = start - chrono::TimeDelta::minutes(hours * 60 + random.random_range(1..59));
        at.format("%Y-%m-%d %H:%M:%S").to_string()
    };
    for n in 0..random.random_range(1..14) {
        let one = |random: &mut StdRng, of: &[&'static str]| of[random.random_range(0..of.len())];
        let (consent, city) =
            (one(random, &["yes", "yes", "no", ""]), one(random, &["Shanghai", "Chengdu", ""]));
        let (level, signed_up) = (one(random, &["basic", "gold", ""]), moment(random, -100));
        let stored = level.get(..1).map(str::to_uppercase).unwrap_or_default();
        writeln!(people, "c{n},c{n}@example.com,{consent},{city},{stored},{signed_up}").unwrap();
        write!(yaml, "  c{n}: {{email: c{n}@example.com, signed_up: {signed_up}").unwrap();
        for (name, value) in [("consent", consent), ("city", city), ("level", level)] {
            if !value.is_empty() {
                write!(yaml, ", {name}: {value}").unwrap();
            }
        }
        yaml += ", orders: [";
        for _ in 0..random.random_range(0..5) {
            // Some lie behind the first step, and are there from the start: they have not happened.
            let (at, cents) = (moment(random, -120), random.random_range(1..30_000));
            writeln!(orders, "c{n},{at},{cents}").unwrap();
            write!(yaml, "{{placed_at: {at}, total: {}.{:02}}}, ", cents / 100, cents % 100).unwrap();
        }
        yaml += "]}\n";
    }
    (people, orders, yaml)
}

/// The plans of runs on a store, one after another.
async fn on_a_store(site: &Site, moments: &[Now], since: &[Vec<(usize, i64)>]) -> Vec<Plan> {
    let (state, customers) = (site.state().await.unwrap(), site.customers().await.unwrap());
    let supplies = site.supplies();
    let mut plans = Vec::new();
    for (now, since) in moments.iter().zip(since) {
        let decider = Decider { since, ..site.decider(&customers, Some(&state)) };
        let decision = decider.decide(*now, None).await.unwrap();
        let dispatcher = site.dispatcher(&state).await.unwrap();
        let pages: Vec<_> = pages(&decision.plan, &decision.question(), &supplies).collect();
        let of = RunOf { at: now.micros, cause: "test", program: "" };
        run(&dispatcher, of, pages, |_| {}, |_| {}).await.unwrap();
        plans.push(decision.plan);
    }
    plans
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_plans_what_runs_on_a_store_plan() {
    let (mut matched, mut held) = (0, 0);
    for seed in 0..24 {
        let mut random = StdRng::seed_from_u64(seed);
        let shop = Shop::new(&[
            ("tidings.yaml", "name: same\nstore: sqlite:shop.db\ntime_zone: Asia/Shanghai\ncurrency: CNY\n"),
            ("schema.yaml", SCHEMA),
            ("rules/all.tidings", &rules(&mut random)),
            ("templates/hello.email.liquid", "subject: Hello\n---\n<p>{{ customer.city }}</p>\n"),
        ]);
        let (people, orders, yaml) = customers(&mut random);
        let steps = ["    - {after: 1 hour}\n", "    - {after: 1 day}\n", "    - {after: 3 days}\n"];
        let text = format!(
            "at: 2026-03-10T09:00\nlimits: yes\ncustomers:\n{yaml}tests:\n- name: all\n  steps:\n    - {{expect: {{c0: nothing}}}}\n{}",
            steps.concat()
        );
        let site = shop.site(|| 0);
        shop.import(&site, &[("customers", &people), ("orders", &orders)]).await;
        let mut found = Vec::new();
        let document = Document::read(&text, FileId::default(), &mut found).unwrap();
        let file = TestFile::read("tests/all.yaml", &document, &site.program, &mut found);
        assert!(found.is_empty(), "{found:#?}\n{text}");
        let (mut rehearsed, mut moments, mut since) = (Vec::new(), Vec::new(), Vec::new());
        let supplies = site.supplies();
        let name = site.project.config.name.as_str();
        let rehearsal = Rehearsal::new(&site.program, name, site.carriers.addresses(), &supplies);
        rehearsal.run(&file.tests[0], |scene, _| {
            rehearsed.push(scene.plan.clone());
            moments.push(scene.question.now);
            since.push(scene.question.since.to_vec());
            true
        });
        let ran = on_a_store(&site, &moments, &since).await;
        assert_eq!(rehearsed.len(), 4);
        for (step, (rehearsed, ran)) in rehearsed.iter().zip(&ran).enumerate() {
            assert_eq!(rehearsed, ran, "seed {seed}, step {step}\n{text}");
            let tallies = || ran.rules.iter().map(|rule| rule.tally());
            matched += tallies().map(|tally| tally.total()).sum::<u64>();
            held += tallies().map(|tally| tally.held.values().sum::<u64>()).sum::<u64>();
        }
    }
    assert!(matched > 500 && held > 100 && held < matched, "{matched} matched, {held} held: it says little");
}
