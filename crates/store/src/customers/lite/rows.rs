//! SQLite's own ways to rows, on the handle of sqlx's own connection: a function that SQLite calls with each row's columns, and
//! a statement whose rows are stepped through. sqlx takes some microseconds for every row of SQLite that it hands over;
//! a step takes a tenth of that, and a call two thirds of a step.
//!
//! Besides the mapping of the cache, this file alone of the store has `unsafe`. What it relies on:
//!
//! - The handle is alive and no other thread uses it while a [`LockedSqliteHandle`] is borrowed: sqlx promises that.
//!   A [`Statement`] borrows one for as long as it lives, and is finalized before.
//! - Values that a function is called with may be looked into until it returns. One that `sqlite3_column_value` gives out may
//!   be because no other thread uses the connection: SQLite asks for nothing else. It lives until the next step.
//! - What `sqlite3_value_text` and `_blob` point to lives as long, or until the value is converted to something else. A [`Cell`]
//!   borrows its [`Row`], which borrows its statement, or lives during the call; and each value is asked only for what it is: asking
//!   a second time converts nothing.
//! - The function's name is taken back before [`each`] returns, so nobody calls what is no more; and a panic ends in [`Taking::take`].
//! - Its tests run under AddressSanitizer without a complaint: `tests/sanitizer.sh`.
#![allow(unsafe_code)]

use crate::customers::lite::ended;
use libsqlite3_sys as sqlite;
use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::sqlite::LockedSqliteHandle;
use std::borrow::Cow;
use std::ffi::{CStr, c_int};
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::ptr::{self, NonNull};
use std::{fmt, slice};
use tidings_schema::Raw;

/// Calls back with each row of a statement. One that calls `tidings_take` with its columns hands rows over sooner than one
/// that returns them.
pub(super) fn each<F: FnMut(&Row<'_>) -> Result<(), sqlx::Error>>(
    handle: &mut LockedSqliteHandle<'_>,
    (sql, values): (&str, &[Cell<'_>]),
    take: F,
) -> Result<(), sqlx::Error> {
    let database = handle.as_raw_handle();
    let mut taking = Taking { take, called: false, failed: None };
    let function = |taking: *mut Taking<F>, call| {
        let (name, form) = (c"tidings_take".as_ptr(), sqlite::SQLITE_UTF8 | sqlite::SQLITE_DIRECTONLY);
        // SAFETY: the database is alive and ours alone, the name ends with a zero, and all the other pointers may be null.
        unsafe {
            let (database, taking) = (database.as_ptr(), taking.cast());
            sqlite::sqlite3_create_function_v2(database, name, -1, form, taking, call, None, None, None)
        }
    };
    let shared = &raw mut taking;
    match function(shared, Some(call::<F>)) {
        sqlite::SQLITE_OK => {}
        code => return Err(Failure::of(database, code).into()),
    }
    let stepped = Statement::new(handle, sql).and_then(|mut statement| {
        statement.bind(values)?;
        while statement.step()? {
            // SAFETY: SQLite calls nothing between two steps, and this thread has nothing else of it.
            let taking = unsafe { &mut *shared };
            if !taking.called {
                taking.take(&statement.row())?;
            }
        }
        Ok(())
    });
    // The statement is gone, so nobody calls it any more.
    function(ptr::null_mut(), None);
    taking.failed.map_or(stepped, Err)
}

/// What takes rows, and how that went.
struct Taking<F> {
    take: F,
    called: bool,
    failed: Option<sqlx::Error>,
}

impl<F: FnMut(&Row<'_>) -> Result<(), sqlx::Error>> Taking<F> {
    /// Nothing may fall through SQLite, or leave it a name of what is no more.
    fn take(&mut self, row: &Row<'_>) -> Result<(), sqlx::Error> {
        panic::catch_unwind(AssertUnwindSafe(|| (self.take)(row))).unwrap_or_else(|_| Err(ended()))
    }
}

/// The function of SQL that takes rows.
unsafe extern "C" fn call<F: FnMut(&Row<'_>) -> Result<(), sqlx::Error>>(
    context: *mut sqlite::sqlite3_context,
    count: c_int,
    values: *mut *mut sqlite::sqlite3_value,
) {
    // SAFETY: this is what the function was made with, and has nothing else of it while SQLite steps. The values are as many
    // as is said, and alive until this returns.
    let (taking, values) = unsafe {
        let taking = &mut *sqlite::sqlite3_user_data(context).cast::<Taking<F>>();
        let count = usize::try_from(count).unwrap_or(0);
        (taking, if values.is_null() { &[] } else { slice::from_raw_parts(values, count) })
    };
    taking.called = true;
    if let Err(error) = taking.take(&Row { values }) {
        taking.failed = Some(error);
        // SAFETY: SQLite waits for what it is told here.
        unsafe { sqlite::sqlite3_result_error_code(context, sqlite::SQLITE_ABORT) };
    }
}

/// A row of a statement.
pub(crate) struct Row<'r> {
    values: &'r [*mut sqlite::sqlite3_value],
}

/// A prepared statement whose rows are read one after the other.
struct Statement<'h> {
    statement: NonNull<sqlite::sqlite3_stmt>,
    /// Of the row that it stands at.
    values: Vec<*mut sqlite::sqlite3_value>,
    handle: PhantomData<&'h mut LockedSqliteHandle<'h>>,
}

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'s> {
    Null,
    Int(i64),
    Real(f64),
    /// Text, whether it is UTF-8 or not.
    Text(&'s [u8]),
    Bytes(&'s [u8]),
}

impl<'s> Cell<'s> {
    /// As all stores' values are; none where a text or bytes are not UTF-8. Some programs keep text as bytes.
    pub(crate) fn raw(self) -> Option<Raw<'s>> {
        Some(match self {
            Cell::Null => Raw::Null,
            Cell::Int(whole) => Raw::Int(whole),
            Cell::Real(real) => Raw::Real(real),
            Cell::Text(text) | Cell::Bytes(text) => Raw::Text(std::str::from_utf8(text).ok()?),
        })
    }
}

