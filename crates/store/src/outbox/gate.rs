//! The gate: the last look before anything leaves.

use super::claim::{Token, key, micros};
use super::{Moves, Outlet};
use crate::state::{State, StateError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::HashMap;
use std::time::Duration;
use tidings_plan::{Key, OnUnknown, Status};

/// What stands against each row of a claim; nothing where it may leave.
const VERDICTS: &str = "\
    SELECT key, doubted_at, CASE \
        WHEN expires_at <= ?2 THEN 'expired' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_suppressions s \
            WHERE s.channel = o.channel AND s.hash = o.address_hash) THEN 'suppressed' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_consents c \
            WHERE c.customer = o.customer AND c.channel = o.channel AND c.withdrawn = 1) THEN 'no_consent' \
        END AS verdict \
    FROM tidings_outbox o WHERE token = ?1 AND state = 'leased' AND leased_until > ?2";
const LET_OUT: &str = "\
    UPDATE tidings_outbox SET state = 'dispatching', payload = COALESCE(payload, ?), dispatched_at = ?, \
        leased_until = ?, reason = NULL \
    WHERE key = ? AND token = ?";
const REFUSE: &str = "\
    UPDATE tidings_outbox SET state = ?, reason = ?, settled_at = ?, token = NULL, worker = NULL, leased_until = NULL \
    WHERE key = ? AND token = ?";
const WAITING: &str =
    "SELECT key, channel, customer FROM tidings_outbox WHERE state = 'pending' AND kind = 'message'";
/// What may have left before is never called refused.
const REFUSE_WAITING: &str = "\
    UPDATE tidings_outbox SET waits = 0, settled_at = ?2, reason = 'the customer does not say yes any more', \
        state = CASE WHEN doubted_at IS NULL THEN 'no_consent' ELSE 'unconfirmed' END \
    WHERE key = ?1 AND state = 'pending' RETURNING state";
const RELEASE_ALL: &str = "\
    UPDATE tidings_outbox SET state = 'pending', strikes = 0, attempts = attempts - 1, token = NULL, worker = NULL, \
        leased_until = NULL WHERE token = ? AND state = 'leased'";

/// What the gate said about a claim's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gated {
    /// These are to leave now: within ten seconds, or not under this claim.
    pub open: Vec<Key>,
    /// The others.
    pub refused: Moves,
}

/// What stands against a row.
struct Verdict {
    refusal: Option<Status>,
    doubted_at: Option<i64>,
}

impl State {
    /// Looks once more at expiry, suppression and consent, and commits what is to leave before it does. `prepared`
    /// says for each row what will leave, or why it cannot be made. Where sending is stopped, all rows of the
    /// claim wait again and [`StateError::Stopped`] comes back.
    pub async fn gate(
        &self,
        token: Token,
        prepared: &[(Key, Result<String, String>)],
        policy: OnUnknown,
        lease: Duration,
    ) -> Result<Gated, StateError> {
        let mut tx = self.begin().await?;
        if let Some(why) = tx.stopped().await? {
            sqlx::query(RELEASE_ALL)
                .bind(token.bytes())
                .execute(&mut *tx.inner)
                .await
                .map_err(self.fault())?;
            tx.commit().await?;
            return Err(StateError::Stopped(why));
        }
        let now = tx.now;
        let rows = sqlx::query(VERDICTS).bind(token.bytes()).bind(now).fetch_all(&mut *tx.inner).await;
        let verdicts = rows.and_then(|rows| rows.iter().map(verdict).collect());
        let mut verdicts: HashMap<Key, Verdict> = verdicts.map_err(self.fault())?;
        let mut gated = Gated::default();
        for (key, payload) in prepared {
            let Some(verdict) = verdicts.remove(key) else {
                gated.refused.stale += 1;
                continue;
            };
            let statement = match judge(&verdict, payload, policy, now) {
                Ok(payload) => {
                    gated.open.push(*key);
                    sqlx::query(LET_OUT).bind(payload).bind(now).bind(now + micros(lease))
                }
                Err((status, reason)) => {
                    gated.refused.add(status, 1);
                    sqlx::query(REFUSE).bind(status.name()).bind(reason).bind(now)
                }
            };
            let statement = statement.bind(key.0.to_vec()).bind(token.bytes());
            statement.execute(&mut *tx.inner).await.map_err(self.fault())?;
        }
        tx.commit().await?;
        Ok(gated)
    }

