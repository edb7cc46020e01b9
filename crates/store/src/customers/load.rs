//! From rows to chunks: customers in the order of their keys, their rows by time beside them.

use crate::customers::column::Column;
use crate::customers::engine;
use crate::customers::error::StoreError;
use crate::customers::reader::{Part, Reader};
use crate::customers::table::{self, BadColumn, Read, Wanted};
use crate::engine_rows::EngineRows;
use arrow_array::{ArrayRef, StringArray};
use arrow_buffer::OffsetBuffer;
use std::collections::{HashMap, HashSet};
use tidings_engine::chunk::{Chunk, CollectionNeeds, Needs, Rows};
use tidings_schema::{Attribute, Collection, CollectionId, RowSource, Vocabulary};

/// Customers in a chunk.
const CUSTOMERS_A_CHUNK: usize = 4096;

/// Which customers.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// Everybody.
    All,
    /// Those with these keys, as far as there are any; a few thousand at most.
    Those(&'a [&'a str]),
}

/// Customers, loaded.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// At most 4,096 customers each, all in the order of their keys' bytes.
    pub chunks: Vec<Chunk>,
    /// What there was to remark on.
    pub stats: LoadStats,
}

/// What was loaded, and what was left out and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadStats {
    /// Customers.
    pub customers: usize,
    /// Rows of the customers' table without a key, left out.
    pub without_key: usize,
    /// One for each collection that was needed, in the order of [`Needs::collections`].
    pub collections: Vec<CollectionStats>,
    /// Columns with values that are not what the schema says.
    pub bad: Vec<BadColumn>,
}

/// What was loaded of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionStats {
    /// The collection.
    pub id: CollectionId,
    /// Rows that the chunks have.
    pub rows: usize,
    /// Rows without a time, left out.
    pub without_time: usize,
    /// Rows of nobody in the customers' table, left out.
    pub orphans: usize,
}

/// A collection's rows and where they are in it.
struct Placed<'a> {
    fields: Vec<&'a Column>,
    /// Row numbers by customer, time and key.
    order: Vec<u32>,
    /// Where each customer's rows begin in `order`: one more than customers.
    begins: Vec<usize>,
}

/// Loads it all.
pub(crate) async fn load(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &Needs,
    selection: Selection<'_>,
    engine: &EngineRows,
) -> Result<Loaded, StoreError> {
    let only = if let Selection::Those(keys) = selection { Some(keys) } else { None };
    let wanted: Option<HashSet<&str>> = only.map(|keys| keys.iter().copied().collect());
    let wanted = wanted.as_ref();
    let mut customers = read_customers(reader, vocabulary, needs, only).await?;
    let mut stats = LoadStats { bad: std::mem::take(&mut customers.bad), ..LoadStats::default() };
    let order = in_key_order(&customers, vocabulary, wanted, &mut stats)?;
    let keys: Vec<&str> = order.iter().filter_map(|row| key_at(&customers, 0, *row)).collect();
    let place: HashMap<&str, u32> = keys.iter().zip(0..).map(|(key, i)| (*key, i)).collect();

    let kept = engine::kept(vocabulary, needs, &engine.kept, &place, &mut stats.bad);
    let mut reads = Vec::new();
    for needs in &needs.collections {
        let mut read = read_collection(reader, vocabulary, needs, only, engine).await?;
        stats.bad.append(&mut read.bad);
        reads.push(read);
    }
    let mut placed = Vec::new();
    for (needs, read) in needs.collections.iter().zip(&reads) {
        let (rows, counts) = place_rows(vocabulary, needs, read, &place, wanted);
        stats.collections.push(counts);
        placed.push(rows);
    }
    let columns = Columns { needs, vocabulary, stored: &customers.columns, kept: &kept };
    let chunks = (0..keys.len())
        .step_by(CUSTOMERS_A_CHUNK)
        .map(|from| chunk(from, (from + CUSTOMERS_A_CHUNK).min(keys.len()), &keys, &order, &columns, &placed))
        .collect();
    Ok(Loaded { chunks, stats })
}

async fn read_customers(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &Needs,
    only: Option<&[&str]>,
) -> Result<Read, StoreError> {
    let attributes =
        needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id)).filter(|a| !a.kept).collect();
    let customer = &vocabulary.customer;
    let wanted = Wanted { table: &customer.table, keys: vec![&customer.key], attributes, part: part(only) };
    table::read(reader, &wanted, vocabulary.zone).await
}

async fn read_collection(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &CollectionNeeds,
    only: Option<&[&str]>,
    engine: &EngineRows,
) -> Result<Read, StoreError> {
    let Some(collection) = vocabulary.collection(needs.id) else { return Ok(Read::default()) };
    let fields: Vec<&Attribute> = needs.fields.iter().filter_map(|f| collection.field(*f)).collect();
    match &collection.source {
        RowSource::Table { table, customer, key } => {
            let keys = [customer.as_str()].into_iter().chain(key.as_deref()).collect();
            let wanted = Wanted { table, keys, attributes: fields, part: part(only) };
            table::read(reader, &wanted, vocabulary.zone).await
        }
        RowSource::Sends => Ok(engine::sends(&engine.sends, &fields, vocabulary.zone)),
        RowSource::Grants => Ok(engine::grants(&engine.grants, &fields, vocabulary.zone)),
    }
}

