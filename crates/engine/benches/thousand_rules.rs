//! A thousand rules over a million customers with ten million orders, and over a hundredth of each:
//! `cargo bench -p tidings-engine`, `cargo bench -p tidings-engine -- quick`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use criterion::{Criterion, criterion_group, criterion_main};
use shop::Shop;
use std::cell::LazyCell;
use std::hint::black_box;
use std::time::Duration;
use tidings_engine::Evaluator;

fn quick(c: &mut Criterion) {
    measure(c, "quick", 1_000, 10_000);
}

fn full(c: &mut Criterion) {
    measure(c, "full", 1_000, 1_000_000);
}

fn measure(c: &mut Criterion, name: &str, rules: usize, customers: usize) {
    let mut group = c.benchmark_group(name);
    group.sample_size(10).warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
    // Made only where one of the measurements is asked for.
    let shop = LazyCell::new(|| Shop::new(rules, customers));
    group.bench_function("compile", |b| b.iter(|| Evaluator::compile(black_box(&shop.program))));
    for threads in [1, 2] {
        group.bench_function(format!("populations on {threads}"), |b| {
            b.iter(|| shop.evaluator.populations(&shop.chunks, shop.now, threads));
        });
        group.bench_function(format!("evaluate on {threads}"), |b| {
            b.iter(|| black_box(shop.evaluate(threads)));
        });
    }
    group.finish();
}

criterion_group!(benches, quick, full);
criterion_main!(benches);
