//! SQLite and PostgreSQL behind one face, so that every statement of the engine is written once: placeholders are
//! `$1`, which both read, whole numbers are 64 bits, and what differs is asked of [`Tx`].
//!
//! Every statement runs in an explicit transaction and is unnamed on PostgreSQL, so a pooler may give each
//! transaction another connection.

use super::error::StateError;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Encode, Postgres, Row as _, Sqlite, Transaction, Type};
use std::borrow::Cow;
use std::sync::Arc;

/// How long a statement may wait for others, and take, on PostgreSQL, and how long a program that was frozen in a
/// transaction may keep what it holds from others. All that is done in turns goes by an index, also
/// where the server's statistics are old.
const LIMITS: &str = "\
    SET LOCAL lock_timeout = '2min'; SET LOCAL statement_timeout = '10min'; \
    SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL jit = off";
const BY_INDEX: &str = "SET LOCAL enable_seqscan = off";
const LITE_CLOCK: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER) AS now";
const PG_CLOCK: &str = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) AS now";
/// Names of the engine's advisory locks: any number that a shop's own programs will not use.
const LOCKS: i64 = 0x7469_6469_6e67_7300;

/// Where the state is.
#[derive(Clone)]
pub(super) enum Database {
    /// Writes take turns at one connection, so that within one process nobody polls for the file's lock.
    Lite { write: SqlitePool, read: SqlitePool },
    /// A server.
    Pg(PgPool),
}

/// What a transaction must not do beside others. On SQLite all writes take turns anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Rows' own locks are enough.
    None,
    /// A gate: beside other gates, but not beside a no.
    Gate,
    /// A no, or a gate that counts: beside no gate. When it has committed, whatever starts to leave knows of it.
    No,
    /// Writes pages: two at once could wait for each other's keys.
    Pages,
    /// Forgets a customer: a no, and beside no page, which might bring them back.
    Erasure,
    /// Makes changes, which build on one another.
    Changes,
    /// Makes the tables.
    Tables,
}

/// A transaction. Dropped without a commit, it never was.
pub(crate) struct Tx {
    inner: Inner,
    /// Microseconds since 1970 UTC by the database's clock, read when it had its turn.
    pub(crate) now: i64,
    place: Arc<str>,
}

