//! How databases are opened: read-only, as of one moment, and with errors that help and give nothing away.

use super::servers::{Kind, Shop};
use super::{keys, vocabulary};
use std::path::Path;
use std::time::Duration;
use tidings_store::{CustomerStore, EngineRows, Selection, StoreError};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

const SCHEMA: &str = "
customer: {table: customers, key: id, attributes: {city: text}}
collections:
  orders: {table: orders, customer: customer_id, time: at, fields: {at: date}}
";
const TABLES: &str = "CREATE TABLE customers (id BIGINT, city VARCHAR(9));
    CREATE TABLE orders (customer_id BIGINT, at DATE);";

const CUSTOMERS: usize = 300;

#[tokio::test]
async fn customers_and_their_rows_are_of_one_moment() {
    let vocabulary = vocabulary(SCHEMA);
    for shop in Shop::each(|kind| {
        format!("{}{TABLES}", if kind == Kind::Lite { "PRAGMA journal_mode = WAL;" } else { "" })
    })
    .await
    {
        // Each customer comes with three orders, in one transaction, and the next follows at once.
        let customer = |id: usize| {
            format!(
                "BEGIN; INSERT INTO customers VALUES ({id}, 'x');
                 INSERT INTO orders VALUES ({id}, '2026-01-01'), ({id}, '2026-01-01'), ({id}, '2026-01-01'); COMMIT;"
            )
        };
        let all: String = (0..CUSTOMERS).map(customer).collect();
        let write = shop.execute(&all);
        let read = async {
            loop {
                let stats = shop.load(&vocabulary, Selection::All).await.unwrap().stats;
                let orders = &stats.collections[0];
                assert_eq!((orders.rows, orders.orphans), (stats.customers * 3, 0), "{:?}", shop.kind);
                if stats.customers == CUSTOMERS {
                    return;
                }
            }
        };
        tokio::join!(write, read);
    }
}

#[tokio::test]
async fn nothing_is_ever_written() {
    let vocabulary = vocabulary("customer: {table: customers, key: id, attributes: {city: text}}");
    let sneaky = [
        (
            Kind::Postgres,
            "CREATE TABLE log (x int);
             CREATE FUNCTION sneak() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO log VALUES (1) RETURNING x';
             CREATE VIEW customers AS SELECT sneak() AS id, 'x'::text AS city;",
        ),
        (
            Kind::MySql,
            "CREATE TABLE log (x int);
             CREATE FUNCTION sneak() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO log VALUES (1); RETURN 1; END;
             CREATE VIEW customers AS SELECT sneak() AS id, 'x' AS city;",
        ),
    ];
    for (kind, sql) in sneaky {
        let Some(shop) = Shop::new(kind, sql).await else { continue };
        let error = shop.load(&vocabulary, Selection::All).await.unwrap_err().to_string();
        assert!(kind == Kind::MySql || error.contains("read-only transaction"), "{error}");
        // The table stays empty, or this finds the second of two equal rows.
        shop.execute("INSERT INTO log VALUES (1); ALTER TABLE log ADD PRIMARY KEY (x);").await;
    }
}

