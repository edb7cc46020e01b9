//! What stays in memory is at every moment what a cold load gives, whatever came, changed or went since.

use super::servers::{Kind, Shop};
use super::shown;
use crate::shop::{everything, vocabulary};
use std::collections::BTreeMap;
use tidings_schema::Vocabulary;
use tidings_store::{EngineRows, Loaded, Refreshed, Resident, Selection};

/// Every way to tell changes: a moment, a civil time, a number; and none.
pub const TOLD: &str = "
customer:
  table: customers
  key: id
  updated_at: told
  deleted_at: gone
  attributes:
    city: text
    points: number
collections:
  orders:
    table: orders
    customer: customer_id
    time: placed_at
    key: id
    updated_at: version
    deleted_at: gone
    fields:
      placed_at: moment
      total: money
      note: text
  visits:
    table: visits
    customer: customer_id
    time: day
    key: id
    append_only: id
    fields:
      day: date
      page: text
";

fn schema(way: usize) -> String {
    match way {
        0 => TOLD.to_owned(),
        1 => TOLD.replace("  updated_at: told\n", "").replace("updated_at: version", "updated_at: at"),
        2 => TOLD.replace("append_only: id", "append_only: told").replace("    updated_at: version\n", ""),
        _ => TOLD.replace("  updated_at: told\n  deleted_at: gone\n", "  append_only: number\n"),
    }
}

/// `told` is a moment and `at` a civil time, as far as the database knows such things.
fn tables(kind: Kind) -> String {
    let (moment, civil) = match kind {
        Kind::Lite => ("TEXT", "TEXT"),
        Kind::Postgres => ("timestamptz", "timestamp"),
        Kind::MySql => ("TIMESTAMP NULL", "DATETIME"),
    };
    format!(
        "CREATE TABLE customers (id VARCHAR(20), city VARCHAR(20), points VARCHAR(20), number BIGINT, told {moment}, gone INT);
         CREATE TABLE orders (id VARCHAR(20), customer_id VARCHAR(20), placed_at {civil}, total DECIMAL(10,2),
             note VARCHAR(20), version BIGINT, at {civil}, gone INT);
         CREATE TABLE visits (id BIGINT, customer_id VARCHAR(20), day DATE, page VARCHAR(20), told {moment});"
    )
}

/// A shop whose clock goes on by days, and by tens of thousands of versions a day.
pub struct World {
    pub shop: Shop,
    pub day: i64,
    visits: i64,
    dice: u64,
}

impl World {
    pub async fn new(kind: Kind, seed: u64) -> Option<World> {
        let shop = Shop::new(kind, &tables(kind)).await?;
        let mut world = World { shop, day: 20_000, visits: 0, dice: seed };
        world.changes(60, true).await;
        Some(world)
    }

