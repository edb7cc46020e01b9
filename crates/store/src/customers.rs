//! The customer store: somebody's SQLite database, read and never written.

pub(crate) mod block;
mod column;
mod engine;
mod error;
mod load;
pub mod open;
pub(crate) mod table;

pub use error::StoreError;
pub use load::{CollectionStats, LoadStats, Loaded, Selection};
pub use table::BadColumn;

use crate::engine_rows::EngineRows;
use open::Reader;
use std::path::{Path, PathBuf};
use tidings_engine::chunk::Needs;
use tidings_schema::Vocabulary;

/// How often a database is read anew that others change while it is read.
pub(crate) const ATTEMPTS: usize = 3;

/// A customer store. It holds nothing open between calls.
#[derive(Clone, Debug)]
pub struct CustomerStore {
    path: PathBuf,
}

impl CustomerStore {
    /// Looks whether a store can be read: `sqlite:` and a path, a relative one below `base`.
    pub async fn open(url: &str, base: &Path) -> Result<CustomerStore, StoreError> {
        let path = open::path_of(url, base)?;
        let reader = Reader::open(&path).await?;
        reader.finish(()).await;
        Ok(CustomerStore { path })
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The customers with the columns that are needed and no others, together with what the engine itself
    /// knows of them, all as of one moment of the database.
    pub async fn load(
        &self,
        vocabulary: &Vocabulary,
        needs: &Needs,
        selection: Selection<'_>,
        engine: &EngineRows,
    ) -> Result<Loaded, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = Reader::open(&self.path).await?;
            let loaded = load::load(&mut reader, vocabulary, needs, selection, engine).await;
            if let Some(loaded) = reader.finish(loaded).await {
                return loaded;
            }
        }
        Err(self.disturbed())
    }

    /// How many customers there are: rows with a key.
    pub async fn count_customers(&self, vocabulary: &Vocabulary) -> Result<u64, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = Reader::open(&self.path).await?;
            let count = table::count(&mut reader, &vocabulary.customer.table, &vocabulary.customer.key).await;
            if let Some(count) = reader.finish(count).await {
                return count;
            }
        }
        Err(self.disturbed())
    }

    /// What to say when others changed the file at every attempt.
    pub(crate) fn disturbed(&self) -> StoreError {
        StoreError::Busy { path: self.path.clone() }
    }
}
