//! What plans look back at, read from the state in one moment.

use crate::engine_rows::{EngineRows, GrantRow, KeptRow, SendRow};
use crate::state::{State, StateError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::HashSet;
use std::sync::Arc;
use tidings_plan::{Entry, History, PastMessage};

const OCCASIONS: &str = "SELECT rule, customer, occasion, at FROM tidings_occasions";
const ENTRIES: &str = "SELECT rule, customer, ordinal, inside FROM tidings_entries";
/// What was sent, may have been or is about to be: a cap's place is freed by a definite no only.
const MESSAGES: &str = "\
    SELECT customer, channel, at FROM tidings_outbox \
    WHERE kind = 'message' AND at >= ? AND (doubted_at IS NOT NULL \
        OR state IN ('pending', 'leased', 'dispatching', 'sent', 'unknown', 'unconfirmed'))";
const WITHDRAWN: &str = "SELECT customer FROM tidings_consents WHERE channel = ? AND withdrawn = 1";
const SUPPRESSED: &str = "SELECT hash FROM tidings_suppressions WHERE channel = ?";
/// What may have reached the customer counts as sent.
const SENDS: &str = "\
    SELECT customer, subject, channel, rule, at FROM tidings_outbox \
    WHERE kind = 'message' AND state IN ('sent', 'unknown', 'unconfirmed') ORDER BY customer, at, id";
const GRANTS: &str = "\
    SELECT customer, subject, rule, at, CAST(vals ->> '$.coupon.expires' AS INTEGER) AS expires FROM tidings_outbox \
    WHERE kind = 'coupon' AND state = 'sent' ORDER BY customer, at, id";
const KEPT: &str = "\
    SELECT customer, attribute, CASE json_type(value) WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' \
        ELSE CAST(value ->> '$' AS TEXT) END AS value \
    FROM tidings_kept WHERE json_type(value) <> 'null' ORDER BY customer, attribute";

impl State {
    /// What the rules did before, and the messages of runs since a moment (microseconds since 1970 UTC), for caps.
    pub async fn history(&self, messages_since: i64) -> Result<History, StateError> {
        let mut tx = self.snapshot().await?;
        let mut history = History::default();
        for row in sqlx::query(OCCASIONS).fetch_all(&mut *tx).await.map_err(self.fault())? {
            add_occasion(&mut history, &row).map_err(self.fault())?;
        }
        for row in sqlx::query(ENTRIES).fetch_all(&mut *tx).await.map_err(self.fault())? {
            add_entry(&mut history, &row).map_err(self.fault())?;
        }
        let mut channels = HashSet::new();
        for row in
            sqlx::query(MESSAGES).bind(messages_since).fetch_all(&mut *tx).await.map_err(self.fault())?
        {
            add_message(&mut history, &mut channels, &row).map_err(self.fault())?;
        }
        Ok(history)
    }

    /// The hashes of the addresses that are suppressed in a channel; see [`tidings_plan::history::address_hash`].
    pub async fn suppressed(&self, channel: &str) -> Result<HashSet<[u8; 32]>, StateError> {
        let hashes =
            sqlx::query_scalar(SUPPRESSED).bind(channel).fetch_all(&self.read).await.map_err(self.fault())?;
        // A CHECK constraint holds the length.
        Ok(hashes.into_iter().filter_map(|hash: Vec<u8>| hash.try_into().ok()).collect())
    }

    /// The keys of the customers who have withdrawn their consent in a channel, whatever the customer store says.
    pub async fn withdrawn(&self, channel: &str) -> Result<HashSet<String>, StateError> {
        let customers = sqlx::query_scalar(WITHDRAWN).bind(channel).fetch_all(&self.read).await;
        Ok(customers.map_err(self.fault())?.into_iter().collect())
    }

    /// The rows of the built-in collections and the attributes that the engine keeps, in the order of customers.
    pub async fn engine_rows(&self) -> Result<EngineRows, StateError> {
        let mut tx = self.snapshot().await?;
        let sends = sqlx::query(SENDS).fetch_all(&mut *tx).await.map_err(self.fault())?;
        let grants = sqlx::query(GRANTS).fetch_all(&mut *tx).await.map_err(self.fault())?;
        let kept = sqlx::query(KEPT).fetch_all(&mut *tx).await.map_err(self.fault())?;
        Ok(EngineRows {
            sends: sends.iter().map(send).collect::<Result<_, _>>().map_err(self.fault())?,
            grants: grants.iter().map(grant).collect::<Result<_, _>>().map_err(self.fault())?,
            kept: kept.iter().map(kept_row).collect::<Result<_, _>>().map_err(self.fault())?,
        })
    }
}

fn add_occasion(history: &mut History, row: &SqliteRow) -> Result<(), sqlx::Error> {
    let rule = history.rules.entry(row.try_get("rule")?).or_default();
    rule.reached
        .entry(row.try_get("customer")?)
        .or_default()
        .add(row.try_get("occasion")?, row.try_get("at")?);
    Ok(())
}

fn add_entry(history: &mut History, row: &SqliteRow) -> Result<(), sqlx::Error> {
    let rule = history.rules.entry(row.try_get("rule")?).or_default();
    let entry = Entry { ordinal: row.try_get("ordinal")?, inside: row.try_get("inside")? };
    rule.entries.insert(row.try_get("customer")?, entry);
    Ok(())
}

fn add_message(
    history: &mut History,
    channels: &mut HashSet<Arc<str>>,
    row: &SqliteRow,
) -> Result<(), sqlx::Error> {
    let name: &str = row.try_get("channel")?;
    let channel = channels.get(name).cloned().unwrap_or_else(|| name.into());
    channels.insert(channel.clone());
    let message = PastMessage { channel, at: row.try_get("at")? };
    history.messages.entry(row.try_get("customer")?).or_default().push(message);
    Ok(())
}

fn send(row: &SqliteRow) -> Result<SendRow, sqlx::Error> {
    Ok(SendRow {
        customer: row.try_get("customer")?,
        template: row.try_get("subject")?,
        channel: row.try_get("channel")?,
        rule: row.try_get("rule")?,
        at: row.try_get("at")?,
    })
}

fn grant(row: &SqliteRow) -> Result<GrantRow, sqlx::Error> {
    Ok(GrantRow {
        customer: row.try_get("customer")?,
        coupon: row.try_get("subject")?,
        rule: row.try_get("rule")?,
        at: row.try_get("at")?,
        expires: row.try_get("expires")?,
    })
}

fn kept_row(row: &SqliteRow) -> Result<KeptRow, sqlx::Error> {
    Ok(KeptRow {
        customer: row.try_get("customer")?,
        attribute: row.try_get("attribute")?,
        value: row.try_get("value")?,
    })
}
