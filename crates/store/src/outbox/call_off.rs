//! Calling off what waits.

use super::{Moves, Outlet, TOGETHER};
use crate::state::database::{Arg, Turn, args, tuples};
use crate::state::{State, StateError};
use tidings_plan::Key;

const WAITING: &str =
    "SELECT key, channel, customer FROM tidings_outbox WHERE state = 'pending' AND kind = 'message'";

impl State {
    /// The messages that wait, with their channels and customers.
    pub async fn waiting_messages(&self) -> Result<Vec<(Key, String, String)>, StateError> {
        let mut tx = self.snapshot().await?;
        tx.list(WAITING, args![], |row| Ok((row.key()?, row.get("channel")?, row.get("customer")?))).await
    }

    /// Refuses messages that wait, since their customers do not say yes any more.
    pub async fn refuse_without_consent(&self, keys: &[Key]) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut moves = Moves::default();
        for keys in keys.chunks(TOGETHER) {
            // What may have left before is never called refused.
            let sql = format!(
                "WITH v(k) AS (VALUES {}) \
                 UPDATE tidings_outbox SET waits = 0, hold = NULL, settled_at = $1, \
                     reason = 'the customer does not say yes any more', \
                     state = CASE WHEN doubted_at IS NULL THEN 'no_consent' ELSE 'unconfirmed' END \
                 FROM v WHERE key = k AND state = 'pending' RETURNING state",
                tuples(2, 1, keys.len())
            );
            let mut args = args![tx.now];
            args.extend(keys.iter().map(|key| Arg::from(*key)));
            for status in tx.list(sql, args, |row| row.status()).await? {
                moves.add(status, 1);
            }
        }
        tx.commit().await?;
        Ok(moves)
    }

    /// Calls off what waits, of one outlet or of all. Returns how many rows.
    pub async fn cancel(&self, outlet: Option<&Outlet>, reason: &str) -> Result<u64, StateError> {
        let mut tx = self.begin(Turn::No).await?;
        let mut args = args![tx.now, reason];
        let of = match outlet {
            Some(outlet) => {
                args.extend(args![outlet.kind.name(), &outlet.channel]);
                "AND kind = $3 AND channel = $4"
            }
            None => "",
        };
        let sql = format!(
            "UPDATE tidings_outbox SET waits = 0, settled_at = $1, reason = $2, \
                 state = CASE WHEN doubted_at IS NULL THEN 'cancelled' ELSE 'unconfirmed' END \
             WHERE state = 'pending' {of}"
        );
        let cancelled = tx.execute(sql, args).await?;
        tx.commit().await?;
        Ok(cancelled)
    }
}
