//! SQLite: what there is by sqlx, and rows by SQLite's own functions.

pub(crate) mod cells;
pub(crate) mod first;
mod halves;
pub(crate) mod open;
mod pieces;
pub(crate) mod rows;
pub(crate) mod straight;

use crate::customers::block::{Block, Blocks};
use crate::customers::reader::{Ask, End, Kind, Lately, Link, Part, Stored, Table};
use crate::sql::{Condition, Dialect, Road, Share};
use cells::Cells;
use open::Session;
use rows::{Cell, Row};
use sqlx::sqlite::{LockedSqliteHandle, SqliteConnection};
use tokio::runtime::Handle;
use tokio::sync::OwnedMutexGuard;

/// The first column of each index, the column that is the rows' own number, and of a table an empty name.
const INDEXED: &str = "\
    SELECT i.name FROM pragma_index_list(?1) l, pragma_index_info(l.name) i \
    WHERE i.seqno = 0 AND NOT l.partial AND i.name IS NOT NULL \
    UNION SELECT name FROM pragma_table_info(?1) WHERE pk = 1 \
    UNION SELECT '' FROM pragma_table_list WHERE schema = 'main' AND name = ?1 AND type = 'table'";
/// The column that is the rows' own number.
const NUMBERS: &str = "\
    SELECT name FROM pragma_table_info(?1) WHERE pk = 1 \
    AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE origin = 'pk')";
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

/// Reads on threads of its own, since SQLite waits for the disk where it is called.
pub(crate) async fn read(session: &Session, ask: &Ask<'_>, blocks: Blocks) -> Result<(), sqlx::Error> {
    let mut connection = session.connection.clone().lock_owned().await;
    let road = road(ask, &mut connection).await?;
    if let (Road::InOrder(number), Part::All, [_, ..]) = (road, ask.part, session.more.as_slice()) {
        drop(connection);
        return pieces::read(session, ask, number, &blocks).await;
    }
    let (sql, values) = statement(ask, road);
    let shape = (ask.columns.len(), blocks.most);
    on_a_thread(connection, move |handle| {
        step(handle, (&sql, &values), shape, |block| blocks.send_waiting(block))
    })
    .await
}

/// What is done with a connection's handle where waiting keeps nobody waiting.
async fn on_a_thread<T: Send + 'static>(
    mut connection: OwnedMutexGuard<SqliteConnection>,
    work: impl FnOnce(&mut LockedSqliteHandle<'_>) -> Result<T, sqlx::Error> + Send + 'static,
) -> Result<T, sqlx::Error> {
    let done = tokio::task::spawn_blocking(move || {
        let mut handle = Handle::current().block_on(connection.lock_handle()).map_err(|_| ended())?;
        work(&mut handle)
    });
    done.await.map_err(|_| ended())?
}

/// A thread ended before all was read. It is not [`sqlx::Error::WorkerCrashed`], by which is told that nobody takes
/// any more: what was read so far is not all there is.
fn ended() -> sqlx::Error {
    sqlx::Error::Protocol("a thread that read the file ended too early".to_owned())
}

/// Sends all rows on, as long as somebody waits for them.
fn step(
    handle: &mut LockedSqliteHandle<'_>,
    (sql, values): (&str, &[Bound]),
    (columns, most): (usize, usize),
    send: impl Fn(Block) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    let mut cells = Cells::new(columns, most);
    each(handle, (sql, values), |row| {
        for (i, column) in cells.columns.iter_mut().enumerate() {
            cells.bytes += column.push(row.cell(i)?);
        }
        if cells.are_enough() {
            send(Block::Lite(std::mem::replace(&mut cells, Cells::new(columns, most))))?;
        }
        Ok(())
    })?;
    send(Block::Lite(cells))
}

