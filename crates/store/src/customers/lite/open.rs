//! Opening somebody else's SQLite database without leaving a trace.

use crate::customers::error::StoreError;
use crate::customers::lite::first::first;
use crate::customers::place::Place;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Whether the file is there, can be read and is a database. An empty file is an empty database.
pub(crate) fn look(path: &Path) -> Result<Header, StoreError> {
    let first = first(path, 20).map_err(|why| match why.kind() {
        ErrorKind::NotFound => StoreError::NoFile { path: path.to_owned() },
        ErrorKind::IsADirectory => StoreError::NotADatabase { path: path.to_owned() },
        _ => StoreError::Unreadable { path: path.to_owned(), why },
    })?;
    if !first.is_empty() && !first.starts_with(b"SQLite format 3\0") {
        return Err(StoreError::NotADatabase { path: path.to_owned() });
    }
    // Bytes 18 and 19 are 2 in a database with a write-ahead log.
    Ok(Header { wal: first.get(18) == Some(&2) })
}

/// What the beginning of a database file says.
pub(crate) struct Header {
    wal: bool,
}

/// How often it is tried to have connections that see the same moment.
const ATTEMPTS: usize = 3;

/// A connection that only reads, or some that see the same moment.
pub(crate) struct Session {
    pub(crate) connection: Arc<Mutex<SqliteConnection>>,
    /// The others.
    pub(super) more: Vec<Arc<Mutex<SqliteConnection>>>,
    path: PathBuf,
    /// Which file was there before the first was opened.
    file: Option<Identity>,
    at_rest: Option<Stamp>,
}

/// A database file nobody has open, as it was when reading began.
#[derive(PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

impl Session {
    /// Opens it read-only, and from here on sees one moment of it. A database with a write-ahead log that nobody has open is read as a plain
    /// file, because SQLite would otherwise create the log's files beside it; [`Session::finish`]
    /// then sees whether that went well.
    pub(crate) async fn open(path: &Path) -> Result<Session, StoreError> {
        let failed = |e| StoreError::of(&Place::File(path.to_owned()), &e);
        let at_rest = if look(path)?.wal && !has_log(path) { stamp(path) } else { None };
        let (file, patience) = (identity(path), Duration::from_secs(30));
        let connection = begun(path, at_rest.is_some(), patience).await.map_err(failed)?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(Session { connection, more: Vec::new(), path: path.to_owned(), file, at_rest })
    }

    /// Reads with so many connections from here on, if nothing was read yet. They see the same moment; where others
    /// write so much that none is found to be the same, it stays one connection.
    pub(crate) async fn widen(&mut self, connections: usize) -> Result<(), sqlx::Error> {
        let mut first = self.connection.lock().await;
        let mut more = Vec::new();
        for _ in 1..connections {
            // Whoever waits to write waits for the first one, and keeps the others waiting.
            match begun(&self.path, self.at_rest.is_some(), Duration::ZERO).await {
                Ok(connection) => more.push(connection),
                Err(_) => return Ok(()),
            }
        }
        // Another file under the same name has other moments.
        if self.file.is_none() || identity(&self.path) != self.file {
            return Ok(());
        }
        let mut before = version(&mut first).await?;
        for _ in 0..ATTEMPTS {
            // While somebody reads it stays as it is.
            let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *first).await?;
            let mut all = true;
            for connection in &mut more {
                all &= version(connection).await.is_ok();
            }
            // Without a log nobody commits while somebody reads. With one, if the first sees nothing new after the
            // others began to read, they saw nothing else.
            let same = match mode.as_str() {
                "wal" if all => {
                    begin_again(&mut first).await?;
                    version(&mut first).await? == before
                }
                _ => all,
            };
            if same {
                self.more = more.into_iter().map(|connection| Arc::new(Mutex::new(connection))).collect();
                return Ok(());
            }
            for connection in &mut more {
                begin_again(connection).await?;
            }
            begin_again(&mut first).await?;
            before = version(&mut first).await?;
        }
        Ok(())
    }

    /// All of them.
    pub(crate) fn connections(&self) -> impl Iterator<Item = &Arc<Mutex<SqliteConnection>>> {
        std::iter::once(&self.connection).chain(&self.more)
    }

    /// Lets go of the file and hands back what was read of it: nothing where somebody wrote meanwhile to a
    /// database that was read as a plain file. It is of no use then, and opening again finds the log.
    pub(crate) async fn finish<T>(self, read: T) -> Option<T> {
        let still = |before: &Stamp| !has_log(&self.path) && stamp(&self.path).as_ref() == Some(before);
        let undisturbed = self.at_rest.as_ref().is_none_or(still);
        // What was read is read, so a failure to close says nothing.
        for connection in std::iter::once(self.connection).chain(self.more).filter_map(Arc::into_inner) {
            connection.into_inner().close().await.ok();
        }
        undisturbed.then_some(read)
    }
}

/// A connection whose transaction has begun, and sees a moment once it reads.
async fn begun(path: &Path, at_rest: bool, patience: Duration) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(at_rest);
    let mut connection = options.busy_timeout(patience).disable_statement_logging().connect().await?;
    sqlx::query("BEGIN").execute(&mut connection).await?;
    Ok(connection)
}

