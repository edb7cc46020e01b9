//! What a decision stands on: what the store has, with the engine's own rows beside it.

use crate::customers::engine;
use crate::customers::error::StoreError;
use crate::customers::held::{self, Held, HeldChunk, Left, RowKeys};
use crate::customers::reader::Reader;
use crate::customers::table::{BadColumn, NOBODY, UNASKED};
use arrow_array::Array;
use std::collections::HashSet;
use std::ops::Range;
use tidings_engine::chunk::{Chunk, Needs};
use tidings_plan::past::EngineRows;
use tidings_schema::{CollectionId, RowSource, Vocabulary};

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
    /// At most 4,096 customers each, or twice that once some came in, all in the order of their keys' bytes.
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
    /// What else there is to say, in whole sentences: of files with rows that cannot be read.
    pub notes: Vec<String>,
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

/// Loads it all.
pub(crate) async fn load(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    needs: &Needs,
    selection: Selection<'_>,
    engine: &EngineRows,
) -> Result<Loaded, StoreError> {
    let held = Held::read(reader, vocabulary, needs, selection, RowKeys::Drop).await?;
    Ok(held.beside(vocabulary, needs, selection, engine))
}

impl Held {
    /// With the engine's own rows beside it. The arrays are shared.
    pub(crate) fn beside(
        &self,
        vocabulary: &Vocabulary,
        needs: &Needs,
        selection: Selection<'_>,
        engine: &EngineRows,
    ) -> Loaded {
        let own = Own::new(self, vocabulary, needs, selection, engine);
        let rows = |i: usize| {
            let rows = self.chunks.iter().filter_map(|chunk| chunk.collections.get(i));
            rows.map(|rows| rows.rows.len()).sum()
        };
        let tables = self.collections.iter().enumerate().map(|(i, left)| (rows(i), left));
        let stats = self.stats(vocabulary, needs, &own, tables);
        let chunks = self.chunks.iter().zip(&own.chunks);
        let chunks = chunks.map(|(held, own)| together(vocabulary, needs, held, own));
        Loaded { chunks: chunks.collect(), stats }
    }

    /// What was loaded; `tables` are how many rows there are of each collection that is one, and what was left out.
    pub(crate) fn stats<'a>(
        &self,
        vocabulary: &Vocabulary,
        needs: &Needs,
        own: &Own,
        mut tables: impl Iterator<Item = (usize, &'a Left)>,
    ) -> LoadStats {
        let mut stats = LoadStats {
            customers: self.chunks.iter().map(|chunk| chunk.keys.len()).sum(),
            without_key: self.customers.without_key,
            ..LoadStats::default()
        };
        stats.bad.extend(self.customers.bad.iter().flatten().chain(&own.bad).cloned());
        let mut own_stats = own.stats.iter();
        for needs in &needs.collections {
            if !is_table(vocabulary, needs.id) {
                stats.collections.extend(own_stats.next().cloned());
                continue;
            }
            let Some((rows, left)) = tables.next() else { continue };
            let Left { without_time, orphans, .. } = *left;
            stats.collections.push(CollectionStats { id: needs.id, rows, without_time, orphans });
            stats.bad.extend(left.bad.iter().flatten().cloned());
        }
        stats
    }
}

/// A chunk of what the store has and what the engine itself knows.
pub(crate) fn together(vocabulary: &Vocabulary, needs: &Needs, held: &HeldChunk, own: &Chunk) -> Chunk {
    let (mut stored, mut kept) = (held.attributes.iter(), own.attributes.iter());
    let attributes = needs.attributes.iter().filter_map(|id| vocabulary.attribute(*id));
    let (mut tables, mut others) = (held.collections.iter(), own.collections.iter());
    let collections = needs.collections.iter().filter_map(|c| match is_table(vocabulary, c.id) {
        true => tables.next().map(|held| held.rows.clone()),
        false => others.next().cloned(),
    });
    Chunk {
        keys: held.keys.clone(),
        attributes: attributes
            .filter_map(|a| if a.kept { kept.next().cloned() } else { stored.next().cloned() })
            .collect(),
        collections: collections.collect(),
    }
}

