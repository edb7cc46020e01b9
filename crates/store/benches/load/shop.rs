//! A shop whose values follow from the row numbers, in tables of any of the databases.

use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::fmt::Write;
use std::path::Path;
use tidings_schema::load::{Settings, load};
use tidings_schema::{Currency, Vocabulary};
use tidings_syntax::FileId;

const ROWS_A_STATEMENT: u64 = 1000;

#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Lite,
    Postgres,
    MySql,
}

pub struct Shop {
    pub kind: Kind,
    pub url: String,
    pub customers: u64,
}

enum Connected {
    Lite(SqliteConnection),
    Postgres(PgConnection),
    MySql(MySqlConnection),
}

impl Connected {
    async fn execute(&mut self, sql: &str) {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Connected::Lite(connection) => query.execute(connection).await.map(drop),
            Connected::Postgres(connection) => query.execute(connection).await.map(drop),
            Connected::MySql(connection) => query.execute(connection).await.map(drop),
        }
        .unwrap();
    }
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Lite => "SQLite",
            Kind::Postgres => "PostgreSQL",
            Kind::MySql => "MariaDB",
        }
    }
}

/// The statements that read all of it plainly.
pub fn reads() -> [&'static str; 2] {
    [
        "SELECT id, email, phone, name, city, country, zone, signed_up, birthday, seen, email_consent, sms_consent, tags, \
         level, spent, visits, points, share, height, weight FROM load_customers",
        "SELECT customer_id, id, placed_at, total, status, category FROM load_orders",
    ]
}

pub fn vocabulary() -> Vocabulary {
    let settings = Settings { zone: chrono_tz::Asia::Shanghai, currency: Currency::CNY };
    let yaml = "
customer:
  table: load_customers
  key: id
  attributes:
    email: text
    phone: text
    name: text
    city: text
    country: text
    zone: text
    signed_up: moment
    birthday: date
    seen: moment
    email_consent: yes/no
    sms_consent: yes/no
    tags: tags
    level: {type: one of, values: [gold, silver, bronze]}
    spent: money
    visits: number
    points: number
    share: number
    height: number
    weight: number
collections:
  orders:
    table: load_orders
    customer: customer_id
    key: id
    time: placed_at
    fields:
      placed_at: moment
      total: money
      status: text
      category: text
";
    let (vocabulary, findings) = load(yaml, FileId(0), &settings);
    vocabulary.unwrap_or_else(|| unreachable!("{findings:?}"))
}

impl Shop {
    /// One on each database there is: an SQLite file in the folder, and servers by their URLs in the environment.
    pub fn everywhere(customers: u64, folder: &Path) -> Vec<Shop> {
        let url = |name| std::env::var(name).ok();
        let urls = [
            (Kind::Lite, Some(format!("sqlite:{}", folder.join("shop.db").display()))),
            (Kind::Postgres, url("TIDINGS_POSTGRES")),
            (Kind::MySql, url("TIDINGS_MYSQL")),
        ];
        urls.into_iter().filter_map(|(kind, url)| Some(Shop { kind, url: url?, customers })).collect()
    }

    async fn connect(&self) -> Connected {
        match self.kind {
            Kind::Lite => {
                Connected::Lite(SqliteConnection::connect(&format!("{}?mode=rwc", self.url)).await.unwrap())
            }
            Kind::Postgres => Connected::Postgres(PgConnection::connect(&self.url).await.unwrap()),
            Kind::MySql => Connected::MySql(MySqlConnection::connect(&self.url).await.unwrap()),
        }
    }

    pub async fn execute(&self, sql: &str) {
        self.connect().await.execute(sql).await;
    }

    pub async fn make(&self) {
        self.remove().await;
        let mut connection = self.connect().await;
        let (moment, truth, number) = match self.kind {
            Kind::Lite => ("TEXT", "INTEGER", "REAL"),
            Kind::Postgres => ("timestamp", "boolean", "double precision"),
            Kind::MySql => ("datetime", "boolean", "double"),
        };
        let text = "varchar(60)";
        let day = if self.kind == Kind::Lite { "TEXT" } else { "date" };
        connection
            .execute(&format!(
                "CREATE TABLE load_customers (id INTEGER PRIMARY KEY, email {text}, phone {text}, name {text}, city {text}, \
                 country {text}, zone {text}, signed_up {moment}, birthday {day}, seen {moment}, email_consent {truth}, \
                 sms_consent {truth}, tags {text}, level {text}, spent decimal(12, 2), visits INTEGER, points {number}, \
                 share {number}, height {number}, weight {number}); \
                 CREATE TABLE load_orders (id INTEGER PRIMARY KEY, customer_id INTEGER, placed_at {moment}, \
                 total decimal(12, 2), status {text}, category {text})"
            ))
            .await;
        self.fill(&mut connection, "load_customers", self.customers, customer).await;
        let customers = self.customers;
        self.fill(&mut connection, "load_orders", customers * 10, |sql, i| order(sql, i, customers)).await;
        connection.execute("CREATE INDEX load_orders_customer ON load_orders (customer_id)").await;
        if self.kind == Kind::Postgres {
            connection.execute("VACUUM ANALYZE").await;
        }
    }

