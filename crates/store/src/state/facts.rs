//! How the state's database is set up, for the people who look after it.

use super::database::args;
use super::{State, StateError};

const LITE: &str = "\
    SELECT 'SQLite ' || sqlite_version() AS server, journal_mode = 'wal' AND synchronous >= 2 AS keeps, \
    'journal ' || journal_mode || ', synchronous ' || synchronous AS settings \
    FROM pragma_journal_mode, pragma_synchronous";
const POSTGRES: &str = "\
    SELECT 'PostgreSQL ' || current_setting('server_version') AS server, \
    CAST(current_setting('fsync') = 'on' AND current_setting('full_page_writes') = 'on' \
        AND current_setting('synchronous_commit') <> 'off' AS INTEGER)::BIGINT AS keeps, \
    'fsync ' || current_setting('fsync') || ', full_page_writes ' || current_setting('full_page_writes') || \
    ', synchronous_commit ' || current_setting('synchronous_commit') AS settings";
const STEP: &str = "SELECT MAX(version) AS step FROM tidings_migrations";

/// How the state's database is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFacts {
    /// What it is: `SQLite 3.50.2`.
    pub server: String,
    /// Whether what was committed is still there after the power was cut.
    pub keeps: bool,
    /// The settings that this is told by.
    pub settings: String,
    /// The version of its tables.
    pub step: i64,
    /// The moment by its clock, in microseconds since 1970 UTC.
    pub now: i64,
    /// Whether it was copied from another place and does not send before [`State::adopt`].
    pub copied: bool,
}

impl State {
    /// Looks how its database is set up.
    pub async fn facts(&self) -> Result<StateFacts, StateError> {
        let mut tx = self.snapshot().await?;
        let now = tx.now;
        let sql = if tx.is_postgres() { POSTGRES } else { LITE };
        let settings =
            tx.one(sql, args![], |row| Ok((row.get("server")?, row.flag("keeps")?, row.get("settings")?)));
        let (server, keeps, settings) = settings.await?.unwrap_or_default();
        let step = tx.one(STEP, args![], |row| row.get("step")).await?.unwrap_or_default();
        let copied = match self.paused(&mut tx).await {
            Ok(_) => false,
            Err(StateError::Copied { .. }) => true,
            Err(other) => return Err(other),
        };
        Ok(StateFacts { server, keeps, settings, step, now, copied })
    }
}
