//! Keys are text, each its own, in the order of their bytes: whatever the database compares them as.

use super::servers::{Kind, Shop};
use super::{keys, shown, vocabulary};
use tidings_store::Selection;

const SCHEMA: &str = "
customer: {table: customers, key: id, attributes: {city: text}}
collections:
  orders:
    table: orders
    customer: customer_id
    key: id
    time: at
    fields: {at: date, note: text}
";

/// Types of keys, with two keys as they are written and as they are.
fn types(kind: Kind) -> Vec<(&'static str, [(&'static str, &'static str); 2])> {
    let uuid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
    let uuids = [("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", uuid), ("NULL", "")];
    let mut types = vec![
        ("BIGINT", [("10", "10"), ("9", "9")]),
        ("VARCHAR(20)", [("'ab'", "ab"), ("'Ab'", "Ab")]),
        ("CHAR(20)", [("'ab'", "ab"), ("'北京'", "北京")]),
        ("DECIMAL(30,5)", [("12.5", "12.5"), ("42", "42")]),
        ("DATE", [("'2026-01-02'", "2026-01-02"), ("'2026-01-03'", "2026-01-03")]),
    ];
    types.extend(match kind {
        Kind::Lite => vec![("REAL", [("0.1", "0.1"), ("9", "9")])],
        Kind::Postgres => vec![
            ("uuid", uuids),
            ("real", [("0.1", "0.1"), ("9", "9")]),
            ("double precision", [("0.1", "0.1"), ("9", "9")]),
            ("bytea", [("'\\xe4b8ad'", "中"), ("'a'", "a")]),
            ("bit(2)", [("B'11'", "3"), ("B'10'", "2")]),
        ],
        Kind::MySql => vec![
            ("UUID", uuids),
            ("BIGINT UNSIGNED", [("18446744073709551615", "18446744073709551615"), ("9", "9")]),
            ("FLOAT", [("0.1", "0.1"), ("9", "9")]),
            ("VARBINARY(9)", [("x'e4b8ad'", "中"), ("'a'", "a")]),
            ("ENUM('ab','北京')", [("'ab'", "ab"), ("'北京'", "北京")]),
            ("VARCHAR(20) CHARACTER SET utf8mb3", [("'北'", "北"), ("'e'", "e")]),
            ("VARCHAR(20) CHARACTER SET latin1", [("'é'", "é"), ("'e'", "e")]),
        ],
    });
    types
}

#[tokio::test]
async fn one_customer_is_found_by_every_type_of_key() {
    let vocabulary = vocabulary(SCHEMA);
    for kind in Kind::ALL {
        for (ty, written) in types(kind) {
            let [(a, first), (b, second)] = written;
            let sql = format!(
                "CREATE TABLE customers (id {ty}, city VARCHAR(9));
                 INSERT INTO customers VALUES ({a}, 'first'), ({b}, 'second');
                 CREATE TABLE orders (id INT, customer_id {ty}, at DATE, note VARCHAR(9));
                 INSERT INTO orders VALUES (2, {a}, '2026-01-01', 'a2'), (1, {a}, '2026-01-01', 'a1'), (3, {b}, '2026-01-01', 'b');"
            );
            let Some(shop) = Shop::new(kind, &sql).await else { break };
            let all = shop.load(&vocabulary, Selection::All).await.unwrap();
            let mut expected: Vec<&str> = [first, second].into_iter().filter(|k| !k.is_empty()).collect();
            expected.sort_unstable();
            assert_eq!(keys(&all), expected, "{kind:?} {ty}");
            let one = shop.load(&vocabulary, Selection::Those(&[first])).await.unwrap();
            assert_eq!(keys(&one), [first], "{kind:?} {ty}");
            assert_eq!(shown(&one.chunks[0].attributes[0], 0).as_deref(), Some("first"), "{kind:?} {ty}");
            let notes = &one.chunks[0].collections[0].fields[1];
            assert_eq!(
                [shown(notes, 0), shown(notes, 1)],
                [Some("a1".into()), Some("a2".into())],
                "{kind:?} {ty}"
            );
            assert_eq!(notes.len(), 2, "{kind:?} {ty}");
            let nobodies =
                ["09", "9.0", "1e1", "aB", "ab ", " ab", "", "a\0b", "🎁", "' OR '1'='1", "10 OR 1=1", "x"];
            let both = [&nobodies[..], &expected].concat();
            let both = shop.load(&vocabulary, Selection::Those(&both)).await.unwrap();
            assert_eq!(keys(&both), expected, "{kind:?} {ty}");
            assert_eq!(both.stats.collections[0].rows, all.stats.collections[0].rows, "{kind:?} {ty}");
            for nobody in nobodies {
                let none = shop.load(&vocabulary, Selection::Those(&[nobody])).await.unwrap();
                assert!(none.chunks.is_empty(), "{kind:?} {ty} {nobody:?}");
            }
        }
    }
}

