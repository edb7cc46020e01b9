//! What is expected of data is found to be, or not to be, whatever database has it.

use super::servers::{Kind, Shop};
use super::{everything, vocabulary};
use tidings_plan::evidence;
use tidings_schema::Now;
use tidings_store::{LookedFor, Selection};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  created: joined
  expect: {rows: between 3 and 9, fresh: 2 days}
  attributes:
    joined: moment
    email: {type: text, expect: {known: 75%, unique: yes}}
    born: {type: date, expect: {range: between 1900-01-01 and 2026-01-01}}
    balance: {type: money, expect: {range: at least -9.99}}
collections:
  orders:
    table: orders
    customer: customer_id
    time: at
    expect: {rows: at least 2, fresh: 1 week}
    fields: {at: date, total: {type: number, expect: {known: 100%}}}
";

fn tables(kind: Kind) -> String {
    let moment = if kind == Kind::Postgres { "timestamptz" } else { "datetime" };
    format!(
        "CREATE TABLE customers (id BIGINT, joined {moment}, email VARCHAR(40), born DATE, balance DECIMAL(9, 2));
         CREATE TABLE orders (customer_id BIGINT, at DATE, total DOUBLE PRECISION);
         INSERT INTO customers VALUES (1, '2026-06-01 08:00:00', 'a@example.com', '1990-01-01', 5.00),
             (2, '2026-06-09 08:00:00', 'b@example.com', '1990-01-01', -9.99),
             (3, '2026-06-09 09:00:00', 'c@example.com', NULL, NULL), (4, '2026-07-01 08:00:00', NULL, NULL, NULL);
         INSERT INTO orders VALUES (1, '2026-06-05', 1.5), (2, '2026-06-04', 2), (2, '2026-06-30', NULL);"
    )
}

const SPOILED: &str =
    "UPDATE customers SET joined = '2026-06-01 08:00:00', email = 'a@example.com', balance = -10.00;
    UPDATE customers SET email = NULL, born = '2026-06-01' WHERE id = 3;
    UPDATE orders SET at = '2026-05-01', total = NULL WHERE customer_id = 2;
    DELETE FROM orders WHERE customer_id = 1;";

#[tokio::test]
async fn every_store_says_the_same_of_the_same_data() {
    let (vocabulary, now) = (vocabulary(SCHEMA), Now::parse("2026-06-10T12:00", chrono_tz::UTC).unwrap());
    for shop in Shop::each(tables).await {
        let needs = everything(&vocabulary);
        let chunks = shop.load(&vocabulary, Selection::All).await.unwrap().chunks;
        let sound = evidence(&vocabulary, &needs, &chunks, now);
        assert_eq!(sound.len(), 9);
        assert!(sound.iter().all(|e| e.met), "{:?} {sound:#?}", shop.kind);
        shop.execute(SPOILED).await;
        let chunks = shop.load(&vocabulary, Selection::All).await.unwrap().chunks;
        let found = evidence(&vocabulary, &needs, &chunks, now);
        let unmet: Vec<String> =
            found.iter().filter(|e| !e.met).map(|e| format!("{}: {}", e.of, e.found)).collect();
        let expected = [
            "joined: the latest is of 2026-06-01 ",
            "email: 2 of 3 values repeat an earlier one, first at customer 2",
            "born: 1 of 3 values is outside, first at customer 3",
            "balance: 4 of 4 values are outside, first at customer 1",
            "orders.at: the latest is of 2026-05-01, 39 days before",
            "orders.total: 0 of 2 values are known",
        ];
        assert_eq!(unmet.len(), expected.len(), "{:?} {unmet:#?}", shop.kind);
        for (unmet, expected) in unmet.iter().zip(expected) {
            assert!(unmet.starts_with(expected), "{:?} {unmet}", shop.kind);
        }
    }
}

#[tokio::test]
async fn how_a_store_is_set_up_is_told() {
    let schema = SCHEMA
        .replace("  key: id\n", "  key: id\n  updated_at: JOINED\n")
        .replace("    table: orders\n", "    table: orders\n    key: total\n    append_only: at\n");
    let tables = |kind| {
        tables(kind)
            + "CREATE INDEX by_joined ON customers (joined, id); CREATE INDEX by_time ON orders (total, at); \
               CREATE VIEW people AS SELECT * FROM customers; CREATE TABLE bare AS SELECT * FROM orders;"
    };
    for shop in Shop::each(tables).await {
        let facts = shop.store().await.facts(&vocabulary(&schema)).await.unwrap();
        let missing = |column: &str, what| {
            let (table, column) = column.split_once('.').unwrap();
            (table.to_owned(), column.to_owned(), what)
        };
        let [whose, changed] = [LookedFor::Customers, LookedFor::Changes];
        let of_orders = [missing("orders.customer_id", whose), missing("orders.at", changed)];
        let expected = [&[missing("customers.id", whose)], &of_orders[..]].concat();
        assert_eq!((&facts.unindexed, facts.whole.len()), (&expected, 0), "{:?}", shop.kind);
        // A view has no index, and a table can be without any.
        let others =
            schema.replace("table: customers", "table: people").replace("table: orders", "table: bare");
        let facts = shop.store().await.facts(&vocabulary(&others)).await.unwrap();
        let expected = [missing("bare.customer_id", whose), missing("bare.at", changed)];
        assert_eq!(facts.unindexed, expected, "{:?}", shop.kind);
        let away = facts.now - chrono::Utc::now().timestamp_micros();
        assert!(away.abs() < 60_000_000, "{facts:?}");
        let server = match shop.kind {
            Kind::Lite => "SQLite 3",
            Kind::Postgres => "PostgreSQL 1",
            Kind::MySql => "",
        };
        assert!(facts.server.starts_with(server) && !facts.encoding.is_empty(), "{facts:?}");
        let facts = shop.store().await.facts(&vocabulary(SCHEMA)).await.unwrap();
        assert_eq!(facts.whole, ["customers", "orders"]);
    }
}
