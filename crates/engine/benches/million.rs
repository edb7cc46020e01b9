//! One line a size: how long a thousand rules take on one thread and on two, fastest and median of some runs.
//! `cargo bench -p tidings-engine --bench million -- CUSTOMERS RULES RUNS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::Shop;
use std::time::Instant;

fn main() {
    let sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let [customers, rules, runs] = sizes[..] else { return measure(1_000_000, 1_000, 9) };
    measure(customers, rules, runs);
}

fn measure(customers: usize, rules: usize, runs: usize) {
    let shop = Shop::new(rules, customers);
    let orders: usize = shop.chunks.iter().map(|c| c.collections[0].len()).sum();
    println!("{customers} customers, {orders} orders, {rules} rules, {} chunks", shop.chunks.len());
    for threads in [1, 2] {
        let mut seconds: Vec<f64> = (0..runs)
            .map(|_| {
                let start = Instant::now();
                std::hint::black_box(shop.evaluate(threads));
                start.elapsed().as_secs_f64()
            })
            .collect();
        seconds.sort_by(f64::total_cmp);
        println!("{threads} threads: fastest {:.3} s, median {:.3} s", seconds[0], seconds[runs / 2]);
    }
    let (_, counts) = shop.evaluate(2);
    println!(
        "{} matches, {} rules that match nobody",
        counts.iter().sum::<usize>(),
        counts.iter().filter(|n| **n == 0).count()
    );
}
