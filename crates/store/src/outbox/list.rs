//! What is in the outbox, for people and for waiting.

use super::rates::used_up;
use super::{Outlet, by_rule};
use crate::state::database::{Arg, Row, Tx, args};
use crate::state::{Paused, State, StateError};
use std::time::Duration;
use tidings_plan::{Key, Kind, Rate, Status};

const LEDGER: &str = "SELECT * FROM tidings_outbox WHERE customer = $1 ORDER BY at, id";

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

/// Which rows of the outbox; the default lets all through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilter {
    /// Of one rule.
    pub rule: Option<String>,
    /// In one state.
    pub status: Option<Status>,
    /// Of one channel, coupon provider, webhook or team.
    pub channel: Option<String>,
    /// Of one customer, by their key.
    pub customer: Option<String>,
}

impl State {
    /// All that was decided for a customer, the oldest first.
    pub async fn ledger(&self, customer: &str) -> Result<Vec<LedgerRow>, StateError> {
        self.snapshot().await?.list(LEDGER, args![customer], ledger_row).await
    }

    /// The newest rows of the outbox that a filter lets through.
    pub async fn outbox_rows(&self, filter: &RowFilter, limit: u32) -> Result<Vec<LedgerRow>, StateError> {
        let columns = [
            ("rule", filter.rule.as_deref()),
            ("state", filter.status.map(Status::name)),
            ("channel", filter.channel.as_deref()),
            ("customer", filter.customer.as_deref()),
        ];
        let (mut which, mut args) = (String::new(), args![limit]);
        for (column, value) in columns {
            if let Some(value) = value {
                args.push(Arg::from(value));
                let and = if which.is_empty() { "WHERE" } else { "AND" };
                which += &format!("{and} {column} = ${} ", args.len());
            }
        }
        // What has ended and what has not have indexes of their own.
        which += match filter.status.map(Status::ended) {
            Some(true) => "AND settled_at IS NOT NULL",
            Some(false) => "AND settled_at IS NULL",
            None => "",
        };
        let sql = format!("SELECT * FROM tidings_outbox {which} ORDER BY id DESC LIMIT $1");
        self.snapshot().await?.list(sql, args, ledger_row).await
    }

    /// The outlets that something still has to leave by, changes aside.
    pub async fn outlets(&self) -> Result<Vec<Outlet>, StateError> {
        let mut tx = self.snapshot().await?;
        let sql = format!(
            "{} SELECT kind, channel FROM o WHERE channel IS NOT NULL AND kind <> 'change' ORDER BY kind, channel",
            outlets(&tx)
        );
        tx.list(sql, args![], outlet).await
    }

    /// For how long the oldest send that is due and not paused has waited, by outlet; zero where none is due yet.
    pub async fn oldest_due(&self) -> Result<Vec<(Outlet, Duration)>, StateError> {
        let mut tx = self.snapshot().await?;
        let paused = match self.paused(&mut tx).await {
            // Nothing of a copy is due.
            Err(StateError::Copied { .. }) => return Ok(Vec::new()),
            paused => paused?,
        };
        if paused.all.is_some() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "{} SELECT kind, channel, due FROM (SELECT kind, channel, \
                 (SELECT MIN(t.due_at) FROM tidings_outbox AS t {} WHERE t.state = 'pending' AND t.waits = 0 \
                     AND t.hold IS NULL AND t.kind = o.kind AND t.channel = o.channel) AS due \
                 FROM o WHERE channel IS NOT NULL) AS oldest WHERE due IS NOT NULL",
            outlets(&tx),
            tx.by("tidings_outbox_due")
        );
        let mut oldest = tx.list(sql, args![], |row| Ok((outlet(row)?, row.get::<i64>("due")?))).await?;
        oldest.retain(|(outlet, _)| !paused.channels.contains(&outlet.channel));
        if !paused.rules.is_empty() {
            oldest = of_other_rules(&mut tx, oldest, &paused).await?;
        }
        let age = |due: i64| Duration::from_micros(u64::try_from(tx.now - due).unwrap_or(0));
        Ok(oldest.into_iter().map(|(outlet, due)| (outlet, age(due))).collect())
    }

    /// How long until something in an outlet, with its rate, may move without anybody's doing; none where nothing will.
    pub async fn next_due(
        &self,
        outlet: &Outlet,
        rate: Option<Rate>,
    ) -> Result<Option<Duration>, StateError> {
        let mut tx = self.snapshot().await?;
        let paused = self.paused(&mut tx).await?;
        let mut args = args![outlet.kind.name(), &outlet.channel];
        let due = if paused.channels.contains(&outlet.channel) {
            "SELECT CAST(NULL AS BIGINT) AS moment".to_owned()
        } else if paused.rules.is_empty() {
            let by = tx.by("tidings_outbox_due");
            format!(
                "SELECT due_at AS moment FROM tidings_outbox {by} WHERE state = 'pending' AND waits = 0 \
                     AND hold IS NULL AND strikes < 8 AND kind = $1 AND channel = $2 ORDER BY due_at LIMIT 1"
            )
        } else {
            args.extend(paused.rules.iter().map(Arg::from));
            by_rule::first_due(&tx, &paused)
        };
        // It is due, a lease runs out, or a doubt can be looked into.
        let sql = format!(
            "SELECT MIN(moment) AS moment FROM ( \
                 SELECT moment FROM ({due}) AS first_due \
                 UNION ALL SELECT MIN(leased_until) FROM tidings_outbox {} \
                     WHERE token IS NOT NULL AND kind = $1 AND channel = $2 \
                 UNION ALL SELECT MIN(due_at) FROM tidings_outbox \
                     WHERE state = 'unknown' AND kind = $1 AND channel = $2 \
             ) AS moments",
            tx.by("tidings_outbox_token")
        );
        let next = tx.one(sql, args, |row| row.get::<Option<i64>>("moment")).await?.flatten();
        let used_up = match rate {
            Some(rate) => used_up(&mut tx, outlet.rate_name(), rate).await?,
            None => None,
        };
        let next = next.map(|next| next.max(used_up.unwrap_or(next)));
        Ok(next.map(|next| Duration::from_micros(u64::try_from(next - tx.now).unwrap_or(0))))
    }
}

