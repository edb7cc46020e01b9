//! Getting at the database: a file, or a server.

use super::database::{Database, Turn, Tx, args};
use super::error::{StateError, is_locked};
use super::migrate::migrate;
use crate::private;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long another program may hold the file's lock before that is an error.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long to try to get a connection to a server.
const REACH: Duration = Duration::from_secs(10);
/// How many connections to a server there are at most, unless its URL says another `connections`.
const CONNECTIONS: u32 = 8;

const MAKE_META: &str = "\
    INSERT INTO tidings_meta (id, project, secret, home) VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING";
const META: &str = "SELECT project, secret FROM tidings_meta";
const SERVER: &str =
    "SELECT system_identifier::TEXT || ' ' || current_database() AS home FROM pg_control_system()";

/// A database that is ready.
pub(super) struct Opened {
    pub(super) database: Database,
    /// What people call it.
    pub(super) place: Arc<str>,
    /// The machine and place where it is now.
    pub(super) home: String,
    pub(super) project: String,
    pub(super) secret: Vec<u8>,
}

pub(super) async fn open(url: &str) -> Result<Opened, StateError> {
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return server(url).await;
    }
    let options = SqliteConnectOptions::from_str(url);
    file(options.map_err(|e| StateError::Url { url: format!("`{url}`"), why: e.to_string() })?).await
}

pub(super) async fn file(options: SqliteConnectOptions) -> Result<Opened, StateError> {
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE);
    let path = options.get_filename().to_owned();
    let place: Arc<str> = path.display().to_string().into();
    let fault = |e| StateError::new(&place, e);
    private::make_database(&path).map_err(|e| fault(sqlx::Error::Io(e)))?;
    let write = connect(options.clone()).await.map_err(fault)?;
    let database = Database::Lite { write, read: pool(4).connect_lazy_with(options) };
    let path = path.canonicalize().unwrap_or(path);
    set_up(database, place, |_| format!("{} {}", machine(), path.display())).await
}

async fn server(url: &str) -> Result<Opened, StateError> {
    let fault = |why: String| StateError::Url { url: "of the PostgreSQL server".into(), why };
    let mut url = url::Url::parse(url).map_err(|e| fault(e.to_string()))?;
    let mut connections = CONNECTIONS;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    url.set_query(None);
    for (name, value) in pairs {
        if name == "connections" {
            connections = value.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                fault(format!("`connections={value}` is no number of connections, such as 8"))
            })?;
        } else {
            url.query_pairs_mut().append_pair(&name, &value);
        }
    }
    // A pooler refuses settings that it does not know, at the start of a connection.
    let options = PgConnectOptions::from_str(url.as_str()).map_err(|e| fault(e.to_string()))?;
    let options = options.application_name("tidings").extra_float_digits(None);
    let name = options.get_database().unwrap_or_else(|| options.get_username());
    let place: Arc<str> = format!("the database {name} at {}", options.get_host()).into();
    let pool = PgPoolOptions::new().max_connections(connections).acquire_timeout(REACH);
    let database = Database::Pg(pool.connect_lazy_with(options));
    set_up(database, place, |server| server).await
}

async fn set_up(
    database: Database,
    place: Arc<str>,
    home: impl FnOnce(String) -> String,
) -> Result<Opened, StateError> {
    match prepare(&database, &place, home).await {
        Ok((home, project, secret)) => Ok(Opened { database, place, home, project, secret }),
        Err(error) => {
            database.close().await;
            Err(error)
        }
    }
}

/// Brings the tables up to date and makes the secret, in one turn: two programs may open a new database at once.
/// Returns the home, the project and its secret.
async fn prepare(
    database: &Database,
    place: &Arc<str>,
    home: impl FnOnce(String) -> String,
) -> Result<(String, String, Vec<u8>), StateError> {
    let mut tx: Tx = database.begin(Turn::Tables, 0, place).await?;
    migrate(&mut tx, place).await?;
    let server = match tx.is_postgres() {
        true => tx.one(SERVER, args![], |row| row.get("home")).await?,
        false => None,
    };
    let home = home(server.unwrap_or_default());
    let (project, secret) = (hex::encode(rand::random::<[u8; 16]>()), rand::random::<[u8; 32]>().to_vec());
    tx.execute(MAKE_META, args![project, secret, &home]).await?;
    let meta = tx.one(META, args![], |row| Ok((row.get("project")?, row.get("secret")?))).await?;
    let (project, secret) = meta.ok_or_else(|| StateError::new(place, sqlx::Error::RowNotFound))?;
    tx.commit().await?;
    Ok((home, project, secret))
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
            Err(e) if is_locked(&e) && start.elapsed() < PATIENCE => sleep(Duration::from_millis(20)).await,
            other => return other,
        }
    }
}

/// What tells this machine from others, where it says so.
fn machine() -> String {
    std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned()
}
