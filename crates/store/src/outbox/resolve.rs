//! What becomes of sends of which nobody knows whether they happened.

use super::gate::Doubted;
use super::{Moves, Outlet};
use crate::state::database::{Row, Turn, Tx, args};
use crate::state::{State, StateError};
use tidings_plan::{Asked, Key, OnUnknown};

/// Those of an outlet that are due.
const DOUBTS: &str = "\
    SELECT key, dispatched_at, doubted_at, repeats, after_key FROM tidings_outbox \
    WHERE state = 'unknown' AND kind = $1 AND channel = $2 AND due_at <= $3 ORDER BY due_at LIMIT 1000";
/// What becomes of a doubt, with the moment `$3` and a text `$4`.
const HAPPENED: &str = "\
    state = 'sent', code = CASE kind WHEN 'coupon' THEN $4 END, settled_at = $3, strikes = 0, reason = NULL";
/// There is no doubt any more: nothing happened.
const DID_NOT: &str = "\
    state = 'pending', doubted_at = NULL, due_at = $3, reason = COALESCE($4, 'it had not happened')";
/// The same key and bytes once more.
const REPEAT: &str = "\
    state = 'pending', repeats = repeats + 1, reason = COALESCE($4, reason), due_at = $3 + CASE WHEN attempts > 10 THEN 3600000000 \
        ELSE CAST(5000000 AS BIGINT) << CAST(attempts - 1 AS INTEGER) END";
const GIVE_UP: &str = "state = 'unconfirmed', settled_at = $3, reason = COALESCE($4, reason)";
const LATER: &str = "due_at = $3, reason = COALESCE($4, reason)";

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
    /// Deals with what is unknown in an outlet: left `unconfirmed`, sent again while the provider remembers its key
    /// or once where it shows a coupon, or returned to be asked about and given to [`State::answered`].
    pub async fn resolve(
        &self,
        outlet: &Outlet,
        policy: OnUnknown,
    ) -> Result<(Moves, Vec<Doubt>), StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let now = tx.now;
        let select = format!("{DOUBTS} {}", tx.skipping_locked());
        let doubts = tx.list(select, args![outlet.kind.name(), &outlet.channel, now], |row| {
            Ok((doubt(row)?, doubted(row)?))
        });
        let (mut moves, mut to_ask) = (Moves::default(), Vec::new());
        for (doubt, doubted) in doubts.await? {
            let done = match policy {
                OnUnknown::TwiceWithCoupon if doubted.shows_coupon && doubted.repeats == 0 => {
                    step(&mut tx, REPEAT, doubt, now, None).await?
                }
                OnUnknown::Leave | OnUnknown::TwiceWithCoupon => {
                    step(&mut tx, GIVE_UP, doubt, now, None).await?
                }
                OnUnknown::Retry(_) if doubted.repeatable(policy, now) => {
                    step(&mut tx, REPEAT, doubt, now, None).await?
                }
                OnUnknown::Retry(_) => {
                    step(&mut tx, GIVE_UP, doubt, now, Some("the provider may have forgotten its key"))
                        .await?
                }
                OnUnknown::Ask(wait) => {
                    let from = doubt.dispatched_at.saturating_add_unsigned(wait.saturating_mul(1_000_000));
                    if from > now {
                        step(&mut tx, LATER, doubt, from, None).await?;
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
        let mut tx = self.begin(Turn::None).await?;
        let now = tx.now;
        let moves = match asked {
            Asked::Happened { code } => step(&mut tx, HAPPENED, doubt, now, code.as_deref()).await?,
            Asked::DidNot => step(&mut tx, DID_NOT, doubt, now, None).await?,
            Asked::CannotTell(why) if now - doubt.dispatched_at < ASK_FOR => {
                step(&mut tx, LATER, doubt, now + ASK_EVERY, Some(why)).await?
            }
            Asked::CannotTell(why) => step(&mut tx, GIVE_UP, doubt, now, Some(why)).await?,
        };
        tx.commit().await?;
        Ok(moves)
    }
}

/// Changes a row that is still in that doubt.
async fn step(
    tx: &mut Tx,
    set: &str,
    doubt: Doubt,
    moment: i64,
    text: Option<&str>,
) -> Result<Moves, StateError> {
    let sql = format!(
        "UPDATE tidings_outbox SET {set} WHERE key = $1 AND dispatched_at = $2 AND state = 'unknown' RETURNING state"
    );
    let row = tx.one(sql, args![doubt.key, doubt.dispatched_at, moment, text], |row| row.status()).await?;
    Ok(row.map_or(Moves { stale: 1, ..Moves::default() }, |status| Moves::of(status, 1)))
}

fn doubted(row: Row<'_>) -> Result<Doubted, sqlx::Error> {
    Ok(Doubted {
        since: row.get("doubted_at")?,
        repeats: row.get("repeats")?,
        shows_coupon: row.get::<Option<&[u8]>>("after_key")?.is_some(),
    })
}

fn doubt(row: Row<'_>) -> Result<Doubt, sqlx::Error> {
    Ok(Doubt { key: row.key()?, dispatched_at: row.get("dispatched_at")? })
}