/// What is due first in outlets beside rules that are paused; outlets that have nothing else are left out.
async fn of_other_rules(
    tx: &mut Tx,
    outlets: Vec<(Outlet, i64)>,
    paused: &Paused,
) -> Result<Vec<(Outlet, i64)>, StateError> {
    let mut oldest = Vec::new();
    for (outlet, _) in outlets {
        let mut args = args![outlet.kind.name(), &outlet.channel];
        args.extend(paused.rules.iter().map(Arg::from));
        let due = tx.list(by_rule::first_due(tx, paused), args, |row| row.get::<Option<i64>>("moment"));
        oldest.extend(due.await?.into_iter().flatten().map(|due| (outlet.clone(), due)));
    }
    Ok(oldest)
}

fn outlet(row: Row<'_>) -> Result<Outlet, sqlx::Error> {
    Ok(Outlet { kind: row.kind()?, channel: row.get("channel")? })
}

/// The outlets of rows that have not ended, as a table `o`: each found by one look into an index, however many rows
/// wait.
fn outlets(tx: &Tx) -> String {
    let open = format!("(SELECT MIN(t.channel) FROM tidings_outbox AS t {}", tx.by("tidings_outbox_open"));
    format!(
        "WITH RECURSIVE v(k) AS (VALUES ('message'), ('coupon'), ('webhook'), ('notify'), ('change')), \
         o(kind, channel) AS ( \
             SELECT k, {open} WHERE t.settled_at IS NULL AND t.kind = k) FROM v \
             UNION ALL SELECT o.kind, {open} \
                 WHERE t.settled_at IS NULL AND t.kind = o.kind AND t.channel > o.channel) \
             FROM o WHERE o.channel IS NOT NULL)"
    )
}

fn ledger_row(row: Row<'_>) -> Result<LedgerRow, sqlx::Error> {
    let held = row.get::<Option<i64>>("hold")?.map(|_| "waits for a person".to_owned());
    Ok(LedgerRow {
        key: row.key()?,
        rule: row.get("rule")?,
        step: row.get("step")?,
        customer: row.get("customer")?,
        occasion: row.get("occasion")?,
        kind: row.kind()?,
        channel: row.get("channel")?,
        subject: row.get("subject")?,
        address: row.get("address")?,
        at: row.get("at")?,
        status: row.status()?,
        reason: row.get::<Option<String>>("reason")?.or(held),
        attempts: u32::try_from(row.count("attempts")?).unwrap_or(u32::MAX),
        due_at: row.get("due_at")?,
        dispatched_at: row.get("dispatched_at")?,
        settled_at: row.get("settled_at")?,
        provider_id: row.get("provider_id")?,
        code: row.get("code")?,
    })
}
