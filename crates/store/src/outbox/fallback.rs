//! The next channel, where one definitely did not take a message: the refusal and the new row are one commit.

use super::new_row::{NewRow, insert};
use super::{Outlet, TOGETHER};
use crate::outbox::Moves;
use crate::state::database::{Arg, Row, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use serde_json::{Value, json};
use tidings_plan::{Fallback, Key, Status};

const ROWS: &str = "\
    SELECT key, run, rule, customer, occasion, kind, subject, zone, after_key, fallback, priority, at, expires_at \
    FROM v JOIN tidings_outbox ON key = k WHERE fallback IS NOT NULL AND doubted_at IS NULL AND state = 'rejected'";

/// A refused row whose next channel takes it over.
struct Refused {
    key: Key,
    rest: Vec<Fallback>,
    /// The other values of the new row: run, rule, customer, occasion, kind, subject, zone, grant, priority, moment,
    /// expiry.
    run: i64,
    rule: String,
    customer: String,
    occasion: String,
    kind: String,
    subject: String,
    zone: Option<String>,
    after: Option<Key>,
    priority: i64,
    at: i64,
    expires: Option<i64>,
}

impl State {
    /// Gives messages that wait for an outlet whose provider is down to their next channels; those that may have left
    /// before stay, and so do those that are paused or not due yet. The most urgent first, `limit` at most.
    pub async fn fall_back(&self, outlet: &Outlet, limit: u32) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let paused = self.paused(&mut tx).await?;
        if paused.all.is_some() || paused.channels.contains(&outlet.channel) {
            return Ok(Moves::default());
        }
        let sql = format!(
            "WITH picked AS MATERIALIZED (SELECT id FROM tidings_outbox {} \
                 WHERE state = 'pending' AND waits = 0 AND hold IS NULL AND kind = $1 AND channel = $2 \
                     AND fallback IS NOT NULL AND doubted_at IS NULL AND due_at <= $4 {} \
                 ORDER BY strikes, priority DESC, at, id LIMIT $3 {}) \
             UPDATE tidings_outbox SET state = 'rejected', replaced = 1, reason = 'the channel is down', settled_at = $4 \
             WHERE id IN (SELECT id FROM picked) RETURNING key",
            tx.by("tidings_outbox_fallback"),
            paused.not_by_rule(5),
            tx.skipping_locked()
        );
        let mut args = args![outlet.kind.name(), &outlet.channel, limit, tx.now];
        args.extend(paused.rules.iter().map(Arg::from));
        let keys = tx.list(sql, args, |row| row.key()).await?;
        self.take_over(&mut tx, &keys).await?;
        tx.commit().await?;
        Ok(Moves::of(Status::Rejected, keys.len() as u64))
    }

    /// Writes rows in their next channels for those of the refused ones that have any.
    pub(super) async fn take_over(&self, tx: &mut Tx, refused: &[Key]) -> Result<(), StateError> {
        for keys in refused.chunks(TOGETHER) {
            let keys: Vec<Arg> = keys.iter().map(|key| Arg::from(*key)).collect();
            let sql = format!("WITH v(k) AS (VALUES {}) {ROWS}", tuples(1, 1, keys.len()));
            let rows = tx.list(sql, keys, row).await?;
            let next: Vec<&Refused> = rows.iter().filter(|row| !row.rest.is_empty()).collect();
            if next.is_empty() {
                continue;
            }
            let now = tx.now;
            let rows: Vec<NewRow<'_>> = next.iter().filter_map(|row| next_channel(row, now)).collect();
            insert(tx, self.secret(), &rows).await?;
            let sql = format!(
                "WITH v(k) AS (VALUES {}) UPDATE tidings_outbox SET replaced = 1 FROM v WHERE key = k",
                tuples(1, 1, next.len())
            );
            tx.execute(sql, next.iter().map(|row| Arg::from(row.key)).collect()).await?;
        }
        Ok(())
    }
}

fn next_channel(row: &Refused, now: i64) -> Option<NewRow<'_>> {
    let (next, rest) = row.rest.split_first()?;
    Some(NewRow {
        key: next.key,
        run: row.run,
        rule: &row.rule,
        step: &next.step,
        customer: &row.customer,
        occasion: &row.occasion,
        kind: &row.kind,
        channel: &next.channel,
        subject: &row.subject,
        address: Some(&next.address),
        zone: row.zone.as_deref(),
        values: &next.values,
        worth: None,
        after: row.after,
        fallback: rest,
        hold: None,
        priority: row.priority,
        at: row.at,
        now,
        expires: row.expires,
        erased: false,
    })
}

/// As the column has it; none for none.
pub(super) fn to_json(rest: &[Fallback]) -> Option<String> {
    let one = |f: &Fallback| json!({"key": f.key.to_string(), "step": f.step, "channel": f.channel, "address": f.address, "values": f.values});
    (!rest.is_empty()).then(|| Value::from_iter(rest.iter().map(one)).to_string())
}

fn from_json(text: &str) -> Option<Vec<Fallback>> {
    let one = |f: &Value| {
        let text = |name: &str| f.get(name).and_then(Value::as_str).map(str::to_owned);
        let key = hex::decode(text("key")?).ok()?.try_into().ok()?;
        Some(Fallback {
            key: Key(key),
            step: text("step")?,
            channel: text("channel")?,
            address: text("address")?,
            values: text("values")?,
        })
    };
    serde_json::from_str::<Value>(text).ok()?.as_array()?.iter().map(one).collect()
}

fn row(row: Row<'_>) -> Result<Refused, sqlx::Error> {
    let rest = from_json(row.get("fallback")?);
    Ok(Refused {
        key: row.key()?,
        rest: rest
            .ok_or_else(|| sqlx::Error::Decode("the next channels of a row are not understood".into()))?,
        run: row.get("run")?,
        rule: row.get("rule")?,
        customer: row.get("customer")?,
        occasion: row.get("occasion")?,
        kind: row.get("kind")?,
        subject: row.get("subject")?,
        zone: row.get("zone")?,
        after: row.after_key()?,
        priority: row.get("priority")?,
        at: row.get("at")?,
        expires: row.get("expires_at")?,
    })
}
