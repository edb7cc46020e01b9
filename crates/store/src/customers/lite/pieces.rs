//! A whole table on several connections that see the same moment: each steps through some pieces of the rows' numbers,
//! and they go on in the order of these.

use crate::customers::block::{Block, Blocks};
use crate::customers::lite::cells::ROWS;
use crate::customers::lite::open::Session;
use crate::customers::lite::{Bound, ended, on_a_thread, step};
use crate::customers::reader::Ask;
use crate::sql::{Condition, Dialect, Road};
use sqlx::sqlite::SqliteConnection;
use std::collections::VecDeque;
use tokio::sync::mpsc;

/// Pieces that each connection is given at a time: one that it steps through, and the next.
const AHEAD: usize = 2;
/// Rows that a piece shall have, in blocks. So many may wait to be sent on, so that nobody waits in the middle of one.
const BLOCKS: usize = 4;
/// How much wider a piece may at most be than one that had too few rows.
const WIDER: u128 = 64;

/// Some numbers, and where their rows go.
type Piece = ((i64, i64), mpsc::Sender<Block>);

/// Reads a table whose rows have numbers by this name.
pub(super) async fn read(
    session: &Session,
    ask: &Ask<'_>,
    number: &'static str,
    blocks: &Blocks,
) -> Result<(), sqlx::Error> {
    let mut connection = session.connection.lock().await;
    let Some(mut left) = Left::of(ask, number, BLOCKS * ROWS, &mut connection).await? else { return Ok(()) };
    drop(connection);
    let sql = Dialect::Lite.lite_rows(ask, Some(Condition::Numbered(number)), Road::InOrder(number));
    let (mut workers, mut stepping) = (Vec::new(), Vec::new());
    for connection in session.connections() {
        let (send, mut pieces) = mpsc::channel::<Piece>(AHEAD);
        let (sql, shape) = (sql.clone(), (ask.columns.len(), blocks.most));
        let connection = connection.clone().lock_owned().await;
        workers.push(send);
        stepping.push(tokio::spawn(on_a_thread(connection, move |handle| {
            while let Some(((from, to), rows)) = pieces.blocking_recv() {
                let send = |block| rows.blocking_send(block).map_err(|_| sqlx::Error::WorkerCrashed);
                step(handle, (&sql, &[Bound::Whole(from), Bound::Whole(to)]), shape, send)?;
            }
            Ok(())
        })));
    }
    let (mut waiting, mut turns) = (VecDeque::new(), workers.iter().cycle());
    loop {
        while waiting.len() < workers.len() * AHEAD
            && let Some(piece) = left.piece()
            && let Some(worker) = turns.next()
        {
            let (send, rows) = mpsc::channel(BLOCKS);
            waiting.push_back((piece, rows));
            // One that takes no more has failed, and says why at the end.
            if worker.send((piece, send)).await.is_err() {
                left.end();
            }
        }
        let Some((piece, mut rows)) = waiting.pop_front() else { break };
        let mut count = 0;
        while let Some(block) = rows.recv().await {
            count += block.rows();
            blocks.send(block).await?;
        }
        left.had(piece, count as u64);
    }
    drop(workers);
    for stepped in stepping {
        stepped.await.map_err(|_| ended())??;
    }
    Ok(())
}

/// The numbers that nobody was given yet.
pub(super) struct Left {
    next: Option<i64>,
    last: i64,
    /// How many of them a piece has.
    width: u64,
    /// How many rows it shall have.
    rows: u64,
}

impl Left {
    /// All numbers of a table that has rows; pieces shall have so many.
    pub(super) async fn of(
        ask: &Ask<'_>,
        number: &'static str,
        rows: usize,
        connection: &mut SqliteConnection,
    ) -> Result<Option<Left>, sqlx::Error> {
        let ends = sqlx::query_as(Dialect::Lite.ends(ask.table, number));
        let (first, last): (Option<i64>, Option<i64>) = ends.fetch_one(connection).await?;
        let rows = rows as u64;
        Ok(first.zip(last).map(|(first, last)| Left { next: Some(first), last, width: rows, rows }))
    }

    /// Nobody is given any more.
    pub(super) fn end(&mut self) {
        self.next = None;
    }

    pub(super) fn piece(&mut self) -> Option<(i64, i64)> {
        let from = self.next.filter(|next| *next <= self.last)?;
        let to = from.saturating_add_unsigned(self.width - 1).min(self.last);
        self.next = to.checked_add(1);
        Some((from, to))
    }

    /// The next ones are as wide as that one should have been.
    pub(super) fn had(&mut self, (from, to): (i64, i64), rows: u64) {
        let (had, wanted) = (u128::from(to.abs_diff(from)) + 1, u128::from(self.rows));
        let width = (had * wanted / u128::from(rows.max(1))).min(had * WIDER).max(wanted);
        self.width = u64::try_from(width).unwrap_or(u64::MAX);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::reader::{Kind, Part, Stored, Table};
    use proptest::prelude::*;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{ConnectOptions, Connection};
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;
    use tidings_schema::Raw;

    /// What comes of a table whose rows have these numbers.
    async fn read_back(numbers: &BTreeSet<i64>) -> Vec<i64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut writer = options.connect().await.unwrap();
        sqlx::raw_sql("CREATE TABLE t (x INTEGER PRIMARY KEY); BEGIN").execute(&mut writer).await.unwrap();
        for number in numbers {
            sqlx::query("INSERT INTO t VALUES (?)").bind(number).execute(&mut writer).await.unwrap();
        }
        sqlx::raw_sql("COMMIT").execute(&mut writer).await.unwrap();
        writer.close().await.unwrap();
        let mut session = Session::open(&path).await.unwrap();
        session.widen(3).await.unwrap();
        assert_eq!(session.connections().count(), 3);
        let table = Table { name: "t".to_owned(), within: None, readable: true, numbered: true };
        let x = Stored { name: "x".to_owned(), declared: String::new(), kind: Kind::Shown, cast: ("", "") };
        let ask = Ask { table: &table, columns: &[x], part: Part::All, only: String::new(), since: None };
        let (send, mut receive) = mpsc::channel(1);
        let blocks = Blocks::new(send, Duration::MAX, Arc::default());
        let mut came = Vec::new();
        let reading = async move { read(&session, &ask, "rowid", &blocks).await.unwrap() };
        let taking = async {
            while let Some(block) = receive.recv().await {
                block.each(0, Kind::Shown, |raw| {
                    came.extend(raw.and_then(|raw| match raw {
                        Raw::Int(number) => Some(number),
                        _ => None,
                    }))
                });
            }
        };
        tokio::join!(reading, taking);
        came
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn full_pieces_come_in_order() {
        let numbers: BTreeSet<i64> = (0..200_000).filter(|n| n % 50_000 < 40_000).collect();
        assert!(read_back(&numbers).await.into_iter().eq(numbers));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn rows_come_once_and_in_order_wherever_they_are(
            begins in proptest::collection::vec(prop_oneof![
                any::<i64>(),
                -100_000..100_000_i64,
                Just(i64::MIN),
                Just(i64::MAX - 1),
                (0..63_u32).prop_map(|bits| 1 << bits),
            ], 0..8),
            lengths in proptest::collection::vec(1..40_i64, 8),
        ) {
            let ranges = begins.iter().zip(lengths).map(|(begin, length)| *begin..begin.saturating_add(length));
            let numbers: BTreeSet<i64> = ranges.flatten().collect();
            let runtime = tokio::runtime::Runtime::new().unwrap();
            prop_assert!(runtime.block_on(read_back(&numbers)).into_iter().eq(numbers));
        }
    }
}
