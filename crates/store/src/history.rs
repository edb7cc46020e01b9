//! What plans look back at, read from the state in one moment.

use crate::engine_rows::{EngineRows, GrantRow, KeptRow, SendRow};
use crate::outbox::row::{coupon, expires};
use crate::state::database::{Row, args};
use crate::state::{State, StateError};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tidings_plan::{Entry, History, PastMessage};

const OCCASIONS: &str = "SELECT rule, customer, occasion, at FROM tidings_occasions";
const ENTRIES: &str = "SELECT rule, customer, ordinal, inside FROM tidings_entries";
/// What was sent, may have been or is about to be: a cap's place is freed by a definite no only. What waits for a
/// person has none yet.
const MESSAGES: &str = "\
    SELECT customer, channel, at FROM tidings_outbox \
    WHERE kind = 'message' AND hold IS NULL AND at >= $1 AND at <= $2 AND (doubted_at IS NOT NULL \
        OR state IN ('pending', 'leased', 'dispatching', 'sent', 'unknown', 'unconfirmed'))";
/// Rules whose last hold is of a run that was cut short and that nobody has approved.
const HELD: &str = "\
    SELECT h.rule FROM tidings_holds h JOIN tidings_runs r ON r.id = h.run \
    WHERE r.finished IS NULL AND h.state <> 'approved' \
        AND h.id = (SELECT MAX(id) FROM tidings_holds later WHERE later.rule = h.rule)";
const WITHDRAWN: &str = "SELECT customer FROM tidings_consents WHERE channel = $1 AND withdrawn = 1";
const SUPPRESSED: &str = "SELECT hash FROM tidings_suppressions WHERE channel = $1";
/// What may have reached the customer counts as sent.
const SENDS: &str = "\
    SELECT customer, subject, channel, rule, at FROM tidings_outbox \
    WHERE kind = 'message' AND state IN ('sent', 'unknown', 'unconfirmed') ORDER BY customer, at, id";
const GRANTS: &str = "\
    SELECT customer, subject, rule, at, vals FROM tidings_outbox \
    WHERE kind = 'coupon' AND state = 'sent' ORDER BY customer, at, id";
/// What was granted, may have been or is about to be.
const SPENT: &str = "\
    SELECT rule, at, worth FROM tidings_outbox WHERE worth IS NOT NULL AND at >= $1 AND (doubted_at IS NOT NULL \
        OR state IN ('pending', 'leased', 'dispatching', 'sent', 'unknown', 'unconfirmed'))";
const KEPT: &str = "SELECT customer, attribute, value FROM tidings_kept ORDER BY customer, attribute";

impl State {
    /// What the rules did before, and the messages of runs for moments in a stretch of time (microseconds since 1970
    /// UTC), for caps. Occasions are not bounded: a key that was used is never used again.
    pub async fn history(&self, messages: RangeInclusive<i64>) -> Result<History, StateError> {
        let mut tx = self.snapshot().await?;
        let mut history = History::default();
        tx.list(OCCASIONS, args![], |row| add_occasion(&mut history, row)).await?;
        tx.list(ENTRIES, args![], |row| add_entry(&mut history, row)).await?;
        let mut channels = HashSet::new();
        let add = |row: Row<'_>| add_message(&mut history, &mut channels, row);
        tx.list(MESSAGES, args![*messages.start(), *messages.end()], add).await?;
        history.held = tx.list(HELD, args![], |row| row.get("rule")).await?.into_iter().collect();
        Ok(history)
    }

    /// By rule, what its coupons of runs since a moment are worth that were granted or may yet be, for budgets: the
    /// moments of their runs (microseconds since 1970 UTC), and minor units.
    pub async fn spent(&self, since: i64) -> Result<HashMap<String, Vec<(i64, i64)>>, StateError> {
        let mut spent: HashMap<String, Vec<(i64, i64)>> = HashMap::new();
        let mut tx = self.snapshot().await?;
        tx.list(SPENT, args![since], |row| {
            spent.entry(row.get("rule")?).or_default().push((row.get("at")?, row.get("worth")?));
            Ok(())
        })
        .await?;
        Ok(spent)
    }

