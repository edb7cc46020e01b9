//! Forgetting a customer: what waits is called off, and what could tell who they were is blanked. That they said no
//! stays, and that something was sent does, by their key.

use crate::state::database::{Turn, args};
use crate::state::{State, StateError};

/// In this order: what waits for a coupon would otherwise end as something whose coupon was not granted.
const CALL_OFF: [&str; 3] = [
    "state = 'cancelled', waits = 0 WHERE doubted_at IS NULL AND kind = 'message' AND state IN ('pending', 'leased')",
    "state = 'cancelled', waits = 0 WHERE doubted_at IS NULL AND state IN ('pending', 'leased')",
    // What may have left before is never called refused.
    "state = 'unconfirmed' WHERE doubted_at IS NOT NULL AND state IN ('pending', 'leased', 'unknown')",
];
/// What is leaving at this moment is not tried again, since it is expired.
const BLANK: &str = "\
    UPDATE tidings_outbox SET vals = '{}', fallback = NULL, zone = NULL, \
        address = CASE WHEN address IS NOT NULL THEN '' END, payload = CASE WHEN payload IS NOT NULL THEN '' END, \
        reason = CASE WHEN reason IS NOT NULL THEN 'the customer was erased' END, \
        expires_at = CASE WHEN expires_at < $2 THEN expires_at ELSE $2 END \
    WHERE customer = $1";
const NOTE: &str = "\
    INSERT INTO tidings_erasures (customer, at) VALUES ($1, $2) ON CONFLICT (customer) DO UPDATE SET at = excluded.at";
const THEIRS: &str = "SELECT id FROM tidings_outbox WHERE customer = $1";
const FORGET: [&str; 4] = [
    "UPDATE tidings_feedback SET detail = '' WHERE key IN (SELECT key FROM tidings_outbox WHERE customer = $1)",
    "DELETE FROM tidings_kept WHERE customer = $1",
    "DELETE FROM tidings_consents WHERE customer = $1 AND withdrawn = 0",
    "DELETE FROM tidings_consent_words WHERE customer = $1 AND withdrawn = 0",
];

impl State {
    /// Forgets a customer: calls off what waits for them, blanks addresses, values and texts of all that was decided
    /// for them, and deletes the attributes that rules kept and the consents that they gave. Withdrawals and suppressed
    /// addresses stay. When this returns, nothing more starts to leave for them, also of runs that are under way. Returns how many sends were blanked.
    pub async fn erase(&self, customer: &str) -> Result<u64, StateError> {
        let mut tx = self.begin(Turn::Erasure).await?;
        let now = tx.now;
        tx.execute(NOTE, args![customer, now]).await?;
        // Who is giving one of them to its next channel at this moment is waited for, and the new row is seen below.
        let theirs = format!("{THEIRS} {}", tx.locking());
        tx.list(theirs, args![customer], |_| Ok(())).await?;
        for change in CALL_OFF {
            let sql = format!(
                "UPDATE tidings_outbox SET reason = 'the customer was erased', settled_at = $2, \
                     token = NULL, worker = NULL, leased_until = NULL, {change} AND customer = $1"
            );
            tx.execute(sql, args![customer, now]).await?;
        }
        let blanked = tx.execute(BLANK, args![customer, now]).await?;
        for statement in FORGET {
            tx.execute(statement, args![customer]).await?;
        }
        tx.commit().await?;
        Ok(blanked)
    }
}
