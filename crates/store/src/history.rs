//! What plans look back at, read from the state in one moment.

use crate::outbox::row::coupon;
use crate::state::database::{Arg, Row, args, tuples};
use crate::state::{State, StateError};
use std::collections::{HashMap, HashSet};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tidings_plan::past::{EngineRows, GrantRow, KeptRow, SendRow, expires, kept_value};
use tidings_plan::{Entry, History, PastMessage};

/// What was sent, may have been or is about to be: a cap's place is freed by a definite no only. What waits for a
/// person has none yet.
const CAPPED: &str = "\
    kind = 'message' AND hold IS NULL AND at >= $1 AND at <= $2 AND (doubted_at IS NOT NULL \
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
    WHERE kind = 'message' AND state IN ('sent', 'unknown', 'unconfirmed')";
const GRANTS: &str = "\
    SELECT customer, subject, rule, at, vals FROM tidings_outbox WHERE kind = 'coupon' AND state = 'sent'";
/// Who was erased stays in these, by key.
const ANYBODY: &str = "SELECT customer FROM tidings_occasions LIMIT 1";
/// What was granted, may have been or is about to be.
const SPENT: &str = "\
    SELECT rule, at, worth FROM tidings_outbox WHERE worth IS NOT NULL AND at >= $1 AND (doubted_at IS NOT NULL \
        OR state IN ('pending', 'leased', 'dispatching', 'sent', 'unknown', 'unconfirmed'))";

/// What of the past is looked at; by default all but the messages for caps.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// Some rules; none is all.
    pub rules: Option<&'a [&'a str]>,
    /// Some customers, by their keys, a few thousand at most; none is all.
    pub customers: Option<&'a [&'a str]>,
    /// The messages of runs for moments in a stretch of time (microseconds since 1970 UTC), for caps.
    pub messages: RangeInclusive<i64>,
    /// Messages that reached customers, as rows of theirs.
    pub sends: bool,
    /// Coupons that they were granted, as rows of theirs.
    pub grants: bool,
    /// What rules set.
    pub kept: bool,
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Asked {
            rules: None,
            customers: None,
            messages: RangeInclusive::new(1, 0),
            sends: true,
            grants: true,
            kept: true,
        }
    }
}

impl Asked<'_> {
    /// Whether it is about nobody.
    fn nobody(&self) -> bool {
        self.customers.is_some_and(<[&str]>::is_empty)
    }
}

impl State {
    /// Whether any rule has reached anybody.
    pub async fn has_reached_anybody(&self) -> Result<bool, StateError> {
        Ok(self.snapshot().await?.one(ANYBODY, args![], |_| Ok(())).await?.is_some())
    }

    /// What the rules did before. Occasions are not bounded in time: a key that was used is never used again. The entries
    /// of a rule are those of all its customers.
    pub async fn history(&self, asked: &Asked<'_>) -> Result<History, StateError> {
        let mut tx = self.snapshot().await?;
        let mut history = History::default();
        let (mut which, mut args) = (String::from("WHERE 1 = 1"), args![]);
        which += &among("rule", asked.rules, &mut args);
        let entries = format!("SELECT rule, customer, ordinal, inside FROM tidings_entries {which}");
        tx.list(entries, args.clone(), |row| add_entry(&mut history, row)).await?;
        if !asked.nobody() {
            which += &among("customer", asked.customers, &mut args);
            let occasions = format!("SELECT rule, customer, occasion, at FROM tidings_occasions {which}");
            tx.list(occasions, args, |row| add_occasion(&mut history, row)).await?;
        }
        if !asked.nobody() && !asked.messages.is_empty() {
            let mut args = args![*asked.messages.start(), *asked.messages.end()];
            let of = among("customer", asked.customers, &mut args);
            let by = if of.is_empty() { String::new() } else { tx.by("tidings_outbox_customer") };
            let sql = format!("SELECT customer, channel, at FROM tidings_outbox {by} WHERE {CAPPED} {of}");
            let mut channels = HashSet::new();
            tx.list(sql, args, |row| add_message(&mut history, &mut channels, row)).await?;
        }
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
    pub async fn engine_rows(&self, asked: &Asked<'_>) -> Result<EngineRows, StateError> {
        let mut rows = EngineRows::default();
        if asked.nobody() {
            return Ok(rows);
        }
        let mut tx = self.snapshot().await?;
        let mut args = args![];
        let of = among("customer", asked.customers, &mut args);
        if asked.kept {
            let sql = format!(
                "SELECT customer, attribute, value FROM tidings_kept WHERE 1 = 1 {of} ORDER BY customer, attribute"
            );
            rows.kept = tx.list(sql, args.clone(), kept_row).await?.into_iter().flatten().collect();
        }
        let in_order = format!("{of} ORDER BY customer, at, id");
        if asked.sends {
            rows.sends = tx.list(format!("{SENDS} {in_order}"), args.clone(), send).await?;
        }
        if asked.grants {
            rows.grants = tx.list(format!("{GRANTS} {in_order}"), args, grant).await?;
        }
        Ok(rows)
    }
}

/// A condition that a column has one of some values, which are bound after what is bound already; nothing where any
/// will do.
fn among(column: &str, values: Option<&[&str]>, args: &mut Vec<Arg>) -> String {
    let Some(values) = values else { return String::new() };
    if values.is_empty() {
        return " AND 1 = 0".to_owned();
    }
    let first = args.len() + 1;
    args.extend(values.iter().copied().map(Arg::from));
    format!(" AND {column} IN (VALUES {})", tuples(first, 1, values.len()))
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
    let Some(value) = kept_value(row.get("value")?) else { return Ok(None) };
    Ok(Some(KeptRow { customer: row.get("customer")?, attribute: row.get("attribute")?, value }))
}
