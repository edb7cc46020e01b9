//! Reading columns of one table.

use crate::customers::block;
use crate::customers::column::Column;
use crate::customers::error::StoreError;
use crate::customers::open::Reader;
use crate::sql::{self, Part};
use chrono_tz::Tz;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row, Sqlite};
use std::fmt::Write;
use tidings_schema::{Attribute, Raw};
use tidings_syntax::suggest::nearest as near;
use tokio::sync::mpsc;

/// Rows that are asked for at once. Large enough that the driver's cost for a row does not count.
const ROWS_A_BLOCK: u32 = 8192;
/// SQLite's result codes for a value of more than a gigabyte.
const TOO_BIG: &str = "18";

/// What is wanted of a table.
pub(crate) struct Wanted<'a> {
    pub(crate) table: &'a str,
    /// Columns wanted as text, whatever the store has. The last one names rows in reports.
    pub(crate) keys: Vec<&'a str>,
    pub(crate) attributes: Vec<&'a Attribute>,
    /// Only the rows that have this text in the first of the key columns.
    pub(crate) only: Option<&'a str>,
}

/// What was read of a table, a value a row everywhere.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) rows: usize,
    pub(crate) keys: Vec<Vec<Option<Box<str>>>>,
    pub(crate) columns: Vec<Column>,
    pub(crate) bad: Vec<BadColumn>,
}

/// A column in which some values are not what the schema says: they are missing to all rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadColumn {
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// How many values.
    pub count: usize,
    /// What the schema says, in plain words with an article: "a date such as 2026-11-11".
    pub expected: String,
    /// The key of the first such row: the row's own if it has one, else its customer's. The value is never
    /// shown, since it may be personal.
    pub first_key: Option<String>,
}

/// Reads what is wanted. Decoding goes on while the database fetches the next block.
pub(crate) async fn read(reader: &mut Reader, wanted: &Wanted<'_>, zone: Tz) -> Result<Read, StoreError> {
    let row = row_name(reader, wanted).await?;
    let path = reader.path().to_owned();
    let (send, mut receive) = mpsc::channel(2);
    let fetch = fetch(&mut reader.connection, wanted, row, send);
    let decode = async {
        let mut decoder = Decoder::new(wanted, zone);
        let mut whole = true;
        while let Some(row) = receive.recv().await {
            whole &= decoder.add(&row);
        }
        (decoder, whole)
    };
    let (fetched, (decoder, whole)) = tokio::join!(fetch, decode);
    fetched.map_err(|e| StoreError::of(&path, &e))?;
    if !whole {
        let message = format!("the rows of `{}` did not arrive whole", wanted.table);
        return Err(StoreError::Database { path, message });
    }
    Ok(decoder.finish(wanted))
}

/// By which name rows can be asked for by number, if they can, once it is sure that the table and the columns
/// are there: SQLite reads an unknown name in quotation marks as text.
async fn row_name(reader: &mut Reader, wanted: &Wanted<'_>) -> Result<Option<&'static str>, StoreError> {
    let path = reader.path().to_owned();
    let failed = |e: sqlx::Error| StoreError::of(&path, &e);
    let tables: Vec<(String, bool)> =
        sqlx::query_as("SELECT name, type = 'table' AND NOT wr FROM pragma_table_list WHERE schema = 'main'")
            .fetch_all(&mut reader.connection)
            .await
            .map_err(failed)?;
    let Some((_, numbered)) = tables.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.table)) else {
        let near = near(wanted.table, tables.iter().map(|(name, _)| name.as_str())).map(str::to_owned);
        return Err(StoreError::NoTable { path, table: wanted.table.to_owned(), near });
    };
    let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1")
        .bind(wanted.table)
        .fetch_all(&mut reader.connection)
        .await
        .map_err(failed)?;
    let has = |name: &str| columns.iter().any(|c| c.eq_ignore_ascii_case(name));
    if let Some(missing) = wanted.columns().into_iter().find(|c| !has(c)) {
        return Err(StoreError::NoColumn {
            table: wanted.table.to_owned(),
            column: missing.to_owned(),
            near: near(missing, columns.iter().map(String::as_str)).map(str::to_owned),
        });
    }
    Ok(["rowid", "_rowid_", "oid"].into_iter().find(|name| *numbered && !has(name)))
}

impl<'a> Wanted<'a> {
    fn columns(&self) -> Vec<&'a str> {
        self.keys.iter().copied().chain(self.attributes.iter().map(|a| a.storage.column.as_str())).collect()
    }
}

/// How many rows have something in a column.
pub(crate) async fn count(reader: &mut Reader, table: &str, column: &str) -> Result<u64, StoreError> {
    let wanted = Wanted { table, keys: vec![column], attributes: Vec::new(), only: None };
    row_name(reader, &wanted).await?;
    let path = reader.path().to_owned();
    let count: i64 = sqlx::query_scalar(sql::count(table, column))
        .fetch_one(&mut reader.connection)
        .await
        .map_err(|e| StoreError::of(&path, &e))?;
    Ok(count.unsigned_abs())
}

