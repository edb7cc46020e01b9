//! Taking rows for a while, and giving back those whose worker was lost.

use super::rates::Taken;
use super::{Moves, Outlet, TOGETHER, by_rule, holds};
use crate::state::database::{Arg, Row, Turn, Tx, args, tuples};
use crate::state::{Paused, State, StateError};
use std::fmt;
use std::time::Duration;
use tidings_plan::{Grant, Key, Rate, Sending, Status};

/// Which rows may be claimed.
pub(super) const FREE: &str =
    "state = 'pending' AND waits = 0 AND hold IS NULL AND kind = $4 AND channel = $5 AND due_at <= $6";
/// What becomes of those that were picked.
pub(super) const LEASE: &str = "\
    UPDATE tidings_outbox SET state = 'leased', attempts = attempts + 1, strikes = strikes + 1, \
        token = $1, worker = $2, leased_until = $3 \
    WHERE id IN (SELECT id FROM picked)";

/// Rows by how many claims have failed on them, in which order they go, and how many at once.
pub(super) struct Strikes {
    pub(super) which: &'static str,
    pub(super) order: &'static str,
    pub(super) limit: &'static str,
}

/// Rows that no claim has failed on.
const FRESH: Strikes = Strikes { which: "strikes = 0", order: "o.priority DESC, o.at, o.id", limit: "$7" };
/// A row whose last worker was lost goes alone: if it is poison it takes no other with it, and if it only stood
/// beside poison it is not blamed again.
const STRUCK: Strikes =
    Strikes { which: "strikes BETWEEN 1 AND 7", order: "o.strikes, o.priority DESC, o.at, o.id", limit: "1" };
/// How many due rows are many.
const SOON: usize = 500;
const CLAIMED: &str = "\
    SELECT o.key, o.kind, o.channel, o.subject, o.address, o.customer, o.rule, o.vals, o.at, o.payload, o.attempts, \
        g.code, g.vals AS grant_vals \
    FROM tidings_outbox o LEFT JOIN tidings_outbox g ON g.key = o.after_key \
    WHERE o.token = $1 ORDER BY o.priority DESC, o.at, o.id";
const RENEW: &str = "UPDATE tidings_outbox SET leased_until = $1 WHERE token = $2";

/// What becomes of rows of lost workers, and of which, and the index that has those.
const RECOVER: [(&str, &str, &str); 3] = [
    // Nothing of these had left: a blow to the row, but no attempt that the next one has to wait for.
    (
        "tidings_outbox_token",
        "state = 'pending', attempts = attempts - 1, token = NULL, worker = NULL, leased_until = NULL",
        "token IS NOT NULL AND leased_until <= $1 AND state = 'leased'",
    ),
    // These may have left, and are never blindly sent again.
    (
        "tidings_outbox_token",
        "state = 'unknown', token = NULL, worker = NULL, leased_until = NULL, \
         doubted_at = COALESCE(doubted_at, dispatched_at), reason = 'the worker was lost while it was leaving'",
        "token IS NOT NULL AND leased_until <= $1 AND state = 'dispatching'",
    ),
    (
        "tidings_outbox_struck",
        "state = 'quarantined', waits = 0, settled_at = $1, reason = 'eight workers in a row were lost over it'",
        "state = 'pending' AND strikes > 0 AND strikes >= 8",
    ),
];

/// What a claim's later writes are compared with. Random, so that a worker that slept past its lease cannot
/// touch what has since been taken over.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Token([u8; 16]);

impl Token {
    pub(super) fn bytes(self) -> Vec<u8> {
        self.0.to_vec()
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
    /// They expired before a person let them go.
    pub over_limit: u64,
}

impl Recovered {
    /// Counts all of another.
    pub fn add(&mut self, other: Recovered) {
        self.returned += other.returned;
        self.unknown += other.unknown;
        self.quarantined += other.quarantined;
        self.over_limit += other.over_limit;
    }
}

impl State {
    /// Takes up to `limit` rows of an outlet that are due, for the length of the lease, and no more than its rate lets
    /// go at this moment. Empty where there are none.
    pub async fn claim(
        &self,
        worker: &str,
        outlet: &Outlet,
        limit: u32,
        lease: Duration,
        rate: Option<Rate>,
    ) -> Result<Claim, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let paused = self.paused(&mut tx).await?;
        if let Some(why) = paused.all {
            return Err(StateError::Stopped(why));
        }
        let token = Token(rand::random());
        let mut claim = Claim { token, rows: Vec::new() };
        if paused.channels.contains(&outlet.channel) {
            return Ok(claim);
        }
        let taken = match rate {
            Some(rate) => Some(Taken::new(&mut tx, outlet.rate_name(), rate).await?),
            None => None,
        };
        let limit = taken.as_ref().map_or(limit, |taken| taken.left().min(limit));
        if limit > 0 {
            lease_rows(&mut tx, token, worker, outlet, (limit, lease), &paused).await?;
            claim.rows = tx.list(CLAIMED, args![token.bytes()], claimed).await?;
        }
        if let Some(mut taken) = taken {
            taken.used(u32::try_from(claim.rows.len()).unwrap_or(u32::MAX));
            taken.keep(&mut tx).await?;
        }
        tx.commit().await?;
        Ok(claim)
    }

