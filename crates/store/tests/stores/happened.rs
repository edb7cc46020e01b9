//! To whom something happened lately, found without reading all that ever happened.

use super::servers::{Kind, Shop};
use super::vocabulary;
use std::sync::atomic::Ordering::Relaxed;
use tidings_schema::{CollectionId, EventSource};

/// 2026-06-02 00:00 UTC.
const DAY: i64 = 1_780_358_400;
const ROWS: i64 = 2_000;
const HOUR: i64 = 3_600_000_000;

#[tokio::test]
async fn only_what_happened_lately_is_read() {
    // A visit an hour, the last one some days from now.
    let visits = |value: &dyn Fn(i64) -> String| {
        let row = |i: i64| format!("({i}, {})", value(DAY + 3_600 * (i - ROWS + 100)));
        (0..ROWS).map(row).collect::<Vec<_>>().join(", ")
    };
    let utc = |seconds: i64| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    for kind in Kind::ALL {
        let (civil, moment) = match kind {
            Kind::Lite => ("TEXT", "TEXT"),
            Kind::Postgres => ("timestamp", "timestamptz"),
            Kind::MySql => ("DATETIME", "TIMESTAMP"),
        };
        // Civil times are of the shop's own zone, and on MySQL whatever is written is.
        let east = if kind == Kind::MySql { 8 * 3_600 } else { 0 };
        let stored: [(&str, &dyn Fn(i64) -> String); 3] = [
            (civil, &|at| format!("'{}'", utc(at + 8 * 3_600).format("%Y-%m-%d %H:%M:%S"))),
            (moment, &|at| {
                let zone = if kind == Kind::MySql { "" } else { "+00" };
                format!("'{}{zone}'", utc(at + east).format("%Y-%m-%d %H:%M:%S"))
            }),
            ("BIGINT", &|at| at.to_string()),
        ];
        for (ty, value) in stored {
            let sql = format!(
                "CREATE TABLE visits (who BIGINT, seen {ty}); INSERT INTO visits VALUES {}; INSERT INTO visits VALUES (-1, NULL);
                 CREATE TABLE customers (id BIGINT); CREATE INDEX visits_seen ON visits (seen);",
                visits(value)
            );
            let Some(shop) = Shop::new(kind, &sql).await else { continue };
            let schema = "customer: {table: customers, key: id, attributes: {}}
collections:
  visits: {table: visits, customer: who, time: seen, fields: {seen: moment}}";
            let vocabulary = vocabulary(schema);
            let store = shop.store().await;
            let (from, until) = (DAY * 1_000_000, DAY * 1_000_000 + 2 * HOUR);
            let source = EventSource::Row(CollectionId(0));
            let found = store.happened(&vocabulary, &[(&source, from)], until).await.unwrap().unwrap();
            let found: Vec<&str> = found.iter().map(AsRef::as_ref).collect();
            assert_eq!(found, ["1900", "1901"], "{kind:?} {ty}");
            let read = store.rows_read().load(Relaxed);
            assert!(read < 400, "{kind:?} {ty}: {read} rows");
            // Before 1970 nothing is left to the server.
            let found = store.happened(&vocabulary, &[(&source, -HOUR)], until).await.unwrap().unwrap();
            assert_eq!(found.len(), 1_902, "{kind:?} {ty}");
        }
    }
}
