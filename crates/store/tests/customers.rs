//! Customers from real SQLite files: what arrives, and that nothing is left behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod shop;
#[path = "shop/texts.rs"]
mod texts;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, UInt32Type};
use arrow_array::{Array, ArrayRef};
use chrono::DateTime;
use shop::{everything, vocabulary};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::path::Path;
use tempfile::TempDir;
use texts::texts;
use tidings_engine::Chunks;
use tidings_engine::chunk::Whole;
use tidings_schema::{AttributeId, CollectionId, EventSource, Vocabulary};
use tidings_store::{
    CustomerStore, EngineRows, GrantRow, KeptRow, Loaded, Room, Selection, SendRow, StoreError,
};

const SCHEMA: &str = "
customer:
  table: customers
  key: id
  attributes:
    city: text
    points: number
    spent: money
    consent: yes/no
    born: date
    seen: moment
    level: {type: one of, values: [gold, silver]}
    tags: tags
    note: {type: text, kept: true}
    marks: {type: tags, kept: true}
collections:
  orders:
    table: orders
    customer: customer_id
    key: id
    time: at
    fields:
      at: date
      total: money
";

async fn database(folder: &Path, sql: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("shop.db")).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection
}

async fn shop(sql: &str) -> (TempDir, CustomerStore) {
    let folder = tempfile::tempdir().unwrap();
    database(folder.path(), sql).await.close().await.unwrap();
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    (folder, store)
}

async fn all(store: &CustomerStore, vocabulary: &Vocabulary) -> Result<Loaded, StoreError> {
    store.load(vocabulary, &everything(vocabulary), Selection::All, &EngineRows::default()).await
}

fn keys(loaded: &Loaded) -> Vec<&str> {
    loaded.chunks.iter().flat_map(|c| c.keys.iter().flatten()).collect()
}

const SHOP: &str = "
CREATE TABLE customers (id INTEGER, city, points, spent, consent, born, seen, level, tags);
INSERT INTO customers VALUES
  (10, 'Shanghai', 1.5, '19.90', 1, '1990-02-28', '2026-01-01 08:00:00', 'gold', '[\"a\",\"b\"]'),
  (9, NULL, 'NaN', 12, 'no', 19900228, 1700000000, 'silver', NULL),
  (100, x'e4b8ad', 1e999, 'x', 2, 'soon', 'never', 'bronze', 'not json'),
  (NULL, 'nobody', 0, 0, 0, NULL, NULL, NULL, NULL);
CREATE TABLE orders (id, customer_id, at, total);
INSERT INTO orders VALUES
  ('b', 9, '2026-01-02', 2), ('a', 9.0, '2026-01-02', 1), ('c', '9', '2026-01-01', 3),
  ('d', 10, NULL, 4), ('e', 10, '2026-01-01', '5.00'), ('f', 77, '2026-01-01', 6), ('g', NULL, '2026-01-01', 7);
";