    /// Holds a claim's rows for the length of the lease from now on. Returns how many are still held.
    pub async fn renew(&self, token: Token, lease: Duration) -> Result<u64, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let until = tx.now + micros(lease);
        let held = tx.execute(RENEW, args![until, token.bytes()]).await?;
        tx.commit().await?;
        Ok(held)
    }

    /// Gives rows back of which the worker knows that nothing has left, also those that were let out. What was given
    /// back untried was no attempt.
    pub async fn release(&self, token: Token, keys: &[Key]) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut released = 0;
        for keys in keys.chunks(TOGETHER) {
            let sql = format!(
                "WITH v(k) AS (VALUES {}) \
                 UPDATE tidings_outbox SET state = 'pending', strikes = 0, attempts = attempts - 1, \
                     dispatched_at = CASE state WHEN 'dispatching' THEN doubted_at ELSE dispatched_at END, \
                     token = NULL, worker = NULL, leased_until = NULL \
                 FROM v WHERE key = k AND token = $1",
                tuples(2, 1, keys.len())
            );
            let mut args = args![token.bytes()];
            args.extend(keys.iter().map(|key| Arg::from(*key)));
            released += tx.execute(sql, args).await?;
        }
        tx.commit().await?;
        Ok(Moves { stale: keys.len() as u64 - released, ..Moves::of(Status::Pending, released) })
    }

    /// Takes rows back whose lease has run out, and ends those that expired while they waited for a person.
    pub async fn recover(&self) -> Result<Recovered, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut counts = [0; 3];
        for ((by, set, which), count) in RECOVER.into_iter().zip(&mut counts) {
            let sql = format!(
                "WITH picked AS MATERIALIZED (SELECT id FROM tidings_outbox {} WHERE {which} {}) \
                 UPDATE tidings_outbox SET {set} WHERE id IN (SELECT id FROM picked)",
                tx.by(by),
                tx.skipping_locked()
            );
            let now = tx.now;
            *count = tx.execute(sql, args![now]).await?;
        }
        let over_limit = holds::expire(&mut tx).await?;
        tx.commit().await?;
        let [returned, unknown, quarantined] = counts;
        Ok(Recovered { returned, unknown, quarantined, over_limit })
    }
}

async fn lease_rows(
    tx: &mut Tx,
    token: Token,
    worker: &str,
    outlet: &Outlet,
    (limit, lease): (u32, Duration),
    paused: &Paused,
) -> Result<(), StateError> {
    let until = tx.now + micros(lease);
    let mut args = args![token.bytes(), worker, until, outlet.kind.name(), &outlet.channel, tx.now, limit];
    if !paused.rules.is_empty() {
        args.extend(paused.rules.iter().map(Arg::from));
        for strikes in [FRESH, STRUCK] {
            if tx.execute(by_rule::lease(tx, paused, strikes), args.clone()).await? > 0 {
                break;
            }
        }
        return Ok(());
    }
    let ids = soon(tx, outlet).await?;
    // Where many are due, the most urgent are found in their order; few are looked at one by one, so that the many
    // beside them that are not due cost nothing.
    let (by, among) = match ids.len() {
        0 => return Ok(()),
        n if n < SOON => (tx.by_id().to_owned(), format!("AND id IN (VALUES {})", tuples(8, 1, n))),
        _ => {
            tx.by_order().await?;
            (tx.by("tidings_outbox_claim"), String::new())
        }
    };
    if !among.is_empty() {
        args.extend(ids.into_iter().map(Arg::from));
    }
    for Strikes { which, order, limit } in [FRESH, STRUCK] {
        // The rows are picked once, also where the statement is planned as if it could be more than once.
        let sql = format!(
            "WITH picked AS MATERIALIZED \
                 (SELECT id FROM tidings_outbox AS o {by} WHERE {FREE} {among} AND {which} ORDER BY {order} LIMIT {limit} {}) \
             {LEASE}",
            tx.skipping_locked()
        );
        if tx.execute(sql, args.clone()).await? > 0 {
            break;
        }
    }
    Ok(())
}

/// Up to [`SOON`] rows that are due, found without a look at those that are not.
async fn soon(tx: &mut Tx, outlet: &Outlet) -> Result<Vec<i64>, StateError> {
    let sql = format!(
        "SELECT id FROM tidings_outbox {} WHERE state = 'pending' AND waits = 0 AND hold IS NULL \
             AND kind = $1 AND channel = $2 AND due_at <= $3 AND strikes < 8 ORDER BY due_at LIMIT {SOON}",
        tx.by("tidings_outbox_due")
    );
    tx.list(sql, args![outlet.kind.name(), &outlet.channel, tx.now], |row| row.get("id")).await
}

fn claimed(row: Row<'_>) -> Result<Claimed, sqlx::Error> {
    Ok(Claimed {
        sending: row.sending()?,
        grant: row.grant()?,
        payload: row.get("payload")?,
        attempts: u32::try_from(row.count("attempts")?).unwrap_or(u32::MAX),
    })
}

pub(crate) fn micros(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 4)
}
