//! What was read of a table in parts, each on a thread of its own, as one.

use crate::customers::column::Column;
use crate::customers::keys::Keys;
use crate::customers::order;
use crate::customers::table::{Read, Refused};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Some rows of a part.
pub(crate) struct Piece {
    pub(crate) part: usize,
    pub(crate) rows: Range<usize>,
}

/// The pieces one behind the other. Those of each part are in its own order.
pub(crate) fn woven(mut parts: Vec<Read>, pieces: &[Piece]) -> Read {
    if parts.len() < 2 {
        return parts.pop().unwrap_or_default();
    }
    let mut read = Read { rows: pieces.iter().map(|piece| piece.rows.len()).sum(), ..Read::default() };
    let owners: Vec<Vec<u32>> = parts.iter_mut().map(|part| std::mem::take(&mut part.owners)).collect();
    for (owners, rows) in in_order(&owners, pieces) {
        read.owners.extend_from_slice(owners.get(rows).unwrap_or_default());
    }
    drop(owners);
    let keys = by_position(parts.iter_mut().map(|part| std::mem::take(&mut part.keys)));
    read.keys.extend(keys.into_iter().map(|parts| {
        let mut keys = Keys::default();
        in_order(&parts, pieces).for_each(|(part, rows)| keys.append(part, rows));
        keys
    }));
    let refused = by_position(parts.iter_mut().map(|part| std::mem::take(&mut part.refused)));
    read.refused.extend(refused.into_iter().map(|parts| {
        let (mut refused, mut first) = (Refused::default(), 0);
        for (part, rows) in in_order(&parts, pieces) {
            refused.append(part, rows.clone(), first);
            first += rows.len();
        }
        refused
    }));
    // Each is there twice no longer than it takes.
    let columns = by_position(parts.into_iter().map(|part| part.columns));
    let columns: Vec<_> = columns.into_iter().map(Mutex::new).collect();
    let whole = order::each(&columns, |parts| {
        let parts = std::mem::take(&mut *parts.lock().unwrap_or_else(PoisonError::into_inner));
        Column::woven(&parts, pieces)
    });
    read.columns.extend(whole.into_iter().flatten());
    read
}

/// Each piece's part, and the rows of it.
pub(crate) fn in_order<'a, T>(
    parts: &'a [T],
    pieces: &'a [Piece],
) -> impl Iterator<Item = (&'a T, Range<usize>)> {
    pieces.iter().filter_map(|piece| Some((parts.get(piece.part)?, piece.rows.clone())))
}

/// What the parts have at each position.
fn by_position<T>(parts: impl Iterator<Item = Vec<T>>) -> Vec<Vec<T>> {
    let mut parts: Vec<_> = parts.map(Vec::into_iter).collect();
    let next =
        || Some(parts.iter_mut().filter_map(Iterator::next).collect()).filter(|all: &Vec<T>| !all.is_empty());
    std::iter::from_fn(next).collect()
}
