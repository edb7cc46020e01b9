//! Many changed rows on two connections that see the same moment, each with half of them: they lie here and there in the
//! file, and each takes its time.

use crate::customers::lite::open::Session;
use crate::customers::reader::Ask;
use crate::sql::{Dialect, Road, Share};
use sqlx::sqlite::SqliteConnection;

/// From so many rows on it is worth it.
const MANY: u64 = 4_096;

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::customers::Mark;
    use crate::customers::apart::Lane;
    use crate::customers::keys::Key;
    use crate::customers::lite::{self, straight};
    use crate::customers::reader::{Kind, Part, Table};
    use crate::customers::table::{Only, Wanted};
    use sqlx::ConnectOptions;
    use sqlx::Connection;
    use sqlx::sqlite::SqliteConnectOptions;
    use std::sync::Arc;

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
            let wanted = Wanted {
                table: "t",
                owner: None,
                keys: vec!["x", "version"],
                attributes: Vec::new(),
                part: Part::All,
                only: Only::default(),
            };
            let lane = || Lane::of_all(&wanted, &[Kind::Shown; 2], chrono_tz::UTC);
            let read = straight::read(&session, &ask, &lane, &Arc::default()).await.unwrap();
            let numbers = read.keys.first().unwrap();
            let mut came: Vec<i64> = (0..numbers.len() as u32)
                .filter_map(
                    |row| if let Key::Whole(number) = numbers.get(row)? { Some(number) } else { None },
                )
                .collect();
            came.sort_unstable();
            let expected = (1..=20_000).filter(|i| i % 1000 == 7 || i * 7919 % 997 > after);
            assert!(came.into_iter().eq(expected), "{after}");
        }
    }
}
