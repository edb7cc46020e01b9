//! Writing down how dispatches ended.

use super::claim::Token;
use super::{Moves, TOGETHER};
use crate::state::database::{Arg, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use tidings_plan::{Key, Outcome};

/// What becomes of rows, from a key `k` and two values `a` and `b` for each, at the moment `$2`.
const SENT: &str = "state = 'sent', provider_id = a, code = CASE kind WHEN 'coupon' THEN b END, settled_at = $2, reason = NULL";
const REJECTED: &str = "state = 'rejected', reason = a, settled_at = $2";
/// Twenty times in all.
const AGAIN: &str = "\
    state = CASE WHEN attempts < 20 THEN 'pending' ELSE 'rejected' END, reason = a, \
    settled_at = CASE WHEN attempts < 20 THEN NULL ELSE $2 END, due_at = $2 + CASE \
        WHEN attempts > 10 THEN CASE WHEN b > 3600000000 THEN b ELSE 3600000000 END \
        WHEN b > CAST(5000000 AS BIGINT) << CAST(attempts - 1 AS INTEGER) THEN b \
        ELSE CAST(5000000 AS BIGINT) << CAST(attempts - 1 AS INTEGER) END";
const UNKNOWN: &str =
    "state = 'unknown', reason = a, doubted_at = COALESCE(doubted_at, dispatched_at), due_at = $2";

/// The longest time that a provider may ask for, in microseconds.
const LONGEST: i64 = 86_400_000_000;

impl State {
    /// Writes down how dispatches of a claim ended. A row that the claim no longer holds stays as it is and is
    /// counted as stale. What is to be tried again is due after 5 seconds, then 10, 20, … up to an hour, or later
    /// where the provider asks for up to a day.
    pub async fn settle(&self, token: Token, outcomes: &[(Key, Outcome)]) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut moves = Moves { stale: outcomes.len() as u64, ..Moves::default() };
        for set in [SENT, REJECTED, AGAIN, UNKNOWN] {
            let ended: Vec<[Arg; 3]> = outcomes
                .iter()
                .map(|(key, outcome)| values(*key, outcome))
                .filter(|(s, _)| *s == set)
                .map(|(_, v)| v)
                .collect();
            for rows in ended.chunks(TOGETHER) {
                write(&mut tx, token, set, rows, &mut moves).await?;
            }
        }
        tx.commit().await?;
        Ok(moves)
    }
}

async fn write(
    tx: &mut Tx,
    token: Token,
    set: &str,
    rows: &[[Arg; 3]],
    moves: &mut Moves,
) -> Result<(), StateError> {
    let sql = format!(
        "WITH v(k, a, b) AS (VALUES {}) \
         UPDATE tidings_outbox SET {set}, strikes = 0, token = NULL, worker = NULL, leased_until = NULL \
         FROM v WHERE key = k AND token = $1 AND state = 'dispatching' RETURNING state",
        tuples(3, 3, rows.len())
    );
    let mut args = args![token.bytes(), tx.now];
    args.extend(rows.iter().flatten().cloned());
    for status in tx.list(sql, args, |row| row.status()).await? {
        moves.add(status, 1);
        moves.stale -= 1;
    }
    Ok(())
}

/// What is written down, and its values.
fn values(key: Key, outcome: &Outcome) -> (&'static str, [Arg; 3]) {
    let none = Arg::Text(None);
    match outcome {
        Outcome::Sent { provider_id, code } => (SENT, [key.into(), provider_id.into(), code.into()]),
        Outcome::Rejected(reason) => (REJECTED, [key.into(), reason.into(), none]),
        Outcome::Again(reason, seconds) => {
            let asked = i64::try_from(seconds.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            (AGAIN, [key.into(), reason.into(), asked.min(LONGEST).into()])
        }
        Outcome::Unknown(reason) => (UNKNOWN, [key.into(), reason.into(), none]),
    }
}
