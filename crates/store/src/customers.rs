//! The customer store: somebody's database, on SQLite, PostgreSQL, MySQL or MariaDB, read and never written.

mod apart;
mod arena;
mod aside;
pub(crate) mod block;
mod column;
mod decode;
mod engine;
mod error;
mod events;
mod facts;
mod files;
mod held;
mod keys;
pub(crate) mod lite;
mod load;
mod mysql;
mod order;
pub mod place;
mod postgres;
pub(crate) mod reader;
mod resident;
mod seen;
mod stream;
pub(crate) mod table;
mod weave;
mod written;

pub use error::StoreError;
pub use facts::{LookedFor, StoreFacts};
pub use load::{CollectionStats, LoadStats, Loaded, Selection};
pub(crate) use resident::Mark;
pub use resident::{Refreshed, Resident};
pub use stream::{Room, Stream};
pub use table::BadColumn;

use place::Place;
use reader::{Part, Reader};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use table::{Only, Wanted};
use tidings_engine::chunk::Needs;
use tidings_plan::past::EngineRows;
use tidings_schema::{EventSource, Vocabulary};

/// How often a database is read anew that others change while it is read.
pub(crate) const ATTEMPTS: usize = 3;

/// How long a server may say nothing while rows are read: a view may have to think.
const SILENCE: Duration = Duration::from_secs(300);

/// A customer store. It holds nothing open between calls.
#[derive(Clone, Debug)]
pub struct CustomerStore {
    place: Place,
    /// What there is to say about the files that it was made from.
    notes: Vec<String>,
    silence: Duration,
    customers_a_chunk: usize,
    rows: Arc<AtomicU64>,
}

impl CustomerStore {
    /// Looks whether a store can be read: `sqlite:` and a path, `files:` and a folder, relative ones below `base`, or
    /// the URL of a PostgreSQL or MySQL server's database.
    pub async fn open(url: &str, base: &Path) -> Result<CustomerStore, StoreError> {
        CustomerStore::look(url, base, None).await
    }

    /// The same, with files read as a vocabulary says.
    pub async fn open_as(
        url: &str,
        base: &Path,
        vocabulary: &Vocabulary,
    ) -> Result<CustomerStore, StoreError> {
        CustomerStore::look(url, base, Some(vocabulary)).await
    }

    async fn look(
        url: &str,
        base: &Path,
        vocabulary: Option<&Vocabulary>,
    ) -> Result<CustomerStore, StoreError> {
        if let Some(folder) = files::folder_of(url, base) {
            let (database, notes) = files::brought_in(&folder, base, vocabulary).await?;
            return Ok(CustomerStore::at(Place::File(database), notes));
        }
        let store = CustomerStore::at(Place::of(url, base)?, Vec::new());
        store.reader().await?.finish(()).await;
        Ok(store)
    }

    /// Removes what is kept of the files of a `files:` store, below the project's folder; the next who reads them brings
    /// them in anew.
    pub async fn forget_files(base: &Path) -> std::io::Result<()> {
        files::forget(base).await
    }

    fn at(place: Place, notes: Vec<String>) -> CustomerStore {
        let customers_a_chunk = held::CUSTOMERS_A_CHUNK;
        CustomerStore { place, notes, silence: SILENCE, customers_a_chunk, rows: Arc::default() }
    }

    /// How many rows were read of it so far. It may be looked at while they are.
    pub fn rows_read(&self) -> Arc<AtomicU64> {
        self.rows.clone()
    }

    /// Puts so many customers into a chunk, at least one, instead of 4,096.
    #[must_use]
    pub fn in_chunks_of(mut self, customers: usize) -> CustomerStore {
        self.customers_a_chunk = customers.max(1);
        self
    }

    /// Takes a server for dead that says nothing for so long while rows are read, instead of five minutes.
    #[must_use]
    pub fn silence(mut self, longest: Duration) -> CustomerStore {
        self.silence = longest;
        self
    }

    /// A connection that only reads.
    pub(crate) async fn reader(&self) -> Result<Reader, StoreError> {
        Reader::open(&self.place, self.silence, self.customers_a_chunk, self.rows.clone()).await
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
            let mut reader = self.reader().await?;
            if let Selection::All = selection {
                reader.widen().await?;
            }
            let loaded = load::load(&mut reader, vocabulary, needs, selection, engine).await;
            if let Some(loaded) = reader.finish(loaded).await {
                return loaded.map(|mut loaded| {
                    loaded.stats.notes.clone_from(&self.notes);
                    loaded
                });
            }
        }
        Err(self.disturbed())
    }

    /// The keys of the customers to whom one of some things happened, each from a moment on and all before another
    /// (microseconds since 1970 UTC). None where one of them is not in the store.
    pub async fn happened(
        &self,
        vocabulary: &Vocabulary,
        what: &[(&EventSource, i64)],
        until: i64,
    ) -> Result<Option<Vec<Box<str>>>, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            let keys = all_happened(&mut reader, vocabulary, what, until).await;
            if let Some(keys) = reader.finish(keys).await {
                return keys;
            }
        }
        Err(self.disturbed())
    }

    /// How many customers there are: rows with a key.
    pub async fn count_customers(&self, vocabulary: &Vocabulary) -> Result<u64, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            let customer = &vocabulary.customer;
            let wanted = Wanted {
                table: &customer.table,
                owner: None,
                keys: vec![&customer.key],
                attributes: Vec::new(),
                part: Part::All,
                only: Only::there(&customer.changes),
            };
            let count = table::count(&mut reader, &wanted).await;
            if let Some(count) = reader.finish(count).await {
                return count;
            }
        }
        Err(self.disturbed())
    }

    /// What to say when others changed the file at every attempt.
    pub(crate) fn disturbed(&self) -> StoreError {
        StoreError::Busy { path: self.place.to_string().into() }
    }
}

async fn all_happened(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    what: &[(&EventSource, i64)],
    until: i64,
) -> Result<Option<Vec<Box<str>>>, StoreError> {
    let mut keys = BTreeSet::new();
    for (source, from) in what {
        let Some(more) = events::happened(reader, vocabulary, source, (*from, until)).await? else {
            return Ok(None);
        };
        keys.extend(more);
    }
    Ok(Some(keys.into_iter().collect()))
}
