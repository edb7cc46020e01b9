//! Writing down how dispatches ended.

use super::claim::Token;
use super::{Moves, TOGETHER};
use crate::state::database::{Arg, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use tidings_plan::{Key, Outcome, Status};

/// What becomes of rows, from a key `k` and the values `a`, `b` and `c` for each, at the moment `$2`.
const SENT: &str = "state = 'sent', provider_id = a, code = CASE kind WHEN 'coupon' THEN b END, settled_at = $2, reason = NULL";
const REJECTED: &str = "state = 'rejected', reason = a, settled_at = $2";
/// Twenty times in all. `b` is for how long the provider asked, and `c` how many thousandths of the time that is
/// otherwise waited.
const AGAIN: &str = "\
    state = CASE WHEN attempts < 20 THEN 'pending' ELSE 'rejected' END, reason = a, \
    settled_at = CASE WHEN attempts < 20 THEN NULL ELSE $2 END, due_at = $2 + CASE \
        WHEN attempts > 10 THEN CASE WHEN b > 3600000 * c THEN b ELSE 3600000 * c END \
        WHEN b > c * 5000 << CAST(attempts - 1 AS INTEGER) THEN b \
        ELSE c * 5000 << CAST(attempts - 1 AS INTEGER) END";
const UNKNOWN: &str =
    "state = 'unknown', reason = a, doubted_at = COALESCE(doubted_at, dispatched_at), due_at = $2";

/// The longest time that a provider may ask for, in microseconds.
const LONGEST: i64 = 86_400_000_000;

impl State {
    /// Writes down how dispatches of a claim ended. A row that the claim no longer holds stays as it is and is
    /// counted as stale. What is to be tried again is due after 5 seconds, then 10, 20, … up to an hour, or later
    /// where the provider asks for up to a day, a little less each time, so that not all come back at once. A message
    /// that was refused is given to its next channel, if it has one and was never in doubt.
    pub async fn settle(&self, token: Token, outcomes: &[(Key, Outcome)]) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut moves = Moves { stale: outcomes.len() as u64, ..Moves::default() };
        let mut rejected = Vec::new();
        for set in [SENT, REJECTED, AGAIN, UNKNOWN] {
            let ended: Vec<[Arg; 4]> = outcomes
                .iter()
                .map(|(key, outcome)| values(*key, outcome))
                .filter(|(s, _)| *s == set)
                .map(|(_, v)| v)
                .collect();
            for rows in ended.chunks(TOGETHER) {
                let ended = write(&mut tx, token, set, rows).await?;
                moves.stale -= ended.len() as u64;
                for (key, status) in ended {
                    moves.add(status, 1);
                    rejected.extend((status == Status::Rejected).then_some(key));
                }
            }
        }
        self.take_over(&mut tx, &rejected).await?;
        tx.commit().await?;
        Ok(moves)
    }
}

async fn write(
    tx: &mut Tx,
    token: Token,
    set: &str,
    rows: &[[Arg; 4]],
) -> Result<Vec<(Key, Status)>, StateError> {
    let sql = format!(
        "WITH v(k, a, b, c) AS (VALUES {}) \
         UPDATE tidings_outbox SET {set}, strikes = 0, token = NULL, worker = NULL, leased_until = NULL \
         FROM v WHERE key = k AND token = $1 AND state = 'dispatching' RETURNING key, state",
        tuples(3, 4, rows.len())
    );
    let mut args = args![token.bytes(), tx.now];
    args.extend(rows.iter().flatten().cloned());
    tx.list(sql, args, |row| Ok((row.key()?, row.status()?))).await
}

/// What is written down, and its values.
fn values(key: Key, outcome: &Outcome) -> (&'static str, [Arg; 4]) {
    let none = || Arg::Text(None);
    match outcome {
        Outcome::Sent { provider_id, code } => (SENT, [key.into(), provider_id.into(), code.into(), none()]),
        Outcome::Rejected(reason) => (REJECTED, [key.into(), reason.into(), none(), none()]),
        Outcome::Again(reason, seconds) => {
            let asked = i64::try_from(seconds.unwrap_or(0)).unwrap_or(i64::MAX).saturating_mul(1_000_000);
            let thousandths = rand::random_range(800..=1_000_i64);
            (AGAIN, [key.into(), reason.into(), asked.min(LONGEST).into(), thousandths.into()])
        }
        Outcome::Unknown(reason) => (UNKNOWN, [key.into(), reason.into(), none(), none()]),
    }
}
