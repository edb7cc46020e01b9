//! Many changed rows on two connections that see the same moment, each with half of them: they lie here and there in the
//! file, and each takes its time.

use crate::customers::block::{Block, Blocks};
use crate::customers::lite::open::Session;
use crate::customers::lite::{ended, on_a_thread, statement, step};
use crate::customers::reader::Ask;
use crate::sql::{Dialect, Road, Share};
use sqlx::sqlite::SqliteConnection;
use std::sync::Arc;
use tokio::sync::mpsc;

/// From so many rows on it is worth it.
const MANY: u64 = 4_096;
/// Blocks of the second half that wait for the first one to have come.
const WAITING: usize = 64;

/// The two halves, if there are that many rows, and two connections.
pub(super) async fn of(
    ask: &Ask<'_>,
    road: Road<'static>,
    session: &Session,
    connection: &mut SqliteConnection,
) -> Result<Option<[Road<'static>; 2]>, sqlx::Error> {
    // It may be counting.
    let free = session.connections().nth(1).is_some_and(|other| other.try_lock().is_ok());
    let (Some((column, mark)), true) = (&ask.since, free) else { return Ok(None) };
    let share: fn(&'static str, Share) -> Road<'static> = match road {
        Road::ByIndex(..) => Road::ByIndex,
        Road::ByNumber(_) => |_, share| Road::ByNumber(share),
        _ => return Ok(None),
    };
    let number = if let Road::ByIndex(number, _) = road { number } else { "" };
    let later = Dialect::Lite.later(ask.table, column, *mark);
    let rows: i64 = sqlx::query_scalar(later).fetch_one(connection).await?;
    let half = rows.unsigned_abs() / 2;
    let halves = [Share::Below(half), Share::From(half)].map(|half| share(number, half));
    Ok((rows.unsigned_abs() >= MANY).then_some(halves))
}

/// Reads both, and sends them on one after the other.
pub(super) async fn read(
    session: &Session,
    ask: &Ask<'_>,
    halves: [Road<'static>; 2],
    blocks: Blocks,
) -> Result<(), sqlx::Error> {
    let [first, second] = halves.map(|half| statement(ask, half));
    let mut connections = session.connections().map(|connection| connection.clone().lock_owned());
    let (Some(one), Some(other)) = (connections.next(), connections.next()) else { return Ok(()) };
    let (one, other) = (one.await, other.await);
    let (send, mut waiting) = mpsc::channel::<Block>(WAITING);
    let shape = (ask.columns.len(), blocks.most);
    let blocks = Arc::new(blocks);
    let beside = tokio::spawn(on_a_thread(other, move |handle| {
        let send = |block| send.blocking_send(block).map_err(|_| sqlx::Error::WorkerCrashed);
        step(handle, (&second.0, &second.1), shape, send)
    }));
    let now = blocks.clone();
    on_a_thread(one, move |handle| {
        step(handle, (&first.0, &first.1), shape, |block| now.send_waiting(block))
    })
    .await?;
    while let Some(block) = waiting.recv().await {
        blocks.send(block).await?;
    }
    beside.await.map_err(|_| ended())?
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::Mark;
    use crate::customers::lite;
    use crate::customers::reader::{Kind, Part, Table};
    use sqlx::ConnectOptions;
    use sqlx::Connection;
    use sqlx::sqlite::SqliteConnectOptions;
    use std::time::Duration;
    use tidings_schema::Raw;

    /// Numbers without any order, some of them many times, and none.
    const ROWS: &str =
        "CREATE TABLE t (x INTEGER PRIMARY KEY, version INT); CREATE INDEX t_version ON t (version);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO t SELECT i, CASE WHEN i % 1000 = 7 THEN NULL ELSE i * 7919 % 997 END FROM n";

    #[tokio::test(flavor = "multi_thread")]
    async fn the_halves_are_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut writer = options.connect().await.unwrap();
        sqlx::raw_sql(ROWS).execute(&mut writer).await.unwrap();
        writer.close().await.unwrap();
        for (after, halved) in [(500, true), (990, false)] {
            let mut session = Session::open(&path).await.unwrap();
            session.widen(2).await.unwrap();
            let table = Table { name: "t".to_owned(), within: None, readable: true, numbered: true };
            let columns = lite::columns(&mut *session.connection.lock().await, &table).await.unwrap();
            let since = columns.last().cloned().map(|column| (column, Mark::Whole(after)));
            let ask = Ask { table: &table, columns: &columns, part: Part::All, only: String::new(), since };
            let road = Road::ByIndex("rowid", Share::All);
            let halves = of(&ask, road, &session, &mut *session.connection.lock().await).await.unwrap();
            assert_eq!(halves.is_some(), halved);
            let (send, mut receive) = mpsc::channel(1);
            let blocks = Blocks::new(send, Duration::MAX, Arc::default());
            let mut came = Vec::new();
            let reading = async { lite::read(&session, &ask, blocks).await.unwrap() };
            let taking = async {
                while let Some(block) = receive.recv().await {
                    block.each(0, Kind::Shown, |raw| match raw {
                        Some(Raw::Int(number)) => came.push(number),
                        _ => came.push(-1),
                    });
                }
            };
            tokio::join!(reading, taking);
            came.sort_unstable();
            let expected = (1..=20_000).filter(|i| i % 1000 == 7 || i * 7919 % 997 > after);
            assert!(came.into_iter().eq(expected), "{after}");
        }
    }
}
