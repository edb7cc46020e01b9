//! Changes to attributes that the engine keeps: nothing leaves, so they are made and marked in one transaction.

use super::{Moves, TOGETHER};
use crate::state::database::{Arg, Row, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use std::collections::BTreeMap;
use tidings_plan::past::changed;
use tidings_plan::{Key, Status};

/// A change that is due.
struct Change {
    key: Key,
    /// The customer and the attribute.
    of: (String, String),
    values: String,
    /// What was there before this batch.
    kept: Option<String>,
    late: bool,
}

impl State {
    /// Makes up to 1,000 of the changes that wait, those of earlier runs first, and in a run those of the higher priority:
    /// as each page of a run has what comes behind those before it, the last word is the same however often somebody looks.
    /// Empty where there are none.
    pub async fn apply_changes(&self) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::Changes).await?;
        let paused = self.paused(&mut tx).await?;
        if let Some(why) = paused.all {
            return Err(StateError::Stopped(why));
        }
        let now = tx.now;
        // Whoever calls one of them off waits until it is made, or it is not.
        let lock = if tx.is_postgres() { "FOR UPDATE OF o" } else { "" };
        let sql = format!(
            "SELECT o.key, o.customer, o.subject, o.vals, k.value, \
                 CASE WHEN o.expires_at <= $1 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END AS late \
             FROM tidings_outbox AS o {} \
                 LEFT JOIN tidings_kept k ON k.customer = o.customer AND k.attribute = o.subject \
             WHERE o.state = 'pending' AND o.kind = 'change' AND o.channel = 'state' AND o.strikes = 0 \
                 AND o.waits = 0 AND o.hold IS NULL {} \
             ORDER BY o.at, o.priority DESC, o.id LIMIT 1000 {lock}",
            tx.by("tidings_outbox_changes"),
            paused.not_by_rule(2)
        );
        let mut args = args![now];
        args.extend(paused.rules.iter().map(Arg::from));
        let due = tx.list(sql, args, change).await?;
        let (mut made, mut late, mut kept) = (Vec::new(), Vec::new(), BTreeMap::new());
        for change in due {
            if change.late {
                late.push(change.key);
                continue;
            }
            made.push(change.key);
            let value = kept.entry(change.of).or_insert(change.kept);
            *value = Some(changed(value.as_deref(), &change.values));
        }
        keep(&mut tx, kept.into_iter().collect()).await?;
        mark(&mut tx, "state = 'sent', dispatched_at = $1", &made).await?;
        mark(&mut tx, "state = 'expired', reason = 'it came too late'", &late).await?;
        tx.commit().await?;
        let mut moves = Moves::of(Status::Sent, made.len() as u64);
        moves.add(Status::Expired, late.len() as u64);
        Ok(moves)
    }
}

async fn keep(tx: &mut Tx, kept: Vec<((String, String), Option<String>)>) -> Result<(), StateError> {
    for rows in kept.chunks(TOGETHER) {
        let sql = format!(
            "INSERT INTO tidings_kept (customer, attribute, value, at) VALUES {} \
             ON CONFLICT (customer, attribute) DO UPDATE SET value = excluded.value, at = excluded.at",
            tuples(1, 4, rows.len())
        );
        let now = tx.now;
        let row = |((customer, attribute), value): &((String, String), Option<String>)| {
            args![customer, attribute, value, now]
        };
        tx.execute(sql, rows.iter().flat_map(row).collect()).await?;
    }
    Ok(())
}

async fn mark(tx: &mut Tx, set: &str, keys: &[Key]) -> Result<(), StateError> {
    for keys in keys.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(k) AS (VALUES {}) \
             UPDATE tidings_outbox SET {set}, settled_at = $1, attempts = attempts + 1 FROM v WHERE key = k",
            tuples(2, 1, keys.len())
        );
        let mut args = args![tx.now];
        args.extend(keys.iter().map(|key| Arg::from(*key)));
        tx.execute(sql, args).await?;
    }
    Ok(())
}

fn change(row: Row<'_>) -> Result<Change, sqlx::Error> {
    Ok(Change {
        key: row.key()?,
        of: (row.get("customer")?, row.get("subject")?),
        values: row.get("vals")?,
        kept: row.get("value")?,
        late: row.flag("late")?,
    })
}
