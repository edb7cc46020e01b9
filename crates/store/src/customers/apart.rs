//! Blocks taken apart into columns.
//!
//! Columns know nothing of each other, so where there is much to take apart each of some lanes has some of them, and a
//! thread of its own.

use crate::customers::block::Block;
use crate::customers::column::Column;
use crate::customers::decode::Decode;
use crate::customers::keys::{Key, Keys};
use crate::customers::lite::rows::{Cell, NoMemory, Row};
use crate::customers::reader::Kind;
use crate::customers::table::{Owners, Read, Refused, Wanted};
use chrono_tz::Tz;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use tokio::sync::mpsc;

/// Blocks that a lane may be behind the others.
const BLOCKS_BEHIND: usize = 4;

/// Some of the columns that are wanted.
pub(crate) struct Lane {
    /// What columns come as, by position, whether they are of this lane or not.
    kinds: Vec<Kind>,
    /// The column that names rows in reports.
    name: Option<usize>,
    rows: usize,
    owner: Option<Owned>,
    keys: Vec<(usize, Keys)>,
    attributes: Vec<Taken>,
}

/// Whose rows are.
struct Owned {
    owners: Owners,
    places: Vec<u32>,
    /// Keys of the owners of the last rows, whose places are not known yet.
    waiting: Keys,
}

/// So many owners are looked up in one go: the processor waits for memory once for many of them, and not for each alone.
const AT_ONCE: usize = 1024;

impl Owned {
    fn wait(&mut self, key: Option<Key<'_>>) {
        self.waiting.push(key);
        if self.waiting.len() == AT_ONCE {
            self.look_up();
        }
    }

    fn look_up(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let rows = 0..waiting.len() as u32;
        self.places.extend(rows.map(|row| self.owners.place(waiting.get(row))));
    }
}

/// An attribute's column.
struct Taken {
    position: usize,
    decode: Decode,
    column: Column,
    refused: Refused,
}

impl Lane {
    /// All that is wanted.
    pub(crate) fn of_all(wanted: &Wanted<'_>, kinds: &[Kind], zone: Tz) -> Lane {
        Lane::of(wanted, kinds, zone, |_| true)
    }

    /// All that is wanted, dealt out to so many lanes, as far as there are columns for them.
    pub(crate) fn dealt(wanted: &Wanted<'_>, kinds: &[Kind], zone: Tz, lanes: usize) -> Vec<Lane> {
        let lanes = lanes.min(kinds.len()).max(1);
        (0..lanes).map(|lane| Lane::of(wanted, kinds, zone, |position| position % lanes == lane)).collect()
    }

    fn of(wanted: &Wanted<'_>, kinds: &[Kind], zone: Tz, own: impl Fn(usize) -> bool) -> Lane {
        let (owners, keys) = (usize::from(wanted.owner.is_some()), wanted.keys.len());
        let owner = wanted.owner.as_ref().filter(|_| own(0));
        let attributes = wanted.attributes.iter().zip(owners + keys..);
        let attributes = attributes.filter(|(_, position)| own(*position)).map(|(a, position)| Taken {
            position,
            decode: Decode::new(a, zone),
            column: Column::new(&a.ty),
            refused: Refused::default(),
        });
        Lane {
            kinds: kinds.to_vec(),
            name: (owners + keys).checked_sub(1),
            rows: 0,
            owner: owner.map(|(_, owners)| Owned {
                owners: owners.clone(),
                places: Vec::new(),
                waiting: Keys::default(),
            }),
            keys: (owners..owners + keys).filter(|i| own(*i)).map(|i| (i, Keys::default())).collect(),
            attributes: attributes.collect(),
        }
    }

    /// Adds a row of SQLite's.
    #[inline]
    pub(crate) fn take(&mut self, row: &Row<'_>) -> Result<(), NoMemory> {
        let (number, mut scratch) = (self.rows as u32, String::new());
        self.rows += 1;
        if let Some(owned) = &mut self.owner {
            owned.wait(key(row.cell(0)?, &mut scratch));
        }
        for (i, keys) in &mut self.keys {
            keys.push(key(row.cell(*i)?, &mut scratch));
        }
        for Taken { position, decode, column, refused } in &mut self.attributes {
            let Some(expected) = decode.push_cell(column, row.cell(*position)?) else { continue };
            if let (true, Some(name)) = (refused.rows.is_empty(), self.name) {
                refused.first_key = key(row.cell(name)?, &mut scratch).map(|key| key.to_string());
            }
            refused.add(number, expected);
        }
        Ok(())
    }

