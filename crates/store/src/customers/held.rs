//! What the store has, as chunks: the customers in the order of their keys, their rows by time beside them.
//!
//! A load has two halves. [`Held`] comes from the store alone and is the same until the store changes: it may be kept
//! and brought up to date. [`crate::customers::load::Loaded`] is that with the engine's own rows beside it, which
//! are new for every decision; its chunks share the arrays. For whoever keeps it, [`Held`] has the keys of the rows
//! ([`HeldRows::keys`]) and those of the rows that were left out or had a refused value ([`Left`]), so that a
//! row that changed is found wherever it was. A part of a table is read with [`table::read`] into the same typed columns
//! ([`Read`]); customers are found by their keys with [`Places`], and [`Order`] puts rows behind them.

use crate::customers::error::StoreError;
use crate::customers::keys::{Key, Keys, Places};
use crate::customers::load::Selection;
use crate::customers::order::{self, Order};
use crate::customers::reader::{Part, Reader};
use crate::customers::table::{self, BadColumn, Only, Owners, Read, Refused, Wanted};
use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::OffsetBuffer;
use std::ops::Range;
use std::sync::Arc;
use tidings_engine::chunk::{CollectionNeeds, Needs, Rows};
use tidings_schema::{Attribute, RowSource, Vocabulary};
use tokio::task::JoinHandle;

/// Customers in a chunk.
pub(crate) const CUSTOMERS_A_CHUNK: usize = 4096;

/// Customers as the store has them.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// At most 4,096 customers each, or twice that once some came in, all in the order of their keys' bytes.
    pub(crate) chunks: Vec<HeldChunk>,
    pub(crate) customers: Left,
    /// One for each needed collection that is a table, in the order of [`Needs::collections`].
    pub(crate) collections: Vec<Left>,
}

/// Some customers as the store has them.
#[derive(Clone, Debug)]
pub(crate) struct HeldChunk {
    pub(crate) keys: StringArray,
    /// One column for each needed attribute that is a column of the store, in the order of [`Needs::attributes`].
    pub(crate) attributes: Vec<ArrayRef>,
    /// One for each needed collection that is a table, in the order of [`Needs::collections`].
    pub(crate) collections: Vec<HeldRows>,
}

impl HeldChunk {
    /// Some of its customers. The arrays are shared.
    pub(crate) fn slice(&self, from: usize, customers: usize) -> HeldChunk {
        let collections = self.collections.iter().map(|held| {
            let offsets = held.rows.offsets.slice(from, customers + 1);
            let at = |i: usize| offsets.get(i).map_or(0, |offset| *offset as usize);
            let (first, count) = (at(0), at(customers) - at(0));
            HeldRows {
                rows: Rows {
                    offsets: OffsetBuffer::from_lengths(offsets.lengths()),
                    fields: held.rows.fields.iter().map(|field| field.slice(first, count)).collect(),
                },
                keys: held.keys.as_ref().map(|keys| keys.slice(first, count)),
            }
        });
        HeldChunk {
            keys: self.keys.slice(from, customers),
            attributes: self.attributes.iter().map(|column| column.slice(from, customers)).collect(),
            collections: collections.collect(),
        }
    }
}

/// Some customers' rows of a table.
#[derive(Clone, Debug)]
pub(crate) struct HeldRows {
    pub(crate) rows: Rows,
    /// The rows' own keys, where they were asked for and the table has such, see [`Keys::take`].
    pub(crate) keys: Option<ArrayRef>,
}

/// What was left out of a table. Keys are the rows' own, and those of customers in the customers' table; they are here
/// only where they were asked for, and none where the table has no such.
#[derive(Clone, Debug, Default)]
pub(crate) struct Left {
    /// Customers without a key.
    pub(crate) without_key: usize,
    /// Rows without a time.
    pub(crate) without_time: usize,
    pub(crate) without_time_keys: Keys,
    /// Rows of nobody in the customers' table.
    pub(crate) orphans: usize,
    pub(crate) orphan_keys: Keys,
    /// For each column what there is to say of refused values, which are missing; the rows are there.
    pub(crate) bad: Vec<Option<BadColumn>>,
    /// For each column whose value was refused.
    pub(crate) bad_keys: Vec<Keys>,
}

/// Whether to keep the keys of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RowKeys {
    /// For whoever keeps what was read.
    Keep,
    Drop,
}