/// Keys that databases take for the same.
const ALIKE: [&str; 9] = ["A", "a", "a ", "ab", "ss", "ß", "ä", "🎁", "🎂"];

fn alike(kind: Kind) -> String {
    let text = match kind {
        Kind::Lite => "TEXT COLLATE NOCASE",
        Kind::Postgres => "text COLLATE alike",
        Kind::MySql => "VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    };
    let collation = match kind {
        Kind::Postgres => {
            "CREATE COLLATION alike (provider = icu, locale = 'und-u-ks-level1', deterministic = false);"
        }
        _ => "",
    };
    let rows = |row: &dyn Fn(usize, &str) -> String| {
        ALIKE.iter().rev().enumerate().map(|(i, key)| row(i, key)).collect::<Vec<_>>().join(", ")
    };
    format!(
        "{collation} CREATE TABLE customers (id {text}, city {text});
         INSERT INTO customers VALUES {};
         CREATE TABLE orders (id INT, customer_id {text}, at DATE, note {text});
         INSERT INTO orders VALUES {};",
        rows(&|_, key| format!("('{key}', '{key}')")),
        rows(&|i, key| format!("({i}, '{key}', '2026-01-01', '{key}')"))
    )
}

#[tokio::test]
async fn keys_that_a_collation_takes_for_the_same_are_not() {
    let vocabulary = vocabulary(SCHEMA);
    for shop in Shop::each(alike).await {
        let all = shop.load(&vocabulary, Selection::All).await.unwrap();
        assert_eq!(keys(&all), ALIKE, "in the order of their bytes");
        let orders = &all.chunks[0].collections[0];
        assert_eq!(orders.offsets.to_vec(), (0..=ALIKE.len() as i32).collect::<Vec<_>>());
        for (i, key) in ALIKE.iter().enumerate() {
            assert_eq!(shown(&orders.fields[1], i).as_deref(), Some(*key));
            let one = shop.load(&vocabulary, Selection::Those(&[key])).await.unwrap();
            assert_eq!((keys(&one), one.stats.collections[0].rows), (vec![*key], 1));
            assert_eq!(shown(&one.chunks[0].attributes[0], 0).as_deref(), Some(*key));
        }
    }
}

#[tokio::test]
async fn whole_keys_meet_whatever_they_are_kept_as() {
    let vocabulary = vocabulary(SCHEMA);
    let sql = |_| {
        "CREATE TABLE customers (id BIGINT, city VARCHAR(9)); INSERT INTO customers VALUES (42, 'here'), (NULL, 'x');
         CREATE TABLE orders (id INT, customer_id DECIMAL(12,2), at DATE, note VARCHAR(9));
         INSERT INTO orders VALUES (1, 42, '2026-01-01', 'a'), (2, 42.5, '2026-01-01', 'b'), (3, 42, NULL, 'c');"
            .to_owned()
    };
    for shop in Shop::each(sql).await {
        for selection in [Selection::All, Selection::Those(&["42"])] {
            let loaded = shop.load(&vocabulary, selection).await.unwrap();
            assert_eq!(keys(&loaded), ["42"]);
            let orders = &loaded.stats.collections[0];
            let orphans = if let Selection::All = selection { 1 } else { 0 };
            assert_eq!((orders.rows, orders.without_time, orders.orphans), (1, 1, orphans));
        }
        assert_eq!(shop.store().await.count_customers(&vocabulary).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn two_customers_with_one_key_are_an_error() {
    let sql = "CREATE TABLE customers (id VARCHAR(9), city VARCHAR(9)); INSERT INTO customers VALUES ('1', 'a'), ('1', 'b');";
    for shop in Shop::each(|_| sql.to_owned()).await {
        let vocabulary = vocabulary("customer: {table: customers, key: id, attributes: {city: text}}");
        let error = shop.load(&vocabulary, Selection::All).await.unwrap_err().to_string();
        assert!(error.contains("more than one customer with `id` = \"1\""), "{error}");
    }
}
