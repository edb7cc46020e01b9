//! The same rules select the same customers wherever these are kept: programs and customers by chance, written to every
//! kind of database in types of its own, and held against the same customers as plain values; and whether all of them
//! are in memory or their rows are put aside.

use super::generate::Generator;
use super::model::{Customer, chunk};
use super::servers::{Kind, Shop};
use std::collections::BTreeSet;
use tidings_engine::{Chunk, Evaluator, Matches, Needs};
use tidings_plan::{Addresses, History, Plan, Question, Record, Rest, Standing, plan};
use tidings_schema::{Attribute, RowSource, Type, Value, Vocabulary, calendar, money};
use tidings_store::{EngineRows, Room, Selection};

const PROGRAMS: u64 = 60;
const CUSTOMERS: usize = 40;

#[tokio::test]
async fn the_same_rules_select_the_same_customers() {
    for kind in Kind::ALL {
        let Some(shop) = Shop::new(kind, "").await else { continue };
        let mut matched = 0;
        for seed in 0..PROGRAMS {
            matched += same(&shop, seed).await;
        }
        assert!(matched > 1_000, "{matched} matches are too few to tell anything");
    }
}

struct Nowhere;

impl Addresses for Nowhere {
    fn normalise(&self, _: &str, _: &str) -> Option<String> {
        None
    }
}

/// Writes a population of a program's, loads it, and compares who matches; how many do.
async fn same(shop: &Shop, seed: u64) -> usize {
    let mut generator = Generator::new(seed);
    let customers = generator.customers(CUSTOMERS);
    let (program, now) = (&generator.program, generator.now);
    let vocabulary = stored(&program.vocabulary);
    shop.execute(&script(shop, &vocabulary, &customers)).await;
    let evaluator = Evaluator::compile(program);
    let needs = evaluator.needs();
    let store = shop.store().await.in_chunks_of(1 + seed as usize % 13);
    let loaded = store.load(&vocabulary, needs, Selection::All, &EngineRows::default()).await.unwrap();
    assert_eq!(loaded.stats.bad, [], "seed {seed}");
    let ask = |chunks: &[Chunk], needs: &Needs, matches: &[Matches]| -> Plan {
        let (history, standing, addresses) = (&History::default(), &Standing::default(), &Nowhere);
        let question = Question {
            program,
            project: "test",
            now,
            chunks,
            needs,
            matches,
            history: Record::Keyed(history),
            standing,
            addresses,
            only: None,
            since: &[],
        };
        plan(&question, 2)
    };
    // As little memory as there can be: the rows of each block are written at once.
    let room = Room { memory: 0, folder: shop.folder.path().to_owned(), threads: 2 };
    let stream = store.stream(&vocabulary, needs, &EngineRows::default(), &room).await.unwrap();
    let populations = evaluator.populations(&loaded.chunks, now, 1);
    assert_eq!(evaluator.populations_of(&stream, now, 2).unwrap(), populations, "seed {seed}");
    let rest = Rest::of(program, needs, &[], now);
    let left = |chunk: &Chunk, matches| (rest.left(chunk, needs), matches);
    let streamed = evaluator.evaluate_each(&stream, now, &populations, 2, left).unwrap();
    let (chunks, streamed): (Vec<Chunk>, Vec<Matches>) = streamed.into_iter().unzip();
    let matches = evaluator.evaluate_all(&loaded.chunks, now, &populations, 1);
    assert_eq!(ask(&chunks, rest.needs(), &streamed), ask(&loaded.chunks, needs, &matches), "seed {seed}");
    assert_eq!(streamed, matches, "seed {seed}");
    assert_eq!(stream.stats(), loaded.stats, "seed {seed}");

    let plain = [chunk(&program.vocabulary, needs, &customers)];
    let select = |chunks: &[Chunk]| {
        let populations = evaluator.populations(chunks, now, 1);
        let matches = evaluator.evaluate_all(chunks, now, &populations, 1);
        let names = |chunk: &Chunk, i| chunk.keys.value(i).to_owned();
        let mut sets = vec![[const { BTreeSet::new() }; 3]; program.rules.len()];
        for (chunk, matches) in chunks.iter().zip(&matches) {
            for (sets, rule) in sets.iter_mut().zip(matches.rules()) {
                for (set, found) in sets.iter_mut().zip([rule.then(), rule.otherwise(), rule.undecided()]) {
                    set.extend(found.iter().map(|i| names(chunk, i)));
                }
            }
        }
        sets
    };
    let found = select(&loaded.chunks);
    assert_eq!(found, select(&plain), "seed {seed} on {:?}", shop.kind);
    found.iter().map(|sets| sets[0].len()).sum()
}

