//! What keeping customers in memory saves: a cold load, the same with nothing changed, with a hundredth of the customers
//! changed and a hundredth of the orders new or changed, and the cache file. 100,000 customers with 1,000,000 orders, or as many customers as the
//! first argument that is a number says. `cargo bench -p tidings-store --bench refresh -- CUSTOMERS`; PostgreSQL and
//! MariaDB as well where TIDINGS_POSTGRES and TIDINGS_MYSQL are their URLs.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "load/shop.rs"]
#[allow(dead_code, reason = "what is read plainly is the other bench's matter")]
mod shop;

use shop::{Kind, Shop};
use std::path::Path;
use std::time::{Duration, Instant};
use tidings_engine::chunk::Needs;
use tidings_schema::{AttributeId, CollectionId, FieldId, RowSource, Vocabulary};
use tidings_store::{CustomerStore, EngineRows, Refreshed, Resident};

/// Long after whatever is written here.
const AT: i64 = 9_000_000_000_000_000;
/// Above the numbers that the rows begin with.
const CHANGED: u64 = 1_000_000_000;

/// How a store changes: what it is called, and the column that tells the changes of orders.
const SHAPES: [(&str, &str); 2] =
    [("a hundredth of new orders at the end", "id"), ("a hundredth changed anywhere", "version")];

#[tokio::main]
async fn main() {
    tidings_engine::keep_freed();
    let customers: u64 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    for shop in Shop::everywhere(customers, folder.path()) {
        shop.make().await;
        for table in ["load_customers", "load_orders"] {
            shop.execute(&format!("ALTER TABLE {table} ADD COLUMN version BIGINT")).await;
            shop.execute(&format!("UPDATE {table} SET version = id")).await;
            shop.execute(&format!("CREATE INDEX {table}_version ON {table} (version)")).await;
        }
        for (i, (what, orders)) in SHAPES.iter().enumerate() {
            let file = folder.path().join("customers.cache");
            measure(&shop, &file, what, orders, 1 + 5 * i as u64).await;
        }
        shop.remove().await;
    }
}

fn vocabulary(orders: &str) -> Vocabulary {
    let mut vocabulary = shop::vocabulary();
    vocabulary.customer.changes.since = Some("version".to_owned());
    if let RowSource::Table { changes, .. } = &mut vocabulary.collections[0].source {
        (changes.since, changes.only_grows) = (Some(orders.to_owned()), orders == "id");
    }
    vocabulary
}

/// A hundredth of the customers changes, and of the orders a hundredth changes or comes in.
async fn change(shop: &Shop, orders: &str, round: u64) {
    let (all, version) = (shop.customers * 10, CHANGED * round);
    let changed = |table: &str, column: &str| {
        format!(
            "UPDATE {table} SET {column} = {column} + 1, version = {version} + id WHERE id % 100 = {round}"
        )
    };
    shop.execute(&changed("load_customers", "spent")).await;
    let orders = match orders {
        "version" => changed("load_orders", "total"),
        _ => format!(
            "INSERT INTO load_orders SELECT {} + (id - {round}) / 100, customer_id, '2026-01-01 00:00:00', total, \
             status, category, 0 FROM load_orders WHERE id < {all} AND id % 100 = {round}",
            all + round * all / 100
        ),
    };
    shop.execute(&orders).await;
}

async fn measure(shop: &Shop, file: &Path, what: &str, orders: &str, first: u64) {
    let store = CustomerStore::open(&shop.url, ".".as_ref()).await.unwrap();
    let vocabulary = vocabulary(orders);
    let mut needs = Needs::default();
    (0..vocabulary.customer.attributes.len()).for_each(|i| needs.want(AttributeId(i as u32)));
    (0..vocabulary.collections[0].fields.len())
        .for_each(|i| needs.want_field(CollectionId(0), FieldId(i as u32)));
    let refresh = async |resident: &mut Resident, what: &str| {
        let start = Instant::now();
        let (_, took) = resident.load(&store, &vocabulary, &needs, &EngineRows::default(), AT).await.unwrap();
        say(shop.kind, what, start.elapsed(), &took);
    };
    let mut resident = Resident::default();
    for _ in 0..3 {
        resident = Resident::default();
        refresh(&mut resident, "cold load").await;
    }
    for round in first..first + 5 {
        refresh(&mut resident, "nothing changed").await;
        change(shop, orders, round).await;
        refresh(&mut resident, what).await;
    }
    std::fs::remove_file(file).ok();
    let start = Instant::now();
    resident.save(file).unwrap();
    println!(
        "{}: cache written in {:.2} s, {} MB",
        shop.kind.name(),
        start.elapsed().as_secs_f64(),
        file.metadata().unwrap().len() / 1_000_000
    );
    drop(resident);
    refresh(&mut Resident::cached(file), "cache opened, nothing changed").await;
}

fn say(kind: Kind, what: &str, took: Duration, rows: &Refreshed) {
    let (seconds, bytes) = (took.as_secs_f64(), rows.bytes / 1_000_000);
    println!(
        "{}: {what} in {seconds:.3} s, {} rows read, {} kept, {bytes} MB",
        kind.name(),
        rows.read,
        rows.saved
    );
}
