//! Rows that become columns where they are stepped through: no value is copied in between. On several connections each
//! has columns of its own, which are put together at the end.

use crate::customers::apart::{self, Lane};
use crate::customers::lite::cells::ROWS;
use crate::customers::lite::open::Session;
use crate::customers::lite::pieces::Left;
use crate::customers::lite::{Bound, each, ended, halves, on_a_thread, road, statement};
use crate::customers::reader::{Ask, Part};
use crate::customers::table::Read;
use crate::customers::weave::{Piece, woven};
use crate::sql::{Condition, Dialect, Road};
use sqlx::sqlite::{LockedSqliteHandle, SqliteConnection};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tokio::sync::OwnedMutexGuard;

/// A place in the table's order, and how many rows came there.
type Place = (i64, u64);

/// What all a connection takes its rows into.
pub(super) struct Taking {
    lane: Lane,
    /// Counts rows as they come.
    rows: Arc<AtomicU64>,
    /// Gone as soon as nobody waits for them any more.
    awaited: Weak<()>,
}

/// Reads what is asked for into lanes of all columns.
pub(crate) async fn read(
    session: &Session,
    ask: &Ask<'_>,
    lane: &(dyn Fn() -> Lane + Sync),
    rows: &Arc<AtomicU64>,
) -> Result<Read, sqlx::Error> {
    let awaited = Arc::new(());
    let taking = || Taking { lane: lane(), rows: rows.clone(), awaited: Arc::downgrade(&awaited) };
    let mut connection = session.connection.clone().lock_owned().await;
    let road = road(ask, &mut connection).await?;
    let numbers = match (road, ask.part, session.connections().nth(1)) {
        (Road::InOrder(number), Part::All, Some(_)) => {
            Left::of(ask, number, ROWS, &mut connection).await?.map(|left| (number, left))
        }
        _ => None,
    };
    let mut stepping = Vec::new();
    if let Some((number, left)) = numbers {
        drop(connection);
        let sql = Dialect::Lite.lite_rows(ask, Some(Condition::Numbered(number)), road);
        let left = Arc::new(Mutex::new(left));
        for connection in session.connections() {
            let (taking, sql, left) = (taking(), sql.clone(), left.clone());
            let connection = connection.clone().lock_owned().await;
            stepping.push(tokio::spawn(on_a_thread(connection, move |handle| {
                taking.pieces(handle, &sql, &left)
            })));
        }
    } else if let Some(halves) = halves::of(ask, road, session, &mut connection).await? {
        drop(connection);
        for ((half, connection), place) in halves.into_iter().zip(session.connections()).zip(0..) {
            let connection = connection.clone().lock_owned().await;
            stepping.push(tokio::spawn(taking().all(connection, statement(ask, half), place)));
        }
    } else {
        stepping.push(tokio::spawn(taking().all(connection, statement(ask, road), 0)));
    }
    let (mut parts, mut places) = (Vec::new(), Vec::new());
    for (stepped, part) in stepping.into_iter().zip(0..) {
        let (lane, taken) = stepped.await.map_err(|_| ended())??;
        let mut first = 0;
        for (place, rows) in taken {
            let end = first + rows as usize;
            places.push((place, Piece { part, rows: first..end }));
            first = end;
        }
        parts.push(lane);
    }
    let together = move || {
        places.sort_unstable_by_key(|(place, _)| *place);
        let pieces: Vec<Piece> = places.into_iter().map(|(_, piece)| piece).collect();
        woven(parts.into_iter().map(|lane| apart::together(vec![lane])).collect(), &pieces)
    };
    tokio::task::spawn_blocking(together).await.map_err(|_| ended())
}

impl Taking {
    /// All rows of a statement, which belong at a place.
    async fn all(
        mut self,
        connection: OwnedMutexGuard<SqliteConnection>,
        (sql, values): (String, Vec<Bound>),
        place: i64,
    ) -> Result<(Lane, Vec<Place>), sqlx::Error> {
        on_a_thread(connection, move |handle| {
            let rows = self.rows(handle, &sql, &values)?;
            Ok((self.lane, vec![(place, rows)]))
        })
        .await
    }

    /// Piece after piece of the rows' numbers, as long as there are any left.
    fn pieces(
        mut self,
        handle: &mut LockedSqliteHandle<'_>,
        sql: &str,
        left: &Mutex<Left>,
    ) -> Result<(Lane, Vec<Place>), sqlx::Error> {
        let mut taken = Vec::new();
        loop {
            let Some((from, to)) = now(left).piece() else { return Ok((self.lane, taken)) };
            let rows = self.rows(handle, sql, &[Bound::Whole(from), Bound::Whole(to)]);
            match rows {
                Ok(rows) => now(left).had((from, to), rows),
                // The others need not go on.
                Err(_) => now(left).end(),
            }
            taken.push((from, rows?));
        }
    }

