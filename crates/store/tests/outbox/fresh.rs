//! A state of its own for each test: a file always, and a database of the server that TIDINGS_POSTGRES names.

use super::*;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use std::str::FromStr;

/// A state, and one run of it.
pub struct Fresh {
    pub url: String,
    pub state: State,
    pub run: RunId,
    /// The folder of a file.
    pub folder: Option<TempDir>,
}

impl Fresh {
    /// One on each kind of database.
    pub async fn each() -> Vec<Fresh> {
        let mut all = vec![Fresh::file().await];
        all.extend(Fresh::server().await);
        all
    }

    pub async fn file() -> Fresh {
        let folder = tempfile::tempdir().unwrap();
        Fresh::open(format!("sqlite:{}", folder.path().join("state.db").display()), Some(folder)).await
    }

    pub async fn server() -> Option<Fresh> {
        let server = std::env::var("TIDINGS_POSTGRES").ok()?;
        let name = format!("t{}", hex::encode(rand::random::<[u8; 8]>()));
        on_server(&server, &format!("CREATE DATABASE {name}")).await;
        let mut url = url::Url::parse(&server).unwrap();
        url.set_path(&name);
        Some(Fresh::open(url.into(), None).await)
    }

    async fn open(url: String, folder: Option<TempDir>) -> Fresh {
        let state = State::open(&url).await.unwrap();
        let run = state.start_run(AT, "test", "fingerprint").await.unwrap();
        Fresh { url, state, run, folder }
    }

    /// Another handle, as another process would have.
    pub async fn again(&self) -> State {
        State::open(&self.url).await.unwrap()
    }

    /// Waits until so many of the server's connections wait for a lock, looking meanwhile.
    pub async fn until_waiting(&self, many: i64, meanwhile: impl Fn()) {
        let waiting = "SELECT COUNT(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut watch = sqlx::PgConnection::connect(&self.url).await.unwrap();
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watch).await.unwrap() < many {
            meanwhile();
            tokio::task::yield_now().await;
        }
    }

    /// Beside the state, as no code of the engine would do it.
    pub async fn by_hand(&self, sql: &str) -> Result<(), sqlx::Error> {
        if self.folder.is_some() {
            let mut connection = sqlx::sqlite::SqliteConnectOptions::from_str(&self.url)?.connect().await?;
            return connection.execute(AssertSqlSafe(sql)).await.map(drop);
        }
        let sql = sql.replace("zeroblob(16)", "decode(repeat('00', 16), 'hex')");
        let sql = sql.replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')").replace("x'00'", "'\\x00'");
        let mut connection = sqlx::PgConnection::connect(&self.url).await?;
        connection.execute(AssertSqlSafe(sql)).await.map(drop)
    }
}

async fn on_server(url: &str, sql: &str) {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    connection.execute(AssertSqlSafe(sql)).await.unwrap();
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("on {}", self.url);
        }
        if self.folder.is_none() {
            let server = std::env::var("TIDINGS_POSTGRES").unwrap();
            let name = url::Url::parse(&self.url).unwrap().path().trim_start_matches('/').to_owned();
            let gone = async move { on_server(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await };
            let drop =
                || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(gone);
            std::thread::scope(|scope| scope.spawn(drop).join().unwrap());
        }
    }
}