/// Sends the blocks on, in the table's order.
async fn fetch(
    connection: &mut SqliteConnection,
    wanted: &Wanted<'_>,
    row: Option<&'static str>,
    send: mpsc::Sender<SqliteRow>,
) -> Result<(), sqlx::Error> {
    let columns = wanted.columns();
    if let (Some(key), Some(column)) = (wanted.only, wanted.keys.first()) {
        let values = Values::of(key);
        let statement = sql::blocks(wanted.table, &columns, &Part::With(column, values.count()));
        let block = values.bind(sqlx::query(statement)).fetch_one(connection).await?;
        send.send(block).await.ok();
        return Ok(());
    }
    let Some(row) = row else {
        let statement = sql::blocks(wanted.table, &columns, &Part::Whole(ROWS_A_BLOCK));
        for block in sqlx::query(statement).fetch_all(connection).await? {
            send.send(block).await.ok();
        }
        return Ok(());
    };
    let (mut next, mut rows) = (i64::MIN, ROWS_A_BLOCK);
    loop {
        let statement = sql::blocks(wanted.table, &columns, &Part::From(row));
        let block = match sqlx::query(statement).bind(next).bind(rows).fetch_one(&mut *connection).await {
            Err(e) if rows > 1 && is_too_big(&e) => {
                rows = (rows / 16).max(1);
                continue;
            }
            fetched => fetched?,
        };
        let last: Option<i64> = block.try_get(0)?;
        let Some(last) = last else { return Ok(()) };
        send.send(block).await.ok();
        match last.checked_add(1) {
            Some(after) => next = after,
            None => return Ok(()),
        }
    }
}

fn is_too_big(error: &sqlx::Error) -> bool {
    error.as_database_error().and_then(|e| e.code()).is_some_and(|code| code == TOO_BIG)
}

/// A key's text as every kind of value that a store may keep it as. Which rows really have that text is
/// seen once they are read: the store's collation may find more.
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

/// Takes blocks apart into columns.
struct Decoder<'a> {
    attributes: Vec<&'a Attribute>,
    zone: Tz,
    rows: usize,
    keys: Vec<Vec<Option<Box<str>>>>,
    columns: Vec<Column>,
    refused: Vec<Refused>,
}

/// The refused values of an attribute.
#[derive(Clone, Default)]
struct Refused {
    count: usize,
    first_row: usize,
    expected: String,
}

impl Refused {
    fn add(&mut self, row: usize, expected: impl FnOnce() -> String) {
        if self.count == 0 {
            (self.first_row, self.expected) = (row, expected());
        }
        self.count += 1;
    }
}

impl<'a> Decoder<'a> {
    fn new(wanted: &Wanted<'a>, zone: Tz) -> Decoder<'a> {
        Decoder {
            attributes: wanted.attributes.clone(),
            zone,
            rows: 0,
            keys: wanted.keys.iter().map(|_| Vec::new()).collect(),
            columns: wanted.attributes.iter().map(|a| Column::new(&a.ty)).collect(),
            refused: vec![Refused::default(); wanted.attributes.len()],
        }
    }

    /// Adds a block; false if its columns are not equally long.
    fn add(&mut self, block: &SqliteRow) -> bool {
        let bytes = |i: usize| block.try_get_unchecked::<&[u8], _>(i + 1).unwrap_or_default();
        let before = self.rows;
        let mut count = None;
        let mut whole = true;
        let mut same = |n: usize| whole &= *count.get_or_insert(n) == n;
        for (i, keys) in self.keys.iter_mut().enumerate() {
            block::each(bytes(i), |raw| keys.push(raw.and_then(key_text)));
            same(keys.len() - before);
        }
        let first = self.keys.len();
        let columns = self.columns.iter_mut().zip(&self.attributes).zip(&mut self.refused);
        for (i, ((column, attribute), refused)) in columns.enumerate() {
            let mut row = before;
            block::each(bytes(first + i), |raw| {
                column.push(match raw.map(|raw| attribute.decode(raw, self.zone)) {
                    Some(Ok(value)) => value,
                    Some(Err(bad)) => {
                        refused.add(row, || bad.expected);
                        None
                    }
                    None => {
                        refused.add(row, || "text in UTF-8".to_owned());
                        None
                    }
                });
                row += 1;
            });
            same(row - before);
        }
        self.rows += count.unwrap_or(0);
        whole
    }

    fn finish(self, wanted: &Wanted<'_>) -> Read {
        let names = self.keys.last();
        let bad = self.attributes.iter().zip(self.refused).filter(|(_, refused)| refused.count > 0);
        let bad = bad
            .map(|(attribute, refused)| BadColumn {
                table: wanted.table.to_owned(),
                column: attribute.storage.column.clone(),
                count: refused.count,
                expected: refused.expected,
                first_key: names
                    .and_then(|n| n.get(refused.first_row))
                    .and_then(|k| k.as_deref())
                    .map(str::to_owned),
            })
            .collect();
        Read { rows: self.rows, keys: self.keys, columns: self.columns, bad }
    }
}

/// A key as text. A real number without a fraction reads as a whole one: tools that know no missing whole
/// numbers write keys that way.
pub(crate) fn key_text(raw: Raw<'_>) -> Option<Box<str>> {
    let mut text = String::new();
    match raw {
        Raw::Null => return None,
        Raw::Text(t) => return Some(t.into()),
        Raw::Int(i) => write!(text, "{i}").ok()?,
        Raw::Real(r) => write!(text, "{r}").ok()?,
    }
    Some(text.into_boxed_str())
}