    /// Takes all rows of a statement, and says how many there were.
    fn rows(
        &mut self,
        handle: &mut LockedSqliteHandle<'_>,
        sql: &str,
        values: &[Bound],
    ) -> Result<u64, sqlx::Error> {
        let (mut all, mut counted) = (0, 0);
        each(handle, (sql, values), |row| {
            self.lane.take(row)?;
            all += 1;
            if all - counted == ROWS as u64 {
                self.rows.fetch_add(all - counted, Ordering::Relaxed);
                counted = all;
                if self.awaited.strong_count() == 0 {
                    return Err(sqlx::Error::WorkerCrashed);
                }
            }
            Ok(())
        })?;
        self.rows.fetch_add(all - counted, Ordering::Relaxed);
        Ok(all)
    }
}

fn now(left: &Mutex<Left>) -> MutexGuard<'_, Left> {
    left.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::block::Blocks;
    use crate::customers::keys::{Key, Keys, Places};
    use crate::customers::lite;
    use crate::customers::reader::{Kind, Stored, Table};
    use crate::customers::table::{Only, Owners, Wanted};
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int16Type;
    use arrow_array::{ArrayRef, StringArray};
    use proptest::prelude::*;
    use sqlx::sqlite::SqliteConnectOptions;
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
    use std::path::Path;
    use std::time::Duration;
    use tidings_schema::{Attribute, Currency, OneOf, Storage, StoredUnit, Type, Word};
    use tokio::sync::mpsc;

    const TYPES: usize = 8;

    fn attributes() -> [Attribute; TYPES] {
        let word = |name: &str| Word { name: name.to_owned(), stored: None, label: None };
        let list = OneOf { name: "x".to_owned(), ordered: false, words: vec![word("gold"), word("2")] };
        let types = [
            Type::Text,
            Type::Number,
            Type::Money(Currency::CNY),
            Type::YesNo,
            Type::Date,
            Type::Moment,
            Type::OneOf(list.into()),
            Type::Tags,
        ];
        let mut names = (0..).map(|i| format!("c{i}"));
        types.map(|ty| {
            let column = names.next().unwrap_or_default();
            let (zone, unit) = (None, StoredUnit::Seconds);
            let storage = Storage { column, minor: false, zone, unit, separator: None };
            let name = storage.column.clone();
            Attribute { name, label: None, ty, storage, optional: true, yearly: false, kept: false }
        })
    }

    /// A value as SQL writes it.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => Just("NULL".to_owned()),
            6 => (0..400_u32).prop_map(|text| format!("'text {text}'")),
            2 => prop::sample::select(vec!["''", "'gold'", "'[]'", "'[\"a\"]'", "'[\"b\", \"a\"]'", "'中'", "x'e4b8ad'", "x'e4'"])
                .prop_map(str::to_owned),
            2 => (1..28_u32).prop_map(|day| format!("'2026-06-{day:02}'")),
            2 => (0..24_u32).prop_map(|hour| format!("'2026-06-02 {hour:02}:00:00'")),
            2 => (0..3_i64).prop_map(|n| n.to_string()),
            2 => (-100_000..100_000_i64).prop_map(|n| format!("{:?}", n as f64 / 100.0)),
        ]
    }

    /// All there is to what was read. Which number a text has is nobody's business.
    fn seen(read: &Read) -> String {
        let rows: Vec<u32> = (0..read.rows as u32).collect();
        let keys = |keys: &Keys| keys.texts(&rows);
        let columns = read.columns.iter().map(|column| column.take(&rows));
        let columns = columns.map(|column| match column.as_dictionary_opt::<Int16Type>() {
            Some(texts) => {
                let texts = texts.downcast_dict::<StringArray>().unwrap();
                Arc::new(texts.into_iter().collect::<StringArray>())
            }
            None => column,
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let keys: Vec<StringArray> = read.keys.iter().map(keys).collect();
        format!("{} {:?} {keys:?} {columns:?} {:?}", read.rows, read.owners, read.refused)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn what_connections_read_together_is_what_one_reads_by_blocks(
            rows in proptest::collection::btree_map(0..3_000_i64, proptest::collection::vec(value(), TYPES + 2), 0..60),
            different in prop::sample::select(vec![0, 0, 0, 700, 1_500]),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("shop.db");
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let names: Vec<String> = (0..TYPES).map(|i| format!("c{i}")).collect();
            let mut sql = format!("CREATE TABLE t (id INTEGER PRIMARY KEY, owner, key, {}); BEGIN;", names.join(", "));
            for (id, values) in &rows {
                sql += &format!("INSERT INTO t VALUES ({}, {});", id * 997, values.join(", "));
            }
            for i in 0..different {
                sql += &format!("INSERT INTO t (id, owner, c0, c7) VALUES ({}, 1, 'text {i}', '[\"{i}\"]');", -20 * (i + 1));
            }
            let [blocks, one, three] = runtime.block_on(read_each_way(&path, sql + "COMMIT"));
            prop_assert_eq!(&one, &blocks);
            prop_assert_eq!(&three, &blocks);
        }
    }

    /// A table that was made so.
    async fn made(path: &Path, sql: String) -> Table {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let mut writer = options.connect().await.unwrap();
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut writer).await.unwrap();
        writer.close().await.unwrap();
        Table { name: "t".to_owned(), within: None, readable: true, numbered: true }
    }

    #[tokio::test]
    async fn a_table_may_have_more_columns_than_a_function_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let names: Vec<String> = (0..1_100).map(|i| format!("c{i}")).collect();
        let values: Vec<String> = (0..1_100).map(|i| i.to_string()).collect();
        let sql =
            format!("CREATE TABLE t ({}); INSERT INTO t VALUES ({})", names.join(", "), values.join(", "));
        let table = made(&path, sql).await;
        let session = Session::open(&path).await.unwrap();
        let columns = lite::columns(&mut *session.connection.lock().await, &table).await.unwrap();
        let keys = names.iter().map(String::as_str).collect();
        let (part, only) = (Part::All, Only::default());
        let wanted = Wanted { table: "t", owner: None, keys, attributes: Vec::new(), part, only };
        let ask = Ask { table: &table, columns: &columns, part, only: String::new(), since: None };
        let lane = || Lane::of_all(&wanted, &[], chrono_tz::UTC);
        let read = read(&session, &ask, &lane, &Arc::default()).await.unwrap();
        let came: Vec<_> = read.keys.iter().map(|keys| keys.get(0)).collect();
        assert_eq!(came, (0..1_100).map(|i| Some(Key::Whole(i))).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn reading_ends_when_nobody_waits_for_it() {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        let mut handle = connection.lock_handle().await.unwrap();
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT tidings_take(i) FROM n";
        let (part, only) = (Part::All, Only::default());
        let wanted = Wanted { table: "t", owner: None, keys: vec!["i"], attributes: Vec::new(), part, only };
        let lane = Lane::of_all(&wanted, &[], chrono_tz::UTC);
        let mut taking = Taking { lane, rows: Arc::default(), awaited: Weak::new() };
        assert!(matches!(taking.rows(&mut handle, endless, &[]), Err(sqlx::Error::WorkerCrashed)));
        assert_eq!(taking.rows.load(Ordering::Relaxed), ROWS as u64);
    }

    /// What is read by blocks, and straight on one connection and on three.
    async fn read_each_way(path: &Path, sql: String) -> [String; 3] {
        let table = made(path, sql).await;
        let attributes = attributes();
        let mut customers = Keys::default();
        (0..2).for_each(|key| customers.push(Some(Key::Whole(key))));
        let owners = Owners { places: Arc::new(Places::new(customers)), wanted: None };
        let wanted = Wanted {
            table: "t",
            owner: Some(("owner", owners)),
            keys: vec!["id", "key"],
            attributes: attributes.iter().collect(),
            part: Part::All,
            only: Only::default(),
        };
        let session = async |connections| {
            let mut session = Session::open(path).await.unwrap();
            session.widen(connections).await.unwrap();
            session
        };
        let (one, three) = (session(1).await, session(3).await);
        let stored = lite::columns(&mut *one.connection.lock().await, &table).await.unwrap();
        let named = |name: &str| stored.iter().find(|column| column.name == name).unwrap().clone();
        let columns: Vec<Stored> = wanted.columns().into_iter().map(named).collect();
        let ask = Ask { table: &table, columns: &columns, part: Part::All, only: String::new(), since: None };
        let kinds = vec![Kind::Shown; columns.len()];
        let lane = || Lane::of_all(&wanted, &kinds, chrono_tz::Asia::Shanghai);

        let (send, mut blocks) = mpsc::channel(1);
        let mut by_blocks = lane();
        let taking = async {
            while let Some(block) = blocks.recv().await {
                assert!(by_blocks.add(&block));
            }
        };
        let sending = lite::read(&one, &ask, Blocks::new(send, Duration::MAX, Arc::default()));
        let (sent, ()) = tokio::join!(sending, taking);
        sent.unwrap();
        let count = Arc::default();
        let alone = read(&one, &ask, &lane, &count).await.unwrap();
        let together = read(&three, &ask, &lane, &count).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2 * alone.rows as u64);
        [apart::together(vec![by_blocks]), alone, together].each_ref().map(seen)
    }
}
