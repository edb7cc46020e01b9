//! How fast customers load: 100,000 of them with 1,000,000 orders, or as many customers as the first argument
//! that is a number says, with ten orders each. `cargo bench -p tidings-store`.
#![allow(missing_docs, clippy::unwrap_used)]

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;
use std::time::Instant;
use tidings_engine::chunk::Needs;
use tidings_schema::{
    Attribute, AttributeId, Collection, CollectionId, Currency, Customer, FieldId, RowSource, Storage,
    StoredUnit, Type, Vocabulary,
};
use tidings_store::{CustomerStore, EngineRows, Selection};

#[tokio::main]
async fn main() {
    let customers: u64 = std::env::args().find_map(|a| a.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    make(&folder.path().join("shop.db"), customers).await;
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let vocabulary = vocabulary();
    let mut needs = Needs::default();
    (0..4).for_each(|i| needs.want(AttributeId(i)));
    (0..4).for_each(|i| needs.want_field(CollectionId(0), FieldId(i)));
    for _ in 0..5 {
        let start = Instant::now();
        let loaded = store.load(&vocabulary, &needs, Selection::All, &EngineRows::default()).await.unwrap();
        let rows: usize = loaded.stats.collections.iter().map(|c| c.rows).sum();
        let seconds = start.elapsed().as_secs_f64();
        assert!(loaded.stats.bad.is_empty());
        println!(
            "{} customers and {rows} orders in {seconds:.2} s: {:.2} million rows a second",
            loaded.stats.customers,
            (loaded.stats.customers + rows) as f64 / seconds / 1e6
        );
    }
    let start = Instant::now();
    let loaded =
        store.load(&vocabulary, &needs, Selection::Those(&["4711"]), &EngineRows::default()).await.unwrap();
    println!("{} customer by key in {:.1} ms", loaded.stats.customers, start.elapsed().as_secs_f64() * 1e3);
}

fn attribute(name: &str, ty: Type) -> Attribute {
    let storage = Storage {
        column: name.to_owned(),
        minor: false,
        zone: None,
        unit: StoredUnit::Seconds,
        separator: None,
    };
    Attribute { name: name.to_owned(), label: None, ty, storage, optional: true, yearly: false, kept: false }
}

fn vocabulary() -> Vocabulary {
    let orders = Collection {
        name: "orders".to_owned(),
        source: RowSource::Table {
            table: "orders".to_owned(),
            customer: "customer_id".to_owned(),
            key: Some("id".to_owned()),
            changes: Default::default(),
        },
        time: FieldId(0),
        fields: vec![
            attribute("placed_at", Type::Moment),
            attribute("total", Type::Money(Currency::CNY)),
            attribute("items", Type::Number),
            attribute("status", Type::Text),
        ],
    };
    let attributes = vec![
        attribute("city", Type::Text),
        attribute("points", Type::Number),
        attribute("birthday", Type::Date),
        attribute("consent", Type::YesNo),
    ];
    Vocabulary {
        zone: chrono_tz::Asia::Shanghai,
        currency: Currency::CNY,
        customer: Customer {
            table: "customers".to_owned(),
            key: "id".to_owned(),
            changes: Default::default(),
            created: None,
            zone: None,
            attributes,
        },
        collections: vec![orders],
        events: Vec::new(),
        contacts: Vec::new(),
    }
}

/// A shop whose values follow from the row numbers.
async fn make(path: &Path, customers: u64) {
    let mut connection =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    let numbers =
        |n: u64| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {n})");
    let statements = [
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, city TEXT, points REAL, birthday TEXT, consent INTEGER)".to_owned(),
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INTEGER, placed_at TEXT, total TEXT, items INTEGER, status TEXT)"
            .to_owned(),
        format!(
            "{} INSERT INTO customers SELECT i, 'city ' || (i % 97), i * 0.37, date('1960-01-01', (i * 7919 % 18000) || ' days'), i % 3 = 0 FROM n",
            numbers(customers)
        ),
        format!(
            "{} INSERT INTO orders SELECT i, i * 48271 % {customers}, datetime('2024-01-01', (i * 7919 % 63000000) || ' seconds'), \
             printf('%d.%02d', i % 300, i % 100), i % 9, iif(i % 5 = 0, 'open', 'paid') FROM n",
            numbers(customers * 10)
        ),
        "CREATE INDEX orders_customer ON orders (customer_id, placed_at)".to_owned(),
    ];
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
    connection.close().await.unwrap();
}
