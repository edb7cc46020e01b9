//! How fast things may leave, shared by all who send: each rate is a row that says up to which moment it is used up.

use crate::state::StateError;
use crate::state::database::{Tx, args};
use tidings_plan::Rate;

/// Takes the row for oneself until the transaction ends.
const TAKE: &str = "\
    INSERT INTO tidings_rates (name, used_to, queued_to) VALUES ($1, $2, $2) ON CONFLICT (name) DO UPDATE SET \
        used_to = CASE WHEN tidings_rates.used_to > $2 THEN tidings_rates.used_to ELSE $2 END, \
        queued_to = CASE WHEN tidings_rates.queued_to > $2 THEN tidings_rates.queued_to ELSE $2 END \
    RETURNING used_to, queued_to";
const USED_UP: &str = "SELECT used_to FROM tidings_rates WHERE name = $1";
const USE: &str = "UPDATE tidings_rates SET used_to = $2, queued_to = $3 WHERE name = $1";

/// The moment up to which a rate is used up. More than at once may go never is, unless the clock was set back.
pub(super) async fn used_up(tx: &mut Tx, name: String, rate: Rate) -> Result<Option<i64>, StateError> {
    let (interval, burst) = steps(rate);
    let used_to = tx.one(USED_UP, args![name], |row| row.get::<i64>("used_to")).await?;
    Ok(used_to.map(|used_to| used_to.min(tx.now + burst * interval)))
}

/// How long lies between two, in microseconds, and how many may go at once: a tenth of a second's worth, at least one.
fn steps(rate: Rate) -> (i64, i64) {
    let count = u128::from(rate.count.max(1));
    let interval = i64::try_from(rate.per.as_micros().div_ceil(count)).unwrap_or(i64::MAX / 1_000).max(1);
    (interval, (100_000 / interval).max(1))
}

/// A rate while a transaction has it for itself.
pub(super) struct Taken {
    name: String,
    now: i64,
    /// Between two, in microseconds.
    interval: i64,
    /// How many may go at once.
    burst: i64,
    used_to: i64,
    queued_to: i64,
}

impl Taken {
    /// Waits for whoever has it.
    pub(super) async fn new(tx: &mut Tx, name: String, rate: Rate) -> Result<Taken, StateError> {
        let (interval, burst) = steps(rate);
        let now = tx.now;
        let row =
            tx.one(TAKE, args![&name, now], |row| Ok((row.get("used_to")?, row.get("queued_to")?))).await?;
        let (used_to, queued_to): (i64, i64) = row.unwrap_or((now, now));
        let used_to = used_to.min(now + burst * interval);
        Ok(Taken { name, now, interval, burst, used_to, queued_to })
    }

    /// How many may go now.
    pub(super) fn left(&self) -> u32 {
        let used = (self.used_to - self.now).max(0);
        u32::try_from((self.burst * self.interval - used) / self.interval).unwrap_or(0)
    }

    /// Some go now.
    pub(super) fn used(&mut self, rows: u32) {
        self.used_to = self.used_to.max(self.now) + i64::from(rows) * self.interval;
        self.queued_to = self.queued_to.max(self.used_to);
    }

    /// When a row that has to wait is best tried again: one after the other, so that they do not all come back at once
    /// to find room for one.
    pub(super) fn queue(&mut self) -> i64 {
        self.queued_to = self.queued_to.max(self.used_to) + self.interval;
        self.queued_to
    }

    /// Writes down what was used.
    pub(super) async fn keep(self, tx: &mut Tx) -> Result<(), StateError> {
        tx.execute(USE, args![self.name, self.used_to, self.queued_to]).await.map(drop)
    }
}
