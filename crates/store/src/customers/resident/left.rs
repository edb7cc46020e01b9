//! What was left out of a table or refused, once some of its rows were read again.

use crate::customers::held::Left;
use crate::customers::keys::{Key, Keys};
use crate::customers::table::{BadColumn, Read};
use tidings_schema::Attribute;

/// Forgets the refused values of rows that were read again or are gone, and adds those that were just read.
pub(super) fn remark(
    left: &mut Left,
    (table, attributes): (&str, &[&Attribute]),
    read: &Read,
    stale: impl Fn(Key<'_>) -> bool,
) {
    let mut fresh = read.bad(table, attributes).into_iter().peekable();
    let mut before: Vec<(BadColumn, Keys)> =
        std::mem::take(&mut left.bad).into_iter().zip(std::mem::take(&mut left.bad_keys)).collect();
    for (attribute, refused) in attributes.iter().zip(&read.refused) {
        let column = &attribute.storage.column;
        let known = before.iter().position(|(bad, _)| bad.column == *column).map(|i| before.swap_remove(i));
        let new = fresh.next_if(|bad| bad.column == *column && !refused.rows.is_empty());
        let mut keys = Keys::default();
        for old in known.iter().flat_map(|(_, keys)| (0..keys.len() as u32).map(|row| keys.get(row))) {
            if old.is_none_or(|key| !stale(key)) {
                keys.push(old);
            }
        }
        let last = read.keys.last();
        refused.rows.iter().for_each(|row| keys.push(last.and_then(|keys| keys.get(*row))));
        if let Some(bad) = known.map(|(bad, _)| bad).or(new).filter(|_| keys.len() > 0) {
            let first_key = (0..keys.len() as u32).find_map(|row| keys.get(row)).map(|key| key.to_string());
            left.bad.push(BadColumn { count: keys.len(), first_key, ..bad });
            left.bad_keys.push(keys);
        }
    }
}
