//! Some rows of a table as they came, to be read column by column.

use crate::customers::reader::Kind;
use crate::customers::{lite, mysql, postgres};
use sqlx::mysql::MySqlRow;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, MySql, Row, ValueRef};
use tidings_schema::Raw;

/// Rows that servers' rows are taken apart by.
const ROWS_A_BLOCK: usize = 1024;

/// Some rows.
pub(crate) enum Block {
    /// An array for each column.
    Lite(SqliteRow),
    Postgres(Vec<PgRow>),
    MySql(Vec<MySqlRow>),
}

impl Block {
    /// Calls back with every value of a column, in order; with none where a text or bytes are not UTF-8.
    pub(crate) fn each(&self, column: usize, kind: Kind, mut take: impl FnMut(Option<Raw<'_>>)) {
        let mut scratch = String::new();
        match self {
            Block::Lite(row) => {
                lite::json::each(row.try_get_unchecked(column + 1).unwrap_or_default(), take);
            }
            Block::Postgres(rows) => rows.iter().for_each(|row| {
                let bytes =
                    row.try_get_raw(column).ok().filter(|v| !v.is_null()).and_then(|v| v.as_bytes().ok());
                match bytes {
                    Some(bytes) => take(postgres::value::raw(kind, bytes, &mut scratch)),
                    None => take(Some(Raw::Null)),
                }
            }),
            // A date of zeros is no value to the driver, so its own test for nothing is of no use.
            Block::MySql(rows) => rows.iter().for_each(|row| {
                match row.try_get_raw(column).ok().and_then(|v| <&[u8] as Decode<MySql>>::decode(v).ok()) {
                    Some(bytes) => take(mysql::value::raw(kind, bytes, &mut scratch)),
                    None => take(Some(Raw::Null)),
                }
            }),
        }
    }
}

/// Gathers a server's rows to blocks, and sends them on.
pub(crate) struct Gather<R> {
    rows: Vec<R>,
    block: fn(Vec<R>) -> Block,
    send: tokio::sync::mpsc::Sender<Block>,
}

impl<R> Gather<R> {
    pub(crate) fn new(block: fn(Vec<R>) -> Block, send: tokio::sync::mpsc::Sender<Block>) -> Gather<R> {
        Gather { rows: Vec::with_capacity(ROWS_A_BLOCK), block, send }
    }

    pub(crate) async fn add(&mut self, row: R) {
        self.rows.push(row);
        if self.rows.len() == ROWS_A_BLOCK {
            self.flush().await;
        }
    }

    /// Sends on what there is. Where nobody waits for it, that is not this end's matter.
    pub(crate) async fn flush(&mut self) {
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(ROWS_A_BLOCK));
        self.send.send((self.block)(rows)).await.ok();
    }
}
