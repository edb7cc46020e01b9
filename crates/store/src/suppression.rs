//! Addresses that nothing is sent to, known by their hashes.

use crate::state::database::{Row, Turn, Tx, args};
use crate::state::{State, StateError};
use tidings_plan::history::address_hash;

const SUPPRESS: &str = "\
    INSERT INTO tidings_suppressions (channel, hash, reason, source, at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (channel, hash) DO NOTHING";
const UNSUPPRESS: &str = "DELETE FROM tidings_suppressions WHERE channel = $1 AND hash = $2";
const LIST: &str =
    "SELECT channel, hash, reason, source, at FROM tidings_suppressions ORDER BY at, channel, hash";

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
        let new = suppress_hash(&mut tx, channel, hash, reason, source).await?;
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

/// False where that was so already.
pub(crate) async fn suppress_hash(
    tx: &mut Tx,
    channel: &str,
    hash: Vec<u8>,
    reason: &str,
    source: &str,
) -> Result<bool, StateError> {
    let now = tx.now;
    Ok(tx.execute(SUPPRESS, args![channel, hash, reason, source, now]).await? > 0)
}