#[tokio::test]
async fn rows_arrive_typed_sorted_and_counted() {
    let (_folder, store) = shop(SHOP).await;
    let vocabulary = vocabulary(SCHEMA);
    let loaded = all(&store, &vocabulary).await.unwrap();
    assert_eq!(keys(&loaded), ["10", "100", "9"], "in the order of the keys' bytes");
    let chunk = &loaded.chunks[0];
    assert_eq!(texts(&chunk.attributes[0]), [Some("Shanghai"), Some("中"), None]);
    let numbers: Vec<_> = chunk.attributes[1].as_primitive::<Float64Type>().iter().collect();
    assert_eq!(numbers, [Some(1.5), None, None]);
    let whole = |column: &ArrayRef| -> Vec<_> {
        let values = Whole::of(column).unwrap();
        (0..column.len()).map(|row| values.at(row)).collect()
    };
    let money = whole(&chunk.attributes[2]);
    assert_eq!(money, [Some(1990), None, Some(1200)]);
    let truth: Vec<_> = chunk.attributes[3].as_boolean().iter().collect();
    assert_eq!(truth, [Some(true), None, Some(false)]);
    let born: Vec<_> = chunk.attributes[4].as_primitive::<Date32Type>().iter().collect();
    assert_eq!(born, [Some(7363), None, Some(7363)]);
    let seen = whole(&chunk.attributes[5]);
    assert_eq!(seen, [Some(1_767_225_600_000_000), None, Some(1_700_000_000_000_000)]);
    let level: Vec<_> = chunk.attributes[6].as_primitive::<UInt32Type>().iter().collect();
    assert_eq!(level, [Some(0), None, Some(1)]);
    let tags = chunk.attributes[7].as_list::<i32>();
    assert_eq!(texts(&tags.value(0)), [Some("a"), Some("b")]);
    assert!(tags.is_null(1) && tags.is_null(2));

    let orders = &chunk.collections[0];
    assert_eq!(orders.offsets.to_vec(), [0, 1, 1, 4]);
    let totals = whole(&orders.fields[1]);
    assert_eq!(totals, [500, 300, 100, 200].map(Some), "by time, then by the rows' keys");

    let stats = &loaded.stats;
    assert_eq!((stats.customers, stats.without_key), (3, 1));
    assert_eq!(store.count_customers(&vocabulary).await.unwrap(), 3);
    let orders = &stats.collections[0];
    assert_eq!((orders.rows, orders.without_time, orders.orphans), (4, 1, 2));
    let bad: Vec<_> =
        stats.bad.iter().map(|b| (b.column.as_str(), b.count, b.first_key.as_deref())).collect();
    let at_100 = Some("100");
    let expected = [
        ("points", 2, Some("9")),
        ("spent", 1, at_100),
        ("consent", 1, at_100),
        ("born", 1, at_100),
        ("seen", 1, at_100),
        ("level", 1, at_100),
        ("tags", 1, at_100),
    ];
    assert_eq!(bad, expected);
}

#[tokio::test]
async fn one_customer_is_the_same_as_among_all() {
    let (_folder, store) = shop(SHOP).await;
    let vocabulary = vocabulary(SCHEMA);
    let needs = everything(&vocabulary);
    let engine = EngineRows::default();
    let one = store.load(&vocabulary, &needs, Selection::Those(&["9", "8", "x"]), &engine).await.unwrap();
    let two = store.load(&vocabulary, &needs, Selection::Those(&["9", "10"]), &engine).await.unwrap();
    assert_eq!(keys(&two), ["10", "9"]);
    let all = store.load(&vocabulary, &needs, Selection::All, &engine).await.unwrap();
    assert_eq!(keys(&one), ["9"]);
    for (one, all) in one.chunks[0].attributes.iter().zip(&all.chunks[0].attributes) {
        assert_eq!(one.as_ref(), all.slice(2, 1).as_ref());
    }
    for (one, all) in one.chunks[0].collections[0].fields.iter().zip(&all.chunks[0].collections[0].fields) {
        assert_eq!(one.as_ref(), all.slice(1, 3).as_ref());
    }
    for nobody in ["09", "9.5", "", "9 ", "10 OR 1=1", "' OR '1'='1"] {
        let none = store.load(&vocabulary, &needs, Selection::Those(&[nobody]), &engine).await.unwrap();
        assert_eq!((none.chunks.len(), none.stats.customers), (0, 0), "{nobody}");
    }
}

#[tokio::test]
async fn what_the_engine_keeps_stands_beside_the_stores_columns() {
    let (_folder, store) = shop(SHOP).await;
    let vocabulary = vocabulary(SCHEMA);
    let kept = |customer: &str, attribute: &str, value: &str| KeptRow {
        customer: customer.to_owned(),
        attribute: attribute.to_owned(),
        value: value.to_owned(),
    };
    let send = |customer: &str, template: &str, at| SendRow {
        customer: customer.to_owned(),
        template: template.to_owned(),
        channel: "email".to_owned(),
        rule: "r".to_owned(),
        at,
    };
    let engine = EngineRows {
        sends: vec![send("9", "second", 2), send("gone", "x", 1), send("9", "first", 1)],
        grants: vec![GrantRow {
            customer: "10".to_owned(),
            coupon: "c".to_owned(),
            rule: "r".to_owned(),
            at: 5,
            expires: None,
        }],
        kept: vec![
            kept("9", "note", "old"),
            kept("9", "note", "new"),
            kept("9", "marks", "[\"m\"]"),
            kept("10", "marks", "?"),
        ],
    };
    let loaded = store.load(&vocabulary, &everything(&vocabulary), Selection::All, &engine).await.unwrap();
    let chunk = &loaded.chunks[0];
    assert_eq!(texts(&chunk.attributes[8]), [None, None, Some("new")]);
    assert_eq!(texts(&chunk.attributes[9].as_list::<i32>().value(2)), [Some("m")]);
    assert!(loaded.stats.bad.iter().any(|b| b.column == "marks" && b.first_key.as_deref() == Some("10")));
    let (sends, grants) = (&chunk.collections[1], &chunk.collections[2]);
    assert_eq!(sends.offsets.to_vec(), [0, 0, 0, 2]);
    assert_eq!(texts(&sends.fields[0]), [Some("first"), Some("second")]);
    assert_eq!(grants.offsets.to_vec(), [0, 1, 1, 1]);
    assert_eq!(loaded.stats.collections[1].orphans, 1);
}

