//! MySQL and MariaDB: rows as a stream, in the server's binary form.

pub(crate) mod value;

use crate::customers::block::{Block, Blocks};
use crate::customers::reader::{Ask, Kind, Link, Part, Stored, Table};
use crate::customers::written::is_uuid;
use crate::sql::Dialect;
use futures_util::{Stream, TryStreamExt};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow};
use sqlx::{ConnectOptions, Row};

/// Rows that are taken apart at once, where their texts are not long.
const ROWS_A_BLOCK: usize = 1024;
/// About so many bytes the driver takes for a row beside its values, and where they lie.
const BYTES_A_ROW: usize = 200;

/// Without modes, so that texts come without what fills them up, whatever the server's settings are.
const SESSION: &str = "SET SESSION sql_mode = ''";
const ISOLATION: &str = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ";
const BEGIN: &str = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY";

/// MySQL's errors for texts that cannot be compared.
const ILLEGAL_MIX: [u16; 2] = [1267, 1271];

const TABLES: &str = "\
    SELECT CAST(TABLE_NAME AS CHAR) FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() \
    AND TABLE_TYPE IN ('BASE TABLE', 'VIEW', 'SYSTEM VERSIONED') ORDER BY 1";
const COLUMNS: &str = "\
    SELECT CAST(COLUMN_NAME AS CHAR), CAST(COLUMN_TYPE AS CHAR), CAST(DATA_TYPE AS CHAR) \
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? \
    AND CAST(TABLE_NAME AS BINARY) = CAST(? AS BINARY) ORDER BY ORDINAL_POSITION";
const LINKS: &str = "\
    SELECT CAST(COLUMN_NAME AS CHAR), CAST(CONSTRAINT_NAME AS CHAR), CAST(REFERENCED_TABLE_NAME AS CHAR), \
    CAST(REFERENCED_COLUMN_NAME AS CHAR) FROM information_schema.KEY_COLUMN_USAGE \
    WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = CAST(? AS BINARY)";

/// The first column of each index, and of a table an empty name.
const INDEXED: &str = "\
    SELECT CAST(COLUMN_NAME AS CHAR) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() \
    AND TABLE_NAME = ? AND CAST(TABLE_NAME AS BINARY) = CAST(? AS BINARY) AND SEQ_IN_INDEX = 1 \
    UNION ALL SELECT '' FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? \
    AND CAST(TABLE_NAME AS BINARY) = CAST(? AS BINARY) AND TABLE_TYPE = 'BASE TABLE'";
/// Version, zone, encoding and clock.
pub(crate) const ABOUT: &str = "\
    SELECT CONCAT_WS(CHAR(10 USING utf8mb4), IF(VERSION() LIKE '%MariaDB%', VERSION(), CONCAT('MySQL ', VERSION())), \
    IF(@@GLOBAL.time_zone = 'SYSTEM', @@system_time_zone, @@GLOBAL.time_zone), @@character_set_database, \
    CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED))";

pub(crate) async fn indexed(
    connection: &mut MySqlConnection,
    table: &Table,
) -> Result<Vec<String>, sqlx::Error> {
    let name = &table.name;
    sqlx::query_scalar(INDEXED).bind(name).bind(name).bind(name).bind(name).fetch_all(connection).await
}

pub(crate) async fn open(options: &MySqlConnectOptions) -> Result<MySqlConnection, sqlx::Error> {
    let mut connection = options.clone().disable_statement_logging().connect().await?;
    for statement in [SESSION, ISOLATION, BEGIN] {
        sqlx::raw_sql(statement).execute(&mut connection).await?;
    }
    Ok(connection)
}

pub(crate) async fn tables(connection: &mut MySqlConnection) -> Result<Vec<Table>, sqlx::Error> {
    let names: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(connection).await?;
    // What this user may not read is not listed.
    let table = |name| Table { name, within: None, readable: true, numbered: false };
    Ok(names.into_iter().map(table).collect())
}

pub(crate) async fn columns(
    connection: &mut MySqlConnection,
    table: &Table,
) -> Result<Vec<Stored>, sqlx::Error> {
    let columns: Vec<(String, String, String)> =
        sqlx::query_as(COLUMNS).bind(&table.name).bind(&table.name).fetch_all(connection).await?;
    let stored = |(name, declared, base): (String, String, String)| {
        let kind = kind(&base.to_lowercase(), &declared.to_lowercase());
        // This is how these databases write yes and no.
        let truth = matches!(declared.to_lowercase().as_str(), "tinyint(1)" | "bit(1)");
        let declared = if truth { format!("bool, {declared}") } else { declared };
        Stored { name, declared, kind, cast: ("", "") }
    };
    Ok(columns.into_iter().map(stored).collect())
}

/// What values of a type come as.
fn kind(base: &str, declared: &str) -> Kind {
    match base {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" if declared.contains("unsigned") => {
            Kind::Unsigned
        }
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" => Kind::Int,
        "year" => Kind::Unsigned,
        "decimal" => Kind::Decimal,
        "float" | "double" => Kind::Real,
        "bit" => Kind::Bits,
        "date" => Kind::Day,
        "datetime" => Kind::Civil,
        "timestamp" => Kind::Instant,
        "time" => Kind::Clock,
        "uuid" => Kind::Uuid,
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" => Kind::Text,
        "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" => Kind::Bytes,
        _ => Kind::Shown,
    }
}

