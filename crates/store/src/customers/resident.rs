//! Customers that stay in memory, and are brought up to date by reading only what changed.
//!
//! A table that says how it tells its changes is read from a little before its mark on, see [`mark`]. What was read
//! takes the place of the rows with the same keys, wherever those are; a row that is just what is held changes nothing.
//! All of a refresh is one snapshot of the store, and in it each table is counted: where what is held and what was left
//! out do not add up to the rows that there are, the table is read anew. So rows that were deleted without a word are
//! noticed, and so is whatever else a table did not tell.

mod arrays;
mod cache;
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
use crate::customers::keys::{Key, Keys, Places};
use crate::customers::load::{Loaded, Selection};
use crate::customers::place::Place;
use crate::customers::reader::{Counting, Part, Reader};
use crate::customers::table::Read;
use crate::customers::{ATTEMPTS, CustomerStore};
use arrow_array::Array;
use mark::Told;
use merge::{Changes, Doubt, People};
use place::Edits;
use read::Kept;
use rows::{Arrived, Moves};
use stamp::Stamp;
use std::path::PathBuf;
use tidings_engine::chunk::{CollectionNeeds, Needs};
use tidings_plan::EngineRows;
use tidings_schema::{RowSource, Vocabulary};

/// For so many new customers their rows that were nobody's before are looked up; for more the table is read anew.
const FEW: usize = 5_000;
/// So often tables are counted whose rows only come in, in microseconds: that takes longer than reading what came.
const COUNT_EVERY: i64 = 300_000_000;
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
    /// Rows that were not, because they are what they were.
    pub saved: usize,
    /// About how many bytes the columns take.
    pub bytes: usize,
}

