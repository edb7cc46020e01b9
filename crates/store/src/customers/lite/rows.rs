//! SQLite's own way to rows: a statement that is stepped, and its columns. sqlx takes some microseconds for every row
//! of SQLite that it hands over; this takes a tenth of that, on the handle of sqlx's own connection.
//!
//! Besides the mapping of the cache, this file alone of the store has `unsafe`. What it relies on:
//!
//! - The handle is alive and no other thread uses it while a [`LockedSqliteHandle`] is borrowed: sqlx promises that.
//!   A [`Statement`] borrows one for as long as it lives, and is finalized before.
//! - A value that `sqlite3_column_value` gives out may be looked into because of that: SQLite asks for nothing else than
//!   that no other thread uses the connection. It takes a third of what asking the statement each time takes.
//! - What `sqlite3_value_text` and `_blob` point to lives until the next step or the end of the statement, or until
//!   the column is converted to something else. A [`Cell`] borrows its statement, both of the former need it exclusively,
//!   and each column is asked only for what it is: asking a second time converts nothing.
//! - Its tests run under AddressSanitizer without a complaint: `tests/sanitizer.sh`.
#![allow(unsafe_code)]

use libsqlite3_sys as sqlite;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::sqlite::LockedSqliteHandle;
use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::{fmt, slice};

/// A prepared statement whose rows are read one after the other.
pub(super) struct Statement<'h> {
    statement: NonNull<sqlite::sqlite3_stmt>,
    handle: PhantomData<&'h mut LockedSqliteHandle<'h>>,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'s> {
    Null,
    Int(i64),
    Real(f64),
    /// Text, whether it is UTF-8 or not.
    Text(&'s [u8]),
    Bytes(&'s [u8]),
}

/// There was no memory to make a text UTF-8.
#[derive(Debug)]
pub(super) struct NoMemory;

impl From<NoMemory> for sqlx::Error {
    fn from(_: NoMemory) -> sqlx::Error {
        Failure { code: sqlite::SQLITE_NOMEM, message: "out of memory".to_owned() }.into()
    }
}

impl<'h> Statement<'h> {
    pub(super) fn new(
        handle: &'h mut LockedSqliteHandle<'_>,
        sql: &str,
    ) -> Result<Statement<'h>, sqlx::Error> {
        let database = handle.as_raw_handle();
        let length = c_int::try_from(sql.len()).map_err(|_| Failure::too_big())?;
        let mut statement = ptr::null_mut();
        // SAFETY: the handle is alive and ours alone, the text is as long as is said, and the last pointer may be null.
        let code = unsafe {
            let (sql, end) = (sql.as_ptr().cast(), ptr::null_mut());
            sqlite::sqlite3_prepare_v3(database.as_ptr(), sql, length, 0, &mut statement, end)
        };
        match NonNull::new(statement) {
            Some(statement) if code == sqlite::SQLITE_OK => Ok(Statement { statement, handle: PhantomData }),
            // Nothing but blanks makes no statement, and no error either.
            _ => Err(Failure::of(database, code).into()),
        }
    }

    /// Gives the parameters their values, from the first one on.
    pub(super) fn bind(&mut self, values: &[Cell<'_>]) -> Result<(), sqlx::Error> {
        for (value, i) in values.iter().zip(1..) {
            let statement = self.statement.as_ptr();
            // SAFETY: the statement is alive, and SQLite makes its own copy of what the pointers point to.
            let code = unsafe {
                let copy = sqlite::SQLITE_TRANSIENT();
                match value {
                    Cell::Null => sqlite::sqlite3_bind_null(statement, i),
                    Cell::Int(whole) => sqlite::sqlite3_bind_int64(statement, i, *whole),
                    Cell::Real(real) => sqlite::sqlite3_bind_double(statement, i, *real),
                    Cell::Text(text) => {
                        let length = c_int::try_from(text.len()).map_err(|_| Failure::too_big())?;
                        sqlite::sqlite3_bind_text(statement, i, text.as_ptr().cast(), length, copy)
                    }
                    Cell::Bytes(bytes) => {
                        let length = c_int::try_from(bytes.len()).map_err(|_| Failure::too_big())?;
                        sqlite::sqlite3_bind_blob(statement, i, bytes.as_ptr().cast(), length, copy)
                    }
                }
            };
            if code != sqlite::SQLITE_OK {
                return Err(self.failed(code));
            }
        }
        Ok(())
    }

    /// Goes to the next row, if there is one.
    pub(super) fn step(&mut self) -> Result<bool, sqlx::Error> {
        // SAFETY: the statement is alive, and borrowed by no cell.
        match unsafe { sqlite::sqlite3_step(self.statement.as_ptr()) } {
            sqlite::SQLITE_ROW => Ok(true),
            sqlite::SQLITE_DONE => Ok(false),
            code => Err(self.failed(code)),
        }
    }

    /// A value of the row; nothing where there is no such column or no row.
    #[inline]
    pub(super) fn cell(&self, column: usize) -> Result<Cell<'_>, NoMemory> {
        let (statement, i) = (self.statement.as_ptr(), c_int::try_from(column).unwrap_or(c_int::MAX));
        // SAFETY: the statement is alive; beyond its columns and rows SQLite has nulls. No other thread uses the value. The
        // length is asked for after the pointer, as it has to be, and belongs to it.
        unsafe {
            let value = sqlite::sqlite3_column_value(statement, i);
            let bytes = |start: *const u8| match usize::try_from(sqlite::sqlite3_value_bytes(value)) {
                Ok(length) if !start.is_null() => slice::from_raw_parts(start, length),
                _ => &[],
            };
            Ok(match sqlite::sqlite3_value_type(value) {
                sqlite::SQLITE_INTEGER => Cell::Int(sqlite::sqlite3_value_int64(value)),
                sqlite::SQLITE_FLOAT => Cell::Real(sqlite::sqlite3_value_double(value)),
                sqlite::SQLITE_TEXT => match sqlite::sqlite3_value_text(value) {
                    // A text has a place even if it is empty, unless there was no memory to make it UTF-8.
                    start if start.is_null() => return Err(NoMemory),
                    start => Cell::Text(bytes(start)),
                },
                sqlite::SQLITE_BLOB => Cell::Bytes(bytes(sqlite::sqlite3_value_blob(value).cast())),
                _ => Cell::Null,
            })
        }
    }

    fn failed(&self, code: c_int) -> sqlx::Error {
        // SAFETY: the statement is alive, and so is its database.
        match NonNull::new(unsafe { sqlite::sqlite3_db_handle(self.statement.as_ptr()) }) {
            Some(database) => Failure::of(database, code).into(),
            None => Failure { code, message: String::new() }.into(),
        }
    }
}