    /// One with 300 customers, orders and visits more, that came in long before a change.
    pub async fn settled(kind: Kind) -> Option<World> {
        let mut world = World::new(kind, 11).await?;
        let rows = |table: &str, row: &str| {
            let rows: Vec<String> = (100..400).map(|i| row.replace('#', &i.to_string())).collect();
            format!("INSERT INTO {table} VALUES {}", rows.join(", "))
        };
        let (told, civil, version) = (world.moment(world.now()), world.civil(world.now()), world.version());
        let customers = rows("customers", &format!("('#', 'x', '1', {version}, {told}, NULL)"));
        let orders = rows("orders", &format!("('o#', '#', {civil}, 1, 'x', {version}, {civil}, NULL)"));
        let visits = rows("visits", &format!("(#, '#', '2026-01-01', 'x', {told})"));
        world.shop.execute(&format!("{customers};\n{orders};\n{visits}")).await;
        world.day += 9;
        let (told, version) = (world.moment(world.now()), world.version());
        let newest = format!(
            "UPDATE customers SET city = 'y', told = {told} WHERE id = '200'; UPDATE orders SET note = 'y', version = {version} WHERE id = 'o200'"
        );
        world.shop.execute(&newest).await;
        Some(world)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) % n
    }

    pub fn now(&self) -> i64 {
        self.day * 86_400
    }

    pub fn moment(&self, seconds: i64) -> String {
        match self.shop.kind {
            Kind::Lite => format!("datetime({seconds}, 'unixepoch')"),
            Kind::Postgres => format!("to_timestamp({seconds})"),
            Kind::MySql => format!("FROM_UNIXTIME({seconds})"),
        }
    }

    fn civil(&self, seconds: i64) -> String {
        let moment = self.moment(seconds);
        if self.shop.kind == Kind::Postgres {
            format!("{moment} AT TIME ZONE 'Asia/Shanghai'")
        } else {
            moment
        }
    }

    pub fn version(&self) -> i64 {
        self.day * 30_000
    }

    /// What every change of a row sets.
    fn touched(&self, table: &str) -> String {
        match table {
            "customers" => format!("told = {}, number = {}", self.moment(self.now()), self.version()),
            _ => format!("at = {}, version = {}", self.civil(self.now()), self.version()),
        }
    }

    pub async fn changes(&mut self, many: u64, only_new: bool) {
        let sql: Vec<String> = (0..many).map(|_| self.change(only_new)).collect();
        if !sql.is_empty() {
            self.shop.execute(&sql.join(";\n")).await;
        }
    }

    fn insert(&mut self, table: &str) -> String {
        let (word, n) = (self.below(9), self.below(40));
        let owner = match self.below(9) {
            0 => "NULL".to_owned(),
            1 => format!("'later {}'", self.below(4)),
            _ => format!("'{n}'"),
        };
        let (now, version) = (self.now(), self.version());
        let sql = match table {
            "customers" => {
                let id = if n < 4 { format!("later {n}") } else { n.to_string() };
                let points = if word == 0 { "many".to_owned() } else { word.to_string() };
                let told = self.moment(now);
                format!(
                    "INSERT INTO customers SELECT '{id}', 'city {word}', '{points}', {version}, {told}, NULL
                    WHERE NOT EXISTS (SELECT 1 FROM customers WHERE id = '{id}')"
                )
            }
            "orders" => {
                let id = self.below(60);
                let ago = 1000 * self.below(3) as i64;
                let placed = if word == 1 { "NULL".to_owned() } else { self.civil(now - ago) };
                let at = self.civil(now);
                format!("INSERT INTO orders SELECT 'o{id}', {owner}, {placed}, {word}.25, 'note {word}', {version}, {at}, NULL
                    WHERE NOT EXISTS (SELECT 1 FROM orders WHERE id = 'o{id}')")
            }
            _ => {
                // A row may become visible a little after others that came later.
                self.visits += 1;
                let id = self.visits * 30_000 - self.below(9_000) as i64;
                let ago = self.below(500) as i64;
                let told = self.moment(now - ago);
                format!(
                    "INSERT INTO visits VALUES ({id}, {owner}, '2026-01-0{}', 'page {word}', {told})",
                    word + 1
                )
            }
        };
        if self.shop.kind == Kind::MySql { sql.replace("WHERE NOT", "FROM DUAL WHERE NOT") } else { sql }
    }

    /// Something happens; what a table says of its rows is true, but for rows that are deleted without a word.
    fn change(&mut self, only_new: bool) -> String {
        let table = ["customers", "orders", "visits"][self.below(3) as usize];
        let kind = if only_new || table == "visits" { 0 } else { self.below(8) };
        let (key, word, other) = match table {
            "customers" => (self.below(40).to_string(), self.below(9), String::new()),
            _ => (format!("o{}", self.below(60)), self.below(9), self.below(40).to_string()),
        };
        let (touched, whom) = (self.touched(table), format!("WHERE id >= '{key}' AND id < '{key}~'"));
        let set = |what: String| format!("UPDATE {table} SET {what}, {touched} {whom}");
        match (kind, table) {
            (0..=2, _) => self.insert(table),
            (3, "customers") => set(format!("city = 'town {word}', points = '{word}x'")),
            // Some are too large for the room that the others take.
            (3, _) if word == 8 => set("total = 30000000".to_owned()),
            (3, _) => set(format!("total = {word}, note = 'new {word}'")),
            (4, "orders") => set(format!("customer_id = '{other}'")),
            (4, _) => set(format!("points = '{word}'")),
            (5, _) => set("gone = 1".to_owned()),
            (6, _) => set("gone = NULL".to_owned()),
            _ => format!("DELETE FROM {table} {whom}"),
        }
    }

    async fn refresh(&self, resident: &mut Resident, vocabulary: &Vocabulary) -> (Loaded, Refreshed) {
        let (store, needs) = (self.shop.store().await, everything(vocabulary));
        let (at, engine) = (self.now() * 1_000_000, EngineRows::default());
        resident.load(&store, vocabulary, &needs, &engine, at).await.unwrap()
    }
}