    /// The hashes of the addresses that are suppressed in a channel; see [`tidings_plan::history::address_hash`].
    pub async fn suppressed(&self, channel: &str) -> Result<HashSet<[u8; 32]>, StateError> {
        let mut tx = self.snapshot().await?;
        let hashes = tx.list(SUPPRESSED, args![channel], |row| row.get::<Vec<u8>>("hash")).await?;
        // A CHECK constraint holds the length.
        Ok(hashes.into_iter().filter_map(|hash| hash.try_into().ok()).collect())
    }

    /// The keys of the customers who have withdrawn their consent in a channel, whatever the customer store says.
    pub async fn withdrawn(&self, channel: &str) -> Result<HashSet<String>, StateError> {
        let mut tx = self.snapshot().await?;
        let customers = tx.list(WITHDRAWN, args![channel], |row| row.get("customer")).await?;
        Ok(customers.into_iter().collect())
    }

    /// The rows of the built-in collections and the attributes that the engine keeps, in the order of customers.
    pub async fn engine_rows(&self) -> Result<EngineRows, StateError> {
        let mut tx = self.snapshot().await?;
        let kept = tx.list(KEPT, args![], kept_row);
        Ok(EngineRows {
            kept: kept.await?.into_iter().flatten().collect(),
            sends: tx.list(SENDS, args![], send).await?,
            grants: tx.list(GRANTS, args![], grant).await?,
        })
    }
}

fn add_occasion(history: &mut History, row: Row<'_>) -> Result<(), sqlx::Error> {
    let rule = history.rules.entry(row.get("rule")?).or_default();
    rule.reached.entry(row.get("customer")?).or_default().add(row.get("occasion")?, row.get("at")?);
    Ok(())
}

fn add_entry(history: &mut History, row: Row<'_>) -> Result<(), sqlx::Error> {
    let rule = history.rules.entry(row.get("rule")?).or_default();
    let entry = Entry {
        ordinal: u32::try_from(row.count("ordinal")?).unwrap_or(u32::MAX),
        inside: row.flag("inside")?,
    };
    rule.entries.insert(row.get("customer")?, entry);
    Ok(())
}

fn add_message(
    history: &mut History,
    channels: &mut HashSet<Arc<str>>,
    row: Row<'_>,
) -> Result<(), sqlx::Error> {
    let name: &str = row.get("channel")?;
    let channel = channels.get(name).cloned().unwrap_or_else(|| name.into());
    channels.insert(channel.clone());
    let message = PastMessage { channel, at: row.get("at")? };
    history.messages.entry(row.get("customer")?).or_default().push(message);
    Ok(())
}

fn send(row: Row<'_>) -> Result<SendRow, sqlx::Error> {
    Ok(SendRow {
        customer: row.get("customer")?,
        template: row.get("subject")?,
        channel: row.get("channel")?,
        rule: row.get("rule")?,
        at: row.get("at")?,
    })
}

fn grant(row: Row<'_>) -> Result<GrantRow, sqlx::Error> {
    Ok(GrantRow {
        customer: row.get("customer")?,
        coupon: row.get("subject")?,
        rule: row.get("rule")?,
        at: row.get("at")?,
        expires: expires(&coupon(row.get("vals")?)),
    })
}

/// A value as the customer store would write it; none where it was set to nothing.
fn kept_row(row: Row<'_>) -> Result<Option<KeptRow>, sqlx::Error> {
    let json: String = row.get("value")?;
    let value = match serde_json::from_str(&json) {
        Ok(Value::Null) => return Ok(None),
        Ok(Value::String(text)) => text,
        _ => json,
    };
    Ok(Some(KeptRow { customer: row.get("customer")?, attribute: row.get("attribute")?, value }))
}