enum Inner {
    Lite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A value that is bound.
#[derive(Clone)]
pub(crate) enum Arg {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// A row of an answer.
#[derive(Clone, Copy)]
pub(crate) enum Row<'r> {
    Lite(&'r SqliteRow),
    Pg(&'r PgRow),
}

impl Database {
    /// A transaction that writes, when it has its turn. `ahead` is how far clocks are driven.
    pub(super) async fn begin(&self, turn: Turn, ahead: i64, place: &Arc<str>) -> Result<Tx, StateError> {
        let fault = |e| StateError::new(place, e);
        let inner = match self {
            Database::Lite { write, .. } => {
                Inner::Lite(write.begin_with("BEGIN IMMEDIATE").await.map_err(fault)?)
            }
            Database::Pg(pool) => {
                let begin = format!("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {LIMITS}; {BY_INDEX}");
                Inner::Pg(pool.begin_with(AssertSqlSafe(begin)).await.map_err(fault)?)
            }
        };
        Tx { inner, now: 0, place: place.clone() }.taking(turn, ahead).await
    }

    /// A transaction that sees one moment, whatever others write meanwhile.
    pub(super) async fn snapshot(&self, ahead: i64, place: &Arc<str>) -> Result<Tx, StateError> {
        let fault = |e| StateError::new(place, e);
        let inner = match self {
            Database::Lite { read, .. } => Inner::Lite(read.begin().await.map_err(fault)?),
            Database::Pg(pool) => {
                let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {LIMITS}");
                Inner::Pg(pool.begin_with(AssertSqlSafe(begin)).await.map_err(fault)?)
            }
        };
        Tx { inner, now: 0, place: place.clone() }.taking(Turn::None, ahead).await
    }

    pub(super) async fn close(&self) {
        match self {
            Database::Lite { write, read } => {
                read.close().await;
                write.close().await;
            }
            Database::Pg(pool) => pool.close().await,
        }
    }
}

impl Tx {
    async fn taking(mut self, turn: Turn, ahead: i64) -> Result<Tx, StateError> {
        let clock: Cow<'static, str> = match (&self.inner, turn) {
            (Inner::Lite(_), _) => LITE_CLOCK.into(),
            (Inner::Pg(_), turn) => {
                let locks: &[(&str, i64)] = match turn {
                    Turn::None => &[],
                    Turn::Gate => &[("_shared", 1)],
                    Turn::No => &[("", 1)],
                    Turn::Pages => &[("", 2)],
                    Turn::Erasure => &[("", 2), ("", 1)],
                    Turn::Changes => &[("", 3)],
                    Turn::Tables => &[("", 4)],
                };
                let lock = |(shared, n)| format!("pg_advisory_xact_lock{shared}({}), ", LOCKS + n);
                let locks: String = locks.iter().copied().map(lock).collect();
                format!("SELECT {locks}{PG_CLOCK}").into()
            }
        };
        let now = self.one(clock, Vec::new(), |row| row.get::<i64>("now")).await?;
        self.now = now.unwrap_or_default() + ahead;
        Ok(self)
    }

    pub(crate) async fn commit(self) -> Result<(), StateError> {
        let committed = match self.inner {
            Inner::Lite(tx) => tx.commit().await,
            Inner::Pg(tx) => tx.commit().await,
        };
        committed.map_err(|e| StateError::new(&self.place, e))
    }

    /// Returns how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Arg>,
    ) -> Result<u64, StateError> {
        let done = match &mut self.inner {
            Inner::Lite(tx) => {
                let (sql, args) = nameless(&sql.into(), &args);
                let query = args.into_iter().fold(sqlx::query::<Sqlite>(AssertSqlSafe(sql)), bound);
                query.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Inner::Pg(tx) => {
                let sql = AssertSqlSafe(sql.into());
                let query = args.into_iter().map(Arg::without_nul).fold(sqlx::query::<Postgres>(sql), bound);
                query.persistent(false).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|e| StateError::new(&self.place, e))
    }

    /// All rows of an answer, read one by one.
    pub(crate) async fn list<T>(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Arg>,
        mut read: impl FnMut(Row<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Vec<T>, StateError> {
        let rows = match &mut self.inner {
            Inner::Lite(tx) => {
                let (sql, args) = nameless(&sql.into(), &args);
                let query = args.into_iter().fold(sqlx::query::<Sqlite>(AssertSqlSafe(sql)), bound);
                let rows = query.fetch_all(&mut **tx).await;
                rows.and_then(|rows| rows.iter().map(|row| read(Row::Lite(row))).collect())
            }
            Inner::Pg(tx) => {
                let sql = AssertSqlSafe(sql.into());
                let query = args.into_iter().map(Arg::without_nul).fold(sqlx::query::<Postgres>(sql), bound);
                let rows = query.persistent(false).fetch_all(&mut **tx).await;
                rows.and_then(|rows| rows.iter().map(|row| read(Row::Pg(row))).collect())
            }
        };
        rows.map_err(|e| StateError::new(&self.place, e))
    }

    /// The first row of an answer.
    pub(crate) async fn one<T>(
        &mut self,
        sql: impl Into<Cow<'static, str>>,
        args: Vec<Arg>,
        read: impl FnMut(Row<'_>) -> Result<T, sqlx::Error>,
    ) -> Result<Option<T>, StateError> {
        self.list(sql, args, read).await.map(|rows| rows.into_iter().next())
    }

    /// Several statements without values.
    pub(super) async fn script(&mut self, sql: &'static str) -> Result<(), StateError> {
        let done = match &mut self.inner {
            Inner::Lite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop),
            Inner::Pg(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop),
        };
        done.map_err(|e| StateError::new(&self.place, e))
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.inner, Inner::Pg(_))
    }

    /// What follows a table's name where SQLite, which knows no statistics here, would go by a worse index.
    pub(crate) fn by(&self, index: &str) -> String {
        if self.is_postgres() { String::new() } else { format!("INDEXED BY {index}") }
    }

    /// The same where rows are looked up by their `id`.
    pub(crate) fn by_id(&self) -> &'static str {
        if self.is_postgres() { "" } else { "NOT INDEXED" }
    }

    /// From now on some rows of many are found in the order that is asked for. PostgreSQL, while it has no statistics
    /// of a table that was just filled, would sort all of them, or start processes for a hundred.
    pub(crate) async fn by_order(&mut self) -> Result<(), StateError> {
        if self.is_postgres() {
            let sql = "SELECT set_config('enable_sort', 'off', true), \
                set_config('max_parallel_workers_per_gather', '0', true)";
            self.execute(sql, args![]).await?;
        }
        Ok(())
    }

    /// What a `SELECT` ends in whose rows are changed next: those that others are changing are passed over.
    pub(crate) fn skipping_locked(&self) -> &'static str {
        if self.is_postgres() { "FOR UPDATE SKIP LOCKED" } else { "" }
    }

    /// The same, waiting for others.
    pub(crate) fn locking(&self) -> &'static str {
        if self.is_postgres() { "FOR UPDATE" } else { "" }
    }
}

/// A statement for SQLite with its values in the order in which it says them: placeholders with names it looks up among
/// all that there are, each, which takes long where they are hundreds.
fn nameless(sql: &str, args: &[Arg]) -> (String, Vec<Arg>) {
    let mut parts = sql.split('$');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    let mut ordered = Vec::with_capacity(args.len());
    for part in parts {
        let (number, rest) = part.split_at(part.bytes().take_while(u8::is_ascii_digit).count());
        let arg = number.parse::<usize>().ok().and_then(|n| args.get(n.checked_sub(1)?));
        ordered.extend(arg.cloned());
        plain.push('?');
        plain.push_str(rest);
    }
    (plain, ordered)
}

fn bound<'q, DB: sqlx::Database>(
    query: sqlx::query::Query<'q, DB, DB::Arguments>,
    arg: Arg,
) -> sqlx::query::Query<'q, DB, DB::Arguments>
where
    Option<i64>: Encode<'q, DB> + Type<DB>,
    Option<String>: Encode<'q, DB> + Type<DB>,
    Option<Vec<u8>>: Encode<'q, DB> + Type<DB>,
{
    match arg {
        Arg::Int(value) => query.bind(value),
        Arg::Text(value) => query.bind(value),
        Arg::Bytes(value) => query.bind(value),
    }
}

