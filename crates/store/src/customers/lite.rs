//! SQLite: what there is by sqlx, and rows by SQLite's own functions.

pub(crate) mod cells;
pub(crate) mod open;
mod rows;

use crate::customers::block::{Block, Blocks};
use crate::customers::reader::{Ask, End, Kind, Link, Part, Stored, Table};
use crate::sql::{Condition, Dialect};
use cells::Cells;
use rows::{Cell, Statement};
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Mutex;

/// The first column of each index, and the column that is the rows' own number.
const INDEXED: &str = "\
    SELECT i.name FROM pragma_index_list(?1) l, pragma_index_info(l.name) i \
    WHERE i.seqno = 0 AND NOT l.partial AND i.name IS NOT NULL \
    UNION SELECT name FROM pragma_table_info(?1) WHERE pk = 1";
/// Version, zone, encoding and clock.
pub(crate) const ABOUT: &str = "\
    SELECT 'SQLite ' || sqlite_version() || char(10) || '' || char(10) || encoding || char(10) || \
    CAST(unixepoch('subsec') * 1000000 AS INTEGER) FROM pragma_encoding";

pub(crate) async fn indexed(
    connection: &mut SqliteConnection,
    table: &Table,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(INDEXED).bind(&table.name).fetch_all(connection).await
}

pub(crate) async fn tables(connection: &mut SqliteConnection) -> Result<Vec<Table>, sqlx::Error> {
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "SELECT name, type = 'table' AND NOT wr FROM pragma_table_list WHERE schema = 'main' \
         AND name NOT LIKE 'sqlite~_%' ESCAPE '~' ORDER BY name",
    )
    .fetch_all(connection)
    .await?;
    let table = |(name, numbered)| Table { name, within: None, readable: true, numbered };
    Ok(tables.into_iter().map(table).collect())
}

pub(crate) async fn columns(
    connection: &mut SqliteConnection,
    table: &Table,
) -> Result<Vec<Stored>, sqlx::Error> {
    let columns: Vec<(String, String)> =
        sqlx::query_as("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1")
            .bind(&table.name)
            .fetch_all(connection)
            .await?;
    let stored = |(name, declared)| Stored { name, declared, kind: Kind::Shown, cast: ("", "") };
    Ok(columns.into_iter().map(stored).collect())
}

pub(crate) async fn links(
    connection: &mut SqliteConnection,
    table: &Table,
) -> Result<Vec<Link>, sqlx::Error> {
    let keys: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?) WHERE pk > 0")
        .bind(&table.name)
        .fetch_all(&mut *connection)
        .await?;
    let foreign: Vec<(String, String, Option<String>)> =
        sqlx::query_as("SELECT \"from\", \"table\", \"to\" FROM pragma_foreign_key_list(?)")
            .bind(&table.name)
            .fetch_all(&mut *connection)
            .await?;
    let mut links = Vec::new();
    if let [key] = keys.as_slice() {
        links.push((key.clone(), true, None));
    }
    for (from, other, to) in foreign {
        let to = match to {
            Some(to) => Some(to),
            None => primary_key(connection, &other).await?,
        };
        links.push((from, false, to.map(|to| (other, to))));
    }
    Ok(links)
}

/// What a foreign key refers to that names no column.
async fn primary_key(connection: &mut SqliteConnection, table: &str) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM pragma_table_info(?) WHERE pk = 1")
        .bind(table)
        .fetch_optional(connection)
        .await
}

/// Reads on a thread of its own, since SQLite waits for the disk where it is called.
pub(crate) async fn read(
    connection: &Arc<Mutex<SqliteConnection>>,
    ask: &Ask<'_>,
    blocks: Blocks,
) -> Result<(), sqlx::Error> {
    let mut connection = connection.clone().lock_owned().await;
    // For the sake of their order SQLite would go through the whole table.
    let number = if ask.few { None } else { row_number(ask.table, &mut connection).await? };
    let (sql, values) = statement(ask, number);
    let columns = ask.columns.len();
    let stepped = tokio::task::spawn_blocking(move || {
        let mut handle = Handle::current().block_on(connection.lock_handle())?;
        let mut statement = Statement::new(&mut handle, &sql)?;
        statement.bind(&values.iter().map(Bound::cell).collect::<Vec<_>>())?;
        step(&mut statement, columns, &blocks)
    });
    stepped.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

/// Sends all rows on, as long as somebody waits for them.
fn step(statement: &mut Statement<'_>, columns: usize, blocks: &Blocks) -> Result<(), sqlx::Error> {
    let mut cells = Cells::new(columns);
    while statement.step()? {
        for (i, column) in cells.0.iter_mut().enumerate() {
            column.push(statement.cell(i)?);
        }
        if cells.are_enough() {
            let full = std::mem::replace(&mut cells, Cells::new(columns));
            blocks.send_waiting(Block::Lite(full))?;
        }
    }
    blocks.send_waiting(Block::Lite(cells))
}

/// What to ask, and with which values. Rows come in the order of their numbers where they have such.
fn statement(ask: &Ask<'_>, number: Option<&str>) -> (String, Vec<Bound>) {
    let mut values = Vec::new();
    let condition = match ask.part {
        Part::All | Part::First(_) | Part::Different(_) | Part::Greatest => None,
        Part::With(keys) => {
            values.extend(keys.iter().flat_map(|key| Bound::all_of(key)));
            Some(Condition::OneOf(values.len()))
        }
        Part::Between(ranges) => {
            let ends = ranges.iter().flat_map(|(from, to)| [Some(from), to.as_ref()]).flatten();
            values.extend(ends.map(|end| match end {
                End::Number(number) => Bound::Real(*number),
                End::Text(text) => Bound::Text(text.clone()),
            }));
            Some(Condition::Between(ranges.len()))
        }
    };
    (Dialect::Lite.lite_rows(ask, condition, number), values)
}

/// By which name rows can be asked for by number, if they can: columns may have taken it.
async fn row_number(
    table: &Table,
    connection: &mut SqliteConnection,
) -> Result<Option<&'static str>, sqlx::Error> {
    if !table.numbered {
        return Ok(None);
    }
    let columns = columns(connection, table).await?;
    let taken = |name: &str| columns.iter().any(|c| c.name.eq_ignore_ascii_case(name));
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(|name| !taken(name)))
}

/// A value that a statement is given.
enum Bound {
    Whole(i64),
    Real(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Bound {
    /// A key's text as every kind of value that a store may keep it as.
    fn all_of(key: &str) -> impl Iterator<Item = Bound> {
        let real = key.parse().ok().filter(|real: &f64| real.is_finite()).map(Bound::Real);
        let plain = [Bound::Text(key.to_owned()), Bound::Bytes(key.as_bytes().to_vec())];
        plain.into_iter().chain(key.parse().ok().map(Bound::Whole)).chain(real)
    }

    fn cell(&self) -> Cell<'_> {
        match self {
            Bound::Whole(whole) => Cell::Int(*whole),
            Bound::Real(real) => Cell::Real(*real),
            Bound::Text(text) => Cell::Text(text.as_bytes()),
            Bound::Bytes(bytes) => Cell::Bytes(bytes),
        }
    }
}