/// All that a load says, whatever the chunks are: customers with their columns and rows, and the remarks.
pub fn told(loaded: &Loaded) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let mut customers = BTreeMap::new();
    for chunk in &loaded.chunks {
        for i in 0..chunk.len() {
            let mut all: Vec<String> =
                chunk.attributes.iter().map(|a| format!("{:?}", shown(a, i))).collect();
            for rows in &chunk.collections {
                for row in rows.offsets[i] as usize..rows.offsets[i + 1] as usize {
                    all.push(rows.fields.iter().map(|f| format!("{:?} ", shown(f, row))).collect());
                }
                all.push("-".to_owned());
            }
            assert!(customers.insert(chunk.keys.value(i).to_owned(), all).is_none());
        }
    }
    let stats = &loaded.stats;
    let mut remarks = vec![format!("{} {}", stats.customers, stats.without_key)];
    remarks.extend(stats.collections.iter().map(|c| format!("{c:?}")));
    remarks.extend(stats.bad.iter().map(|b| format!("{} {} {} {}", b.table, b.column, b.count, b.expected)));
    (customers, remarks)
}

#[tokio::test]
async fn whatever_happens_it_is_what_a_cold_load_gives() {
    for kind in Kind::ALL {
        for way in 0..4 {
            let Some(mut world) = World::new(kind, 7 + way as u64).await else { continue };
            let vocabulary = vocabulary(&schema(way));
            // Where rows of customers change that only ever come in, nothing is promised.
            let only_new = way == 3;
            let mut resident = Resident::default().whole_every(i64::MAX);
            let mut saved = 0;
            // Opening a server takes its time.
            for step in 0..if kind == Kind::Lite { 30 } else { 8 } {
                world.day += [0, 1, 3][world.below(3) as usize];
                let many = world.below(5);
                world.changes(many, only_new).await;
                let (kept, took) = world.refresh(&mut resident, &vocabulary).await;
                let cold = world.shop.load(&vocabulary, Selection::All).await.unwrap();
                assert_eq!(told(&kept), told(&cold), "{kind:?}, way {way}, step {step}");
                saved += took.saved;
            }
            assert!(saved > 0, "{kind:?}, way {way}: rows are kept");
        }
    }
}

/// Each change is told rightly, and none of them takes a reading of the whole table.
#[tokio::test]
async fn changes_that_are_told_are_all_that_is_read() {
    for kind in Kind::ALL {
        let Some(world) = World::settled(kind).await else { continue };
        let vocabulary = vocabulary(TOLD);
        let (told, version) = (world.moment(world.now()), world.version());
        // A row of nobody that came in long ago, with what is no amount where a column may hold that.
        let bad = if kind == Kind::Lite { "'bad'" } else { "1.5" };
        let nobodys = format!("UPDATE orders SET customer_id = 'later 9', total = {bad} WHERE id = 'o310'");
        world.shop.execute(&nobodys).await;
        let mut resident = Resident::default();
        world.refresh(&mut resident, &vocabulary).await;

        let late = world.moment(world.now() - 500);
        let changes = [
            ("late", format!("UPDATE customers SET city = 'z', told = {late} WHERE id = '300'")),
            (
                "late",
                format!("UPDATE orders SET note = 'z', version = {} WHERE id = 'o300'", version - 9_000),
            ),
            (
                "moved",
                format!("UPDATE orders SET customer_id = '201', version = {version} WHERE id = 'o301'"),
            ),
            (
                "nobody's",
                format!("UPDATE orders SET customer_id = 'later 9', version = {version} WHERE id = 'o302'"),
            ),
            ("came after it", format!("INSERT INTO customers VALUES ('later 9', 'x', '1', 0, {told}, NULL)")),
            ("marked", format!("UPDATE orders SET gone = 1, version = {version} WHERE id = 'o303'")),
            ("marked", format!("UPDATE customers SET gone = 1, told = {told} WHERE id = '304'")),
            ("back", format!("UPDATE customers SET gone = NULL, told = {told} WHERE id = '304'")),
            ("no time", format!("UPDATE orders SET placed_at = NULL, version = {version} WHERE id = 'o305'")),
            ("large", format!("UPDATE orders SET total = 30000000, version = {version} WHERE id = 'o307'")),
            ("no number", format!("UPDATE customers SET points = 'many', told = {told} WHERE id = '306'")),
        ];
        for (what, change) in changes {
            world.shop.execute(&change).await;
            let (kept, took) = world.refresh(&mut resident, &vocabulary).await;
            let cold = world.shop.load(&vocabulary, Selection::All).await.unwrap();
            assert_eq!(super::resident::told(&kept), super::resident::told(&cold), "{what} on {kind:?}");
            assert!(took.read < 60, "{what} on {kind:?}: {took:?}");
        }
        if let Some(other) = World::new(kind, 12).await {
            let (kept, _) = other.refresh(&mut resident, &vocabulary).await;
            let cold = other.shop.load(&vocabulary, Selection::All).await.unwrap();
            assert_eq!(
                super::resident::told(&kept),
                super::resident::told(&cold),
                "another store on {kind:?}"
            );
        }
    }
}

