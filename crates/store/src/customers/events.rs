//! To whom something happened lately, from two columns of a table. What a value means is decided here and not in SQL,
//! which only leaves out what lies days away however it is read.

use crate::customers::error::StoreError;
use crate::customers::reader::{End, Lately, Part, Reader};
use crate::customers::table::{self, Only, Wanted};
use chrono::{DateTime, Datelike, TimeDelta};
use std::collections::BTreeSet;
use tidings_schema::{EventSource, RowSource, Storage, Vocabulary};

/// In microseconds: further than any zone is from another, by more than a day.
const DAYS: i64 = 3 * 86_400_000_000;

/// The keys of the customers to whom something happened from one moment on and before another (microseconds since 1970
/// UTC). None where that is not in the store.
pub(crate) async fn happened(
    reader: &mut Reader,
    vocabulary: &Vocabulary,
    source: &EventSource,
    (from, until): (i64, i64),
) -> Result<Option<BTreeSet<Box<str>>>, StoreError> {
    let (table, key, time, changes) = match source {
        EventSource::Attribute(id) => {
            let customer = &vocabulary.customer;
            (&customer.table, &customer.key, vocabulary.attribute(*id).filter(|a| !a.kept), &customer.changes)
        }
        EventSource::Row(id) => {
            let Some(collection) = vocabulary.collection(*id) else { return Ok(None) };
            let RowSource::Table { table, customer, changes, .. } = &collection.source else {
                return Ok(None);
            };
            (table, customer, collection.field(collection.time), changes)
        }
    };
    let Some(time) = time else { return Ok(None) };
    let (since, ranges) = (from.saturating_sub(DAYS), ranges(&time.storage, from, until));
    let wanted = Wanted {
        table,
        owner: None,
        keys: vec![key],
        attributes: vec![time],
        part: Part::Lately(&Lately { since, ranges }),
        only: Only::there(changes),
    };
    let read = table::read(reader, &wanted, vocabulary.zone).await?;
    let (Some(keys), Some(times)) = (read.keys.first(), read.columns.first()) else { return Ok(None) };
    let counts = |row: &u32| times.time(*row).is_some_and(|at| (from..until).contains(&at));
    let happened = (0..read.rows as u32).filter(counts).filter_map(|row| keys.get(row));
    Ok(Some(happened.map(|key| key.to_string().into()).collect()))
}

/// Where in a column every value lies that can be read as a moment of a stretch: as a date of either form, as eight
/// digits, as a count, each also as text; and texts that begin with something else, which may be anything.
fn ranges(storage: &Storage, from: i64, until: i64) -> Vec<(End, Option<End>)> {
    let (from, until) = (from.saturating_sub(DAYS), until.saturating_add(DAYS));
    let unit = storage.unit.micros();
    let (first, last) = (from.div_euclid(unit) - 1, until.div_euclid(unit) + 1);
    let mut ranges = vec![between(first, last)];
    ranges.push(match first.to_string().len() == last.to_string().len() && first > 0 {
        true => texts(&first.to_string(), &last.to_string()),
        // Numbers as text are in the order of their digits.
        false => texts("/", "9"),
    });
    for form in ["%Y-%m-%d", "%Y/%m/%d", "%Y%m%d"] {
        let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap_or_default().format(form).to_string();
        let (first, last) = (day(from), day(until));
        ranges.push(texts(&first, &last));
        if let (Ok(first), Ok(last)) = (first.parse(), last.parse()) {
            ranges.push(between(first, last));
        }
    }
    ranges.extend(short(from, until));
    ranges.push((End::Text("\u{1}".to_owned()), Some(End::Text("0~".to_owned()))));
    ranges.push((End::Text(":".to_owned()), None));
    ranges
}

/// Where dates lie whose month or day has one digit: `2026-6-2` is in no order with `2026-06-02`.
fn short(from: i64, until: i64) -> Vec<(End, Option<End>)> {
    let day = |at: i64| DateTime::from_timestamp_micros(at).unwrap_or_default().date_naive();
    let (first, last) = (day(from), day(until));
    let mut begin = BTreeSet::new();
    for sign in ["-", "/"] {
        if last - first > TimeDelta::days(31) {
            begin.extend((first.year()..=last.year()).map(|year| format!("{year:04}{sign}")));
            continue;
        }
        for day in first.iter_days().take_while(|day| *day <= last) {
            let (year, month) = (day.year(), day.month());
            if month < 10 {
                begin.insert(format!("{year:04}{sign}{month}{sign}"));
            }
            if day.day() < 10 {
                begin.insert(format!("{year:04}{sign}{month:02}{sign}{}", day.day()));
            }
        }
    }
    begin.into_iter().map(|b| (End::Text(b.clone()), Some(End::Text(format!("{b}~"))))).collect()
}

fn between(first: i64, last: i64) -> (End, Option<End>) {
    (End::Number(first as f64), Some(End::Number(last as f64)))
}

/// After the texts that begin with one, up to those that begin with another. No end is a number, or some columns would
/// take it for one.
fn texts(after: &str, to: &str) -> (End, Option<End>) {
    (End::Text(format!("{after}~")), Some(End::Text(format!("{to}~"))))
}
