//! What was refused of a table, once some of its rows were read again.

use crate::customers::held::Left;
use crate::customers::keys::{Key, Keys};
use crate::customers::table::{BadColumn, Read};
use tidings_schema::Attribute;

/// Forgets the refused values of rows that were read again or are gone, and adds those that were just read.
pub(super) fn remark(
    left: &mut Left,
    (table, attributes): (&str, &[&Attribute]),
    read: &Read,
    stale: impl Fn(Option<Key<'_>>) -> bool,
) {
    let fresh = read.bad(table, attributes).into_iter().zip(&read.refused);
    for ((bad, whose), (fresh, refused)) in left.bad.iter_mut().zip(&mut left.bad_keys).zip(fresh) {
        let mut keys = Keys::default();
        let before = (0..whose.len() as u32).map(|row| whose.get(row));
        before.filter(|key| !stale(*key)).for_each(|key| keys.push(key));
        let last = read.keys.last();
        refused.rows.iter().for_each(|row| keys.push(last.and_then(|keys| keys.get(*row))));
        let first_key = (0..keys.len() as u32).find_map(|row| keys.get(row)).map(|key| key.to_string());
        let now = bad.take().or(fresh).filter(|_| keys.len() > 0);
        *bad = now.map(|bad| BadColumn { count: keys.len(), first_key, ..bad });
        *whose = keys;
    }
}
