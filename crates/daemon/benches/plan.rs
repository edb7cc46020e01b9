//! How long a plan takes from a SQLite store: `cargo bench -p tidings-daemon --bench plan`.
//!
//! A seeded shop of 100,000 customers with 1,000,000 orders over two years, and 1,000 seeded rules of 2 to 6
//! comparisons over about 30 features, folds over windows of 30, 90, 180 and 365 days among them. Other sizes:
//! `-- CUSTOMERS ORDERS RULES`. Prints how long each part took: of a hundred plans of one customer each, and of
//! five with all customers, first with their orders put aside and then with them in memory, the fastest, the median and the
//! slowest; and the peak of the process's memory while it made these.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tidings_check::{Program, RuleFile, World, check};
use tidings_daemon::{Decider, Took};
use tidings_engine::Evaluator;
use tidings_plan::Addresses;
use tidings_schema::{Currency, Now, Settings, Vocabulary, load};
use tidings_store::import::{Import, Options, Source};
use tidings_store::{CustomerStore, Room};
use tidings_syntax::{FileId, Sources, parse};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    email: text
    consent: yes/no
    city: {type: one of, values: [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9]}
    country: text
    signed_up: date
    birthday: {type: date, yearly: true}
    points: number
    visits: number
    balance: {type: money}
contact:
  email: {address: email, consent: consent}
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    fields:
      placed_at: date
      total: {type: money}
      status: {type: one of, values: [paid, cancelled, returned]}
      category: text
";

struct Anywhere;

impl Addresses for Anywhere {
    fn normalise(&self, _: &str, raw: &str) -> Option<String> {
        Some(raw.to_owned())
    }
}

#[tokio::main]
async fn main() {
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [customers, orders, rules] = sizes[..] else { return measure(100_000, 1_000_000, 1_000).await };
    measure(customers, orders, rules).await;
}

async fn measure(customers: usize, orders: usize, rules: usize) {
    let settings = Settings { zone: chrono_tz::Tz::Asia__Shanghai, currency: Currency::CNY };
    let vocabulary = Arc::new(load(SCHEMA, FileId(0), &settings).0.unwrap());
    let folder = tempfile::tempdir().unwrap();
    write_files(folder.path(), customers, orders);
    import(folder.path(), &vocabulary, settings).await;
    let program = program(&vocabulary, rules);
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{customers} customers, {orders} orders, {rules} rules, {threads} threads");

    let evaluator = Evaluator::compile(&program).reading(&tidings_plan::needs(&program));
    let decider = Decider {
        program: &program,
        project: "bench",
        customers: &store,
        resident: None,
        room: None,
        state: None,
        addresses: &Anywhere,
        evaluator: &evaluator,
        threads,
        since: &[],
        beside: None,
        sparing: false,
    };
    let now = Now::parse("2026-11-11T10:00", settings.zone).unwrap();
    let mut one = Vec::new();
    for i in 0..100 {
        let key = format!("{:07}", i * customers / 100);
        one.push(decider.decide_about(now, &[0], &key).await.unwrap().took);
    }
    for (name, part) in PARTS {
        report(&format!("one: {name}"), one.iter().map(part), 1e3, "ms");
    }
    let little = Room { memory: 50_000_000, folder: folder.path().to_owned() };
    for (way, room) in [("put aside", Some(&little)), ("in memory", None)] {
        let mut runs = Vec::new();
        forget_peak();
        for _ in 0..5 {
            let decision = Decider { room, ..decider }.decide(now, None).await.unwrap();
            let matched: u64 = decision.plan.rules.iter().map(tidings_plan::RulePlan::matched).sum();
            let aside = decision.stream.as_ref().map_or(0, |stream| stream.aside() / 1_000_000);
            println!("  {matched} matches, {:?}, {aside} MB put aside, peak {} MB", decision.took, peak());
            runs.push(decision.took);
        }
        for (name, part) in PARTS {
            report(&format!("{way}: {name}"), runs.iter().map(part), 1.0, "s");
        }
    }
}

/// The most memory that the process took since it was last forgotten, in megabytes; of Linux's figures.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1000
}

fn forget_peak() {
    fs::write("/proc/self/clear_refs", "5").ok();
}

type Part = fn(&Took) -> Duration;
const PARTS: [(&str, Part); 4] = [
    ("load", |took| took.loading),
    ("evaluate", |took| took.evaluating),
    ("plan", |took| took.planning),
    ("all", Took::total),
];

