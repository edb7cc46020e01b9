//! Who said no: suppressed addresses and withdrawn consents.

use crate::state::database::{Row, Turn, args};
use crate::state::{State, StateError};
use tidings_plan::history::address_hash;

const SUPPRESS: &str = "\
    INSERT INTO tidings_suppressions (channel, hash, reason, source, at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (channel, hash) DO NOTHING";
const UNSUPPRESS: &str = "DELETE FROM tidings_suppressions WHERE channel = $1 AND hash = $2";
const LIST: &str =
    "SELECT channel, hash, reason, source, at FROM tidings_suppressions ORDER BY at, channel, hash";
const WITHDRAW: &str = "\
    INSERT INTO tidings_consents (customer, channel, withdrawn, source, at) VALUES ($1, $2, 1, $3, $4) \
    ON CONFLICT (customer, channel) DO UPDATE SET withdrawn = 1, source = excluded.source, at = excluded.at \
    WHERE tidings_consents.withdrawn = 0";
/// A withdrawal stands against whatever comes later: an import must not bring a consent back.
const GRANT: &str = "\
    INSERT INTO tidings_consents (customer, channel, withdrawn, source, at) VALUES ($1, $2, 0, $3, $4) \
    ON CONFLICT (customer, channel) DO NOTHING";

/// A suppressed address: its hash, not itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// The channel.
    pub channel: String,
    /// See [`address_hash`], in hexadecimal digits.
    pub hash: String,
    /// Why: `hard bounce`, `complaint`, `asked to`.
    pub reason: String,
    /// Who said so.
    pub source: String,
    /// When, in microseconds since 1970 UTC.
    pub at: i64,
}

impl State {
    /// Sends nothing more to an address, given in its normal spelling. False where that was so already.
    pub async fn suppress(
        &self,
        channel: &str,
        address: &str,
        reason: &str,
        source: &str,
    ) -> Result<bool, StateError> {
        let hash = self.hash(channel, address);
        let mut tx = self.begin(Turn::No).await?;
        let now = tx.now;
        let new = tx.execute(SUPPRESS, args![channel, hash, reason, source, now]).await? > 0;
        tx.commit().await?;
        Ok(new)
    }

    /// Takes an address off the list. False where it was not on it.
    pub async fn unsuppress(&self, channel: &str, address: &str) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::None).await?;
        let gone = tx.execute(UNSUPPRESS, args![channel, self.hash(channel, address)]).await? > 0;
        tx.commit().await?;
        Ok(gone)
    }

    /// All suppressed addresses, the oldest first.
    pub async fn suppressions(&self) -> Result<Vec<Suppression>, StateError> {
        self.snapshot().await?.list(LIST, args![], suppression).await
    }

    /// Notes that a customer has withdrawn their consent in a channel. When this returns, nothing more starts to
    /// leave for them there.
    pub async fn withdraw_consent(
        &self,
        customer: &str,
        channel: &str,
        source: &str,
    ) -> Result<(), StateError> {
        self.note_consent(WITHDRAW, customer, channel, source).await.map(drop)
    }

    /// Notes that a customer has given their consent in a channel. False, and nothing noted, where a word of theirs
    /// is there already: a withdrawal stands.
    pub async fn grant_consent(
        &self,
        customer: &str,
        channel: &str,
        source: &str,
    ) -> Result<bool, StateError> {
        self.note_consent(GRANT, customer, channel, source).await
    }

    async fn note_consent(
        &self,
        statement: &'static str,
        customer: &str,
        channel: &str,
        source: &str,
    ) -> Result<bool, StateError> {
        let mut tx = self.begin(Turn::No).await?;
        let now = tx.now;
        let noted = tx.execute(statement, args![customer, channel, source, now]).await? > 0;
        tx.commit().await?;
        Ok(noted)
    }

    fn hash(&self, channel: &str, address: &str) -> Vec<u8> {
        address_hash(self.secret(), channel, address).to_vec()
    }
}

fn suppression(row: Row<'_>) -> Result<Suppression, sqlx::Error> {
    Ok(Suppression {
        channel: row.get("channel")?,
        hash: row.get::<&[u8]>("hash").map(hex::encode)?,
        reason: row.get("reason")?,
        source: row.get("source")?,
        at: row.get("at")?,
    })
}