/// Every file of a folder with its bytes and its time.
fn traces(folder: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, std::fs::read(entry.path()).unwrap(), entry.metadata().unwrap().modified().unwrap())
        })
        .collect();
    files.sort();
    files
}

#[cfg(unix)]
#[tokio::test]
async fn reading_leaves_no_trace() {
    use std::os::unix::fs::PermissionsExt;
    for journal in ["DELETE", "WAL"] {
        let (folder, store) = shop(&format!("PRAGMA journal_mode = {journal}; {SHOP}")).await;
        let mode = |path: &Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap()
        };
        mode(&folder.path().join("shop.db"), 0o444);
        mode(folder.path(), 0o555);
        let before = traces(folder.path());
        assert_eq!(before.len(), 1, "{journal}");
        all(&store, &vocabulary(SCHEMA)).await.unwrap();
        store.catalogue().await.unwrap();
        assert!(before == traces(folder.path()), "{journal}");
        mode(folder.path(), 0o755);
    }
}

#[tokio::test]
async fn a_database_that_others_write_to_is_read_as_of_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = database(folder.path(), &format!("PRAGMA journal_mode = WAL; {SHOP}")).await;
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    sqlx::raw_sql("BEGIN; INSERT INTO customers (id) VALUES (11)").execute(&mut writer).await.unwrap();
    assert_eq!(keys(&all(&store, &vocabulary(SCHEMA)).await.unwrap()), ["10", "100", "9"]);
    sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
    assert_eq!(keys(&all(&store, &vocabulary(SCHEMA)).await.unwrap()), ["10", "100", "11", "9"]);
}

#[tokio::test]
async fn errors_say_what_happened_and_what_was_meant() {
    let folder = tempfile::tempdir().unwrap();
    let open = async |url: &str| CustomerStore::open(url, folder.path()).await.unwrap_err().to_string();
    assert!(open("sqlite:none.db").await.contains("there is no database"));
    assert!(open("sqlite::memory:").await.contains("in memory"));
    let other = open("oracle://user:secret@host/shop").await;
    assert!(other.contains("`postgres:`") && !other.contains("secret"), "{other}");
    std::fs::write(folder.path().join("shop.csv"), "id,name\n1,x\n").unwrap();
    assert!(open("sqlite:shop.csv").await.contains("tidings import"));
    assert!(open("sqlite:.").await.contains("not an SQLite database"));

    let (_folder, store) =
        shop("CREATE TABLE customer (id, cty); CREATE TABLE orders (id, customer_id, at, total)").await;
    let error = all(&store, &vocabulary(SCHEMA)).await.unwrap_err().to_string();
    assert!(error.contains("no table or view `customers`; `customer` was probably meant"), "{error}");
    let schema = SCHEMA.replace("table: customers", "table: customer");
    let error = all(&store, &vocabulary(&schema)).await.unwrap_err().to_string();
    assert!(error.contains("no column `city`; `cty` was probably meant"), "{error}");

    let double = format!("{SHOP} INSERT INTO customers (id) VALUES ('10')");
    let (_folder, store) = shop(&double.replace("id INTEGER", "id")).await;
    let error = all(&store, &vocabulary(SCHEMA)).await.unwrap_err().to_string();
    assert!(error.contains("more than one customer with `id` = \"10\""), "{error}");
}

