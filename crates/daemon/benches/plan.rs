//! How long a plan takes from a SQLite store: `cargo bench -p tidings-daemon --bench plan`.
//!
//! A seeded project with 100,000 customers, 1,000,000 orders and 1,000 rules. Prints how long each part took: of a hundred
//! plans of one customer each, and of five with all customers, with their orders put aside, read into memory each time, and kept
//! in memory; the fastest, the median and the slowest; and the peak of the process's memory while it made these.
//!
//! `-- CUSTOMERS ORDERS RULES FOLDER` makes a project of other sizes in a folder, once, and leaves it there: for
//! `tidings --project FOLDER plan --timings` as well. `aside`, `memory` or `kept` behind it makes plans in that way alone,
//! so that the peak is that way's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod seeded;

use std::fs;
use std::path::Path;
use std::time::Duration;
use tidings_daemon::{Decider, Site, Took, site};
use tidings_schema::Now;
use tidings_store::{Resident, Room};
use tokio::sync::Mutex;

#[tokio::main]
async fn main() {
    tidings_engine::keep_freed();
    let given: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let sizes: Vec<usize> = given.iter().map_while(|arg| arg.parse().ok()).collect();
    let sizes = if given.is_empty() { vec![100_000, 1_000_000, 1_000] } else { sizes };
    let [customers, orders, rules] = sizes[..] else { panic!("CUSTOMERS ORDERS RULES [FOLDER [WAY]]") };
    let gone = tempfile::tempdir().unwrap();
    let folder = given.get(3).map_or(gone.path(), Path::new);
    if !folder.join("shop.db").exists() {
        seeded::make(folder, customers, orders, rules).await;
    }
    println!("{customers} customers, {orders} orders, {rules} rules");
    measure(folder, customers, given.get(4).map(String::as_str)).await;
}

async fn measure(folder: &Path, customers: usize, alone: Option<&str>) {
    let site = Site::open(folder, false, site::wall_clock()).unwrap_or_else(|e| panic!("{:?}", e.lines()));
    let store = site.customers().await.unwrap();
    let decider = site.decider(&store, None);
    let now = Now::parse("2026-11-11T10:00", site.zone()).unwrap();
    let mut one = Vec::new();
    for i in 0..100 {
        let key = format!("{:07}", i * customers / 100);
        one.push(decider.decide_about(now, &[0], &key).await.unwrap().took);
    }
    for (name, part) in PARTS {
        report(&format!("one: {name}"), one.iter().map(part), 1e3, "ms");
    }
    let little = Room { memory: 50_000_000, folder: folder.to_owned(), threads: decider.threads };
    let kept = Mutex::new(Resident::default());
    let aside = Decider { room: Some(&little), ..decider };
    let resident = Decider { resident: Some((&kept, site::wall_clock()())), ..decider };
    for (way, decider) in [("aside", aside), ("memory", decider), ("kept", resident)] {
        if alone.is_some_and(|alone| alone != way) {
            continue;
        }
        let mut runs = Vec::new();
        forget_peak();
        for _ in 0..5 {
            let decision = decider.decide(now, None).await.unwrap();
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
