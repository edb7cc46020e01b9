//! The engine's own state: who was reached when, what is in the outbox, who said no. One SQLite file, which
//! may also hold the shop's tables, or a PostgreSQL database that several daemons share.

pub(crate) mod database;
mod error;
mod facts;
mod migrate;
mod open;
mod pauses;
mod programs;
mod runs;
mod schedule;

pub use error::StateError;
pub use facts::StateFacts;
pub(crate) use pauses::Paused;
pub use pauses::{Pause, Scope};
pub use runs::{RunId, RunRow};
pub use schedule::{OccurrenceRow, OccurrenceState, Orphan};

use database::{Database, Turn, Tx};
use open::Opened;
use sqlx::sqlite::SqliteConnectOptions;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// The engine's own state. Clones share the connections.
#[derive(Clone)]
pub struct State {
    database: Database,
    place: Arc<str>,
    home: Arc<str>,
    project: Arc<str>,
    secret: Arc<[u8]>,
    ahead: Arc<AtomicI64>,
}

impl State {
    /// Opens the state at a URL such as `sqlite:state.db` or `postgres://user:password@host/database?connections=8`,
    /// and makes its tables where there are none, with a project's secret; a file with its folder. Fails where it
    /// cannot be written or belongs to a newer Tidings.
    pub async fn open(url: &str) -> Result<State, StateError> {
        open::open(url).await.map(State::of)
    }

    /// The same for a file by its path, whatever signs it has.
    pub async fn open_file(path: &Path) -> Result<State, StateError> {
        open::file(SqliteConnectOptions::new().filename(path)).await.map(State::of)
    }

    fn of(opened: Opened) -> State {
        State {
            database: opened.database,
            place: opened.place,
            home: opened.home.into(),
            project: opened.project.into(),
            secret: opened.secret.into(),
            ahead: Arc::default(),
        }
    }

    /// A random name of this state: another one for every file or database that was made anew.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The project's secret: keys, hold-outs and suppressions are made with it.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// Closes all connections when what they do is done.
    pub async fn close(&self) {
        self.database.close().await;
    }

    /// Moves this handle's view of the database's clock ahead by so many microseconds: time in simulations.
    pub fn advance(&self, micros: i64) {
        self.ahead.fetch_add(micros, Ordering::Relaxed);
    }

    /// A transaction that writes, and the moment by the database's clock.
    pub(crate) async fn begin(&self, turn: Turn) -> Result<Tx, StateError> {
        self.database.begin(turn, self.ahead.load(Ordering::Relaxed), &self.place).await
    }

    /// A transaction that sees one moment of the state, whatever others write meanwhile.
    pub(crate) async fn snapshot(&self) -> Result<Tx, StateError> {
        self.database.snapshot(self.ahead.load(Ordering::Relaxed), &self.place).await
    }
}

/// Never the secret.
impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({})", self.place)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::Asked;
    use tidings_plan::{Occasion, Page};

    /// No test can cut the power; these are what SQLite promises to survive that by.
    #[tokio::test]
    async fn a_file_is_written_so_that_a_commit_outlives_the_power() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&format!("sqlite:{}/state.db", folder.path().display())).await.unwrap();
        let Database::Lite { write, .. } = &state.database else { panic!("a file") };
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(write).await.unwrap();
        let synchronous: i64 = sqlx::query_scalar("PRAGMA synchronous").fetch_one(write).await.unwrap();
        assert_eq!((journal.as_str(), synchronous), ("wal", 2), "2 is FULL");
    }

    #[tokio::test]
    async fn a_full_disk_is_an_error_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&format!("sqlite:{}/state.db", folder.path().display())).await.unwrap();
        let run = state.start_run(0, "test", "").await.unwrap();
        let Database::Lite { write, .. } = &state.database else { panic!("a file") };
        sqlx::query("PRAGMA max_page_count = 1").fetch_all(write).await.unwrap();
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
            state
                .history(&Asked { messages: 0..=i64::MAX, ..Asked::default() })
                .await
                .unwrap()
                .rules
                .get("wake-up")
                .map_or(0, |r| r.reached.len()),
            written * 100
        );
        // Here SQLite takes the whole transaction back by itself.
        let error = loop {
            let said = state.withdraw_consent("ann", "email", &"a long story ".repeat(1_000)).await;
            if let Err(error) = said {
                break error;
            }
        };
        assert!(matches!(error, StateError::Full { .. }), "{error:?}");
        let Database::Lite { write, .. } = &state.database else { panic!("a file") };
        sqlx::query("PRAGMA max_page_count = 4294967294").fetch_all(write).await.unwrap();
        state.withdraw_consent("bob", "email", "there is room again").await.unwrap();
        assert_eq!(state.consents("bob").await.unwrap().len(), 1);
    }
}
