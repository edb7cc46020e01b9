//! Where a customer store is, by its URL. Passwords stay inside: neither errors nor `Debug` show them.

use crate::customers::error::StoreError;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use url::Url;
use xxhash_rust::xxh3::xxh3_128;

/// A database of customers.
#[derive(Clone)]
pub(crate) enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// On a PostgreSQL server.
    Postgres(Box<PgConnectOptions>),
    /// On a MySQL or MariaDB server.
    MySql(Box<MySqlConnectOptions>),
}

impl Place {
    /// Reads a URL; a file with a relative path lies below `base`.
    pub(crate) fn of(url: &str, base: &Path) -> Result<Place, StoreError> {
        match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => postgres(url),
            Some("mysql" | "mariadb") => mysql(url),
            _ => path_of(url, base).map(Place::File),
        }
    }

    /// What tells it from other places, as a hash: all that it is reached by but the password.
    pub(crate) fn identity(&self) -> u128 {
        let reached = match self {
            Place::File(path) => path.canonicalize().unwrap_or_else(|_| path.clone()).display().to_string(),
            Place::Postgres(o) => format!(
                "postgres {:?}",
                (
                    o.get_host(),
                    o.get_port(),
                    o.get_socket(),
                    o.get_username(),
                    o.get_database(),
                    o.get_options()
                )
            ),
            Place::MySql(o) => format!(
                "mysql {:?}",
                (o.get_host(), o.get_port(), o.get_socket(), o.get_username(), o.get_database())
            ),
        };
        xxh3_128(reached.as_bytes())
    }
}

/// What people call it: never with a password.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => path.display().fmt(f),
            Place::Postgres(options) => {
                let name = options.get_database().unwrap_or_else(|| options.get_username());
                write!(f, "{name} at {}", options.get_host())
            }
            Place::MySql(options) => {
                write!(f, "{} at {}", options.get_database().unwrap_or_default(), options.get_host())
            }
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn postgres(url: &str) -> Result<Place, StoreError> {
    let wrong = |why: String| StoreError::Url { url: "of the PostgreSQL server".to_owned(), why };
    let mut url = Url::parse(url).map_err(|e| wrong(e.to_string()))?;
    // The address may be the state's, which may say how many connections that one takes.
    let known: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(name, _)| name != "connections")
        .map(|(n, v)| (n.into(), v.into()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(known);
    let options = PgConnectOptions::from_str(url.as_str()).map_err(|e| wrong(e.to_string()))?;
    whole(options.get_database(), wrong)?;
    // A pooler refuses settings that it does not know, at the start of a connection.
    Ok(Place::Postgres(Box::new(options.application_name("tidings").extra_float_digits(None))))
}

fn mysql(url: &str) -> Result<Place, StoreError> {
    let wrong = |why: String| StoreError::Url { url: "of the MySQL server".to_owned(), why };
    let options = MySqlConnectOptions::from_str(url).map_err(|e| wrong(e.to_string()))?;
    whole(options.get_database(), wrong)?;
    if options.get_database().is_none() {
        return Err(wrong("it names no database".to_owned()));
    }
    // Without the server's own modes texts are not padded, and with this zone moments come in UTC.
    let options = options.charset("utf8mb4").timezone(Some("+00:00".to_owned()));
    Ok(Place::MySql(Box::new(options.pipes_as_concat(false).no_engine_substitution(false))))
}

/// A password with a bare `/` in it ends up in the name of the database, which is shown.
fn whole(database: Option<&str>, wrong: impl Fn(String) -> StoreError) -> Result<(), StoreError> {
    match database.is_some_and(|name| name.contains(['@', '/'])) {
        true => {
            Err(wrong("the name of its database has `@` or `/`; in a password they are %40 and %2F".into()))
        }
        false => Ok(()),
    }
}

/// The database file that a URL names; a relative one lies under `base`.
pub fn path_of(url: &str, base: &Path) -> Result<PathBuf, StoreError> {
    let wrong =
        |why: &str| StoreError::Url { url: format!("`{}`", without_password(url)), why: why.to_owned() };
    let Some(rest) = url.strip_prefix("sqlite:") else {
        return Err(wrong(match url.split_once(':').map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql" | "mysql" | "mariadb") => "this has to be an SQLite file",
            _ => "it does not begin with `sqlite:`, `postgres:` or `mysql:`",
        }));
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    match path {
        "" => Err(wrong("it names no file")),
        ":memory:" => Err(wrong("a database in memory has no customers")),
        _ => Ok(base.join(path)),
    }
}

fn without_password(url: &str) -> String {
    match (url.find("://"), url.rfind('@')) {
        (Some(start), Some(end)) if start + 3 < end => {
            format!("{}://…{}", url.get(..start).unwrap_or(""), url.get(end..).unwrap_or(""))
        }
        // Without a server in it, it may hold anything before its `@`.
        (_, Some(end)) => format!("…{}", url.get(end..).unwrap_or("")),
        _ => url.to_owned(),
    }
}
