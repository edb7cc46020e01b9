//! What providers and receivers say later about what was sent, and a person's word that something is to be tried again.

use super::{Moves, TOGETHER};
use crate::state::database::{Arg, Turn, args, tuples};
use crate::state::{State, StateError};
use crate::suppression::suppress_hash;
use tidings_plan::{Key, Status};

const OF: &str = "SELECT channel, address_hash FROM tidings_outbox WHERE key = $1";
const NOTE: &str = "INSERT INTO tidings_feedback (key, kind, detail, at) VALUES ($1, $2, $3, $4)";

/// What was said about something that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feedback {
    /// What it means.
    pub kind: FeedbackKind,
    /// In whose words: a bounce's status and diagnostic.
    pub detail: String,
}

/// What feedback means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedbackKind {
    /// The address will never take anything.
    Hard,
    /// It did not take this.
    Soft,
    /// The receiver does not want it.
    Complaint,
}

impl FeedbackKind {
    /// As the database and the reports write it.
    pub fn name(self) -> &'static str {
        match self {
            FeedbackKind::Hard => "hard",
            FeedbackKind::Soft => "soft",
            FeedbackKind::Complaint => "complaint",
        }
    }

    /// Why nothing more is sent to the address, if so.
    fn suppresses(self) -> Option<&'static str> {
        match self {
            FeedbackKind::Hard => Some("hard bounce"),
            FeedbackKind::Complaint => Some("complaint"),
            FeedbackKind::Soft => None,
        }
    }
}

impl State {
    /// Notes what was said about the send of a key; of a hard bounce or a complaint nothing more starts to leave for
    /// that address when this returns. False, and nothing noted, where there is no such key.
    pub async fn feedback(&self, key: Key, feedback: &Feedback) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::No).await?;
        let of = tx.one(OF, args![key], |row| {
            Ok((row.get::<String>("channel")?, row.get::<Option<Vec<u8>>>("address_hash")?))
        });
        let Some((channel, hash)) = of.await? else { return Ok(false) };
        let now = tx.now;
        tx.execute(NOTE, args![key, feedback.kind.name(), &feedback.detail, now]).await?;
        if let (Some(reason), Some(hash)) = (feedback.kind.suppresses(), hash) {
            suppress_hash(&mut tx, &channel, hash, reason, &format!("about {key}")).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Lets quarantined rows that never left be tried again, and the messages that were called off with them wait for
    /// them again. Those that are none are counted as stale.
    pub async fn retry(&self, keys: &[Key]) -> Result<Moves, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let mut tried = 0;
        for keys in keys.chunks(TOGETHER) {
            let which = tuples(2, 1, keys.len());
            let mut args = args![tx.now];
            args.extend(keys.iter().map(|key| Arg::from(*key)));
            let with_them = format!(
                "WITH v(k) AS (VALUES {which}) \
                 UPDATE tidings_outbox AS m SET state = 'pending', waits = 1, settled_at = NULL, reason = NULL, due_at = $1 \
                 FROM v JOIN tidings_outbox g ON g.key = k AND g.state = 'quarantined' AND g.dispatched_at IS NULL \
                 WHERE m.customer = g.customer AND m.after_key = k AND m.state = 'cancelled' \
                     AND m.reason = 'no coupon code: quarantined'"
            );
            tx.execute(with_them, args.clone()).await?;
            let sql = format!(
                "WITH v(k) AS (VALUES {which}) \
                 UPDATE tidings_outbox SET state = 'pending', strikes = 0, settled_at = NULL, reason = NULL, due_at = $1 \
                 FROM v WHERE key = k AND state = 'quarantined' AND dispatched_at IS NULL"
            );
            tried += tx.execute(sql, args).await?;
        }
        tx.commit().await?;
        Ok(Moves { stale: keys.len() as u64 - tried, ..Moves::of(Status::Pending, tried) })
    }
}