/// The fastest, the median and the slowest.
fn report(name: &str, times: impl Iterator<Item = Duration>, scale: f64, unit: &str) {
    let mut times: Vec<f64> = times.map(|t| t.as_secs_f64() * scale).collect();
    times.sort_by(f64::total_cmp);
    let (first, median, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("{name:>20}: {first:.2} {unit}, {median:.2} {unit}, {last:.2} {unit}");
}

fn write_files(folder: &Path, customers: usize, orders: usize) {
    let mut draw = StdRng::seed_from_u64(1);
    let mut text = String::from("id,email,consent,city,country,signed_up,birthday,points,visits,balance\n");
    for i in 0..customers {
        let birthday = if draw.random_bool(0.7) { day(&mut draw, 1960, 40) } else { String::new() };
        writeln!(
            text,
            "{i:07},c{i}@example.com,{},c{},{},{},{birthday},{},{},{}.{:02}",
            u8::from(draw.random_bool(0.8)),
            draw.random_range(0..10),
            ["CN", "JP", "KR", "US", ""][draw.random_range(0..5)],
            day(&mut draw, 2022, 4),
            draw.random_range(0..10_000),
            draw.random_range(0..300),
            draw.random_range(0..2_000),
            draw.random_range(0..100)
        )
        .unwrap();
    }
    fs::write(folder.join("customers.csv"), text).unwrap();
    let mut text = String::from("customer_id,placed_at,total,status,category\n");
    for _ in 0..orders {
        // Few customers have many orders.
        let skewed = draw.random::<f64>().powi(3);
        writeln!(
            text,
            "{:07},{},{}.{:02},{},k{}",
            (skewed * customers as f64) as usize,
            day(&mut draw, 2025, 2),
            draw.random_range(1..900),
            draw.random_range(0..100),
            ["paid", "paid", "paid", "cancelled", "returned"][draw.random_range(0..5)],
            draw.random_range(0..20)
        )
        .unwrap();
    }
    fs::write(folder.join("orders.csv"), text).unwrap();
}

fn day(draw: &mut StdRng, from: i32, years: i32) -> String {
    format!(
        "{}-{:02}-{:02}",
        from + draw.random_range(0..years),
        draw.random_range(1..13),
        draw.random_range(1..29)
    )
}

async fn import(folder: &Path, vocabulary: &Vocabulary, settings: Settings) {
    let source = |table: &str| Source { table: table.into(), path: folder.join(format!("{table}.csv")) };
    let options =
        Options { delimiter: None, again: false, customers_from: None, rejected_in: None, settings };
    let sources = [source("customers"), source("orders")];
    let import = Import::plan(&sources, Some(vocabulary), &options, &mut |_| {}).unwrap();
    import.run("sqlite:shop.db", folder, &mut |_| {}).await.unwrap();
}

/// Seeded rules of 2 to 6 comparisons.
fn program(vocabulary: &Arc<Vocabulary>, rules: usize) -> Program {
    let mut draw = StdRng::seed_from_u64(2);
    let mut text = String::new();
    for i in 0..rules {
        let tests: Vec<String> = (0..draw.random_range(2..7)).map(|_| comparison(&mut draw)).collect();
        let joined = tests.join(if draw.random_bool(0.7) { " and " } else { " or " });
        writeln!(text, "rule r{i}\n  if {joined}\n  then send hello coupon\nend").unwrap();
    }
    let mut sources = Sources::default();
    let id = sources.add("rules/bench.tidings", &text);
    let parsed = parse(id, &text);
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    let file = RuleFile { id, name: "bench".into(), tree: parsed.file, broken: parsed.broken };
    let checked = check(&[file], vocabulary.clone(), &World::default(), &sources);
    checked.program.unwrap_or_else(|| panic!("{:?}", checked.diagnostics))
}

fn comparison(draw: &mut StdRng) -> String {
    let window = [30, 90, 180, 365][draw.random_range(0..4)];
    let op = ["<", "<=", ">", ">="][draw.random_range(0..4)];
    match draw.random_range(0..12) {
        0 => format!("count of orders in last {window} days {op} {}", draw.random_range(0..8)),
        1 => format!("sum of orders.total in last {window} days {op} {} CNY", draw.random_range(0..5_000)),
        2 => {
            format!("average of orders.total in last {window} days {op} {} CNY", draw.random_range(100..800))
        }
        3 => format!("max of orders.total in last {window} days {op} {} CNY", draw.random_range(100..900)),
        4 => format!(
            "count of orders where status = paid in last {window} days {op} {}",
            draw.random_range(0..6)
        ),
        5 => format!(
            "number of distinct orders.category in last {window} days {op} {}",
            draw.random_range(0..6)
        ),
        6 => format!("days since latest orders.placed_at {op} {}", draw.random_range(0..700)),
        7 => format!("city in (c{}, c{})", draw.random_range(0..5), draw.random_range(5..10)),
        8 => format!("country = \"{}\"", ["CN", "JP", "KR", "US"][draw.random_range(0..4)]),
        9 => format!("points {op} {}", draw.random_range(0..10_000)),
        10 => format!("balance {op} {} CNY", draw.random_range(0..2_000)),
        _ => format!("days until next birthday {op} {}", draw.random_range(0..360)),
    }
}