/// The vocabulary as the tables keep it: rows have keys, moments are UTC, and customers' money is in its major unit.
fn stored(vocabulary: &Vocabulary) -> Vocabulary {
    let mut stored = vocabulary.clone();
    for attribute in &mut stored.customer.attributes {
        attribute.storage.minor = false;
        attribute.storage.zone = Some(chrono_tz::UTC);
    }
    for collection in &mut stored.collections {
        if let RowSource::Table { key, .. } = &mut collection.source {
            *key = Some("row".to_owned());
        }
        collection.fields.iter_mut().for_each(|f| f.storage.zone = Some(chrono_tz::UTC));
    }
    stored
}

fn script(shop: &Shop, vocabulary: &Vocabulary, customers: &[Customer]) -> String {
    let described = &vocabulary.customer;
    let rows = customers.iter().enumerate().rev();
    let rows = rows.map(|(i, c)| (vec![format!("'c{i}'")], c.attributes.as_slice())).collect::<Vec<_>>();
    let mut sql = table(shop, &described.table, &["id"], &described.attributes, &rows, true);
    for (c, collection) in vocabulary.collections.iter().enumerate() {
        let RowSource::Table { table: name, customer, .. } = &collection.source else { continue };
        let rows = customers.iter().enumerate().flat_map(|(i, customer)| {
            let own = customer.rows[c].iter().enumerate().rev();
            own.map(move |(row, r)| (vec![format!("'c{i}'"), row.to_string()], r.fields.as_slice()))
        });
        let rows: Vec<_> = rows.collect();
        sql += &table(shop, name, &[customer, "row"], &collection.fields, &rows, false);
    }
    sql
}

fn table(
    shop: &Shop,
    name: &str,
    keys: &[&str],
    columns: &[Attribute],
    rows: &[(Vec<String>, &[Option<Value>])],
    native: bool,
) -> String {
    let name = shop.quoted(name);
    let keys = keys.iter().map(|k| format!("{} VARCHAR(9)", shop.quoted(k)));
    let typed =
        |a: &Attribute| format!("{} {}", shop.quoted(&a.storage.column), column(shop.kind, &a.ty, native));
    let columns_sql: Vec<String> = keys.chain(columns.iter().map(typed)).collect();
    let mut sql = format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({});", columns_sql.join(", "));
    let row = |(keys, values): &(Vec<String>, &[Option<Value>])| {
        let literal = |(a, v): (&Attribute, &Option<Value>)| {
            v.as_ref().map_or("NULL".to_owned(), |v| literal(shop.kind, &a.ty, v, native))
        };
        let values = keys.iter().cloned().chain(columns.iter().zip(*values).map(literal));
        format!("({})", values.collect::<Vec<_>>().join(", "))
    };
    if !rows.is_empty() {
        sql += &format!("INSERT INTO {name} VALUES {};", rows.iter().map(row).collect::<Vec<_>>().join(", "));
    }
    sql
}

