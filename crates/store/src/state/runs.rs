//! Runs: who decided what for which moment.

use super::database::{Row, Turn, args, tuples};
use super::{State, StateError};
use crate::outbox::counts::counted;
use std::collections::BTreeMap;
use tidings_plan::Status;

const START: &str =
    "INSERT INTO tidings_runs (at, cause, program, started) VALUES ($1, $2, $3, $4) RETURNING id";
const FINISH: &str = "UPDATE tidings_runs SET finished = $1 WHERE id = $2 AND finished IS NULL";

const LIST: &str =
    "SELECT id, at, cause, program, started, finished FROM tidings_runs ORDER BY id DESC LIMIT $1";

/// The number of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub i64);

/// A run, for people. Moments are microseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRow {
    /// Its number.
    pub id: RunId,
    /// The moment for which it decided.
    pub at: i64,
    /// Why it ran: `by hand`, `schedule`.
    pub cause: String,
    /// The fingerprint of the rules.
    pub program: String,
    /// When it began.
    pub started: i64,
    /// When it ended; none where it is under way or was cut short.
    pub finished: Option<i64>,
    /// How many of its sends are in which state.
    pub states: BTreeMap<Status, u64>,
}

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

    /// The newest runs, with how many of their sends are in which state.
    pub async fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StateError> {
        let mut tx = self.snapshot().await?;
        let mut runs = tx.list(LIST, args![limit], run_row).await?;
        for runs in runs.chunks_mut(200) {
            let which = format!("AND run IN (VALUES {})", tuples(1, 1, runs.len()));
            let ids = runs.iter().flat_map(|run| args![run.id.0]).collect();
            for (id, count) in counted(&mut tx, &which, ids).await? {
                if let Some(run) = runs.iter_mut().find(|run| run.id == id) {
                    *run.states.entry(count.status).or_default() += count.rows;
                }
            }
        }
        Ok(runs)
    }
}

fn run_row(row: Row<'_>) -> Result<RunRow, sqlx::Error> {
    Ok(RunRow {
        id: RunId(row.get("id")?),
        at: row.get("at")?,
        cause: row.get("cause")?,
        program: row.get("program")?,
        started: row.get("started")?,
        finished: row.get("finished")?,
        states: BTreeMap::new(),
    })
}
