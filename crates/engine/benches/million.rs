//! One line a size: how long a thousand rules take on one thread and on two, fastest and median of some runs.
//! `cargo bench -p tidings-engine --bench million -- CUSTOMERS RULES RUNS`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use shop::Shop;

fn main() {
    tidings_engine::keep_freed();
    let sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let [customers, rules, runs] = sizes[..] else { return measure(1_000_000, 1_000, 9) };
    measure(customers, rules, runs);
}

fn measure(customers: usize, rules: usize, runs: usize) {
    let shop = Shop::new(rules, customers);
    let orders: usize = shop.chunks.iter().map(|c| c.collections[0].len()).sum();
    println!("{customers} customers, {orders} orders, {rules} rules, {} chunks", shop.chunks.len());
    for threads in [1, 2] {
        let mut seconds: Vec<[f64; 2]> = (0..runs).map(|_| shop.seconds(threads)).collect();
        let mut sorted = |of: usize| {
            seconds.sort_by(|a, b| a[of].total_cmp(&b[of]));
            (seconds[0][of], seconds[runs / 2][of])
        };
        let ((fastest, median), (least, usual)) = (sorted(0), sorted(1));
        println!(
            "{threads} threads: fastest {fastest:.3} s, median {median:.3} s; of processors {least:.2} s, {usual:.2} s"
        );
    }
    let (_, counts) = shop.evaluate(2);
    println!(
        "{} matches, {} rules that match nobody",
        counts.iter().sum::<usize>(),
        counts.iter().filter(|n| **n == 0).count()
    );
}
