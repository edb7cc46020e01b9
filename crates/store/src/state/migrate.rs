//! The tables, brought up to date step by step, the same steps on both databases.

use super::database::{Tx, args};
use super::error::StateError;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Each step's number and its text for SQLite and for PostgreSQL. A step that was released is never edited.
const STEPS: [(i64, &str, &str); 5] = [
    (
        1,
        include_str!("../../migrations/sqlite/0001_state.sql"),
        include_str!("../../migrations/postgres/0001_state.sql"),
    ),
    (
        2,
        include_str!("../../migrations/sqlite/0002_outbox.sql"),
        include_str!("../../migrations/postgres/0002_outbox.sql"),
    ),
    (
        3,
        include_str!("../../migrations/sqlite/0003_waits.sql"),
        include_str!("../../migrations/postgres/0003_waits.sql"),
    ),
    (
        4,
        include_str!("../../migrations/sqlite/0004_programs.sql"),
        include_str!("../../migrations/postgres/0004_programs.sql"),
    ),
    (
        5,
        include_str!("../../migrations/sqlite/0005_changes.sql"),
        include_str!("../../migrations/postgres/0005_changes.sql"),
    ),
];
const TABLE: &str =
    "CREATE TABLE IF NOT EXISTS tidings_migrations (version BIGINT PRIMARY KEY, hash TEXT NOT NULL)";
const DONE: &str = "SELECT version, hash FROM tidings_migrations ORDER BY version";
const NOTE: &str = "INSERT INTO tidings_migrations (version, hash) VALUES ($1, $2)";

/// Takes the steps that were not taken yet. Fails where another version of Tidings took other ones.
pub(super) async fn migrate(tx: &mut Tx, place: &Arc<str>) -> Result<(), StateError> {
    tx.execute(TABLE, args![]).await?;
    let done = tx.list(DONE, args![], |row| Ok((row.get::<i64>("version")?, row.get::<String>("hash")?)));
    let done = done.await?;
    let steps: Vec<(i64, &str, String)> = STEPS
        .map(|(n, lite, pg)| if tx.is_postgres() { (n, pg) } else { (n, lite) })
        .into_iter()
        .map(|(n, sql)| (n, sql, hex::encode(Sha256::digest(sql))))
        .collect();
    for (version, hash) in &done {
        if !steps.iter().any(|(n, _, h)| n == version && h == hash) {
            let why = format!("its tables have a step {version} that this version does not know");
            return Err(StateError::Version { place: place.clone(), why });
        }
    }
    for (version, sql, hash) in steps.into_iter().skip(done.len()) {
        tx.script(sql).await?;
        tx.execute(NOTE, args![version, hash]).await?;
    }
    Ok(())
}
