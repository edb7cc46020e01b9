//! SQLite files that others write to while all of them is read: what was read was there at one moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use shop::{everything, vocabulary};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tidings_engine::Chunks;
use tidings_store::{CustomerStore, EngineRows, Room, Selection};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    points: number
collections:
  orders:
    table: orders
    customer: customer_id
    key: id
    time: at
    fields:
      at: date
      points: number
";
/// Numbers lie far apart, so that there are many pieces of them.
const SHOP: &str = "
CREATE TABLE customers (id INTEGER PRIMARY KEY, points);
INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 299)
SELECT (i - 100) * 100000, 1000 FROM n;
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id, at, points);
INSERT INTO orders SELECT id, id, '2026-01-01', 1000 FROM customers;
";
const SUM: f64 = 600_000.0;

async fn open(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn execute(connection: &mut SqliteConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.unwrap();
}

fn sum(points: &ArrayRef) -> f64 {
    let points = points.as_primitive::<Float64Type>();
    assert_eq!(points.null_count(), 0);
    points.values().iter().sum()
}

/// Moves points from one end of a table to the other and between the tables, a few at a time.
async fn move_points(path: &Path, stop: &AtomicBool, moved: &AtomicU64) {
    let mut writer = open(path).await;
    let mut i = 0;
    while !stop.load(Ordering::Relaxed) {
        let (from, to) = if i % 2 == 0 { ("customers", "orders") } else { ("orders", "customers") };
        let points = i % 7 + 1;
        let end = |table: &str, end: &str, sign: &str| {
            format!(
                "UPDATE {table} SET points = points {sign} {points} WHERE id = (SELECT {end}(id) FROM {table});"
            )
        };
        let change = [end(from, "min", "-"), end(to, "max", "+"), end(to, "min", "-"), end(to, "max", "+")];
        execute(
            &mut writer,
            format!("PRAGMA synchronous = OFF; BEGIN IMMEDIATE; {} COMMIT", change.concat()),
        )
        .await;
        i += 1;
        moved.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}

async fn loads_are_of_one_moment(journal: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut keeper = open(&path).await;
    execute(&mut keeper, format!("PRAGMA journal_mode = {journal}; {SHOP}")).await;
    let (stop, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let writer = tokio::spawn({
        let (path, stop, moved) = (path.clone(), stop.clone(), moved.clone());
        async move { move_points(&path, &stop, &moved).await }
    });
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let vocabulary = vocabulary(SCHEMA);
    let (needs, engine) = (everything(&vocabulary), EngineRows::default());
    let room = Room { memory: 0, folder: folder.path().join("room") };
    for round in 0..12 {
        let before = moved.load(Ordering::Relaxed);
        let (mut points, mut customers) = (0.0, 0);
        if round % 3 == 0 {
            let stream = store.stream(&vocabulary, &needs, &engine, &room).await.unwrap();
            for i in 0..stream.count() {
                let chunk = stream.chunk(i).unwrap();
                customers += chunk.keys.len();
                points += sum(&chunk.attributes[0]) + sum(&chunk.collections[0].fields[1]);
            }
        } else {
            let loaded = store.load(&vocabulary, &needs, Selection::All, &engine).await.unwrap();
            for chunk in &loaded.chunks {
                customers += chunk.keys.len();
                points += sum(&chunk.attributes[0]) + sum(&chunk.collections[0].fields[1]);
            }
        }
        assert_eq!((customers, points), (300, SUM), "{journal}, round {round}");
        while moved.load(Ordering::Relaxed) == before {
            tokio::task::yield_now().await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_write_ahead_log_loads_are_of_one_moment() {
    loads_are_of_one_moment("WAL").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_journal_loads_are_of_one_moment() {
    loads_are_of_one_moment("DELETE").await;
}
