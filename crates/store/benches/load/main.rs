//! How fast customers load beside the plainest read of the same columns there is, and in how much memory: 100,000 of
//! them with 1,000,000 orders, or as many customers as the first argument that is a number says, with ten orders each.
//! `cargo bench -p tidings-store --bench load -- CUSTOMERS`; PostgreSQL and MariaDB as well where TIDINGS_POSTGRES and
//! TIDINGS_MYSQL are their URLs, beside their own clients `psql` and `mariadb`.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

mod plain;
mod shop;

use plain::Plain;
use shop::Shop;
use std::time::Instant;
use tidings_engine::chunk::Needs;
use tidings_schema::{AttributeId, CollectionId, FieldId};
use tidings_store::{CustomerStore, EngineRows, Selection};

const RUNS: usize = 3;

#[tokio::main]
async fn main() {
    tidings_engine::keep_freed();
    let customers: u64 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    for shop in Shop::everywhere(customers, folder.path()) {
        shop.make().await;
        measure(&shop).await;
        shop.remove().await;
    }
}

async fn measure(shop: &Shop) {
    let store = CustomerStore::open(&shop.url, ".".as_ref()).await.unwrap();
    let (vocabulary, engine) = (shop::vocabulary(), EngineRows::default());
    let mut needs = Needs::default();
    (0..vocabulary.customer.attributes.len()).for_each(|i| needs.want(AttributeId(i as u32)));
    (0..vocabulary.collections[0].fields.len())
        .for_each(|i| needs.want_field(CollectionId(0), FieldId(i as u32)));
    let plain = Plain::new(shop);
    let (mut ours, mut theirs) = (f64::MAX, f64::MAX);
    for _ in 0..RUNS {
        let start = Instant::now();
        plain.read();
        theirs = theirs.min(start.elapsed().as_secs_f64());
        forget_peak();
        let start = Instant::now();
        let loaded = store.load(&vocabulary, &needs, Selection::All, &engine).await.unwrap();
        ours = ours.min(start.elapsed().as_secs_f64());
        assert_eq!(loaded.stats.bad, []);
        assert_eq!(loaded.stats.customers as u64, shop.customers);
        assert_eq!(loaded.stats.collections[0].rows as u64, shop.customers * 10);
        println!(
            "{}: in memory {} MB, at most {} MB",
            shop.kind.name(),
            megabytes("VmRSS"),
            megabytes("VmHWM")
        );
    }
    let rows = (shop.customers * 11) as f64 / 1e6;
    println!(
        "{}: {ours:.2} s, {:.2} million rows a second; {}: {theirs:.2} s, {:.2} million: {:.2} of its rate",
        shop.kind.name(),
        rows / ours,
        plain.name(),
        rows / theirs,
        theirs / ours
    );
    let [customers, orders] = shop::reads();
    let both = format!("{customers} WHERE id = 4711; {orders} WHERE customer_id = 4711");
    let (mut one, mut plainly) = (f64::MAX, f64::MAX);
    for _ in 0..20 {
        let start = Instant::now();
        store.load(&vocabulary, &needs, Selection::Those(&["4711"]), &engine).await.unwrap();
        one = one.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        shop.execute(&both).await;
        plainly = plainly.min(start.elapsed().as_secs_f64());
    }
    println!(
        "{}: one customer by key in {:.2} ms; connecting and the two statements alone in {:.2} ms",
        shop.kind.name(),
        one * 1e3,
        plainly * 1e3
    );
}

/// From here on the peak of this process's memory is counted anew.
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").ok();
}

fn megabytes(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) / 1024
}