#[tokio::test]
async fn names_and_values_of_every_kind_stay_what_they_are() {
    let table = "' OR 1=1--";
    let column = "a\"b`;DROP TABLE x";
    let long = "长".repeat(10_000);
    let values = [
        "' OR '1'='1",
        "a\0b",
        "a",
        "line\r\nline",
        "\u{202e}turned\u{202c}",
        "🎁👩‍👩‍👧",
        "",
        "\\u0041\\",
        "\u{1}\t\"",
        &long,
    ];
    let folder = tempfile::tempdir().unwrap();
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let create = format!("CREATE TABLE {} ({} TEXT, city TEXT)", quoted(table), quoted(column));
    let mut connection = database(folder.path(), &create).await;
    for value in values {
        sqlx::query(AssertSqlSafe(format!("INSERT INTO {} VALUES (?1, ?1)", quoted(table))))
            .bind(value)
            .execute(&mut connection)
            .await
            .unwrap();
    }
    connection.close().await.unwrap();
    let store = CustomerStore::open("sqlite:shop.db", folder.path()).await.unwrap();
    let mut vocabulary = vocabulary("customer: {table: t, key: k, attributes: {city: text}}");
    vocabulary.customer.table = table.to_owned();
    vocabulary.customer.key = column.to_owned();
    let loaded = all(&store, &vocabulary).await.unwrap();
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    assert_eq!(keys(&loaded), sorted);
    assert_eq!(texts(&loaded.chunks[0].attributes[0]).into_iter().flatten().collect::<Vec<_>>(), sorted);
    for value in values {
        let one = store
            .load(&vocabulary, &everything(&vocabulary), Selection::Those(&[value]), &EngineRows::default())
            .await
            .unwrap();
        assert_eq!(keys(&one), [value]);
    }
    vocabulary.customer.key = "a\"b".to_owned();
    assert!(matches!(all(&store, &vocabulary).await, Err(StoreError::NoColumn { .. })));
}

/// The same 10,000 customers, more than two blocks of them, as a table with and without row numbers, one that hides
/// them behind columns, and a view.
#[tokio::test]
async fn all_kinds_of_tables_give_the_same_chunks() {
    let fill = "WITH RECURSIVE n(i) AS (SELECT -9000 UNION ALL SELECT i + 1 FROM n WHERE i < 10999)
                SELECT i, 'c' || i, i / 7.0 FROM n";
    let kinds = [
        format!(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, city, points REAL); INSERT INTO customers {fill};"
        ),
        format!(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, city, points REAL) WITHOUT ROWID; INSERT INTO customers {fill};"
        ),
        format!(
            "CREATE TABLE customers (id INTEGER, city, points REAL, rowid, oid); INSERT INTO customers (id, city, points) {fill};"
        ),
        format!(
            "CREATE TABLE customers (id INTEGER, city, points REAL, rowid, oid, _rowid_); INSERT INTO customers (id, city, points) {fill};"
        ),
        format!(
            "CREATE TABLE t (id INTEGER, city, points REAL); INSERT INTO t {fill}; CREATE VIEW customers AS SELECT * FROM t;"
        ),
        format!(
            "PRAGMA encoding = 'UTF-16'; CREATE TABLE customers (id INTEGER, city, points REAL); INSERT INTO customers {fill};"
        ),
    ];
    let vocabulary =
        vocabulary("customer: {table: customers, key: id, attributes: {city: text, points: number}}");
    for kind in kinds {
        let (_folder, store) = shop(&kind).await;
        let loaded = all(&store, &vocabulary).await.unwrap();
        assert_eq!(
            loaded.chunks.iter().map(|c| c.len()).collect::<Vec<_>>(),
            [4096, 4096, 4096, 4096, 3616],
            "{kind}"
        );
        for chunk in &loaded.chunks {
            let cities = texts(&chunk.attributes[0]);
            for (i, city) in cities.into_iter().enumerate() {
                let key: i64 = chunk.keys.value(i).parse().unwrap();
                assert_eq!(city, Some(format!("c{key}").as_str()));
                let exact = chunk.attributes[1].as_primitive::<Float64Type>().value(i);
                assert_eq!(exact.to_bits(), (key as f64 / 7.0).to_bits());
            }
        }
    }
}

