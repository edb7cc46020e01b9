//! Writing checked files into the store.

use crate::customers::lite::open::{Session, look};
use crate::customers::place::Place;
use crate::customers::{ATTEMPTS, StoreError};
use crate::import::check::Checked;
use crate::import::error::ImportError;
use crate::import::records::{Record, Records, fingerprint};
use crate::import::shape::{Cell, Column, Shape};
use crate::import::{FileReport, Progress, Stage};
use crate::private;
use crate::sql;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions, Connection};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Rows that one statement inserts, at most.
const ROWS_A_STATEMENT: usize = 500;
/// Values that one statement takes, at most: SQLite's limit is 32,766.
const VALUES_A_STATEMENT: usize = 32_000;

/// A store that is written to.
pub(crate) struct Writer {
    connection: SqliteConnection,
    place: Place,
}

impl Writer {
    /// Opens a store, or makes one together with its folder.
    pub(crate) async fn open(path: &Path) -> Result<Writer, ImportError> {
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(Duration::from_secs(30))
            // 64 MB instead of 2: an index over millions of keys is written all over.
            .pragma("cache_size", "-65536")
            .disable_statement_logging();
        match look(path) {
            Ok(_) => {}
            Err(StoreError::NoFile { .. }) => {
                let failed = |why| ImportError::File { path: path.to_owned(), why };
                private::make_database(path).map_err(failed)?;
                // With a log, whoever only reads is not held up by an import that was killed.
                options = options.journal_mode(SqliteJournalMode::Wal);
            }
            Err(other) => return Err(other.into()),
        }
        let failed = |e| StoreError::of(&Place::File(path.to_owned()), &e);
        let mut connection = options.connect().await.map_err(failed)?;
        sqlx::query(
            "CREATE TABLE IF NOT EXISTS tidings_imports (
                table_name TEXT NOT NULL, file_name TEXT NOT NULL, fingerprint TEXT NOT NULL, inserted INTEGER NOT NULL)",
        )
        .execute(&mut connection)
        .await
        .map_err(failed)?;
        Ok(Writer { connection, place: Place::File(path.to_owned()) })
    }

    /// Rows without a key must not come in twice.
    pub(crate) async fn refuse_twice(&mut self, file: &Checked) -> Result<(), ImportError> {
        if file.shape.key.is_some() {
            return Ok(());
        }
        let known: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM tidings_imports WHERE table_name = ? COLLATE NOCASE AND fingerprint = ?",
        )
        .bind(&file.source.table)
        .bind(&file.fingerprint)
        .fetch_one(&mut self.connection)
        .await
        .map_err(|e| StoreError::of(&self.place, &e))?;
        match known {
            0 => Ok(()),
            _ => Err(ImportError::Twice { path: file.source.path.clone(), table: file.source.table.clone() }),
        }
    }

    /// Rows that were judged without a key must not go where one is held unique.
    async fn refuse_new_key(&mut self, file: &Checked) -> Result<(), ImportError> {
        let kept = unique_key(&mut self.connection, &file.source.table).await;
        let kept = kept.map_err(|e| StoreError::of(&self.place, &e))?;
        let (columns, table) = (&file.shape.columns, &file.source.table);
        match kept.filter(|key| columns.iter().any(|c| c.name.eq_ignore_ascii_case(key))) {
            Some(key) if file.shape.key.is_none() => {
                let why = format!(
                    "`{key}` identifies the rows of `{table}` since another import, and this file was checked before it. \
                     Import it again"
                );
                Err(ImportError::Table { path: file.source.path.clone(), why })
            }
            _ => Ok(()),
        }
    }

    /// Imports a file in one transaction.
    pub(crate) async fn import(
        &mut self,
        file: &Checked,
        rejected_in: Option<&Path>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<FileReport, ImportError> {
        let place = self.place.clone();
        let failed = |e| ImportError::Store(StoreError::of(&place, &e));
        let table = &file.source.table;
        let names: Vec<&str> = file.shape.columns.iter().map(|c| c.name.as_str()).collect();
        let key = file.shape.key.and_then(|i| names.get(i)).copied();
        let not_unique = |e| match held_unique(&e, table) {
            Some(columns) => {
                let why = not_unique(table, &columns, key);
                ImportError::Table { path: file.source.path.clone(), why }
            }
            None => failed(e),
        };
        self.refuse_new_key(file).await?;

        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        ensure_table(&mut transaction, table, &file.shape.columns, key).await.map_err(not_unique)?;
        let before: i64 =
            sqlx::query_scalar(sql::count_rows(table)).fetch_one(&mut *transaction).await.map_err(failed)?;

        let mut rejects = Rejects::new(file, rejected_in);
        let mut rows = Rows::open(file)?;
        let a_statement = ROWS_A_STATEMENT.min(VALUES_A_STATEMENT / names.len().max(1)).max(1);
        let (mut changed, mut accepted) = (0, 0);
        loop {
            let batch = rows.batch(a_statement, &mut rejects)?;
            if batch.is_empty() {
                break;
            }
            accepted += batch.len() as u64;
            changed += insert(&mut transaction, table, &names, key, batch).await.map_err(not_unique)?;
            progress(Progress {
                table,
                stage: Stage::Importing,
                done: accepted,
                total: file.report.accepted,
            });
        }
        if let Some((customer, time)) = file.shape.by_customer {
            let columns: Vec<&str> = [customer, time].iter().filter_map(|i| names.get(*i).copied()).collect();
            sqlx::query(sql::index(table, &columns, false))
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        if fingerprint(&file.source.path)? != file.fingerprint {
            return Err(ImportError::Changed { path: file.source.path.clone() });
        }
        let after: i64 =
            sqlx::query_scalar(sql::count_rows(table)).fetch_one(&mut *transaction).await.map_err(failed)?;
        let inserted = after.saturating_sub(before).unsigned_abs();
        sqlx::query("INSERT INTO tidings_imports VALUES (?, ?, ?, ?)")
            .bind(table)
            .bind(file.source.path.to_string_lossy().into_owned())
            .bind(&file.fingerprint)
            .bind(inserted as i64)
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
        let (rejected, rejected_file) = rejects.finish()?;
        transaction.commit().await.map_err(failed)?;
        Ok(FileReport {
            path: file.source.path.clone(),
            table: table.clone(),
            inserted,
            updated: changed - inserted,
            unchanged: accepted - changed,
            rejected,
            rejected_file,
        })
    }

    /// Makes a customer of every key in a column that has none yet; how many. `files` were imported before.
    pub(crate) async fn add_customers(
        &mut self,
        (customers, columns): &(String, Vec<Column>),
        (table, column): (&str, &str),
        files: &[FileReport],
    ) -> Result<u64, ImportError> {
        let key = columns.first().map_or("id", |c| c.name.as_str());
        let place = self.place.clone();
        let failed = |e| {
            let (table, files) = (customers.clone(), files.iter().map(|file| file.path.clone()).collect());
            match held_unique(&e, customers).as_deref() {
                Some([column]) if column.eq_ignore_ascii_case(key) => {
                    ImportError::DoubleCustomers { table, key: key.to_owned(), files }
                }
                _ => ImportError::NoCustomers { table, why: Box::new(StoreError::of(&place, &e)), files },
            }
        };
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        ensure_table(&mut transaction, customers, columns, Some(key)).await.map_err(failed)?;
        let added = sqlx::query(sql::insert_keys(customers, key, table, column))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?
            .rows_affected();
        transaction.commit().await.map_err(failed)?;
        Ok(added)
    }

    /// Closes the store, so that its log is gone.
    pub(crate) async fn close(self) {
        self.connection.close().await.ok();
    }
}

/// The column that imports before keep unique in each of some tables; nothing where there is no store yet.
pub(crate) async fn unique_keys(
    path: &Path,
    tables: impl Iterator<Item = &str> + Clone,
) -> Result<HashMap<String, String>, ImportError> {
    asked(path, async |connection| {
        let mut keys = HashMap::new();
        for table in tables.clone() {
            let key = unique_key(connection, table).await?;
            keys.extend(key.map(|key| (table.to_lowercase(), key)));
        }
        Ok(keys)
    })
    .await
}

/// The columns that a table has; none where there is no such table, or no store yet.
pub(crate) async fn columns(path: &Path, table: &str) -> Result<Vec<String>, ImportError> {
    asked(path, async |connection| existing(connection, table).await).await
}

/// What a store answers before it is written to; nothing where there is none yet.
async fn asked<T: Default>(
    path: &Path,
    ask: impl AsyncFn(&mut SqliteConnection) -> Result<T, sqlx::Error>,
) -> Result<T, ImportError> {
    for _ in 0..ATTEMPTS {
        let session = match Session::open(path).await {
            Err(StoreError::NoFile { .. }) => return Ok(T::default()),
            opened => opened?,
        };
        let answer = ask(&mut *session.connection.lock().await).await;
        if let Some(answer) = session.finish(answer).await {
            return Ok(answer.map_err(|e| StoreError::of(&Place::File(path.to_owned()), &e))?);
        }
    }
    Err(StoreError::Busy { path: path.to_owned() }.into())
}

/// The column that imports before keep unique in a table.
async fn unique_key(connection: &mut SqliteConnection, table: &str) -> Result<Option<String>, sqlx::Error> {
    let sql = "SELECT i.name FROM pragma_index_list(?) AS l, pragma_index_info(l.name) AS i \
        WHERE l.\"unique\" AND l.name GLOB 'tidings_*'";
    sqlx::query_scalar(sql).bind(table).fetch_optional(connection).await
}

/// The columns that a table has; none where there is no such table.
async fn existing(connection: &mut SqliteConnection, table: &str) -> Result<Vec<String>, sqlx::Error> {
    // 1 are hidden columns of virtual tables; 2 and 3 are computed.
    sqlx::query_scalar("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1")
        .bind(table)
        .fetch_all(connection)
        .await
}

/// Makes a table, or the columns that it does not have yet, and the index that keeps keys unique.
async fn ensure_table(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[Column],
    key: Option<&str>,
) -> Result<(), sqlx::Error> {
    let known = existing(connection, table).await?;
    let typed: Vec<(&str, &str)> = columns.iter().map(|c| (c.name.as_str(), c.sql_type())).collect();
    if known.is_empty() {
        sqlx::query(sql::create_table(table, &typed)).execute(&mut *connection).await?;
    } else {
        for column in typed.iter().filter(|(name, _)| !known.iter().any(|k| k.eq_ignore_ascii_case(name))) {
            sqlx::query(sql::add_column(table, *column)).execute(&mut *connection).await?;
        }
    }
    if let Some(key) = key {
        sqlx::query(sql::index(table, &[key], true)).execute(connection).await?;
    }
    Ok(())
}

/// Inserts rows; how many are new or changed.
async fn insert(
    connection: &mut SqliteConnection,
    table: &str,
    columns: &[&str],
    key: Option<&str>,
    rows: Vec<Vec<Cell>>,
) -> Result<u64, sqlx::Error> {
    let mut query = sqlx::query(sql::insert(table, columns, key, rows.len()));
    for cell in rows.into_iter().flatten() {
        query = match cell {
            Cell::Null => query.bind(None::<String>),
            Cell::Text(text) => query.bind(text),
            Cell::Int(whole) => query.bind(whole),
            Cell::Real(real) => query.bind(real),
        };
    }
    Ok(query.execute(connection).await?.rows_affected())
}

/// The columns of a table in which two rows would have the same though they are unique, where that is the error.
fn held_unique<'e>(error: &'e sqlx::Error, table: &str) -> Option<Vec<&'e str>> {
    let error = error.as_database_error().filter(|e| e.is_unique_violation())?;
    let (_, columns) = error.message().split_once(": ")?;
    let column = |named: &'e str| {
        let (of, column) = named.split_at_checked(table.len())?;
        column.strip_prefix('.').filter(|_| of.eq_ignore_ascii_case(table))
    };
    columns.split(", ").map(column).collect()
}

