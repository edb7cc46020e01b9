//! The gate: the last look before anything leaves.
//!
//! One short transaction. On PostgreSQL whoever says no (a suppression, a withdrawal, a pause, an erasure) waits for
//! the gates before it, and the gates after it see the no: nothing starts to leave once it has committed.

use super::claim::{Token, micros};
use super::rates::Taken;
use super::{Moves, TOGETHER};
use crate::state::database::{Row, Turn, Tx, args, tuples};
use crate::state::{State, StateError};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;
use tidings_plan::{AtGate, Door, Refusal};
use tidings_plan::{Key, Kind, OnUnknown, Rate, Status};

/// The rows of a claim that it still holds, and what stands against each in the tables.
const ROWS: &str = "\
    SELECT key, rule, customer, kind, channel, zone, address, expires_at, doubted_at, repeats, after_key, CASE \
        WHEN expires_at <= $2 THEN 'expired' \
        WHEN EXISTS (SELECT 1 FROM tidings_erasures e \
            WHERE e.customer = o.customer AND e.at >= o.enqueued_at) THEN 'cancelled' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_suppressions s \
            WHERE s.channel = o.channel AND s.hash = o.address_hash) THEN 'suppressed' \
        WHEN kind = 'message' AND EXISTS (SELECT 1 FROM tidings_consents c \
            WHERE c.customer = o.customer AND c.channel = o.channel AND c.withdrawn = 1) THEN 'no_consent' \
        END AS verdict \
    FROM tidings_outbox o WHERE token = $1 AND state = 'leased' AND leased_until > $2";
const RELEASE_ALL: &str = "\
    UPDATE tidings_outbox SET state = 'pending', strikes = 0, attempts = attempts - 1, token = NULL, worker = NULL, \
        leased_until = NULL WHERE token = $1 AND state = 'leased'";

/// What the gate said about a claim's rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gated {
    /// These are to leave now: within ten seconds, or not under this claim.
    pub open: Vec<Key>,
    /// The others; `pending` are those that may leave later.
    pub refused: Moves,
}

/// A row of a claim.
struct Held {
    key: Key,
    rule: String,
    customer: String,
    kind: Kind,
    channel: String,
    zone: Option<String>,
    /// The part of the address behind the `@`, in lower case.
    domain: String,
    expires: Option<i64>,
    doubted: Option<Doubted>,
    /// What the tables say.
    verdict: Option<Status>,
}

/// A send that may have happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doubted {
    pub(super) since: i64,
    pub(super) repeats: i64,
    pub(super) shows_coupon: bool,
}

/// What becomes of a row.
enum Verdict {
    Leaves,
    Ends(Status, String),
    /// Until when, and why.
    Waits(Option<i64>, String),
}

/// What a gate goes by, read once for a claim.
struct Gate<'g> {
    now: i64,
    policy: OnUnknown,
    door: &'g Door,
    paused_rules: std::collections::HashSet<String>,
    paused_channels: std::collections::HashSet<String>,
    /// By customer, the messages that were let out.
    sent: HashMap<String, Vec<(Key, String, i64)>>,
    domains: BTreeMap<String, Taken>,
}

impl State {
    /// Looks once more at pauses, expiry, suppression, consent, the policy's door and the rates of recipient domains,
    /// and commits what is to leave before it does. `prepared` says for each row what will leave, or why it cannot be
    /// made. Where sending is stopped, all rows of the claim wait again and [`StateError::Stopped`] comes back.
    pub async fn gate(
        &self,
        token: Token,
        prepared: &[(Key, Result<String, String>)],
        policy: OnUnknown,
        lease: Duration,
        door: &Door,
        domain_rates: &[(String, Rate)],
    ) -> Result<Gated, StateError> {
        // Two gates that count the same customer's messages go one after the other.
        let turn = if door.looks_back(0).is_some() { Turn::No } else { Turn::Gate };
        let mut tx = self.begin(turn).await?;
        let paused = self.paused(&mut tx).await?;
        if let Some(why) = paused.all {
            tx.execute(RELEASE_ALL, args![token.bytes()]).await?;
            tx.commit().await?;
            return Err(StateError::Stopped(why));
        }
        let now = tx.now;
        let select = format!("{ROWS} {}", tx.locking());
        let rows = tx.list(select, args![token.bytes(), now], held).await?;
        let mut gate = Gate {
            now,
            policy,
            door,
            paused_rules: paused.rules,
            paused_channels: paused.channels,
            sent: sent(&mut tx, door, &rows).await?,
            domains: take(&mut tx, domain_rates, &rows).await?,
        };
        let mut rows: HashMap<Key, Held> = rows.into_iter().map(|row| (row.key, row)).collect();
        let (mut leaving, mut ending, mut waiting) = (Vec::new(), Vec::new(), Vec::new());
        let mut gated = Gated::default();
        for (key, payload) in prepared {
            let Some(row) = rows.remove(key) else {
                gated.refused.stale += 1;
                continue;
            };
            match gate.judge(&row, payload) {
                Verdict::Leaves => leaving.extend(payload.as_deref().map(|payload| (*key, payload))),
                Verdict::Ends(status, why) => ending.push((*key, row.end(status), why)),
                Verdict::Waits(until, why) => waiting.push((*key, until, why)),
            }
        }
        let_out(&mut tx, token, &leaving, lease).await?;
        refuse(&mut tx, token, &ending).await?;
        put_off(&mut tx, token, &waiting).await?;
        for rate in gate.domains.into_values() {
            rate.keep(&mut tx).await?;
        }
        tx.commit().await?;
        gated.open = leaving.into_iter().map(|(key, _)| key).collect();
        gated.refused.add(Status::Pending, waiting.len() as u64);
        ending.into_iter().for_each(|(_, status, _)| gated.refused.add(status, 1));
        Ok(gated)
    }
}