/// A type that columns are read as.
pub(crate) trait Column<'r>:
    sqlx::Decode<'r, Sqlite> + Type<Sqlite> + sqlx::Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Column<'r> for T where
    T: sqlx::Decode<'r, Sqlite> + Type<Sqlite> + sqlx::Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r> Row<'r> {
    pub(crate) fn get<T: Column<'r>>(self, name: &str) -> Result<T, sqlx::Error> {
        match self {
            Row::Lite(row) => row.try_get(name),
            Row::Pg(row) => row.try_get(name),
        }
    }

    /// A number that is never negative.
    pub(crate) fn count(self, name: &str) -> Result<u64, sqlx::Error> {
        self.get::<i64>(name).map(i64::unsigned_abs)
    }

    /// A 0 or 1.
    pub(crate) fn flag(self, name: &str) -> Result<bool, sqlx::Error> {
        self.get::<i64>(name).map(|n| n != 0)
    }
}

impl Arg {
    /// PostgreSQL keeps no NUL in texts.
    fn without_nul(self) -> Arg {
        match self {
            Arg::Text(Some(text)) if text.contains('\0') => Arg::Text(Some(text.replace('\0', "\u{fffd}"))),
            other => other,
        }
    }
}

macro_rules! arg_from {
    ($($from:ty => $arg:ident, $value:ident => $into:expr;)*) => {
        $(impl From<$from> for Arg {
            fn from($value: $from) -> Arg {
                Arg::$arg($into)
            }
        })*
    };
}

arg_from! {
    i64 => Int, n => Some(n);
    Option<i64> => Int, n => n;
    i32 => Int, n => Some(n.into());
    u32 => Int, n => Some(n.into());
    bool => Int, yes => Some(yes.into());
    &str => Text, text => Some(text.to_owned());
    &String => Text, text => Some(text.clone());
    String => Text, text => Some(text);
    Option<&str> => Text, text => text.map(str::to_owned);
    &Option<String> => Text, text => text.clone();
    Option<String> => Text, text => text;
    Vec<u8> => Bytes, bytes => Some(bytes);
    Option<Vec<u8>> => Bytes, bytes => bytes;
    tidings_plan::Key => Bytes, key => Some(key.0.to_vec());
}

/// The values of a statement, in their order.
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::state::database::Arg::from($value)),*]
    };
}
pub(crate) use args;

/// `($3, $4), ($5, $6)`: the placeholders of rows of values, the first of which is bound at `first`.
pub(crate) fn tuples(first: usize, width: usize, rows: usize) -> String {
    let mut sql = String::with_capacity(rows * width * 6);
    for row in 0..rows {
        sql.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..width {
            sql.push_str(if column == 0 { "$" } else { ", $" });
            sql.push_str(&(first + row * width + column).to_string());
        }
        sql.push(')');
    }
    sql
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_froze_in_a_transaction_lets_the_others_go_on() {
        let Ok(url) = std::env::var("TIDINGS_POSTGRES") else { return };
        let database = Database::Pg(PgPool::connect_lazy(&url).unwrap());
        let mut tx = database.begin(Turn::None, 0, &"here".into()).await.unwrap();
        let limit = "SELECT current_setting('idle_in_transaction_session_timeout') AS most";
        assert_eq!(tx.one(limit, args![], |row| row.get::<String>("most")).await.unwrap().unwrap(), "30s");
    }
}
