//! What is in the outbox, for people and for waiting.

use super::Outlet;
use super::claim::{key, kind, status};
use crate::state::{RunId, State, StateError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::time::Duration;
use tidings_plan::{Key, Kind, Status};

const COUNTS: &str = "\
    SELECT rule, kind, channel, state, COUNT(*) AS rows FROM tidings_outbox \
    WHERE ?1 IS NULL OR run = ?1 GROUP BY rule, kind, channel, state ORDER BY rule, kind, channel, state";
const LEDGER: &str = "\
    SELECT * FROM tidings_outbox WHERE customer = ? ORDER BY at, id";
const LIST: &str = "\
    SELECT * FROM tidings_outbox \
    WHERE (?1 IS NULL OR rule = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY id DESC LIMIT ?3";
const OUTLETS: &str = "\
    SELECT DISTINCT kind, channel FROM tidings_outbox WHERE settled_at IS NULL AND kind <> 'change'";
/// When one row of an outlet may next move: it is due, a lease runs out, or a doubt can be looked into.
const NEXT: &str = "\
    SELECT MIN(moment) FROM ( \
        SELECT MIN(due_at) AS moment FROM tidings_outbox \
            WHERE state = 'pending' AND waits = 0 AND strikes < 8 AND kind = ?1 AND channel = ?2 \
        UNION ALL SELECT MIN(leased_until) FROM tidings_outbox \
            WHERE leased_until IS NOT NULL AND kind = ?1 AND channel = ?2 \
        UNION ALL SELECT MIN(due_at) FROM tidings_outbox WHERE state = 'unknown' AND kind = ?1 AND channel = ?2)";

/// How many rows of a rule and an outlet are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The rule.
    pub rule: String,
    /// Where they leave.
    pub outlet: Outlet,
    /// The state.
    pub status: Status,
    /// How many.
    pub rows: u64,
}

/// A row of the outbox, for people. Moments are microseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Its key.
    pub key: Key,
    /// The rule.
    pub rule: String,
    /// The step in it.
    pub step: String,
    /// The customer's key.
    pub customer: String,
    /// Which time it was.
    pub occasion: String,
    /// What it is.
    pub kind: Kind,
    /// The channel, coupon provider, webhook or team.
    pub channel: String,
    /// The template, coupon, webhook, team or attribute.
    pub subject: String,
    /// Where it goes.
    pub address: Option<String>,
    /// The moment of its run.
    pub at: i64,
    /// Its state.
    pub status: Status,
    /// Why it is in that state.
    pub reason: Option<String>,
    /// How often it was claimed.
    pub attempts: u32,
    /// When it is tried next, while it is pending.
    pub due_at: i64,
    /// When it was last let out.
    pub dispatched_at: Option<i64>,
    /// When it came to its end.
    pub settled_at: Option<i64>,
    /// The provider's own name for it.
    pub provider_id: Option<String>,
    /// The code of a granted coupon.
    pub code: Option<String>,
}

impl State {
    /// How many rows of which rule and outlet are in which state, of one run or of all.
    pub async fn outbox_counts(&self, run: Option<RunId>) -> Result<Vec<Count>, StateError> {
        let rows = sqlx::query(COUNTS).bind(run.map(|r| r.0)).fetch_all(&self.read).await;
        rows.and_then(|rows| rows.iter().map(count).collect()).map_err(self.fault())
    }

    /// All that was decided for a customer, the oldest first.
    pub async fn ledger(&self, customer: &str) -> Result<Vec<LedgerRow>, StateError> {
        let rows = sqlx::query(LEDGER).bind(customer).fetch_all(&self.read).await;
        rows.and_then(|rows| rows.iter().map(ledger_row).collect()).map_err(self.fault())
    }

    /// The newest rows of the outbox, of one rule or all, in one state or all.
    pub async fn outbox_rows(
        &self,
        rule: Option<&str>,
        status: Option<Status>,
        limit: u32,
    ) -> Result<Vec<LedgerRow>, StateError> {
        let list = sqlx::query(LIST).bind(rule).bind(status.map(Status::name)).bind(limit);
        let rows = list.fetch_all(&self.read).await;
        rows.and_then(|rows| rows.iter().map(ledger_row).collect()).map_err(self.fault())
    }

    /// The outlets that something still has to leave by, changes aside.
    pub async fn outlets(&self) -> Result<Vec<Outlet>, StateError> {
        let rows = sqlx::query(OUTLETS).fetch_all(&self.read).await;
        rows.and_then(|rows| rows.iter().map(outlet).collect()).map_err(self.fault())
    }

    /// How long until something in an outlet may move without anybody's doing; none where nothing will.
    pub async fn next_due(&self, outlet: &Outlet) -> Result<Option<Duration>, StateError> {
        let next =
            sqlx::query_scalar(NEXT).bind(outlet.kind.name()).bind(&outlet.channel).fetch_one(&self.read);
        let next: Option<i64> = next.await.map_err(self.fault())?;
        let now = self.now().await?;
        Ok(next.map(|next| Duration::from_micros(u64::try_from(next - now).unwrap_or(0))))
    }
}

fn outlet(row: &SqliteRow) -> Result<Outlet, sqlx::Error> {
    Ok(Outlet { kind: kind(row)?, channel: row.try_get("channel")? })
}

fn count(row: &SqliteRow) -> Result<Count, sqlx::Error> {
    let rows: i64 = row.try_get("rows")?;
    Ok(Count {
        rule: row.try_get("rule")?,
        outlet: outlet(row)?,
        status: status(row)?,
        rows: rows.unsigned_abs(),
    })
}

fn ledger_row(row: &SqliteRow) -> Result<LedgerRow, sqlx::Error> {
    Ok(LedgerRow {
        key: key(row)?,
        rule: row.try_get("rule")?,
        step: row.try_get("step")?,
        customer: row.try_get("customer")?,
        occasion: row.try_get("occasion")?,
        kind: kind(row)?,
        channel: row.try_get("channel")?,
        subject: row.try_get("subject")?,
        address: row.try_get("address")?,
        at: row.try_get("at")?,
        status: status(row)?,
        reason: row.try_get("reason")?,
        attempts: row.try_get("attempts")?,
        due_at: row.try_get("due_at")?,
        dispatched_at: row.try_get("dispatched_at")?,
        settled_at: row.try_get("settled_at")?,
        provider_id: row.try_get("provider_id")?,
        code: row.try_get("code")?,
    })
}
