//! SQLite. sqlx takes some microseconds for every row of it that it hands over, so rows come thousands at a time,
//! as one JSON array for each column.

pub(crate) mod json;
pub(crate) mod open;

use crate::customers::block::Block;
use crate::customers::reader::{Ask, End, Kind, Link, Part, Stored, Table};
use crate::sql::{self, Rows};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Row, Sqlite};
use tokio::sync::mpsc;

/// Rows that are asked for at once. Large enough that the driver's cost for a row does not count.
const ROWS_A_BLOCK: u32 = 8192;
/// SQLite's result codes for a value of more than a gigabyte.
const TOO_BIG: &str = "18";

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

pub(crate) async fn read(
    connection: &mut SqliteConnection,
    ask: &Ask<'_>,
    send: mpsc::Sender<Block>,
) -> Result<(), sqlx::Error> {
    let rows = match ask.part {
        Part::All => return read_all(connection, ask, send).await,
        Part::Greatest => sqlx::query(sql::blocks(ask, &Rows::Greatest)).fetch_one(connection).await?,
        Part::First(most) => {
            sqlx::query(sql::blocks(ask, &Rows::First)).bind(most).fetch_one(connection).await?
        }
        Part::Different(most) => {
            sqlx::query(sql::blocks(ask, &Rows::Different)).bind(most).fetch_one(connection).await?
        }
        Part::With(keys) => {
            let values: Vec<Values<'_>> = keys.iter().map(|key| Values::of(key)).collect();
            let statement = sql::blocks(ask, &Rows::With(values.iter().map(Values::count).sum()));
            let query = values.iter().fold(sqlx::query(statement), |query, values| values.bind(query));
            query.fetch_one(connection).await?
        }
        Part::Between(ranges) => {
            let ends = ranges.iter().flat_map(|(from, to)| [Some(from), to.as_ref()]).flatten();
            let query = sqlx::query(sql::blocks(ask, &Rows::Between(ranges.len())));
            let query = ends.fold(query, |query, end| match end {
                End::Number(number) => query.bind(*number),
                End::Text(text) => query.bind(text.clone()),
            });
            query.fetch_one(connection).await?
        }
    };
    send.send(Block::Lite(rows)).await.ok();
    Ok(())
}

async fn read_all(
    connection: &mut SqliteConnection,
    ask: &Ask<'_>,
    send: mpsc::Sender<Block>,
) -> Result<(), sqlx::Error> {
    let Some(number) = row_number(ask.table, connection).await? else {
        let statement = sql::blocks(ask, &Rows::Whole(ROWS_A_BLOCK));
        for block in sqlx::query(statement).fetch_all(connection).await? {
            send.send(Block::Lite(block)).await.ok();
        }
        return Ok(());
    };
    let (mut next, mut rows) = (i64::MIN, ROWS_A_BLOCK);
    loop {
        let statement = sql::blocks(ask, &Rows::From(number));
        let block = match sqlx::query(statement).bind(next).bind(rows).fetch_one(&mut *connection).await {
            Err(e) if rows > 1 && is_too_big(&e) => {
                rows = (rows / 16).max(1);
                continue;
            }
            fetched => fetched?,
        };
        let last: Option<i64> = block.try_get(0)?;
        let Some(last) = last else { return Ok(()) };
        send.send(Block::Lite(block)).await.ok();
        match last.checked_add(1) {
            Some(after) => next = after,
            None => return Ok(()),
        }
    }
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

fn is_too_big(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == TOO_BIG)
}

/// A key's text as every kind of value that a store may keep it as.
struct Values<'a> {
    text: &'a str,
    whole: Option<i64>,
    real: Option<f64>,
}

impl<'a> Values<'a> {
    fn of(text: &'a str) -> Values<'a> {
        let real = text.parse().ok().filter(|r: &f64| r.is_finite());
        Values { text, whole: text.parse().ok(), real }
    }

    fn count(&self) -> usize {
        2 + usize::from(self.whole.is_some()) + usize::from(self.real.is_some())
    }

    fn bind(
        &self,
        query: sqlx::query::Query<'a, Sqlite, SqliteArguments>,
    ) -> sqlx::query::Query<'a, Sqlite, SqliteArguments> {
        let query = query.bind(self.text.to_owned()).bind(self.text.as_bytes().to_vec());
        let query = match self.whole {
            Some(whole) => query.bind(whole),
            None => query,
        };
        match self.real {
            Some(real) => query.bind(real),
            None => query,
        }
    }
}