fn is_table(vocabulary: &Vocabulary, id: CollectionId) -> bool {
    vocabulary.collection(id).is_some_and(|c| matches!(c.source, RowSource::Table { .. }))
}

/// The engine's own rows in chunks of the same customers.
#[derive(Debug)]
pub(crate) struct Own {
    /// The attributes and collections that are no tables of the store.
    pub(crate) chunks: Vec<Chunk>,
    stats: Vec<CollectionStats>,
    bad: Vec<BadColumn>,
}

impl Own {
    pub(crate) fn new(
        held: &Held,
        vocabulary: &Vocabulary,
        needs: &Needs,
        selection: Selection<'_>,
        engine: &EngineRows,
    ) -> Own {
        let ranges = held.ranges();
        let customers = ranges.last().map_or(0, |range| range.end);
        let find = |key: &str| held.find(&ranges, key);
        let asked: Option<HashSet<&str>> =
            if let Selection::Those(keys) = selection { Some(keys.iter().copied().collect()) } else { None };
        let owner = |key: &str| match find(key) {
            Some(place) => place,
            None if asked.as_ref().is_none_or(|asked| asked.contains(key)) => NOBODY,
            None => UNASKED,
        };
        let mut own = Own { chunks: Vec::new(), stats: Vec::new(), bad: Vec::new() };
        let kept = engine::kept(vocabulary, needs, &engine.kept, (customers, &find), &mut own.bad);
        let everyone: Vec<u32> = (0..customers as u32).collect();
        own.chunks.extend(held.chunks.iter().zip(&ranges).map(|(held, range)| {
            let rows = everyone.get(range.clone()).unwrap_or_default();
            let attributes = kept.iter().map(|column| column.take(rows)).collect();
            Chunk { keys: held.keys.clone(), attributes, collections: Vec::new() }
        }));
        for needs in &needs.collections {
            let Some(collection) = vocabulary.collection(needs.id) else { continue };
            let fields: Vec<_> = needs.fields.iter().filter_map(|f| collection.field(*f)).collect();
            let read = match &collection.source {
                RowSource::Table { .. } => continue,
                RowSource::Sends => engine::sends(&engine.sends, &fields, vocabulary.zone, &owner),
                RowSource::Grants => engine::grants(&engine.grants, &fields, vocabulary.zone, &owner),
            };
            let time = needs.fields.iter().position(|f| *f == collection.time);
            let (rows, left) = held::arrange(read, time, &ranges, Left::default(), RowKeys::Drop);
            own.stats.push(CollectionStats {
                id: needs.id,
                rows: rows.iter().map(|rows| rows.rows.len()).sum(),
                without_time: left.without_time,
                orphans: left.orphans,
            });
            own.chunks.iter_mut().zip(rows).for_each(|(chunk, rows)| chunk.collections.push(rows.rows));
        }
        own
    }
}

impl Held {
    /// The places of each chunk's customers among all.
    pub(crate) fn ranges(&self) -> Vec<Range<usize>> {
        let begins = self.chunks.iter().scan(0, |sum, chunk| {
            let begin = *sum;
            *sum += chunk.keys.len();
            Some(begin..*sum)
        });
        begins.collect()
    }

    /// The place of a customer among all.
    fn find(&self, ranges: &[Range<usize>], key: &str) -> Option<u32> {
        let before =
            |chunk: &HeldChunk| chunk.keys.iter().next_back().flatten().is_none_or(|last| last < key);
        let at = self.chunks.partition_point(before);
        let (keys, range) = (&self.chunks.get(at)?.keys, ranges.get(at)?);
        let (mut from, mut to) = (0, keys.len());
        while from < to {
            let middle = from.midpoint(to);
            if keys.value(middle) < key { from = middle + 1 } else { to = middle }
        }
        (from < keys.len() && keys.value(from) == key).then(|| (range.start + from) as u32)
    }
}
