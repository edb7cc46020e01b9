//! The engine's own state: who was reached when, what is in the outbox, who said no. One SQLite file, which
//! may also hold the shop's tables.

mod error;

pub use error::StateError;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection, Sqlite, Transaction};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long another program may hold the file's lock before that is an error.
const PATIENCE: Duration = Duration::from_secs(600);

const CLOCK: &str = "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
const MAKE_META: &str =
    "INSERT INTO tidings_meta (id, project, secret) VALUES (1, ?, ?) ON CONFLICT (id) DO NOTHING";
const META: &str = "SELECT project, secret FROM tidings_meta";
const STOPPED: &str = "SELECT stopped FROM tidings_meta";
const STOP: &str = "UPDATE tidings_meta SET stopped = ?";
const START_RUN: &str =
    "INSERT INTO tidings_runs (at, cause, program, started) VALUES (?, ?, ?, ?) RETURNING id";
const FINISH_RUN: &str = "UPDATE tidings_runs SET finished = ? WHERE id = ? AND finished IS NULL";

/// The engine's own state. Clones share the connections.
#[derive(Clone)]
pub struct State {
    /// Writes take turns here, so that within one process nobody polls for the file's lock.
    write: SqlitePool,
    pub(crate) read: SqlitePool,
    file: Arc<str>,
    project: Arc<str>,
    secret: Arc<[u8]>,
    ahead: Arc<AtomicI64>,
}

/// The number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl State {
    /// Opens the state at a URL such as `sqlite:state.db`, and makes it where there is none, with its folder
    /// and a project's secret. Fails where the file cannot be written or belongs to a newer Tidings.
    pub async fn open(url: &str) -> Result<State, StateError> {
        let options = SqliteConnectOptions::from_str(url);
        State::with(options.map_err(|e| StateError::Url { url: url.into(), why: e.to_string() })?).await
    }

    /// The same for a file by its path, whatever signs it has.
    pub async fn open_file(path: &Path) -> Result<State, StateError> {
        State::with(SqliteConnectOptions::new().filename(path)).await
    }

    async fn with(options: SqliteConnectOptions) -> Result<State, StateError> {
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(PATIENCE);
        let file: Arc<str> = options.get_filename().display().to_string().into();
        make_folder(options.get_filename()).map_err(|e| StateError::new(&file, sqlx::Error::Io(e)))?;
        let opened = async {
            let write = connect(options.clone()).await?;
            let (project, secret) = set_up(&write).await?;
            Ok((write, project, secret))
        };
        let (write, project, secret) = opened.await.map_err(|e| StateError::new(&file, e))?;
        Ok(State {
            write,
            read: pool(4).connect_lazy_with(options),
            file,
            project: project.into(),
            secret: secret.into(),
            ahead: Arc::default(),
        })
    }

    /// A random name of this state: another one for every file that was made anew.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The project's secret: keys, hold-outs and suppressions are made with it.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Closes all connections when what they do is done.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// Begins a run at a moment (microseconds since 1970 UTC), for a cause (`by hand`, `schedule`), of rules with
    /// that fingerprint.
    pub async fn start_run(&self, at: i64, cause: &str, program: &str) -> Result<RunId, StateError> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let id = sqlx::query_scalar(START_RUN)
            .bind(at)
            .bind(cause)
            .bind(program)
            .bind(now)
            .fetch_one(&mut *tx.inner);
        let id = id.await.map_err(self.fault())?;
        tx.commit().await?;
        Ok(RunId(id))
    }

    /// Ends a run.
    pub async fn finish_run(&self, run: RunId) -> Result<(), StateError> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        sqlx::query(FINISH_RUN).bind(now).bind(run.0).execute(&mut *tx.inner).await.map_err(self.fault())?;
        tx.commit().await
    }

    /// Lets nothing leave from now on, until [`State::resume`]. Nothing is lost by it.
    pub async fn stop(&self, why: &str) -> Result<(), StateError> {
        self.set_stopped(Some(why)).await
    }

    /// Lets things leave again.
    pub async fn resume(&self) -> Result<(), StateError> {
        self.set_stopped(None).await
    }

    /// Why nothing may leave, if so.
    pub async fn stopped(&self) -> Result<Option<String>, StateError> {
        sqlx::query_scalar(STOPPED).fetch_one(&self.read).await.map_err(self.fault())
    }

    /// Moves this handle's view of the database's clock ahead by so many microseconds: time in simulations.
    pub fn advance(&self, micros: i64) {
        self.ahead.fetch_add(micros, Ordering::Relaxed);
    }

    /// The moment by the database's clock, in microseconds since 1970 UTC.
    pub(crate) async fn now(&self) -> Result<i64, StateError> {
        let clock: i64 = sqlx::query_scalar(CLOCK).fetch_one(&self.read).await.map_err(self.fault())?;
        Ok(clock + self.ahead.load(Ordering::Relaxed))
    }

    async fn set_stopped(&self, why: Option<&str>) -> Result<(), StateError> {
        let mut tx = self.begin().await?;
        sqlx::query(STOP).bind(why).execute(&mut *tx.inner).await.map_err(self.fault())?;
        tx.commit().await
    }

    /// A transaction that holds the file's write lock, and the moment by the database's clock.
    pub(crate) async fn begin(&self) -> Result<Write<'_>, StateError> {
        let mut inner = self.write.begin_with("BEGIN IMMEDIATE").await.map_err(self.fault())?;
        let clock: i64 = sqlx::query_scalar(CLOCK).fetch_one(&mut *inner).await.map_err(self.fault())?;
        Ok(Write { inner, now: clock + self.ahead.load(Ordering::Relaxed), state: self })
    }

    /// A transaction that sees one moment of the file, whatever others write meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<Transaction<'static, Sqlite>, StateError> {
        self.read.begin().await.map_err(self.fault())
    }

    pub(crate) fn fault(&self) -> impl FnOnce(sqlx::Error) -> StateError + use<'_> {
        |e| StateError::new(&self.file, e)
    }
}

