//! How a customer store is set up, for the people who look after it.

use crate::customers::reader::Reader;
use crate::customers::{ATTEMPTS, CustomerStore, StoreError};
use tidings_schema::{RowSource, Vocabulary};

/// How a customer store is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFacts {
    /// What it is: `PostgreSQL 15.4`.
    pub server: String,
    /// The server's time zone; empty where there is none.
    pub zone: String,
    /// How texts are kept.
    pub encoding: String,
    /// The moment by its clock, in microseconds since 1970 UTC.
    pub now: i64,
    /// Columns that rows are found by and that no index begins with: table, column and what is looked for.
    pub unindexed: Vec<(String, String, LookedFor)>,
    /// Tables that say nothing of their changes and are read whole.
    pub whole: Vec<String>,
}

/// What rows are looked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedFor {
    /// Some customers.
    Customers,
    /// What changed.
    Changes,
}

impl CustomerStore {
    /// Looks how it is set up.
    pub async fn facts(&self, vocabulary: &Vocabulary) -> Result<StoreFacts, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            let facts = facts(&mut reader, vocabulary).await.map_err(|e| reader.failed(&e));
            if let Some(facts) = reader.finish(facts).await {
                return facts;
            }
        }
        Err(self.disturbed())
    }
}

async fn facts(reader: &mut Reader, vocabulary: &Vocabulary) -> Result<StoreFacts, sqlx::Error> {
    let about = reader.about().await?;
    let mut lines = about.lines().map(str::to_owned);
    let mut line = || lines.next().unwrap_or_default();
    let (server, zone, encoding, now) = (line(), line(), line(), line());
    let (mut unindexed, mut whole) = (Vec::new(), Vec::new());
    let customer = &vocabulary.customer;
    let collections = vocabulary.collections.iter().filter_map(|c| match &c.source {
        RowSource::Table { table, customer, changes, .. } => Some((table, customer, changes)),
        _ => None,
    });
    for (name, key, changes) in
        [(&customer.table, &customer.key, &customer.changes)].into_iter().chain(collections)
    {
        if changes.since.is_none() {
            whole.push(name.clone());
        }
        let tables = reader.tables().await?;
        let Some(table) = tables.iter().find(|t| t.name.eq_ignore_ascii_case(name)).cloned() else {
            continue;
        };
        // A view has none of its own, and its tables' may serve.
        let Some(indexed) = reader.indexed(&table).await? else { continue };
        let wanted = [(Some(key), LookedFor::Customers), (changes.since.as_ref(), LookedFor::Changes)];
        for (column, what) in wanted.into_iter().filter_map(|(column, what)| Some((column?, what))) {
            if !indexed.iter().any(|first| first.eq_ignore_ascii_case(column)) {
                unindexed.push((name.clone(), column.clone(), what));
            }
        }
    }
    Ok(StoreFacts { server, zone, encoding, now: now.parse().unwrap_or_default(), unindexed, whole })
}
