//! What can go wrong with the state, in words for whoever runs the engine.

use sqlx::error::DatabaseError;
use std::borrow::Cow;
use std::sync::Arc;

/// What went wrong with the state. Whatever it is, what was committed before stands.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The URL is not one.
    #[error(
        "the state's address {url} is not understood: {why}. Write it as `sqlite:PATH` or \
         `postgres://USER:PASSWORD@HOST/DATABASE`"
    )]
    Url {
        /// The URL, without what may be a password.
        url: String,
        /// What is wrong.
        why: String,
    },
    /// The disk is full.
    #[error(
        "the disk is full, and the state in {place} cannot grow. Nothing is lost: free some space and run again"
    )]
    Full {
        /// The file or database.
        place: Arc<str>,
    },
    /// It may not be written.
    #[error("the state in {place} cannot be written: {why}. Nothing is lost: {}", mend(.place))]
    ReadOnly {
        /// The file or database.
        place: Arc<str>,
        /// What the database said.
        why: String,
    },
    /// The server does not answer, or answers nobody.
    #[error(
        "the state in {place} cannot be reached: {why}. Nothing is lost: what waits goes out when it is back"
    )]
    Unreachable {
        /// The database.
        place: Arc<str>,
        /// What was the matter.
        why: String,
    },
    /// Another program kept the lock.
    #[error(
        "another program has kept the state in {place} locked for too long. Nothing is lost: end that program and run again"
    )]
    Locked {
        /// The file or database.
        place: Arc<str>,
    },
    /// A newer Tidings made it.
    #[error(
        "the state in {place} was made by another version of Tidings ({why}). Run a version that is at least as new"
    )]
    Version {
        /// The file or database.
        place: Arc<str>,
        /// What differs.
        why: String,
    },
    /// It is not a database, or is damaged.
    #[error("the state in {place} cannot be read: {why}. If it is damaged, bring it back from a backup")]
    Damaged {
        /// The file or database.
        place: Arc<str>,
        /// What the database said.
        why: String,
    },
    /// It was copied, and the original may still be sending.
    #[error(
        "the state in {place} was copied from elsewhere, where it may still be sending, so nothing leaves from here. \
         If this is the one that is to send from now on, stop the other and run `tidings adopt`"
    )]
    Copied {
        /// The file or database.
        place: Arc<str>,
    },
    /// Sending is stopped.
    #[error("sending is paused: {0}. Nothing is lost: what waits goes out after `tidings resume`")]
    Stopped(String),
    /// Anything else.
    #[error("the state in {place} failed")]
    Other {
        /// The file or database.
        place: Arc<str>,
        /// What the database said.
        #[source]
        source: sqlx::Error,
    },
}

fn mend(place: &str) -> &'static str {
    match place.starts_with("the database") {
        true => "give the engine's user the right to write there and run again",
        false => "make the file and its folder writable and run again",
    }
}

impl StateError {
    pub(crate) fn new(place: &Arc<str>, source: sqlx::Error) -> StateError {
        let (place, why) = (place.clone(), source.to_string());
        let server = place.starts_with("the database");
        let code = source.as_database_error().and_then(|e| e.code()).map(Cow::into_owned);
        match &source {
            sqlx::Error::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => StateError::Full { place },
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) if server => {
                StateError::Unreachable { place, why }
            }
            sqlx::Error::Io(_) => StateError::ReadOnly { place, why },
            sqlx::Error::PoolTimedOut if server => {
                StateError::Unreachable { place, why: "no connection was to be had in time".into() }
            }
            sqlx::Error::PoolTimedOut => StateError::Locked { place },
            _ => match (server, code.as_deref()) {
                (true, Some(code)) => of_server(code, place, why, source),
                (_, code) => of_file(primary_code(code), place, why, source),
            },
        }
    }
}

fn of_file(code: Option<i32>, place: Arc<str>, why: String, source: sqlx::Error) -> StateError {
    match code {
        Some(5 | 6) => StateError::Locked { place },
        Some(8 | 14) => StateError::ReadOnly { place, why },
        Some(13) => StateError::Full { place },
        Some(11 | 26) => StateError::Damaged { place, why },
        _ => StateError::Other { place, source },
    }
}

fn of_server(code: &str, place: Arc<str>, why: String, source: sqlx::Error) -> StateError {
    match code {
        // Connection exceptions, refused logins, shut down or starting, too many connections; a pooler's own.
        c if c.starts_with("08") || c.starts_with("28") || c.starts_with("57P") => {
            StateError::Unreachable { place, why }
        }
        "53300" | "3D000" => StateError::Unreachable { place, why },
        "53100" => StateError::Full { place },
        "25006" | "42501" => StateError::ReadOnly { place, why },
        "55P03" | "57014" | "40P01" => StateError::Locked { place },
        c if c.starts_with("XX") => StateError::Damaged { place, why },
        _ => StateError::Other { place, source },
    }
}

/// Whether another program has the file's lock.
pub(super) fn is_locked(error: &sqlx::Error) -> bool {
    let code = |e: &dyn DatabaseError| primary_code(e.code().as_deref());
    matches!(error, sqlx::Error::Database(e) if matches!(code(e.as_ref()), Some(5 | 6)))
}

/// SQLite's result code without the details in its upper bytes: 5 busy, 6 locked, 8 read-only, 11 corrupt,
/// 13 full, 14 cannot open, 26 not a database.
fn primary_code(code: Option<&str>) -> Option<i32> {
    code?.parse::<i32>().ok().map(|c| c & 0xff)
}
