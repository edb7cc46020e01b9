//! What there is to remark on in the customers' data.

use super::count;
use tidings_schema::Vocabulary;
use tidings_store::LoadStats;

/// Values that could not be read, rows without a time or an owner: each in one sentence, without the values.
pub fn of_data(vocabulary: &Vocabulary, stats: &LoadStats) -> Vec<String> {
    let mut remarks = Vec::new();
    if stats.without_key > 0 {
        remarks.push(format!("{} customers have no key and are left out", count(stats.without_key as u64)));
    }
    for bad in &stats.bad {
        let first = bad.first_key.as_ref().map(|k| format!(", the first at {k}")).unwrap_or_default();
        remarks.push(format!(
            "{} values in {}.{} are not {} and count as missing{first}",
            count(bad.count as u64),
            bad.table,
            bad.column,
            bad.expected
        ));
    }
    for rows in &stats.collections {
        let Some(collection) = vocabulary.collection(rows.id) else { continue };
        if rows.without_time > 0 {
            remarks.push(format!(
                "{} {} have no time and are left out",
                count(rows.without_time as u64),
                collection.name
            ));
        }
        if rows.orphans > 0 {
            remarks.push(format!(
                "{} {} belong to no customer and are left out",
                count(rows.orphans as u64),
                collection.name
            ));
        }
    }
    remarks
}
