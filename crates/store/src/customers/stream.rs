//! Customers chunk by chunk, for stores whose rows do not fit into memory.
//!
//! All is read once, in one snapshot of the store. The customers' own columns are kept; the rows of collections are put aside
//! in a file by the chunks of their customers, and a chunk's are taken from there whenever the chunk is asked for. So what is
//! in memory does not grow with the rows, but for those of the chunks that somebody works on.

use crate::customers::aside::{Aside, BYTES_A_ROW};
use crate::customers::block::TEXTS;
use crate::customers::error::StoreError;
use crate::customers::held::{self, Customers, Held, HeldChunk, Left, RowKeys};
use crate::customers::keys::{Key, Keys, Places};
use crate::customers::load::{LoadStats, Own, Selection, together};
use crate::customers::reader::{Kind, Part, Reader};
use crate::customers::resident;
use crate::customers::table::{self, Owners};
use crate::customers::{ATTEMPTS, CustomerStore};
use std::borrow::Cow;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tidings_engine::Chunks;
use tidings_engine::chunk::{Chunk, CollectionNeeds, Needs};
use tidings_plan::past::EngineRows;
use tidings_schema::Vocabulary;

/// Of the memory that customers may take, rows that wait to be put aside take at most this, in bytes.
const WAITING: u64 = 64 << 20;

/// So many bytes a chunk's rows may always take: a thousand short ones.
const FEW: usize = 1_000 * BYTES_A_ROW;
/// So many blocks may be between the threads that read and the one that puts aside, where all of them are full.
const BLOCKS: u64 = 64;

/// How much memory customers may take, and where their rows are put where that is too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes.
    pub memory: u64,
    /// A folder that only its owner looks into.
    pub folder: PathBuf,
    /// How many threads work on chunks at a time.
    pub threads: usize,
}

impl Room {
    /// How many bytes of rows may wait to be put aside.
    pub(crate) fn waiting(&self) -> usize {
        (self.memory / 4).min(WAITING) as usize
    }

    /// How many bytes of texts a block of rows may have on its way there: an eighth of the memory for all of them.
    fn texts_a_block(&self) -> usize {
        (self.memory / 8 / BLOCKS).clamp(1 << 14, TEXTS as u64) as usize
    }

    /// How many bytes a chunk's rows may take: each thread works on one at a time, so one may take a tenth of the memory, and all
    /// together half of it.
    fn bytes_a_chunk(&self) -> usize {
        let parts = (2 * self.threads as u64).max(10);
        usize::try_from(self.memory / parts).unwrap_or(usize::MAX).max(FEW)
    }
}

/// All customers of a store as of one moment, with what the engine itself knows of them, in chunks that are made when they
/// are asked for.
#[derive(Debug)]
pub struct Stream {
    vocabulary: Vocabulary,
    needs: Needs,
    room: Room,
    /// The customers, without rows of collections.
    held: Held,
    own: Own,
    /// One for each needed collection that is a table, in the order of [`Needs::collections`].
    tables: Vec<Table>,
    notes: Vec<String>,
}

/// A collection that was put aside.
#[derive(Debug)]
struct Table {
    needs: CollectionNeeds,
    /// What its columns came as.
    kinds: Vec<Kind>,
    rows: Aside,
    /// By chunk, once it was made: how many rows it has, and what was left out.
    seen: Vec<OnceLock<(usize, Left)>>,
}

