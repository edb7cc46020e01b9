//! What changed in a store since it was read, found out before anything is touched.

use super::columns::{places, stored};
use super::left;
use super::mark::Mark;
use super::merge::{self, Doubt, People};
use super::place::{self, Edits};
use super::read::Kept;
use super::rows::{Arrived, Moves};
use super::{Marks, State, tables};
use crate::customers::error::StoreError;
use crate::customers::held::HeldChunk;
use crate::customers::keys::{Key, Keys, Places};
use crate::customers::order::each;
use crate::customers::reader::{Counting, Part, Reader};
use crate::customers::table::Read;
use tidings_engine::chunk::Needs;

/// For so many new customers their rows that were nobody's before are looked up; for more the table is read anew.
const FEW: usize = 5_000;
/// So often tables are counted whose rows only come in, in microseconds: that takes longer than reading what came.
const COUNT_EVERY: i64 = 300_000_000;

/// What changed, and what has to be read anew.
pub(super) struct Found {
    pub(super) people: People,
    pub(super) edits: Vec<Edits>,
    pub(super) without_key: Option<usize>,
    pub(super) collections: Vec<Option<(Arrived, Moves)>>,
    pub(super) marks: Marks,
    pub(super) read: usize,
    /// New columns of the customers, where these were read anyway.
    pub(super) beside: Option<Read>,
}

impl State {
    /// Reads what changed, and finds out what that means, before anything is touched.
    pub(super) async fn find_changes(
        &mut self,
        reader: &mut Reader,
        all: &Needs,
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
        let mut found = match self.find_people(reader, &customers, all, at).await? {
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

    /// The customers, all of them where that is needed; then with the columns that are needed beside those that are held.
    async fn find_people(
        &mut self,
        reader: &mut Reader,
        table: &Kept<'_>,
        all: &Needs,
        at: i64,
    ) -> Result<Result<Found, Doubt>, StoreError> {
        let vocabulary = self.vocabulary.clone();
        let new = places(&stored(&vocabulary, &self.needs), &stored(&vocabulary, all));
        let new = tables(&vocabulary, all).0.only(&new).attributes;
        let wider = Kept { attributes: [table.attributes.as_slice(), &new].concat(), ..table.clone() };
        let newest = table.newest(reader, at).await?;
        let mut since = table.since(reader, self.marks.customers, newest).await?;
        let count = if since.is_some() { Some(table.count(reader).await?) } else { None };
        let mut rows = 0;
        loop {
            let columns = if since.is_none() { &wider } else { table };
            let mut read = columns.rows(reader, since, Part::All, self.vocabulary.zone).await?;
            let beside = (since.is_none() && !new.is_empty()).then(|| read.split_off(table.attributes.len()));
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
                columns: each(&read.columns, |column| column.take(&all)),
                gone: gone.into_iter().collect(),
                whole: since.is_none(),
            };
            let edits = merge::make_alike(&mut self.held.chunks, &mut people)
                .and_then(|()| place::edits(&self.held.chunks, &people));
            let edits = match edits {
                Ok(edits) => edits,
                Err(doubt) => return Ok(Err(doubt)),
            };
            let there = place::count(&self.held.chunks, &edits) + without_key;
            // Which of the customers without a key were there before is not known.
            if since.is_some() && (count != Some(there) || keys.missing() > 0) {
                since = None;
                continue;
            }
            let marks = Marks { customers: newest, ..Marks::default() };
            let without_key = since.is_none().then_some(without_key);
            self.remark_people(table, &read, &keys, &people);
            let collections = Vec::new();
            let found = Found { people, edits, without_key, collections, marks, read: rows, beside };
            return Ok(Ok(found));
        }
    }

    fn remark_people(&mut self, table: &Kept<'_>, read: &Read, keys: &Keys, people: &People) {
        let again: Places = Places::new(keys.clone());
        let again = |key: Key<'_>| again.get(key).is_some() || people.gone.contains(key.to_string().as_str());
        let stale = |key: Option<Key<'_>>| people.whole || key.is_some_and(again);
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
        merge::make_fields_alike(&mut self.held.chunks, collection, &mut arrived)?;
        let Some(left) = self.held.collections.get_mut(collection) else { return Err(Doubt::Arrays) };
        let known = arrived.known()?;
        let moves = Moves::find(collection, &arrived, &known, &found.places(&self.held.chunks), left)?;
        let there = moves.rows + moves.orphans.len() + moves.without_time.len();
        if count.is_some_and(|count| count != there as u64) {
            return Err(Doubt::Key);
        }
        let stale = |key: Option<Key<'_>>| key.is_some_and(|key| known.get(key).is_some());
        let told = (table.table, table.attributes.as_slice());
        left::remark(left, told, &read, stale);
        if let Some(late) = &late {
            // A row may be among both.
            let again = Places::new(late.keys.last().cloned().unwrap_or_default());
            left::remark(left, told, late, |key| key.is_some_and(|key| again.get(key).is_some()));
        }
        drop(known);
        Ok((arrived, moves))
    }
}

impl Found {
    fn places<'a>(&'a self, chunks: &'a [HeldChunk]) -> place::Places<'a> {
        place::Places::new(chunks, &self.people.keys, &self.edits)
    }
}
