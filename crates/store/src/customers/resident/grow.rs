//! Columns that came to be needed, read alone and put beside those that are held.
//!
//! What is held is by then what the store has, in the same snapshot. Rows are found by their keys: each that is held, or was
//! left out, has to be there once, and no other; where it is not so, the table is read anew.

use super::arrays::key_at;
use super::columns::{self, lay, lay_left, places, stored};
use super::read::Kept;
use super::{State, tables};
use crate::customers::error::StoreError;
use crate::customers::held::{Left, RowKeys, on_a_thread};
use crate::customers::keys::{Keys, Places};
use crate::customers::order::each;
use crate::customers::reader::{Part, Reader};
use crate::customers::table::{Only, Owners, Read};
use arrow_array::ArrayRef;
use std::sync::Arc;
use tidings_engine::chunk::{CollectionNeeds, Needs};

/// How many rows were read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rows {
    /// With all columns.
    pub(super) whole: usize,
    /// With those only that came to be needed.
    pub(super) grown: usize,
}

/// The new columns of a table's rows.
struct Fresh {
    rows: usize,
    /// By chunk.
    columns: Vec<Vec<ArrayRef>>,
    /// What was refused of them.
    left: Left,
}

/// The rows that a table is to have, by their keys.
struct Expected {
    /// Those of each chunk, in order.
    held: Vec<ArrayRef>,
    left_out: Vec<Keys>,
    without_key: usize,
}

impl State {
    /// Reads what is needed beside what is held; `customers` are new columns of theirs that were read already. None where
    /// all has to be read anew. After an error what is held is still right.
    pub(super) async fn grow(
        &mut self,
        reader: &mut Reader,
        all: &Needs,
        customers: Option<Read>,
        at: i64,
    ) -> Result<Option<Rows>, StoreError> {
        let vocabulary = self.vocabulary.clone();
        let (people, collections) = tables(&vocabulary, all);
        let mut rows = Rows::default();
        let new = places(&stored(&vocabulary, &self.needs), &stored(&vocabulary, all));
        if new.contains(&None) {
            let held = self.held.chunks.iter().map(|chunk| Arc::new(chunk.keys.clone()) as ArrayRef);
            let without_key = self.held.customers.without_key;
            let expected = Expected { held: held.collect(), left_out: Vec::new(), without_key };
            let Some(fresh) = self.fresh(reader, &people.only(&new), customers, expected).await? else {
                return Ok(None);
            };
            for (chunk, columns) in self.held.chunks.iter_mut().zip(&fresh.columns) {
                lay(&new, &mut chunk.attributes, columns);
            }
            lay_left(&new, &mut self.held.customers, &fresh.left);
            rows.grown += fresh.rows;
        }
        self.needs.attributes.clone_from(&all.attributes);
        let mut owners = None;
        for (i, (needs, (_, table))) in columns::tables(&vocabulary, all).zip(collections).enumerate() {
            let is_new = self.needs.collection(needs.id).is_none();
            if !is_new && let Some(grown) = self.grow_rows(reader, (i, needs), &table).await? {
                rows.grown += grown;
                continue;
            }
            let mark = table.newest(reader, at).await?;
            let owners = owners.get_or_insert_with(|| self.held.owners());
            rows.whole += self.read_again(reader, (i, needs), owners).await?;
            if is_new {
                self.marks.collections.insert(i, mark);
            }
        }
        // What is no table of the store is never held.
        self.needs.clone_from(all);
        Ok(Some(rows))
    }