/// There was no memory to make a text UTF-8.
#[derive(Debug)]
pub(crate) struct NoMemory;

impl From<NoMemory> for sqlx::Error {
    fn from(_: NoMemory) -> sqlx::Error {
        Failure { code: sqlite::SQLITE_NOMEM, message: "out of memory".to_owned() }.into()
    }
}

impl<'h> Statement<'h> {
    fn new(handle: &'h mut LockedSqliteHandle<'_>, sql: &str) -> Result<Statement<'h>, sqlx::Error> {
        let database = handle.as_raw_handle();
        let length = c_int::try_from(sql.len()).map_err(|_| Failure::too_big())?;
        let mut statement = ptr::null_mut();
        // SAFETY: the handle is alive and ours alone, the text is as long as is said, and the last pointer may be null.
        let code = unsafe {
            let (sql, end) = (sql.as_ptr().cast(), ptr::null_mut());
            sqlite::sqlite3_prepare_v3(database.as_ptr(), sql, length, 0, &mut statement, end)
        };
        match NonNull::new(statement) {
            Some(statement) if code == sqlite::SQLITE_OK => {
                Ok(Statement { statement, values: Vec::new(), handle: PhantomData })
            }
            // Nothing but blanks makes no statement, and no error either.
            _ => Err(Failure::of(database, code).into()),
        }
    }

    /// Gives the parameters their values, from the first one on.
    fn bind(&mut self, values: &[Cell<'_>]) -> Result<(), sqlx::Error> {
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
    fn step(&mut self) -> Result<bool, sqlx::Error> {
        // SAFETY: the statement is alive, and borrowed by no cell.
        match unsafe { sqlite::sqlite3_step(self.statement.as_ptr()) } {
            sqlite::SQLITE_ROW => Ok(true),
            sqlite::SQLITE_DONE => Ok(false),
            code => Err(self.failed(code)),
        }
    }

    /// The row that it stands at; without any columns where there is none.
    fn row(&mut self) -> Row<'_> {
        let statement = self.statement.as_ptr();
        self.values.clear();
        // SAFETY: the statement is alive, and its row has that many columns.
        unsafe {
            let columns = 0..sqlite::sqlite3_data_count(statement);
            self.values.extend(columns.map(|i| sqlite::sqlite3_column_value(statement, i)));
        }
        Row { values: &self.values }
    }

    fn failed(&self, code: c_int) -> sqlx::Error {
        // SAFETY: the statement is alive, and so is its database.
        match NonNull::new(unsafe { sqlite::sqlite3_db_handle(self.statement.as_ptr()) }) {
            Some(database) => Failure::of(database, code).into(),
            None => Failure { code, message: String::new() }.into(),
        }
    }
}

impl Row<'_> {
    /// A value of the row; nothing where there is no such column.
    #[inline(always)]
    pub(crate) fn cell(&self, column: usize) -> Result<Cell<'_>, NoMemory> {
        let Some(value) = self.values.get(column).copied() else { return Ok(Cell::Null) };
        // SAFETY: the values are alive as long as the row, and no other thread uses them. The length is asked for after the
        // pointer, as it has to be, and belongs to it.
        unsafe {
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
                    assert_eq!(statement.row().cell(i).unwrap(), expected, "{encoding}, column {i}");
                }
                assert_eq!(statement.row().cell(99).unwrap(), Cell::Null);
            }
            assert!(!statement.step().unwrap());
            assert_eq!(statement.row().cell(0).unwrap(), Cell::Null, "there is no row any more");
        }
    }

    #[tokio::test]
    async fn rows_are_taken_one_by_one_and_errors_end_it() {
        let mut connection =
            database("CREATE TABLE t (x, y); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')").await;
        let mut handle = connection.lock_handle().await.unwrap();
        for columns in ["tidings_take(x, y)", "x, y"] {
            let sql = format!("SELECT {columns} FROM t WHERE x > ?1 ORDER BY x");
            let mut take = |last: i64, panics: bool| {
                let mut seen = Vec::new();
                let done = each(&mut handle, (&sql, &[Cell::Int(1)]), |row| {
                    seen.push(format!("{:?} {:?} {:?}", row.cell(0)?, row.cell(1)?, row.cell(2)?));
                    assert!(!panics);
                    if row.cell(0)? == Cell::Int(last) { Err(sqlx::Error::RowNotFound) } else { Ok(()) }
                });
                (seen, done)
            };
            let all = ["Int(2) Text([98]) Null", "Int(3) Text([99]) Null"];
            let (seen, done) = take(9, false);
            assert_eq!((seen.as_slice(), done.is_ok()), (all.map(str::to_owned).as_slice(), true));
            let (seen, done) = take(2, false);
            assert_eq!(seen.len(), 1);
            assert!(matches!(done, Err(sqlx::Error::RowNotFound)), "{done:?}");
            let (seen, done) = take(9, true);
            assert_eq!((seen.len(), done.unwrap_err().to_string()), (1, ended().to_string()));
            assert!(Statement::new(&mut handle, "SELECT tidings_take(1)").is_err(), "nobody else calls it");
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
        assert_eq!((code, reading.row().cell(1).unwrap()), (sqlite::SQLITE_OK, Cell::Null));
        assert!(reading.step().unwrap());
        let row = reading.row();
        assert_eq!((row.cell(0).unwrap(), row.cell(1).unwrap()), (Cell::Int(1), Cell::Int(2)));
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