impl Drop for Statement<'_> {
    fn drop(&mut self) {
        // SAFETY: it was prepared, and is finalized only here. What is returned repeats the last step's error.
        unsafe { sqlite::sqlite3_finalize(self.statement.as_ptr()) };
    }
}

/// What SQLite says, as sqlx's own errors of it do.
#[derive(Debug)]
struct Failure {
    code: c_int,
    message: String,
}

impl Failure {
    fn of(database: NonNull<sqlite::sqlite3>, code: c_int) -> Failure {
        // SAFETY: the database is alive and ours alone, so the message stays while it is copied.
        let (extended, message) = unsafe {
            let message = sqlite::sqlite3_errmsg(database.as_ptr());
            let message = if message.is_null() { c"" } else { CStr::from_ptr(message) };
            (sqlite::sqlite3_extended_errcode(database.as_ptr()), message.to_string_lossy().into_owned())
        };
        // The finer code is that of the last call, which may be another one than this.
        Failure { code: if extended & 0xff == code & 0xff { extended } else { code }, message }
    }

    fn too_big() -> Failure {
        Failure { code: sqlite::SQLITE_TOOBIG, message: "string or blob too big".to_owned() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(code: {}) {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}

impl DatabaseError for Failure {
    fn message(&self) -> &str {
        &self.message
    }

    fn code(&self) -> Option<Cow<'_, str>> {
        Some(self.code.to_string().into())
    }

    fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
        self
    }

    fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
        self
    }

    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use sqlx::{Connection, SqliteConnection};

    async fn database(sql: &'static str) -> SqliteConnection {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection
    }