#[tokio::test]
async fn a_catalogue_says_what_there_is() {
    let (_folder, store) = shop(
        "CREATE TABLE customers (id INTEGER PRIMARY KEY, city TEXT);
         CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id REFERENCES customers, status TEXT);
         CREATE TABLE tidings_outbox (x);
         CREATE VIEW broken AS SELECT * FROM gone;
         INSERT INTO customers VALUES (1, 'Shanghai'), (2, NULL);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO orders SELECT i, 1, iif(i = 2000, 'rare', 'paid') FROM n;",
    )
    .await;
    let catalogue = store.catalogue().await.unwrap();
    let names: Vec<_> = catalogue.tables.iter().map(|t| (t.name.as_str(), t.row_count)).collect();
    assert_eq!(names, [("customers", Some(2)), ("orders", Some(2000))]);
    let [customers, orders] = catalogue.tables.as_slice() else { panic!() };
    assert!(customers.columns[0].primary_key && customers.columns[0].declared_type == "INTEGER");
    assert_eq!(customers.columns[1].samples, [Some("Shanghai".to_owned()), None]);
    assert_eq!(orders.columns[1].references, Some(("customers".to_owned(), "id".to_owned())));
    let status = &orders.columns[2];
    assert_eq!(status.distinct, Some(2));
    assert!(status.samples.contains(&Some("rare".to_owned())), "the values of a short list are all there");
    assert_eq!(status.samples.len(), 1000);
}

#[test]
fn loading_can_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    let (vocabulary, engine) = (vocabulary(SCHEMA), EngineRows::default());
    let needs = everything(&vocabulary);
    drop(async {
        let store = CustomerStore::open("sqlite:x", Path::new("")).await.unwrap();
        let load = store.load(&vocabulary, &needs, Selection::All, &engine);
        moves(&load);
    });
}

/// However moments are written, those whom an event concerns are found as a look at all rows finds them.
#[tokio::test]
async fn to_whom_something_happened_is_what_all_rows_say() {
    for from in ["2026-11-22T23:30:00Z", "2026-06-01T23:30:00Z", "2026-10-02T11:00:00Z"] {
        all_rows_say_the_same_from(from).await;
    }
}