    /// Adds a block; false if its columns are not equally long.
    pub(crate) fn add(&mut self, block: &Block) -> bool {
        let (before, mut scratch) = (self.rows, String::new());
        self.rows += block.rows();
        let kind = |i: usize| self.kinds.get(i).copied().unwrap_or(Kind::Shown);
        let mut whole = true;
        if let Some(Owned { owners, places, .. }) = &mut self.owner {
            block.each(0, kind(0), |raw| {
                places.push(owners.place(raw.and_then(|raw| Key::of_raw(raw, &mut scratch))));
            });
            whole &= places.len() == self.rows;
        }
        for (i, keys) in &mut self.keys {
            block.each(*i, kind(*i), |raw| keys.push(raw.and_then(|raw| Key::of_raw(raw, &mut scratch))));
            whole &= keys.len() == self.rows;
        }
        for Taken { position, decode, column, refused } in &mut self.attributes {
            let (mut row, first) = (before, refused.rows.is_empty());
            block.each(*position, kind(*position), |raw| {
                if let Some(expected) = decode.push(column, raw) {
                    refused.add(row as u32, expected);
                }
                row += 1;
            });
            whole &= row == self.rows;
            if let (true, Some(row), Some(name)) = (first, refused.rows.first(), self.name) {
                refused.first_key = key_at(block, (name, kind(name)), *row as usize - before);
            }
        }
        whole
    }
}

fn key<'a>(cell: Cell<'a>, scratch: &'a mut String) -> Option<Key<'a>> {
    cell.raw().and_then(|raw| Key::of_raw(raw, scratch))
}

/// The text of a key in a block.
fn key_at(block: &Block, (column, kind): (usize, Kind), row: usize) -> Option<String> {
    let (mut at, mut text, mut scratch) = (0, None, String::new());
    block.each(column, kind, |raw| {
        if at == row {
            text = raw.and_then(|raw| Key::of_raw(raw, &mut scratch)).map(|key| key.to_string());
        }
        at += 1;
    });
    text
}

/// Takes all blocks apart that come; none if one's columns are not equally long.
pub(crate) fn all(mut blocks: mpsc::Receiver<Block>, mut lanes: Vec<Lane>) -> Option<Read> {
    let whole = match lanes.as_mut_slice() {
        [lane] => {
            let mut whole = true;
            while let Some(block) = blocks.blocking_recv() {
                whole &= lane.add(&block);
            }
            whole
        }
        lanes => beside(blocks, lanes),
    };
    whole.then(|| together(lanes))
}

/// The same with a thread for each lane.
fn beside(mut blocks: mpsc::Receiver<Block>, lanes: &mut [Lane]) -> bool {
    std::thread::scope(|scope| {
        let started = lanes.iter_mut().map(|lane| {
            let (send, receive) = sync_channel::<Arc<Block>>(BLOCKS_BEHIND);
            (
                send,
                scope.spawn(move || receive.into_iter().fold(true, |whole, block| whole & lane.add(&block))),
            )
        });
        let (sends, threads): (Vec<_>, Vec<_>) = started.unzip();
        while let Some(block) = blocks.blocking_recv() {
            let block = Arc::new(block);
            // One that takes no more fell, and is seen to have below.
            sends.iter().for_each(|send| drop(send.send(block.clone())));
        }
        drop(sends);
        threads.into_iter().fold(true, |whole, thread| whole & thread.join().unwrap_or(false))
    })
}

/// What all lanes took.
pub(crate) fn together(lanes: Vec<Lane>) -> Read {
    let mut read = Read { rows: lanes.first().map_or(0, |lane| lane.rows), ..Read::default() };
    let (mut keys, mut attributes) = (Vec::new(), Vec::new());
    for lane in lanes {
        if let Some(mut owned) = lane.owner {
            owned.look_up();
            read.owners = owned.places;
        }
        keys.extend(lane.keys);
        attributes.extend(lane.attributes);
    }
    keys.sort_unstable_by_key(|(position, _)| *position);
    attributes.sort_unstable_by_key(|taken| taken.position);
    read.keys = keys.into_iter().map(|(_, keys)| keys).collect();
    (read.columns, read.refused) = attributes.into_iter().map(|taken| (taken.column, taken.refused)).unzip();
    read
}