/// Calls back with each row of a statement.
fn each(
    handle: &mut LockedSqliteHandle<'_>,
    (sql, values): (&str, &[Bound]),
    take: impl FnMut(&Row<'_>) -> Result<(), sqlx::Error>,
) -> Result<(), sqlx::Error> {
    rows::each(handle, (sql, &values.iter().map(Bound::cell).collect::<Vec<_>>()), take)
}

/// What to ask, and with which values.
fn statement(ask: &Ask<'_>, road: Road<'_>) -> (String, Vec<Bound>) {
    let mut values = Vec::new();
    let condition = match ask.part {
        Part::All | Part::First(_) | Part::Different(_) | Part::Greatest => None,
        Part::With(keys) => {
            values.extend(keys.iter().flat_map(|key| Bound::all_of(key)));
            Some(Condition::OneOf(values.len()))
        }
        Part::Lately(Lately { ranges, .. }) => {
            let ends = ranges.iter().flat_map(|(from, to)| [Some(from), to.as_ref()]).flatten();
            values.extend(ends.map(|end| match end {
                End::Number(number) => Bound::Real(*number),
                End::Text(text) => Bound::Text(text.clone()),
            }));
            Some(Condition::Between(ranges.len()))
        }
    };
    (Dialect::Lite.lite_rows(ask, condition, road), values)
}

/// Rows come in the order of their numbers where they have such. Where few are wanted, SQLite would go through the whole
/// table for the sake of that, and for a number that is nothing, which none is.
async fn road(ask: &Ask<'_>, connection: &mut SqliteConnection) -> Result<Road<'static>, sqlx::Error> {
    if let Part::Lately(_) = ask.part {
        return Ok(Road::Any);
    }
    let number = row_number(ask.table, connection).await?;
    let Some((column, _)) = &ask.since else { return Ok(number.map_or(Road::Any, Road::InOrder)) };
    let numbers: Option<String> =
        sqlx::query_scalar(NUMBERS).bind(&ask.table.name).fetch_optional(&mut *connection).await?;
    if ask.table.numbered && numbers.as_ref() == Some(&column.name) {
        return Ok(Road::ByNumber(Share::All));
    }
    let indexed = indexed(connection, ask.table).await?.contains(&column.name);
    let by_index = |number| Road::ByIndex(number, Share::All);
    Ok(number.filter(|_| indexed).map_or(Road::Any, by_index))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::Mark;
    use sqlx::{AssertSqlSafe, Connection};
    use std::collections::BTreeSet;

    /// Day 20,000 is 2024-10-04.
    const DAY: i64 = 20_000 * 86_400_000_000;
    const ROWS: &str = "CREATE TABLE t (id INTEGER PRIMARY KEY, version BIGINT, told DATETIME, text TEXT);
        INSERT INTO t VALUES (1, 7, NULL, NULL), (2, 9, '2024-10-03 10:00', '2024-10-03'), (3, 3, '2024-10-04 00:00', '2024-10-05'),
        (4, 9, 5, '5'), (5, 5, 'tomorrow', 'tomorrow'), (6, NULL, x'00', x'00'), (7, 1, '1899-12-31', '1899-12-31'),
        (8, 2, '', ''), (9, 8, '1900-01-01', '1900-01-01'), (10, 'x', 1e300, '19')";

    #[tokio::test]
    async fn rows_that_may_have_changed_are_found_by_an_index_and_in_order() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(ROWS).execute(&mut connection).await.unwrap();
        let table = Table { name: "t".to_owned(), within: None, readable: true, numbered: true };
        let columns = columns(&mut connection, &table).await.unwrap();
        let changed: [(&str, Mark, &[i64]); 4] = [
            ("id", Mark::Whole(7), &[8, 9, 10]),
            ("version", Mark::Whole(7), &[2, 4, 6, 9, 10]),
            ("told", Mark::Written(DAY), &[1, 3, 4, 5, 6, 7, 8, 10]),
            ("text", Mark::Written(DAY), &[1, 3, 4, 5, 6, 7, 8, 10]),
        ];
        for index in [false, true] {
            if index {
                for column in ["version", "told", "text"] {
                    let sql = AssertSqlSafe(format!("CREATE INDEX t_{column} ON t ({column})"));
                    sqlx::query(sql).execute(&mut connection).await.unwrap();
                }
            }
            for (name, mark, expected) in changed {
                let column = columns.iter().find(|column| column.name == name).unwrap();
                let since = Some((column.clone(), mark));
                let ask =
                    Ask { table: &table, columns: &columns, part: Part::All, only: String::new(), since };
                let whole = road(&ask, &mut connection).await.unwrap();
                let both =
                    |of: &dyn Fn(Share) -> Road<'static>| vec![of(Share::Below(1)), of(Share::From(1))];
                let halves = match whole {
                    Road::ByIndex(number, _) => both(&|share| Road::ByIndex(number, share)),
                    Road::ByNumber(_) => both(&Road::ByNumber),
                    _ => Vec::new(),
                };
                assert_eq!(halves.is_empty(), !index && name != "id");
                let mut together = BTreeSet::new();
                for (i, road) in std::iter::once(whole).chain(halves).enumerate() {
                    let (sql, values) = statement(&ask, road);
                    let mut ids = Vec::new();
                    let mut handle = connection.lock_handle().await.unwrap();
                    let take = |row: &Row<'_>| {
                        ids.extend(if let Cell::Int(id) = row.cell(0)? { Some(id) } else { None });
                        Ok(())
                    };
                    each(&mut handle, (&sql, &values), take).unwrap();
                    drop(handle);
                    // What SQLite knows in place of what it is told while it reads.
                    let known = sql.replace("tidings_take", "json_array");
                    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {known}"));
                    let plan: Vec<(i64, i64, i64, String)> =
                        sqlx::query_as(explain).fetch_all(&mut connection).await.unwrap();
                    let scans = plan.iter().any(|step| step.3.starts_with("SCAN"));
                    assert_eq!(scans, !index && name != "id", "{sql}: {plan:?}");
                    match i {
                        0 => assert_eq!(ids, expected, "{sql}"),
                        _ => assert!(!ids.is_empty() && ids.iter().all(|id| together.insert(*id)), "{sql}"),
                    }
                }
                assert!(together.is_empty() || together.iter().eq(expected), "{name}: {together:?}");
            }
        }
    }
}
