//! SQLite files that others write to while all of them is read: what was read was there at one moment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef};
use shop::{everything, vocabulary};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tidings_engine::Chunks;
use tidings_store::{CustomerStore, EngineRows, Resident, Room, Selection};

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
    let room = Room { memory: 0, folder: folder.path().join("room"), threads: 2 };
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

/// What another program does, which the tests below start: it runs a statement on a database and goes.
#[tokio::test]
#[ignore = "another program"]
async fn another_program() {
    let (path, sql) = (std::env::var("DATABASE").unwrap(), std::env::var("STATEMENT").unwrap());
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::ZERO);
    let mut connection = options.connect().await.unwrap();
    execute(&mut connection, sql).await;
    connection.close().await.unwrap();
}

/// Whether another program could run a statement.
fn elsewhere(path: &Path, statement: &str) -> bool {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.args(["--exact", "another_program", "--ignored"]);
    program.env("DATABASE", path).env("STATEMENT", statement);
    program.output().unwrap().status.success()
}

/// On unix, who closes a file lets go of all locks that the program has on it.
#[tokio::test]
async fn looking_into_a_file_lets_go_of_no_lock() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut reading = open(&path).await;
    execute(&mut reading, format!("{SHOP} BEGIN; SELECT 1 FROM orders;")).await;
    assert!(!elsewhere(&path, "DELETE FROM orders"), "somebody reads");
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let (needs, engine) = (everything(&vocabulary(SCHEMA)), EngineRows::default());
    store.load(&vocabulary(SCHEMA), &needs, Selection::Those(&["0"]), &engine).await.unwrap();
    assert!(!elsewhere(&path, "DELETE FROM orders"), "somebody reads, though others looked");
    execute(&mut reading, "COMMIT".to_owned()).await;
    assert!(elsewhere(&path, "DELETE FROM orders"));
}

/// The last one who has a database with a log open takes the log away.
#[tokio::test]
async fn looking_into_a_file_leaves_its_log_to_those_who_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let mut writing = open(&path).await;
    execute(&mut writing, format!("PRAGMA journal_mode = WAL; {SHOP}")).await;
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let (vocabulary, engine) = (vocabulary(SCHEMA), EngineRows::default());
    let needs = everything(&vocabulary);
    Resident::default().load(&store, &vocabulary, &needs, &engine, 4e15 as i64).await.unwrap();
    assert!(elsewhere(&path, "SELECT 1 FROM orders"));
    assert!(folder.path().join("shop.db-wal").exists(), "somebody writes");
    execute(&mut writing, "DELETE FROM orders WHERE id < 0".to_owned()).await;
    let failing = "SELECT abs(-9223372036854775808) FROM orders WHERE id < 0";
    assert!(elsewhere(&path, failing), "others see that there is nothing left to fail at");
}
