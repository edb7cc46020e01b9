//! What becomes of sends of which nobody knows whether they happened.

use super::claim::{key, status};
use super::gate::repeatable;
use super::{Moves, Outlet};
use crate::state::{State, StateError, Write};
use sqlx::Row;
use tidings_plan::{Asked, Key, OnUnknown, Status};

/// Those of an outlet that are due.
const DOUBTS: &str = "\
    SELECT key, dispatched_at, doubted_at FROM tidings_outbox \
    WHERE state = 'unknown' AND kind = ?1 AND channel = ?2 AND due_at <= ?3 ORDER BY due_at LIMIT 1000";
const HAPPENED: &str = "\
    UPDATE tidings_outbox SET state = 'sent', code = CASE kind WHEN 'coupon' THEN ?3 END, settled_at = ?4, \
        strikes = 0, reason = NULL \
    WHERE key = ?1 AND dispatched_at = ?2 AND state = 'unknown' RETURNING state";
/// There is no doubt any more: nothing happened.
const DID_NOT: &str = "\
    UPDATE tidings_outbox SET state = 'pending', doubted_at = NULL, due_at = ?3, reason = 'it had not happened' \
    WHERE key = ?1 AND dispatched_at = ?2 AND state = 'unknown' RETURNING state";
/// The same key and bytes once more.
const REPEAT: &str = "\
    UPDATE tidings_outbox SET state = 'pending', \
        due_at = ?3 + MIN(5000000 << MIN(attempts - 1, 10), 3600000000) \
    WHERE key = ?1 AND dispatched_at = ?2 AND state = 'unknown' RETURNING state";
const GIVE_UP: &str = "\
    UPDATE tidings_outbox SET state = 'unconfirmed', settled_at = ?3, reason = COALESCE(?4, reason) \
    WHERE key = ?1 AND dispatched_at = ?2 AND state = 'unknown' RETURNING state";
const LATER: &str = "\
    UPDATE tidings_outbox SET due_at = ?3, reason = COALESCE(?4, reason) \
    WHERE key = ?1 AND dispatched_at = ?2 AND state = 'unknown' RETURNING state";

/// How long a receiver that cannot tell is asked again, and how often, in microseconds.
const ASK_FOR: i64 = 86_400_000_000;
const ASK_EVERY: i64 = 30_000_000;

/// A send of which nobody knows whether it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Its key.
    pub key: Key,
    /// Which dispatch is meant: an answer about an earlier one changes nothing.
    dispatched_at: i64,
}

impl State {
    /// Deals with what is unknown in an outlet: left `unconfirmed`, sent again while the provider remembers its key,
    /// or returned to be asked about and given to [`State::answered`].
    pub async fn resolve(
        &self,
        outlet: &Outlet,
        policy: OnUnknown,
    ) -> Result<(Moves, Vec<Doubt>), StateError> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let rows = sqlx::query(DOUBTS).bind(outlet.kind.name()).bind(&outlet.channel).bind(now);
        let rows = rows.fetch_all(&mut *tx.inner).await.map_err(self.fault())?;
        let (mut moves, mut to_ask) = (Moves::default(), Vec::new());
        for row in &rows {
            let doubt = doubt(row).map_err(self.fault())?;
            let doubted_at: i64 = row.try_get("doubted_at").map_err(self.fault())?;
            let done = match policy {
                OnUnknown::Leave | OnUnknown::TwiceWithCoupon => {
                    self.step(&mut tx, GIVE_UP, doubt, now, None).await?
                }
                OnUnknown::Retry(_) if repeatable(policy, doubted_at, now) => {
                    self.step(&mut tx, REPEAT, doubt, now, None).await?
                }
                OnUnknown::Retry(_) => {
                    self.step(&mut tx, GIVE_UP, doubt, now, Some("the provider may have forgotten its key"))
                        .await?
                }
                OnUnknown::Ask(wait) => {
                    let from = doubt.dispatched_at.saturating_add_unsigned(wait.saturating_mul(1_000_000));
                    if from > now {
                        self.step(&mut tx, LATER, doubt, from, None).await?;
                    } else {
                        to_ask.push(doubt);
                    }
                    continue;
                }
            };
            moves.merge(&done);
        }
        tx.commit().await?;
        Ok((moves, to_ask))
    }

    /// Writes down what the receiver said about a doubt. An answer about a dispatch that is no longer the last one,
    /// or that somebody else has written down, changes nothing.
    pub async fn answered(&self, doubt: Doubt, asked: &Asked) -> Result<Moves, StateError> {
        let mut tx = self.begin().await?;
        let now = tx.now;
        let moves = match asked {
            Asked::Happened { code } => {
                let happened = sqlx::query(HAPPENED)
                    .bind(doubt.key.0.to_vec())
                    .bind(doubt.dispatched_at)
                    .bind(code)
                    .bind(now);
                match happened.fetch_optional(&mut *tx.inner).await.map_err(self.fault())? {
                    Some(_) => Moves::of(Status::Sent, 1),
                    None => Moves { stale: 1, ..Moves::default() },
                }
            }
            Asked::DidNot => self.step(&mut tx, DID_NOT, doubt, now, None).await?,
            Asked::CannotTell(why) if now - doubt.dispatched_at < ASK_FOR => {
                self.step(&mut tx, LATER, doubt, now + ASK_EVERY, Some(why)).await?
            }
            Asked::CannotTell(why) => self.step(&mut tx, GIVE_UP, doubt, now, Some(why)).await?,
        };
        tx.commit().await?;
        Ok(moves)
    }

    async fn step(
        &self,
        tx: &mut Write<'_>,
        statement: &'static str,
        doubt: Doubt,
        moment: i64,
        reason: Option<&str>,
    ) -> Result<Moves, StateError> {
        let step = sqlx::query(statement).bind(doubt.key.0.to_vec()).bind(doubt.dispatched_at).bind(moment);
        let step = if statement.contains("?4") { step.bind(reason) } else { step };
        let row = step.fetch_optional(&mut *tx.inner).await;
        match row.and_then(|row| row.as_ref().map(status).transpose()).map_err(self.fault())? {
            Some(status) => Ok(Moves::of(status, 1)),
            None => Ok(Moves { stale: 1, ..Moves::default() }),
        }
    }
}

fn doubt(row: &sqlx::sqlite::SqliteRow) -> Result<Doubt, sqlx::Error> {
    Ok(Doubt { key: key(row)?, dispatched_at: row.try_get("dispatched_at")? })
}