/// The type of a column: the database's own, or a plain one.
fn column(kind: Kind, ty: &Type, native: bool) -> &'static str {
    let (lite, postgres, mysql) = match (ty, native) {
        (Type::Text, _) => ("TEXT COLLATE NOCASE", "text", "VARCHAR(20) COLLATE utf8mb4_general_ci"),
        (Type::Number, _) => ("REAL", "double precision", "DOUBLE"),
        (Type::Percent, true) => ("REAL", "numeric(10,4)", "DECIMAL(10,4)"),
        (Type::Percent, false) => ("TEXT", "real", "FLOAT"),
        (Type::Money(_), true) => ("TEXT", "numeric(38,10)", "DECIMAL(38,10)"),
        (Type::Money(_), false) => ("INTEGER", "bigint", "BIGINT"),
        (Type::YesNo, true) => ("INTEGER", "boolean", "BOOL"),
        (Type::YesNo, false) => ("TEXT", "bit(1)", "BIT(1)"),
        (Type::Date, _) => ("TEXT", "date", "DATE"),
        (Type::Moment, true) => ("TEXT", "timestamp", "DATETIME(6)"),
        (Type::Moment, false) => ("TEXT", "timestamptz", "DATETIME(6)"),
        (Type::Duration, true) => ("INTEGER", "interval", "TIME"),
        (Type::Duration, false) => ("INTEGER", "integer", "INT UNSIGNED"),
        (Type::OneOf(_), true) => ("TEXT", "varchar(9)", "ENUM('high','low','mid')"),
        (Type::OneOf(_), false) => ("TEXT", "char(9)", "CHAR(9)"),
        (Type::Tags, true) => ("TEXT", "text[]", "JSON"),
        (Type::Tags, false) => ("TEXT", "jsonb", "LONGTEXT"),
        (Type::Elapsed(_), _) => panic!("nothing stored is elapsed"),
    };
    match kind {
        Kind::Lite => lite,
        Kind::Postgres => postgres,
        Kind::MySql => mysql,
    }
}

fn literal(kind: Kind, ty: &Type, value: &Value, native: bool) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match (ty, value) {
        (_, Value::Text(text)) => quoted(text),
        (_, Value::Number(n)) => format!("{n:?}"),
        (Type::Money(currency), Value::Money(minor)) if native => {
            quoted(&major(*minor, money::decimals(*currency)))
        }
        (_, Value::Money(minor)) => minor.to_string(),
        (_, Value::Truth(truth)) => match (kind, native) {
            (Kind::Postgres, true) => truth.to_string(),
            (Kind::Postgres, false) => format!("B'{}'", u8::from(*truth)),
            _ => u8::from(*truth).to_string(),
        },
        (_, Value::Date(day)) => quoted(&calendar::date(*day).to_string()),
        (_, Value::Moment(micros)) => {
            let civil = calendar::civil(*micros, chrono_tz::UTC).format("%Y-%m-%d %H:%M:%S%.6f");
            let zone = if native || kind == Kind::MySql { "" } else { "+00:00" };
            quoted(&format!("{civil}{zone}"))
        }
        (_, Value::Count(seconds)) if native && kind == Kind::Postgres => {
            quoted(&format!("{seconds} seconds"))
        }
        (_, Value::Count(seconds)) if native && kind == Kind::MySql => {
            quoted(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
        }
        (_, Value::Count(count)) => count.to_string(),
        (Type::OneOf(list), Value::Word(word)) => quoted(&list.words[*word as usize].name),
        (_, Value::Tags(tags)) if native && kind == Kind::Postgres => {
            let tags: Vec<String> = tags.iter().map(|t| quoted(t)).collect();
            format!("ARRAY[{}]::text[]", tags.join(", "))
        }
        (_, Value::Tags(tags)) => quoted(&serde_json::to_string(tags).unwrap()),
        (ty, value) => panic!("{value:?} is no {ty}"),
    }
}

/// An amount in its major unit, exactly.
fn major(minor: i64, decimals: u32) -> String {
    let unit = 10_u64.pow(decimals);
    let sign = if minor < 0 { "-" } else { "" };
    let (whole, rest) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    format!("{sign}{whole}.{rest:0width$}", width = decimals as usize)
}
