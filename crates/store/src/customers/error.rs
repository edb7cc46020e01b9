//! What can be wrong with a customer store, in plain words with a way out.

use crate::customers::lite::open::has_log;
use crate::customers::place::Place;
use crate::import::ImportError;
use sqlx::mysql::MySqlDatabaseError;
use std::path::{Path, PathBuf};

/// Why customers could not be read or imported.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL is not one of a customer store.
    #[error(
        "the address {url} is not one of a customer store that can be opened: {why}. Write `sqlite:` and the path of the \
         database file, such as `sqlite:shop.db`, `files:` and the path of a folder with CSV, Parquet or Excel files, or `postgres://USER:PASSWORD@HOST/DATABASE`, or \
         `mysql://USER:PASSWORD@HOST/DATABASE`"
    )]
    Url {
        /// As it was given, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such file.
    #[error("there is no database at {}. Check the path; `tidings import` makes a new one from CSV, Parquet or Excel files", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is no such folder of files.
    #[error("there is no folder {}. `files:` names one with a file for each table: customers.csv, orders.parquet", path.display())]
    NoFolder {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A file cannot be read as a table.
    #[error("{0}")]
    Files(Box<ImportError>),
    /// The file is something else.
    #[error("{} is not an SQLite database. A CSV file is brought in with `tidings import`", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The table is missing.
    #[error(
        "the database {place} has no table or view `{table}`{there}. The schema says where customers and their rows \
         are: correct the table's name there"
    )]
    NoTable {
        /// The database.
        place: String,
        /// The table.
        table: String,
        /// What there is instead, as a sentence goes on.
        there: String,
    },
    /// The column is missing.
    #[error("the table `{table}` has no column `{column}`{there}. Correct the column's name in the schema")]
    NoColumn {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// What there is instead, as a sentence goes on.
        there: String,
    },
    /// Two customers have one key.
    #[error(
        "the table `{table}` has more than one customer with `{column}` = \"{}\". Each customer needs a key of their own: remove the double rows or name another key column in the schema",
        shown(key)
    )]
    DoubleKey {
        /// The table.
        table: String,
        /// The key column.
        column: String,
        /// The key.
        key: String,
    },
    /// Another program holds the database.
    #[error("the database {} is locked by another program for too long. Try again when it is done writing", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// Files change whenever they are read.
    #[error("the files in {} changed each time while they were read. Try again when all of them are written", path.display())]
    Changing {
        /// Their folder.
        path: PathBuf,
    },
    /// Another program stopped in the middle of a change, which only a writer can undo.
    #[error("the database {} was left in the middle of a change by another program. Open it once with that program, which then repairs it", path.display())]
    Unfinished {
        /// The database.
        path: PathBuf,
    },
    /// The server does not answer.
    #[error(
        "the database {place} cannot be reached: {why}. Look whether the server runs and whether the address in \
         `store` is right"
    )]
    Unreachable {
        /// The database.
        place: String,
        /// What was the matter.
        why: String,
    },
    /// The server answers, but not this user.
    #[error(
        "the database {place} does not let this user read: {message}. Correct the user and the password in `store`, or \
         give the user the right to SELECT from what the schema names"
    )]
    Denied {
        /// The database.
        place: String,
        /// In the database's own words.
        message: String,
    },
    /// What was read could not be put aside.
    #[error(
        "what was read of the customers could not be put aside in {}: {why}. Their rows take more than `memory:` in \
         tidings.yaml lets them, so they wait in a file there, which takes about as much as they do in the store: make \
         room for it, or raise `memory:`",
        folder.display()
    )]
    NoRoom {
        /// Where the file was to be.
        folder: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// Whatever else the database says.
    #[error("the database {place} could not be used: {message}")]
    Database {
        /// The database.
        place: String,
        /// In the database's own words.
        message: String,
    },
}

/// A key, made safe to show: control and direction signs escaped, and not too long.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut out: String = text
        .chars()
        .take(LONGEST)
        .flat_map(|c| {
            let turns =
                matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped = c.is_control() || turns;
            escaped.then(|| c.escape_default()).into_iter().flatten().chain((!escaped).then_some(c))
        })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        out.push('…');
    }
    out
}

impl StoreError {
    /// What a thread that is no more was asked for.
    pub(crate) fn cut_short() -> StoreError {
        let message = "reading it was cut short. Please try again".to_owned();
        StoreError::Database { place: "of the customers".to_owned(), message }
    }

    /// What the driver said, in plain words where it is something known.
    pub(crate) fn of(place: &Place, error: &sqlx::Error) -> StoreError {
        match place {
            Place::File(path) => of_file(path, error),
            Place::Postgres(_) | Place::MySql(_) => of_server(place.to_string(), error),
        }
    }
}

fn of_file(path: &Path, error: &sqlx::Error) -> StoreError {
    let path = path.to_owned();
    let code = error.as_database_error().and_then(|e| e.code()).and_then(|c| c.parse::<i32>().ok());
    // The low byte is SQLite's primary result code; 776 and 1032 tell of a journal to be rolled back.
    match (code, code.map(|c| c & 0xff)) {
        (Some(776 | 1032), _) => StoreError::Unfinished { path },
        (_, Some(5 | 6)) => StoreError::Busy { path },
        // A log that can neither be gone through nor be read past, for instance in a folder of somebody else.
        (_, Some(14)) if has_log(&path) => StoreError::Unfinished { path },
        (_, Some(26)) => StoreError::NotADatabase { path },
        _ => StoreError::Database { place: path.display().to_string(), message: plain(error) },
    }
}

fn of_server(place: String, error: &sqlx::Error) -> StoreError {
    let message = plain(error);
    let Some(known) = error.as_database_error() else {
        return match error {
            sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Configuration(_) => {
                StoreError::Unreachable { place, why: message }
            }
            _ => StoreError::Database { place, message },
        };
    };
    // A state of SQL, and MySQL's number, which says more.
    let number = known.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number);
    match (known.code().as_deref(), number) {
        (_, Some(1044 | 1045 | 1142 | 1143 | 1698)) => StoreError::Denied { place, message },
        (_, Some(1040 | 1049 | 1053 | 1129 | 1130 | 1203)) => StoreError::Unreachable { place, why: message },
        (Some(code), None) if code.starts_with("28") || code == "42501" => {
            StoreError::Denied { place, message }
        }
        (Some(code), None) if code.starts_with("08") || code.starts_with("57P") || code.starts_with("53") => {
            StoreError::Unreachable { place, why: message }
        }
        (Some("3D000"), None) => StoreError::Unreachable { place, why: message },
        _ => StoreError::Database { place, message },
    }
}

fn plain(error: &sqlx::Error) -> String {
    error.as_database_error().map_or_else(|| error.to_string(), |e| e.message().to_owned())
}