/// Why rows that are told apart by one column do not go where others are unique, or where theirs is not.
fn not_unique(table: &str, columns: &[&str], key: Option<&str>) -> String {
    let column = columns.join("`, `");
    let (what, keep) = match key.filter(|key| key.eq_ignore_ascii_case(&column)) {
        _ if columns.len() > 1 => (
            format!(
                "a row has the same `{column}` as another of `{table}`, which holds them unique together"
            ),
            "Take such rows out of it".to_owned(),
        ),
        Some(_) => (
            format!(
                "rows that are in `{table}` already have the same `{column}`, so it does not tell them apart"
            ),
            "Name the column that does as the table's `key:` in schema.yaml".to_owned(),
        ),
        None => (
            format!("a row has the same `{column}` as another of `{table}`, which holds it unique"),
            format!(
                "Write `key: {column}` for the table in schema.yaml, so that such a row is brought up to date"
            ),
        ),
    };
    format!(
        "{what}; nothing of this file was imported. {keep}, or import all files into a new file, named by `store`"
    )
}

/// A file's rows, judged as in the dry check.
struct Rows {
    records: Records,
    shape: Shape,
    seen: HashMap<String, u64>,
}

impl Rows {
    fn open(file: &Checked) -> Result<Rows, ImportError> {
        let records = Records::open(&file.source.path, Some(file.delimiter))?;
        Ok(Rows { records, shape: file.shape.clone(), seen: HashMap::new() })
    }