/// Of a table whose rows only come in just those are read that came, also those that come late; and that some went
/// without a word is noticed when it is counted.
#[tokio::test]
async fn of_rows_that_only_come_in_no_more_is_read_than_came() {
    const SECOND: i64 = 1_000_000;
    for kind in Kind::ALL {
        let Some(world) = World::new(kind, 13).await else { continue };
        let (vocabulary, needs) = (vocabulary(TOLD), everything(&vocabulary(TOLD)));
        let (store, start) = (world.shop.store().await, world.now() * SECOND);
        let visit = |id: i64| format!("INSERT INTO visits VALUES ({id}, '1', '2026-01-02', 'x', NULL)");
        let many: Vec<String> = (1..300).map(|i| visit(10_000_000 + 10 * i)).collect();
        world.shop.execute(&many.join("; ")).await;
        let mut resident = Resident::default();
        let mut look = async |at: i64| {
            let engine = EngineRows::default();
            let (kept, took) = resident.load(&store, &vocabulary, &needs, &engine, at).await.unwrap();
            let cold = world.shop.load(&vocabulary, Selection::All).await.unwrap();
            (told(&kept) == told(&cold), took.read)
        };
        assert!(look(start).await.0);
        // What the other tables read again is little.
        for (id, most) in
            [(10_005_000, 100), (10_005_001, 100), (10_004_000, 500), (10_005_002, 100), (9_999_000, 500)]
        {
            world.shop.execute(&visit(id)).await;
            let (right, read) = look(start).await;
            assert!(right && read < most && (read > 250) == (most > 250), "{kind:?}: {id}, {read} rows");
        }
        // SQLite gives the last number again; and as many may go as come late.
        for (gone, id) in [(10_005_002, 10_005_002), (10_005_000, 10_004_001)] {
            let other = visit(id).replace("'1'", "'2'");
            world.shop.execute(&format!("DELETE FROM visits WHERE id = {gone}; {other}")).await;
            let (right, read) = look(start).await;
            assert!(if gone == id { right && read < 100 } else { read > 250 }, "{kind:?}: {id}");
        }
        assert!(look(start + 300 * SECOND).await.0, "{kind:?}");
        let start = start + 300 * SECOND;
        world.shop.execute("DELETE FROM visits WHERE id = 10005001").await;
        assert!(!look(start + 299 * SECOND).await.0, "{kind:?}: it was promised that none goes");
        assert!(look(start + 300 * SECOND).await.0, "{kind:?}");
    }
}

/// Numbers that need more room, and words that are new, may come into any chunk: the others are given as much.
#[tokio::test]
async fn what_needs_more_room_comes_into_any_chunk() {
    let schema = "customer: {table: customers, key: id, updated_at: version, attributes: {city: text, spent: money, seen: moment}}
collections: {orders: {table: orders, customer: who, time: at, key: id, updated_at: version, fields: {at: moment, total: money, note: text}}}";
    let tables = "CREATE TABLE customers (id INTEGER PRIMARY KEY, city, spent, seen, version INT);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, who, at, total, note, version INT);
        INSERT INTO customers WITH RECURSIVE n(i) AS (SELECT 10000 UNION ALL SELECT i + 1 FROM n WHERE i < 14999)
            SELECT i, 'a', 5, '2026-01-02 03:04:05', i * 10000 FROM n;
        INSERT INTO orders SELECT id, id, seen, 5, 'a', version FROM customers";
    let shop = Shop::new(Kind::Lite, tables).await.unwrap();
    let world = World { shop, day: 20_700, visits: 0, dice: 1 };
    let mut resident = Resident::default();
    world.refresh(&mut resident, &vocabulary(schema)).await;
    let (amount, moment, word) = ("30000000", "'2026-01-02 03:04:05.5'", "'b'");
    let changes = [
        ("customers", "spent", amount),
        ("customers", "seen", moment),
        ("customers", "city", word),
        ("orders", "total", amount),
        ("orders", "at", moment),
        ("orders", "note", word),
    ];
    for (version, (table, column, value)) in (1..).map(|i| 150_000_000 + 20_000 * i).zip(changes) {
        for id in [14_900, 10_001, 12_000] {
            let sql = format!("UPDATE {table} SET {column} = {value}, version = {version} WHERE id = {id}");
            world.shop.execute(&sql).await;
            let (_, took) = world.refresh(&mut resident, &vocabulary(schema)).await;
            assert!((1..10).contains(&took.read), "{sql}: {took:?}");
        }
    }
    let (kept, _) = world.refresh(&mut resident, &vocabulary(schema)).await;
    assert!(told(&kept) == told(&world.shop.load(&vocabulary(schema), Selection::All).await.unwrap()));
}

