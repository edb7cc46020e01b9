//! What changed in a store, put into what is held of it: only chunks that are concerned are made anew, on all cores, each
//! in place of the one before.

use super::arrays::{self, splice};
use super::place::Edits;
use super::rows::{Arrived, Moves};
use crate::customers::held::{CUSTOMERS_A_CHUNK, HeldChunk, HeldRows};
use crate::customers::order::threads;
use arrow_array::{Array, ArrayRef, StringArray};
use arrow_buffer::OffsetBuffer;
use arrow_schema::ArrowError;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidings_engine::chunk::Rows;

/// What was read of the customers' table.
pub(super) struct People {
    /// Those that are new or may have changed.
    pub(super) keys: StringArray,
    pub(super) columns: Vec<ArrayRef>,
    /// Those that are deleted.
    pub(super) gone: HashSet<Box<str>>,
    /// Whether all were read, so that whoever is not among them is gone.
    pub(super) whole: bool,
}

/// Why what was read cannot be put into what is held: that has to be read anew.
#[derive(Debug)]
pub(super) enum Doubt {
    /// A row without a key, or two with the same one.
    Key,
    /// Arrays that do not go together.
    Arrays,
}

impl From<ArrowError> for Doubt {
    fn from(_: ArrowError) -> Doubt {
        Doubt::Arrays
    }
}

/// All that changes.
pub(super) struct Changes<'a> {
    pub(super) people: &'a People,
    pub(super) edits: &'a [Edits],
    /// For each collection what comes and goes; without it, its rows are dropped to be read anew.
    pub(super) collections: &'a [Option<(Arrived, Moves)>],
}

impl Changes<'_> {
    /// Puts it all in. Where that fails, what is held is of no use any more.
    pub(super) fn apply(&self, chunks: &mut Vec<HeldChunk>) -> Result<(), Doubt> {
        let failed = AtomicBool::new(false);
        let share = chunks.len().div_ceil(threads()).max(1);
        std::thread::scope(|scope| {
            for (part, some) in chunks.chunks_mut(share).enumerate() {
                let failed = &failed;
                scope.spawn(move || {
                    for (i, chunk) in some.iter_mut().enumerate() {
                        match self.rebuilt(chunk, part * share + i) {
                            Ok(Some(new)) => *chunk = new,
                            Ok(None) => {}
                            Err(_) => failed.store(true, Ordering::Relaxed),
                        }
                    }
                });
            }
        });
        let all = std::mem::take(chunks).into_iter().flat_map(split);
        *chunks = all.filter(|chunk| !chunk.keys.is_empty()).collect();
        if failed.into_inner() { Err(Doubt::Arrays) } else { Ok(()) }
    }

    /// A chunk made anew; nothing where nothing in it is other than it was.
    fn rebuilt(&self, chunk: &HeldChunk, i: usize) -> Result<Option<HeldChunk>, Doubt> {
        let Some(edits) = self.edits.get(i) else { return Err(Doubt::Arrays) };
        let alone = |c: &Option<(Arrived, Moves)>| c.as_ref().is_some_and(|(_, moves)| moves.leave_alone(i));
        if edits.is_empty() && self.collections.iter().all(alone) {
            return Ok(None);
        }
        let (keys, attributes) = match edits.is_empty() {
            true => (chunk.keys.clone(), chunk.attributes.clone()),
            false => self.customers(chunk, edits)?,
        };
        let collections = chunk.collections.iter().zip(self.collections).map(|(held, change)| match change {
            None => Ok(emptied(held, keys.len())),
            Some(_) if alone(change) && edits.leave_places() => Ok(held.clone()),
            Some((arrived, moves)) => moves.apply(i, held, edits, arrived),
        });
        let collections = collections.collect::<Result<_, Doubt>>()?;
        Ok(Some(HeldChunk { keys, attributes, collections }))
    }

    fn customers(&self, chunk: &HeldChunk, edits: &Edits) -> Result<(StringArray, Vec<ArrayRef>), Doubt> {
        let spans = edits.spans(chunk.keys.len());
        let keys = match edits.leave_places() {
            true => chunk.keys.clone(),
            false => {
                let keys = [&chunk.keys, &self.people.keys].map(|keys| Arc::new(keys.clone()) as ArrayRef);
                StringArray::from(splice(&keys.each_ref(), &spans)?.to_data())
            }
        };
        let columns = chunk.attributes.iter().zip(&self.people.columns).enumerate();
        let columns = columns.map(|(i, (old, new))| match edits.leave_column(i) {
            true => Ok(old.clone()),
            false => splice(&[old, new], &spans),
        });
        Ok((keys, columns.collect::<Result<_, _>>()?))
    }
}

fn emptied(held: &HeldRows, customers: usize) -> HeldRows {
    HeldRows {
        rows: Rows {
            offsets: OffsetBuffer::new_zeroed(customers),
            fields: held.rows.fields.iter().map(|field| field.slice(0, 0)).collect(),
        },
        keys: held.keys.as_ref().map(|keys| keys.slice(0, 0)),
    }
}

/// Parts of a chunk that are of the usual size, once it has become too large.
fn split(chunk: HeldChunk) -> Vec<HeldChunk> {
    if chunk.keys.len() <= 2 * CUSTOMERS_A_CHUNK {
        return vec![chunk];
    }
    let starts = (0..chunk.keys.len()).step_by(CUSTOMERS_A_CHUNK);
    starts.map(|from| chunk.slice(from, CUSTOMERS_A_CHUNK.min(chunk.keys.len() - from))).collect()
}

/// Gives the customers' columns that are held and those that were read the same words and the same room.
pub(super) fn make_alike(chunks: &mut [HeldChunk], people: &mut People) -> Result<(), Doubt> {
    for (i, column) in people.columns.iter_mut().enumerate() {
        let Some(example) = chunks.first().and_then(|chunk| chunk.attributes.get(i)) else { continue };
        *column = arrays::like(example, column)?;
        for held in chunks.iter_mut().filter_map(|chunk| chunk.attributes.get_mut(i)) {
            *held = arrays::widened(held, column);
        }
    }
    Ok(())
}

/// The same for the fields of a collection.
pub(super) fn make_fields_alike(
    chunks: &mut [HeldChunk],
    collection: usize,
    arrived: &mut Arrived,
) -> Result<(), Doubt> {
    for (i, column) in arrived.fields.iter_mut().enumerate() {
        let rows = chunks.iter_mut().filter_map(|chunk| chunk.collections.get_mut(collection));
        let mut held: Vec<&mut ArrayRef> = rows.filter_map(|rows| rows.rows.fields.get_mut(i)).collect();
        let Some(example) = held.first() else { continue };
        *column = arrays::like(example, column)?;
        held.iter_mut().for_each(|held| **held = arrays::widened(held, column));
    }
    Ok(())
}
