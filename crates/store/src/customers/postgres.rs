//! PostgreSQL: rows as a stream, in the server's binary form; all of a table by COPY. Statements have no names there, so
//! a pooler may stand in between.

pub(crate) mod tuples;
pub(crate) mod value;

use crate::customers::block::{Block, Blocks};
use crate::customers::reader::{Ask, Kind, Link, Part, Stored, Table};
use crate::customers::written::{is_decimal, is_uuid};
use crate::sql::Dialect;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Row, ValueRef};
use tuples::{Copy, Tuples};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY";

const TABLES: &str = "\
    SELECT n.nspname::text, c.relname::text, pg_table_is_visible(c.oid), has_any_column_privilege(c.oid, 'SELECT') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'v', 'm', 'f', 'p') AND NOT c.relispartition \
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' ORDER BY n.nspname, c.relname";

/// Names, declared types, and what the types are underneath: built-in ones by their name, and whether they are arrays.
const COLUMNS: &str = "\
    SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), \
    CASE WHEN b.typnamespace = 'pg_catalog'::regnamespace THEN b.typname::text ELSE '' END, b.typcategory = 'A' \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typbasetype = 0 THEN t.oid ELSE t.typbasetype END \
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relname = $1 \
    AND CASE WHEN $2 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END ORDER BY a.attnum";

const LINKS: &str = "\
    SELECT a.attname::text, k.contype = 'p', f.attname::text, \
    CASE WHEN pg_table_is_visible(k.confrelid) THEN r.relname::text ELSE m.nspname || '.' || r.relname END \
    FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class c ON c.oid = k.conrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] \
    LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace m ON m.oid = r.relnamespace \
    LEFT JOIN pg_catalog.pg_attribute f ON f.attrelid = r.oid AND f.attnum = k.confkey[1] \
    WHERE k.contype IN ('p', 'f') AND cardinality(k.conkey) = 1 AND c.relname = $1 \
    AND CASE WHEN $2 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END";

/// The first column of each index, and of what can have one an empty name.
const INDEXED: &str = "\
    SELECT a.attname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid \
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] \
    WHERE i.indpred IS NULL AND c.relname = $1 \
    AND CASE WHEN $2 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END \
    UNION ALL SELECT '' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relname = $1 \
    AND CASE WHEN $2 = '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = $2 END";
/// Version, zone, encoding and clock.
pub(crate) const ABOUT: &str = "\
    SELECT concat_ws(chr(10), 'PostgreSQL ' || current_setting('server_version'), current_setting('TimeZone'), \
    current_setting('server_encoding'), CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT))";

