//! A database of its own for each test: a file always, and one on each server that the surroundings name.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, PgConnection, SqliteConnection,
};
use tempfile::TempDir;
use tidings_schema::Vocabulary;
use tidings_store::{CustomerStore, EngineRows, Loaded, Selection, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Lite,
    Postgres,
    MySql,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Lite, Kind::Postgres, Kind::MySql];

    fn variable(self) -> &'static str {
        if self == Kind::Postgres { "TIDINGS_POSTGRES" } else { "TIDINGS_MYSQL" }
    }

    /// The URL of the server. Where everything is tested, there has to be one.
    fn server(self) -> Option<String> {
        let url = std::env::var(self.variable()).ok();
        if url.is_none() {
            assert!(std::env::var_os("CI").is_none(), "{} has to name a server", self.variable());
            eprintln!("not tested on {self:?}: {} names no server", self.variable());
        }
        url
    }
}

pub struct Shop {
    pub kind: Kind,
    pub url: String,
    pub folder: TempDir,
}

impl Shop {
    /// A new database, made by some statements.
    pub async fn new(kind: Kind, sql: &str) -> Option<Shop> {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            Kind::Lite => "sqlite:shop.db".to_owned(),
            _ => {
                let server = kind.server()?;
                let name = format!("t{}", hex::encode(rand::random::<[u8; 8]>()));
                let texts = if kind == Kind::MySql { "CHARACTER SET utf8mb4" } else { "" };
                run(kind, &server, &format!("CREATE DATABASE {name} {texts}")).await.unwrap();
                let mut url = url::Url::parse(&server).unwrap();
                url.set_path(&name);
                url.into()
            }
        };
        let shop = Shop { kind, url, folder };
        if !sql.is_empty() {
            shop.execute(sql).await;
        }
        Some(shop)
    }

    /// One on each kind of database, made by its own statements.
    pub async fn each(sql: impl Fn(Kind) -> String) -> Vec<Shop> {
        let mut shops = Vec::new();
        for kind in Kind::ALL {
            shops.extend(Shop::new(kind, &sql(kind)).await);
        }
        shops
    }

    pub async fn execute(&self, sql: &str) {
        self.try_execute(sql).await.unwrap_or_else(|e| panic!("{e}: {sql}"));
    }

    pub async fn try_execute(&self, sql: &str) -> Result<(), sqlx::Error> {
        if self.kind != Kind::Lite {
            return run(self.kind, &self.url, sql).await;
        }
        let mut connection = self.writer().await;
        connection.execute(AssertSqlSafe(sql)).await?;
        connection.close().await
    }

    /// Somebody who writes to the file.
    pub async fn writer(&self) -> SqliteConnection {
        let file = SqliteConnectOptions::new().filename(self.folder.path().join("shop.db"));
        file.create_if_missing(true).connect().await.unwrap()
    }

    /// Whatever an address asks for, moments and texts stay what they are.
    pub async fn store(&self) -> CustomerStore {
        let asks = if self.kind == Kind::MySql { "?timezone=%2B09:00&charset=latin1" } else { "" };
        CustomerStore::open(&format!("{}{asks}", self.url), self.folder.path()).await.unwrap()
    }

    pub async fn load(
        &self,
        vocabulary: &Vocabulary,
        selection: Selection<'_>,
    ) -> Result<Loaded, StoreError> {
        let needs = crate::everything(vocabulary);
        self.store().await.load(vocabulary, &needs, selection, &EngineRows::default()).await
    }

    /// A name as this database quotes it.
    pub fn quoted(&self, name: &str) -> String {
        match self.kind {
            Kind::MySql => format!("`{}`", name.replace('`', "``")),
            _ => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }
}

/// Runs statements. On MySQL moments are written in Shanghai's time, and days that there are not are let in.
async fn run(kind: Kind, url: &str, sql: &str) -> Result<(), sqlx::Error> {
    let sql = AssertSqlSafe(sql.to_owned());
    if kind == Kind::Postgres {
        return PgConnection::connect(url).await?.execute(sqlx::raw_sql(sql)).await.map(drop);
    }
    let mut connection = MySqlConnection::connect(url).await?;
    connection.execute("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+08:00'").await?;
    connection.execute(sqlx::raw_sql(sql)).await.map(drop)
}

impl Drop for Shop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("on {:?}", self.kind);
        }
        let Some(server) = (self.kind != Kind::Lite).then(|| self.kind.server()).flatten() else { return };
        let name = url::Url::parse(&self.url).unwrap().path().trim_start_matches('/').to_owned();
        let force = if self.kind == Kind::Postgres { "WITH (FORCE)" } else { "" };
        let kind = self.kind;
        let gone = async move { run(kind, &server, &format!("DROP DATABASE {name} {force}")).await };
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        std::thread::scope(|scope| scope.spawn(|| runtime().block_on(gone).unwrap()).join().unwrap());
    }
}
