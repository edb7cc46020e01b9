//! What `tidings init` finds in a database.

use super::servers::{Kind, Shop};
use tidings_schema::guess::guess;
use tidings_schema::{Currency, Settings};

fn shop(kind: Kind) -> String {
    let (truth, moment, tags) = match kind {
        Kind::Lite => ("BOOLEAN", "TIMESTAMP", "TEXT"),
        Kind::Postgres => ("boolean", "timestamptz", "text[]"),
        Kind::MySql => ("BOOL", "DATETIME", "JSON"),
    };
    let tag = if kind == Kind::Postgres { "ARRAY['vip']" } else { "'[\"vip\"]'" };
    format!(
        "CREATE TABLE customers (id INT PRIMARY KEY, email VARCHAR(50), birthday DATE, email_consent {truth},
             tags {tags}, created_at {moment});
         INSERT INTO customers VALUES (1, 'a@shop.example', '1990-01-01', {yes}, {tag}, '2026-01-01 00:00:00'),
             (2, NULL, NULL, {no}, NULL, '2026-01-02 00:00:00'), (3, 'c@shop.example', NULL, {yes}, NULL, '2026-01-03 00:00:00');
         CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT REFERENCES customers (id), placed_at {moment},
             total DECIMAL(10,2), status VARCHAR(9), FOREIGN KEY (customer_id) REFERENCES customers (id));
         CREATE TABLE tidings_outbox (x INT);
         CREATE TABLE digits (i INT); INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
         INSERT INTO orders SELECT i, 1 + i % 3, '2026-02-01 00:00:00', i * 0.25,
             CASE i WHEN 1998 THEN 'Rare' WHEN 1999 THEN 'rare' ELSE 'paid' END
             FROM (SELECT a.i + 10 * b.i + 100 * c.i + 1000 * d.i AS i FROM digits a, digits b, digits c, digits d WHERE d.i < 2) n
             ORDER BY i;
         DROP TABLE digits;",
        yes = if kind == Kind::Postgres { "true" } else { "1" },
        no = if kind == Kind::Postgres { "false" } else { "0" },
    )
}

#[tokio::test]
async fn the_same_shop_is_described_the_same() {
    let settings = Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY };
    let mut first: Option<String> = None;
    for shop in Shop::each(shop).await {
        let catalogue = shop.store().await.catalogue().await.unwrap();
        let names: Vec<_> = catalogue.tables.iter().map(|t| (t.name.as_str(), t.row_count)).collect();
        assert_eq!(names, [("customers", Some(3)), ("orders", Some(2000))]);
        let [customers, orders] = catalogue.tables.as_slice() else { panic!() };
        assert!(customers.columns[0].primary_key && !customers.columns[1].primary_key);
        let customer = orders.columns.iter().find(|c| c.name == "customer_id").unwrap();
        assert_eq!(customer.references, Some(("customers".to_owned(), "id".to_owned())));
        let status = orders.columns.iter().find(|c| c.name == "status").unwrap();
        assert_eq!(status.distinct, Some(3), "capitals are another value");
        for rare in ["Rare", "rare"] {
            assert!(status.samples.contains(&Some(rare.to_owned())), "{rare} on {:?}", shop.kind);
        }
        let yaml = guess(&catalogue, &settings).unwrap().yaml;
        assert_eq!(*first.get_or_insert(yaml.clone()), yaml, "{:?}", shop.kind);
    }
}