fn part<'a>(only: Option<&'a [&'a str]>) -> Part<'a> {
    only.map_or(Part::All, Part::With)
}

fn key_at(read: &Read, key: usize, row: u32) -> Option<&str> {
    read.keys.get(key)?.get(row as usize)?.as_deref()
}

/// The rows of the customers in the order of their keys; no key may come twice.
fn in_key_order(
    read: &Read,
    vocabulary: &Vocabulary,
    wanted: Option<&HashSet<&str>>,
    stats: &mut LoadStats,
) -> Result<Vec<u32>, StoreError> {
    let mut rows: Vec<(&str, u32)> =
        (0..read.rows as u32).filter_map(|r| key_at(read, 0, r).map(|k| (k, r))).collect();
    stats.without_key = read.rows - rows.len();
    rows.retain(|(key, _)| wanted.is_none_or(|wanted| wanted.contains(*key)));
    rows.sort_unstable();
    if let Some(key) =
        rows.windows(2).find_map(|pair| matches!(pair, [(a, _), (b, _)] if a == b).then(|| pair.first()))
    {
        return Err(StoreError::DoubleKey {
            table: vocabulary.customer.table.clone(),
            column: vocabulary.customer.key.clone(),
            key: key.map(|(k, _)| (*k).to_owned()).unwrap_or_default(),
        });
    }
    stats.customers = rows.len();
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

/// Puts a collection's rows behind their customers. Rows of the same time are in the order of their keys, and
/// without keys in that of the table.
fn place_rows<'a>(
    vocabulary: &Vocabulary,
    needs: &CollectionNeeds,
    read: &'a Read,
    place: &HashMap<&str, u32>,
    wanted: Option<&HashSet<&str>>,
) -> (Placed<'a>, CollectionStats) {
    let mut stats = CollectionStats { id: needs.id, rows: 0, without_time: 0, orphans: 0 };
    let time = vocabulary.collection(needs.id).map(|c: &Collection| c.time);
    let time = time.and_then(|t| needs.fields.iter().position(|f| *f == t)).and_then(|i| read.columns.get(i));
    let mut rows: Vec<(u32, i64, u32)> = Vec::with_capacity(read.rows);
    for row in 0..read.rows as u32 {
        let customer = key_at(read, 0, row);
        match (customer.and_then(|c| place.get(c)), time.and_then(|t| t.time(row as usize))) {
            (Some(place), Some(time)) => rows.push((*place, time, row)),
            (Some(_), None) => stats.without_time += 1,
            (None, _) if wanted.is_none_or(|w| customer.is_some_and(|c| w.contains(c))) => stats.orphans += 1,
            (None, _) => {}
        }
    }
    rows.sort_unstable_by(|a, b| {
        let key = |row: u32| if read.keys.len() > 1 { key_at(read, 1, row) } else { None };
        (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| key(a.2).cmp(&key(b.2))).then(a.2.cmp(&b.2))
    });
    stats.rows = rows.len();
    let mut begins = vec![0; place.len() + 1];
    for (customer, ..) in &rows {
        begins.get_mut(*customer as usize + 1).into_iter().for_each(|n| *n += 1);
    }
    begins.iter_mut().fold(0, |sum, n| {
        *n += sum;
        *n
    });
    (
        Placed {
            fields: read.columns.iter().collect(),
            order: rows.into_iter().map(|r| r.2).collect(),
            begins,
        },
        stats,
    )
}

/// The customers' columns, from the store and from the engine's state.
struct Columns<'a> {
    needs: &'a Needs,
    vocabulary: &'a Vocabulary,
    /// By row of the store.
    stored: &'a [Column],
    /// By customer.
    kept: &'a [Column],
}

impl Columns<'_> {
    fn take(&self, customers: std::ops::Range<usize>, order: &[u32]) -> Vec<ArrayRef> {
        let (mut stored, mut kept) = (self.stored.iter(), self.kept.iter());
        let numbers: Vec<u32> = customers.map(|i| i as u32).collect();
        let attributes = self.needs.attributes.iter().filter_map(|id| self.vocabulary.attribute(*id));
        attributes
            .filter_map(|a| {
                if a.kept {
                    kept.next().map(|c| c.take(&numbers))
                } else {
                    stored.next().map(|c| c.take(order))
                }
            })
            .collect()
    }
}

/// The chunk of the customers from one place to another.
fn chunk(
    from: usize,
    to: usize,
    keys: &[&str],
    order: &[u32],
    columns: &Columns<'_>,
    placed: &[Placed<'_>],
) -> Chunk {
    let collections = placed.iter().map(|rows| {
        let begins = rows.begins.get(from..=to).unwrap_or_default();
        let (first, last) = (begins.first().copied().unwrap_or(0), begins.last().copied().unwrap_or(0));
        let numbers = rows.order.get(first..last).unwrap_or_default();
        Rows {
            offsets: OffsetBuffer::from_lengths(
                begins.windows(2).map(|w| w.iter().rev().copied().reduce(|b, a| b - a).unwrap_or(0)),
            ),
            fields: rows.fields.iter().map(|c| c.take(numbers)).collect(),
        }
    });
    Chunk {
        keys: StringArray::from_iter_values(keys.get(from..to).unwrap_or_default()),
        attributes: columns.take(from..to, order.get(from..to).unwrap_or_default()),
        collections: collections.collect(),
    }
}