async fn begin_again(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("COMMIT; BEGIN").execute(connection).await.map(drop)
}

/// A number that is another one where a connection sees what others wrote since it last looked.
async fn version(connection: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}

/// Whether a write-ahead log lies beside it: somebody has it open, or did not close it.
pub(crate) fn has_log(path: &Path) -> bool {
    // SQLite puts it beside the file itself, not beside a link to it.
    let mut log = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    log.push("-wal");
    Path::new(&log).exists()
}

/// A file's device, and its number there.
type Identity = (u64, u64);

/// Where it is not known, nothing is the same file.
fn identity(path: &Path) -> Option<Identity> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        path.metadata().ok().map(|data| (data.dev(), data.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = path.metadata().ok()?;
    Some(Stamp { length: data.len(), modified: data.modified().ok() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use sqlx::AssertSqlSafe;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    #[tokio::test]
    async fn reading_again_is_asked_for_when_somebody_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let write = async |sql: &'static str| {
            let mut writer = options.connect().await.unwrap();
            sqlx::raw_sql(sql).execute(&mut writer).await.unwrap();
            writer
        };
        write("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").await.close().await.unwrap();

        assert_eq!(Session::open(&path).await.unwrap().finish(1).await, Some(1));
        let session = Session::open(&path).await.unwrap();
        let open = write("INSERT INTO t VALUES (1)").await;
        assert_eq!(session.finish(1).await, None, "the log is there");
        assert_eq!(Session::open(&path).await.unwrap().finish(1).await, Some(1), "read through the log");
        open.close().await.unwrap();

        let session = Session::open(&path).await.unwrap();
        let more = "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT i FROM n";
        write(more).await.close().await.unwrap();
        assert_eq!(session.finish(1).await, None, "the log came and went");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn another_file_under_the_name_is_not_read_beside_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        for (name, x) in [("shop.db", 1), ("new.db", 2)] {
            let options =
                SqliteConnectOptions::new().filename(folder.path().join(name)).create_if_missing(true);
            let mut writer = options.connect().await.unwrap();
            let make = format!("CREATE TABLE t (x); INSERT INTO t VALUES ({x})");
            sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut writer).await.unwrap();
        }
        let mut session = Session::open(&path).await.unwrap();
        std::fs::rename(folder.path().join("new.db"), &path).unwrap();
        session.widen(3).await.unwrap();
        assert_eq!(numbers(&session).await, [1]);
    }

    async fn numbers(session: &Session) -> Vec<i64> {
        let mut numbers = Vec::new();
        for connection in session.connections() {
            let mut connection = connection.lock().await;
            let read = sqlx::query_scalar("SELECT max(x) FROM t").fetch_one(&mut *connection);
            numbers.push(read.await.unwrap());
        }
        numbers
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn more_connections_see_what_the_first_one_sees() {
        for (journal, rounds) in [("WAL", 100), ("DELETE", 10)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let mut writer = options.connect().await.unwrap();
            let make = format!(
                "PRAGMA journal_mode = {journal}; PRAGMA synchronous = OFF; CREATE TABLE t (x); INSERT INTO t VALUES (0)"
            );
            sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut writer).await.unwrap();
            let mut session = Session::open(&path).await.unwrap();
            session.widen(3).await.unwrap();
            assert_eq!(numbers(&session).await, [0; 3], "{journal}");
            assert_eq!(session.finish(()).await, Some(()));

            let done = Arc::new(AtomicBool::new(false));
            let writing = tokio::spawn({
                let done = done.clone();
                async move {
                    while !done.load(Relaxed) {
                        sqlx::raw_sql("UPDATE t SET x = x + 1").execute(&mut writer).await.unwrap();
                    }
                }
            });
            for _ in 0..rounds {
                let mut session = Session::open(&path).await.unwrap();
                session.widen(3).await.unwrap();
                let numbers = numbers(&session).await;
                assert!(numbers.iter().all(|n| *n == numbers[0]), "{journal}: {numbers:?}");
                session.finish(()).await;
            }
            done.store(true, Relaxed);
            writing.await.unwrap();
        }
    }

    /// Who waits to write lets nobody else begin to read.
    #[tokio::test(flavor = "multi_thread")]
    async fn one_connection_is_enough_where_there_are_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut writer = options.connect().await.unwrap();
        let make = "CREATE TABLE t (x); INSERT INTO t VALUES (1); BEGIN EXCLUSIVE";
        sqlx::raw_sql(make).execute(&mut writer).await.unwrap();
        let mut session = Session::open(&path).await.unwrap();
        let widening = async {
            session.widen(2).await.unwrap();
            numbers(&session).await
        };
        let committing = async {
            tokio::task::yield_now().await;
            sqlx::raw_sql("UPDATE t SET x = 2; COMMIT").execute(&mut writer).await.unwrap();
        };
        let (numbers, ()) = tokio::join!(widening, committing);
        assert!(numbers == [2] || numbers == [2, 2], "{numbers:?}");
    }
}