    async fn fill(&self, connection: &mut Connected, table: &str, rows: u64, row: impl Fn(&mut String, u64)) {
        connection.execute("BEGIN").await;
        for from in (0..rows).step_by(ROWS_A_STATEMENT as usize) {
            let mut sql = format!("INSERT INTO {table} VALUES ");
            for i in from..rows.min(from + ROWS_A_STATEMENT) {
                sql += if i == from { "(" } else { ", (" };
                row(&mut sql, i);
                sql += ")";
            }
            connection.execute(&sql).await;
        }
        connection.execute("COMMIT").await;
    }

    pub async fn remove(&self) {
        let mut connection = self.connect().await;
        for table in ["load_customers", "load_orders"] {
            connection.execute(&format!("DROP TABLE IF EXISTS {table}")).await;
        }
    }
}

/// A number from a row number that looks like chance.
fn mixed(i: u64, salt: u64) -> u64 {
    let x =
        (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(salt.wrapping_mul(0xbf58_476d_1ce4_e5b9));
    (x ^ (x >> 31)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
}

fn moment(sql: &mut String, seconds: u64) {
    let at = chrono::DateTime::from_timestamp(1_700_000_000 + seconds as i64, 0).unwrap();
    write!(sql, "'{}', ", at.format("%Y-%m-%d %H:%M:%S")).unwrap();
}

fn customer(sql: &mut String, i: u64) {
    const TAGS: [&str; 5] =
        ["[]", "[\"vip\"]", "[\"new\", \"press\"]", "[\"wholesale\"]", "[\"vip\", \"staff\"]"];
    const ZONES: [&str; 3] = ["Asia/Shanghai", "Europe/Berlin", "America/New_York"];
    let of = |salt, most| mixed(i, salt) % most;
    write!(
        sql,
        "{i}, 'customer{i}@example.com', '+86138{:08}', 'Name {}', ",
        of(1, 100_000_000),
        of(2, 40_000)
    )
    .unwrap();
    match of(3, 50) {
        0 => *sql += "NULL, ",
        city => write!(sql, "'city {city}', ").unwrap(),
    }
    write!(sql, "'country {}', '{}', ", of(4, 8), ZONES[of(5, 3) as usize]).unwrap();
    moment(sql, of(6, 63_000_000));
    let born =
        chrono::NaiveDate::from_ymd_opt(1950, 1, 1).unwrap() + chrono::TimeDelta::days(of(7, 20_000) as i64);
    write!(sql, "'{born}', ").unwrap();
    moment(sql, of(8, 63_000_000));
    write!(sql, "{}, {}, '{}', ", of(9, 2) == 0, of(10, 3) == 0, TAGS[of(11, 5) as usize]).unwrap();
    write!(
        sql,
        "'{}', {}.{:02}, ",
        ["gold", "silver", "bronze"][of(12, 3) as usize],
        of(13, 9000),
        of(14, 100)
    )
    .unwrap();
    write!(sql, "{}, {}, ", of(15, 1000), of(16, 100_000) as f64 / 8.0).unwrap();
    write!(sql, "0.{}, {}, {}", of(17, 999), of(18, 90) as f64 + 0.25, of(19, 1000) as f64 / 7.0).unwrap();
}

fn order(sql: &mut String, i: u64, customers: u64) {
    const STATUS: [&str; 5] = ["paid", "paid", "shipped", "returned", "cancelled"];
    let of = |salt, most| mixed(i, salt) % most;
    write!(sql, "{i}, {}, ", of(20, customers)).unwrap();
    moment(sql, of(21, 63_000_000));
    write!(
        sql,
        "{}.{:02}, '{}', 'category {}'",
        of(22, 300),
        of(23, 100),
        STATUS[of(24, 5) as usize],
        of(25, 40)
    )
    .unwrap();
}