#[tokio::test]
async fn what_is_missing_is_named_together_with_what_there_is() {
    for shop in Shop::each(|_| TABLES.replace("city", "\u{57ce}")).await {
        let say =
            async |yaml: &str| shop.load(&vocabulary(yaml), Selection::All).await.unwrap_err().to_string();
        let error = say("customer: {table: customer, key: id, attributes: {a: text}}").await;
        assert!(error.contains("no table or view `customer`; `customers` was probably meant"), "{error}");
        let error = say("customer: {table: people, key: id, attributes: {a: text}}").await;
        assert!(error.contains("no table or view `people`; it has `customers`, `orders`"), "{error}");
        let error = say("customer: {table: customers, key: id, attributes: {born: date}}").await;
        assert!(error.contains("`customers` has no column `born`; it has `id`, `\u{57ce}`"), "{error}");
        let other = "customer: {table: CUSTOMERS, key: ID, attributes: {\u{57ce}: text}}";
        assert!(shop.load(&vocabulary(other), Selection::All).await.is_ok(), "capitals are no difference");
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_used_says_why_and_keeps_passwords() {
    let open = async |url: &str| CustomerStore::open(url, Path::new("")).await.unwrap_err().to_string();
    for scheme in ["postgres", "mysql", "mariadb"] {
        let error = open(&format!("{scheme}://me:hunter2@127.0.0.1:1/shop")).await;
        assert!(error.contains("shop at 127.0.0.1 cannot be reached"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = open(&format!("{scheme}://me:hunter2@127.0.0.1:x/shop")).await;
        assert!(error.contains("not one of a customer store") && !error.contains("hunter2"), "{error}");
    }
    assert!(open("mysql://me@127.0.0.1").await.contains("names no database"));
    for kind in [Kind::Postgres, Kind::MySql] {
        let Some(shop) = Shop::new(kind, TABLES).await else { continue };
        assert!(!format!("{:?}", shop.store().await).contains("tidings:tidings"));
        let mut gone = url::Url::parse(&shop.url).unwrap();
        gone.set_path("nowhere");
        let error = open(gone.as_str()).await;
        assert!(error.contains("nowhere") && error.contains("cannot be reached"), "{error}");
    }
}

/// Passes on what a server says, but no more than so many bytes of it on each connection, without closing any. Its port.
async fn muffled(server: (String, u16), most: u64) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(server).await.unwrap();
                let ((mut hear, mut say), (mut far_hear, mut far_say)) = (near.split(), far.split());
                let there = tokio::io::copy(&mut hear, &mut far_say);
                let back = async {
                    tokio::io::copy(&mut (&mut far_hear).take(most), &mut say).await.unwrap();
                    std::future::pending().await
                };
                tokio::select! { _ = there => {}, () = back => {} }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_not_waited_for_for_ever() {
    let vocabulary = vocabulary("customer: {table: customers, key: id, attributes: {city: text}}");
    let values: Vec<String> = (0..40_000).map(|i| format!("({i}, 'city {i}')")).collect();
    let sql = format!(
        "CREATE TABLE customers (id BIGINT, city VARCHAR(20)); INSERT INTO customers VALUES {};",
        values.join(", ")
    );
    for kind in [Kind::Postgres, Kind::MySql] {
        let Some(shop) = Shop::new(kind, &sql).await else { continue };
        let mut url = url::Url::parse(&shop.url).unwrap();
        let default = if kind == Kind::Postgres { 5432 } else { 3306 };
        let server = ("127.0.0.1".to_owned(), url.port().unwrap_or(default));
        let port = muffled(server, 200_000).await;
        url.set_query(None);
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(port)).unwrap();
        let store = CustomerStore::open(url.as_str(), Path::new("")).await.unwrap();
        let store = store.silence(Duration::from_secs(1));
        let (needs, engine) = (crate::everything(&vocabulary), EngineRows::default());
        let load = store.load(&vocabulary, &needs, Selection::All, &engine);
        let error = tokio::time::timeout(Duration::from_secs(60), load).await.expect("it is given up");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("cannot be reached: ") && error.contains("fell silent"), "{error}");
    }
}

/// A user of the server's who may read one table of two.
#[tokio::test]
async fn what_may_not_be_read_is_said() {
    let vocabulary = vocabulary(SCHEMA);
    for kind in [Kind::Postgres, Kind::MySql] {
        let Some(shop) = Shop::new(kind, TABLES).await else { continue };
        let user = format!("u{}", hex::encode(rand::random::<[u8; 6]>()));
        let (make, forget) = match kind {
            Kind::Postgres => (
                format!("CREATE ROLE {user} LOGIN; GRANT SELECT ON customers TO {user};"),
                format!("DROP OWNED BY {user}; DROP ROLE {user};"),
            ),
            _ => (
                format!("CREATE USER {user} IDENTIFIED BY 'right'; GRANT SELECT ON customers TO {user};"),
                format!("DROP USER {user};"),
            ),
        };
        shop.execute(&make).await;
        let mut url = url::Url::parse(&shop.url).unwrap();
        url.set_username(&user).unwrap();
        url.set_password(Some("right")).unwrap();
        let store = CustomerStore::open(url.as_str(), Path::new("")).await.unwrap();
        let needs = crate::everything(&vocabulary);
        let loaded = store.load(&vocabulary, &needs, Selection::All, &Default::default()).await;
        let tables = store.catalogue().await.unwrap().tables;
        assert_eq!(tables.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["customers"]);
        if kind == Kind::MySql {
            url.set_password(Some("wrong")).unwrap();
            let error = CustomerStore::open(url.as_str(), Path::new("")).await.unwrap_err();
            assert!(matches!(error, StoreError::Denied { .. }), "{error}");
            assert!(!error.to_string().contains("wrong"), "{error}");
        }
        shop.execute(&forget).await;
        match loaded.unwrap_err() {
            StoreError::Denied { .. } if kind == Kind::Postgres => {}
            // Of what may not be read this server says nothing at all.
            StoreError::NoTable { .. } if kind == Kind::MySql => {}
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn tables_in_other_schemas_go_by_their_whole_names() {
    let sql = "CREATE SCHEMA sales; CREATE TABLE sales.customers (id int, city text); INSERT INTO sales.customers VALUES (1, 'x');
        CREATE TABLE \"a.b\" (id int, city text); INSERT INTO \"a.b\" VALUES (2, 'y');";
    let Some(shop) = Shop::new(Kind::Postgres, sql).await else { return };
    for (table, key) in [("sales.customers", "1"), ("a.b", "2")] {
        let schema = format!("customer: {{table: {table}, key: id, attributes: {{city: text}}}}");
        assert_eq!(keys(&shop.load(&vocabulary(&schema), Selection::All).await.unwrap()), [key]);
    }
}
