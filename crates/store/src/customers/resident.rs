//! Customers that stay in memory, and are brought up to date by reading only what changed.
//!
//! A table that says how it tells its changes is read from a little before its mark on, see [`mark`]. What was read
//! takes the place of the rows with the same keys, wherever those are; a row that is just what is held changes nothing.
//! All of a refresh is one snapshot of the store, and in it tables are counted, those that only grow now and then: where what is held and what was left
//! out do not add up to the rows that there are, the table is read anew. So rows that were deleted without a word are
//! noticed, and so is whatever else a table did not tell. Columns that came to be needed since are then read alone, see
//! [`grow`].

mod arrays;
mod cache;
mod columns;
mod find;
mod grow;
mod known;
mod left;
mod mapped;
mod mark;
mod merge;
mod place;
pub(super) mod read;
mod rows;
mod sections;
mod stamp;

pub(crate) use mark::Mark;

use crate::customers::error::StoreError;
use crate::customers::held::{self, Held, HeldChunk, RowKeys};
use crate::customers::load::{Loaded, Selection};
use crate::customers::place::Place;
use crate::customers::reader::Reader;
use crate::customers::{ATTEMPTS, CustomerStore};
use arrow_array::Array;
use find::Found;
use grow::Rows;
use mark::Told;
use merge::Changes;
use read::Kept;
use stamp::Stamp;
use std::path::PathBuf;
use tidings_engine::chunk::{CollectionNeeds, Needs};
use tidings_plan::EngineRows;
use tidings_schema::{RowSource, Vocabulary};

/// After so long all is read anew, in microseconds: what a transaction held back for longer than any margin comes in then.
const WHOLE_EVERY: i64 = 86_400_000_000;

/// The columns of a store that some rules need, kept between decisions.
#[derive(Debug)]
pub struct Resident {
    kept: Option<State>,
    /// Where it is to be found before it is used.
    cache: Option<PathBuf>,
    /// Whether it was found in a cache.
    from_cache: bool,
    /// After how long all is read anew, in microseconds.
    whole_every: i64,
}

/// What is kept.
#[derive(Debug)]
struct State {
    /// Which store it is of, see [`Place::identity`].
    store: u128,
    vocabulary: Vocabulary,
    needs: Needs,
    held: Held,
    /// How far the customers' table was read, and each collection that is a table.
    marks: Marks,
    /// The file that it was read from, as it was then.
    stamp: Option<Stamp>,
    /// How many rows were read since it came from a cache.
    changed: usize,
    /// When all of it was read, in microseconds since 1970 UTC.
    whole_at: i64,
    /// Whether it was brought up to date since.
    patched: bool,
}

#[derive(Clone, Debug, Default)]
struct Marks {
    customers: Option<Told>,
    collections: Vec<Option<Told>>,
    /// When all tables were counted, in microseconds since 1970 UTC.
    counted_at: i64,
}

impl Marks {
    /// Whether some table says how far it was read.
    fn any(&self) -> bool {
        self.customers.is_some() || self.collections.iter().any(Option::is_some)
    }
}

/// What bringing it up to date took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// Rows that were read.
    pub read: usize,
    /// Rows of which only columns were read that came to be needed.
    pub grown: usize,
    /// Rows that were not read, because they are what they were.
    pub saved: usize,
    /// About how many bytes the columns take.
    pub bytes: usize,
}

impl Default for Resident {
    fn default() -> Resident {
        Resident { kept: None, from_cache: false, cache: None, whole_every: WHOLE_EVERY }
    }
}

impl Resident {
    /// The same, but all is read anew only where so much time has passed, in microseconds; a day is usual.
    #[must_use]
    pub fn whole_every(self, micros: i64) -> Resident {
        Resident { whole_every: micros, ..self }
    }

    /// What a load would give now, by reading only what changed since the one before, and what that took. `at` is the
    /// moment of the clock (microseconds since 1970 UTC). The columns are shared, not copied.
    pub async fn load(
        &mut self,
        store: &CustomerStore,
        vocabulary: &Vocabulary,
        needs: &Needs,
        engine: &EngineRows,
        at: i64,
    ) -> Result<(Loaded, Refreshed), StoreError> {
        let took = self.refresh(store, vocabulary, needs, at).await?;
        let Some(kept) = &self.kept else { return Err(store.disturbed()) };
        let mut loaded = kept.projected(needs).beside(vocabulary, needs, Selection::All, engine);
        loaded.stats.notes.clone_from(&store.notes);
        Ok((loaded, took))
    }