async fn all_rows_say_the_same_from(from: &str) {
    let from = DateTime::parse_from_rfc3339(from).unwrap().timestamp_micros();
    let until = from + 7_200_000_000;
    let second = 1_000_000;
    let mut values: Vec<String> = Vec::new();
    for minutes in (-3_000..3_000).step_by(37).chain([-1, 0, 1, 120, 121, 480, -480]) {
        let at = from + minutes * 60 * second;
        let civil = DateTime::from_timestamp_micros(at).unwrap();
        let east = civil.with_timezone(&chrono::FixedOffset::east_opt(14 * 3_600).unwrap());
        values.extend([
            format!("'{}'", civil.format("%Y-%m-%d %H:%M:%S")),
            format!("' {} '", civil.format("%Y-%m-%dT%H:%MZ")),
            format!("'{}'", civil.format("%Y/%m/%d %H:%M")),
            format!("'{}'", civil.format("%Y-%-m-%-d %-H:%M")),
            format!("'{}'", civil.format("%Y/%m/%-d")),
            format!("'{}'", civil.format("%Y%m%dT%H:%M:%S.5Z")),
            format!("'{}'", east.format("%Y-%m-%dT%H:%M:%S%:z")),
            format!("x'{}'", hex::encode(civil.format("%Y-%m-%d %H:%M").to_string())),
        ]);
        for unit in [1, 1_000, second, 60 * second, 3_600 * second, 86_400 * second] {
            let count = at.div_euclid(unit);
            values.extend([
                count.to_string(),
                format!("{count}.25"),
                format!("'{count}'"),
                format!("' +{count}'"),
            ]);
            values.push(format!("'000{count}'"));
        }
    }
    values.extend(
        ["20261123", "'20261123'", "20261122.0", "NULL", "''", "'soon'", "1e400", "'9'", "-5"]
            .map(String::from),
    );
    let rows: Vec<String> = values.iter().enumerate().map(|(i, v)| format!("({i}, {i}, {v})")).collect();
    for declared in ["", "INTEGER", "TEXT", "DATETIME", "REAL"] {
        let (_folder, store) = shop(&format!(
            "CREATE TABLE customers (id INTEGER PRIMARY KEY, seen {declared}); \
             CREATE TABLE visits (id, who, at {declared}); CREATE INDEX visits_at ON visits (at); \
             INSERT INTO visits VALUES {}; INSERT INTO customers SELECT who, at FROM visits;",
            rows.join(", ")
        ))
        .await;
        for unit in ["seconds", "milliseconds", "microseconds", "minutes", "hours", "days"] {
            let at = format!("{{type: moment, unit: {unit}}}");
            let vocabulary = vocabulary(&format!(
                "customer:\n  table: customers\n  key: id\n  attributes:\n    seen: {at}\ncollections:\n  visits:\n    \
                 table: visits\n    customer: who\n    key: id\n    time: at\n    fields:\n      at: {at}\n",
            ));
            let all = all(&store, &vocabulary).await.unwrap();
            let mut expected = Vec::new();
            for chunk in &all.chunks {
                let seen = Whole::of(&chunk.attributes[0]).unwrap();
                let hit = |i: &usize| seen.at(*i).is_some_and(|seen| (from..until).contains(&seen));
                expected.extend((0..chunk.len()).filter(hit).map(|i| chunk.keys.value(i).to_owned()));
            }
            assert!(expected.len() > 2, "{declared} {unit}");
            for source in [EventSource::Attribute(AttributeId(0)), EventSource::Row(CollectionId(0))] {
                let found = store.happened(&vocabulary, &[(&source, from)], until).await.unwrap().unwrap();
                let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
                assert_eq!(found, expected, "{declared} {unit} {source:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_put_aside_comes_back_as_it_was() {
    let (folder, store) = shop(SHOP).await;
    let vocabulary = vocabulary(SCHEMA);
    let needs = everything(&vocabulary);
    let kept = |attribute: &str, value: &str| KeptRow {
        customer: "10".into(),
        attribute: attribute.into(),
        value: value.into(),
    };
    let engine =
        EngineRows { kept: vec![kept("note", "x"), kept("marks", "[\"m\"]")], ..EngineRows::default() };
    let aside = folder.path().join("aside");
    let room = Room { memory: 0, folder: aside.clone(), threads: 2 };
    for customers in [1, 2, 100] {
        let store = store.clone().in_chunks_of(customers);
        let loaded = store.load(&vocabulary, &needs, Selection::All, &engine).await.unwrap();
        let stream = store.stream(&vocabulary, &needs, &engine, &room).await.unwrap();
        assert_eq!(stream.count(), 3_usize.div_ceil(customers));
        let made: Vec<_> = (0..stream.count()).map(|i| stream.chunk(i).unwrap().into_owned()).collect();
        assert_eq!(stream.stats(), loaded.stats);
        assert!(stream.aside() > 0 && std::fs::read_dir(&aside).unwrap().next().is_none(), "it has no name");
        // Asked for again, and in another order.
        for (i, chunk) in made.iter().enumerate().rev() {
            assert_eq!(format!("{:?}", stream.chunk(i).unwrap()), format!("{chunk:?}"));
            assert_eq!(chunk.keys, loaded.chunks[i].keys);
            for (made, there) in chunk.collections.iter().zip(&loaded.chunks[i].collections) {
                assert_eq!(format!("{made:?}"), format!("{there:?}"));
            }
            for (made, there) in chunk.attributes.iter().zip(&loaded.chunks[i].attributes) {
                assert_eq!(made, there);
            }
        }
    }
    let full = Room { folder: folder.path().join("shop.db"), ..room };
    let said = store.stream(&vocabulary, &needs, &engine, &full).await.unwrap_err().to_string();
    assert!(said.contains("raise `memory:`") && said.contains("shop.db"), "{said}");
}

#[tokio::test]
async fn customers_with_many_rows_are_in_chunks_of_few() {
    let (folder, store) = shop(
        "CREATE TABLE customers (id INTEGER, city, points, spent, consent, born, seen, level, tags);
         CREATE TABLE orders (id, customer_id, at, total);
         WITH RECURSIVE n(i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
           INSERT INTO orders SELECT i, min(i % 9, 6), '2026-01-0' || (1 + i % 7), i FROM n;
         INSERT INTO customers (id, points) SELECT DISTINCT customer_id, customer_id FROM orders WHERE customer_id <> 3;
         INSERT INTO customers (id) VALUES (7), (8);",
    )
    .await;
    let vocabulary = vocabulary(SCHEMA);
    let needs = everything(&vocabulary);
    let room = Room { memory: 0, folder: folder.path().to_owned(), threads: 2 };
    let loaded = all(&store, &vocabulary).await.unwrap();
    let stream = store.stream(&vocabulary, &needs, &EngineRows::default(), &room).await.unwrap();
    let made: Vec<_> = (0..stream.count()).map(|i| stream.chunk(i).unwrap().into_owned()).collect();
    assert_eq!(stream.stats(), loaded.stats);
    // Some 555 orders each; the sixth has three times as many, which are more than a chunk may have.
    let keys: Vec<Vec<&str>> = made.iter().map(|chunk| chunk.keys.iter().flatten().collect()).collect();
    assert_eq!(keys, [vec!["0"], vec!["1"], vec!["2"], vec!["4"], vec!["5"], vec!["6"], vec!["7", "8"]]);
    let (mut at, whole) = (0, &loaded.chunks[0]);
    for one in made.iter().flat_map(|chunk| (0..chunk.len()).filter_map(|i| chunk.one(i))) {
        let there = whole.one(at).unwrap();
        assert_eq!((&one.keys, &one.attributes), (&there.keys, &there.attributes));
        assert_eq!(format!("{:?}", one.collections), format!("{:?}", there.collections));
        at += 1;
    }
    assert_eq!(at, 8);
    // Where many threads work on one each, they are smaller; what is in chunks that are small enough stays where it is.
    let rows = |chunk: &tidings_engine::Chunk| chunk.collections.iter().map(|rows| rows.len()).sum::<usize>();
    let mut written = Vec::new();
    for (memory, threads, expected) in [(20_000_000, 1, 3), (3_000_000, 2, 4), (20_000_000, 64, 5)] {
        let room = Room { memory, threads, ..room.clone() };
        let store = store.clone().in_chunks_of(3);
        let stream = store.stream(&vocabulary, &needs, &EngineRows::default(), &room).await.unwrap();
        let made: Vec<_> = (0..stream.count()).map(|i| stream.chunk(i).unwrap().into_owned()).collect();
        assert_eq!(made.len(), expected, "{memory} {threads}");
        written.push(stream.aside());
        let most = made.iter().filter(|chunk| chunk.len() > 1).map(rows).max().unwrap();
        assert!(most * 100 * threads <= memory as usize / 2, "{most} rows of {memory} bytes on {threads}");
        let all: Vec<String> =
            made.iter().flat_map(|chunk| chunk.keys.iter().flatten().map(str::to_owned)).collect();
        assert_eq!(all, ["0", "1", "2", "4", "5", "6", "7", "8"]);
        assert_eq!((made.iter().map(rows).sum::<usize>(), stream.stats()), (4_444, loaded.stats.clone()));
    }
    assert!(written[1] < written[0] * 7 / 4, "only the second chunk was divided: {written:?}");
}

#[tokio::test]
async fn customers_with_long_rows_are_in_chunks_of_few() {
    let (folder, store) = shop(
        "CREATE TABLE customers (id INTEGER, city, points, spent, consent, born, seen, level, tags);
         CREATE TABLE orders (id, customer_id, at, total);
         WITH RECURSIVE n(i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < 49)
           INSERT INTO orders SELECT printf('%0*d', iif(i < 30, 30000, 1), i), i, '2026-01-01', i FROM n;
         INSERT INTO customers (id) SELECT customer_id FROM orders;",
    )
    .await;
    let vocabulary = vocabulary(SCHEMA);
    let needs = everything(&vocabulary);
    let room = Room { memory: 0, folder: folder.path().to_owned(), threads: 2 };
    let stream = store.stream(&vocabulary, &needs, &EngineRows::default(), &room).await.unwrap();
    let made: Vec<_> = (0..stream.count()).map(|i| stream.chunk(i).unwrap().len()).collect();
    assert_eq!(
        made,
        [3, 3, 3, 3, 3, 3, 22],
        "three long orders take 90 kB, of the 100 kB that are always there"
    );
}
