//! How time and memory grow with customers and with rules, and the same answer one day later. Each size is measured by a
//! process of its own, so that its peak of memory is its own.
//! `cargo bench -p tidings-engine --bench growth -- [THREADS] [RUNS]`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::Shop;
use std::process::Command;
use tidings_engine::Matches;

const CUSTOMERS: [usize; 3] = [10_000, 100_000, 1_000_000];
const RULES: [usize; 3] = [10, 100, 1_000];
const DAY: i64 = 86_400_000_000;

fn main() {
    let given: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    match given[..] {
        [customers, rules, threads, runs] => measure(customers, rules, threads, runs),
        [threads, runs] => all(threads, runs),
        _ => all(2, 9),
    }
}

fn all(threads: usize, runs: usize) {
    let sizes = CUSTOMERS.map(|customers| (customers, 1_000)).into_iter();
    println!(
        "| customers | rules | orders | seconds by the clock | of processors | a day later | MB of customers and orders | of matches | peak |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (customers, rules) in sizes.chain(RULES.map(|rules| (1_000_000, rules)).into_iter().take(2)) {
        let sizes = [customers, rules, threads, runs].map(|size| size.to_string());
        assert!(Command::new(std::env::current_exe().unwrap()).args(sizes).status().unwrap().success());
    }
}

/// A line of the table: medians of the runs.
fn measure(customers: usize, rules: usize, threads: usize, runs: usize) {
    let empty = memory("VmRSS");
    let mut shop = Shop::new(rules, customers);
    let data = memory("VmRSS") - empty;
    let orders: usize = shop.chunks.iter().map(|c| c.collections[0].len()).sum();
    let now = shop.now;
    let mut seconds = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..runs {
        shop.now = now;
        let [clock, processors] = shop.seconds(threads);
        shop.now.micros = now.micros + DAY;
        let [later, _] = shop.seconds(threads);
        seconds.iter_mut().zip([clock, processors, later]).for_each(|(all, one)| all.push(one));
    }
    let [clock, processors, later] = seconds.map(|mut all| {
        all.sort_by(f64::total_cmp);
        all[runs / 2]
    });
    let matches = shop.evaluate(threads).0.iter().map(Matches::bytes).sum::<usize>() >> 20;
    let peak = memory("VmHWM");
    println!(
        "| {customers} | {rules} | {orders} | {clock:.4} | {processors:.2} | {later:.4} | {data} | {matches} | {peak} |"
    );
}

/// Megabytes that this process has, or has had at its peak, on Linux.
fn memory(which: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(which)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<usize>().ok()).unwrap_or(0) / 1024
}