    /// The next rows that are accepted; the others go to the rejects.
    fn batch(&mut self, most: usize, rejects: &mut Rejects) -> Result<Vec<Vec<Cell>>, ImportError> {
        let mut batch = Vec::with_capacity(most);
        while batch.len() < most {
            let Some(record) = self.records.next()? else { break };
            match self.shape.row(&record, &mut self.seen) {
                Ok(cells) => batch.push(cells),
                Err(reason) => rejects.add(&self.records.header, &record, &reason)?,
            }
        }
        Ok(batch)
    }
}

/// The file of rejected rows, made when the first comes.
struct Rejects {
    path: PathBuf,
    writer: Option<csv::Writer<File>>,
    count: u64,
}

impl Rejects {
    fn new(file: &Checked, folder: Option<&Path>) -> Rejects {
        let source = &file.source.path;
        let stem = source.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        let beside = source.with_file_name(format!("{stem}.rejected.csv"));
        // Files of several folders may have one name.
        let names = std::iter::once(stem.clone()).chain((2..).map(|n| format!("{stem}-{n}")));
        let apart = |folder: &Path| {
            names.map(|name| folder.join(format!("{name}.rejected.csv"))).find(|path| !path.exists())
        };
        Rejects { path: folder.and_then(apart).unwrap_or(beside), writer: None, count: 0 }
    }

    fn add(&mut self, header: &[String], record: &Record, reason: &str) -> Result<(), ImportError> {
        let path = self.path.clone();
        let failed = |e: csv::Error| ImportError::File { path: path.clone(), why: e.into() };
        self.count += 1;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let file = private::emptied_file().open(&self.path).map_err(|e| failed(e.into()))?;
                let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
                let names = header.iter().map(String::as_str).chain(["line", "reason"]);
                writer.write_record(names).map_err(failed)?;
                none.insert(writer)
            }
        };
        // A row with too few columns is filled up, so that line and reason stand below their names.
        let missing = header.len().saturating_sub(record.fields.len());
        let line = record.line.to_string();
        let fields =
            record.fields.iter().chain(std::iter::repeat_n("", missing)).chain([line.as_str(), reason]);
        writer.write_record(fields).map_err(failed)
    }

    fn finish(self) -> Result<(u64, Option<PathBuf>), ImportError> {
        let Some(mut writer) = self.writer else { return Ok((0, None)) };
        writer.flush().map_err(|why| ImportError::File { path: self.path.clone(), why })?;
        Ok((self.count, Some(self.path)))
    }
}
