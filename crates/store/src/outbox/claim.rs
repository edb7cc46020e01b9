//! Taking rows for a while, and giving back those whose worker was lost.

use super::{Moves, Outlet};
use crate::state::{State, StateError};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::fmt;
use std::time::Duration;
use tidings_plan::{Grant, Key, Kind, Sending, Status};

/// Rows that no claim has failed on.
const CLAIM_FRESH: &str = "\
    UPDATE tidings_outbox SET state = 'leased', attempts = attempts + 1, strikes = 1, \
        token = ?1, worker = ?2, leased_until = ?3 \
    WHERE id IN (SELECT id FROM tidings_outbox \
        WHERE state = 'pending' AND waits = 0 AND kind = ?4 AND channel = ?5 AND strikes = 0 AND due_at <= ?6 \
        ORDER BY priority DESC, at, id LIMIT ?7)";
/// A row whose last worker was lost goes alone: if it is poison it takes no other with it, and if it only stood
/// beside poison it is not blamed again.
const CLAIM_STRUCK: &str = "\
    UPDATE tidings_outbox SET state = 'leased', attempts = attempts + 1, strikes = strikes + 1, \
        token = ?1, worker = ?2, leased_until = ?3 \
    WHERE id IN (SELECT id FROM tidings_outbox \
        WHERE state = 'pending' AND waits = 0 AND kind = ?4 AND channel = ?5 AND strikes BETWEEN 1 AND 7 AND due_at <= ?6 \
        ORDER BY strikes, priority DESC, at, id LIMIT 1)";
const CLAIMED: &str = "\
    SELECT o.key, o.kind, o.channel, o.subject, o.address, o.customer, o.rule, o.vals, o.at, o.payload, o.attempts, \
        g.code, g.vals ->> '$.coupon.value' AS value, g.vals ->> '$.coupon.label' AS label, \
        CAST(g.vals ->> '$.coupon.expires' AS INTEGER) AS grant_expires \
    FROM tidings_outbox o LEFT JOIN tidings_outbox g ON g.key = o.after_key \
    WHERE o.token = ? ORDER BY o.priority DESC, o.at, o.id";
const RENEW: &str = "UPDATE tidings_outbox SET leased_until = ? WHERE token = ?";
/// What was given back untried was no attempt.
const RELEASE: &str = "\
    UPDATE tidings_outbox SET state = 'pending', strikes = 0, attempts = attempts - 1, token = NULL, worker = NULL, \
        leased_until = NULL WHERE key = ? AND token = ?";

/// Nothing of these had left.
const RECOVER_LEASED: &str = "\
    UPDATE tidings_outbox SET state = 'pending', token = NULL, worker = NULL, leased_until = NULL \
    WHERE leased_until <= ? AND state = 'leased'";
/// These may have left, and are never blindly sent again.
const RECOVER_DISPATCHING: &str = "\
    UPDATE tidings_outbox SET state = 'unknown', token = NULL, worker = NULL, leased_until = NULL, \
        doubted_at = COALESCE(doubted_at, dispatched_at), reason = 'the worker was lost while it was leaving' \
    WHERE leased_until <= ? AND state = 'dispatching'";
const QUARANTINE: &str = "\
    UPDATE tidings_outbox SET state = 'quarantined', waits = 0, settled_at = ?, \
        reason = 'eight workers in a row were lost over it' \
    WHERE state = 'pending' AND strikes > 0 AND strikes >= 8";

/// What a claim's later writes are compared with. Random, so that a worker that slept past its lease cannot
/// touch what has since been taken over.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Rows that a worker holds for a while.
#[derive(Clone, Debug)]
pub struct Claim {
    /// What later writes show.
    pub token: Token,
    /// The rows, the most urgent first.
    pub rows: Vec<Claimed>,
}

/// A row that a worker holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    /// What is sent.
    pub sending: Sending,
    /// The coupon that it shows.
    pub grant: Option<Grant>,
    /// What was prepared for it before: a repeat is the same bytes.
    pub payload: Option<String>,
    /// How often it has been claimed, this time included.
    pub attempts: u32,
}

/// What became of rows whose worker was lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Nothing had left: they wait again.
    pub returned: u64,
    /// They may have left.
    pub unknown: u64,
    /// Eight workers in a row were lost over them. Fewer say little: whoever kills workers at random, as the system does
    /// when memory runs out, hits some row each time.
    pub quarantined: u64,
}

impl Recovered {
    /// Counts all of another.
    pub fn add(&mut self, other: Recovered) {
        self.returned += other.returned;
        self.unknown += other.unknown;
        self.quarantined += other.quarantined;
    }
}

