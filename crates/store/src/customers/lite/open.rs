//! Opening somebody else's SQLite database without leaving a trace.

use crate::customers::error::StoreError;
use crate::customers::place::Place;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::Mutex;

/// Whether the file is there, can be read and is a database. An empty file is an empty database.
pub(crate) fn look(path: &Path) -> Result<Header, StoreError> {
    let unreadable = |why| StoreError::Unreadable { path: path.to_owned(), why };
    let mut file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            return Err(StoreError::NoFile { path: path.to_owned() });
        }
        opened => opened.map_err(unreadable)?,
    };
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(StoreError::NotADatabase { path: path.to_owned() });
    }
    let mut first = Vec::new();
    file.by_ref().take(20).read_to_end(&mut first).map_err(unreadable)?;
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

/// A connection that only reads.
pub(crate) struct Session {
    pub(crate) connection: Arc<Mutex<SqliteConnection>>,
    path: PathBuf,
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
        let mut connection = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .immutable(at_rest.is_some())
            .busy_timeout(Duration::from_secs(30))
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed)?;
        sqlx::query("BEGIN").execute(&mut connection).await.map_err(failed)?;
        Ok(Session { connection: Arc::new(Mutex::new(connection)), path: path.to_owned(), at_rest })
    }

    /// Lets go of the file and hands back what was read of it: nothing where somebody wrote meanwhile to a
    /// database that was read as a plain file. It is of no use then, and opening again finds the log.
    pub(crate) async fn finish<T>(self, read: T) -> Option<T> {
        let still = |before: &Stamp| !has_log(&self.path) && stamp(&self.path).as_ref() == Some(before);
        let undisturbed = self.at_rest.as_ref().is_none_or(still);
        // What was read is read, so a failure to close says nothing.
        if let Some(connection) = Arc::into_inner(self.connection) {
            connection.into_inner().close().await.ok();
        }
        undisturbed.then_some(read)
    }
}

/// Whether a write-ahead log lies beside it: somebody has it open, or did not close it.
pub(crate) fn has_log(path: &Path) -> bool {
    // SQLite puts it beside the file itself, not beside a link to it.
    let mut log = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    log.push("-wal");
    Path::new(&log).exists()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let data = path.metadata().ok()?;
    Some(Stamp { length: data.len(), modified: data.modified().ok() })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
}