/// Customers while collections are read for them.
pub(crate) struct Customers {
    pub(crate) owners: Owners,
    /// Their attributes are put in order while the collections are read already.
    pub(crate) chunks: JoinHandle<Vec<HeldChunk>>,
}

impl Held {
    /// Reads it all.
    pub(crate) async fn read(
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &Needs,
        selection: Selection<'_>,
        row_keys: RowKeys,
    ) -> Result<Held, StoreError> {
        let part = if let Selection::Those(keys) = selection { Part::With(keys) } else { Part::All };
        let wanted = if let Selection::Those(keys) = selection { Some(places_of(keys)) } else { None };
        let (customers, left) = read_customers(reader, vocabulary, needs, (part, wanted), row_keys).await?;
        let (mut collections, mut beside) = (Vec::new(), Vec::new());
        for needs in &needs.collections {
            let places = customers.owners.places.len();
            let whom = (part, &customers.owners, ranges(places, reader.customers_a_chunk));
            let read = read_collection(reader, vocabulary, needs, whom, row_keys).await?;
            let Some((rows, left)) = read else { continue };
            beside.push(rows);
            collections.push(left);
        }
        let mut chunks = customers.chunks.await.map_err(|_| StoreError::cut_short())?;
        for rows in beside {
            chunks.iter_mut().zip(rows).for_each(|(chunk, rows)| chunk.collections.push(rows));
        }
        Ok(Held { chunks, customers: left, collections })
    }
}

impl Held {
    /// The customers, to find rows' owners by.
    pub(crate) fn owners(&self) -> Owners {
        let mut keys = Keys::default();
        self.chunks.iter().flat_map(|chunk| &chunk.keys).for_each(|key| keys.push(key.map(Key::of)));
        Owners { places: Arc::new(Places::new(keys)), wanted: None }
    }

    /// Reads the rows of each chunk's customers in a collection; none where it is no table.
    pub(crate) async fn read_rows(
        &self,
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &CollectionNeeds,
        owners: &Owners,
    ) -> Result<Option<(Vec<HeldRows>, Left)>, StoreError> {
        let whom = (Part::All, owners, self.ranges());
        read_collection(reader, vocabulary, needs, whom, RowKeys::Keep).await
    }
}

fn places_of(keys: &[&str]) -> Arc<Places> {
    let mut places = Keys::default();
    keys.iter().for_each(|key| places.push(Some(Key::of(key))));
    Arc::new(Places::new(places))
}

/// The needed attributes that are columns of the store.
pub(crate) fn stored<'a>(vocabulary: &'a Vocabulary, needs: &Needs) -> Vec<&'a Attribute> {
    needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id)).filter(|a| !a.kept).collect()
}

