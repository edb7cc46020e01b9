//! Changes to attributes that the engine keeps: nothing leaves, so they are made and marked in one transaction.

use super::Moves;
use super::claim::key;
use crate::state::{State, StateError};
use sqlx::Row;
use tidings_plan::Status;

const DUE: &str = "\
    SELECT key, expires_at <= ?1 AS late FROM tidings_outbox \
    WHERE state = 'pending' AND kind = 'change' ORDER BY priority DESC, at, id LIMIT 1000";
/// `{\"set\": value}`, `{\"add\": \"tag\"}` and `{\"remove\": \"tag\"}`. Tags are a sorted JSON array without repeats.
const APPLY: &str = "\
    INSERT INTO tidings_kept (customer, attribute, value, at) \
    SELECT o.customer, o.subject, CASE \
        WHEN json_type(o.vals, '$.set') IS NOT NULL THEN o.vals -> '$.set' \
        WHEN json_type(o.vals, '$.add') IS NOT NULL THEN \
            (SELECT json_group_array(value) FROM (SELECT value FROM json_each(COALESCE(k.value, '[]')) \
                UNION SELECT o.vals ->> '$.add' ORDER BY 1)) \
        ELSE (SELECT json_group_array(value) FROM (SELECT value FROM json_each(COALESCE(k.value, '[]')) \
                EXCEPT SELECT o.vals ->> '$.remove' ORDER BY 1)) \
        END, ?2 \
    FROM tidings_outbox o LEFT JOIN tidings_kept k ON k.customer = o.customer AND k.attribute = o.subject \
    WHERE o.key = ?1 \
    ON CONFLICT (customer, attribute) DO UPDATE SET value = excluded.value, at = excluded.at";
const MARK: &str = "\
    UPDATE tidings_outbox SET state = ?2, reason = ?3, settled_at = ?4, dispatched_at = ?5, attempts = attempts + 1 \
    WHERE key = ?1";

impl State {
    /// Makes up to 1,000 of the changes that wait. Empty where there are none.
    pub async fn apply_changes(&self) -> Result<Moves, StateError> {
        let mut tx = self.begin().await?;
        if let Some(why) = tx.stopped().await? {
            return Err(StateError::Stopped(why));
        }
        let now = tx.now;
        let rows = sqlx::query(DUE).bind(now).fetch_all(&mut *tx.inner).await.map_err(self.fault())?;
        let mut moves = Moves::default();
        for row in &rows {
            let key = key(row).map_err(self.fault())?.0.to_vec();
            let late: Option<bool> = row.try_get("late").map_err(self.fault())?;
            let (status, reason, made) = match late {
                Some(true) => (Status::Expired, Some("it came too late"), None),
                _ => (Status::Sent, None, Some(now)),
            };
            if made.is_some() {
                sqlx::query(APPLY)
                    .bind(&key)
                    .bind(now)
                    .execute(&mut *tx.inner)
                    .await
                    .map_err(self.fault())?;
            }
            let mark = sqlx::query(MARK).bind(&key).bind(status.name()).bind(reason).bind(now).bind(made);
            mark.execute(&mut *tx.inner).await.map_err(self.fault())?;
            moves.add(status, 1);
        }
        tx.commit().await?;
        Ok(moves)
    }
}