    /// The messages that wait, with their channels and customers.
    pub async fn waiting_messages(&self) -> Result<Vec<(Key, String, String)>, StateError> {
        let rows = sqlx::query(WAITING).fetch_all(&self.read).await.map_err(self.fault())?;
        let message = |row| Ok((key(row)?, row.try_get("channel")?, row.try_get("customer")?));
        rows.iter().map(message).collect::<Result<_, sqlx::Error>>().map_err(self.fault())
    }

    /// Refuses messages that wait, since their customers do not say yes any more.
    pub async fn refuse_without_consent(&self, keys: &[Key]) -> Result<Moves, StateError> {
        let mut tx = self.begin().await?;
        let mut moves = Moves::default();
        for key in keys {
            let refuse = sqlx::query(REFUSE_WAITING).bind(key.0.to_vec()).bind(tx.now);
            let refused: Vec<SqliteRow> = refuse.fetch_all(&mut *tx.inner).await.map_err(self.fault())?;
            for row in refused {
                let state: String = row.try_get("state").map_err(self.fault())?;
                moves.add(Status::from_name(&state).unwrap_or(Status::NoConsent), 1);
            }
        }
        tx.commit().await?;
        Ok(moves)
    }

    /// Calls off what waits, of one outlet or of all. Returns how many rows.
    pub async fn cancel(&self, outlet: Option<&Outlet>, reason: &str) -> Result<u64, StateError> {
        const CANCEL: &str = "\
            UPDATE tidings_outbox SET waits = 0, settled_at = ?1, reason = ?2, \
                state = CASE WHEN doubted_at IS NULL THEN 'cancelled' ELSE 'unconfirmed' END \
            WHERE state = 'pending' AND (?3 IS NULL OR (kind = ?3 AND channel = ?4))";
        let mut tx = self.begin().await?;
        let cancel = sqlx::query(CANCEL)
            .bind(tx.now)
            .bind(reason)
            .bind(outlet.map(|o| o.kind.name()))
            .bind(outlet.map(|o| o.channel.as_str()));
        let cancelled = cancel.execute(&mut *tx.inner).await.map_err(self.fault())?.rows_affected();
        tx.commit().await?;
        Ok(cancelled)
    }
}

/// The payload of a row that may leave; otherwise where it ends, and why.
fn judge<'p>(
    verdict: &Verdict,
    prepared: &'p Result<String, String>,
    policy: OnUnknown,
    now: i64,
) -> Result<&'p str, (Status, &'p str)> {
    // What may have left before is never called refused.
    let end = |status| if verdict.doubted_at.is_some() { Status::Unconfirmed } else { status };
    if let Some(status) = verdict.refusal {
        return Err((end(status), reason(status)));
    }
    if verdict.doubted_at.is_some_and(|since| !repeatable(policy, since, now)) {
        return Err((Status::Unconfirmed, "the provider may have forgotten its key"));
    }
    prepared.as_deref().map_err(|why| (Status::Quarantined, why.as_str()))
}

/// Whether a send that may have happened may be sent again with the same key and bytes.
pub(super) fn repeatable(policy: OnUnknown, doubted_at: i64, now: i64) -> bool {
    match policy {
        OnUnknown::Retry(memory) => {
            let safe = i64::try_from(memory).unwrap_or(i64::MAX).saturating_mul(800_000);
            now < doubted_at.saturating_add(safe)
        }
        OnUnknown::Ask(_) | OnUnknown::Leave | OnUnknown::TwiceWithCoupon => false,
    }
}

fn reason(status: Status) -> &'static str {
    match status {
        Status::Expired => "it came too late",
        Status::Suppressed => "the address is suppressed",
        Status::NoConsent => "consent was withdrawn",
        _ => "refused",
    }
}

fn verdict(row: &sqlx::sqlite::SqliteRow) -> Result<(Key, Verdict), sqlx::Error> {
    let refusal: Option<&str> = row.try_get("verdict")?;
    Ok((
        key(row)?,
        Verdict { refusal: refusal.and_then(Status::from_name), doubted_at: row.try_get("doubted_at")? },
    ))
}