impl CustomerStore {
    /// About how many bytes the columns that are needed take in memory while all of them are loaded.
    pub async fn weight(&self, vocabulary: &Vocabulary, needs: &Needs) -> Result<u64, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            let weight = weight(&mut reader, vocabulary, needs).await;
            if let Some(weight) = reader.finish(weight).await {
                return weight;
            }
        }
        Err(self.disturbed())
    }

    /// All customers as [`CustomerStore::load`] has them, but with the rows of collections put aside.
    pub async fn stream(
        &self,
        vocabulary: &Vocabulary,
        needs: &Needs,
        engine: &EngineRows,
        room: &Room,
    ) -> Result<Stream, StoreError> {
        for _ in 0..ATTEMPTS {
            let mut reader = self.reader().await?;
            reader.widen().await?;
            reader.texts_a_block = room.texts_a_block();
            let read = Read::of(&mut reader, vocabulary, needs, room).await;
            if let Some(read) = reader.finish(read).await {
                let mut read = read?;
                read.fit(room)?;
                let Read { held, tables, .. } = read;
                let own = Own::new(&held, vocabulary, needs, Selection::All, engine);
                let (vocabulary, needs, room) = (vocabulary.clone(), needs.clone(), room.clone());
                return Ok(Stream { vocabulary, needs, room, held, own, tables, notes: self.notes.clone() });
            }
        }
        Err(self.disturbed())
    }
}

/// A value takes a word, and so do the row's key and its place in order; texts are judged by those of some rows.
async fn weight(reader: &mut Reader, vocabulary: &Vocabulary, needs: &Needs) -> Result<u64, StoreError> {
    let (customers, collections) = resident::tables(vocabulary, needs);
    let mut bytes: u64 = 0;
    for table in [customers].into_iter().chain(collections.into_iter().map(|(_, table)| table)) {
        let a_row = 8 * (table.attributes.len() + 2) + table.texts_a_row(reader).await?;
        bytes = bytes.saturating_add((table.count(reader).await? as u64).saturating_mul(a_row as u64));
    }
    Ok(bytes)
}

/// What was read, before it is known how large chunks may be.
struct Read {
    held: Held,
    tables: Vec<Table>,
    owners: Owners,
}

impl Read {
    async fn of(
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &Needs,
        room: &Room,
    ) -> Result<Read, StoreError> {
        let everybody = (Part::All, None);
        let (customers, left) =
            held::read_customers(reader, vocabulary, needs, everybody, RowKeys::Drop).await?;
        let Customers { owners, chunks } = customers;
        let mut tables = Vec::new();
        for needs in &needs.collections {
            let Some((wanted, _)) = held::rows_wanted(vocabulary, needs, Part::All, &owners) else {
                continue;
            };
            let (rows, kinds) = table::put_aside(reader, &wanted, &owners, room).await?;
            tables.push(Table { needs: needs.clone(), kinds, rows, seen: Vec::new() });
        }
        let chunks = chunks.await.map_err(|_| StoreError::cut_short())?;
        Ok(Read { held: Held { chunks, customers: left, collections: Vec::new() }, tables, owners })
    }

    /// Divides chunks whose customers' rows do not fit into memory, and puts these rows aside anew.
    fn fit(&mut self, room: &Room) -> Result<(), StoreError> {
        let bytes = |customer: usize| {
            let of = |table: &Table| table.rows.bytes_of.get(customer).copied().unwrap_or(0) as usize;
            self.tables.iter().map(of).sum::<usize>()
        };
        let ranges = self.held.ranges();
        let divided: Vec<Vec<Range<usize>>> =
            ranges.iter().map(|range| fitting(range.clone(), bytes, room.bytes_a_chunk())).collect();
        if divided.iter().any(|parts| parts.len() > 1) {
            let no_room = |why| StoreError::NoRoom { folder: room.folder.clone(), why };
            for table in &mut self.tables {
                table.rows.divide(&divided, &table.kinds, &self.owners).map_err(no_room)?;
            }
            let chunks = ranges.iter().zip(&divided).zip(&self.held.chunks);
            let parts = chunks.flat_map(|((range, parts), chunk)| {
                parts.iter().map(|part| chunk.slice(part.start - range.start, part.len()))
            });
            self.held.chunks = parts.collect();
        }
        for table in &mut self.tables {
            table.seen = self.held.chunks.iter().map(|_| OnceLock::new()).collect();
        }
        Ok(())
    }
}