/// What changed, and what has to be read anew.
struct Found {
    people: People,
    edits: Vec<Edits>,
    without_key: Option<usize>,
    collections: Vec<Option<(Arrived, Moves)>>,
    marks: Marks,
    read: usize,
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
        for _ in 0..ATTEMPTS {
            let stamp = match &store.place {
                Place::File(path) => Stamp::of(path, at),
                _ => None,
            };
            let suits = |kept: &&State| {
                kept.vocabulary == *vocabulary
                    && kept.covers(needs)
                    && (!kept.patched || self.is_young(kept, at))
            };
            if let Some(kept) =
                self.kept.as_ref().filter(suits).filter(|k| stamp.is_some() && k.stamp == stamp)
            {
                return Ok(kept.figures(0));
            }
            let mut reader = store.reader().await?;
            reader.widen().await?;
            let read = self.bring_up(&mut reader, vocabulary, needs, at).await;
            match reader.finish(read).await {
                Some(Ok(read)) => {
                    let Some(kept) = &mut self.kept else { continue };
                    (kept.store, kept.stamp) = (identity, stamp);
                    kept.changed += read;
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

    async fn bring_up(
        &mut self,
        reader: &mut Reader,
        vocabulary: &Vocabulary,
        needs: &Needs,
        at: i64,
    ) -> Result<usize, StoreError> {
        let before = self.kept.take().filter(|kept| kept.vocabulary == *vocabulary);
        // What decisions ask for in turn is kept together.
        let all = before.as_ref().map_or_else(|| needs.clone(), |kept| kept.needs.union(needs));
        if let Some(mut kept) = before.filter(|kept| kept.can_grow(needs) && self.is_young(kept, at)) {
            let found = kept.find_changes(reader, at).await;
            let found = match found {
                // What is held stays what it was, but perhaps for remarks on values that were read.
                Err(error) => {
                    self.kept = Some(kept);
                    return Err(error);
                }
                Ok(found) => found,
            };
            if let Ok(found) = found
                && let Some(read) = kept.take_in(reader, found).await?
            {
                self.kept = Some(kept);
                return Ok(read);
            }
        }
        let kept = State::cold(reader, vocabulary, &all, at).await?;
        let read = kept.rows();
        self.kept = Some(kept);
        Ok(read)
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

    /// Whether all that is needed is held.
    fn covers(&self, needs: &Needs) -> bool {
        self.needs.union(needs) == self.needs
    }

    /// Whether bringing it up to date is of use.
    fn can_grow(&self, needs: &Needs) -> bool {
        self.covers(needs) && self.marks.any() && !self.held.chunks.is_empty()
    }

    fn rows(&self) -> usize {
        let of = |chunk: &held::HeldChunk| {
            chunk.keys.len() + chunk.collections.iter().map(|held| held.rows.len()).sum::<usize>()
        };
        self.held.chunks.iter().map(of).sum()
    }

    fn figures(&self, read: usize) -> Refreshed {
        let bytes = self.held.chunks.iter().map(bytes).sum();
        Refreshed { read, saved: self.rows().saturating_sub(read), bytes }
    }

    /// What is needed of it.
    fn projected(&self, needs: &Needs) -> Held {
        if self.needs == *needs {
            return self.held.clone();
        }
        let stored = |needs: &Needs| {
            let stored = |id: &&_| self.vocabulary.attribute(**id).is_some_and(|a| !a.kept);
            needs.attributes.iter().filter(stored).copied().collect::<Vec<_>>()
        };
        let (has, wants) = (stored(&self.needs), stored(needs));
        let picks: Vec<usize> = wants.iter().filter_map(|id| has.binary_search(id).ok()).collect();
        let here: Vec<&CollectionNeeds> =
            self.needs.collections.iter().filter(|c| table(&self.vocabulary, c).is_some()).collect();
        let fields = |c: &CollectionNeeds| {
            let position = here.iter().position(|h| h.id == c.id)?;
            let held = here.get(position)?;
            let fields = c.fields.iter().filter_map(|f| held.fields.binary_search(f).ok());
            Some((position, fields.collect::<Vec<usize>>()))
        };
        let collections: Vec<(usize, Vec<usize>)> = needs.collections.iter().filter_map(fields).collect();
        let mut held = self.held.clone();
        for chunk in &mut held.chunks {
            chunk.attributes = picks.iter().filter_map(|i| chunk.attributes.get(*i).cloned()).collect();
            let rows = collections.iter().filter_map(|(position, fields)| {
                let mut rows = chunk.collections.get(*position)?.clone();
                rows.rows.fields = fields.iter().filter_map(|f| rows.rows.fields.get(*f).cloned()).collect();
                Some(rows)
            });
            chunk.collections = rows.collect();
        }
        held.collections =
            collections.iter().filter_map(|(i, _)| held.collections.get(*i).cloned()).collect();
        held
    }

    /// Reads what changed, and finds out what that means, before anything is touched.
    async fn find_changes(
        &mut self,
        reader: &mut Reader,
        at: i64,
    ) -> Result<Result<Found, Doubt>, StoreError> {
        let vocabulary = self.vocabulary.clone();
        let needs = self.needs.clone();
        let (customers, collections) = tables(&vocabulary, &needs);
        let due = !(0..COUNT_EVERY).contains(&at.saturating_sub(self.marks.counted_at));
        let mut counts = Vec::new();
        for (i, (_, table)) in collections.iter().enumerate() {
            let told = self.marks.collections.get(i).is_some_and(Option::is_some);
            let counted = told && (due || !table.changes.only_grows);
            counts.push(if counted { Some(table.counting(reader).await?) } else { None });
        }
        let mut found = match self.find_people(reader, &customers, at).await? {
            Ok(found) => found,
            Err(doubt) => return Ok(Err(doubt)),
        };
        found.marks.counted_at = if due { at } else { self.marks.counted_at };
        for ((i, (time, table)), count) in collections.into_iter().enumerate().zip(counts) {
            let newest = table.newest(reader, at).await?;
            found.marks.collections.push(newest);
            let before = self.marks.collections.get(i).copied().flatten();
            let moves = match table.since(reader, before, newest).await? {
                Some(since) => {
                    self.find_rows(reader, (i, time, &table), (since, count), &mut found).await?.ok()
                }
                None => None,
            };
            found.collections.push(moves);
        }
        Ok(Ok(found))
    }

    /// The customers, all of them where that is needed.
    async fn find_people(
        &mut self,
        reader: &mut Reader,
        table: &Kept<'_>,
        at: i64,
    ) -> Result<Result<Found, Doubt>, StoreError> {
        let newest = table.newest(reader, at).await?;
        let mut since = table.since(reader, self.marks.customers, newest).await?;
        let count = if since.is_some() { Some(table.count(reader).await?) } else { None };
        let mut rows = 0;
        loop {
            let read = table.rows(reader, since, Part::All, self.vocabulary.zone).await?;
            let gone = match since {
                Some(since) => table.gone(reader, since).await?,
                None => Vec::new(),
            };
            rows += read.rows;
            let keys = read.keys.first().cloned().unwrap_or_default();
            let without_key = if since.is_none() { keys.missing() } else { self.held.customers.without_key };
            let all: Vec<u32> = (0..read.rows as u32).collect();
            let mut people = People {
                keys: keys.texts(&all),
                columns: read.columns.iter().map(|column| column.take(&all)).collect(),
                gone: gone.into_iter().collect(),
                whole: since.is_none(),
            };
            let edits = merge::same_words(&mut self.held.chunks, &mut people)
                .and_then(|()| place::edits(&self.held.chunks, &people));
            let edits = match edits {
                Ok(edits) => edits,
                Err(doubt) => return Ok(Err(doubt)),
            };
            let there = place::count(&self.held.chunks, &edits) + without_key;
            if since.is_some() && count != Some(there) {
                since = None;
                continue;
            }
            let marks = Marks { customers: newest, ..Marks::default() };
            let without_key = since.is_none().then_some(without_key);
            self.remark_people(table, &read, &keys, &people);
            let found = Found { people, edits, without_key, collections: Vec::new(), marks, read: rows };
            return Ok(Ok(found));
        }
    }

    fn remark_people(&mut self, table: &Kept<'_>, read: &Read, keys: &Keys, people: &People) {
        let again: Places = Places::new(keys.clone());
        let stale = |key: Key<'_>| {
            people.whole || again.get(key).is_some() || people.gone.contains(key.to_string().as_str())
        };
        left::remark(&mut self.held.customers, (table.table, &table.attributes), read, stale);
    }

    /// The rows of a collection that may have changed, and where they belong.
    async fn find_rows(
        &mut self,
        reader: &mut Reader,
        (collection, time, table): (usize, usize, &Kept<'_>),
        (since, count): (Mark, Option<Counting>),
        found: &mut Found,
    ) -> Result<Result<(Arrived, Moves), Doubt>, StoreError> {
        let read = table.rows(reader, Some(since), Part::All, self.vocabulary.zone).await?;
        let gone = table.gone(reader, since).await?;
        found.read += read.rows;
        let late = match self.late(reader, collection, table, found).await? {
            Ok(late) => late,
            Err(doubt) => return Ok(Err(doubt)),
        };
        found.read += late.as_ref().map_or(0, |late| late.rows);
        let count = match count {
            Some(count) => Some(count.done().await.map_err(|e| reader.failed(&e))?),
            None => None,
        };
        Ok(self.settle((collection, time, table), (read, gone, late), count, found))
    }

    /// The rows of customers who are new, where some rows were nobody's before.
    async fn late(
        &self,
        reader: &mut Reader,
        collection: usize,
        table: &Kept<'_>,
        found: &Found,
    ) -> Result<Result<Option<Read>, Doubt>, StoreError> {
        let places = found.places(&self.held.chunks);
        let added = places.added();
        let orphans = self.held.collections.get(collection).map_or(0, |left| left.orphans);
        if added.is_empty() || orphans == 0 {
            return Ok(Ok(None));
        }
        if added.len() > FEW {
            return Ok(Err(Doubt::Key));
        }
        table.rows(reader, None, Part::With(&added), self.vocabulary.zone).await.map(|read| Ok(Some(read)))
    }

    fn settle(
        &mut self,
        (collection, time, table): (usize, usize, &Kept<'_>),
        (read, gone, late): (Read, Vec<Box<str>>, Option<Read>),
        count: Option<u64>,
        found: &Found,
    ) -> Result<(Arrived, Moves), Doubt> {
        let mut arrived = Arrived::of(&read, time, gone)?;
        if let Some(late) = &late {
            arrived = arrived.and(&Arrived::of(late, time, Vec::new())?)?;
        }
        merge::same_words_of(&mut self.held.chunks, collection, &mut arrived)?;
        let Some(left) = self.held.collections.get_mut(collection) else { return Err(Doubt::Arrays) };
        let known = arrived.known()?;
        let moves = Moves::find(collection, &arrived, &known, &found.places(&self.held.chunks), left)?;
        let there = moves.rows + moves.orphans.len() + moves.without_time.len();
        if count.is_some_and(|count| count != there as u64) {
            return Err(Doubt::Key);
        }
        left::remark(left, (table.table, &table.attributes), &read, |key| known.get(key).is_some());
        drop(known);
        Ok((arrived, moves))
    }

    /// Puts it in, and reads anew what could not be told otherwise. None where it all has to be read anew.
    async fn take_in(&mut self, reader: &mut Reader, found: Found) -> Result<Option<usize>, StoreError> {
        let Found { people, edits, without_key, collections, marks, mut read } = found;
        let changes = Changes { people: &people, edits: &edits, collections: &collections };
        if changes.apply(&mut self.held.chunks).is_err() {
            return Ok(None);
        }
        if let Some(without_key) = without_key {
            self.held.customers.without_key = without_key;
        }
        let owners = collections.iter().any(Option::is_none).then(|| self.held.owners());
        let vocabulary = &self.vocabulary;
        let stored = self.needs.collections.iter().filter(|c| table(vocabulary, c).is_some());
        for ((i, change), needs) in collections.into_iter().enumerate().zip(stored) {
            let Some(left) = self.held.collections.get_mut(i) else { continue };
            if let Some((_, moves)) = change {
                (left.orphans, left.without_time) = (moves.orphans.len(), moves.without_time.len());
                (left.orphan_keys, left.without_time_keys) = (moves.orphans, moves.without_time);
            } else if let Some(owners) = &owners {
                read += self.held.read_again(reader, vocabulary, (i, needs), owners).await?;
            }
        }
        (self.marks, self.patched) = (marks, true);
        Ok(Some(read))
    }
}

impl Found {
    fn places<'a>(&'a self, chunks: &'a [HeldChunk]) -> place::Places<'a> {
        place::Places::new(chunks, &self.people.keys, &self.edits)
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
    // Columns may lie in one piece of memory, as those of a cache do.
    let of = |column: &dyn Array| column.to_data().get_slice_memory_size().unwrap_or(0);
    chunk.attributes.iter().chain(rows).map(|column| of(column)).sum::<usize>() + of(&chunk.keys)
}