    async fn refresh(
        &mut self,
        store: &CustomerStore,
        vocabulary: &Vocabulary,
        needs: &Needs,
        at: i64,
    ) -> Result<Refreshed, StoreError> {
        let identity = store.place.identity();
        self.begin(identity, vocabulary);
        self.kept = self.kept.take().filter(|kept| kept.store == identity);
        let stamp_of = || match &store.place {
            Place::File(path) => Stamp::of(path, at),
            _ => None,
        };
        for _ in 0..ATTEMPTS {
            let stamp = stamp_of();
            let as_it_was = |kept: &&State| {
                kept.vocabulary == *vocabulary
                    && (stamp.is_some() && kept.stamp == stamp)
                    && (!kept.patched || self.is_young(kept, at))
            };
            let as_it_was = self.kept.as_ref().filter(as_it_was);
            if let Some(kept) = as_it_was.filter(|kept| kept.covers(needs)) {
                return Ok(kept.figures(Rows::default()));
            }
            let as_it_was = as_it_was.is_some();
            let mut reader = store.reader().await?;
            reader.widen().await?;
            let read = self.bring_up(&mut reader, vocabulary, needs, (at, as_it_was)).await;
            let mut read = reader.finish(read).await;
            // Somebody wrote before reading began.
            if as_it_was && stamp != stamp_of() {
                read = None;
            }
            match read {
                Some(Ok(read)) => {
                    let Some(kept) = &mut self.kept else { continue };
                    (kept.store, kept.stamp) = (identity, stamp);
                    kept.changed += read.whole + read.grown;
                    return Ok(kept.figures(read));
                }
                Some(Err(error)) => return Err(error),
                // What was read may be of no moment at all.
                None => (self.kept, self.from_cache) = (None, false),
            }
        }
        Err(store.disturbed())
    }

    /// Whether all of it was read not long ago. A clock that was ahead then says nothing.
    fn is_young(&self, kept: &State, at: i64) -> bool {
        (0..self.whole_every).contains(&at.saturating_sub(kept.whole_at))
    }

    /// `as_it_was`: whether nothing changed in the store since it was read.
    async fn bring_up(
        &mut self,
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &Needs,
        (at, as_it_was): (i64, bool),
    ) -> Result<Rows, StoreError> {
        let before = self.kept.take().filter(|kept| kept.vocabulary == *vocabulary);
        // What decisions ask for in turn is kept together.
        let all = before.as_ref().map_or_else(|| needs.clone(), |kept| kept.needs.union(needs));
        let is_of_use = |kept: &State| {
            !kept.held.chunks.is_empty() && (as_it_was || kept.marks.any() && self.is_young(kept, at))
        };
        if let Some(mut kept) = before.filter(is_of_use)
            && let Some(renewed) = kept.renew(reader, &all, (at, as_it_was)).await.transpose()
        {
            self.kept = Some(kept);
            return renewed;
        }
        let kept = State::cold(reader, vocabulary, &all, at).await?;
        let rows = Rows { whole: kept.rows(), grown: 0 };
        self.kept = Some(kept);
        Ok(rows)
    }
}

impl State {
    async fn cold(
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &Needs,
        at: i64,
    ) -> Result<State, StoreError> {
        let mut marks = Marks { counted_at: at, ..Marks::default() };
        let (customers, collections) = tables(vocabulary, needs);
        marks.customers = customers.newest(reader, at).await?;
        for (_, table) in collections {
            marks.collections.push(table.newest(reader, at).await?);
        }
        let held = Held::read(reader, vocabulary, needs, Selection::All, RowKeys::Keep).await?;
        let (vocabulary, needs) = (vocabulary.clone(), needs.clone());
        Ok(State {
            store: 0,
            vocabulary,
            needs,
            held,
            marks,
            stamp: None,
            changed: 0,
            whole_at: at,
            patched: false,
        })
    }

    /// Brings it up to date, as far as need be, and reads what is needed beside it. None where all has to be read anew. After
    /// an error it is what it was, but perhaps for remarks on values that were read; or it is of no use.
    async fn renew(
        &mut self,
        reader: &mut Reader,
        all: &Needs,
        (at, as_it_was): (i64, bool),
    ) -> Result<Option<Rows>, StoreError> {
        let (mut read, mut beside) = (0, None);
        if !as_it_was {
            let Ok(mut found) = self.find_changes(reader, all, at).await? else { return Ok(None) };
            beside = found.beside.take();
            let Some(whole) = self.take_in(reader, found, all).await? else { return Ok(None) };
            read = whole;
        }
        let rows = self.grow(reader, all, beside, at).await?;
        Ok(rows.map(|rows| Rows { whole: rows.whole + read, ..rows }))
    }