impl Gate<'_> {
    fn judge(&mut self, row: &Held, payload: &Result<String, String>) -> Verdict {
        if let Some(status) = row.verdict {
            return Verdict::Ends(status, reason(status).to_owned());
        }
        if self.paused_rules.contains(&row.rule) || self.paused_channels.contains(&row.channel) {
            return Verdict::Waits(None, "it is paused".to_owned());
        }
        if row.doubted.is_some_and(|doubted| !doubted.repeatable(self.policy, self.now)) {
            return Verdict::Ends(Status::Unconfirmed, "it may have left, and is not sent again".to_owned());
        }
        match self.at_door(row) {
            Some(Refusal::Ends(status, why)) => return Verdict::Ends(status, why),
            Some(Refusal::Waits { until, status }) => {
                return Verdict::Waits(Some(until), format!("{}: {}", status.name(), reason(status)));
            }
            None => {}
        }
        if let Err(why) = payload {
            return Verdict::Ends(Status::Quarantined, why.clone());
        }
        if let Some(rate) = self.domains.get_mut(&row.domain) {
            if rate.left() == 0 {
                let why = format!("{} takes only so many at a time", row.domain);
                return Verdict::Waits(Some(rate.queue()), why);
            }
            rate.used(1);
        }
        if row.kind == Kind::Message {
            let sent = self.sent.entry(row.customer.clone()).or_default();
            sent.push((row.key, row.channel.clone(), self.now));
        }
        Verdict::Leaves
    }

    fn at_door(&self, row: &Held) -> Option<Refusal> {
        let others = self.sent.get(&row.customer).into_iter().flatten().filter(|(key, ..)| *key != row.key);
        let sent: Vec<(String, i64)> = others.map(|(_, channel, at)| (channel.clone(), *at)).collect();
        let at_gate = AtGate {
            kind: row.kind,
            rule: &row.rule,
            customer: &row.customer,
            channel: &row.channel,
            zone: row.zone.as_deref(),
            expires: row.expires,
            sent: &sent,
        };
        self.door.judge(&at_gate, self.now)
    }
}

impl Held {
    /// What may have left before is never called refused.
    fn end(&self, status: Status) -> Status {
        match (status, self.doubted) {
            (Status::Quarantined, _) | (_, None) => status,
            (_, Some(_)) => Status::Unconfirmed,
        }
    }
}

impl Doubted {
    /// Whether it may be sent again with the same key and bytes.
    pub(super) fn repeatable(self, policy: OnUnknown, now: i64) -> bool {
        match policy {
            OnUnknown::Retry(memory) => {
                let safe = i64::try_from(memory).unwrap_or(i64::MAX).saturating_mul(800_000);
                now < self.since.saturating_add(safe)
            }
            OnUnknown::TwiceWithCoupon => self.shows_coupon && self.repeats <= 1,
            OnUnknown::Ask(_) | OnUnknown::Leave => false,
        }
    }
}