    /// The same for the rows of a collection. None where they have to be read anew.
    async fn grow_rows(
        &mut self,
        reader: &mut Reader,
        (i, needs): (usize, &CollectionNeeds),
        table: &Kept<'_>,
    ) -> Result<Option<usize>, StoreError> {
        let held = self.needs.collection(needs.id).and_then(|at| self.needs.collections.get(at));
        let new = places(held.map_or(&[], |held| &held.fields), &needs.fields);
        if !new.contains(&None) {
            return Ok(Some(0));
        }
        let keys = self.held.chunks.iter().map(|chunk| chunk.collections.get(i)?.keys.clone());
        let (Some(held), Some(left)) = (keys.collect(), self.held.collections.get(i)) else {
            return Ok(None);
        };
        let left_out = vec![left.orphan_keys.clone(), left.without_time_keys.clone()];
        let expected = Expected { held, left_out, without_key: 0 };
        let Some(fresh) = self.fresh(reader, &table.only(&new), None, expected).await? else {
            return Ok(None);
        };
        for (chunk, columns) in self.held.chunks.iter_mut().zip(&fresh.columns) {
            let rows = chunk.collections.get_mut(i).into_iter();
            rows.for_each(|rows| lay(&new, &mut rows.rows.fields, columns));
        }
        self.held.collections.get_mut(i).into_iter().for_each(|left| lay_left(&new, left, &fresh.left));
        needs.fields.iter().for_each(|field| self.needs.want_field(needs.id, *field));
        Ok(Some(fresh.rows))
    }

    /// Reads a collection with all that is needed of it, anew or for the first time, and says how many rows that were.
    pub(super) async fn read_again(
        &mut self,
        reader: &mut Reader,
        (i, needs): (usize, &CollectionNeeds),
        owners: &Owners,
    ) -> Result<usize, StoreError> {
        let read = self.held.read_rows(reader, &self.vocabulary, needs, owners).await?;
        let Some((rows, left)) = read else { return Ok(0) };
        let count = rows.iter().map(|rows| rows.rows.len()).sum();
        let before = i..i + usize::from(self.needs.collection(needs.id).is_some());
        for (chunk, rows) in self.held.chunks.iter_mut().zip(rows) {
            chunk.collections.splice(before.clone(), [rows]);
        }
        self.held.collections.splice(before, [left]);
        needs.fields.iter().for_each(|field| self.needs.want_field(needs.id, *field));
        Ok(count)
    }

    /// Reads some columns of a table, unless they are `read` already. None where its rows are not those that are expected.
    async fn fresh(
        &self,
        reader: &mut Reader,
        table: &Kept<'_>,
        read: Option<Read>,
        expected: Expected,
    ) -> Result<Option<Fresh>, StoreError> {
        let read = match read {
            Some(read) => read,
            None => table.rows(reader, None, Part::All, self.vocabulary.zone).await?,
        };
        let (rows, mut left) = (read.rows, Left::default());
        left.remark(&read, &table.wanted(Only::default()), RowKeys::Keep);
        let columns = on_a_thread(move || expected.laid_out(read)).await?;
        Ok(columns.map(|columns| Fresh { rows, columns, left }))
    }
}

impl Expected {
    /// Columns that were read, by chunk.
    fn laid_out(&self, mut read: Read) -> Option<Vec<Vec<ArrayRef>>> {
        let rows = self.found(read.keys.pop()?)?;
        let mut chunks: Vec<Vec<ArrayRef>> = rows.iter().map(|_| Vec::new()).collect();
        for column in read.columns {
            let arrays = each(&rows, |rows| column.take(rows));
            chunks.iter_mut().zip(arrays).for_each(|(chunk, array)| chunk.push(array));
        }
        Some(chunks)
    }

    /// Where each chunk's rows are among those that were read.
    fn found(&self, read: Keys) -> Option<Vec<Vec<u32>>> {
        let (rows, without_key) = (read.len(), read.missing());
        let read = Places::new(read);
        let of_chunk = |keys: &ArrayRef| (0..keys.len()).map(|row| read.get(key_at(keys, row)?)).collect();
        let found: Vec<Vec<u32>> = each(&self.held, of_chunk).into_iter().collect::<Option<_>>()?;
        let left_out = self.left_out.iter().flat_map(|keys| (0..keys.len() as u32).map(|row| keys.get(row)));
        let left_out: Vec<u32> = left_out.map(|key| read.get(key?)).collect::<Option<_>>()?;
        let mut taken = vec![false; rows];
        let mut all = found.iter().flatten().chain(&left_out);
        let once =
            all.all(|row| taken.get_mut(*row as usize).is_some_and(|taken| !std::mem::replace(taken, true)));
        let with_key = found.iter().map(Vec::len).sum::<usize>() + left_out.len();
        (once && with_key + without_key == rows && without_key == self.without_key).then_some(found)
    }
}