    /// Whether all that is needed is held.
    fn covers(&self, needs: &Needs) -> bool {
        self.needs.union(needs) == self.needs
    }

    fn rows(&self) -> usize {
        let of = |chunk: &held::HeldChunk| {
            chunk.keys.len() + chunk.collections.iter().map(|held| held.rows.len()).sum::<usize>()
        };
        self.held.chunks.iter().map(of).sum()
    }

    fn figures(&self, Rows { whole, grown }: Rows) -> Refreshed {
        let bytes = self.held.chunks.iter().map(bytes).sum();
        Refreshed { read: whole, grown, saved: self.rows().saturating_sub(whole + grown), bytes }
    }

    /// Puts it in, and reads anew what could not be told otherwise. None where it all has to be read anew.
    async fn take_in(
        &mut self,
        reader: &mut Reader,
        found: Found,
        all: &Needs,
    ) -> Result<Option<usize>, StoreError> {
        let Found { people, edits, without_key, collections, marks, mut read, .. } = found;
        // Of no use before all of it is in.
        (self.marks, self.stamp) = (Marks::default(), None);
        let changes = Changes { people: &people, edits: &edits, collections: &collections };
        if changes.apply(&mut self.held.chunks).is_err() {
            return Ok(None);
        }
        if let Some(without_key) = without_key {
            self.held.customers.without_key = without_key;
        }
        let owners = collections.iter().any(Option::is_none).then(|| self.held.owners());
        let vocabulary = self.vocabulary.clone();
        let here: Vec<_> = columns::tables(&vocabulary, &self.needs).map(|needs| needs.id).collect();
        let wanted = columns::tables(&vocabulary, all).filter(|needs| here.contains(&needs.id));
        for ((i, change), needs) in collections.into_iter().enumerate().zip(wanted) {
            let Some(left) = self.held.collections.get_mut(i) else { continue };
            if let Some((_, moves)) = change {
                (left.orphans, left.without_time) = (moves.orphans.len(), moves.without_time.len());
                (left.orphan_keys, left.without_time_keys) = (moves.orphans, moves.without_time);
            } else if let Some(owners) = &owners {
                read += self.read_again(reader, (i, needs), owners).await?;
            }
        }
        (self.marks, self.patched) = (marks, true);
        Ok(Some(read))
    }
}

/// The tables that are needed: the customers', and the collections' with the field that says when.
pub(super) fn tables<'a>(vocabulary: &'a Vocabulary, needs: &Needs) -> (Kept<'a>, Vec<(usize, Kept<'a>)>) {
    let customer = &vocabulary.customer;
    let customers = Kept {
        table: &customer.table,
        keys: vec![&customer.key],
        attributes: held::stored(vocabulary, needs),
        changes: &customer.changes,
    };
    (customers, needs.collections.iter().filter_map(|c| table(vocabulary, c)).collect())
}

/// A collection that is a table, with the field that says when.
fn table<'a>(vocabulary: &'a Vocabulary, needs: &CollectionNeeds) -> Option<(usize, Kept<'a>)> {
    let collection = vocabulary.collection(needs.id)?;
    let RowSource::Table { table, customer, key, changes } = &collection.source else { return None };
    let attributes = needs.fields.iter().filter_map(|f| collection.field(*f)).collect();
    let keys = [customer.as_str()].into_iter().chain(key.as_deref()).collect();
    let time = needs.fields.iter().position(|f| *f == collection.time)?;
    Some((time, Kept { table, keys, attributes, changes }))
}

fn bytes(chunk: &HeldChunk) -> usize {
    let rows = chunk.collections.iter().flat_map(|held| held.rows.fields.iter().chain(&held.keys));
    chunk.attributes.iter().chain(rows).map(|column| bytes_of(column)).sum::<usize>() + bytes_of(&chunk.keys)
}

fn bytes_of(column: &dyn Array) -> usize {
    // Columns may lie in one piece of memory, as those of a cache do.
    column.to_data().get_slice_memory_size().unwrap_or(0)
}
