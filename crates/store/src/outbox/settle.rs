//! Writing down how dispatches ended.

use super::claim::{Token, status};
use super::{Moves, Statement};
use crate::state::{State, StateError};
use tidings_plan::{Key, Outcome};

const SENT: &str = "\
    UPDATE tidings_outbox SET state = 'sent', provider_id = ?3, code = CASE kind WHEN 'coupon' THEN ?4 END, \
        settled_at = ?5, strikes = 0, reason = NULL, token = NULL, worker = NULL, leased_until = NULL \
    WHERE key = ?1 AND token = ?2 AND state = 'dispatching' RETURNING state";
const REJECTED: &str = "\
    UPDATE tidings_outbox SET state = 'rejected', reason = ?3, \
        settled_at = ?4, strikes = 0, token = NULL, worker = NULL, leased_until = NULL \
    WHERE key = ?1 AND token = ?2 AND state = 'dispatching' RETURNING state";
/// Again after 5 seconds, then 10, 20, … up to an hour, or later where the provider asks for up to a day; twenty
/// times in all.
const AGAIN: &str = "\
    UPDATE tidings_outbox SET state = CASE WHEN attempts < 20 THEN 'pending' ELSE 'rejected' END, reason = ?3, \
        due_at = ?4 + MAX(MIN(5000000 << MIN(attempts - 1, 10), 3600000000), MIN(?5, 86400000000)), \
        settled_at = CASE WHEN attempts < 20 THEN NULL ELSE ?4 END, \
        strikes = 0, token = NULL, worker = NULL, leased_until = NULL \
    WHERE key = ?1 AND token = ?2 AND state = 'dispatching' RETURNING state";
const UNKNOWN: &str = "\
    UPDATE tidings_outbox SET state = 'unknown', reason = ?3, \
        doubted_at = COALESCE(doubted_at, dispatched_at), \
        due_at = ?4, strikes = 0, token = NULL, worker = NULL, leased_until = NULL \
    WHERE key = ?1 AND token = ?2 AND state = 'dispatching' RETURNING state";

impl State {
    /// Writes down how dispatches of a claim ended. A row that the claim no longer holds stays as it is and is
    /// counted as stale.
    pub async fn settle(&self, token: Token, outcomes: &[(Key, Outcome)]) -> Result<Moves, StateError> {
        let mut moves = Moves::default();
        let mut tx = self.begin().await?;
        for (key, outcome) in outcomes {
            let row = settlement(token, *key, outcome, tx.now).fetch_optional(&mut *tx.inner).await;
            match row.and_then(|row| row.as_ref().map(status).transpose()).map_err(self.fault())? {
                Some(status) => moves.add(status, 1),
                None => moves.stale += 1,
            }
        }
        tx.commit().await?;
        Ok(moves)
    }
}

fn settlement(token: Token, key: Key, outcome: &Outcome, now: i64) -> Statement<'_> {
    let start =
        |statement: &'static str| sqlx::query(statement).bind(key.0.to_vec()).bind(token.bytes().to_vec());
    match outcome {
        Outcome::Sent { provider_id, code } => start(SENT).bind(provider_id).bind(code).bind(now),
        Outcome::Rejected(reason) => start(REJECTED).bind(reason).bind(now),
        Outcome::Again(reason, seconds) => {
            let asked = i64::try_from(seconds.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            start(AGAIN).bind(reason).bind(now).bind(asked)
        }
        Outcome::Unknown(reason) => start(UNKNOWN).bind(reason).bind(now),
    }
}