    #[tokio::test]
    async fn values_are_what_they_are() {
        for encoding in ["PRAGMA encoding = 'UTF-8'", "PRAGMA encoding = 'UTF-16le'"] {
            let mut connection = database(encoding).await;
            let mut handle = connection.lock_handle().await.unwrap();
            let sql = "SELECT NULL, ?1, ?2, ?3, ?4, '', x'', zeroblob(3), '中' || '🎁', ?5";
            let mut statement = Statement::new(&mut handle, sql).unwrap();
            let values = [Cell::Int(i64::MIN), Cell::Real(0.1), Cell::Text(b"a\0b"), Cell::Bytes(&[0, 255])];
            statement.bind(&values).unwrap();
            assert!(statement.step().unwrap());
            let rest = [
                Cell::Text(b""),
                Cell::Bytes(b""),
                Cell::Bytes(&[0; 3]),
                Cell::Text("中🎁".as_bytes()),
                Cell::Null,
            ];
            for _ in 0..2 {
                let expected = [Cell::Null].into_iter().chain(values).chain(rest);
                for (i, expected) in expected.enumerate() {
                    assert_eq!(statement.cell(i).unwrap(), expected, "{encoding}, column {i}");
                }
                assert_eq!(statement.cell(99).unwrap(), Cell::Null);
            }
            assert!(!statement.step().unwrap());
            assert_eq!(statement.cell(0).unwrap(), Cell::Null, "there is no row any more");
        }
    }

    #[tokio::test]
    async fn errors_are_those_of_sqlite() {
        let mut connection = database("CREATE TABLE t (x)").await;
        let mut handle = connection.lock_handle().await.unwrap();
        let code = |error: sqlx::Error| error.as_database_error().unwrap().code().unwrap().into_owned();
        assert_eq!(code(Statement::new(&mut handle, "SELECT y FROM t").err().unwrap()), "1");
        assert!(Statement::new(&mut handle, " ").is_err(), "no statement at all");
        let mut statement = Statement::new(&mut handle, "SELECT ?").unwrap();
        assert_eq!(code(statement.bind(&[Cell::Null, Cell::Null]).err().unwrap()), "25");
        drop(statement);
        let mut statement = Statement::new(&mut handle, "SELECT length(zeroblob(1000000001))").unwrap();
        assert_eq!(code(statement.step().err().unwrap()), "18", "more than a gigabyte");
        drop(statement);
        let mut statement = Statement::new(&mut handle, "SELECT abs(-9223372036854775808)").unwrap();
        assert_eq!(code(statement.step().err().unwrap()), "1");
    }

    /// SQLite prepares a statement anew whose table changed since.
    #[tokio::test]
    async fn a_table_may_change_before_the_first_step() {
        let mut connection = database("CREATE TABLE t (x); INSERT INTO t VALUES (1)").await;
        let mut handle = connection.lock_handle().await.unwrap();
        let mut reading = Statement::new(&mut handle, "SELECT * FROM t").unwrap();
        // SAFETY: statement and database are alive, the text ends with a zero, and the other pointers may be null.
        let code = unsafe {
            let database = sqlite::sqlite3_db_handle(reading.statement.as_ptr());
            let change = c"ALTER TABLE t ADD COLUMN y DEFAULT 2".as_ptr();
            sqlite::sqlite3_exec(database, change, None, ptr::null_mut(), ptr::null_mut())
        };
        assert_eq!((code, reading.cell(1).unwrap()), (sqlite::SQLITE_OK, Cell::Null));
        assert!(reading.step().unwrap());
        assert_eq!((reading.cell(0).unwrap(), reading.cell(1).unwrap()), (Cell::Int(1), Cell::Int(2)));
    }

    #[tokio::test]
    async fn reading_can_be_interrupted() {
        let mut connection = database("CREATE TABLE t (x)").await;
        let mut handle = connection.lock_handle().await.unwrap();
        handle.set_progress_handler(1000, || false);
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
        let mut statement = Statement::new(&mut handle, endless).unwrap();
        let error = statement.step().unwrap_err();
        assert_eq!(error.as_database_error().unwrap().code().unwrap(), "9");
    }
}