impl State {
    /// Takes up to `limit` rows of an outlet that are due, for the length of the lease. Empty where there are none.
    pub async fn claim(
        &self,
        worker: &str,
        outlet: &Outlet,
        limit: u32,
        lease: Duration,
    ) -> Result<Claim, StateError> {
        let mut tx = self.begin().await?;
        if let Some(why) = tx.stopped().await? {
            return Err(StateError::Stopped(why));
        }
        let token = Token(rand::random());
        for statement in [CLAIM_FRESH, CLAIM_STRUCK] {
            let claim = sqlx::query(statement)
                .bind(token.bytes())
                .bind(worker)
                .bind(tx.now + micros(lease))
                .bind(outlet.kind.name())
                .bind(&outlet.channel)
                .bind(tx.now)
                .bind(limit);
            if claim.execute(&mut *tx.inner).await.map_err(self.fault())?.rows_affected() > 0 {
                break;
            }
        }
        let rows = sqlx::query(CLAIMED).bind(token.bytes()).fetch_all(&mut *tx.inner).await;
        let rows = rows.and_then(|rows| rows.iter().map(claimed).collect()).map_err(self.fault())?;
        tx.commit().await?;
        Ok(Claim { token, rows })
    }

    /// Holds a claim's rows for the length of the lease from now on. Returns how many are still held.
    pub async fn renew(&self, token: Token, lease: Duration) -> Result<u64, StateError> {
        let mut tx = self.begin().await?;
        let renew = sqlx::query(RENEW).bind(tx.now + micros(lease)).bind(token.bytes());
        let held = renew.execute(&mut *tx.inner).await.map_err(self.fault())?.rows_affected();
        tx.commit().await?;
        Ok(held)
    }

    /// Gives rows back of which the worker knows that nothing has left.
    pub async fn release(&self, token: Token, keys: &[Key]) -> Result<Moves, StateError> {
        let mut moves = Moves::default();
        let mut tx = self.begin().await?;
        for key in keys {
            let release = sqlx::query(RELEASE).bind(key.0.to_vec()).bind(token.bytes());
            let released = release.execute(&mut *tx.inner).await.map_err(self.fault())?.rows_affected();
            moves.add(Status::Pending, released);
            moves.stale += 1 - released;
        }
        tx.commit().await?;
        Ok(moves)
    }

    /// Takes rows back whose lease has run out.
    pub async fn recover(&self) -> Result<Recovered, StateError> {
        let mut tx = self.begin().await?;
        let mut counts = [0; 3];
        for (statement, count) in
            [RECOVER_LEASED, RECOVER_DISPATCHING, QUARANTINE].into_iter().zip(&mut counts)
        {
            let done =
                sqlx::query(statement).bind(tx.now).execute(&mut *tx.inner).await.map_err(self.fault())?;
            *count = done.rows_affected();
        }
        tx.commit().await?;
        let [returned, unknown, quarantined] = counts;
        Ok(Recovered { returned, unknown, quarantined })
    }
}

fn claimed(row: &SqliteRow) -> Result<Claimed, sqlx::Error> {
    let code: Option<String> = row.try_get("code")?;
    let grant = match code {
        Some(code) => Some(Grant {
            code,
            value: row.try_get::<Option<String>, _>("value")?.unwrap_or_default(),
            label: row.try_get("label")?,
            expires: row.try_get("grant_expires")?,
        }),
        None => None,
    };
    let sending = Sending {
        key: key(row)?,
        kind: kind(row)?,
        channel: row.try_get("channel")?,
        subject: row.try_get("subject")?,
        address: row.try_get("address")?,
        customer: row.try_get("customer")?,
        rule: row.try_get("rule")?,
        values: row.try_get("vals")?,
        at: row.try_get("at")?,
    };
    Ok(Claimed { sending, grant, payload: row.try_get("payload")?, attempts: row.try_get("attempts")? })
}

pub(super) fn key(row: &SqliteRow) -> Result<Key, sqlx::Error> {
    let bytes: &[u8] = row.try_get("key")?;
    bytes.try_into().map(Key).map_err(|_| sqlx::Error::Decode("a key is not 16 bytes long".into()))
}

pub(super) fn kind(row: &SqliteRow) -> Result<Kind, sqlx::Error> {
    let name: &str = row.try_get("kind")?;
    Kind::from_name(name).ok_or_else(|| sqlx::Error::Decode(format!("there is no kind `{name}`").into()))
}

pub(super) fn status(row: &SqliteRow) -> Result<Status, sqlx::Error> {
    let name: &str = row.try_get("state")?;
    Status::from_name(name).ok_or_else(|| sqlx::Error::Decode(format!("there is no state `{name}`").into()))
}

pub(super) fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 4)
}
