//! A thousand rules over a hundred thousand customers with a million orders, and a tenth of each:
//! `cargo bench -p tidings-engine`, `cargo bench -p tidings-engine -- quick`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use criterion::{Criterion, criterion_group, criterion_main};
use shop::Shop;
use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;
use tidings_engine::{Evaluator, Populations};

fn quick(c: &mut Criterion) {
    measure(c, "quick", 100, 10_000);
}

fn full(c: &mut Criterion) {
    measure(c, "full", 1_000, 100_000);
}

fn measure(c: &mut Criterion, name: &str, rules: usize, customers: usize) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    // Made only where one of the measurements is asked for.
    let shop = LazyCell::new(|| Shop::new(rules, customers));
    group.bench_function("compile", |b| b.iter(|| Evaluator::compile(black_box(&shop.program))));
    group.bench_function("populations", |b| b.iter(|| populations(&shop, 1)));
    for threads in [1, 2] {
        group.bench_function(format!("evaluate on {threads}"), |b| {
            let populations = populations(&shop, 2);
            b.iter(|| {
                let Shop { evaluator, chunks, now, .. } = &*shop;
                black_box(evaluator.evaluate_all(chunks, *now, &populations, threads))
            });
        });
    }
    group.finish();
}

fn populations(shop: &Shop, threads: usize) -> Populations {
    shop.evaluator.populations(&shop.chunks, shop.now, threads)
}

criterion_group!(benches, quick, full);
criterion_main!(benches);