/// The messages of the rows' customers that were let out and count under a cap.
async fn sent(
    tx: &mut Tx,
    door: &Door,
    rows: &[Held],
) -> Result<HashMap<String, Vec<(Key, String, i64)>>, StateError> {
    let mut sent: HashMap<String, Vec<(Key, String, i64)>> = HashMap::new();
    let Some(since) = door.looks_back(tx.now) else { return Ok(sent) };
    let customers: BTreeSet<&str> = rows.iter().map(|row| row.customer.as_str()).collect();
    let customers: Vec<&str> = customers.into_iter().collect();
    for customers in customers.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(c) AS (VALUES {}) SELECT key, customer, channel, dispatched_at \
             FROM v JOIN tidings_outbox ON customer = c \
             WHERE kind = 'message' AND dispatched_at >= $1 \
                 AND (doubted_at IS NOT NULL OR state IN ('dispatching', 'sent', 'unknown', 'unconfirmed'))",
            tuples(2, 1, customers.len())
        );
        let mut args = args![since];
        args.extend(customers.iter().flat_map(|customer| args![*customer]));
        let message = |row: Row<'_>| {
            Ok((row.get::<String>("customer")?, (row.key()?, row.get("channel")?, row.get("dispatched_at")?)))
        };
        for (customer, message) in tx.list(sql, args, message).await? {
            sent.entry(customer).or_default().push(message);
        }
    }
    Ok(sent)
}

/// The rates of the domains that rows go to, one after the other in the order of their names.
async fn take(
    tx: &mut Tx,
    rates: &[(String, Rate)],
    rows: &[Held],
) -> Result<BTreeMap<String, Taken>, StateError> {
    let rates: BTreeMap<&str, Rate> = rates.iter().map(|(domain, rate)| (domain.as_str(), *rate)).collect();
    let mut taken = BTreeMap::new();
    for (domain, rate) in rates {
        if let Some(row) = rows.iter().find(|row| row.domain == domain) {
            let name = format!("{} to {domain}", row.channel);
            taken.insert(domain.to_owned(), Taken::new(tx, name, rate).await?);
        }
    }
    Ok(taken)
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

async fn refuse(tx: &mut Tx, token: Token, ending: &[(Key, Status, String)]) -> Result<(), StateError> {
    for rows in ending.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(k, ends, why) AS (VALUES {}) \
             UPDATE tidings_outbox SET state = ends, reason = why, settled_at = $2, \
                 token = NULL, worker = NULL, leased_until = NULL \
             FROM v WHERE key = k AND token = $1",
            tuples(3, 3, rows.len())
        );
        let mut args = args![token.bytes(), tx.now];
        args.extend(rows.iter().flat_map(|(key, status, why)| args![*key, status.name(), why]));
        tx.execute(sql, args).await?;
    }
    Ok(())
}

/// What was given back untried was no attempt.
async fn put_off(
    tx: &mut Tx,
    token: Token,
    waiting: &[(Key, Option<i64>, String)],
) -> Result<(), StateError> {
    for rows in waiting.chunks(TOGETHER) {
        let sql = format!(
            "WITH v(k, until, why) AS (VALUES {}) \
             UPDATE tidings_outbox SET state = 'pending', reason = why, due_at = COALESCE(until, due_at), \
                 strikes = 0, attempts = attempts - 1, token = NULL, worker = NULL, leased_until = NULL \
             FROM v WHERE key = k AND token = $1",
            tuples(2, 3, rows.len())
        );
        let mut args = args![token.bytes()];
        args.extend(rows.iter().flat_map(|(key, until, why)| args![*key, *until, why]));
        tx.execute(sql, args).await?;
    }
    Ok(())
}

fn reason(status: Status) -> &'static str {
    match status {
        Status::Expired => "it came too late",
        Status::Cancelled => "the customer was erased",
        Status::Suppressed => "the address is suppressed",
        Status::NoConsent => "consent was withdrawn",
        Status::Quiet => "it waits for the end of the hours of silence",
        Status::Capped => "the customer has had as many messages as the policy allows",
        _ => "refused",
    }
}

fn held(row: Row<'_>) -> Result<Held, sqlx::Error> {
    let verdict: Option<&str> = row.get("verdict")?;
    let address: Option<&str> = row.get("address")?;
    let shows_coupon = row.get::<Option<&[u8]>>("after_key")?.is_some();
    let repeats = row.get("repeats")?;
    let doubted_at: Option<i64> = row.get("doubted_at")?;
    Ok(Held {
        key: row.key()?,
        rule: row.get("rule")?,
        customer: row.get("customer")?,
        kind: row.kind()?,
        channel: row.get("channel")?,
        zone: row.get("zone")?,
        domain: address.and_then(|a| a.rsplit_once('@')).map_or_else(String::new, |(_, d)| d.to_lowercase()),
        expires: row.get("expires_at")?,
        doubted: doubted_at.map(|since| Doubted { since, repeats, shows_coupon }),
        verdict: verdict.and_then(Status::from_name),
    })
}
