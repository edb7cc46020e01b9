//! What can go wrong with the state, in words for whoever runs the engine.

use std::sync::Arc;

/// What went wrong with the state. Whatever it is, what was committed before stands.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The URL is not one.
    #[error("the state's address `{url}` is not understood: {why}. Write it as `sqlite:PATH`")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The disk is full.
    #[error(
        "the disk is full, and the state in {file} cannot grow. Nothing is lost: free some space and run again"
    )]
    Full {
        /// The file.
        file: Arc<str>,
    },
    /// The file may not be written.
    #[error(
        "the state in {file} cannot be written: {why}. Nothing is lost: make the file and its folder writable and run again"
    )]
    ReadOnly {
        /// The file.
        file: Arc<str>,
        /// What the database said.
        why: String,
    },
    /// Another program kept the lock.
    #[error(
        "another program has kept the state in {file} locked for ten minutes. Nothing is lost: end that program and run again"
    )]
    Locked {
        /// The file.
        file: Arc<str>,
    },
    /// A newer Tidings made it.
    #[error(
        "the state in {file} was made by another version of Tidings ({why}). Run a version that is at least as new"
    )]
    Version {
        /// The file.
        file: Arc<str>,
        /// What differs.
        why: String,
    },
    /// It is not a database, or is damaged.
    #[error("the state in {file} cannot be read: {why}. If the file is damaged, bring it back from a backup")]
    Damaged {
        /// The file.
        file: Arc<str>,
        /// What the database said.
        why: String,
    },
    /// Sending is stopped.
    #[error("sending is stopped: {0}. Nothing is lost: what waits goes out when sending is resumed")]
    Stopped(String),
    /// Anything else.
    #[error("the state in {file} failed")]
    Other {
        /// The file.
        file: Arc<str>,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

impl StateError {
    pub(crate) fn new(file: &Arc<str>, source: sqlx::Error) -> StateError {
        use sqlx::migrate::MigrateError;
        let source = match source {
            sqlx::Error::Migrate(e) => match *e {
                MigrateError::Execute(e) | MigrateError::ExecuteMigration(e, _) => e,
                other => return StateError::Version { file: file.clone(), why: other.to_string() },
            },
            other => other,
        };
        let (file, why) = (file.clone(), source.to_string());
        match source {
            sqlx::Error::Io(ref e) if e.kind() == std::io::ErrorKind::StorageFull => {
                StateError::Full { file }
            }
            sqlx::Error::Io(_) => StateError::ReadOnly { file, why },
            sqlx::Error::PoolTimedOut => StateError::Locked { file },
            sqlx::Error::Database(ref e) => match primary_code(e.code().as_deref()) {
                Some(5 | 6) => StateError::Locked { file },
                Some(8 | 14) => StateError::ReadOnly { file, why },
                Some(13) => StateError::Full { file },
                Some(11 | 26) => StateError::Damaged { file, why },
                _ => StateError::Other { file, source },
            },
            _ => StateError::Other { file, source },
        }
    }
}

/// Whether another program has the file's lock.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(e) if matches!(primary_code(e.code().as_deref()), Some(5 | 6)))
}

/// SQLite's result code without the details in its upper bytes: 5 busy, 6 locked, 8 read-only, 11 corrupt,
/// 13 full, 14 cannot open, 26 not a database.
fn primary_code(code: Option<&str>) -> Option<i32> {
    code?.parse::<i32>().ok().map(|c| c & 0xff)
}
