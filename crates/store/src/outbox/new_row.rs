//! Writing new rows.

use super::TOGETHER;
use super::fallback::to_json;
use crate::state::StateError;
use crate::state::database::{Arg, Tx, tuples};
use tidings_plan::history::address_hash;
use tidings_plan::{Fallback, Key, Status};

const COLUMNS: &str = "\
    key, run, rule, step, customer, occasion, kind, channel, subject, address, address_hash, zone, vals, worth, \
    after_key, waits, fallback, hold, priority, at, enqueued_at, due_at, expires_at, state, settled_at, reason";
const WIDTH: usize = 26;

/// A row that is not in the outbox yet.
pub(super) struct NewRow<'r> {
    pub(super) key: Key,
    pub(super) run: i64,
    pub(super) rule: &'r str,
    pub(super) step: &'r str,
    pub(super) customer: &'r str,
    pub(super) occasion: &'r str,
    pub(super) kind: &'r str,
    pub(super) channel: &'r str,
    pub(super) subject: &'r str,
    pub(super) address: Option<&'r str>,
    pub(super) zone: Option<&'r str>,
    pub(super) values: &'r str,
    pub(super) worth: Option<i64>,
    /// The grant that it shows, and waits for.
    pub(super) after: Option<Key>,
    pub(super) fallback: &'r [Fallback],
    pub(super) hold: Option<i64>,
    pub(super) priority: i64,
    pub(super) at: i64,
    pub(super) now: i64,
    pub(super) expires: Option<i64>,
    /// The customer was erased since it was decided: it is counted, and nothing personal is kept.
    pub(super) erased: bool,
}

/// Inserts rows whose keys are new. Returns how many.
pub(super) async fn insert(tx: &mut Tx, secret: &[u8], rows: &[NewRow<'_>]) -> Result<u64, StateError> {
    let mut inserted = 0;
    for rows in rows.chunks(TOGETHER) {
        let values = tuples(1, WIDTH, rows.len());
        let sql =
            format!("INSERT INTO tidings_outbox ({COLUMNS}) VALUES {values} ON CONFLICT (key) DO NOTHING");
        inserted += tx.execute(sql, rows.iter().flat_map(|row| row.args(secret)).collect()).await?;
    }
    Ok(inserted)
}

impl NewRow<'_> {
    /// In the order of [`COLUMNS`].
    fn args(&self, secret: &[u8]) -> [Arg; WIDTH] {
        let kept = |text| if self.erased { "" } else { text };
        let address = self.address.map(kept);
        let (state, settled, reason) = match self.erased {
            true => (Status::Cancelled, Some(self.now), Some("the customer was erased")),
            false => (Status::Pending, None, None),
        };
        [
            self.key.into(),
            self.run.into(),
            self.rule.into(),
            self.step.into(),
            self.customer.into(),
            self.occasion.into(),
            self.kind.into(),
            self.channel.into(),
            self.subject.into(),
            address.into(),
            address.map(|address| address_hash(secret, self.channel, address).to_vec()).into(),
            self.zone.filter(|_| !self.erased).into(),
            (if self.erased { "{}" } else { self.values }).into(),
            self.worth.into(),
            self.after.map(|key| key.0.to_vec()).into(),
            (self.after.is_some() && !self.erased).into(),
            to_json(self.fallback).filter(|_| !self.erased).into(),
            self.hold.into(),
            self.priority.into(),
            self.at.into(),
            self.now.into(),
            self.now.into(),
            self.expires.into(),
            state.name().into(),
            settled.into(),
            reason.into(),
        ]
    }
}
