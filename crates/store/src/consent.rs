//! What customers said about being written to, and where they said it.

use crate::state::database::{Row, Turn, args};
use crate::state::{State, StateError};

const WITHDRAW: &str = "\
    INSERT INTO tidings_consents (customer, channel, withdrawn, source, at) VALUES ($1, $2, 1, $3, $4) \
    ON CONFLICT (customer, channel) DO UPDATE SET withdrawn = 1, source = excluded.source, at = excluded.at \
    WHERE tidings_consents.withdrawn = 0 OR tidings_consents.at < excluded.at";
/// A withdrawal stands against whatever comes later: an import must not bring a consent back.
const GRANT: &str = "\
    INSERT INTO tidings_consents (customer, channel, withdrawn, source, at) VALUES ($1, $2, 0, $3, $4) \
    ON CONFLICT (customer, channel) DO NOTHING";
/// A word of their own that came after the withdrawal.
const RENEW: &str = "\
    INSERT INTO tidings_consents (customer, channel, withdrawn, source, at) VALUES ($1, $2, 0, $3, $4) \
    ON CONFLICT (customer, channel) DO UPDATE SET withdrawn = 0, source = excluded.source, at = excluded.at \
    WHERE tidings_consents.at < excluded.at";
const SAY: &str = "\
    INSERT INTO tidings_consent_words (customer, channel, withdrawn, source, at) VALUES ($1, $2, $3, $4, $5)";
const HOLDING: &str = "\
    SELECT channel, withdrawn, source, at FROM tidings_consents WHERE customer = $1 ORDER BY channel";
const WORDS: &str = "\
    SELECT channel, withdrawn, source, at FROM tidings_consent_words WHERE customer = $1 ORDER BY id";

/// A word of a customer about a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The channel.
    pub channel: String,
    /// Yes, or no more.
    pub given: bool,
    /// Where it was said: `sign-up form`, `link in mail`, `import of 2026-11-22`.
    pub source: String,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
}

impl State {
    /// Notes that a customer has withdrawn their consent in a channel. When this returns, nothing more starts to
    /// leave for them there.
    pub async fn withdraw_consent(
        &self,
        customer: &str,
        channel: &str,
        source: &str,
    ) -> Result<(), StateError> {
        self.note(WITHDRAW, true, (customer, channel), source, None).await.map(drop)
    }

    /// Notes that a customer has given their consent in a channel. False, and kept in the log only, where a word of
    /// theirs is there already: a withdrawal stands.
    pub async fn grant_consent(
        &self,
        customer: &str,
        channel: &str,
        source: &str,
    ) -> Result<bool, StateError> {
        self.note(GRANT, false, (customer, channel), source, None).await
    }

    /// Notes that a customer has said yes again, at a moment (microseconds since 1970 UTC; one that is still to come
    /// counts as now) and where that can be looked up. It lifts a withdrawal from before that moment, and no
    /// suppression. False, and kept in the log only, where their word that holds is as late or later.
    pub async fn renew_consent(
        &self,
        customer: &str,
        channel: &str,
        proof: &str,
        at: i64,
    ) -> Result<bool, StateError> {
        self.note(RENEW, false, (customer, channel), proof, Some(at)).await
    }

    /// The word of a customer that holds, by channel.
    pub async fn consents(&self, customer: &str) -> Result<Vec<Consent>, StateError> {
        self.snapshot().await?.list(HOLDING, args![customer], consent).await
    }

    /// Every word that a customer said, the oldest first, also those that did not hold.
    pub async fn consent_log(&self, customer: &str) -> Result<Vec<Consent>, StateError> {
        self.snapshot().await?.list(WORDS, args![customer], consent).await
    }

    async fn note(
        &self,
        statement: &'static str,
        withdrawn: bool,
        (customer, channel): (&str, &str),
        source: &str,
        at: Option<i64>,
    ) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::No).await?;
        let at = at.map_or(tx.now, |at| at.min(tx.now));
        let noted = tx.execute(statement, args![customer, channel, source, at]).await? > 0;
        tx.execute(SAY, args![customer, channel, withdrawn, source, at]).await?;
        tx.commit().await?;
        Ok(noted)
    }
}

fn consent(row: Row<'_>) -> Result<Consent, sqlx::Error> {
    Ok(Consent {
        channel: row.get("channel")?,
        given: !row.flag("withdrawn")?,
        source: row.get("source")?,
        at: row.get("at")?,
    })
}