/// The city of a customer, as the resident has it now.
async fn city(world: &World, resident: &mut Resident) -> String {
    let (kept, _) = world.refresh(resident, &vocabulary(TOLD)).await;
    told(&kept).0["c"][0].clone()
}

#[tokio::test]
async fn a_time_that_lies_ahead_hides_no_change() {
    for kind in Kind::ALL {
        let Some(mut world) = World::new(kind, 11).await else { continue };
        let ahead = world.moment(world.now() + 900 * 86_400);
        let set = async |world: &World, city: &str, told: String| {
            let sql = format!("UPDATE customers SET city = '{city}', told = {told} WHERE id = 'c'");
            world.shop.execute(&sql).await;
        };
        let all =
            format!("INSERT INTO customers VALUES ('c', 'a', '1', 1, {}, NULL)", world.moment(world.now()));
        world.shop.execute(&all).await;
        world.shop.execute(&format!("UPDATE customers SET told = {ahead} WHERE id <> 'c'")).await;
        let mut resident = Resident::default().whole_every(i64::MAX);
        assert_eq!(city(&world, &mut resident).await, "Some(\"a\")");
        // Changed soon after the first look, and looked at again much later.
        set(&world, "b", world.moment(world.now() + 3_600)).await;
        world.day += 30;
        assert_eq!(city(&world, &mut resident).await, "Some(\"b\")", "{kind:?}");
        // What is changed without a word comes in when all is read anew.
        world.shop.execute("UPDATE customers SET city = 'c' WHERE id = 'c'").await;
        world.day += 30;
        assert_eq!(city(&world, &mut resident).await, "Some(\"b\")", "{kind:?}");
        let mut resident = resident.whole_every(86_400_000_000);
        assert_eq!(city(&world, &mut resident).await, "Some(\"c\")", "{kind:?}");
    }
}

/// SQLite keeps what it is given: numbers as texts, and numbers beside texts.
#[tokio::test]
async fn what_sqlite_cannot_compare_is_read_as_a_whole() {
    let tables = "CREATE TABLE customers (id TEXT, city TEXT, points TEXT, number TEXT, told DATETIME, gone INT);
        CREATE TABLE orders (id TEXT, customer_id TEXT, placed_at TEXT, total TEXT, note TEXT, version TEXT, at TEXT, gone INT);
        CREATE TABLE visits (id INT, customer_id TEXT, day TEXT, page TEXT, told TEXT);
        INSERT INTO customers VALUES ('c', 'a', '1', '99999', '2026-06-01 10:00:00', NULL), ('d', 'a', '1', '99998', '2026-06-01 10:00:00', NULL)";
    for (told_by, change) in [("number", "'100000'"), ("told", "1790000000")] {
        let shop = Shop::new(Kind::Lite, tables).await.unwrap();
        let world = World { shop, day: 20_700, visits: 0, dice: 1 };
        let vocabulary = vocabulary(&TOLD.replace("updated_at: told", &format!("updated_at: {told_by}")));
        let mut resident = Resident::default().whole_every(i64::MAX);
        world.refresh(&mut resident, &vocabulary).await;
        world
            .shop
            .execute(&format!("UPDATE customers SET city = 'b', {told_by} = {change} WHERE id = 'c'"))
            .await;
        let (kept, _) = world.refresh(&mut resident, &vocabulary).await;
        assert_eq!(told(&kept).0["c"][0], "Some(\"b\")", "{told_by}");
    }
}