pub(crate) async fn links(connection: &mut MySqlConnection, table: &Table) -> Result<Vec<Link>, sqlx::Error> {
    let rows: Vec<(String, String, Option<String>, Option<String>)> =
        sqlx::query_as(LINKS).bind(&table.name).bind(&table.name).fetch_all(connection).await?;
    let alone = |constraint: &str| rows.iter().filter(|row| row.1 == constraint).count() == 1;
    let links = rows.iter().filter(|row| alone(&row.1)).map(|(column, constraint, other, to)| {
        (column.clone(), constraint == "PRIMARY", other.clone().zip(to.clone()))
    });
    Ok(links.collect())
}

pub(crate) async fn read(
    connection: &mut MySqlConnection,
    ask: &Ask<'_>,
    blocks: &Blocks,
) -> Result<(), sqlx::Error> {
    let seeks = match (&ask.part, ask.columns.first()) {
        (Part::With(keys), Some(first)) => keys.iter().filter_map(|key| Seek::of(first.kind, key)).collect(),
        _ => vec![Seek::Anything],
    };
    if seeks.iter().any(|seek| matches!(seek, Seek::Anything)) {
        return fetch(connection, ask, &[], blocks).await;
    }
    if seeks.is_empty() {
        return Ok(());
    }
    match fetch(connection, ask, &seeks, blocks).await {
        // The others, and which of them a collation takes for the same, are seen among all.
        Err(e) if cannot_have(&e) && seeks.len() > 1 => fetch(connection, ask, &[], blocks).await,
        Err(e) if cannot_have(&e) => Ok(()),
        fetched => fetched,
    }
}

/// The rows that have one of some values in the first column; all of them without any.
async fn fetch(
    connection: &mut MySqlConnection,
    ask: &Ask<'_>,
    seeks: &[Seek<'_>],
    blocks: &Blocks,
) -> Result<(), sqlx::Error> {
    let condition = format!("IN ({})", vec!["?"; seeks.len()].join(", "));
    let statement = Dialect::MySql.rows(ask, Some(condition.as_str()).filter(|_| !seeks.is_empty()));
    let query = seeks.iter().fold(sqlx::query(statement), |query, seek| match seek {
        Seek::Anything => query,
        Seek::Int(whole) => query.bind(*whole),
        Seek::Unsigned(whole) => query.bind(*whole),
        Seek::Text(text) => query.bind((*text).to_owned()),
    });
    let mut rows = query.fetch(connection);
    loop {
        let some = blocks.in_time(some(&mut rows, bytes, blocks.most)).await?;
        if some.is_empty() {
            return Ok(());
        }
        blocks.send(Block::MySql(some)).await?;
    }
}

/// The next rows: fewer where they take more bytes than that.
async fn some<R, E>(
    rows: &mut (impl Stream<Item = Result<R, E>> + Unpin),
    bytes: impl Fn(&R) -> usize,
    most: usize,
) -> Result<Vec<R>, E> {
    let (mut some, mut taken) = (Vec::new(), 0);
    while some.len() < ROWS_A_BLOCK && taken <= most {
        let Some(row) = rows.try_next().await? else { break };
        taken += BYTES_A_ROW + bytes(&row);
        some.push(row);
    }
    Ok(some)
}

/// How long a row's values are together.
fn bytes(row: &MySqlRow) -> usize {
    (0..row.len()).filter_map(|column| value::bytes(row, column)).map(<[u8]>::len).sum()
}

/// Whether a key has signs that the column's character set has not, so that no row has it.
fn cannot_have(error: &sqlx::Error) -> bool {
    let error = error.as_database_error().and_then(|e| e.try_downcast_ref::<MySqlDatabaseError>());
    error.is_some_and(|e| ILLEGAL_MIX.contains(&e.number()))
}

/// How to find the rows with a key's text. Collations find more than those, which is seen once they are read.
enum Seek<'a> {
    /// Only by looking at all of them.
    Anything,
    Int(i64),
    Unsigned(u64),
    Text(&'a str),
}

impl<'a> Seek<'a> {
    /// None where no value of that kind has the text.
    fn of(kind: Kind, key: &'a str) -> Option<Seek<'a>> {
        match kind {
            Kind::Int => key.parse().ok().map(Seek::Int),
            Kind::Unsigned => key.parse().ok().map(Seek::Unsigned),
            Kind::Text | Kind::Bytes | Kind::Decimal => Some(Seek::Text(key)),
            Kind::Uuid => is_uuid(key).then_some(Seek::Text(key)),
            _ => Some(Seek::Anything),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use futures_util::stream;

    #[tokio::test]
    async fn a_block_of_long_rows_has_fewer_of_them_and_short_ones_are_not_for_nothing() {
        let sizes = [vec![0; 5_000], vec![400; 20], vec![90_000; 3]].concat();
        let mut rows = stream::iter(sizes.iter().map(|size| Ok::<usize, ()>(*size)));
        let mut seen = Vec::new();
        loop {
            let block = some(&mut rows, |size| *size, 20_000).await.unwrap();
            let Some((_, before)) = block.split_last() else { break };
            let taken = before.iter().map(|size| BYTES_A_ROW + size).sum::<usize>();
            assert!(block.len() <= ROWS_A_BLOCK && taken <= 20_000, "{} rows", block.len());
            seen.extend(block);
        }
        assert_eq!(seen, sizes);
    }
}
