//! The gate: the last look before anything leaves.

use super::claim::{Token, micros};
use super::{Moves, Outlet, TOGETHER};
use crate::state::database::{Arg, Row, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use std::collections::HashMap;
use std::time::Duration;
use tidings_plan::{Key, OnUnknown, Status};

/// What stands against each row of a claim; nothing where it may leave.
const VERDICTS: &str = "\
    SELECT key, doubted_at, CASE \
        WHEN expires_at <= $2 THEN 'expired' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_suppressions s \
            WHERE s.channel = o.channel AND s.hash = o.address_hash) THEN 'suppressed' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_consents c \
            WHERE c.customer = o.customer AND c.channel = o.channel AND c.withdrawn = 1) THEN 'no_consent' \
        END AS verdict, rule, channel \
    FROM tidings_outbox o WHERE token = $1 AND state = 'leased' AND leased_until > $2";
const WAITING: &str =
    "SELECT key, channel, customer FROM tidings_outbox WHERE state = 'pending' AND kind = 'message'";
const RELEASE_ALL: &str = "\
    UPDATE tidings_outbox SET state = 'pending', strikes = 0, attempts = attempts - 1, token = NULL, worker = NULL, \
        leased_until = NULL WHERE token = $1 AND state = 'leased'";

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
        let mut tx = self.begin(Turn::Gate).await?;
        let paused = self.paused(&mut tx).await?;
        if let Some(why) = paused.all {
            tx.execute(RELEASE_ALL, args![token.bytes()]).await?;
            tx.commit().await?;
            return Err(StateError::Stopped(why));
        }
        let now = tx.now;
        let select = format!("{VERDICTS} {}", tx.locking());
        let verdicts = tx.list(select, args![token.bytes(), now], verdict).await?;
        let mut verdicts: HashMap<Key, Verdict> = verdicts.into_iter().collect();
        let mut gated = Gated::default();
        let (mut leaving, mut ending) = (Vec::new(), Vec::new());
        for (key, payload) in prepared {
            let Some(verdict) = verdicts.remove(key) else {
                gated.refused.stale += 1;
                continue;
            };
            match judge(&verdict, payload, policy, now) {
                Ok(payload) => leaving.push((*key, payload)),
                Err((status, reason)) => ending.push((*key, status, reason)),
            }
        }
        let_out(&mut tx, token, &leaving, lease).await?;
        refuse(&mut tx, token, &ending).await?;
        tx.commit().await?;
        gated.open = leaving.into_iter().map(|(key, _)| key).collect();
        ending.into_iter().for_each(|(_, status, _)| gated.refused.add(status, 1));
        Ok(gated)
    }

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
                 UPDATE tidings_outbox SET waits = 0, settled_at = $1, hold = NULL, \
                     reason = 'the customer does not say yes any more', \
                     state = CASE WHEN doubted_at IS NULL THEN 'no_consent' ELSE 'unconfirmed' END \
                 FROM v WHERE key = k AND state = 'pending' RETURNING state",
                tuples(2, 1, keys.len())
            );
            let mut args = args![tx.now];
            args.extend(keys.iter().map(|key| Arg::from(*key)));
            tx.list(sql, args, |row| row.status()).await?.into_iter().for_each(|status| moves.add(status, 1));
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

async fn let_out(
    tx: &mut Tx,
    token: Token,
    leaving: &[(Key, &str)],
    lease: Duration,
) -> Result<(), StateError> {
    for rows in leaving.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(k, made) AS (VALUES {}) \
             UPDATE tidings_outbox SET state = 'dispatching', payload = COALESCE(payload, made), \
                 dispatched_at = $2, leased_until = $3, reason = NULL \
             FROM v WHERE key = k AND token = $1",
            tuples(4, 2, rows.len())
        );
        let (now, until) = (tx.now, tx.now + micros(lease));
        let mut args = args![token.bytes(), now, until];
        args.extend(rows.iter().flat_map(|(key, payload)| args![*key, *payload]));
        tx.execute(sql, args).await?;
    }
    Ok(())
}

async fn refuse(tx: &mut Tx, token: Token, ending: &[(Key, Status, &str)]) -> Result<(), StateError> {
    for rows in ending.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(k, ends, why) AS (VALUES {}) \
             UPDATE tidings_outbox SET state = ends, reason = why, settled_at = $2, \
                 token = NULL, worker = NULL, leased_until = NULL \
             FROM v WHERE key = k AND token = $1",
            tuples(3, 3, rows.len())
        );
        let mut args = args![token.bytes(), tx.now];
        args.extend(rows.iter().flat_map(|(key, status, why)| args![*key, status.name(), *why]));
        tx.execute(sql, args).await?;
    }
    Ok(())
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

fn verdict(row: Row<'_>) -> Result<(Key, Verdict), sqlx::Error> {
    let refusal: Option<&str> = row.get("verdict")?;
    Ok((
        row.key()?,
        Verdict { refusal: refusal.and_then(Status::from_name), doubted_at: row.get("doubted_at")? },
    ))
}
