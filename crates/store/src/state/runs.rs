//! Runs: who decided what for which moment.

use super::database::{Turn, args};
use super::{State, StateError};

const START: &str =
    "INSERT INTO tidings_runs (at, cause, program, started) VALUES ($1, $2, $3, $4) RETURNING id";
const FINISH: &str = "UPDATE tidings_runs SET finished = $1 WHERE id = $2 AND finished IS NULL";

/// The number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

impl State {
    /// Begins a run at a moment (microseconds since 1970 UTC), for a cause (`by hand`, `schedule`), of rules with
    /// that fingerprint. Fails where the state was copied.
    pub async fn start_run(&self, at: i64, cause: &str, program: &str) -> Result<RunId, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        self.paused(&mut tx).await?;
        let now = tx.now;
        let id = tx.one(START, args![at, cause, program, now], |row| row.get("id")).await?;
        tx.commit().await?;
        Ok(RunId(id.unwrap_or_default()))
    }

    /// Ends a run.
    pub async fn finish_run(&self, run: RunId) -> Result<(), StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let now = tx.now;
        tx.execute(FINISH, args![now, run.0]).await?;
        tx.commit().await
    }
}