/// Never the secret.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({})", self.file)
    }
}

/// A write transaction. Dropped without a commit, it never was.
pub(crate) struct Write<'s> {
    pub(crate) inner: Transaction<'static, Sqlite>,
    /// Microseconds since 1970 UTC, by the database's clock.
    pub(crate) now: i64,
    state: &'s State,
}

impl Write<'_> {
    pub(crate) async fn commit(self) -> Result<(), StateError> {
        self.inner.commit().await.map_err(self.state.fault())
    }

    /// Why nothing may leave, if so.
    pub(crate) async fn stopped(&mut self) -> Result<Option<String>, StateError> {
        sqlx::query_scalar(STOPPED).fetch_one(&mut *self.inner).await.map_err(self.state.fault())
    }
}

fn pool(most: u32) -> SqlitePoolOptions {
    // When the disk is full SQLite itself rolls back, sqlx does not notice, and its connection is of no more use.
    SqlitePoolOptions::new()
        .max_connections(most)
        .acquire_timeout(PATIENCE)
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
}

/// The one connection that writes. Of two programs that turn a new file to WAL at once SQLite refuses one without
/// waiting, so that one tries again.
async fn connect(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let start = Instant::now();
    loop {
        match pool(1).connect_with(options.clone()).await {
            Err(e) if error::is_locked(&e) && start.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(20)).await
            }
            other => return other,
        }
    }
}

/// Brings the tables up to date and makes the secret, under one lock: two programs may open a new file at once.
async fn set_up(pool: &SqlitePool) -> Result<(String, Vec<u8>), sqlx::Error> {
    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
    let conn: &mut SqliteConnection = &mut tx;
    // A shop that uses sqlx itself has a table of the usual name.
    let migrator = Migrator { table_name: Cow::Borrowed("tidings_migrations"), ..sqlx::migrate!() };
    migrator.run_direct(None, conn, false).await?;
    sqlx::query(MAKE_META)
        .bind(hex::encode(rand::random::<[u8; 16]>()))
        .bind(rand::random::<[u8; 32]>().as_slice())
        .execute(&mut *tx)
        .await?;
    let meta = sqlx::query_as(META).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(meta)
}

fn make_folder(file: &Path) -> std::io::Result<()> {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use tidings_plan::{Occasion, Page};

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&format!("sqlite:{}/state.db", folder.path().display())).await.unwrap();
        let run = state.start_run(0, "test", "").await.unwrap();
        sqlx::query("PRAGMA max_page_count = 1").fetch_all(&state.write).await.unwrap();
        let mut written = 0;
        let error = loop {
            let occasion = |i: usize| Occasion {
                rule: "wake-up".into(),
                customer: format!("customer {written}-{i}"),
                occasion: "1".into(),
                at: 0,
            };
            let page = Page { occasions: (0..100).map(occasion).collect(), ..Page::default() };
            match state.enqueue(run, &page).await {
                Ok(_) => written += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, StateError::Full { .. }), "{error:?}");
        assert_eq!(
            state.history(0).await.unwrap().rules.get("wake-up").map_or(0, |r| r.reached.len()),
            written * 100
        );
        state.enqueue(run, &Page::default()).await.expect("and there is room again");
    }
}