pub(crate) async fn indexed(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Vec<String>, sqlx::Error> {
    let (schema, name) = parts(table);
    sqlx::query_scalar(INDEXED).bind(name).bind(schema).persistent(false).fetch_all(connection).await
}

pub(crate) async fn open(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    let mut connection = options.clone().disable_statement_logging().connect().await?;
    sqlx::raw_sql(BEGIN).execute(&mut connection).await?;
    Ok(connection)
}

pub(crate) async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, sqlx::Error> {
    let tables: Vec<(String, String, bool, bool)> =
        sqlx::query_as(TABLES).persistent(false).fetch_all(connection).await?;
    let table = |(schema, name, visible, readable): (String, String, bool, bool)| match visible {
        true => Table { name, within: None, readable, numbered: false },
        false => Table {
            name: format!("{schema}.{name}"),
            within: Some((schema, name)),
            readable,
            numbered: false,
        },
    };
    Ok(tables.into_iter().map(table).collect())
}

/// The schema, empty for one that is searched, and the name there.
fn parts(table: &Table) -> (&str, &str) {
    table.within.as_ref().map_or(("", &table.name), |(schema, name)| (schema, name))
}

pub(crate) async fn columns(
    connection: &mut PgConnection,
    table: &Table,
) -> Result<Vec<Stored>, sqlx::Error> {
    let (schema, name) = parts(table);
    let columns: Vec<(String, String, String, bool)> =
        sqlx::query_as(COLUMNS).bind(name).bind(schema).persistent(false).fetch_all(connection).await?;
    let stored = |(name, declared, base, array): (String, String, String, bool)| {
        let (kind, cast) = kind(&base, array);
        Stored { name, declared, kind, cast }
    };
    Ok(columns.into_iter().map(stored).collect())
}

/// What values of a type come as. What has no binary form of use comes as the text that the server makes of it.
fn kind(base: &str, array: bool) -> (Kind, (&'static str, &'static str)) {
    let plain = match base {
        _ if array => return (Kind::Shown, ("CAST(array_to_json(CAST(", " AS text[])) AS text)")),
        "money" => return (Kind::Decimal, ("CAST(", " AS numeric)")),
        "bool" => Kind::Truth,
        "int2" | "int4" | "int8" => Kind::Int,
        "float4" | "float8" => Kind::Real,
        "numeric" => Kind::Decimal,
        "bit" | "varbit" => Kind::Bits,
        "date" => Kind::Day,
        "timestamp" => Kind::Civil,
        "timestamptz" => Kind::Instant,
        "interval" => Kind::Span,
        "text" | "varchar" => Kind::Text,
        "bytea" => Kind::Bytes,
        "bpchar" => Kind::Padded,
        "uuid" => Kind::Uuid,
        _ => return (Kind::Shown, ("CAST(", " AS text)")),
    };
    (plain, ("", ""))
}

pub(crate) async fn links(connection: &mut PgConnection, table: &Table) -> Result<Vec<Link>, sqlx::Error> {
    let (schema, name) = parts(table);
    let links: Vec<(String, bool, Option<String>, Option<String>)> =
        sqlx::query_as(LINKS).bind(name).bind(schema).persistent(false).fetch_all(connection).await?;
    Ok(links.into_iter().map(|(column, primary, to, other)| (column, primary, other.zip(to))).collect())
}

pub(crate) async fn read(
    connection: &mut PgConnection,
    ask: &Ask<'_>,
    blocks: &Blocks,
) -> Result<(), sqlx::Error> {
    let seek = match (&ask.part, ask.columns.first()) {
        (Part::With(keys), Some(first)) => Seek::of(first.kind, keys),
        _ => return copy(connection, ask, blocks).await,
    };
    let statement = Dialect::Postgres.rows(ask, seek.condition());
    let query = sqlx::query(statement).persistent(false);
    let query = match seek {
        Seek::Anything => query,
        Seek::Ints(whole) => query.bind(whole),
        Seek::Texts(_, texts) => query.bind(texts),
    };
    let mut rows = query.fetch(connection);
    let mut some = Tuples::new(ask.columns.len());
    while let Some(row) = blocks.in_time(rows.try_next()).await? {
        for i in 0..ask.columns.len() {
            let value = row.try_get_raw(i)?;
            some.push(if value.is_null() { None } else { value.as_bytes().ok() });
        }
        if some.are_enough() {
            let full = std::mem::replace(&mut some, Tuples::new(ask.columns.len()));
            blocks.send(Block::Postgres(full)).await?;
        }
    }
    blocks.send(Block::Postgres(some)).await
}

/// All rows, by COPY, which is the fastest that the server has. It takes no values.
async fn copy(connection: &mut PgConnection, ask: &Ask<'_>, blocks: &Blocks) -> Result<(), sqlx::Error> {
    let rows = Dialect::Postgres.rows(ask, None);
    let statement = format!("COPY ({}) TO STDOUT (FORMAT binary)", rows.0);
    let garbled = |_| sqlx::Error::Protocol("a COPY that is not in its binary form".to_owned());
    let mut pieces = blocks.in_time(connection.copy_out_raw(&statement)).await?;
    let mut copied = Copy::new(ask.columns.len());
    while let Some(piece) = blocks.in_time(pieces.try_next()).await? {
        if let Some(full) = copied.add(&piece).map_err(garbled)? {
            blocks.send(Block::Postgres(full)).await?;
        }
    }
    blocks.send(Block::Postgres(copied.finish().map_err(garbled)?)).await
}

/// How to find the rows with one of some keys' texts. Which of them really have it is seen once they are read.
enum Seek {
    /// Only by looking at all of them.
    Anything,
    Ints(Vec<i64>),
    /// By this comparison.
    Texts(&'static str, Vec<String>),
}

impl Seek {
    /// Keys that no value of that kind has are left out.
    fn of(kind: Kind, keys: &[&str]) -> Seek {
        let texts = |comparison, can_be: fn(&str) -> bool| {
            let keys = keys.iter().filter(|key| can_be(key));
            Seek::Texts(comparison, keys.map(|key| (*key).to_owned()).collect())
        };
        let text = |key: &str| !key.contains('\0');
        match kind {
            Kind::Int => Seek::Ints(keys.iter().filter_map(|key| key.parse().ok()).collect()),
            Kind::Decimal => texts("= ANY(CAST($1 AS numeric[]))", is_decimal),
            Kind::Text | Kind::Shown => texts("= ANY($1)", text),
            Kind::Padded => texts("= ANY(CAST($1 AS bpchar[]))", text),
            Kind::Bytes => texts("IN (SELECT convert_to(k, 'UTF8') FROM unnest($1) AS k)", text),
            Kind::Uuid => texts("= ANY(CAST($1 AS uuid[]))", is_uuid),
            _ => Seek::Anything,
        }
    }

    fn condition(&self) -> Option<&'static str> {
        match self {
            Seek::Anything => None,
            Seek::Ints(_) => Some("= ANY($1)"),
            Seek::Texts(comparison, _) => Some(comparison),
        }
    }
}