pub(crate) async fn read_customers(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &Needs,
    (part, wanted): (Part<'_>, Option<Arc<Places>>),
    row_keys: RowKeys,
) -> Result<(Customers, Left), StoreError> {
    let (customer, attributes) = (&vocabulary.customer, stored(vocabulary, needs));
    let asked = Wanted {
        table: &customer.table,
        owner: None,
        keys: vec![&customer.key],
        attributes,
        part,
        only: Only::there(&customer.changes),
    };
    let read = table::read(reader, &asked, vocabulary.zone).await?;
    let mut left = Left::default();
    left.remark(&read, &asked, row_keys);
    let Some(keys) = read.keys.into_iter().next() else { return Err(StoreError::cut_short()) };
    left.without_key = keys.missing();
    let mut order = keys.sorted();
    order.retain(|row| {
        wanted.as_ref().is_none_or(|wanted| keys.get(*row).is_some_and(|key| wanted.get(key).is_some()))
    });
    if let Some(key) = double(&keys, &order) {
        let (table, column) = (customer.table.clone(), customer.key.clone());
        return Err(StoreError::DoubleKey { table, column, key });
    }
    let places = Arc::new(Places::new(keys.pick(&order)));
    let ranges = ranges(order.len(), reader.customers_a_chunk);
    let chunks = tokio::task::spawn_blocking(move || {
        let mut chunks = order::each(&ranges, |customers| HeldChunk {
            keys: keys.texts(order.get(customers.clone()).unwrap_or_default()),
            attributes: Vec::new(),
            collections: Vec::new(),
        });
        for column in read.columns {
            let arrays = order::each(&ranges, |customers| {
                column.take(order.get(customers.clone()).unwrap_or_default())
            });
            chunks.iter_mut().zip(arrays).for_each(|(chunk, array)| chunk.attributes.push(array));
        }
        chunks
    });
    Ok((Customers { owners: Owners { places, wanted }, chunks }, left))
}

/// A key that two customers have.
fn double(keys: &Keys, order: &[u32]) -> Option<String> {
    let mut pairs = order.iter().zip(order.iter().skip(1));
    pairs
        .find(|(a, b)| keys.get(**a) == keys.get(**b))
        .and_then(|(a, _)| keys.get(*a))
        .map(|key| key.to_string())
}

/// The customers of each chunk, by place, where chunks have so many.
pub(crate) fn ranges(customers: usize, a_chunk: usize) -> Vec<Range<usize>> {
    (0..customers).step_by(a_chunk).map(|from| from..(from + a_chunk).min(customers)).collect()
}

/// The rows of each chunk's customers in a collection, and what was left out; none where the collection is no table.
async fn read_collection(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &CollectionNeeds,
    (part, owners, chunks): (Part<'_>, &Owners, Vec<Range<usize>>),
    row_keys: RowKeys,
) -> Result<Option<(Vec<HeldRows>, Left)>, StoreError> {
    let Some((wanted, time)) = rows_wanted(vocabulary, needs, part, owners) else { return Ok(None) };
    let read = table::read(reader, &wanted, vocabulary.zone).await?;
    let mut left = Left::default();
    left.remark(&read, &wanted, row_keys);
    on_a_thread(move || Some(arrange(read, time, &chunks, left, row_keys))).await
}

/// What is wanted of a collection's table, and which of the fields says when; none where the collection is no table.
pub(crate) fn rows_wanted<'a>(
    vocabulary: &'a Vocabulary,
    needs: &CollectionNeeds,
    part: Part<'a>,
    owners: &Owners,
) -> Option<(Wanted<'a>, Option<usize>)> {
    let collection = vocabulary.collection(needs.id)?;
    let RowSource::Table { table, customer, key, changes } = &collection.source else { return None };
    let wanted = Wanted {
        table,
        owner: Some((customer.as_str(), owners.clone())),
        keys: key.as_deref().into_iter().collect(),
        attributes: needs.fields.iter().filter_map(|f| collection.field(*f)).collect(),
        part,
        only: Only::there(changes),
    };
    Some((wanted, needs.fields.iter().position(|f| *f == collection.time)))
}

/// Rows of a table, by chunks, given by the places of their customers; `time` is the column that says when they were.
pub(crate) fn arrange(
    mut read: Read,
    time: Option<usize>,
    chunks: &[Range<usize>],
    mut left: Left,
    row_keys: RowKeys,
) -> (Vec<HeldRows>, Left) {
    let customers = chunks.last().map_or(0, |customers| customers.end);
    let owners = std::mem::take(&mut read.owners);
    let time = time.and_then(|time| read.columns.get(time));
    let order = Order::new(owners, read.keys.first(), time, customers);
    (left.without_time, left.orphans) = (order.without_time.len(), order.orphans.len());
    let mut rows = order::each(chunks, |customers| HeldRows {
        rows: Rows {
            offsets: OffsetBuffer::from_lengths(order.lengths(customers.clone())),
            fields: Vec::new(),
        },
        keys: None,
    });
    // One after the other, so that only one of them is there twice.
    if let (RowKeys::Keep, Some(keys)) = (row_keys, read.keys.into_iter().next()) {
        left.without_time_keys = keys.pick(&order.without_time);
        left.orphan_keys = keys.pick(&order.orphans);
        let arrays = order::each(chunks, |customers| keys.take(order.of(customers.clone())));
        rows.iter_mut().zip(arrays).for_each(|(rows, keys)| rows.keys = Some(keys));
    }
    for column in read.columns {
        let arrays = order::each(chunks, |customers| column.take(order.of(customers.clone())));
        rows.iter_mut().zip(arrays).for_each(|(rows, array)| rows.rows.fields.push(array));
    }
    (rows, left)
}

/// Without keeping the others waiting.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| StoreError::cut_short())
}

impl Left {
    pub(crate) fn remark(&mut self, read: &Read, wanted: &Wanted<'_>, row_keys: RowKeys) {
        self.bad = read.bad(wanted.table, &wanted.attributes);
        if row_keys == RowKeys::Keep {
            let whose = |refused: &Refused| read.keys.first().map(|keys| keys.pick(&refused.rows));
            self.bad_keys = read.refused.iter().map(|refused| whose(refused).unwrap_or_default()).collect();
        }
    }
}