/// Parts of a range of customers, each of at most so many bytes where it has more than one customer.
fn fitting(range: Range<usize>, bytes: impl Fn(usize) -> usize, most: usize) -> Vec<Range<usize>> {
    let (mut parts, mut begin, mut sum) = (Vec::new(), range.start, 0);
    for customer in range.clone() {
        let own = bytes(customer);
        if sum + own > most && begin < customer {
            parts.push(begin..customer);
            (begin, sum) = (customer, 0);
        }
        sum += own;
    }
    parts.push(begin..range.end);
    parts
}

impl Stream {
    /// What there was to remark on. Of collections it says what is in the chunks that were made so far, and of
    /// rows of nobody it looks at no values.
    pub fn stats(&self) -> LoadStats {
        let lefts: Vec<(usize, Left)> = self.tables.iter().map(Table::seen).collect();
        let tables = lefts.iter().map(|(rows, left)| (*rows, left));
        let stats = self.held.stats(&self.vocabulary, &self.needs, &self.own, tables);
        LoadStats { notes: self.notes.clone(), ..stats }
    }

    /// How many bytes of rows are put aside.
    pub fn aside(&self) -> u64 {
        self.tables.iter().map(|table| table.rows.bytes()).sum()
    }

    fn made(&self, i: usize) -> Result<Option<Chunk>, StoreError> {
        let (Some(held), Some(own)) = (self.held.chunks.get(i), self.own.chunks.get(i)) else {
            return Ok(None);
        };
        let mut held = held.clone();
        let owners = owners(&held);
        for table in &self.tables {
            let Some((wanted, time)) = held::rows_wanted(&self.vocabulary, &table.needs, Part::All, &owners)
            else {
                continue;
            };
            let no_room = |why| StoreError::NoRoom { folder: self.room.folder.clone(), why };
            let pieces = table.rows.of_chunk(i).map(|piece| piece.map_err(no_room));
            let read = table::read_aside(pieces, &wanted, &table.kinds, self.vocabulary.zone)?;
            let mut left = Left::default();
            left.remark(&read, &wanted, RowKeys::Drop);
            let all = 0..owners.places.len();
            let (rows, left) = held::arrange(read, time, &[all], left, RowKeys::Drop);
            let count = rows.iter().map(|rows| rows.rows.len()).sum();
            table.seen.get(i).into_iter().for_each(|seen| drop(seen.set((count, left.clone()))));
            held.collections.extend(rows);
        }
        Ok(Some(together(&self.vocabulary, &self.needs, &held, own)))
    }
}

impl Table {
    /// How many rows the chunks have that were made so far, and what was left out.
    fn seen(&self) -> (usize, Left) {
        let mut all = (0, Left { orphans: self.rows.orphans, ..Left::default() });
        for (rows, left) in self.seen.iter().filter_map(OnceLock::get) {
            all.0 += rows;
            all.1.without_time += left.without_time;
            all.1.bad.resize(left.bad.len(), None);
            for (known, bad) in all.1.bad.iter_mut().zip(&left.bad) {
                match (known, bad) {
                    (Some(known), Some(bad)) => known.count += bad.count,
                    (known, bad) => *known = known.take().or_else(|| bad.clone()),
                }
            }
        }
        all
    }
}

/// A chunk's customers, to find rows' owners by.
fn owners(chunk: &HeldChunk) -> Owners {
    let mut keys = Keys::default();
    chunk.keys.iter().for_each(|key| keys.push(key.map(Key::of)));
    Owners { places: Arc::new(Places::new(keys)), wanted: None }
}

impl Chunks for Stream {
    type Error = StoreError;

    fn count(&self) -> usize {
        self.held.chunks.len()
    }

    fn chunk(&self, i: usize) -> Result<Cow<'_, Chunk>, StoreError> {
        self.made(i)?.map(Cow::Owned).ok_or_else(StoreError::cut_short)
    }
}
